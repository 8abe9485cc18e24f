// What people entered about a meter: who, why, when; the readings stay as they are.

import { card, show } from "./card.js";
import { watch } from "./documents.js";
import { h } from "./dom.js";
import { correctionButton, undoButton } from "./enter.js";
import { facts, openExplanation } from "./explanation.js";
import { all, dateOf, figure, momentOf } from "./figures.js";
import { has, named, quantityName, t } from "./words.js";

export function correctionsCard(page) {
  const path = `balance?period=${dateOf(page.live.now()).slice(0, 4)}`;
  const into = card("corrections", { title: t("corrections.title"), aside: correctionButton(page) });
  const stop = watch(path, 60, (state) => show(into, state, path, (d) => list(d.entries, page), (d) => !d.entries?.length && [t("corrections.none"), t("corrections.how")]));
  return { section: into.section, close: stop };
}

const kindOf = (kind) => (has(`entry.${kind}`) ? t(`entry.${kind}`) : kind);

function list(entries, page) {
  const name = (entry) => named(page.points.get(entry.point)?.name, entry.point);
  const row = (entry) => h("li", null,
    h("p", null, h("button", { type: "button", class: "name", "data-key": `entry-${entry.id}`, "aria-haspopup": "dialog", onclick: () => explain(entry, name(entry)) }, name(entry)), " ", h("span", { class: "tag" }, kindOf(entry.kind)), " ", h("span", { class: "faint" }, entry.quantities.map(quantityName).join(t("list.comma")))),
    h("p", { class: "small" }, h("b", null, entry.who), ` · ${momentOf(entry.at_ms)} · ${entry.why}`),
    entry.kind === "bill" && h("p", { class: "readings" }, h("span", null, t("corrections.billed"), " ", figure(entry.billed, entry.unit)), h("span", null, t("corrections.metered"), " ", figure(entry.metered, entry.unit))));
  return h("ul", { class: "items" }, [...entries].reverse().map(row));
}

function explain(entry, name) {
  openExplanation([name, " · ", kindOf(entry.kind)], facts([
    [t("corrections.who"), entry.who], [t("corrections.why"), entry.why], [t("corrections.when"), momentOf(entry.at_ms)],
    [t("reading.quantity"), entry.quantities.map(quantityName).join(t("list.comma"))],
    [t("corrections.span"), `${momentOf(entry.start_ms)} – ${momentOf(entry.end_ms)}`],
    [t("corrections.billed"), entry.kind === "bill" && `${all(entry.billed)} ${entry.unit}`],
    [t("corrections.metered"), entry.kind === "bill" && `${all(entry.metered)} ${entry.unit}`],
    [t("corrections.id"), entry.id],
  ]), h("p", null, undoButton(entry.id)));
}
