// Alerts: what needs a person, how long already, and whether somebody has been told.

import { card, show } from "./card.js";
import { again, watch } from "./documents.js";
import { h, put } from "./dom.js";
import { facts, openExplanation } from "./explanation.js";
import { age, all, momentOf, span, three, pretty } from "./figures.js";
import { choiceOf, entering, field, openForm, why } from "./session.js";
import { severityMark } from "./severity.js";
import { has, named, t } from "./words.js";

const EVERY_S = 10;
export const PATH = "alerts";

// Where the service has no alerts at all, that is a state of its own and not a fault.
export const without = (state) => state.problem?.status === 404;
const unset = { phase: "ready", document: { unset: true } };

export function followAlerts(into, render, empty) {
  return watch(PATH, EVERY_S, (state) => show(into, without(state) ? unset : state, PATH, render, (d) => (d.unset ? [t("alerts.unset"), t("alerts.how")] : empty?.(d))));
}

export function openAlerts(root) {
  const cards = {
    firing: card("firing", { title: t("alerts.firing") }), receivers: card("receivers", { title: t("alerts.receivers") }),
    rules: card("rules", { title: t("alerts.rules") }), silences: card("silences", { title: t("alerts.silences") }), history: card("history", { title: t("alerts.history") }),
  };
  put(root, h("div", { class: "stack" }, cards.firing.section, h("div", { class: "halves" }, cards.rules.section, h("div", { class: "stack" }, cards.receivers.section, cards.silences.section)), cards.history.section));
  const others = [cards.receivers, cards.rules, cards.silences, cards.history].map((one) => one.section);
  const stops = [
    watch(PATH, EVERY_S, (state) => others.forEach((section) => { section.hidden = without(state); })),
    followAlerts(cards.firing, firing, (d) => d.alerts.length === 0 && t("alerts.none")),
    followAlerts(cards.receivers, receivers, (d) => d.receivers.length === 0 && t("alerts.receivers.none")),
    followAlerts(cards.rules, rules, (d) => d.rules.length === 0 && t("alerts.rules.none")),
    followAlerts(cards.silences, silences, (d) => !d.silences?.length && t("alerts.silences.none")),
    followAlerts(cards.history, history, (d) => d.history.length === 0 && t("alerts.history.none")),
  ];
  return { close: () => stops.forEach((stop) => stop()) };
}

const pick = (word, name) => (has(`${word}.${name}`) ? t(`${word}.${name}`) : name);

function firing({ alerts, stale, looked_ms: looked, now_ms: now }) {
  return [
    stale && h("p", { class: "not-refreshed", role: "status" }, looked ? t("alerts.stale", { age: age(now - looked) }) : t("alerts.never")),
    h("ul", { class: "alerts" }, alerts.map((one) => alertRow(one, now))),
  ];
}

export function alertRow(one, now) {
  return h("li", { class: `alert a-${one.severity}` }, severityMark(one.severity),
    h("div", null,
      h("button", { type: "button", class: "name", "data-key": `alert-${one.key}`, "aria-haspopup": "dialog", onclick: () => explainAlert(one, now) }, named(one.text) || named(one.name, one.rule)),
      h("p", { class: "small" }, h("strong", null, pick("severity", one.severity)), ` · ${named(one.name, one.rule)} · `, t("alerts.for", { span: span(now - one.since_ms) }),
        one.members.length > 1 && ` · ${t("alerts.members", { n: one.members.length })}`),
      h("p", { class: "acts" }, !one.acknowledged && act("acknowledge", one, acknowledge), !one.silenced && act("silence", one, silence))),
    h("p", { class: "alert-tags" }, one.acknowledged && h("span", { class: "tag" }, t("alerts.acknowledged", { who: one.acknowledged.who })), one.silenced && h("span", { class: "tag", "data-weak": true }, t("alerts.silenced"))));
}

const act = (word, one, open) => h("button", { type: "button", class: "button", "data-key": `${word}-${one.key}`, "aria-haspopup": "dialog", onclick: () => entering(() => open(one)) }, t(`alerts.${word}`));
const refresh = () => again(PATH);

function acknowledge(one) {
  openForm(t("alerts.acknowledge"), [h("b", null, named(one.text)), h("br"), t("alerts.acknowledge.what")], [why()], t("alerts.acknowledge"), "alerts/acknowledge", (data) => ({ key: one.key, why: data.why }), refresh);
}

const MINUTES = [30, 120, 480, 1440, 10080];

