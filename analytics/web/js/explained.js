// What a number rests on, number by number: its definition, all its digits, its interval, its parts, its sources.

import { asks } from "./asks.js";
import { h } from "./dom.js";
import { explainLine, facts, openExplanation, status } from "./explanation.js";
import { age, all, momentOf, percent, pretty, six, tonnes } from "./figures.js";
import { intervalOf } from "./interval.js";
import { stepLine, stepsOf } from "./steps.js";
import { has, named, nameOf, t } from "./words.js";

const digits = (value, unit) => h("p", { class: "formula" }, h("b", null, `${all(value)} ${pretty(unit)}`));
const span = ({ label, start_ms: from, end_ms: to }) => [label, label && " · ", momentOf(from), " – ", momentOf(to)];
const said = (word) => has(word) && h("p", null, t(word));

// How wide a figure may be wrong, and by what.
export function doubts(found) {
  if (!found) return null;
  const cause = ({ cause: name, group, limit, status: known }) => h("div", { class: "small" }, has(`cause.${name}`) ? t(`cause.${name}`) : name, group && ` · ${nameOf(group)}`, t("list.colon"), `± ${six(limit)} ${pretty(found.unit)} `, status(known));
  const share = typeof found.percent === "number" ? ` (± ${percent(found.percent / 100)} %)` : "";
  return [`${six(found.low)} – ${six(found.high)} ${pretty(found.unit)}${share} `, status(found.status), found.rating && ` ${has(`rating.${found.rating}`) ? t(`rating.${found.rating}`) : found.rating}`, (found.parts ?? []).slice(0, 8).map(cause)];
}

// A sum of the balance: its lines, each of which opens on its own.
export function explainTotal(document_, word, key, method) {
  const scopes = key === "scope1" ? ["-"] : key.startsWith("scope2") ? [method] : ["-", method];
  const own = document_.lines.filter((line) => scopes.includes(line.method));
  const sum = document_.totals[key];
  const found = intervalOf(document_.uncertainty, key);
  const row = (line) => h("li", null, asks(line.id, () => explainLine(line), h("span", null, named(line.name, line.point)), tonnes(line.kg, line.gas)));
  openExplanation([t(word), method === "-" ? "" : ` · ${t(`method.${method}`)} ${method}`],
    h("p", { class: "formula" }, `${own.map((line) => all(line.kg)).join(" + ") || "0"} = `, h("b", null, `${all(sum?.co2_only)} kg CO₂`)),
    document_.unknown?.[key] && h("p", null, named(document_.unknown[key])),
    h("ul", { class: "parts" }, own.map(row)),
    facts([
      [t("explain.interval"), doubts(found) ?? t("interval.none.long")],
      [t("gas.co2e"), sum?.co2e !== undefined && `${all(sum.co2e)} kg CO₂e`],
      [t("explain.gross"), t("explain.gross.long")],
      [t("explain.method"), method === "-" ? null : t(`method.${method}.long`)],
      [t("period"), span(document_.period)],
      [t("explain.settled"), document_.settled_until_ms && momentOf(document_.settled_until_ms)],
    ]));
}

const CURVES = { import: "grid_import", export: "grid_export", generation: "generation", self_use: "self_use", consumption: "consumption", charge: "charge", discharge: "discharge" };

// Energy of a period; the interval is the meter tree's.
export function explainEnergy(document_, name, tree) {
  const value = document_.energy[`${name}_kwh`];
  openExplanation(t(`energy.${name}`), digits(value, "kWh"), said(`energy.${name}.what`),
    facts([
      [t("explain.interval"), doubts(intervalOf(tree?.uncertainty, CURVES[name])) ?? t("interval.none.long")],
      [t("explain.placed.share"), name === "consumption" && `${percent(document_.energy.placed_share)} %`],
      [t("period"), span(document_.period)],
      [t("explain.settled"), document_.settled_until_ms && momentOf(document_.settled_until_ms)],
    ]));
}

// An indicator: its reason when it has no value, its parts and what it reads.
export function explainIndicator(found, period) {
  if (!found) return;
  const parts = Object.entries(found.parts ?? {});
  openExplanation(has(`indicator.${found.id}`) ? t(`indicator.${found.id}`) : found.id,
    found.value === null ? h("p", { class: "formula" }, t("no_value")) : digits(found.value, found.unit), said(`indicator.${found.id}.what`),
    facts([
      [t("explain.why_not"), named(found.reason)],
      [t("explain.doubt"), named(found.doubt)],
      [t("explain.note"), named(found.note)],
      [t("explain.parts"), parts.map(([name, value]) => h("div", { class: "small" }, `${name}: ${all(value)}`))],
      [t("explain.inputs"), found.inputs.slice(0, 12).join(", ") + (found.inputs.length > 12 ? " …" : "")],
      [t("explain.coverage"), `${percent(found.coverage)} %`],
      [t("period"), period && span(period)],
      [t("explain.status"), found.status !== "none" && [status(found.status), " ", t(`status.${found.status}.long`)]],
    ]));
}

