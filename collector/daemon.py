"""The edge daemon: one site file in, readings.db out, until SIGTERM; logs JSON lines to stderr."""

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from collector.agent import Collector
from collector.wiring import WiredLink, wire_site
from metering.sitefile import SiteConfig, load_site
from metering.store.readings import ReadingsWriter

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
    writer = ReadingsWriter(config.store_dir, f"zcf collect {site.name}")
    try:
        asyncio.run(_collect(config, links, writer, ready, seconds))
    finally:
        writer.close()
    return 0


async def _collect(
    config: SiteConfig, links: Sequence[WiredLink], writer: ReadingsWriter, ready: Callable[[], None],
    seconds: float | None,
) -> None:  # fmt: skip
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if seconds is not None:
        loop.call_later(seconds, stop.set)
    collector = Collector(links, writer, config.file.store.commit / 1000, config.site.id)
    await collector.run(stop, ready)
