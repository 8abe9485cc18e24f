// The hourly match: how much of each hour's use was carbon-free in that same hour, as a carpet of days and hours.

import { asks } from "./asks.js";
import { card, show } from "./card.js";
import { chart, ink, tooltip } from "./chart.js";
import { watch } from "./documents.js";
import { h } from "./dom.js";
import { facts, openExplanation, status } from "./explanation.js";
import { all, dayOf, figure, percent, plain, six } from "./figures.js";
import { numberTable } from "./table.js";
import { named, t } from "./words.js";

const STEPS = 5; // of the colour scale
const SCORES = ["annual_match", "hourly_match", "cfe_score"];

// One cell an hour of the site's clock: {day, hour, share, load, clean}, null where not known.
export function cellsOf({ days, match, load_kwh: load, clean_kwh: clean }) {
  return days.flatMap((day, row) => match[row].map((share, hour) => ({ day, row, hour, share, load: load[row][hour], clean: clean[row][hour] })));
}

export function matchCard(period) {
  const path = `matching?period=${encodeURIComponent(period)}`;
  const into = card("match", { title: t("match.title") });
  let cells = [];
  const { place, redraw, close } = chart(t("match.title"), (width) => (isDay(cells) ? bars(cells) : option(cells, width)));
  const stop = watch(path, 60, (state) => show(into, state, path, (document_) => {
    cells = cellsOf(document_.heat_map);
    place.style.height = "16rem";
    queueMicrotask(redraw);
    const single = isDay(cells);
    return [h("dl", { class: "trio" }, SCORES.map((name) => score(document_, name))), place, single ? parts() : scale(), h("p", { class: "small" }, t(single ? "match.what.day" : "match.what")), numbers(cells)];
  }, (d) => !(d.coverage > 0) && t("match.empty")));
  return { section: into.section, redraw, close: () => [stop, close].forEach((halt) => halt()) };
}

function score(document_, name) {
  const share = document_[name];
  const value = h("span", { class: "figure", title: `${all(share === null ? null : share * 100)} %` }, h("span", { class: "value" }, percent(share)), " ", h("span", { class: "unit" }, "%"));
  return h("div", null, h("dt", null, t(`indicator.${name}`)), h("dd", { class: "big" }, asks(`match-${name}`, () => explain(document_, name), value)));
}

function explain(document_, name) {
  const { hours, grid_cfe: grid, battery, coverage } = document_;
  const kept = battery && [`${six(battery.charge_kwh)} kWh → ${six(battery.discharge_kwh)} kWh · ${t("match.green")} ${six(battery.green_kwh)} kWh`];
  openExplanation(t(`indicator.${name}`), h("p", { class: "formula" }, h("b", null, document_[name] === null ? t("no_value") : `${all(document_[name] * 100)} %`)), h("p", null, t(`indicator.${name}.what`)),
    facts([
      [t("match.hours"), hours && t("meters.quarters", { known: hours.known, cells: hours.asked })],
      [t("explain.coverage"), `${percent(coverage)} %`],
      [t("match.stored"), typeof document_.hourly_match_stored === "number" && `${all(document_.hourly_match_stored * 100)} %`],
      [t("match.quarters"), typeof document_.quarter_hourly_match === "number" && `${all(document_.quarter_hourly_match * 100)} %`],
      [t("match.battery"), kept],
      [t("match.grid"), grid && [status(grid.status), " ", named(grid)]],
      [t("match.of"), document_.denominator === "demand + charge - discharge" ? t("match.of.demand") : document_.denominator],
    ]));
}

const numbers = (cells) => numberTable("match-numbers", [t("match.hour"), `${t("match.used")} kWh`, `${t("match.matched")} kWh`, "%"], () => cells.filter((cell) => cell.share !== null).map((cell) => [nameOf(cell), plain(cell.load), plain(cell.share * cell.load), percent(cell.share)]));

