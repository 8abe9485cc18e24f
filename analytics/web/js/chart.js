// A chart in a card: ECharts comes when the first chart does; drawn again for another size, theme, or paper.

import { h } from "./dom.js";

let library = null;

// ECharts is large: nothing asks for it before something is to be drawn.
function echarts() {
  library ??= import("../vendor/echarts.min.js").then(() => globalThis.echarts);
  return library;
}

// The colours and letters of the page, for a canvas that no style sheet reaches.
export function ink() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(`--${name}`).trim();
  const rem = parseFloat(style.fontSize);
  return { of, rem, text: { color: of("ink-2"), fontFamily: of("type"), fontSize: 0.75 * rem } };
}

export const tooltip = (inside, more = {}) => ({ className: "tip", borderWidth: 0, padding: 0, backgroundColor: "transparent", confine: true, formatter: inside, ...more });

// `option()` is asked at each drawing; `press(event)` when something of the chart is pressed.
export function chart(label, option, press = null) {
  const place = h("div", { class: "chart", role: "img", "aria-label": label });
  let drawn = null;
  const redraw = async () => {
    const { init } = await echarts();
    if (!place.isConnected || place.clientWidth === 0) return;
    const wanted = option(place.clientWidth);
    if (!wanted) return;
    drawn?.dispose();
    drawn = init(place, null, { renderer: "canvas" });
    drawn.setOption({ animation: false, ...wanted });
    if (press) drawn.on("click", press);
  };
  const sized = new ResizeObserver(() => (drawn && drawn.getWidth() !== place.clientWidth ? redraw() : drawn?.resize()));
  sized.observe(place);
  addEventListener("beforeprint", redraw);
  const close = () => {
    sized.disconnect();
    removeEventListener("beforeprint", redraw);
    drawn?.dispose();
  };
  return { place, redraw, close };
}

