// The 95 % interval of a figure, as short as it can be said; what is not known is said too.

import { h } from "./dom.js";
import { all, pretty, scaled, three } from "./figures.js";
import { t } from "./words.js";

// Of a document's uncertainties the one of a figure: {value, half, percent, unit, status, parts}; null when not stated.
export const intervalOf = (uncertainty, key) => {
  const found = uncertainty?.[key];
  return typeof found?.half === "number" ? found : null;
};

export function interval(found, silent = false) {
  if (!found) return silent ? null : h("span", { class: "interval faint" }, t("interval.none"));
  const [low, high] = [found.value - found.half, found.value + found.half];
  const unit = scaled(Math.max(Math.abs(low), Math.abs(high)), found.unit);
  const [from, to] = [low, high].map((bound) => alike(bound, found.unit, unit.unit));
  const full = t("interval.full", { low: all(low), high: all(high), unit: pretty(found.unit) });
  return h("span", { class: "interval", title: full, "aria-label": full }, `${from} – ${to}`, h("span", { class: "unit" }, ` ${t("interval.95")}`));
}

// Both bounds in the unit of the larger one, so that they can be compared.
function alike(bound, unit, wanted) {
  const factor = { "kg>t": 1e-3, "kWh>MWh": 1e-3, "kWh>GWh": 1e-6 }[`${unit}>${wanted}`] ?? 1;
  return three(bound * factor);
}
