// The dialog behind every number: what it rests on, all its digits, and the formula.

import { h, put, s } from "./dom.js";
import { age, all, figure, momentOf, minuteOf, pretty, scaled, timeOf } from "./figures.js";
import { carrierOf } from "./flow.js";
import { has, named, quantityName, t } from "./words.js";

const dialog = () => document.getElementById("explanation");

function open(title, ...content) {
  const close = h("button", { type: "button", class: "close", "aria-label": t("close"), "data-key": "close", onclick: () => dialog().close() }, "✕");
  put(dialog(), h("div", { class: "explanation-in" }, h("div", { class: "explanation-head" }, h("h2", { id: "explanation-title" }, title), close), content));
  if (!dialog().open) dialog().showModal();
}

export const facts = (pairs) => h("dl", { class: "facts" }, pairs.filter(([, value]) => value !== null && value !== undefined && value !== false && value !== "" && value?.length !== 0).map(([word, value]) => [h("dt", null, word), h("dd", null, value)]));

// One word for how well a factor or threshold is known; the weak ones look weak.
export const status = (name) => name && h("span", { class: "tag", "data-weak": ["assumed", "memory", "none"].includes(name), title: t(`status.${name}.long`) }, t(`status.${name}`));

export function explainLine(line) {
  const { activity, factor } = line;
  open([named(line.name, line.point), " · ", line.method === "-" ? t("scope.1") : `${t("scope.2")} ${line.method}`],
    h("p", { class: "formula" }, `${all(activity.value)} ${activity.unit} × ${all(factor.value)} ${pretty(factor.unit)} = `, h("b", null, `${all(line.kg)} kg ${gasOf(line.gas)}`)),
    facts([
      [t("explain.activity"), [`${all(activity.value)} ${activity.unit}`, activity.micro !== undefined && h("div", { class: "small faint" }, t("explain.micro", { n: all(activity.micro), unit: activity.unit }))]],
      [t("explain.point"), line.point],
      [t("explain.category"), has(`category.${line.category}`) ? t(`category.${line.category}`) : line.category],
      [t("explain.factor"), [`${all(factor.value)} ${pretty(factor.unit)} `, status(factor.status), h("div", { class: "small faint" }, factor.id)]],
      [t("explain.composed"), composition(line.recompute?.factor)],
      [t("explain.vintage"), factor.year && `${factor.year}${factor.region ? ` · ${factor.region}` : ""}`],
      [t("explain.document"), factor.document],
      [t("explain.page"), factor.page],
      [t("explain.match"), named(line.match)],
      [t("explain.method"), line.method === "-" ? null : t(`method.${line.method}.long`)],
      [t("explain.gas"), t(`gas.${line.gas}`)],
      [t("explain.status"), line.status && [status(line.status), " ", t(`status.${line.status}.long`)]],
      [t("explain.instrument"), line.instrument],
      [t("explain.unsettled"), unsettled(line.recompute?.amount, activity.unit)],
      [t("explain.note"), named(line.note)],
    ]));
}

// How a factor was put together, when it is not printed as one number.
function composition(factor) {
  if (!factor || !(factor.components?.length > 1)) return "";
  const part = ({ param, value, unit, status: known }) => h("div", { class: "small" }, `${param} = ${value} ${pretty(unit)} `, status(known));
  return [factor.formula, factor.components.map(part)];
}

function unsettled(amount, unit) {
  if (!amount) return "";
  const part = (word, value) => value > 0 && h("div", null, t(word, { n: value }));
  return [part("explain.provisional", `${all(amount.provisional_micro / 1e6)} ${unit}`), part("explain.placed", `${all(amount.placed_micro / 1e6)} ${unit}`), part("explain.unknown", amount.unknown_quarters)].filter(Boolean);
}

const gasOf = (gas) => (gas === "co2e" ? "CO₂e" : "CO₂");

// A node of the diagram: its power while this page is open, its readings with their ages, its meter's record.
export function explainNode(id, page) {
  const point = page.points.get(id);
  const node = page.live.flow?.nodes.find((one) => one.id === id) ?? point;
  if (!node) return;
  open(named(node.name, id), page.live.trends.has(id) && h("div", { class: `c-${carrierOf(node.role, point)}` }, trend(page.live.trends.get(id))),
    readings(page.live.points[id] ?? {}, page.live.now()),
    facts([[t("explain.point"), id], [t("explain.role"), t(`role.${node.role}`)], [t("explain.parent"), point?.parent && named(page.points.get(point.parent)?.name, point.parent)], [t("explain.area"), point?.area], [t("explain.end_use"), point?.end_use]]));
}

function trend(samples) {
  if (samples.length < 3) return h("p", { class: "small" }, t("trend.gathering"));
  const [from, to] = [samples[0][0], samples.at(-1)[0]];
  const values = samples.map(([, kw]) => kw);
  const margin = 0.15 * (Math.max(...values) - Math.min(...values)) || 1;
  const [low, high] = [Math.min(...values) - margin, Math.max(...values) + margin];
  const x = (ms) => (100 * (ms - from)) / Math.max(1, to - from);
  const y = (kw) => 100 - (100 * (kw - low)) / (high - low || 1);
  const path = samples.map(([ms, kw], index) => `${index ? "L" : "M"}${x(ms).toFixed(2)},${y(kw).toFixed(2)}`).join("");
  const range = t("trend.range", { low: scaled(Math.min(...values), "kW").text, high: scaled(Math.max(...values), "kW").text });
  return [
    s("svg", { class: "spark", viewBox: "0 0 100 100", preserveAspectRatio: "none", role: "img", "aria-label": range }, s("line", { x1: 0, x2: 100, y1: 100, y2: 100 }), s("path", { d: path })),
    h("p", { class: "spark-legend" }, h("span", null, minuteOf(from)), h("span", null, range), h("span", null, minuteOf(to))),
    h("p", { class: "small faint" }, t("trend.since")),
  ];
}

function readings(quantities, now) {
  const rows = Object.entries(quantities).map(([name, { value, unit, time_ms, quality }]) =>
    h("tr", null, h("td", null, quantityName(name)), h("td", { class: "num" }, figure(value, unit)),
      h("td", { class: "num", title: momentOf(time_ms) }, age(now - time_ms)), h("td", { class: "wide" }, t(`reading.${quality}`))));
  if (rows.length === 0) return null;
  return h("table", { class: "listing" }, h("thead", null, h("tr", null, h("th", null, t("reading.quantity")), h("th", { class: "num" }, t("reading.value")), h("th", { class: "num" }, t("reading.age")), h("th", { class: "wide" }, t("reading.quality")))), h("tbody", null, rows));
}

export { open as openExplanation, timeOf };
