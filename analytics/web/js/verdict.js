// Verdicts: three shapes and three words; colour only repeats them.

import { s } from "./dom.js";
import { t } from "./words.js";

export const OUTCOMES = ["MET", "NOT_MET", "UNDETERMINED"];
export const wordOf = (outcome) => t(`outcome.${outcome}`);
export const tally = (counts) => OUTCOMES.map((outcome) => [outcome, counts?.[outcome] ?? 0]);

// A filled disc with a tick, a filled diamond with a cross, an open dashed ring with a question mark.
const SHAPES = {
  MET: () => [s("circle", { cx: 10, cy: 10, r: 9, fill: "currentColor" }), stroke("M5.5 10.5l3 3 6-6.5", "var(--card)")],
  NOT_MET: () => [s("path", { d: "M10 0 20 10 10 20 0 10z", fill: "currentColor" }), stroke("M7 7l6 6M13 7l-6 6", "var(--card)")],
  UNDETERMINED: () => [
    s("circle", { cx: 10, cy: 10, r: 8.5, fill: "none", stroke: "currentColor", "stroke-width": 1.8, "stroke-dasharray": "3.4 2" }),
    stroke("M7.5 8a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.1.9-1.1 1.6M10 14.5v.1", "currentColor"),
  ],
};

const stroke = (d, color) => s("path", { d, fill: "none", stroke: color, "stroke-width": 1.9, "stroke-linecap": "round", "stroke-linejoin": "round" });

export function mark(outcome) {
  return s("svg", { class: `verdict-mark v-${outcome}`, viewBox: "0 0 20 20", "aria-hidden": "true" }, (SHAPES[outcome] ?? SHAPES.UNDETERMINED)());
}
