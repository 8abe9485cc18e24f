// The token becomes a cookie that no script can read; here it is sent once and kept nowhere. Then back to where one came from.

import { language, speak, t } from "./words.js";

const byId = (id) => document.getElementById(id);
const told = { 401: "login.wrong", 429: "login.many", 0: "state.offline" };
const back = () => `./${location.search}${location.hash}`;

await speak(language());
document.title = t("login.title");
document.querySelector("a.button").href = back();
byId("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = JSON.stringify({ token: byId("token").value.trim() });
  const answer = await fetch("api/v1/session", { method: "POST", headers: { "Content-Type": "application/json" }, body }).catch(() => ({ ok: false, status: 0 }));
  if (answer.ok) location.replace(back());
  else byId("said").textContent = t(told[answer.status] ?? "state.error");
});
