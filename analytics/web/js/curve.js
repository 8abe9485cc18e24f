// The energy of a period as stacked bars: what came in above the line, what went out below it, use as a line.

import { card, show } from "./card.js";
import { chart, ink, tooltip } from "./chart.js";
import { watch } from "./documents.js";
import { h } from "./dom.js";
import { axis, dateOf, dayOf, figure, minuteOf, momentOf, monthOf, plain } from "./figures.js";
import { isDay } from "./period.js";
import { numberTable } from "./table.js";
import { t } from "./words.js";

const UP = [["grid_import", "grid"], ["generation", "pv"], ["discharge", "storage"]];
const DOWN = [["grid_export", "grid"], ["charge", "storage"]];
const QUARTER_MS = 900000;
const COLUMNS = [...UP, ...DOWN, ["consumption", "load"]];

const isYear = (period) => /^(FY)?\d{4}$/i.test(period);

// A year's quarter-hours are more than one answer may hold, and more than anybody sees.
export const energyPath = (period) => `energy?period=${encodeURIComponent(period)}&resolution=${isDay(period) ? "15min" : isYear(period) ? "month" : "day"}`;

// Quarter-hours as they are for a day; whole site days for a month, months for a year. A bucket knows whether it is whole.
export function buckets({ start_ms: starts, series, provisional_from_ms: from, placed = [], quarters, lacking, estimated: counted }, period) {
  const keyOf = isDay(period) ? (ms) => ms : isYear(period) ? (ms) => dateOf(ms).slice(0, 7) : dateOf;
  const made = new Map();
  const estimated = new Set(placed);
  starts.forEach((ms, index) => {
    const key = keyOf(ms);
    if (!made.has(key)) made.set(key, { start_ms: ms, sums: {}, count: 0, missing: 0, estimated: 0, provisional: false });
    const bucket = made.get(key);
    for (const [column] of COLUMNS) {
      const kwh = series[column]?.[index];
      if (typeof kwh === "number") bucket.sums[column] = (bucket.sums[column] ?? 0) + kwh;
    }
    const all = quarters?.[index] ?? 1;
    bucket.missing += lacking?.[index] ?? Number(typeof series.consumption?.[index] !== "number");
    bucket.count += all;
    bucket.estimated += counted?.[index] ?? Number(estimated.has(index));
    bucket.provisional ||= from !== null && from !== undefined && ms + (all - 1) * QUARTER_MS >= from;
  });
  return [...made.values()];
}

export function curveCard(period) {
  const path = energyPath(period);
  const into = card("curve", { title: t("curve.title") });
  let rows = [];
  const { place, redraw, close } = chart(t("curve.title"), () => option(rows, period));
  const stop = watch(path, 60, (state) => show(into, state, path, (document_) => {
    rows = buckets(document_, period);
    queueMicrotask(redraw);
    return [place, legend(rows), table(rows, period)];
  }, (d) => d.start_ms.length === 0 && t("balance.empty")));
  return { section: into.section, redraw, close: () => [stop, close].forEach((end) => end()) };
}

function legend(rows) {
  const has = (column) => rows.some((row) => row.sums[column]);
  const up = UP.filter(([column]) => has(column)).map(([column, carrier]) => h("span", { class: `c-${carrier}` }, h("i", { "aria-hidden": "true" }), t(`curve.${column}`)));
  const down = DOWN.some(([column]) => has(column)) && h("span", null, t("curve.below"));
  const notes = [rows.some((row) => row.provisional) && t("curve.provisional"), rows.some(isHatched) && t("curve.estimated"), rows.some((row) => row.missing) && t("curve.missing")].filter(Boolean).map((text) => h("span", null, text));
  return h("p", { class: "legend" }, up, h("span", null, `— ${t("curve.consumption")}`), down, notes);
}

const labelOf = (row, period) => (isDay(period) ? minuteOf(row.start_ms) : isYear(period) ? monthOf(row.start_ms) : dayOf(row.start_ms));

