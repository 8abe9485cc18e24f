// The 95 % interval of a figure, as short as it can be said; what is not known is said too.

import { h } from "./dom.js";
import { all, pretty, scaled, three } from "./figures.js";
import { t } from "./words.js";

// Of a document's uncertainties the one of a figure: of energy as the meter tree tells it, of carbon by gas; null when not stated.
export function intervalOf(uncertainty, key, gas = "co2_only") {
  const found = uncertainty?.[key];
  if (found?.[gas]) return carbon(found[gas]);
  return typeof found?.half === "number" ? { ...found, low: found.value - found.half, high: found.value + found.half } : null;
}

function carbon({ low_kg: low, high_kg: high, half_kg: half, percent, status, rating, causes }) {
  if (typeof low !== "number" || typeof high !== "number") return null;
  return { unit: "kg", low, high, half, percent, status, rating, parts: (causes ?? []).map(({ kind, group, kg, status: known }) => ({ cause: kind, group, limit: kg, status: known })) };
}

export function interval(found, silent = false) {
  if (!found) return silent ? null : h("span", { class: "interval faint" }, t("interval.none"));
  const { low, high } = found;
  const unit = scaled(Math.max(Math.abs(low), Math.abs(high)), found.unit);
  const [from, to] = [low, high].map((bound) => alike(bound, found.unit, unit.unit));
  const full = t("interval.full", { low: all(low), high: all(high), unit: pretty(found.unit) });
  return h("span", { class: "interval", title: full, "aria-label": full }, `${from} – ${to}`, h("span", { class: "unit" }, t("interval.95")));
}

// Both bounds in the unit of the larger one, so that they can be compared.
function alike(bound, unit, wanted) {
  const factor = { "kg>t": 1e-3, "kWh>MWh": 1e-3, "kWh>GWh": 1e-6 }[`${unit}>${wanted}`] ?? 1;
  return three(bound * factor);
}
