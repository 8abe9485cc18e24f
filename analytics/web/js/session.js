// Who is at the page: the name and role of a token that lies in a cookie no script can read; and what is sent under it.

import { h, put } from "./dom.js";
import { facts, openExplanation } from "./explanation.js";
import { t } from "./words.js";

const ENTERS = ["operator", "admin"];
const LATE_MS = 30000;

// The log-in leads back to the view it was left from.
export const loginPage = () => `login.html${location.search}${location.hash}`;
export const toLogin = () => location.assign(loginPage());

// {name, role, token}; the token's id is null for a reader at the machine itself. Null where nobody can tell.
async function whoIsHere() {
  const answer = await fetch("api/v1/whoami").catch(() => null);
  return answer?.ok ? answer.json() : null;
}

// Before anything is typed: somebody without a token is led to the log-in, somebody who may only read is told so.
export async function entering(then) {
  const caller = await whoIsHere();
  if (!caller?.token) toLogin();
  else if (!ENTERS.includes(caller.role)) openExplanation(t("session.reads"), h("p", null, t("session.reads.why", { name: caller.name, role: t(`role_of.${caller.role}`) })), h("p", null, h("a", { class: "button", href: loginPage() }, t("session.other"))));
  else then(caller);
}

// What was entered, or the faults that were found; never thrown.
export async function send(path, body, method = "POST") {
  let answer;
  try {
    answer = await fetch(`api/v1/${path}`, { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal: AbortSignal.timeout(LATE_MS) });
  } catch {
    return { faults: [t("state.offline")] };
  }
  if (answer.status === 401) toLogin();
  const told = await answer.json().catch(() => ({}));
  return answer.ok ? { entered: told } : { faults: told.faults ?? [told.detail ?? t("state.error")] };
}

// The button of the page's head: log in, or who it is and how to leave.
export async function openSession() {
  const caller = await whoIsHere();
  if (!caller?.token) return toLogin();
  const leave = async () => {
    await send("session", {}, "DELETE");
    toLogin();
  };
  openExplanation(t("session.title"), facts([[t("session.name"), caller.name], [t("session.role"), t(`role_of.${caller.role}`)], [t("session.may"), t(`role_of.${caller.role}.may`)]]), h("p", null, h("button", { type: "button", class: "button", onclick: leave }, t("session.leave"))));
}

// A form in the dialog. `fields(said)` are its inputs; `body(data)` what is sent; `done` runs when it was taken.
export function openForm(title, intro, fields, word, path, body, done) {
  const said = h("div", { class: "form-said", role: "alert" });
  const button = h("button", { class: "button strong" }, word);
  const form = h("form", { class: "form" }, intro && h("p", { class: "small" }, intro), fields, said, h("p", null, button));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    const { faults } = await send(path, body(Object.fromEntries(new FormData(form))));
    button.disabled = false;
    if (faults) put(said, faults.map((fault) => h("p", { lang: "en" }, fault)));
    else {
      document.getElementById("explanation").close();
      done();
    }
  });
  openExplanation(title, form);
}

export const field = (word, input, hint) => h("label", { class: "field" }, h("span", null, word), input, hint && h("span", { class: "small faint" }, hint));
export const textOf = (name, more = {}) => h("input", { name, type: "text", required: true, maxlength: 256, autocomplete: "off", ...more });
export const choiceOf = (name, options, more = {}) => h("select", { name, ...more }, options.map(([value, word, selected]) => h("option", { value, selected }, word)));
export const why = () => field(t("enter.why"), textOf("why"), t("enter.why.hint"));
