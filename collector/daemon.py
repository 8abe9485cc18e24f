"""The edge daemon: a site file in, readings.db out, until SIGTERM; SIGHUP reads the file again; logs JSON lines."""

import asyncio
import contextlib
import gc
import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import structlog

from collector.agent import Collector
from collector.committer import Committer, committing
from collector.courier import BadLine
from collector.credentials import check_credentials
from collector.forward import ForwardThread, start_forwarding
from collector.housekeeping import Housekeeping
from collector.metrics import Health, Sources, TalliedWriter, serving
from collector.notify import Pulse, Watchdog, tell, tell_reloading, watchdog_s
from collector.recent import Recent
from collector.reconciler import Reconciler, start_reconciling
from collector.wiring import wire_site
from metering.config import ConfigError
from metering.failpoint import failpoint
from metering.sitefile import SiteConfig, load_site
from metering.store import StoreError
from metering.store.readings_reader import ReadingsReader

_FORWARD_S = 0.5
_ENDING = (signal.SIGTERM, signal.SIGINT)
_HEAVY = frozenset({"fastapi", "numpy", "pandas", "pyarrow", "scipy", "starlette", "uvicorn"})


def say_ready() -> None:
    """The line a supervisor waits for."""
    sys.stdout.write(json.dumps({"ready": True}) + "\n")
    sys.stdout.flush()


def loaded_heavy_modules() -> list[str]:
    """Modules that a gateway should be spared and that are loaded all the same."""
    return sorted(_HEAVY & sys.modules.keys())


def log_as_json() -> None:
    """One JSON object a line on stderr; text from devices is escaped by that."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


class Forwarding:
    """Readings go on to InfluxDB for the length of a block, where the site file says so."""

    def __init__(self, config: SiteConfig, committer: Committer) -> None:
        self._committer = committer
        self._stop = threading.Event()
        self._thread: ForwardThread | None = None
        self._reconciler: Reconciler | None = None
        self.start(config)

    def start(self, config: SiteConfig) -> None:
        """Forward from now on by this site file."""
        self._stop = threading.Event()
        reader, committer = ReadingsReader(config.store_dir), self._committer
        recent = committer.recent = None if config.file.forward is None else Recent()
        self._thread = start_forwarding(config, reader, committer.acknowledge, self._stop, self._quarantine, recent)
        self._reconciler = start_reconciling(config, reader, self._quarantine, self._stop)

    def close(self) -> None:
        """Stop; a send that takes longer is sent again by the next start."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_FORWARD_S)
        if self._reconciler is not None:
            self._reconciler.join(_FORWARD_S)
        with contextlib.suppress(TimeoutError, StoreError):  # whoever goes on finds in the store what was delivered
            self._committer.call(lambda writer: writer.last_seq).result(_FORWARD_S)

    def pulses(self) -> Iterator[Pulse]:
        """How far it has got, for the watchdog."""
        if self._thread is not None:
            yield self._thread.forwarder.pulse

    def faults(self) -> list[str]:
        """What a person must mend."""
        told = self._thread.forwarder.faults() if self._thread is not None else []
        return told + (self._reconciler.faults() if self._reconciler is not None else [])

    def progress(self) -> tuple[int, int] | None:
        """How many polls are pending and delivered; None where nothing is forwarded."""
        return self._thread.forwarder.progress() if self._thread is not None else None

    def _quarantine(self, sink: str, rows: Iterable[BadLine]) -> None:
        kept = list(rows)
        self._committer.call(lambda writer: writer.quarantine(sink, kept)).result()