const two = (hour) => String(hour).padStart(2, "0");
const nameOf = ({ day, hour }) => `${day} ${two(hour)}:00 – ${two(hour + 1)}:00`;
const isDay = (cells) => cells.length > 0 && cells[0].day === cells.at(-1).day;
const colors = (of) => Array.from({ length: STEPS }, (_, step) => of(`scale-${step}`));

function scale() {
  const step = (n) => h("i", { class: `s-${n}`, "aria-hidden": "true" });
  return h("p", { class: "legend scale" }, h("span", null, "0 %"), h("span", { class: "ramp" }, [0, 1, 2, 3, 4].map(step)), h("span", null, "100 %"), h("span", null, h("i", { class: "s-none", "aria-hidden": "true" }), t("match.unknown")));
}

const parts = () => h("p", { class: "legend" }, h("span", null, h("i", { class: "s-3", "aria-hidden": "true" }), t("match.matched")), h("span", null, h("i", { class: "s-rest", "aria-hidden": "true" }), t("match.rest")));

// Of a single day the hours: what each used, and how much of it was matched.
function bars(cells) {
  const { of, text } = ink();
  const axis = { axisTick: { show: false }, axisLabel: { ...text, hideOverlap: true } };
  const kwh = (part, color) => ({ type: "bar", stack: "hour", barCategoryGap: "20%", itemStyle: { color }, data: cells.map((cell) => (cell.share === null ? null : cell.load * part(cell.share))) });
  return {
    textStyle: text, grid: { left: 4, right: 4, top: 28, bottom: 4, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    xAxis: { type: "category", data: cells.map((cell) => two(cell.hour)), ...axis, axisLine: { lineStyle: { color: of("line-strong") } } },
    yAxis: { type: "value", name: "kWh", nameTextStyle: { ...text, align: "right" }, ...axis, splitLine: { lineStyle: { color: of("line") } } },
    tooltip: tooltip((hit) => tip(cells[hit[0].dataIndex]), { trigger: "axis" }),
    series: [kwh((share) => share, of("scale-3")), kwh((share) => 1 - share, of("line-strong"))],
  };
}

// Days across and hours down.
function option(cells, width) {
  if (cells.length === 0) return null;
  const { of, rem, text } = ink();
  const datum = (cell) => ({ value: [cell.row, cell.hour, cell.share ?? 0], cell });
  const clock = Array.from({ length: 24 }, (_, hour) => two(hour));
  const names = [...new Set(cells.map((cell) => cell.day))].map((day) => dayOf(Date.parse(`${day}T12:00Z`)));
  const axis = { type: "category", axisTick: { show: false }, axisLine: { show: false }, splitLine: { show: false } };
  const looks = { borderColor: of("card"), borderWidth: width / names.length > 0.6 * rem ? 1 : 0 };
  const blank = { color: of("card"), decal: { color: of("line"), dashArrayX: [1, 0], dashArrayY: [1, 5], rotation: -Math.PI / 4 }, ...looks };
  return {
    textStyle: text, grid: { left: 4, right: 1.25 * rem, top: 4, bottom: 4, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    xAxis: { ...axis, data: names, axisLabel: { ...text, hideOverlap: true } },
    yAxis: { ...axis, data: clock, inverse: true, axisLabel: { ...text, interval: 5 } },
    visualMap: { show: false, min: 0, max: 1, dimension: 2, seriesIndex: 0, inRange: { color: colors(of) } },
    tooltip: tooltip(({ data }) => tip(data.cell)),
    series: [{ type: "heatmap", data: cells.filter((cell) => cell.share !== null).map(datum), itemStyle: looks }, { type: "heatmap", data: cells.filter((cell) => cell.share === null).map(datum), itemStyle: blank }],
  };
}

function tip(cell) {
  const line = (word, value) => h("div", null, h("span", null, t(word)), value);
  return h("div", { class: "tip-in" }, h("b", null, nameOf(cell)),
    cell.share === null ? h("p", null, t("match.unknown")) : [line("match.used", figure(cell.load, "kWh")), line("match.clean", figure(cell.clean, "kWh")), line("match.share", h("span", null, `${percent(cell.share)} %`))]);
}
