// The words of the page: one file a language, written for itself.

let words = {};
const listeners = new Set();

export const language = () => (document.documentElement.lang === "en" ? "en" : "zh");
export const locale = () => (language() === "en" ? "en-GB" : "zh-CN");

export function t(key, values = {}) {
  const text = words[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

export const has = (key) => key in words;

// A quantity's name; one of a phase is named after the whole: active_power_l1.
export function quantityName(name) {
  const [, whole, phase] = /^(.*?)_(l[123])$/.exec(name) ?? [];
  if (has(`quantity.${name}`)) return t(`quantity.${name}`);
  return phase && has(`quantity.${whole}`) ? `${t(`quantity.${whole}`)} ${t(`phase.${phase}`)}` : name;
}

// A number and its unit stay on one line, and CO₂ has its subscript.
const typeset = (text) => text.replaceAll("CO2", "CO₂").replace(/(\d) (?=%|tCO₂|tce|[kM]W)/g, "$1\u00a0");

// A name or a sentence in both languages, as the documents carry it.
export function named(name, otherwise = "") {
  if (typeof name === "string") return name;
  return typeset(name?.[language()] || name?.zh || name?.en || otherwise || "");
}

// What the site calls its points and devices; an id of neither stays as it is.
const called = new Map();
export function keepNames({ points, devices }) {
  for (const { id, name } of [...(devices ?? []), ...points]) called.set(id, name);
}
export const nameOf = (id) => named(called.get(id), id);

function apply() {
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  for (const element of document.querySelectorAll("[data-t-label]")) {
    element.setAttribute("aria-label", t(element.dataset.tLabel));
    if (element.tagName === "BUTTON") element.title = t(element.dataset.tLabel);
  }
}

export async function speak(tongue) {
  const answer = await fetch(`i18n/${tongue}.json`);
  words = await answer.json();
  document.documentElement.lang = tongue === "en" ? "en" : "zh-CN";
  apply();
  for (const listener of listeners) listener();
}

export const onLanguage = (listener) => listeners.add(listener);
