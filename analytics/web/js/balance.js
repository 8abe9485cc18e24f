// Balance: how much, at what carbon; one period at a time, location- and market-based side by side.

import { card, show } from "./card.js";
import { costCard } from "./cost.js";
import { curveCard } from "./curve.js";
import { watch } from "./documents.js";
import { h, put } from "./dom.js";
import { all, dateOf, figure, momentOf, most, percent, pretty, scaled, three, tonnes } from "./figures.js";
import { asks, explainEnergy, explainTotal } from "./explained.js";
import { explainLine, status } from "./explanation.js";
import { interval, intervalOf } from "./interval.js";
import { equipmentCards, indicatorsOf } from "./equipment.js";
import { matchCard } from "./match.js";
import { periodOf } from "./period.js";
import { sankeyCard } from "./sankey.js";
import { targetsCard } from "./targets.js";
import { named, t } from "./words.js";

const EVERY_S = 60;

// The period before or after one of the same length: 2026-11-21, 2026-11 or 2026.
export function stepped(period, by) {
  const [year, month, day] = period.split("-").map(Number);
  const moved = day ? new Date(Date.UTC(year, month - 1, day + by)) : month ? new Date(Date.UTC(year, month - 1 + by, 1)) : new Date(Date.UTC(year + by, 0, 1));
  return moved.toISOString().slice(0, period.length);
}

export function openBalance(root, page, argument) {
  const today = dateOf(page.live.now());
  const understood = periodOf(argument, today);
  const period = understood ?? periodOf("", today);
  if (!understood) page.misread(argument, period, t("misread.period"));
  const cards = {
    sums: card("sums", { title: t("balance.sums") }),
    energy: card("energy", { title: t("balance.energy") }),
    beside: card("beside", { title: t("balance.beside") }),
    lines: card("lines", { title: t("balance.lines") }),
  };
  const numbers = indicatorsOf(period);
  const curve = curveCard(period);
  const match = matchCard(period);
  const sankey = sankeyCard(period, page);
  const cost = costCard(period);
  const targets = targetsCard(/\d{4}/.exec(period)[0]);
  const plant = equipmentCards(page, numbers);
  const note = h("p", { class: "small" });
  put(root, header(period, today, note), h("div", { class: "stack" },
    h("div", { class: "across" }, cards.sums.section, cards.energy.section, cards.beside.section),
    targets.section, h("div", { class: "halves" }, curve.section, match.section), sankey.section,
    h("div", { class: "thirds" }, cost.section, ...plant.sections), cards.lines.section));
  const path = `balance?period=${encodeURIComponent(period)}`;
  const tree = { document: null };
  const empty = (d) => d.lines.length === 0 && t("balance.empty");
  const stops = [
    watch(path, EVERY_S, (state) => {
      if (state.document) put(note, noteOf(state.document));
      show(cards.sums, state, path, sums, empty);
      show(cards.energy, state, path, (d) => energy(d, tree));
      show(cards.beside, state, path, beside);
      show(cards.lines, state, path, lines, empty);
    }),
    watch(`tree?period=${encodeURIComponent(period)}`, EVERY_S, (state) => { tree.document = state.document; }),
  ];
  const charts = [curve, match, sankey];
  return { theme: () => charts.forEach((one) => one.redraw()), live: plant.live, close: () => [...stops, ...charts.map((one) => one.close), cost.close, plant.close, targets.close].forEach((end) => end()) };
}

function header(period, today, note) {
  const kinds = [["day", today], ["month", today.slice(0, 7)], ["year", today.slice(0, 4)]];
  const regular = /^\d{4}(-\d{2}){0,2}$/.test(period);
  const kind = kinds.find(([, now]) => regular && now.length === period.length);
  const go = (to) => { location.hash = `balance/${to}`; };
  const pressed = ([name, now]) => h("button", { type: "button", "data-key": `period-${name}`, "aria-pressed": String(period === now), onclick: () => go(now) }, t(`period.${name}`));
  const step = (by, word, sign) => h("button", { type: "button", "data-key": `step${by}`, "aria-label": t(word), title: t(word), disabled: !kind || (by > 0 && period >= kind[1]), onclick: () => go(stepped(period, by)) }, sign);
  return h("div", { class: "view-head" },
    h("div", { class: "segments", role: "group", "aria-label": t("period") }, kinds.map(pressed)),
    h("div", { class: "steps" }, step(-1, "period.before", "‹"), h("output", null, period), step(1, "period.after", "›")), note);
}

function noteOf({ settled_until_ms: until, provisional, complete }) {
  return [complete === false && [h("span", { class: "tag", "data-weak": true }, t("incomplete")), " "], provisional && h("span", { class: "tag is-provisional" }, t("provisional")), provisional ? " " : "", until ? t("balance.settled", { time: momentOf(until) }) : ""];
}