const SIGNS = { ">=": "≥", "<=": "≤", "==": "=", ">": ">", "<": "<" };
const measure = (value, unit) => (unit === "bool" ? t(value ? "yes" : "no") : `${all(value)} ${pretty(unit)}`);

// A verdict: value against threshold, the gap, every measure that closes it, the formula and where it is asked.
export function explainVerdict(verdict) {
  const { value, unit, threshold, op, gap } = verdict;
  const asked = threshold !== null && threshold !== undefined;
  openExplanation([named(verdict.name, verdict.id), " · ", t(`outcome.${verdict.outcome}`)],
    h("p", { class: "formula" }, h("b", null, value === null || value === undefined ? t("no_value") : measure(value, unit)), asked && `  ${SIGNS[op] ?? op} ${measure(threshold, unit)} `, asked && status(verdict.threshold_status)),
    h("p", null, named(verdict.reason)),
    facts([
      [t("criteria.gap"), gap && [measure(gap.value, gap.unit), gap.of_value !== gap.value && h("div", { class: "small" }, measure(gap.of_value, gap.of_unit)), (gap.equivalents ?? []).map((one) => h("div", { class: "small" }, `${named(one)}${t("list.colon")}${measure(one.amount, one.unit)}`))]],
      [t("steps.measures"), stepsOf(verdict).map((step) => h("div", { class: "small" }, stepLine(null, step), " ", status(step.status), step.document && h("div", { class: "faint" }, step.document)))],
      [t("criteria.certificates"), gap?.certificates && all(gap.certificates)],
      [t("criteria.other_levels"), (verdict.shown ?? []).map((one) => h("div", { class: "small" }, `${SIGNS[one.op] ?? one.op} ${measure(one.threshold, unit)} `, status(one.status), ` ${one.role ?? ""} ${one.year ?? ""} `, one.passed === null ? "" : t(one.passed ? "outcome.MET" : "outcome.NOT_MET")))],
      [t("explain.formula"), verdict.formula && h("span", { lang: "en" }, verdict.formula)],
      [t("explain.indicator"), verdict.indicator],
      [t("explain.inputs"), (verdict.inputs ?? []).slice(0, 12).join(", ")],
      [t("explain.evidence"), verdict.evidence],
      [t("explain.threshold_status"), status(verdict.threshold_status) && [status(verdict.threshold_status), " ", t(`status.${verdict.threshold_status}.long`)]],
      [t("explain.document"), (verdict.sources ?? []).map((one) => h("div", { class: "small" }, one))],
      [t("explain.note"), verdict.note && h("span", { lang: "en" }, verdict.note)],
    ]));
}

// One or more arrows of the Sankey.
export function explainFlow(sankey, links, node) {
  const names = new Map(sankey.nodes.map((one) => [one.id, named(one.name, one.id)]));
  openExplanation(node ? names.get(node) : `${names.get(links[0].source)} → ${names.get(links[0].target)}`,
    h("dl", { class: "rows" }, links.map((link) => h("div", null, h("dt", null, `${names.get(link.source)} → ${names.get(link.target)}`), h("dd", null, h("b", null, all(link.value)), " ", h("span", { class: "unit" }, "kWh"))))),
    h("p", { class: "small" }, t("sankey.exact")));
}

const KPIS = {
  consumption: ["grid", "generation", "storage"], import: ["grid"], export: ["grid"], generation: ["generation"], storage: ["storage"], self: ["grid", "generation", "storage"],
};
const SIGN = { grid: "+", generation: "+", storage: "−" };

// A number of the first screen, as its meters give it this second.
export function explainNow(page, which) {
  const { flow } = page.live;
  const meters = flow.nodes.filter((node) => KPIS[which].includes(node.role));
  const now = page.live.now();
  const row = (node) => h("div", null, h("dt", null, `${SIGN[node.role]} `, asks(`node-${node.id}`, () => page.openNode(node.id), named(node.name, node.id))),
    h("dd", null, h("b", null, node.kw === null ? "–" : all(node.kw)), " ", h("span", { class: "unit" }, `kW · ${age(now - (node.time_ms ?? now))}`)));
  const value = { consumption: "consumption_kw", import: "grid_import_kw", export: "grid_export_kw", generation: "generation_kw", self: "self_share" }[which];
  const total = value && flow.balance[value];
  openExplanation(t(`kpi.${which}`), typeof total === "number" && digits(which === "self" ? 100 * total : total, which === "self" ? "%" : "kW"), said(`kpi.${which}.what`), h("dl", { class: "rows" }, meters.map(row)), h("p", { class: "small" }, t("kpi.signs")));
}

// A count or share of the data view.
export function explainCount(word, value, more) {
  openExplanation(t(word), digits(value, ""), said(`${word}.what`), more && facts(more));
}

export { asks };
