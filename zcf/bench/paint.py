"""What a headless browser sees of the page: first paint, when numbers stand, what moves, how old a painted one is."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any, Final

PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome")
FLAGS: Final = ("--no-sandbox", "--hide-scrollbars", "--mute-audio")  # root in a container has no sandbox
VIEWS: Final = ("now", "balance", "criteria", "data", "alerts")
MOMENTS: Final = {"first paint": "first_paint_ms", "contentful": "contentful_ms", "numbers": "numbers_ms"}
LOOKS: Final = 5  # cold loads; the median counts
PATIENCE_S: Final = 60.0
# Paint Timing and Layout Instability (W3C); a number is painted at the frame after it changed.
OBSERVER: Final = """
window.seen = { painted: {}, shifted: 0, ages: [] };
const each = (type, take) =>
  new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({ type, buffered: true });
each("paint", (one) => { seen.painted[one.name] = one.startTime; });
each("layout-shift", (one) => { if (!one.hadRecentInput) seen.shifted += one.value; });
new MutationObserver((changes) => {
  const stands = !seen.numbers && document.querySelector(".node-value");
  if (stands) requestAnimationFrame(() => { seen.numbers ??= performance.now(); });
  for (const { type, target } of changes) {
    if (type === "attributes") requestAnimationFrame(() => seen.ages.push(Date.now() - Number(target.dataset.time)));
  }
}).observe(document, { subtree: true, childList: true, attributeFilter: ["data-time"] });
"""
QUIET: Final = "!document.querySelector('main .skeleton') && !!document.querySelector('main [data-phase=ready]')"


def lacking() -> str:
    """Why nothing can be looked at here; empty when it can."""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "Playwright is not installed: the extra `bench` has it"
    return "" if _program() else f"no browser is installed, none of {', '.join(PROGRAMS)}"


def _program() -> str:
    return next((found for name in PROGRAMS if (found := shutil.which(name))), "")


def look(url: str, seconds: float) -> dict[str, Any]:
    """Cold loads of the first view [ms], the shift of every view [1], ages of numbers when they are painted [ms]."""
    with _browser() as browser:
        loads = [_load(browser, f"{url}/#now") for _ in range(LOOKS)]
        shifts = {view: _watched(browser, f"{url}/#{view}", 1.0)["shifted"] for view in VIEWS}
        ages = _watched(browser, f"{url}/#now", seconds)["ages"]
    return {
        "loads": len(loads),
        **{name: median(load[name] for load in loads) for name in MOMENTS.values()},
        "layout_shift": shifts, "painted_age_ms": ages,
    }  # fmt: skip


@contextmanager
def _browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_program(), args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def _tab(browser: Any, url: str) -> Iterator[Any]:
    """A profile of its own: nothing is cached."""
    context = browser.new_context(viewport={"width": 1280, "height": 720}, locale="en-GB")
    context.add_init_script(OBSERVER)
    tab = context.new_page()
    try:
        tab.goto(url, wait_until="domcontentloaded")
        yield tab
    finally:
        context.close()


def _until(tab: Any, expression: str) -> None:
    late = time.monotonic() + PATIENCE_S
    while not tab.evaluate(expression) and time.monotonic() < late:
        time.sleep(0.05)


def _load(browser: Any, url: str) -> dict[str, float]:
    with _tab(browser, url) as tab:
        _until(tab, "!!window.seen.numbers")
        seen = tab.evaluate("window.seen")
    painted = seen["painted"]
    return {
        "first_paint_ms": painted["first-paint"], "contentful_ms": painted["first-contentful-paint"],
        "numbers_ms": seen["numbers"],
    }  # fmt: skip


def _watched(browser: Any, url: str, seconds: float) -> dict[str, Any]:
    with _tab(browser, url) as tab:
        _until(tab, QUIET)
        time.sleep(seconds)
        return dict(tab.evaluate("window.seen"))