function silence(one) {
  const scope = [["this", t("alerts.silence.this", { name: named(one.subject?.name, one.subject?.id) })], ["rule", t("alerts.silence.rule", { name: named(one.name, one.rule) })]];
  const times = MINUTES.map((minutes) => [minutes, span(minutes * 60000), minutes === 120]);
  openForm(t("alerts.silence"), [h("b", null, named(one.text)), h("br"), t("alerts.silence.what")],
    [field(t("alerts.silence.scope"), choiceOf("scope", scope)), field(t("alerts.silence.minutes"), choiceOf("minutes", times)), why()],
    t("alerts.silence"), "alerts/silence", (data) => ({ rule: one.rule, subject: data.scope === "this" ? one.subject.id : "", minutes: Number(data.minutes), why: data.why }), refresh);
}

// Told of while it was still going on, or only recorded because its readings came late?
const wasLate = (one) => one.resolved_ms !== null && one.fired_ms > one.resolved_ms;

function explainAlert(one, now) {
  const told = (value) => (one.kind === "data_quality" ? `${all(100 * value)} %` : `${all(value)} ${pretty(one.unit)}`);
  const amount = (value) => (typeof value === "number" ? told(value) : null);
  openExplanation(named(one.name, one.rule), h("p", null, named(one.text)),
    facts([
      [t("alerts.severity"), pick("severity", one.severity)],
      [t("alerts.subject"), named(one.subject?.name, one.subject?.id)],
      [t("alerts.value"), amount(one.value)],
      [t("alerts.limit"), amount(one.limit)],
      [t("alerts.since"), momentOf(one.since_ms)],
      [t(wasLate(one) ? "alerts.late.at" : "alerts.fired"), `${momentOf(one.fired_ms)} (${age(now - one.fired_ms)})`],
      [t("alerts.resolved"), one.resolved_ms && momentOf(one.resolved_ms)],
      [t("alerts.caused"), one.members.slice(0, 30).map(({ id, name }) => named(name, id)).join(t("list.comma"))],
      [t("alerts.seen"), one.acknowledged && `${one.acknowledged.who} · ${momentOf(one.acknowledged.at_ms)} · ${one.acknowledged.why}`],
      [t("alerts.late"), wasLate(one) && t("alerts.late.why")],
      [t("alerts.rule"), one.rule],
      [t("alerts.key"), one.key],
    ]));
}

function receivers({ receivers: posts }) {
  const row = ({ id, channel, waiting, last_sent_ms: last, failing }) => h("tr", null, h("td", null, h("b", null, id), h("div", { class: "small" }, pick("channel", channel))),
    h("td", null, failing ? h("span", { class: "word" }, t("alerts.failing")) : t("alerts.reached"), failing && h("div", { class: "small" }, failing)),
    h("td", { class: "num" }, three(waiting)), h("td", { class: "num wide" }, momentOf(last)));
  const head = [["alerts.receiver"], ["alerts.state"], ["alerts.waiting", "num"], ["alerts.last", "num wide"]].map(([word, kind]) => h("th", { scope: "col", class: kind ?? "" }, t(word)));
  return h("table", { class: "listing" }, h("thead", null, h("tr", null, head)), h("tbody", null, posts.map(row)));
}

function rules({ rules: list }) {
  const row = (rule) => h("tr", null, h("td", { title: rule.id }, named(rule.name, rule.id), named(rule.about) && h("div", { class: "small faint" }, named(rule.about))),
    h("td", null, pick("severity", rule.severity)), h("td", { class: "num" }, rule.firing > 0 ? h("b", null, t("alerts.n_firing", { n: rule.firing })) : rule.pending > 0 ? t("alerts.n_pending", { n: rule.pending }) : t("alerts.quiet")));
  return h("table", { class: "listing" }, h("tbody", null, [...list].sort((a, b) => b.firing - a.firing || b.pending - a.pending).map(row)));
}

function history({ history: past, now_ms: now }) {
  const row = (one) => h("tr", null, h("td", null, h("button", { type: "button", class: "name plain-name", "data-key": `past-${one.key}`, "aria-haspopup": "dialog", onclick: () => explainAlert(one, now) }, named(one.text) || named(one.name, one.rule)), wasLate(one) && [" ", h("span", { class: "tag", "data-weak": true }, t("alerts.late"))]),
    h("td", { class: "wide" }, pick("severity", one.severity)), h("td", { class: "num" }, momentOf(one.since_ms)), h("td", { class: "num wide" }, one.resolved_ms ? span(one.resolved_ms - one.since_ms) : t("data.still")));
  return h("table", { class: "listing" }, h("tbody", null, past.slice(0, 30).map(row)));
}

function silences({ silences: list, rules: known }) {
  const ruleOf = (id) => named(known.find((rule) => rule.id === id)?.name, id);
  const row = (one) => h("li", null, h("p", null, h("b", null, ruleOf(one.rule)), " ", h("span", { class: "tag" }, one.subject ? named(one.name, one.subject) : t("alerts.silences.any")), " ", t("alerts.until", { time: momentOf(one.end_ms) })), h("p", { class: "small" }, h("b", null, one.who), ` · ${one.why}`));
  return h("ul", { class: "items" }, list.map(row));
}
