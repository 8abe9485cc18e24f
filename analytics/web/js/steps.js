// What would close a gap, and the cheapest first; costs are the site's own declarations.

import { h } from "./dom.js";
import { figure, three } from "./figures.js";
import { named, t } from "./words.js";

const costOf = (steps) => steps.reduce((sum, step) => sum + (step.cost_per_year ?? 0), 0);

// The steps of a verdict: the cheapest way when there is one, else what single measures do.
export const stepsOf = (verdict) => (verdict.way?.steps?.length ? verdict.way.steps : (verdict.steps ?? []));

// Of all verdicts not met the one that least money passes; null when no measure is declared.
export function cheapest(verdicts) {
  const able = verdicts.filter((verdict) => verdict.outcome === "NOT_MET" && !verdict.apart && verdict.way?.passes && verdict.way.steps.length > 0);
  const sorted = able.sort((a, b) => (a.way.cost_per_year ?? costOf(a.way.steps)) - (b.way.cost_per_year ?? costOf(b.way.steps)));
  return sorted.length ? { verdict: sorted[0], steps: sorted[0].way.steps } : null;
}

// What the site counts its money in; every score says it.
let currency = "";
export const pricedIn = (score) => { currency = score.currency ?? ""; };

export const money = (amount) => (typeof amount === "number" ? t(amount < 0 ? "steps.saves" : "steps.costs", { amount: `${three(Math.abs(amount))} ${currency}`.trim() }) : "");

// How much of it; of a document there is one.
const amountOf = (step) => step.unit !== "document" && [t("list.colon"), figure(step.amount, step.unit)];

export const stepLine = (verdict, step) => [h("span", null, named(step.name, step.measure)), amountOf(step), money(step.cost_per_year) && h("span", { class: "faint" }, ` · ${money(step.cost_per_year)}`), verdict && h("span", { class: "faint" }, ` → ${named(verdict.name, verdict.id)}`)];
