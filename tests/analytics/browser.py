"""Debian's Chromium under Playwright: a tab with its size and looks, what it said, what it asked for."""

import time
from pathlib import Path
from typing import Any, Self

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Error, sync_playwright

DEADLINE_S = 60
FLAGS = ("--no-sandbox", "--hide-scrollbars", "--mute-audio")  # root in a container has no sandbox
AXE = {
    "resultTypes": ["violations"],
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]},
}
# What moves the page under the reader's eyes, apart from what the reader did; the sum is the cumulative layout shift.
SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => list.getEntries().forEach((e) => e.hadRecentInput || window.shifts.push(
  [e.value, ...e.sources.map((s) => s.node?.closest?.('[id]')?.id ?? s.node?.nodeName)]
))).observe({ type: 'layout-shift', buffered: true });
"""


class Browser:
    """One browser process; use as a context. The sync interface holds an event loop: keep it to one test module."""

    def __init__(self, program: str) -> None:
        self._program = program

    def __enter__(self) -> Self:
        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(executable_path=self._program, args=list(FLAGS))
        return self

    def __exit__(self, *_: object) -> None:
        self._browser.close()
        self._playwright.stop()

    def page(self, **looks: Any) -> "Page":
        """A new tab with a profile of its own."""
        return Page(self._browser, **looks)


class Page:
    """One tab."""

    def __init__(
        self, browser: Any, *, size: tuple[int, int] = (1280, 720), dark: bool = False, still: bool = False
    ) -> None:
        self._context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if dark else "light",
            reduced_motion="reduce" if still else "no-preference", locale="en-GB", timezone_id="Europe/Berlin",
        )  # fmt: skip
        self._context.set_default_timeout(DEADLINE_S * 1000)
        self._context.add_init_script(SHIFTS)
        self.tab = self._context.new_page()
        self._said: list[str] = []
        self._asked: list[str] = []
        self.tab.on("console", self._hear)
        self.tab.on("pageerror", lambda error: self._said.append(f"uncaught: {error}"))
        self.tab.on("request", lambda request: self._asked.append(request.url))

    def _hear(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self._said.append(f"{message.text} {message.location.get('url', '')}")

    def go(self, url: str) -> None:
        """Open an address."""
        self.tab.goto(url)

    def resize(self, width: int, height: int) -> None:
        """Another size, and two frames for the page to settle in it."""
        self.tab.set_viewport_size({"width": width, "height": height})
        self.run("new Promise((settled) => requestAnimationFrame(() => requestAnimationFrame(() => settled())))")

    def run(self, expression: str) -> Any:
        """The value of an expression in the page; a promise is waited for."""
        return self.tab.evaluate(expression)

    def until(self, expression: str) -> None:
        """Wait until an expression holds; Playwright's own waiting evaluates strings, which the policy forbids."""
        late = time.monotonic() + DEADLINE_S
        while not self._holds(expression):
            if time.monotonic() > late:
                raise TimeoutError(f"never true: {expression}; {self.complaints()}")
            time.sleep(0.05)

    def _holds(self, expression: str) -> bool:
        try:
            return bool(self.run(f"!!({expression})"))
        except Error as error:  # on its way to another page
            if "context was destroyed" in error.message or "navigation" in error.message:
                return False
            raise

    def press(self, key: str) -> None:
        """One key, as a keyboard gives it."""
        self.tab.keyboard.press(key)

    def paper(self) -> None:
        """As it would be printed."""
        self.tab.emulate_media(media="print")

    def complaints(self) -> list[str]:
        """Errors and warnings on the console, uncaught exceptions, refusals by the content policy."""
        self.tab.evaluate("0")  # what was said before arrives before the answer
        return self._said

    def requests(self) -> list[str]:
        """Every address the tab asked for."""
        return self._asked

    def shifted(self) -> tuple[float, list[Any]]:
        """The cumulative layout shift since the page was opened [1], and what moved."""
        moved = self.run("window.shifts")
        return sum(value for value, *_ in moved), moved

    def barriers(self) -> list[str]:
        """What axe-core has to say: WCAG 2.0 to 2.2, A and AA."""
        found = Axe().run(self.tab, options=AXE).response["violations"]
        return [f"{v['id']}: {n['html'][:160]} {n['failureSummary'][:300]}" for v in found for n in v["nodes"]]

    def close(self) -> None:
        """Close the tab, and with it its stream."""
        self._context.close()

    def picture(self, path: Path, *, whole: bool = False) -> None:
        """Keep what is seen as a PNG; `whole` goes below the fold."""
        self.tab.screenshot(path=path, full_page=whole)
