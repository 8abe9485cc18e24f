// Runs before the first paint, so that neither theme nor language flickers: the address wins, then what was kept, then the browser.
(() => {
  const asked = new URLSearchParams(location.search);
  const kept = (key) => {
    try {
      return localStorage.getItem(key);
    } catch {
      return null; // storage may be forbidden; the page works without
    }
  };
  const choose = (key, allowed) => [asked.get(key), kept(key)].find((value) => allowed.includes(value));
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const theme = choose("theme", ["light", "dark"]);
  root.dataset.theme = theme ?? (dark.matches ? "dark" : "light");
  if (!theme) dark.addEventListener("change", () => { root.dataset.theme = dark.matches ? "dark" : "light"; });
  const spoken = navigator.languages.find((tag) => /^(zh|en)\b/i.test(tag)) ?? "zh";
  root.lang = (choose("lang", ["zh", "en"]) ?? spoken.slice(0, 2).toLowerCase()) === "en" ? "en" : "zh-CN";
})();
