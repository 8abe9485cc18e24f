// What the service says: documents that are asked for again while someone looks, and the stream of live values.

import { toLogin } from "./session.js";

export class Problem extends Error {
  constructor(status, detail, mend) {
    super(detail);
    Object.assign(this, { status, mend });
  }
}

// The service's clock against the reader's [ms]: ages and "today" must not depend on a wrong clock at a desk.
const clock = { skew: 0 };

async function get(path) {
  let answer;
  try {
    answer = await fetch(`api/v1/${path}`, { signal: AbortSignal.timeout(60000) });
  } catch (error) {
    throw new Problem(error.name === "TimeoutError" ? 504 : 0, "", "");
  }
  if (answer.status === 401) toLogin();
  const document_ = await answer.json().catch(() => null);
  if (!answer.ok || document_ === null) throw new Problem(answer.status, document_?.detail ?? "", document_?.mend ?? "");
  return document_;
}

const FIRST_AGAIN_S = 5;
const LAST_AGAIN_S = 300;

// What the service understood and refused stays refused however often it is asked; what it could not do just now is
// asked again, each time after twice as long. [s], null for never by itself.
export function againAfter(status, failed) {
  const refused = status >= 400 && status < 500 && ![408, 425, 429].includes(status);
  return refused ? null : Math.min(LAST_AGAIN_S, FIRST_AGAIN_S * 2 ** (failed - 1));
}

// One document: {phase: loading | ready | error, document, problem, at}; an error keeps the last good document beside it.
class Source {
  constructor(path, seconds) {
    Object.assign(this, { path, seconds, listeners: new Set(), state: { phase: "loading" }, text: "", timer: 0, failed: 0 });
  }

  async ask() {
    clearTimeout(this.timer);
    if (this.listeners.size === 0 || document.hidden) return;
    try {
      const document_ = await get(this.path);
      const text = JSON.stringify(document_);
      const fresh = text !== this.text || this.state.phase !== "ready";
      this.text = text;
      this.state = { phase: "ready", document: document_, at: Date.now() };
      this.failed = 0;
      if (fresh) this.tell();
    } catch (problem) {
      this.state = { ...this.state, phase: "error", problem };
      this.failed += 1;
      this.tell();
    }
    this.later(this.failed ? againAfter(this.state.problem.status, this.failed) : this.seconds);
  }

  later(seconds) {
    clearTimeout(this.timer);
    if (seconds !== null) this.timer = setTimeout(() => this.ask(), 1000 * seconds);
  }

  tell() {
    for (const listener of this.listeners) listener(this.state);
  }
}

const sources = new Map();
const KEPT_SOURCES = 40; // a page that stands on a wall for a year asks for 365 days

// Listen to a document; returns how to stop. Nobody listening means nobody asking.
export function watch(path, seconds, listener) {
  const source = sources.get(path) ?? new Source(path, seconds);
  sources.delete(path);
  sources.set(path, source); // the newest last
  source.listeners.add(listener);
  listener(source.state);
  if (source.listeners.size === 1) source.ask();
  forget();
  return () => source.listeners.delete(listener);
}

function forget() {
  for (const [path, { listeners }] of sources) if (sources.size > KEPT_SOURCES && listeners.size === 0) sources.delete(path);
}

export function again(path) {
  sources.get(path)?.ask();
}

export function allAgain() {
  for (const source of sources.values()) source.ask();
}

// The service is back: what waits for it waits no longer.
function failedAgain() {
  for (const source of sources.values()) if (source.state.phase === "error") source.ask();
}

document.addEventListener("visibilitychange", allAgain);

const SILENT_MS = 25000; // the service beats every 10 s
const AGAIN_MS = 5000;
const KEPT = 900; // points of a trend

// The latest readings, kept current; a stream that breaks or falls silent is told as offline.
export class Live {
  constructor(listener) {
    Object.assign(this, { listener, points: {}, flow: null, trends: new Map(), phase: "loading", heard: Date.now(), opened: 0, detail: "" });
    // Settled once the service's clock is known, or once waiting for it would be felt.
    this.begun = new Promise((resolve) => {
      this.begin = resolve;
      setTimeout(resolve, 1500);
    });
    this.open();
    setInterval(() => this.check(), 1000);
    document.addEventListener("visibilitychange", () => this.rest());
  }

  now() {
    return Date.now() + clock.skew;
  }

  open() {
    this.stream?.close();
    this.opened = Date.now();
    this.stream = new EventSource("api/v1/stream");
    this.stream.addEventListener("live", (event) => this.take(JSON.parse(event.data)));
    this.stream.addEventListener("beat", (event) => this.hear(JSON.parse(event.data).now_ms));
    this.stream.addEventListener("alerts", () => again("alerts"));
    this.stream.addEventListener("trouble", (event) => {
      this.hear(null);
      this.phase = "offline";
      this.detail = JSON.parse(event.data).detail;
    });
    this.stream.addEventListener("error", () => this.check(true));
  }

  // A tab nobody sees gives its connection back: browsers grant six to a server, streams included.
  rest() {
    if (document.hidden) this.stream.close();
    else this.open();
  }

  hear(now_ms) {
    this.heard = Date.now();
    if (now_ms) clock.skew = now_ms - this.heard;
    if (this.phase === "offline") failedAgain();
    this.phase = "ready";
    this.detail = "";
    this.begin();
  }

  take(document_) {
    this.hear(document_.now_ms);
    for (const [id, quantities] of Object.entries(document_.points)) {
      this.points[id] = { ...this.points[id], ...quantities };
    }
    this.flow = document_.flow;
    for (const node of this.flow?.nodes ?? []) this.remember(node);
    this.listener();
  }

  remember(node) {
    if (!this.trends.has(node.id)) this.trends.set(node.id, []);
    const trend = this.trends.get(node.id);
    if (node.kw === null || node.time_ms === null || node.time_ms === trend.at(-1)?.[0]) return;
    trend.push([node.time_ms, node.kw]);
    if (trend.length > KEPT) trend.shift();
  }

  check(broken = false) {
    if (document.hidden) return;
    const silent = Date.now() - this.heard > SILENT_MS;
    if (broken || silent) this.phase = this.flow || silent ? "offline" : "loading";
    const lost = this.stream.readyState === EventSource.CLOSED || silent;
    if (lost && Date.now() - this.opened > AGAIN_MS) this.open();
    this.listener();
  }
}
