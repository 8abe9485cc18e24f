"""The electronics works behind the real server, in whatever state a test wants to see."""

import threading
from collections.abc import Callable

from analytics.api import make_app, serve
from metering.store import StoreError
from tests.analytics.electronics_works import Document, Works
from tests.harness.ports import free_port

NOON = 1_795_230_000_000  # 2026-11-21 11:00 at the site


class Staged(Works):
    """The works at a moment the test moves, in the state it wants."""

    def __init__(self) -> None:
        super().__init__(lambda: self.at_ms)
        self.reset()

    def reset(self) -> None:
        """As at the start."""
        self.at_ms, self.stale, self.mood = NOON, set(), ""

    def balance(self, period: str) -> Document:
        """Refused, empty or as ever."""
        if self.mood == "busy":
            raise StoreError("readings.db is busy")
        return super().balance(period) | ({"lines": []} if self.mood == "empty" else {})

    def live(self) -> Document:
        """Without points when empty."""
        document = super().live()
        if self.mood == "empty":
            document["flow"]["nodes"] = []
        return document


class Stage:
    """The works behind the real server; it can be stopped and started on the same port."""

    def __init__(self) -> None:
        self.works, self.url, self._port = Staged(), "", free_port()  # it must be free again after a stop
        self.start()

    def start(self) -> None:
        """Listen, on the port of before."""
        listening = threading.Event()

        def ready(url: str, stop: Callable[[], None]) -> None:
            self.url, self._stop = url, stop
            listening.set()

        app = make_app(self.works, look_s=0.05)
        self._thread = threading.Thread(target=serve, args=(app, "127.0.0.1", self._port, ready))
        self._thread.start()
        assert listening.wait(90)

    def stop(self) -> None:
        """Go away."""
        self._stop()
        self._thread.join(90)
