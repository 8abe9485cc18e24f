// Where the electricity of a period came from and went: sources, the bus, workshops, machines, and what no meter saw.

import { card, show } from "./card.js";
import { chart, ink, tooltip } from "./chart.js";
import { watch } from "./documents.js";
import { h } from "./dom.js";
import { explainFlow } from "./explained.js";
import { figure, most, plain, scaled } from "./figures.js";
import { carrierOf, fitted, wideness } from "./flow.js";
import { numberTable } from "./table.js";
import { named, t } from "./words.js";

const NARROW = 40; // a chart narrower than this shows the first level alone [rem]

export function sankeyCard(period, page) {
  const path = `tree?period=${encodeURIComponent(period)}`;
  const into = card("sankey", { title: t("sankey.title") });
  into.section.classList.add("tall");
  let drawn = null;
  const pressed = ({ dataType, data }) => explainFlow(drawn, dataType === "edge" ? [data] : drawn.links.filter((link) => link.source === data.name || link.target === data.name), dataType === "edge" ? null : data.name);
  const { place, redraw, close } = chart(t("sankey.title"), (width) => drawn && option(drawn, page, width), pressed);
  const stop = watch(path, 60, (state) => show(into, state, path, ({ sankey }) => {
    drawn = sankey;
    const narrow = isNarrow(into.section.clientWidth);
    place.style.height = heightOf(shownLinks(sankey.links, narrow), narrow);
    queueMicrotask(redraw);
    const names = namesOf(sankey);
    return [place, lacking(sankey, page), numberTable("sankey-numbers", [t("sankey.from"), t("sankey.to"), "kWh"], () => sankey.links.map((link) => [names.get(link.source), names.get(link.target), plain(link.value)]))];
  }, (d) => d.sankey.links.length === 0 && t("sankey.empty")));
  return { section: into.section, redraw, close: () => [stop, close].forEach((end) => end()) };
}

export const namesOf = ({ nodes }) => new Map(nodes.map((node) => [node.id, named(node.name, node.id)]));

function lacking({ lacking: without }, page) {
  if (!without.length) return null;
  const names = without.slice(0, 6).map((id) => named(page.points.get(id)?.name, id)).join(t("list.comma"));
  return h("p", { class: "small" }, t("sankey.lacking", { names: without.length > 6 ? `${names} …` : names }));
}

const isNarrow = (width) => width < NARROW * parseFloat(getComputedStyle(document.documentElement).fontSize);

// Known before it is drawn, so that nothing below has to move.
function heightOf(links, narrow) {
  const leaves = new Set(links.map((link) => link.target).filter((id) => !links.some((link) => link.source === id))).size;
  return `${Math.max(16, (narrow ? 3.25 : 1.4) * leaves)}rem`;
}

// What is seen on a small screen: the links that touch the bus.
function shownLinks(links, narrow) {
  return narrow ? links.filter((link) => link.source === "bus" || link.target === "bus") : links;
}

function option({ nodes, links }, page, width) {
  const { of, rem, text } = ink();
  const narrow = isNarrow(width);
  const kept = shownLinks(links, narrow);
  const ends = new Set(kept.flatMap(({ source, target }) => [source, target]));
  const colorOf = ({ id, kind, point }) => {
    if (kind === "bus") return of("ink");
    if (kind === "rest") return of("line-strong");
    const one = page.points.get(point ?? id) ?? {};
    return of(`carrier-${carrierOf(one.role, one)}`);
  };
  const totalOf = (id) => Math.max(...["source", "target"].map((end) => kept.filter((link) => link[end] === id).reduce((sum, link) => sum + link.value, 0)));
  const largest = most(kept.map((link) => link.value));
  const room = narrow ? 6.5 : 13;
  const size = 0.75 * rem;
  const roomOf = widthsOf(kept, (width - room * rem) / rem, room);
  const label = ({ id, kind, name }) => {
    if (narrow && kind === "bus") return "";
    const { text: amount, unit } = scaled(totalOf(id), "kWh", largest);
    const taken = narrow ? 0 : wideness(`${amount} ${unit}  `, size, 650);
    const words = kind === "rest" ? t("sankey.rest") : named(name, id);
    return `${fitted(words, roomOf(id) * rem - taken - 0.75 * rem, size)}${narrow ? "\n" : "  "}{n|${amount}} {u|${unit}}`;
  };
  const data = nodes.filter(({ id }) => ends.has(id)).map((node) => {
    return { name: node.id, itemStyle: { color: colorOf(node), borderColor: node.kind === "rest" ? of("ink-3") : "transparent", borderType: "dashed", borderWidth: node.kind === "rest" ? 1 : 0 },
      label: { formatter: label(node) } };
  });
  const tints = new Map(data.map((node) => [node.name, node.itemStyle.color]));
  const arrow = ({ source, target, value }) => ({ source, target, value, lineStyle: { color: tints.get(source === "bus" ? target : source) } });
  return {
    textStyle: text,
    tooltip: tooltip(({ dataType, data: of_ }) => tip(dataType, of_, namesOf({ nodes }), totalOf)),
    series: [{
      type: "sankey", left: 2, right: room * rem, top: 8, bottom: narrow ? 1.25 * rem : 8, nodeAlign: "left", nodeWidth: 0.5 * rem, nodeGap: (narrow ? 1.75 : 0.9) * rem, draggable: false, layoutIterations: 48, emphasis: { focus: "adjacency" },
      label: { ...text, color: of("ink"), distance: 0.4 * rem, position: "right", rich: { n: { fontWeight: 650, color: of("ink"), fontFamily: of("type"), fontSize: 0.75 * rem }, u: { color: of("ink-3"), fontFamily: of("type"), fontSize: 0.6875 * rem } } },
      labelLayout: { hideOverlap: true }, lineStyle: { opacity: 0.3, curveness: 0.5 }, data, links: kept.map(arrow),
    }],
  };
}

// How far a node's name may reach to the right: to the next node it feeds, or to the edge [rem].
function widthsOf(links, inner, edge) {
  const depths = new Map(links.map(({ source }) => [source, 0]));
  for (let turn = 0; turn < links.length; turn += 1) for (const { source, target } of links) depths.set(target, Math.max(depths.get(target) ?? 0, depths.get(source) + 1));
  const last = Math.max(1, ...depths.values());
  const next = (id) => Math.min(last, ...links.filter(({ source }) => source === id).map(({ target }) => depths.get(target)));
  const columns = (id) => (links.some(({ source }) => source === id) ? next(id) - depths.get(id) : 1);
  return (id) => (depths.get(id) === last ? edge : (columns(id) * inner) / last);
}

function tip(dataType, data, names, totalOf) {
  const [name, value] = dataType === "edge" ? [`${names.get(data.source)} → ${names.get(data.target)}`, data.value] : [names.get(data.name), totalOf(data.name)];
  return h("div", { class: "tip-in" }, h("b", null, name), h("div", null, h("span", null, t("sankey.energy")), figure(value, "kWh")));
}
