// Numbers and times for people: three significant digits, the reader's locale, the site's clock; all digits in the title.

import { h } from "./dom.js";
import { language, locale, t } from "./words.js";

let zone = "UTC";
export const siteZone = () => zone;
export function keepZone(name) {
  zone = name;
}

const LADDER = { kWh: [[1e8, "GWh", 1e6], [1e4, "MWh", 1e3]], kW: [[1e5, "MW", 1e3]], kg: [[0, "t", 1e3]] };
const formats = new Map();

function format(kind, options) {
  const key = `${locale()} ${kind} ${JSON.stringify(options)}`;
  if (!formats.has(key)) formats.set(key, new Intl[kind](locale(), options));
  return formats.get(key);
}

const minus = (text) => text.replace("-", "−");
const number = (value, options) => minus(format("NumberFormat", options).format(value));

// Three digits that count; whole numbers below 1000 stay whole.
export function three(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (Number.isInteger(value) && Math.abs(value) < 1000) return number(value, {});
  if (Math.abs(value) < 5e-4) return value === 0 ? "0" : number(value, { notation: "scientific", maximumSignificantDigits: 3 });
  return number(value, { minimumSignificantDigits: 3, maximumSignificantDigits: 3 });
}

export const whole = (value) => (value === null || value === undefined ? "–" : number(value, { maximumFractionDigits: 0 }));
// In a column whose head names the unit.
export const plain = (value) => (value === null || value === undefined ? "–" : h("span", { title: all(value) }, number(value, { maximumFractionDigits: 1 })));
export const all = (value) => (value === null || value === undefined ? "–" : number(value, { maximumSignificantDigits: 17 }));
// How far a figure may be off is itself not known better than this.
export const six = (value) => (value === null || value === undefined ? "–" : number(value, { maximumSignificantDigits: 6 }));
export const axis = (value) => number(value, { maximumSignificantDigits: 4 });
export const percent = (share) => (share === null || share === undefined ? "–" : three(share * 100));

// A share of what was due: never rounded up to all of it.
export const coverage = (part) => (part === null || part === undefined ? "–" : part < 1 && part > 0.995 ? number(Math.floor(part * 1e4) / 100, { minimumFractionDigits: 2 }) : percent(part));

// Units as people write them: a bare count has none, "count/13" is out of thirteen.
export const pretty = (unit) => (/^(1|count|level)$/.test(unit) ? "" : (unit ?? "").replace("count/", "/ ").replaceAll("CO2", "CO₂"));

// The largest of the numbers that stand beside each other: they are written in its unit, so that they can be compared.
export const most = (...values) => Math.max(0, ...values.flat().map((value) => Math.abs(value ?? 0)));

const WORTH = 0.1; // of the common unit; what is smaller keeps its own

// Value and unit as shown, and as written out in full; `beside` is the largest of its neighbours.
export function scaled(value, unit, beside = 0) {
  if (value === null || value === undefined) return { text: "–", unit: "", full: t("no_value") };
  const size = Math.abs(value);
  const step = (LADDER[unit] ?? []).find(([from, , of]) => size >= from || (beside >= from && size >= WORTH * of));
  const full = `${all(value)} ${pretty(unit)}`;
  return step ? { text: three(value / step[2]), unit: step[1], full } : { text: three(value), unit: pretty(unit), full };
}

// A number with its small grey unit; `extra` goes on the element.
export function figure(value, unit, extra = {}, beside = 0) {
  const shown = scaled(value, unit, beside);
  return h("span", { class: "figure", title: shown.full, ...extra }, h("span", { class: "value" }, shown.text), " ", h("span", { class: "unit" }, (shown.unit && extra.unit) ?? shown.unit));
}

// Tonnes of CO2; the basis is part of the unit.
export const tonnes = (kg, gas = "co2_only") => figure(kg, "kg", { unit: gas === "co2e" ? "tCO₂e" : "tCO₂" });

const clock = (ms, options) => format("DateTimeFormat", { timeZone: zone, hourCycle: "h23", ...options }).format(ms);
export const timeOf = (ms) => (ms === null || ms === undefined ? "–" : clock(ms, { hour: "2-digit", minute: "2-digit", second: "2-digit" }));
export const minuteOf = (ms) => clock(ms, { hour: "2-digit", minute: "2-digit" });
export const hourOf = (ms) => Number(clock(ms, { hour: "2-digit" }).replace(/\D/g, ""));
export const dayOf = (ms) => clock(ms, { month: "short", day: "numeric" });
export const monthOf = (ms) => clock(ms, { month: "short" });
export const momentOf = (ms) =>
  ms === null || ms === undefined ? "–" : clock(ms, { year: "numeric", month: language() === "en" ? "short" : "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" });

// The site's calendar day of an instant, as the interface writes it: 2026-11-21.
export function dateOf(ms) {
  const key = `iso ${zone}`;
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat("en-CA", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit" }));
  return formats.get(key).format(ms);
}

// A stretch of time in the coarsest unit that still says something.
export function span(ms) {
  const seconds = Math.max(0, ms) / 1000;
  const [amount, unit] = seconds < 90 ? [seconds, "s"] : seconds < 5400 ? [seconds / 60, "min"] : seconds < 172800 ? [seconds / 3600, "h"] : [seconds / 86400, "d"];
  return t(`span.${unit}`, { n: number(amount, { maximumFractionDigits: unit === "s" && amount < 9.5 ? 1 : 0 }) });
}

export const age = (ms) => t("ago", { span: span(ms) });
