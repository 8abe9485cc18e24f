"""The edge daemon: one site file in, readings.db out, until SIGTERM; logs JSON lines to stderr."""

import asyncio
import json
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from collector.agent import Collector
from collector.committer import Committer, committing
from collector.forward import BadLine, start_forwarding
from collector.wiring import wire_site
from metering.sitefile import SiteConfig, load_site
from metering.store.readings import writing
from metering.store.readings_reader import ReadingsReader

_FORWARD_S = 0.5
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


def run(site: Path, ready: Callable[[], None] = say_ready, seconds: float | None = None) -> int:
    """Collect until SIGTERM or SIGINT, or for so long [s]; 0 when all that was read is committed.

    ConfigError before the store is touched, StoreLockedError when another process writes it.
    """
    config = load_site(site)
    links = wire_site(config)
    log_as_json()
    with (
        writing(config.store_dir, f"zcf collect {site.name}") as writer,
        committing(writer, config.file.store.commit / 1000) as committer,
        _forwarding(config, committer),
    ):
        asyncio.run(_collect(Collector(links, committer, config.site.id), ready, seconds))
    return 0


async def _collect(collector: Collector, ready: Callable[[], None], seconds: float | None) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if seconds is not None:
        loop.call_later(seconds, stop.set)
    await collector.run(stop, ready)


@contextmanager
def _forwarding(config: SiteConfig, committer: Committer) -> Iterator[None]:
    """Readings go on to InfluxDB for the length of a block, where the site file says so."""

    def acknowledge(sink: str, lane: str, first_seq: int, last_seq: int) -> None:
        committer.call(lambda writer: writer.acknowledge(sink, lane, first_seq, last_seq)).result()

    def quarantine(sink: str, rows: Iterable[BadLine]) -> None:
        kept = list(rows)
        committer.call(lambda writer: writer.quarantine(sink, kept)).result()

    stop = threading.Event()
    thread = start_forwarding(config, ReadingsReader(config.store_dir), acknowledge, stop, quarantine)
    try:
        yield
    finally:
        stop.set()
        if thread is not None:
            thread.join(_FORWARD_S)  # a send that takes longer is sent again by the next start
