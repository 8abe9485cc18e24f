// Entering a correction: what a kind needs and no more; the service checks it as `zcf correct` does, and names every fault.

import { allAgain } from "./documents.js";
import { h, put } from "./dom.js";
import { choiceOf, entering, field, openForm, textOf, why } from "./session.js";
import { named, quantityName, t } from "./words.js";

// The words of each kind, as the service knows them.
const KINDS = {
  exchange: ["point", "quantity", "at", "final", "start"], bad_range: ["point", "quantity", "from", "to"],
  manual_reading: ["point", "quantity", "at", "value"], multiplier: ["point", "from", "to", "factor"],
  direction: ["point", "from", "to"], reset: ["point", "quantity", "at", "energy"], bill: ["point", "quantity", "from", "to", "value"],
};
const NUMBERS = ["final", "start", "value", "factor", "energy"];
const COUNTS = /_(energy|volume|hours|count|amount)\b|_energy_/;

// `given`: what is known already, of an open item for instance.
export const correctionButton = (page, given = {}) => h("button", { type: "button", class: "button", "data-key": `enter-${given.point ?? ""}-${given.quantity ?? ""}`, "aria-haspopup": "dialog", onclick: () => entering(() => open(page, given)) }, t(given.point ? "enter.explain" : "enter.open"));

export const undoButton = (entry) => h("button", { type: "button", class: "button", onclick: () => entering(() => openForm(t("enter.undo"), t("enter.undo.what"), [why()], t("enter.undo"), "entries", (data) => ({ kind: "undo", words: { entry }, why: data.why }), allAgain)) }, t("enter.undo"));

function open(page, given) {
  const box = h("div", { class: "form" });
  const kind = choiceOf("kind", Object.keys(KINDS).map((name) => [name, t(`entry.${name}`), name === given.kind]));
  const point = choiceOf("point", [...page.points.values()].map((one) => [one.id, named(one.name, one.id), one.id === given.point]));
  const fill = () => put(box, KINDS[kind.value].filter((word) => word !== "point").map((word) => input(word, kind.value, page, point.value, given)));
  kind.addEventListener("change", fill);
  point.addEventListener("change", fill);
  fill();
  openForm(t("enter.title"), t("enter.what"), [field(t("enter.kind"), kind), field(t("enter.point"), point), box, why()], t("enter.send"), "entries",
    ({ kind: name, why: reason, ...data }) => ({ kind: name, words: Object.fromEntries(KINDS[name].filter((word) => data[word] !== "").map((word) => [word, data[word]])), why: reason }), allAgain);
}

function input(word, kind, page, point, given) {
  const label = t(`enter.${word}`);
  if (word === "quantity") return field(label, choiceOf(word, quantities(page, point, kind).map((name) => [name, quantityName(name), name === given.quantity])));
  if (NUMBERS.includes(word)) return field(label, textOf(word, { inputmode: "decimal", required: word !== "energy", pattern: "[0-9]+([.][0-9]+)?(/[0-9]+)?" }), t(`enter.${word}.hint`));
  return field(label, h("input", { name: word, type: "datetime-local", required: true, value: given[word] }), t("enter.site_time"));
}

// Of a point the quantities that were read; a range of any may be bad, the rest is about registers.
function quantities(page, point, kind) {
  const known = Object.keys(page.live.points[point] ?? {});
  const fit = kind === "bad_range" ? known : known.filter((name) => COUNTS.test(name));
  return fit.length ? fit.sort() : ["active_energy_import"];
}