class Reload:
    """What SIGHUP does: reads the site file again, and changes what is different in it."""

    def __init__(self, config: SiteConfig, collector: Collector, forwarding: Forwarding) -> None:
        self._config, self._collector, self._forwarding = config, collector, forwarding
        self._log = structlog.get_logger("reload")
        self.asked = asyncio.Event()

    async def run(self) -> None:
        """Reload whenever asked, one after the other."""
        while True:
            await self.asked.wait()
            self.asked.clear()
            failpoint("reload-asked")
            tell_reloading()
            try:
                await self.once()
            finally:
                tell("READY=1")

    async def once(self) -> None:
        """A faulty file changes nothing; what only a start can change is told."""
        try:
            config = await asyncio.to_thread(load_site, self._config.path)
            links = await asyncio.to_thread(wire_site, config)
            check_credentials(config)
        except ConfigError as error:
            for fault in error.faults:
                self._log.error("site_file_faulty", fault=str(fault))
            self._log.error("nothing_reloaded", faults=len(error.faults))
            return
        for name in ("store", "metrics"):
            if getattr(config.file, name) != getattr(self._config.file, name):
                self._log.warning("needs_a_restart", section=name)
        changed = await self._collector.rewire(links)
        failpoint("reload-wired")
        sends = (config.file.forward, config.site) != (self._config.file.forward, self._config.site)
        if sends:
            await asyncio.to_thread(self._forwarding.close)
            self._forwarding.start(config)
        self._config = config
        self._log.info("reloaded", devices=changed, forward=sends)


def run(site: Path, ready: Callable[[], None] = say_ready, seconds: float | None = None) -> int:
    """Collect until SIGTERM or SIGINT, or for so long [s]; 0 when all that was read is committed.

    ConfigError before the store is touched, StoreLockedError when another process writes it.
    """
    config = load_site(site)
    links = wire_site(config)
    check_credentials(config)
    log_as_json()
    house = Housekeeping(config.file.store.quota)
    with (
        closing(TalliedWriter(config.store_dir, f"zcf collect {site.name}")) as writer,
        committing(writer, config.file.store.commit / 1000, house) as committer,
        closing(Forwarding(config, committer)) as forwarding,
    ):
        collector = Collector(links, committer, config.site.id)
        watchdog = Watchdog(lambda: [*collector.pulses(), *forwarding.pulses()], watchdog_s())
        sources = Sources(writer.tally, lambda: committer.waiting, forwarding.progress, house)
        health = Health(
            lambda: watchdog.faults(time.monotonic()),
            lambda: [*committer.faults(), *collector.faults(), *forwarding.faults()],
        )
        with serving(config.file.metrics, sources, health):
            asyncio.run(_collect(collector, watchdog, Reload(config, collector, forwarding), ready, seconds))
    return 0


async def _collect(
    collector: Collector, watchdog: Watchdog, reload: Reload, ready: Callable[[], None], seconds: float | None
) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def end() -> None:
        _hear_nothing_more(loop)
        tell("STOPPING=1")
        failpoint("stop-asked")
        stop.set()

    def begun() -> None:
        gc.collect()
        gc.freeze()  # profiles, plans and modules stay for good: no collection looks through them again
        tell("READY=1")
        ready()

    for number in _ENDING:
        loop.add_signal_handler(number, end)
    loop.add_signal_handler(signal.SIGHUP, reload.asked.set)
    if seconds is not None:
        loop.call_later(seconds, end)
    await _beside([watchdog.run(), reload.run()], collector.run(stop, begun), stop)


def _hear_nothing_more(loop: asyncio.AbstractEventLoop) -> None:
    """A second word from somebody impatient would kill us where the loop has ended and the store is being closed."""
    for number in (*_ENDING, signal.SIGHUP):
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_IGN)


async def _beside(others: Iterable[Any], main: Any, stop: asyncio.Event) -> None:
    """Run one beside others that never end; if one of them does, the main one is stopped in good order first."""
    tasks = [asyncio.create_task(one) for one in others]
    running = asyncio.create_task(main)
    try:
        ended, _ = await asyncio.wait({running, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        await running
        for task in ended:
            task.result()
    finally:
        for task in (running, *tasks):
            task.cancel()
        await asyncio.gather(running, *tasks, return_exceptions=True)
