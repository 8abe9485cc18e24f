// The flow diagram: sources left, the site's bus in the middle, uses right.

import { h, morph, s } from "./dom.js";
import { age, all, scaled, span } from "./figures.js";
import { layout } from "./geometry.js";
import { named, t } from "./words.js";

const LEFT = new Set(["grid", "generation", "storage", "fuel", "heat"]);
const GLYPHS = {
  grid: "M10 3 6.5 17M10 3l3.5 14M5 7.500h10M4 11h12M7.5 11l6 6M12.5 11l-6 6",
  pv: "M4 14 6 6h8l2 8zM5 10h10M10 6v8M10 14v3",
  storage: "M5 6h10v10H5zM8 4h4M10.5 8 8.5 11h3l-2 3",
  gas: "M10 3c1 3 4.5 4.5 4.5 8.500A4.5 4.5 0 0 1 5.5 11.500c0-2 1.2-3 2-4.5.6 1.2 1 1.6 1.7 2C9.5 7 9.3 5 10 3z",
  heat: "M6 16c-1.5-2 1.5-4 0-6.500S6 5.5 6 4M10 16c-1.5-2 1.5-4 0-6.500S10 5.5 10 4M14 16c-1.5-2 1.5-4 0-6.500S14 5.5 14 4",
  air: "M3 8h8.500a2.2 2.2 0 1 0-2-3.200M3 12h11a2.2 2.2 0 1 1-2 3.200M3 10h5",
  load: "M4 16V9l4 2.500V9l4 2.500V5h3v11z",
};

export function carrierOf(role, point = {}) {
  if (role === "grid") return "grid";
  if (role === "generation") return "pv";
  if (role === "storage") return "storage";
  if (role === "fuel") return "gas";
  if (role === "heat" || point.carrier === "heat") return "heat";
  return role === "air" || /air/.test(`${point.carrier} ${point.end_use}`) ? "air" : "load";
}

// The drawing's nodes from the document: power towards the bus at the left, away from it at the right [kW].
export function groupsOf(flow, points, readings) {
  const shown = flow.nodes.filter((node) => node.role !== "ambient" && node.role !== "product");
  const drawn = [...shown, ...thermal(points, readings, shown)].map((node) => {
    const left = LEFT.has(node.role) && !(points.get(node.id)?.parent && node.role === "heat");
    const carrier = carrierOf(node.role, points.get(node.id));
    return { ...node, left, carrier, into: node.kw === null ? null : node.role === "storage" ? -node.kw : node.kw };
  });
  const hotOne = (node) => node.carrier === "gas" || node.carrier === "heat";
  const side = (left, warm) => drawn.filter((node) => node.left === left && hotOne(node) === warm);
  const groups = [{ name: t("flow.bus"), left: side(true, false), right: withRest(side(false, false), flow.balance) }];
  const [hot, warm] = [side(true, true), side(false, true)];
  if (hot.length + warm.length > 0) groups.push({ name: t("flow.heat"), left: hot, right: warm.length ? warm : [unmeasured()] });
  return groups;
}

// Fuel and heat that cross the boundary, from their own readings: a fuel is as wide as the heat its machine gives.
function thermal(points, readings, shown) {
  if (shown.some((node) => node.role === "fuel" || node.role === "heat")) return [];
  const own = [...points.values()].filter((point) => !point.parent && (point.role === "fuel" || point.role === "heat"));
  const fuels = own.filter((point) => point.role === "fuel");
  const fired = (heat) => heat.equipment && fuels.some((fuel) => fuel.equipment === heat.equipment);
  const heatOf = (fuel) => own.find((point) => point.role === "heat" && point.equipment && point.equipment === fuel.equipment);
  return own.filter((point) => point.role === "fuel" || !fired(point)).map((point) => {
    const heat = readings[(point.role === "heat" ? point : heatOf(point))?.id]?.heat_power;
    const flow = Object.entries(readings[point.id] ?? {}).find(([name]) => /_flow$/.test(name) && point.role === "fuel")?.[1];
    const reading = flow ?? heat;
    return { ...point, kw: heat?.value ?? null, amount: reading?.value ?? null, unit: reading?.unit ?? "", gives: flow && heat ? heat.value : null, time_ms: reading?.time_ms ?? null, stale: false, soc: null };
  });
}

const unmeasured = () => ({ id: "", name: t("flow.heat_uses"), carrier: "heat", kw: null, into: null, rest: true });

// What the site uses and no meter below explains: shown, so that the right side adds up.
function withRest(loads, balance) {
  const known = loads.filter((node) => node.kw !== null);
  const rest = (balance?.consumption_kw ?? NaN) - known.reduce((sum, node) => sum + node.kw, 0);
  if (!(rest > 0.01 * balance.consumption_kw)) return loads;
  return [...loads, { id: "", name: t("flow.rest"), carrier: "load", kw: rest, into: rest, rest: true, time_ms: known[0]?.time_ms ?? null }];
}

const canvas = document.createElement("canvas").getContext("2d");

export function wideness(text, size, weight = 400) {
  canvas.font = `${weight} ${size}px ${getComputedStyle(document.body).fontFamily}`;
  return canvas.measureText(text).width;
}

// Shorten a name to its room; the whole of it stays in the title.
export function fitted(text, room, size) {
  if (wideness(text, size) <= room) return text;
  let end = text.length;
  while (end > 1 && wideness(`${text.slice(0, end)}…`, size) > room) end -= 1;
  return `${text.slice(0, end).trimEnd()}…`;
}

