// The numbers of a chart as a table, made when somebody opens it: what a canvas shows must be readable without eyes.

import { h, put } from "./dom.js";
import { t } from "./words.js";

// `head`: column titles; `rows()`: arrays of cells, the first of them the row's name.
export function numberTable(key, head, rows) {
  const summary = () => h("summary", null, t("chart.numbers"));
  const details = h("details", { "data-key": key }, summary());
  const fill = () => {
    const top = h("tr", null, head.map((title) => h("th", { scope: "col" }, title)));
    const body = rows().map(([name, ...cells]) => h("tr", null, h("th", { scope: "row" }, name), cells.map((cell) => h("td", null, cell))));
    put(details, summary(), h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": t("chart.numbers") }, h("table", { class: "plain" }, h("thead", null, top), h("tbody", null, body))));
  };
  details.addEventListener("toggle", () => details.open && details.childElementCount === 1 && fill());
  return details;
}
