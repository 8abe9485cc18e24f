"""The analytics daemon of one site: keeps the results settled and answers the page, until it is told to stop."""

import ipaddress
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from analytics.alarms import Alarms
from analytics.alert_rules import EXPOSURE
from analytics.alerts import Rule, Signal
from analytics.api import make_app
from analytics.audit import Audit
from analytics.channels import send
from analytics.closing import freeze_pending
from analytics.notify import Postman, PostThread
from analytics.power_readings import PowerReadings
from analytics.publishing import publishing
from analytics.server import serve
from analytics.service import DAY_MS, FactoryService
from analytics.settlement import advance
from metering.config import ConfigError, Fault
from metering.reading import SeriesKey
from metering.sitefile import load_site
from metering.store import StoreError
from metering.store.alertbook import OutboxWriter
from metering.store.publication import PublicationWriter
from metering.store.results import ResultsWriter

log = structlog.get_logger("analytics")
EVERY_S = 5.0
LONGEST_WAIT_S = 60.0
REST = 2.0  # times as long as a turn took it rests before the next: settling never holds more than a third of a core
LONGEST_REST_S = 20.0


class Settling:
    """The loop that keeps results.db up to date; holds its writer lock while it runs.

    A store that cannot be read or written now is tried again with back-off; anything else ends the daemon, and its
    supervisor starts it anew.
    """

    def __init__(
        self, service: FactoryService, every_s: float = EVERY_S, more: Sequence[tuple[Rule, Signal]] = ()
    ) -> None:
        self.service, self.every_s = service, every_s
        self.failure: Exception | None = None
        self.on_failure: Callable[[], None] = lambda: None
        self._writer = ResultsWriter(service.config.store_dir, "zcf serve")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="settling", daemon=True)
        self._folded = 0
        self._power = PowerReadings(service.source)
        outbox = OutboxWriter(self._writer)
        self._publish = publishing(service, PublicationWriter(self._writer))
        self.alarms = Alarms(service, outbox, more=more)
        self._post = PostThread(Postman(outbox, service.config.file.receivers, send, service.clock), self._failing)

    def once(self) -> int:
        """Settle until nothing is left and freeze months asked to be closed; how many series were touched.

        Told to stop, it ends after a slice of a month and goes on there the next time it is started.
        """
        now, service, touched = self.service.clock(), self.service, set[SeriesKey]()
        store = (service.source, service.results, self._writer)
        while (done := advance(*store, now, service.days, self._power)) is not None:
            touched |= done
            if self._stop.is_set():
                return len(touched)
        if now // DAY_MS != self._folded:
            self._writer.fold(now // DAY_MS * DAY_MS)
            self._folded = now // DAY_MS
        freeze_pending(self.service, self._writer)
        self.alarms.once()
        return len(touched)

    def start(self) -> None:
        """Settle now and then every few seconds, in a thread of its own."""
        self._thread.start()
        if self.service.config.file.receivers:
            self._post.start()
        if self._publish is not None:
            self._publish.start()

    def _failing(self, why: Mapping[str, str]) -> None:
        self.service.receivers_failing = why

    def _run(self) -> None:
        wait = self.every_s
        while not self._stop.is_set():
            begun = time.monotonic()
            try:
                self.once()
            except StoreError as error:
                if wait == self.every_s:
                    log.warning("store", error=str(error))
                wait = min(2 * wait, LONGEST_WAIT_S)
            except Exception as error:  # noqa: BLE001 - whatever it is, the daemon must not live on without settling
                self.failure = error
                self.on_failure()
                return
            else:
                wait = self.every_s
            self._stop.wait(max(wait, min(REST * (time.monotonic() - begun), LONGEST_REST_S)))

    def stop(self) -> None:
        """End the loop and give the file free."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._post.stop()
        if self._publish is not None:
            self._publish.stop()
        self._writer.close()


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the page is answered, and how far that may be seen."""

    host: str = "127.0.0.1"
    port: int = 8080
    tls: tuple[Path, Path] | None = None  # certificate, key
    insecure_lan: bool = False

    @property
    def loopback(self) -> bool:
        """Whether this machine alone can reach it."""
        return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback

    def faults(self) -> Iterator[Fault]:
        """What keeps it from listening there."""
        where = f"--host {self.host}"
        try:
            loopback = self.loopback
        except ValueError:
            yield Fault(where, 1, "not an address", "write 127.0.0.1, ::1, 0.0.0.0 or an address of this machine")
            return
        if not loopback and self.tls is None and not self.insecure_lan:
            mend = "add --tls-cert and --tls-key, put a proxy with TLS before it, or say --insecure-lan"
            yield Fault(where, 1, "others would read and send tokens unencrypted", mend)
        for file in self.tls or ():
            if not os.access(file, os.R_OK):
                yield Fault(str(file), 1, "cannot read the file", "check path and rights")


def run(site: Path, listen: Listen, ready: Callable[[str], None]) -> None:
    """Serve one site until SIGTERM; `ready(url)` once the page answers. Raises what ended the settling."""
    faults = list(listen.faults())
    if faults:
        raise ConfigError(faults)
    open_lan = not listen.loopback and listen.tls is None
    more = [(EXPOSURE, Signal(EXPOSURE.id, "site", bad=True))] if open_lan else []
    settling = Settling(FactoryService(load_site(site)), more=more)
    audit = Audit(settling.service.config.store_dir)

    def listening(url: str, stop: Callable[[], None]) -> None:
        settling.on_failure = stop
        settling.start()
        ready(url)

    try:
        app = make_app(settling.service, local_reading=listen.loopback)
        audit.append("start", "zcf serve", host=listen.host, tls=listen.tls is not None, insecure_lan=open_lan)
        serve(app, listen.host, listen.port, listening, listen.tls)
    finally:
        settling.stop()
    audit.append("stop", "zcf serve", clean=settling.failure is None)
    if settling.failure is not None:
        raise settling.failure
