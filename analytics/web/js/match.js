// The hourly match: how much of each hour's use was carbon-free in that same hour, as a carpet of days and hours.

import { card, show } from "./card.js";
import { chart, ink, tooltip } from "./chart.js";
import { watch } from "./documents.js";
import { h } from "./dom.js";
import { asks, explainIndicator } from "./explained.js";
import { dateOf, dayOf, figure, hourOf, minuteOf, momentOf, percent, three } from "./figures.js";
import { numberTable } from "./table.js";
import { t } from "./words.js";

const HOUR_MS = 3_600_000;
const STEPS = 5; // of the colour scale

// Whole hours from the quarter-hours of a period: own generation used in the hour it was made, over what was used.
export function hoursOf({ start_ms: starts, series }) {
  const made = new Map();
  starts.forEach((ms, index) => {
    const start = ms - (ms % HOUR_MS);
    if (!made.has(start)) made.set(start, { start_ms: start, used: 0, matched: 0, known: 0 });
    const hour = made.get(start);
    const [used, own, charged] = [series.consumption?.[index], series.self_use?.[index], series.charge?.[index] ?? 0];
    if (typeof used !== "number" || typeof own !== "number") return;
    hour.known += 1;
    hour.used += used;
    hour.matched += Math.min(used, Math.max(0, own - charged));
  });
  return [...made.values()].map((hour) => ({ ...hour, share: hour.known > 0 && hour.used > 0 ? hour.matched / hour.used : null }));
}

export function matchCard(period, indicators) {
  const path = `energy?period=${encodeURIComponent(period)}`;
  const into = card("match", { title: t("match.title") });
  let hours = [];
  const { place, redraw, close } = chart(t("match.title"), (width) => option(hours, width));
  const figures = h("dl", { class: "trio" });
  const stop = watch(path, 60, (state) => show(into, state, path, (document_) => {
    hours = hoursOf(document_);
    place.style.height = `${isDay(hours) ? 6 : 16}rem`;
    queueMicrotask(redraw);
    return [figures, place, scale(), h("p", { class: "small" }, t("match.what")), numberTable("match-numbers", [t("match.hour"), t("match.used"), t("match.matched"), "%"], () => hours.map((hour) => [momentOf(hour.start_ms), figure(hour.known ? hour.used : null, "kWh"), figure(hour.known ? hour.matched : null, "kWh"), percent(hour.share)]))];
  }, (d) => !d.series.consumption?.some((kwh) => typeof kwh === "number") && t("match.empty")));
  const end = indicators((document_) => figures.replaceChildren(...["annual_match", "hourly_match", "cfe_score"].map((name) => one(document_, name))));
  return { section: into.section, redraw, close: () => [stop, close, end].forEach((halt) => halt()) };
}

function one({ indicators, period }, name) {
  const found = indicators[name];
  return h("div", null, h("dt", null, t(`indicator.${name}`)),
    h("dd", { class: "big" }, asks(`match-${name}`, () => explainIndicator(found, period), figure(found?.value ?? null, found?.unit))));
}

const colors = (of) => Array.from({ length: STEPS }, (_, step) => of(`scale-${step}`));

function scale() {
  const step = (n) => h("i", { class: `s-${n}`, "aria-hidden": "true" });
  return h("p", { class: "legend scale" }, h("span", null, "0 %"), h("span", { class: "ramp" }, [0, 1, 2, 3, 4].map(step)), h("span", null, "100 %"), h("span", null, h("i", { class: "s-none", "aria-hidden": "true" }), t("match.unknown")));
}

const isDay = (hours) => hours.length > 0 && dateOf(hours[0].start_ms) === dateOf(hours.at(-1).start_ms);

// Days across and hours down; of a single day the hours across and nothing down.
function option(hours, width) {
  if (hours.length === 0) return null;
  const { of, rem, text } = ink();
  const days = [...new Set(hours.map((hour) => dateOf(hour.start_ms)))];
  const single = days.length === 1;
  const at = (hour) => (single ? [hourOf(hour.start_ms), 0] : [days.indexOf(dateOf(hour.start_ms)), hourOf(hour.start_ms)]);
  const known = hours.filter((hour) => hour.share !== null).map((hour) => ({ value: [...at(hour), hour.share], hour }));
  const absent = hours.filter((hour) => hour.share === null).map((hour) => ({ value: [...at(hour), 0], hour }));
  const clock = Array.from({ length: 24 }, (_, hour) => String(hour).padStart(2, "0"));
  const names = single ? clock : days.map((day) => dayOf(hours.find((hour) => dateOf(hour.start_ms) === day).start_ms));
  const axis = { type: "category", axisTick: { show: false }, axisLine: { show: false }, splitLine: { show: false } };
  const gap = width / names.length > 0.6 * rem ? 1 : 0;
  const cells = { borderColor: of("card"), borderWidth: gap };
  const blank = { color: of("card"), decal: { color: of("line"), dashArrayX: [1, 0], dashArrayY: [1, 5], rotation: -Math.PI / 4 }, ...cells };
  return {
    textStyle: text, grid: { left: 4, right: 4, top: 4, bottom: 4, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    xAxis: { ...axis, data: names, axisLabel: { ...text, hideOverlap: true } },
    yAxis: { ...axis, data: single ? [""] : clock, inverse: true, axisLabel: { ...text, interval: 5 } },
    visualMap: { show: false, min: 0, max: 1, dimension: 2, seriesIndex: 0, inRange: { color: colors(of) } },
    tooltip: tooltip(({ data }) => tip(data.hour)),
    series: [{ type: "heatmap", data: known, itemStyle: cells }, { type: "heatmap", data: absent, itemStyle: blank, silent: false }],
  };
}

function tip(hour) {
  const line = (word, value) => h("div", null, h("span", null, t(word)), value);
  return h("div", { class: "tip-in" }, h("b", null, `${momentOf(hour.start_ms)} – ${minuteOf(hour.start_ms + HOUR_MS)}`),
    hour.share === null ? h("p", null, t("match.unknown")) : [line("match.used", figure(hour.used, "kWh")), line("match.matched", figure(hour.matched, "kWh")), line("match.share", `${three(hour.share * 100)} %`)]);
}