function sums(document_) {
  const { totals, provisional, uncertainty } = document_;
  const cell = (word, name, method) => h("td", { class: provisional ? "provisional" : "" }, h("div", null, asks(`${name}-${method}`, () => explainTotal(document_, word, name, method), tonnes(totals[name]?.co2_only))), h("div", { class: "small" }, interval(intervalOf(uncertainty, name), name.startsWith("scope"))), h("div", { class: "small faint" }, asks(`${name}-${method}-e`, () => explainTotal(document_, word, name, method), tonnes(totals[name]?.co2e, "co2e"))));
  const row = (word, lb, mb, kind = "") => h("tr", { class: kind }, h("th", { scope: "row" }, t(word)), cell(word, lb, "LB"), cell(word, mb, "MB"));
  const head = (method) => h("th", { scope: "col", title: t(`method.${method}.long`) }, `${t(`method.${method}`)} ${method}`);
  return h("table", { class: "sums" },
    h("thead", null, h("tr", null, h("th", { scope: "col" }, t("balance.gross"), h("div", { class: "narrow-only" }, t("balance.interval"))), head("LB"), head("MB"))),
    h("tbody", null, row("scope.1", "scope1", "scope1"), row("scope.2", "scope2_lb", "scope2_mb"), row("scope.total", "total_lb", "total_mb", "total")));
}

const rows = (pairs) => h("dl", { class: "rows" }, pairs.map(([word, value, carrier]) => h("div", null, h("dt", null, carrier && h("i", { class: `c-${carrier}`, "aria-hidden": "true" }), t(word)), h("dd", null, value))));

function energy(document_, tree) {
  const { energy: e } = document_;
  const placed = e.placed_share ?? 0;
  const largest = most(Object.entries(e).filter(([name]) => name.endsWith("_kwh")).map(([, kwh]) => kwh));
  const row = (name, carrier) => [`energy.${name}`, asks(`energy-${name}`, () => explainEnergy(document_, name, tree.document), figure(e[`${name}_kwh`], "kWh", {}, largest)), carrier];
  return [
    rows([row("import", "grid"), row("generation", "pv"), row("self_use"), row("export"), row("charge", "storage"), row("discharge", "storage"), row("consumption")]),
    placed > 0 && h("div", null,
      h("div", { class: "share", role: "img", "aria-label": t("energy.placed", { share: percent(placed) }) }, h("i", { class: "c-load", css: { "flex-grow": String(1 - placed) } }), h("i", { class: "c-load estimated", css: { "flex-grow": String(placed), "min-width": "6px" } })),
      h("p", { class: "small" }, t("energy.placed", { share: percent(placed) }))),
  ];
}

function beside({ beside: b }) {
  const largest = most(b.export_kwh, b.certificates_kwh);
  const avoided = b.avoided_kg === null && b.export_kwh > 0 ? h("span", { class: "small" }, t("beside.avoided.none")) : tonnes(b.avoided_kg, "co2e");
  return [
    rows([["beside.export", figure(b.export_kwh, "kWh", {}, largest)], ["beside.avoided", avoided], ["beside.certificates", figure(b.certificates_kwh, "kWh", {}, largest)], ["beside.offsets", tonnes(b.offsets_kg, "co2e")]]),
    h("p", { class: "small" }, t("beside.why")),
  ];
}

const GROUPS = [["-", "scope.1", "scope1"], ["LB", "scope.2.LB", "scope2_lb"], ["MB", "scope.2.MB", "scope2_mb"]];

function lines({ lines: all_, totals, faults, rejected }) {
  const head = ["line.name", "line.activity", "line.factor", "line.match", "line.kg"].map((word) => h("th", { scope: "col", class: /activity|kg/.test(word) ? "num" : "" }, t(word)));
  const group = ([method, word, total]) => {
    const own = all_.filter((line) => line.method === method);
    if (own.length === 0) return null;
    const sum = own.length > 1 && h("tr", { class: "sum" }, h("td", { colspan: 4 }, t("line.sum", { of: t(word) })), h("td", { class: "num" }, tonnes(totals[total]?.co2_only)));
    return h("tbody", { class: "group" }, h("tr", null, h("th", { colspan: 5, scope: "rowgroup" }, t(word))), own.map(lineRow), sum);
  };
  return [
    h("table", { class: "lines" }, h("thead", null, h("tr", null, head)), GROUPS.map(group)),
    listed("balance.faults", faults),
    listed("balance.rejected", rejected),
  ];
}

const listed = (word, entries) => entries?.length > 0 && h("div", { class: "faults" }, h("h3", { class: "card-title" }, t(word)), entries.map((entry) => h("p", { title: entry.where }, named(entry))));

function lineRow(line, index) {
  const { activity, factor } = line;
  const shown = scaled(activity.value, activity.unit);
  return h("tr", { class: "line" },
    h("td", null, h("button", { type: "button", class: "name", "data-key": line.id ?? `line-${line.method}-${line.point}-${index}`, title: t("line.open"), onclick: () => explainLine(line) }, named(line.name, line.point))),
    h("td", { class: "num activity", title: shown.full }, shown.text, " ", h("span", { class: "unit" }, shown.unit)),
    h("td", { class: "factor" }, h("span", { title: `${all(factor.value)} ${factor.unit}` }, three(factor.value)), " ", h("span", { class: "unit" }, pretty(factor.unit)), h("div", { class: "small" }, factor.year, " ", status(factor.status))),
    h("td", { class: "match" }, named(line.match)),
    h("td", { class: "num kg" }, tonnes(line.kg, line.gas)));
}
