"""A headless Chromium spoken to over its debugging pipe: nothing but the standard library, no port, no network."""

import base64
import fcntl
import json
import os
import select
import signal
import time
from pathlib import Path
from typing import Any, Self

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-extensions", "--hide-scrollbars", "--mute-audio",
    "--remote-debugging-pipe", "--lang=en-GB",
)  # fmt: skip
DEADLINE_S = 60


def high(fd: int) -> int:
    """The same file on a number that the child's 3 and 4 cannot collide with."""
    moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 20)
    os.close(fd)
    return moved


class Browser:
    """One browser process with a profile of its own; use as a context."""

    def __init__(self, program: str, folder: Path) -> None:
        child_in, self._to = map(high, os.pipe())
        self._from, child_out = map(high, os.pipe())
        log = str(folder / "chromium.log")
        actions = [
            (os.POSIX_SPAWN_DUP2, child_in, 3),
            (os.POSIX_SPAWN_DUP2, child_out, 4),
            (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
            (os.POSIX_SPAWN_OPEN, 2, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
        ]
        arguments = [program, *FLAGS, f"--user-data-dir={folder / 'profile'}", "about:blank"]
        self._pid = os.posix_spawn(program, arguments, os.environ, file_actions=actions, setpgroup=0)
        os.close(child_in)
        os.close(child_out)
        self._rest = b""
        self._number = 0
        self.events: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._to)
        os.close(self._from)

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Ask for something and wait for its answer; events that arrive meanwhile are kept."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self.events.append(answer)

    def _next(self) -> dict[str, Any]:
        until = time.monotonic() + DEADLINE_S
        while b"\0" not in self._rest:
            if not select.select([self._from], [], [], max(0.0, until - time.monotonic()))[0]:
                raise TimeoutError("the browser does not answer")
            chunk = os.read(self._from, 1 << 20)
            if not chunk:
                raise RuntimeError("the browser ended")
            self._rest += chunk
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def page(self, **looks: Any) -> "Page":
        """A new tab."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        return Page(self, session, **looks)


class Page:
    """One tab: its size and looks, what it said on the console, what it asked the network for."""

    def __init__(
        self,
        browser: Browser,
        session: str,
        *,
        size: tuple[int, int] = (1280, 720),
        dark: bool = False,
        still: bool = False,
    ) -> None:
        self._browser, self._session = browser, session
        for domain in ("Runtime", "Log", "Network", "Page"):
            self.call(f"{domain}.enable")
        self.size(*size)
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if still else "no-preference"},
        ]
        self.call("Emulation.setEmulatedMedia", features=features)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Ask this tab."""
        return self._browser.call(method, self._session, **parameters)

    def go(self, url: str) -> None:
        """Open an address."""
        self.call("Page.navigate", url=url)

    def size(self, width: int, height: int) -> None:
        """The window's inner size [px]."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def resize(self, width: int, height: int) -> None:
        """Another size, and two frames for the page to settle in it."""
        self.size(width, height)
        self.run("new Promise((settled) => requestAnimationFrame(() => requestAnimationFrame(() => settled())))")

    def run(self, expression: str) -> Any:
        """The value of an expression in the page; a promise is waited for."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"].get("exception", {}).get("description", expression))
        return answer["result"].get("value")

    def until(self, expression: str) -> None:
        """Wait until an expression holds; the deadline only ends a hopeless wait."""
        late = time.monotonic() + DEADLINE_S
        while not self.run(f"!!({expression})"):
            if time.monotonic() > late:
                raise TimeoutError(f"never true: {expression}; {self.complaints()}")
            time.sleep(0.05)

    def _said(self, method: str) -> list[dict[str, Any]]:
        events = self._browser.events
        return [e["params"] for e in events if e["method"] == method and e.get("sessionId") == self._session]

    def complaints(self) -> list[str]:
        """Errors and warnings on the console, uncaught exceptions, refusals by the content policy."""
        bad = {"error", "warning"}
        console = [json.dumps(said["args"]) for said in self._said("Runtime.consoleAPICalled") if said["type"] in bad]
        thrown = [json.dumps(one["exceptionDetails"]) for one in self._said("Runtime.exceptionThrown")]
        entries = [one["entry"] for one in self._said("Log.entryAdded")]
        return console + thrown + [f"{e['text']} {e.get('url', '')}" for e in entries if e["level"] in bad]

    def requests(self) -> list[str]:
        """Every address the tab asked for."""
        return [request["request"]["url"] for request in self._said("Network.requestWillBeSent")]

    def close(self) -> None:
        """Close the tab, and with it its stream."""
        self.call("Page.close")

    def picture(self, path: Path, *, whole: bool = False) -> None:
        """Keep what is seen as a PNG; `whole` goes below the fold."""
        answer = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(answer["data"]))
