// Now: where the power comes from and goes to, this second; and the headline of every other view.

import { followAlerts } from "./alerts.js";
import { card, show } from "./card.js";
import { buckets, energyPath } from "./curve.js";
import { watch } from "./documents.js";
import { h, morph, put, s } from "./dom.js";
import { equipmentCards, indicatorsOf } from "./equipment.js";
import { asks, explainCount, explainEnergy, explainNow, explainTotal } from "./explained.js";
import { age, dateOf, dayOf, coverage as covered, figure, hourOf, percent, timeOf, tonnes, whole } from "./figures.js";
import { draw, key } from "./flow.js";
import { interval, intervalOf } from "./interval.js";
import { severityMark } from "./severity.js";
import { cheapest, pricedIn, stepLine } from "./steps.js";
import { named, t } from "./words.js";
import { mark, tally, wordOf } from "./verdict.js";

const EVERY_S = 30;

export function openNow(root, page) {
  const today = dateOf(page.live.now());
  const cards = {
    today: card("today", { title: t("today.title"), link: `#balance/${today}` }),
    month: card("month", { title: t("month.title"), link: "#balance" }),
    verdicts: card("verdicts", { title: t("criteria.title"), link: "#criteria" }),
    quality: card("quality", { title: t("quality.title"), link: "#data" }),
    alerts: card("alerts-now", { title: t("alerts.title"), link: "#alerts" }),
  };
  const plant = equipmentCards(page, indicatorsOf(today));
  const stage = card("flow");
  stage.section.classList.add("stage");
  const kpis = h("dl", { class: "kpis", "aria-label": t("flow.figures") });
  const place = h("div", { class: "flow" });
  const asked = (event) => event.target.closest?.("[data-node]")?.dataset.node;
  const press = (event) => {
    const node = asked(event);
    if (!node || (event.type === "keydown" && event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    page.openNode(node);
  };
  place.addEventListener("click", press);
  place.addEventListener("keydown", press);
  const { today: first, month, verdicts, ...pair } = Object.fromEntries(Object.entries(cards).map(([name, one]) => [name, one.section]));
  put(root, stage.section, h("div", { class: "headlines" }, first, month, verdicts, h("div", { class: "pair-cards" }, Object.values(pair))), h("div", { class: "plant-cards" }, plant.sections));

  const redraw = () => {
    drawStage(stage, kpis, place, page);
    plant.live();
  };
  const sized = new ResizeObserver(redraw);
  sized.observe(place);
  const follow = (path, into, render, empty) => watch(path, EVERY_S, (state) => show(into, state, path, render, empty));
  const hours = h("div", { class: "hours" });
  const stops = [
    follow(`balance?period=${today}`, cards.today, (d) => todayOf(d, hours)),
    watch(energyPath(today), EVERY_S, (state) => state.document && put(hours, hoursOf(state.document, today))),
    follow(`balance?period=${today.slice(0, 7)}`, cards.month, monthOf, (d) => d.lines.length === 0 && t("balance.empty")),
    follow("score", cards.verdicts, scoreOf, (d) => d.verdicts.length === 0 && t("criteria.empty")),
    follow("quality", cards.quality, qualityOf),
    followAlerts(cards.alerts, alertsOf),
    plant.close,
  ];
  redraw();
  return { live: redraw, close: () => [...stops, () => sized.disconnect()].forEach((stop) => stop()) };
}

function drawStage({ section, body }, kpis, place, page) {
  const { live, points } = page;
  const { flow } = live;
  const offline = live.phase === "offline";
  section.dataset.phase = flow ? (offline ? "stale" : "ready") : live.phase;
  if (!flow && !offline) return;
  if (!flow || flow.nodes.length === 0) {
    put(body, h("div", { class: "state", role: "status" }, h("p", { class: "state-word" }, t(flow ? "flow.empty" : "state.offline")), h("p", { class: "state-why" }, t(flow ? "flow.empty.why" : "state.offline.why"))));
    return;
  }
  if (!place.isConnected) put(body, kpis, place);
  morph(kpis, ...kpisOf(flow, live, offline, page));
  draw(place, { flow, points, readings: live.points, now: live.now(), offline });
}

const sumOf = (nodes, pick) => nodes.reduce((sum, node) => sum + (pick(node) ?? 0), 0);

function kpisOf({ balance, nodes }, live, offline, page) {
  const stored = nodes.filter((node) => node.role === "storage");
  const lately = Math.max(...nodes.map((node) => node.time_ms ?? 0));
  const old = offline && lately ? age(live.now() - lately) : "";
  const battery = (balance.charge_kw ?? 0) - (balance.discharge_kw ?? 0);
  const soc = stored.filter((node) => typeof node.soc === "number");
  const charged = soc.length ? `${whole(sumOf(soc, (node) => node.soc) / soc.length)} %` : "";
  const missing = nodes.filter((node) => ["grid", "generation", "storage"].includes(node.role) && (node.stale || node.kw === null));
  const waiting = balance.consumption_kw === null && missing.length > 0 ? t("kpi.waiting", { names: missing.map((node) => named(node.name, node.id)).join(t("list.comma")) }) : "";
  const exports = (balance.grid_export_kw ?? 0) > (balance.grid_import_kw ?? 0);
  const one = (word, value, unit, more = "") =>
    h("div", { class: `kpi ${old ? "old" : ""}`, "data-key": word }, h("dt", null, t(word)), h("dd", null, asks(word, () => explainNow(page, word.slice(4)), unit === "%" ? share(value) : figure(value, unit)), h("span", { class: "more" }, old || more)));
  return [
    one("kpi.consumption", balance.consumption_kw, "kW", waiting),
    exports ? one("kpi.export", balance.grid_export_kw, "kW") : one("kpi.import", balance.grid_import_kw, "kW"),
    one("kpi.generation", balance.generation_kw, "kW"),
    stored.length > 0 && one("kpi.storage", Math.abs(battery), "kW", [battery && t(battery > 0 ? "flow.charging" : "flow.discharging"), charged].filter(Boolean).join(" · ")),
    one("kpi.self", balance.self_share, "%"),
  ].filter(Boolean);
}

const share = (value, text = percent(value)) => h("span", { class: "figure" }, h("span", { class: "value" }, text), " ", h("span", { class: "unit" }, "%"));

function todayOf(document_, hours) {
  const { energy } = document_;
  const bought = energy.import_kwh ?? 0;
  const own = energy.self_use_kwh ?? Math.max(0, (energy.generation_kwh ?? 0) - (energy.export_kwh ?? 0));
  const part = (carrier, name, word, kwh) => key(carrier, [t(word), " ", asks(`today-${name}`, () => explainEnergy(document_, name), figure(kwh, "kWh"))]);
  return [
    h("p", { class: "big" }, asks("today", () => explainEnergy(document_, "consumption"), figure(energy.consumption_kwh, "kWh"))),
    hours,
    h("p", { class: "legend" }, part("grid", "import", "today.grid", bought), part("pv", "self_use", "today.own", own), ["charge", "discharge"].map((name) => energy[`${name}_kwh`] > 0 && part("storage", name, `energy.${name}`, energy[`${name}_kwh`]))),
  ];
}

// The day's hours so far, bought below and own above; the hours to come are empty.
function hoursOf(document_, today) {
  const bars = Array.from({ length: 24 }, () => [0, 0]);
  for (const { start_ms: ms, sums } of buckets(document_, today)) {
    const bar = bars[hourOf(ms)];
    bar[0] += sums.grid_import ?? 0;
    bar[1] += Math.max(0, (sums.generation ?? 0) - (sums.grid_export ?? 0));
  }
  const most = Math.max(1e-9, ...bars.map(([grid, own]) => grid + own));
  const rect = (carrier, hour, from, to) => to > from && s("rect", { class: `c-${carrier}`, x: hour + 0.12, width: 0.76, y: 100 - (100 * to) / most, height: (100 * (to - from)) / most });
  const drawn = bars.map(([grid, own], hour) => [rect("grid", hour, 0, grid), rect("pv", hour, grid, grid + own), s("rect", { class: "slot", x: hour + 0.12, width: 0.76, y: 99, height: 1 })]);
  return s("svg", { viewBox: "0 0 24 100", preserveAspectRatio: "none", role: "img", "aria-label": t("today.hours", { most: whole(most) }) }, drawn);
}

function monthOf(document_) {
  const { totals, period, settled_until_ms, provisional, uncertainty } = document_;
  const one = (method, name) => h("div", null, h("dt", null, t(`method.${method}`), " ", h("abbr", { title: t(`method.${method}.long`) }, method)),
    h("dd", { class: provisional ? "big provisional" : "big" }, asks(name, () => explainTotal(document_, "scope.total", name, method), tonnes(totals[name]?.co2_only)), interval(intervalOf(uncertainty, name))));
  return [
    h("dl", { class: "pair" }, one("LB", "total_lb"), one("MB", "total_mb")),
    h("p", { class: "small foot-line" }, t("month.gross", { from: dayOf(period.start_ms), to: dayOf(Math.min(period.end_ms, settled_until_ms ?? period.end_ms) - 1) }), " ", provisional && h("span", { class: "tag is-provisional" }, t("provisional"))),
  ];
}

function scoreOf(score) {
  const { counts, counts_apart: apart, standard, verdicts } = score;
  pricedIn(score);
  const others = Object.values(apart ?? {}).reduce((sum, count) => sum + count, 0);
  const next = cheapest(verdicts);
  return [
    h("ul", { class: "counts" }, tally(counts).map(([outcome, count]) => h("li", null, mark(outcome), h("span", { class: "value" }, count), h("span", { class: "word" }, wordOf(outcome))))),
    next && h("p", { class: "small next" }, h("b", null, t("steps.next")), " ", stepLine(next.verdict, next.steps[0])),
    h("p", { class: "small foot-line" }, named(standard?.name), others > 0 && h("span", { class: "faint" }, ` · ${t("criteria.apart", { n: others })}`)),
  ];
}

function qualityOf({ coverage, ticks, open_items: items, devices }) {
  const read = coverage ?? (ticks?.due ? ticks.read / ticks.due : null);
  const silent = devices.filter((device) => device.last_ms === null).length;
  return [
    h("p", { class: "big" }, asks("quality", () => explainCount("data.coverage", read, [[t("data.due"), whole(ticks?.due)], [t("data.read"), whole(ticks?.read)], [t("data.gap"), whole(ticks?.gap)]]), share(null, covered(read)))),
    h("p", { class: "small" }, t("quality.line", { gap: whole(ticks?.gap), open: whole(items.length) }), silent > 0 && ` · ${t("quality.silent", { n: silent })}`),
  ];
}

function alertsOf({ counts, alerts, stale }) {
  const [worst] = alerts;
  return [
    h("p", { class: "big firing" }, worst ? severityMark(worst.severity) : mark(stale ? "UNDETERMINED" : "MET"), h("span", { class: "value" }, whole(counts.firing))),
    h("p", { class: "small next" }, stale ? t("alerts.not_looking") : worst ? named(worst.text) : t("alerts.none")),
  ];
}

export function connectionText(live) {
  const { phase } = live;
  if (phase === "ready") return t("live.on", { time: timeOf(live.now()) });
  return t(phase === "loading" ? "live.opening" : "live.off", { age: age(Date.now() - live.heard) });
}
