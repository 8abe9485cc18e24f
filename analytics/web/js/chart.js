// A chart in a card: ECharts comes when the first chart does; drawn again for another size, theme, or paper.

import { h } from "./dom.js";

const SHRUNK = 0.75; // letters on paper are 12 px, on a screen 16
const PAPER = 688 / SHRUNK; // between the margins of an A4 page [px]

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

// Paper is light, whatever the screen is.
function inLight(make) {
  const { dataset } = document.documentElement;
  const { theme } = dataset;
  dataset.theme = "light";
  try {
    return make();
  } finally {
    if (theme === undefined) delete dataset.theme;
    else dataset.theme = theme;
  }
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
  // Paper waits for nobody: drawn once more beside the screen's, at once, all layers as one picture.
  let sheet = null;
  const onPaper = () => {
    if (!drawn || sheet) return;
    const size = { width: PAPER, height: drawn.getHeight() };
    const wanted = inLight(() => option(PAPER));
    sheet = wanted && globalThis.echarts.init(h("div"), null, { renderer: "canvas", ...size });
    sheet?.setOption({ animation: false, ...wanted });
    place.style.setProperty("--paper-height", SHRUNK * size.height);
    const picture = sheet?.renderToCanvas({ pixelRatio: 2 });
    if (picture) place.append(Object.assign(picture, { className: "sheet" }));
  };
  const offPaper = () => {
    place.querySelector(".sheet")?.remove();
    sheet?.dispose();
    sheet = null;
  };
  const sized = new ResizeObserver(() => !sheet && (drawn && drawn.getWidth() !== place.clientWidth ? redraw() : drawn?.resize()));
  sized.observe(place);
  addEventListener("beforeprint", onPaper);
  addEventListener("afterprint", offPaper);
  const close = () => {
    sized.disconnect();
    offPaper();
    removeEventListener("beforeprint", onPaper);
    removeEventListener("afterprint", offPaper);
    drawn?.dispose();
  };
  return { place, redraw, close };
}

