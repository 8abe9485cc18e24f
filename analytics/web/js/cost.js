// What the electricity of a period costs by the declared contract: bands, demand, what was earned.

import { card, show } from "./card.js";
import { asks } from "./asks.js";
import { watch } from "./documents.js";
import { h } from "./dom.js";
import { facts, openExplanation, status } from "./explanation.js";
import { all, figure, momentOf, most, three } from "./figures.js";
import { has, t } from "./words.js";

export function costCard(period) {
  const path = `tree?period=${encodeURIComponent(period)}`;
  const into = card("cost", { title: t("cost.title") });
  const stop = watch(path, 60, (state) => show(into, state, path, ({ cost }) => view(cost, !byTheDay(period)), (d) => !d.cost && [t("cost.none"), t("cost.how")]));
  return { section: into.section, close: stop };
}

const bandOf = (band) => (has(`band.${band}`) ? t(`band.${band}`) : band);
const money = (text, currency) => h("span", { class: "figure", title: `${all(Number(text))} ${currency}` }, h("span", { class: "value" }, three(Number(text))), " ", h("span", { class: "unit" }, currency));

// What is charged by the month cannot be charged to a day, nor to some days.
const byTheDay = (period) => /^\d{4}-\d{2}-\d{2}/.test(period);
const sumOf = (amounts) => (amounts.every((amount) => amount === null) ? null : amounts.reduce((sum, amount) => sum + Number(amount ?? 0), 0));

function view(cost, byMonth) {
  const row = (name, detail, amount) => h("div", null, h("dt", null, name, " ", h("span", { class: "faint" }, detail)), h("dd", null, amount === null ? "–" : money(amount, cost.currency)));
  const { bands, demand, earned } = cost;
  const largest = most(bands.map((one) => one.kwh));
  const fixed = sumOf(demand.map((one) => one.capacity));
  return [
    h("p", { class: "big" }, asks("cost", () => explain(cost, byMonth), money(byMonth ? cost.total : cost.energy, cost.currency)), " ", status(cost.status), " ", !cost.complete && h("span", { class: "tag", "data-weak": true }, t("incomplete"))),
    h("dl", { class: "rows" }, bands.map((one) => row(bandOf(one.band), figure(one.kwh, "kWh", {}, largest), one.amount)),
      byMonth && demand.length > 0 && row(t(demand.length > 1 ? "cost.demand_n" : "cost.demand", { n: demand.length }), figure(most(demand.map((one) => one.peak_kw)), "kW"), sumOf(demand.map((one) => one.amount))),
      byMonth && fixed !== null && row(t("cost.capacity"), "", fixed), earned && row(t("cost.earned"), "", earned)),
    !byMonth && h("p", { class: "small" }, t("cost.by_month")),
  ];
}

function explain(cost, byMonth) {
  const line = ({ month, band, kwh, price, amount }) => h("div", { class: "small" }, `${month} · ${bandOf(band)}: ${all(kwh)} kWh × ${price ?? "–"} = ${amount ?? "–"}`);
  const peak = ({ month, peak_kw: kw, at_ms: at, price, amount }) => h("div", { class: "small" }, `${month}: ${all(kw)} kW × ${price ?? "–"} = ${amount ?? "–"} · ${momentOf(at)}`);
  openExplanation(t("cost.title"), h("p", { class: "formula" }, h("b", null, `${byMonth ? cost.total_exact : cost.energy} ${cost.currency}`)),
    facts([[t("cost.lines"), cost.lines.map(line)], [t("cost.demand"), byMonth && cost.demand.map(peak)], [t("cost.earned"), cost.earned], [t("explain.document"), cost.document], [t("explain.status"), [status(cost.status), " ", t(`status.${cost.status}.long`)]]]));
}
