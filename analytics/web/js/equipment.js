// The plant that cuts carbon: roofs and compressors, with what they do now and how well they did it over a period.

import { card, show } from "./card.js";
import { watch } from "./documents.js";
import { h, morph, put } from "./dom.js";
import { asks, explainIndicator } from "./explained.js";
import { figure, percent, three } from "./figures.js";
import { named, t } from "./words.js";

const PV = ["pv_yield", "pv_performance_ratio", "self_use_rate"];
const AIR = ["compressor_specific_power", "compressor_load_ratio", "night_air_share", "heat_recovery_share"];

// One request of all indicators, for every card of a view.
export function indicatorsOf(period) {
  const path = `indicators?period=${encodeURIComponent(period)}`;
  return { path, watch: (listener) => watch(path, 60, listener) };
}

export function equipmentCards(page, source) {
  const kinds = [["pv", PV, roofs], ["air", AIR, machines]].map(([name, names, rows]) => ({ name, names, rows, into: card(name, { title: t(`${name}.title`) }), live: h("div", { class: "plant" }) }));
  const stops = kinds.map((kind) => source.watch((state) => show(kind.into, state, source.path, (d) => {
    redraw(kind, page);
    return [kind.live, h("dl", { class: "trio" }, kind.names.map((name) => indicator(d, name)))];
  }, () => kind.rows(page).length === 0 && t(`${kind.name}.empty`))));
  return { sections: kinds.map((kind) => kind.into.section), live: () => kinds.forEach((kind) => redraw(kind, page)), close: () => stops.forEach((stop) => stop()) };
}

function indicator({ indicators, period }, name) {
  const found = indicators[name];
  const value = found?.value ?? null;
  const shown = found?.unit === "1" ? figure(value === null ? null : value * 100, "%") : figure(value, found?.unit ?? "");
  return h("div", null, h("dt", { title: t(`indicator.${name}`) }, t(`indicator.${name}`)), h("dd", { class: "big" }, asks(name, () => explainIndicator(found, period), shown)));
}

// The rows follow the stream; only what changed is touched.
function redraw({ live, rows, name }, page) {
  const fresh = h("div", null, h("div", { class: `plant-rows c-${name}` }, rows(page).map((row) => plantRow(row, page))));
  if (live.childElementCount === 0) put(live, fresh.firstChild);
  else morph(live, fresh.firstChild);
}

function plantRow({ id, name, kw, share, more }, page) {
  const bar = typeof share === "number" ? h("span", { class: "bar", "aria-hidden": "true" }, h("i", { css: { width: `${Math.min(100, Math.max(0, share * 100))}%` } })) : h("span", { class: "bar none", "aria-hidden": "true" });
  const open = (event) => page.openNode(event.currentTarget.dataset.point);
  return h("button", { type: "button", class: "plant-row", "data-point": id, "data-key": `plant-${id}`, "aria-haspopup": "dialog", onclick: open },
    h("span", { class: "plant-name" }, name), bar, h("span", { class: "plant-kw" }, figure(kw, "kW")), h("span", { class: "plant-more" }, more));
}

const readingOf = (page, id, quantity) => page.live.points[id]?.[quantity]?.value ?? null;

function roofs(page) {
  const points = [...page.points.values()];
  const own = points.filter((point) => point.role === "generation" && page.points.get(point.parent)?.role !== "generation");
  return own.map((point) => {
    const power = readingOf(page, point.id, "active_power");
    const kw = power === null ? null : -power;
    const rated = point.rated_power;
    return { id: point.id, name: named(point.name, point.id), kw: kw === null ? null : Math.max(0, kw), share: rated && kw !== null ? kw / rated : null, more: rated ? t("pv.of", { kw: three(rated) }) : "" };
  });
}

// Machines that share their equipment with a point of compressed air; its controller tells pressure and hours.
function machines(page) {
  const points = [...page.points.values()];
  const controllers = new Map(points.filter((point) => point.role === "air" && point.equipment).map((point) => [point.equipment, point.id]));
  return points.filter((point) => point.carrier === "electricity" && controllers.has(point.equipment)).map((point) => {
    const controller = controllers.get(point.equipment);
    const [kw, bar, load, run] = [readingOf(page, point.id, "active_power"), readingOf(page, controller, "air_pressure"), readingOf(page, controller, "load_hours"), readingOf(page, controller, "run_hours")];
    const more = [bar !== null && t("air.bar", { bar: three(bar) }), load !== null && run > 0 && t("air.loaded", { share: percent(load / run) })].filter(Boolean).join(" · ");
    return { id: point.id, name: named(point.name, point.id), kw, share: point.rated_power && kw !== null ? kw / point.rated_power : null, more };
  });
}
