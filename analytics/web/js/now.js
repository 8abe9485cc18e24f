// Now: where the power comes from and goes to, this second; and the headline of every other view.

import { card, show } from "./card.js";
import { watch } from "./documents.js";
import { h, morph, put } from "./dom.js";
import { age, dateOf, dayOf, coverage as covered, figure, percent, timeOf, tonnes, whole } from "./figures.js";
import { draw, key } from "./flow.js";
import { named, t } from "./words.js";
import { mark, tally, wordOf } from "./verdict.js";

const EVERY_S = 30;

export function openNow(root, page) {
  const cards = {
    today: card("today", { title: t("today.title"), link: `#balance/${dateOf(page.live.now())}` }),
    month: card("month", { title: t("month.title"), link: "#balance" }),
    verdicts: card("verdicts", { title: t("criteria.title"), link: "#criteria" }),
    quality: card("quality", { title: t("quality.title"), link: "#data" }),
  };
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
  put(root, stage.section, h("div", { class: "headlines" }, Object.values(cards).map((one) => one.section)));

  const redraw = () => drawStage(stage, kpis, place, page);
  const sized = new ResizeObserver(redraw);
  sized.observe(place);
  const today = dateOf(page.live.now());
  const follow = (path, into, render, empty) => watch(path, EVERY_S, (state) => show(into, state, path, render, empty));
  const stops = [
    follow(`balance?period=${today}`, cards.today, todayOf),
    follow(`balance?period=${today.slice(0, 7)}`, cards.month, monthOf, (d) => d.lines.length === 0 && t("balance.empty")),
    follow("score", cards.verdicts, scoreOf, (d) => d.verdicts.length === 0 && t("criteria.empty")),
    follow("quality", cards.quality, qualityOf),
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
  morph(kpis, ...kpisOf(flow, live, offline));
  draw(place, { flow, points, readings: live.points, now: live.now(), offline });
}

const sumOf = (nodes, pick) => nodes.reduce((sum, node) => sum + (pick(node) ?? 0), 0);

function kpisOf({ balance, nodes }, live, offline) {
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
    h("div", { class: `kpi ${old ? "old" : ""}` }, h("dt", null, t(word)), h("dd", null, unit === "%" ? share(value) : figure(value, unit), h("span", { class: "more" }, old || more)));
  return [
    one("kpi.consumption", balance.consumption_kw, "kW", waiting),
    exports ? one("kpi.export", balance.grid_export_kw, "kW") : one("kpi.import", balance.grid_import_kw, "kW"),
    one("kpi.generation", balance.generation_kw, "kW"),
    stored.length > 0 && one("kpi.storage", Math.abs(battery), "kW", [battery && t(battery > 0 ? "flow.charging" : "flow.discharging"), charged].filter(Boolean).join(" · ")),
    one("kpi.self", balance.self_share, "%"),
  ].filter(Boolean);
}

const share = (value, text = percent(value)) => h("span", { class: "figure" }, h("span", { class: "value" }, text), " ", h("span", { class: "unit" }, "%"));

function todayOf({ energy }) {
  const bought = energy.import_kwh ?? 0;
  const own = energy.self_use_kwh ?? Math.max(0, (energy.generation_kwh ?? 0) - (energy.export_kwh ?? 0));
  const bar = [["grid", bought], ["pv", own]].map(([carrier, kwh]) => h("i", { class: `c-${carrier}`, css: { "flex-grow": String(Math.max(0, kwh)) } }));
  return [
    h("p", { class: "big" }, figure(energy.consumption_kwh, "kWh")),
    h("div", { class: "share", role: "img", "aria-label": t("today.share", { grid: whole(bought), own: whole(own) }) }, bar),
    h("p", { class: "legend" }, key("grid", [t("today.grid"), " ", figure(bought, "kWh")]), key("pv", [t("today.own"), " ", figure(own, "kWh")])),
  ];
}

function monthOf({ totals, period, settled_until_ms, provisional }) {
  const one = (method, sum) => h("div", null, h("dt", null, t(`method.${method}`), " ", h("abbr", { title: t(`method.${method}.long`) }, method)), h("dd", { class: provisional ? "big provisional" : "big" }, tonnes(sum?.co2_only)));
  return [
    h("dl", { class: "pair" }, one("LB", totals.total_lb), one("MB", totals.total_mb)),
    h("p", { class: "small" }, t("month.gross", { from: dayOf(period.start_ms), to: dayOf(Math.min(period.end_ms, settled_until_ms ?? period.end_ms) - 1) }), " ", provisional && h("span", { class: "tag is-provisional" }, t("provisional"))),
  ];
}

function scoreOf({ counts, counts_apart: apart, standard }) {
  const others = Object.values(apart ?? {}).reduce((sum, count) => sum + count, 0);
  return [
    h("ul", { class: "counts" }, tally(counts).map(([outcome, count]) => h("li", null, mark(outcome), h("span", { class: "value" }, count), h("span", { class: "word" }, wordOf(outcome))))),
    h("p", { class: "small" }, named(standard?.name), others > 0 && h("span", { class: "faint" }, ` · ${t("criteria.apart", { n: others })}`)),
  ];
}

function qualityOf({ coverage, ticks, open_items: items, devices }) {
  const silent = devices.filter((device) => device.last_ms === null).length;
  return [
    h("p", { class: "big" }, share(null, covered(coverage ?? (ticks?.due ? ticks.read / ticks.due : null))), " ", h("span", { class: "small" }, t("quality.read"))),
    h("p", { class: "small" }, t("quality.line", { gap: whole(ticks?.gap), open: whole(items.length) }), silent > 0 && ` · ${t("quality.silent", { n: silent })}`),
  ];
}

export function connectionText(live) {
  const { phase } = live;
  if (phase === "ready") return t("live.on", { time: timeOf(live.now()) });
  return t(phase === "loading" ? "live.opening" : "live.off", { age: age(Date.now() - live.heard) });
}
