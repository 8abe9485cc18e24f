// A card and its states: loading, empty, ready, not refreshed, error, offline.

import { again } from "./documents.js";
import { h, put } from "./dom.js";
import { momentOf } from "./figures.js";
import { t } from "./words.js";

export function card(key, { title, link, level = 2, aside } = {}) {
  const heading = title && h(`h${level}`, { class: "card-title" }, link ? h("a", { href: link, "data-key": `${key}-title` }, title) : title);
  const body = h("div", { class: "card-body" });
  const section = h("section", { class: "card", id: `card-${key}`, "data-phase": "loading" }, (heading || aside) && h("header", { class: "card-head" }, heading, aside), body);
  put(body, skeleton());
  return { section, body };
}

export const skeleton = () => h("div", { class: "skeleton", role: "status", "aria-label": t("state.loading") }, h("i"), h("i"), h("i"));

// Nothing to show is a state with a word, and where it helps with what to do.
const nothing = (word, how) => h("div", { class: "state" }, h("p", { class: "state-word" }, word), how && h("p", { class: "state-why" }, how));

function trouble(problem, path) {
  const known = { 0: "offline", 400: "refused", 404: "refused", 413: "refused", 503: "busy", 504: "slow" }[problem.status] ?? "error";
  return h("div", { class: "state", role: "alert" },
    h("p", { class: "state-word" }, t(`state.${known}`)),
    h("p", { class: "state-why" }, t(`state.${known}.why`)),
    problem.message && h("p", { class: "state-why", lang: "en" }, problem.message),
    h("button", { type: "button", "data-key": `again-${path}`, onclick: () => again(path) }, t("state.again")));
}

export function show({ section, body }, state, path, render, empty = () => null) {
  const { phase, document: document_, problem, at } = state;
  const why = document_ && empty(document_);
  section.dataset.phase = document_ ? (why ? "empty" : phase === "error" ? "stale" : "ready") : phase;
  if (!document_) put(body, phase === "error" ? trouble(problem, path) : skeleton());
  else if (why) put(body, nothing(...[why].flat()));
  else put(body, phase === "error" && h("p", { class: "not-refreshed", role: "status" }, t("state.not_refreshed", { time: momentOf(at) })), render(document_));
}
