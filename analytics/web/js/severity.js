// How urgent: a shape and a word each; colour only repeats them.

import { s } from "./dom.js";

const SHAPES = {
  critical: ["path", { d: "M10 1 19 18H1z" }], warning: ["path", { d: "M10 1 19 10 10 19 1 10z" }], info: ["circle", { cx: 10, cy: 10, r: 8.5 }],
};

export function severityMark(severity) {
  const [tag, shape] = SHAPES[severity] ?? SHAPES.warning;
  const filled = severity !== "info";
  return s("svg", { class: `verdict-mark severity s-${severity}`, viewBox: "0 0 20 20", "aria-hidden": "true" },
    s(tag, { ...shape, fill: filled ? "currentColor" : "none", stroke: "currentColor", "stroke-width": 1.8, "stroke-linejoin": "round" }),
    s("path", { d: "M10 7v4.500M10 14.300v.1", fill: "none", stroke: filled ? "var(--card)" : "currentColor", "stroke-width": 2, "stroke-linecap": "round" }));
}
