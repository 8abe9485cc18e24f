// The 13 functions of an energy-carbon management centre, each tried now on this site's own data.

import { card, show } from "./card.js";
import { watch } from "./documents.js";
import { h } from "./dom.js";
import { mark } from "./verdict.js";
import { named, t } from "./words.js";

const EVERY_S = 300;

export function selftestCard() {
  const into = card("selftest", { title: t("selftest.title") });
  const stop = watch("selftest", EVERY_S, (state) => show(into, state, "selftest", functions));
  return { section: into.section, close: stop };
}

function functions({ works, of, functions: list }) {
  const row = (one) => h("li", null, mark(one.works ? "MET" : "NOT_MET"),
    h("div", null, h("p", { class: "title" }, named(one.name), h("span", { class: "visually-hidden" }, ` ${t(one.works ? "selftest.works" : "selftest.lacks")}`)), h("p", { class: "small" }, named(one))));
  return [
    h("p", { class: "big" }, h("span", { class: "value" }, works), " ", h("span", { class: "unit" }, t("selftest.of", { of }))),
    h("ol", { class: "ladder pairs" }, list.map(row)),
    h("p", { class: "small" }, t("selftest.why")),
  ];
}
