// Criteria: what stands between the factory and the next level.

import { card, show } from "./card.js";
import { claimsCard } from "./claims.js";
import { watch } from "./documents.js";
import { h, put } from "./dom.js";
import { scaled } from "./figures.js";
import { asks } from "./asks.js";
import { selftestCard } from "./selftest.js";
import { status } from "./explanation.js";
import { cheapest, pricedIn, stepLine, stepsOf } from "./steps.js";
import { explainVerdict } from "./explained.js";
import { mark, OUTCOMES, tally, wordOf } from "./verdict.js";
import { named, t } from "./words.js";

const SIGNS = { ">=": "≥", "<=": "≤", "==": "=", ">": ">", "<": "<" };
const FIRST = { NOT_MET: 0, UNDETERMINED: 1, MET: 2 };

export function openCriteria(root, page, argument) {
  const path = argument ? `score?standard=${encodeURIComponent(argument)}` : "score";
  const into = card("score", {});
  let wanted = null;
  let state = { phase: "loading" };
  const render = () => show(into, state, path, (document_) => view(document_, wanted, (outcome) => {
    wanted = wanted === outcome ? null : outcome;
    render();
  }), (d) => d.verdicts.length === 0 && t("criteria.empty"));
  const [claims, selftest] = [claimsCard(), selftestCard()];
  put(root, h("div", { class: "stack" }, into.section, h("div", { class: "halves" }, claims.section, selftest.section)));
  into.section.classList.replace("card", "stack");
  const stop = watch(path, 60, (now) => {
    state = now;
    if (argument && now.problem?.status === 404) queueMicrotask(() => page.instead(argument, t("misread.standard")));
    else render();
  });
  return { close: () => [stop, claims.close, selftest.close].forEach((end) => end()) };
}

function view(document_, wanted, choose) {
  const { standards, standard, counts, counts_apart: apart, verdicts } = document_;
  const dimensions = dimensionsOf(standard, verdicts);
  pricedIn(document_);
  return h("div", { class: "stack" },
    h("div", { class: "view-head" },
      standards.length > 1 ? choice(standards, standard) : h("h2", null, named(standard?.name, standard?.id)),
      h("p", { class: "small" }, t("criteria.label"), h("br"), t("criteria.apart.why"))),
    h("div", { class: "verdict-bar", role: "group", "aria-label": t("criteria.filter") }, tally(counts).map(([outcome, count]) => filter(outcome, count, apart?.[outcome] ?? 0, wanted, choose))),
    nextStep(verdicts),
    dimensions.map(([id, name]) => dimension(id, name, verdicts.filter((one) => one.dimension === id), wanted)));
}

// What stands in the way, and the least that would remove it.
function nextStep(verdicts) {
  const failing = verdicts.filter((one) => one.outcome === "NOT_MET" && !one.apart);
  if (failing.length === 0) return null;
  const next = cheapest(verdicts);
  const body = next ? h("ol", { class: "steps-list" }, next.steps.map((step) => h("li", null, stepLine(null, step)))) : h("p", { class: "small" }, t("steps.none"));
  return h("section", { class: "card next-step", "aria-label": t("steps.title") },
    h("h3", { class: "card-title" }, t("steps.title")),
    h("p", null, h("b", null, next ? named(next.verdict.name, next.verdict.id) : failing.map((one) => named(one.name, one.id)).join(t("list.comma")))), body);
}

function choice(standards, standard) {
  const options = standards.map((one) => h("option", { value: one.id, selected: one.id === standard?.id }, named(one.name, one.id)));
  return h("select", { "data-key": "standard", "aria-label": t("criteria.standard"), onchange: (event) => { location.hash = `criteria/${event.target.value}`; } }, options);
}

function dimensionsOf(standard, verdicts) {
  const declared = (standard?.dimensions ?? []).map((one) => (typeof one === "string" ? [one, one] : [one.id ?? one.name?.zh ?? one.name, named(one.name, one.id)]));
  const known = new Set(declared.map(([id]) => id));
  const others = [...new Set(verdicts.map((one) => one.dimension))].filter((id) => !known.has(id)).map((id) => [id, id || t("criteria.other")]);
  return [...declared, ...others].filter(([id]) => verdicts.some((one) => one.dimension === id));
}

function filter(outcome, count, apart, wanted, choose) {
  return h("button", { type: "button", "data-key": `filter-${outcome}`, "aria-pressed": String(wanted === outcome), onclick: () => choose(outcome) },
    mark(outcome), h("span", { class: "value" }, count), h("span", { class: "word" }, wordOf(outcome), apart > 0 && h("span", { class: "word" }, t("criteria.apart_n", { n: apart }))));
}

function dimension(id, name, verdicts, wanted) {
  const counts = OUTCOMES.map((outcome) => [outcome, verdicts.filter((one) => one.outcome === outcome).length]).filter(([, count]) => count > 0);
  const shown = verdicts.filter((one) => !wanted || one.outcome === wanted).sort((a, b) => FIRST[a.outcome] - FIRST[b.outcome]);
  if (shown.length === 0) return null;
  return h("section", { class: "card dimension", "aria-label": name },
    h("div", { class: "dimension-head" }, h("h3", { class: "card-title" }, name), h("span", { class: "tally" }, counts.map(([outcome, count]) => h("span", { title: wordOf(outcome) }, mark(outcome), count)))),
    h("div", { class: "verdicts" }, shown.map(row)));
}

const amount = (value, unit) => {
  if (unit === "bool") return t(value ? "yes" : "no");
  const shown = scaled(value, unit);
  return h("span", { class: "figure", title: shown.full }, shown.text, " ", h("span", { class: "unit" }, shown.unit));
};

function whyApart({ apart, kind, claim_only: claim }) {
  const word = kind === "info" ? "criteria.info" : claim ? "criteria.claim" : apart ? "criteria.counted_apart" : "";
  return [kind === "gate" && h("span", { class: "id" }, ` · ${t("criteria.gate")}`), word && h("span", { class: "id" }, ` · ${t(word)}`)];
}

function row(verdict) {
  const { outcome, value, unit, threshold, op, gap } = verdict;
  const [step] = stepsOf(verdict);
  const shown = value === null || value === undefined ? h("span", { class: "faint" }, t("criteria.no_value")) : h("b", null, amount(value, unit));
  return h("article", { class: "verdict" },
    mark(outcome),
    h("div", null, h("p", { class: "title" }, asks(verdict.id, () => explainVerdict(verdict), named(verdict.name, verdict.id))), h("p", { class: "outcome" }, h("strong", { class: `v-${outcome}` }, wordOf(outcome)), h("span", { class: "id" }, ` · ${verdict.id}`), whyApart(verdict))),
    h("div", null, h("p", null, asks(`value-${verdict.id}`, () => explainVerdict(verdict), shown)),
      threshold !== null && threshold !== undefined && h("p", { class: "small" }, `${t("criteria.asked")} ${SIGNS[op] ?? op} `, amount(threshold, unit), " ", status(verdict.threshold_status))),
    h("div", null, h("p", { class: "reason" }, named(verdict.reason)), gap && h("p", { class: "gap" }, t("criteria.gap"), " ", amount(gap.value, gap.unit)), step && h("p", { class: "small" }, h("span", { class: "faint" }, t("steps.cheapest")), " ", stepLine(null, step))));
}
