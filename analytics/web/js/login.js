// The token becomes a cookie that no script can read; here it is sent once and kept nowhere.

const said = document.getElementById("said");

document.getElementById("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const token = document.getElementById("token").value.trim();
  const answer = await fetch("api/v1/session", {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ token }),
  });
  if (answer.ok) location.replace("./");
  else if (answer.status === 429) said.textContent = "失败次数过多，请稍候 · Too many failures, wait a minute";
  else said.textContent = "令牌无效、过期或已撤销 · The token is unknown, expired or revoked";
});
