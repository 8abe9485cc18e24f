// On or off track: the months of a year against each target's own path and the SBTi line; the renewable share beside.

import { asks } from "./asks.js";
import { card, show } from "./card.js";
import { watch } from "./documents.js";
import { h, s } from "./dom.js";
import { all, figure, monthOf, three } from "./figures.js";
import { facts, openExplanation } from "./explanation.js";
import { mark } from "./verdict.js";
import { named, t } from "./words.js";

const EVERY_S = 300;
const PATHS = ["own", "sbti"];

// null: on or off track cannot be said.
export const outcomeOf = ({ on_track: on }) => (on === null ? "UNDETERMINED" : on ? "MET" : "NOT_MET");
const tonnes = (value) => figure(value === null ? null : value * 1000, "kg", { unit: "tCO₂e" });

export function targetsCard(year) {
  const path = year ? `targets?year=${year}` : "targets";
  const into = card("targets", { title: t("targets.title") });
  const stop = watch(path, EVERY_S, (state) => show(into, state, path, view, (d) => d.targets.length === 0 && [t("targets.none"), t("targets.how")]));
  return { section: into.section, close: stop };
}

function view({ targets, fiscal_year: fiscal, year, rate_percent_a_year: rate }) {
  return [h("div", { class: "aims" }, targets.map((target) => aim(target, year, rate)), shares(fiscal))];
}

function aim(target, year, rate) {
  const line = (name) => h("div", null, h("dt", null, mark(outcomeOf(target.paths[name])), " ", t(`targets.${name}`, { rate: three(rate) })),
    h("dd", null, asks(`track-${target.id}-${name}`, () => explain(target, name, year), named(target.paths[name]))));
  return h("div", { class: "aim" },
    h("p", null, h("b", null, t("targets.aim", { t: three(target.target_t), year: target.year, base: three(target.base_t), base_year: target.base_year }))),
    months(target.paths.own, year), h("dl", { class: "tracks" }, PATHS.map(line)));
}

const across = (kind, index, at) => s("line", { class: kind, x1: index + 0.05, x2: index + 0.95, y1: at, y2: at });

// Twelve months: what was emitted as a bar, what the path allows as a line across; months not known stay open, their share of the year's path is faint.
function months({ months: list, allowed_t: allowed }, year) {
  const most = Math.max(1e-9, ...list.map((month) => Math.max(month.actual_t ?? 0, month.allowed_t ?? 0)), allowed / 12);
  const y = (value) => 100 - (92 * value) / most;
  const bar = (month, index) => [
    typeof month.actual_t === "number" && month.actual_t > 0 && s("rect", { class: month.over_t > 0 ? "over" : "", x: index + 0.15, width: 0.7, y: y(month.actual_t), height: 100 - y(month.actual_t) }),
    across(month.allowed_t > 0 ? "allowed" : "allowed may", index, y(month.allowed_t || allowed / 12)),
    s("rect", { class: "slot", x: index + 0.15, width: 0.7, y: 99, height: 1 }),
  ];
  const said = list.filter((month) => typeof month.actual_t === "number" && month.actual_t > 0).map((month) => `${month.label}: ${three(month.actual_t)} t / ${three(month.allowed_t)} t`).join(t("list.comma"));
  const drawn = Array.from({ length: 12 }, (_, index) => bar(list[index] ?? {}, index));
  return [
    h("div", { class: "months" }, s("svg", { viewBox: "0 0 12 100", preserveAspectRatio: "none", role: "img", "aria-label": `${t("targets.months", { year })} ${said}` }, drawn)),
    h("p", { class: "spark-legend" }, h("span", null, monthOf(Date.UTC(year, 0, 15))), h("span", null, t("targets.legend")), h("span", null, monthOf(Date.UTC(year, 11, 15)))),
  ];
}

function shares({ label, known, to_date: whole }) {
  const one = (name) => h("div", null, h("dt", null, t(`targets.${name}`)), h("dd", null, known[name].value === null ? h("span", { class: "small" }, named(known[name].reason)) : asks(`fiscal-${name}`, () => explainShare(name, label, known, whole), figure(known[name].value, known[name].unit))));
  return h("div", { class: "aim" }, h("p", null, h("b", null, t("targets.renewable", { label }))), h("dl", { class: "rows" }, one("renewable_share_physical"), one("renewable_share_contractual")), h("p", { class: "small" }, t("targets.known", { period: known.period })));
}

// A renewable share: what it divides by what, over what is known, and over the fiscal year to date or why not.
function explainShare(name, label, known, whole) {
  const told = (share) => (share.value === null ? named(share.reason) : `${all(share.value)} ${share.unit}`);
  openExplanation([t("targets.renewable", { label }), " · ", t(`targets.${name}`)],
    h("p", { class: "formula" }, h("b", null, told(known[name]))), h("p", null, t(`targets.${name}.what`)),
    facts([
      [t("period"), known.period],
      [t("targets.to_date"), told(whole[name])],
    ]));
}

function explain(target, name, year) {
  const path = target.paths[name];
  const row = (month) => h("tr", null, h("th", { scope: "row" }, month.label), h("td", null, tonnes(month.actual_t)), h("td", null, tonnes(month.actual_t === null ? month.allowed_t || null : month.allowed_t)), h("td", null, month.over_t === null || month.over_t === undefined ? named(month.why) || "–" : tonnes(month.over_t)));
  openExplanation(t("targets.aim", { t: three(target.target_t), year: target.year, base: three(target.base_t), base_year: target.base_year }),
    h("p", null, named(path)),
    facts([
      [t("targets.allowed", { year }), `${all(path.allowed_t)} tCO₂e`],
      [t("targets.over"), path.over_t === null ? null : `${all(path.over_t)} tCO₂e`],
      [t("targets.base"), [`${all(target.base_t)} tCO₂e`, target.base_t !== target.base_declared_t && h("div", { class: "small" }, t("targets.declared", { t: all(target.base_declared_t) }))]],
      [t("targets.policy"), [named(target.recalculation), h("div", { class: "small" }, target.recalculation.document)]],
    ]),
    h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": t("targets.months", { year }) }, h("table", { class: "plain" }, h("thead", null, h("tr", null, ["targets.month", "targets.actual", "targets.may", "targets.over"].map((word) => h("th", { scope: "col" }, t(word))))), h("tbody", null, path.months.map(row)))));
}