function table(rows, period) {
  const head = [t("curve.start"), ...COLUMNS.map(([column]) => `${t(`curve.${column}`)} kWh`)];
  return numberTable("curve-numbers", head, () => rows.map((row) => [labelOf(row, period), ...COLUMNS.map(([column]) => plain(row.sums[column]))]));
}

function option(rows, period) {
  const { of, rem, text } = ink();
  const most = Math.max(0, ...rows.map((row) => row.sums.consumption ?? 0));
  const unit = most >= 1e7 ? { name: "GWh", of: 1e6 } : most >= 1e4 ? { name: "MWh", of: 1e3 } : { name: "kWh", of: 1 };
  const bar = ([column, carrier], sign) => ({
    name: column, type: "bar", stack: "all", barCategoryGap: rows.length > 40 ? "8%" : "28%", itemStyle: { color: of(`carrier-${carrier}`) },
    data: rows.map((row) => ({ value: row.sums[column] === undefined ? null : (sign * row.sums[column]) / unit.of, itemStyle: looks(row, of(`carrier-${carrier}`), of("card")) })),
  });
  const begun = rows.findIndex((row) => row.sums.consumption !== undefined); // before the first reading nothing is missing
  const gaps = { name: "missing", type: "scatter", symbol: "circle", symbolSize: 0.4 * rem, symbolOffset: [0, 0.5 * rem], itemStyle: { color: of("card"), borderColor: of("ink-2"), borderWidth: 1.5 }, data: rows.map((row, index) => (row.missing && index >= begun ? 0 : null)), z: 6 };
  const use = { name: "consumption", type: "line", step: rows.length > 40 ? "middle" : false, showSymbol: rows.length < 2, symbol: "circle", connectNulls: false, lineStyle: { color: of("ink"), width: 1.5 }, itemStyle: { color: of("ink") }, data: rows.map((row) => (row.sums.consumption === undefined ? null : row.sums.consumption / unit.of)), z: 5 };
  return {
    textStyle: text, grid: { left: 4, right: isDay(period) ? 4 : 1.25 * rem, top: 28, bottom: 4, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    xAxis: { type: "category", data: rows.map((row) => labelOf(row, period)), axisLabel: { ...text, hideOverlap: true }, axisTick: { show: false }, axisLine: { lineStyle: { color: of("line-strong") } } },
    yAxis: { type: "value", name: unit.name, nameTextStyle: { ...text, align: "right" }, axisLabel: { ...text, formatter: (value) => axis(value) }, splitLine: { lineStyle: { color: of("line") } } },
    tooltip: tooltip((hit) => tip(rows[hit[0].dataIndex]), { trigger: "axis" }),
    series: [...UP.map((one) => bar(one, 1)), ...DOWN.map((one) => bar(one, -1)), use, gaps],
  };
}

const isHatched = (row) => row.estimated * 2 >= row.count && row.estimated > 0;

// What may still change is pale and dashed; what was placed across a gap is hatched.
function looks(row, color, card) {
  const hatched = isHatched(row) ? { decal: { color: card, dashArrayX: [1, 0], dashArrayY: [2, 4], rotation: -Math.PI / 4 } } : {};
  const open = row.provisional ? { opacity: 0.45, borderColor: color, borderType: "dashed", borderWidth: 1 } : {};
  return { color, ...hatched, ...open };
}

function tip(row) {
  const line = ([column, carrier]) => row.sums[column] > 0 && h("div", { class: `c-${carrier}` }, h("span", null, h("i"), t(`curve.${column}`)), figure(row.sums[column], "kWh"));
  return h("div", { class: "tip-in" }, h("b", null, momentOf(row.start_ms)), COLUMNS.map(line), row.provisional && h("p", null, t("curve.provisional")), row.estimated > 0 && h("p", null, t("curve.estimated")), row.missing > 0 && h("p", null, t("curve.missing_n", { n: row.missing })));
}