function wordsOf(node, now, offline) {
  const shown = "amount" in node ? scaled(node.amount, node.unit) : scaled(node.kw, "kW");
  const old = offline || node.stale;
  const way = node.role === "storage" && node.kw ? t(node.kw > 0 ? "flow.charging" : "flow.discharging") : node.role === "grid" && node.kw < 0 ? t("flow.exporting") : "";
  const charge = typeof node.soc === "number" ? `${Math.round(node.soc)} %` : "";
  const since = old && node.time_ms ? now - node.time_ms : null;
  const late = node.rest && node.kw === null ? [t("flow.unmetered")] : since === null ? null : [age(since), span(since)];
  const amount = "amount" in node || node.kw === null ? shown.text : scaled(Math.abs(node.kw), "kW").text;
  const gives = typeof node.gives === "number" ? `→ ${scaled(node.gives, "kW").text} kW` : "";
  return { name: named(node.name, node.id), amount, unit: shown.unit, more: late ?? [[way, charge, gives].filter(Boolean).join(" "), charge || way], old, full: shown.full };
}

function nodeOf(node, rem, now, offline) {
  const words = wordsOf(node, now, offline);
  const compact = node.width < 10 * rem;
  const mark = compact ? 0 : 2 * rem;
  const inset = (compact ? 0.5 : 0.75) * rem + mark;
  const top = node.middle - node.height / 2;
  const small = 0.75 * rem;
  const label = `${words.name}: ${words.amount} ${words.unit}${words.more[0] ? `, ${words.more[0]}` : ""}`;
  const act = node.id ? { role: "button", tabindex: 0, "data-key": `node-${node.id}`, "data-node": node.id, "data-time": node.time_ms } : { role: "img" };
  const room = node.width - inset - 0.25 * rem;
  const left = room - wideness(words.amount, (compact ? 1 : 1.125) * rem, 650) - wideness(words.unit, small) - 0.625 * rem;
  const more = words.more.find((text) => text && wideness(text, small) <= left);
  return s("g", { class: `node c-${node.carrier} ${words.old ? "old" : ""} ${node.rest ? "rest" : ""}`, "aria-label": label, ...act },
    s("title", null, `${words.name}\n${words.full}`),
    s("rect", { class: "plate", x: node.x, y: top, width: node.width, height: node.height, rx: 8 }),
    compact
      ? s("rect", { class: "mark", x: node.x, y: top + 4, width: 4, height: node.height - 8, rx: 2 })
      : s("g", { transform: `translate(${node.x + 0.375 * rem},${node.middle - rem}) scale(${rem / 16})` },
        s("rect", { class: "mark", width: 32, height: 32, rx: 8 }), s("path", { class: "glyph", transform: "translate(6,6)", d: GLYPHS[node.carrier] })),
    s("text", { class: "node-name", x: node.x + inset, y: node.middle - 0.375 * rem }, fitted(words.name, room, compact ? small : 0.8125 * rem)),
    s("text", { x: node.x + inset, y: node.middle + 0.875 * rem },
      s("tspan", { class: "node-value" }, words.amount), s("tspan", { class: "node-unit", dx: 0.25 * rem }, words.unit),
      more && s("tspan", { class: "node-unit", dx: 0.375 * rem }, more)));
}

function arrowOf({ arrow, onward, thick }) {
  const size = thick < 9 ? Math.max(5, thick / 2 + 3) : Math.min(6, thick * 0.35); // beside a ribbon of its own colour it must stand out
  const tip = onward ? size : -size;
  return s("path", { class: thick < 9 ? "arrow thin" : "arrow", d: `M${arrow.x - tip},${arrow.y - size}L${arrow.x + tip},${arrow.y}L${arrow.x - tip},${arrow.y + size}Z` });
}

function ribbonOf(node, old) {
  if (node.thick === 0) return s("path", { class: "ribbon idle", d: node.path, "stroke-width": 1.5 });
  const share = node.thick > 12 ? "fast" : node.thick > 3 ? "" : "slow";
  const motion = s("path", { class: `motion ${share} ${node.onward ? "" : "back"}`, d: node.path, "stroke-width": Math.max(1, Math.min(4, node.thick * 0.3)) });
  return s("g", { class: `c-${node.carrier} ${old ? "old" : ""}` },
    s("path", { class: `ribbon ${old ? "old" : ""}`, d: node.path, "stroke-width": node.thick }), !old && motion, arrowOf(node));
}

// Draws into `place`, changing only what changed: motion keeps its step, the pointer keeps what it points at.
export function draw(place, { flow, points, readings, now, offline }) {
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  const width = place.clientWidth;
  if (!flow || width === 0 || matchMedia("print").matches) return;
  const made = layout(groupsOf(flow, points, readings), width, place.clientHeight, rem);
  place.style.minHeight = `${made.height}px`;
  place.style.setProperty("--drawn-width", width); // for paper
  place.style.setProperty("--drawn-height", Math.max(made.height, place.clientHeight));
  const drawing = s("svg", { role: "group", "aria-label": t("flow.title") });
  for (const { bus, nodes } of made.sections) {
    drawing.append(...nodes.map((node) => ribbonOf(node, offline || node.stale)));
    drawing.append(s("rect", { class: "bus", x: bus.x, y: bus.middle - bus.length / 2, width: made.thick, height: bus.length, rx: made.thick / 2 }));
    if (!made.compact) drawing.append(s("text", { class: "bus-name", x: bus.x + made.thick / 2, y: bus.middle - bus.length / 2 - 0.5 * rem }, bus.name));
    drawing.append(...nodes.map((node) => nodeOf(node, rem, now, offline)));
  }
  morph(place, drawing);
}

export const key = (carrier, text) => h("span", { class: `c-${carrier}` }, h("i", { "aria-hidden": "true" }), text);
