// Data: can these numbers be trusted?

import { card, show } from "./card.js";
import { asks } from "./asks.js";
import { correctionsCard } from "./corrections.js";
import { watch } from "./documents.js";
import { h, put } from "./dom.js";
import { correctionButton } from "./enter.js";
import { explainCount } from "./explained.js";
import { age, all, coverage as covered, dateOf, momentOf, pretty, span, whole } from "./figures.js";
import { metersCard } from "./meters.js";
import { has, named, quantityName, t } from "./words.js";

const SILENT_MS = 120000; // a device not heard of for longer is named

export function openData(root, page) {
  const cards = {
    ticks: card("ticks", { title: t("data.ticks") }),
    reasons: card("reasons", { title: t("data.reasons") }),
    open: card("open", { title: t("data.open") }),
    devices: card("devices", { title: t("data.devices") }),
  };
  const meters = metersCard(dateOf(page.live.now()).slice(0, 7), page);
  const corrections = correctionsCard(page);
  const origin = page.site?.origin?.history_until_ms;
  put(root, h("div", { class: "stack" },
    origin && h("p", { class: "not-refreshed" }, t("origin", { time: momentOf(origin) })),
    cards.ticks.section, h("div", { class: "halves" }, cards.reasons.section, h("div", { class: "stack" }, cards.open.section, corrections.section)), meters.section, cards.devices.section));
  const follow = (into, render, empty) => watch("quality", 15, (state) => show(into, state, "quality", (d) => render(d, page), empty));
  const stops = [
    follow(cards.ticks, ticks, (d) => !d.ticks?.due && t("data.ticks.empty")),
    follow(cards.reasons, reasons, (d) => Object.keys(d.gaps_by_reason ?? {}).length === 0 && t("data.reasons.empty")),
    follow(cards.open, openItems, (d) => d.open_items.length === 0 && t("data.open.empty")),
    follow(cards.devices, devices, (d) => d.devices.length === 0 && t("data.devices.empty")),
    meters.close, corrections.close,
  ];
  return { close: () => stops.forEach((stop) => stop()) };
}

function ticks({ ticks: { due, read, gap }, window_ms: [from, to], coverage }) {
  const why = () => [[t("period"), `${momentOf(from)} – ${momentOf(to)}`], [t("data.due"), all(due)], [t("data.read"), all(read)], [t("data.gap"), all(gap)]];
  const one = (word, text, value) => h("div", null, h("dt", null, t(word)), h("dd", { class: "big" }, asks(word, () => explainCount(word, value, why()), h("span", { class: "value" }, text))));
  const rest = due - read - gap;
  return [
    h("dl", { class: "trio" }, one("data.due", whole(due), due), one("data.read", whole(read), read), one("data.gap", whole(gap), gap), one("data.coverage", `${covered(coverage ?? read / due)} %`, coverage ?? read / due)),
    h("div", { class: "meter" }, h("i", { css: { width: `${(100 * read) / due}%` } })),
    h("p", { class: "small" }, t("data.window", { from: momentOf(from), to: momentOf(to) }), " ", rest === 0 ? t("data.adds_up") : t("data.pending", { n: whole(rest) })),
  ];
}

const wordOf = (reason) => (has(`gap.${reason}`) ? t(`gap.${reason}`) : reason);

function reasons({ gaps_by_reason: counts, recent_gaps: recent }) {
  const sorted = Object.entries(counts).sort(([, a], [, b]) => b - a);
  const most = Math.max(1, ...sorted.map(([, count]) => count));
  const lately = (recent ?? []).slice(0, 8).map((gap) => h("tr", null,
    h("td", { title: gap.device }, named(gap.name, gap.device)), h("td", null, wordOf(gap.reason)), h("td", { class: "num wide" }, momentOf(gap.start_ms)),
    h("td", { class: "num" }, gap.end_ms ? span(gap.end_ms - gap.start_ms) : t("data.still"))));
  return [
    h("dl", { class: "reasons" }, sorted.map(([reason, count]) => [h("dt", { title: reason }, wordOf(reason)), h("dd", { class: "meter" }, h("i", { css: { width: `${(100 * count) / most}%` } })), h("dd", { class: "num" }, whole(count))])),
    lately.length > 0 && h("details", { "data-key": "recent" }, h("summary", null, t("data.recent")), h("table", { class: "listing" }, h("tbody", null, lately))),
  ];
}

function openItems({ open_items: items }, page) {
  const reading = (word, one, unit) => one && h("span", null, t(word), " ", h("b", null, all(one.value)), " ", h("span", { class: "unit" }, pretty(unit)), h("span", { class: "faint" }, ` · ${momentOf(one.time_ms)}`));
  const alike = (item) => `${item.point} ${item.quantity} ${item.kind}`;
  const counts = items.reduce((all_, item) => all_.set(alike(item), (all_.get(alike(item)) ?? 0) + 1), new Map());
  const newest = [...new Map(items.map((item) => [alike(item), item])).values()].reverse();
  return h("ul", { class: "items" }, newest.map((item) => h("li", null,
    h("p", null, h("b", null, named(page.points.get(item.point)?.name, item.point)), " ", h("span", { class: "faint" }, quantityName(item.quantity)), " ", item.kind && h("span", { class: "tag" }, has(`open.${item.kind}`) ? t(`open.${item.kind}`) : item.kind), counts.get(alike(item)) > 1 && h("span", { class: "small" }, " ", t("data.open.more", { n: counts.get(alike(item)) }))),
    h("p", { class: "readings" }, reading("data.before", item.before, item.unit), reading("data.after", item.after, item.unit)),
    h("p", { class: "small" }, named(item.reason)),
    h("p", { class: "acts" }, correctionButton(page, { point: item.point, quantity: item.quantity })))));
}

function devices({ devices: list, window_ms: [, now] }) {
  const head = [["data.device"], ["data.profile", "wide"], ["data.last", "num"], ["data.read", "num wide"], ["data.gap", "num wide"], ["data.coverage", "num"]].map(([word, kind]) => h("th", { scope: "col", class: kind ?? "" }, t(word)));
  const quiet = ({ last_ms: last }) => Number(last === null || now - last > SILENT_MS);
  const row = ({ id, name, profile, last_ms: last, read, gap }) => {
    const silent = quiet({ last_ms: last }) === 1;
    const word = last === null ? t("data.never") : age(now - last);
    return h("tr", { class: silent ? "silent" : "" }, h("td", null, named(name, id), named(name) && named(name) !== id && h("div", { class: "small faint" }, id)), h("td", { class: "wide" }, profile), h("td", { class: "num", title: momentOf(last) }, silent ? h("span", { class: "word" }, word) : word), h("td", { class: "num wide" }, whole(read)), h("td", { class: "num wide" }, whole(gap)), h("td", { class: "num" }, read + gap > 0 ? `${covered(read / (read + gap))} %` : "–"));
  };
  return h("table", { class: "listing" }, h("thead", null, h("tr", null, head)), h("tbody", null, [...list].sort((a, b) => quiet(b) - quiet(a)).map(row)));
}
