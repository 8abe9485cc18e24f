// What may be claimed, and what each label that is refused still lacks; weakest first.

import { asks } from "./asks.js";
import { card, show } from "./card.js";
import { watch } from "./documents.js";
import { h } from "./dom.js";
import { openExplanation } from "./explanation.js";
import { mark } from "./verdict.js";
import { named, t } from "./words.js";

const EVERY_S = 300;

export function claimsCard() {
  const into = card("claims", { title: t("claims.title") });
  const stop = watch("claims", EVERY_S, (state) => show(into, state, "claims", ladder, (d) => d.claims.length === 0 && t("claims.none")));
  return { section: into.section, close: stop };
}

const heldOf = ({ conditions }) => conditions.filter((one) => one.holds).length;

function ladder({ claims, year, whole_year: whole }) {
  const row = (claim) => h("li", null, mark(claim.granted ? "MET" : "NOT_MET"),
    h("div", null, h("p", { class: "title" }, asks(`claim-${claim.id}`, () => explain(claim), named(claim.name))),
      h("p", { class: "small" }, h("strong", { class: `v-${claim.granted ? "MET" : "NOT_MET"}` }, t(claim.granted ? "claims.granted" : "claims.refused")), ` · ${t("claims.held", { n: heldOf(claim), of: claim.conditions.length })}`)));
  return [
    h("ol", { class: "ladder" }, claims.map(row)),
    h("p", { class: "small" }, t("claims.why", { year }), !whole && ` ${t("claims.part")}`),
  ];
}

function explain(claim) {
  const row = (one) => h("li", null, mark(one.holds || one.outcome !== "MET" ? one.outcome : "UNDETERMINED"),
    h("div", null, h("p", { class: "title" }, named(one.name), h("span", { class: "id" }, ` · ${one.id}`)), h("p", { class: "small" }, named(one.reason), !one.holds && one.outcome === "MET" && ` ${t("claims.weak")}`)));
  openExplanation(named(claim.name), h("p", null, named(claim.says)), h("ol", { class: "ladder" }, claim.conditions.map(row)));
}
