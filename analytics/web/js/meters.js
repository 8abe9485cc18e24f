// Do the meters agree: what each node of the tree took in, what the meters below it counted, and what is left.

import { card, show } from "./card.js";
import { watch } from "./documents.js";
import { h } from "./dom.js";
import { asks } from "./asks.js";
import { facts, openExplanation, status } from "./explanation.js";
import { all, figure, most, three } from "./figures.js";
import { mark } from "./verdict.js";
import { named, t } from "./words.js";

export function metersCard(period, page) {
  const path = `tree?period=${encodeURIComponent(period)}`;
  const into = card("meters", { title: t("meters.title") });
  const stop = watch(path, 60, (state) => show(into, state, path, (d) => view(d, page), (d) => d.nodes.length === 0 && t("meters.none")));
  return { section: into.section, close: stop };
}

function view({ nodes, fit }, page) {
  const head = [["meters.node"], ["meters.in", "num wide"], ["meters.below", "num wide"], ["meters.left", "num"], ["meters.allowed", "num wide"], ["meters.says"]].map(([word, kind]) => h("th", { scope: "col", class: kind ?? "" }, t(word)));
  const suspects = fit.suspects.map((one) => h("p", null, h("b", null, named(one.name, one.point)), ` · ${named(one)}`));
  const largest = most(nodes.map((node) => node.inflow));
  return [
    suspects.length > 0 && h("div", { class: "faults" }, h("h3", { class: "card-title" }, t("meters.suspects")), suspects),
    h("table", { class: "listing meters" }, h("thead", null, h("tr", null, head)), h("tbody", null, nodes.map((node) => row(node, largest, page)))),
  ];
}

const outcomeOf = (node) => (node.percent === null ? "UNDETERMINED" : node.within ? "MET" : "NOT_MET");
const wordOf = (node) => t(node.percent === null ? "meters.unknown" : node.within ? "meters.closes" : "meters.open");

function row(node, largest, page) {
  const depth = `d-${Math.min(node.depth, 3)}`;
  const tolerance = node.inflow ? Math.abs((100 * node.tolerance) / node.inflow) : null;
  return h("tr", null,
    h("td", { class: depth }, named(node.name, node.node)),
    h("td", { class: "num wide" }, figure(node.inflow, node.unit, {}, largest)), h("td", { class: "num wide" }, figure(node.metered, node.unit, {}, largest)),
    h("td", { class: "num" }, asks(`node-${node.node}`, () => explain(node, page), h("span", { class: "figure" }, h("span", { class: "value" }, three(node.percent)), " ", h("span", { class: "unit" }, "%")))),
    h("td", { class: "num wide" }, tolerance === null ? "–" : [`± ${three(tolerance)} `, h("span", { class: "unit" }, "%")]),
    h("td", null, h("span", { class: "said" }, mark(outcomeOf(node)), wordOf(node))));
}

function explain(node, page) {
  openExplanation(named(node.name, node.node), h("p", { class: "formula" }, `${all(node.inflow)} − ${all(node.metered)} = `, h("b", null, `${all(node.residual)} ${node.unit}`)),
    h("p", null, named(node)),
    facts([[t("meters.allowed"), [`± ${all(node.tolerance)} ${node.unit} `, status(node.status)]], [t("meters.children"), node.children.map((id) => named(page.points.get(id)?.name, id)).join(t("list.comma"))], [t("meters.known"), t("meters.quarters", { known: node.known, cells: node.cells })]]));
}
