// The page: which view is shown, in which words and colours, and the one stream all of them share.

import { openAlerts } from "./alerts.js";
import { openBalance } from "./balance.js";
import { openCriteria } from "./criteria.js";
import { openData } from "./data.js";
import { skeleton } from "./card.js";
import { Live, watch } from "./documents.js";
import { put } from "./dom.js";
import { explainNode } from "./explanation.js";
import { dateOf, keepZone, momentOf, siteZone } from "./figures.js";
import { connectionText, openNow } from "./now.js";
import { openSession } from "./session.js";
import { moves } from "./period.js";
import { keepNames, language, named, speak, t } from "./words.js";

const VIEWS = { now: openNow, balance: openBalance, criteria: openCriteria, data: openData, alerts: openAlerts };
const byId = (id) => document.getElementById(id);

const page = { site: null, points: new Map(), live: null, view: null, today: "", openNode: (id) => explainNode(id, page), misread, instead };

function written() {
  const text = location.hash.slice(1);
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

// The view, and what it is to show; then what of the address names no view.
function place() {
  const [name, ...rest] = written().split("/");
  return Object.hasOwn(VIEWS, name) ? [name, rest.join("/"), ""] : ["now", "", name];
}

// What the address says and nobody understands is told, with what is shown instead.
function misread(said, shown, how = "") {
  const line = byId("misread");
  line.hidden = !said;
  line.textContent = said && t("misread", { said, shown, how });
}

function open() {
  const [name, argument, unknown] = place();
  misread(unknown, t("view.now"));
  show(name, argument);
}

// The same view without what could not be shown.
function instead(said, shown) {
  misread(said, shown);
  show(place()[0], "");
}

function show(name, argument) {
  page.view?.close();
  page.today = dateOf(page.live.now());
  for (const one of Object.keys(VIEWS)) {
    byId(one).hidden = one !== name;
    if (one !== name) put(byId(one));
    const link = document.querySelector(`.views a[href="#${one}"]`);
    if (one === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  page.view = VIEWS[name](byId(name), page, argument);
  document.title = [t(`view.${name}`), named(page.site?.name)].filter(Boolean).join(" · ");
}

// A page on a wall: when the site's day turns, today is another one.
function turn() {
  const [name, argument] = place();
  page.today = dateOf(page.live.now());
  if (name !== "balance" || moves(argument)) open();
}

function heard() {
  const { live } = page;
  if (page.view && page.today !== dateOf(live.now())) turn();
  const line = byId("connection");
  line.dataset.phase = live.phase;
  line.textContent = connectionText(live);
  line.title = live.detail || siteZone();
  page.view?.live?.();
}

// Nothing is asked before the site's time zone is known: "today" is the site's.
function tellSite({ phase, document: site }) {
  if (!site && phase === "error" && !page.view) open();
  if (!site) return;
  const first = !page.site;
  page.site = site;
  page.points = new Map(site.points.map((point) => [point.id, point]));
  keepZone(site.timezone);
  keepNames(site);
  byId("site-name").textContent = byId("site-name").title = named(site.name, site.id);
  foot();
  if (first) open();
}

function foot() {
  const until = page.site?.origin?.history_until_ms;
  byId("foot").textContent = [t("foot.zone", { zone: siteZone() }), until && t("origin", { time: momentOf(until) })].filter(Boolean).join(" · ");
}

// A choice stays: in the address, so that it can be passed on, and in the browser, so that it lasts.
function keep(name, value) {
  const address = new URL(location.href);
  address.searchParams.set(name, value);
  history.replaceState(null, "", address);
  try {
    localStorage.setItem(name, value);
  } catch {
    // storage may be forbidden; the address holds it
  }
}

byId("language").addEventListener("click", async () => {
  keep("lang", language() === "en" ? "zh" : "en");
  await speak(language() === "en" ? "zh" : "en");
  tellSite({ document: page.site });
  open();
});

byId("theme").addEventListener("click", () => {
  const root = document.documentElement;
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  keep("theme", root.dataset.theme);
  page.view?.theme?.();
});

byId("session").addEventListener("click", openSession);

// Within the page: the address names the view.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId("main").focus();
});

byId("explanation").addEventListener("click", (event) => {
  if (event.target === event.currentTarget) event.currentTarget.close();
});

await speak(language());
page.live = new Live(heard);
addEventListener("hashchange", open);
put(byId(place()[0]), skeleton());
await page.live.begun;
watch("site", 300, tellSite);
heard();
