"""Every hour, in a thread of its own: the last two days are read back, where there is a token that may read."""

import os
import threading
import time
from collections.abc import Callable, Iterable
from typing import Final

import structlog

from collector.courier import BadLine, Courier, Interrupted
from collector.influx_sink import InfluxSink, read_token
from collector.readback import HOUR_MS, Readback
from metering.reading import SeriesKey
from metering.sitefile import ForwardSection, SiteConfig
from metering.store import StoreError
from metering.store.influxdb import InfluxSource
from metering.store.outbox import Outbox
from metering.store.readings_reader import ReadingsReader

READ_TOKEN: Final = "ZCF_INFLUX_READ_TOKEN"  # noqa: S105 - the name of a variable; with _FILE, of one that names a file
FIRST_S: Final = 120.0  # after the start: the backlog has begun to go
PERIOD_S: Final = 3600.0
LOOK_BACK_MS: Final = 48 * HOUR_MS
STRANGERS_MS: Final = 60_000  # of the newest readings, whether somebody else writes them too
BREATH_S: Final = 0.02  # between pages: polling and forwarding go first

log = structlog.get_logger(__name__)


class Reconciler(threading.Thread):
    """Looks back at what was delivered until told to stop."""

    def __init__(
        self,
        readback: Readback,
        sink: InfluxSink,
        stop: threading.Event,
        now_s: Callable[[], float] = time.time,
        first_s: float = FIRST_S,
    ) -> None:
        super().__init__(target=self._run, name="reconciler", daemon=True)
        self._readback, self._sink, self._stopping = readback, sink, stop
        self._now_s, self._first_s = now_s, first_s
        self._failing = False
        self._began_ms = int(now_s() * 1000)
        self._strangers: tuple[SeriesKey, ...] = ()
        self.passes = self.missing = 0  # since the start; [readings] sent again

    def faults(self) -> list[str]:
        """What a person must mend: two gateways under one name."""
        if not self._strangers:
            return []
        point, name = self._strangers[0]
        told = f"another gateway writes our series too, {point} {name} among {len(self._strangers)} looked at"
        return [f"forward: {told}: give every gateway a site id of its own"]

    def once(self) -> None:
        """One look at the last two days; a sink that is away is looked at an hour later."""
        now_ms = int(self._now_s() * 1000)
        try:
            self._look_for_strangers(now_ms)
            found = self._readback.check(now_ms - LOOK_BACK_MS, now_ms)
        except (StoreError, Interrupted) as error:
            if not self._failing:
                log.warning("readback_failed", reason=str(error))
            self._failing = True
            return
        self._failing = False
        self.passes += 1
        self.missing += sum(one.missing for one in found)

    def _look_for_strangers(self, now_ms: int) -> None:
        """Since our own start, for a gateway that was replaced has written until a moment before."""
        found = self._readback.strangers(max(self._began_ms, now_ms - STRANGERS_MS), now_ms)
        if found and not self._strangers:
            log.error("another_writer", point=found[0][0], quantity=found[0][1], mend="a site id for every gateway")
        self._strangers = found

    def _run(self) -> None:
        wait_s = self._first_s
        try:
            while not self._stopping.wait(wait_s):
                self.once()
                wait_s = PERIOD_S
        finally:
            self._sink.close()


def made(
    config: SiteConfig,
    section: ForwardSection,
    reader: ReadingsReader,
    quarantine: Callable[[list[BadLine]], object] | None,
    pause: Callable[[], object] = lambda: None,
) -> tuple[Readback, InfluxSink]:
    """A readback of the site's sink, and the sink it sends again by."""
    sink = InfluxSink(section, lambda: read_token(os.environ))
    remote = InfluxSource(section.url, section.bucket, config.site.id, read_token(os.environ, READ_TOKEN))
    courier = Courier(sink, lambda: int(time.time() * 1000))
    return Readback(config.site, reader, Outbox(config.store_dir, sink.name), remote, courier, quarantine, pause), sink


def reads_back(config: SiteConfig) -> bool:
    """Whether what is sent is also looked at again: with a token that may read."""
    return config.file.forward is not None and bool(read_token(os.environ, READ_TOKEN))


def start_reconciling(
    config: SiteConfig,
    reader: ReadingsReader,
    quarantine: Callable[[str, Iterable[BadLine]], object],
    stop: threading.Event,
) -> Reconciler | None:
    """Reconcile in a thread of its own, where the site forwards and a token that reads is given."""
    section = config.file.forward
    if section is None:
        return None
    if not reads_back(config):
        log.info("nothing_is_read_back", mend=f"{READ_TOKEN}, a token that may read the bucket")
        return None
    name = InfluxSink(section, str).name
    readback, sink = made(config, section, reader, lambda bad: quarantine(name, bad), lambda: stop.wait(BREATH_S))
    thread = Reconciler(readback, sink, stop)
    thread.start()
    return thread
