"""Readings sent to InfluxDB again, from beside a collector that may run: what is not there, or a whole span."""

import contextlib
import os
from collections.abc import Iterator

from collector.courier import BadLine, Interrupted
from collector.daemon import log_as_json
from collector.influx_sink import read_token
from collector.readback import HOUR_MS, Found, Readback
from collector.reconciler import READ_TOKEN, made
from metering.sitefile import SiteConfig
from metering.store import StoreError
from metering.store.readings_reader import ReadingsReader


def compared(config: SiteConfig, start_ms: int, end_ms: int, *, mend: bool) -> list[Found]:
    """The minutes of the whole hours of a span that InfluxDB does not hold as the store does; mended, if asked to."""
    if not read_token(os.environ, READ_TOKEN):
        raise StoreError(f"{READ_TOKEN} or {READ_TOKEN}_FILE must name a token that reads the bucket; or use --all")
    with _readback(config) as readback:
        return readback.check(start_ms, end_ms + HOUR_MS - 1, mend=mend)


def resent(config: SiteConfig, start_ms: int, end_ms: int) -> tuple[int, list[BadLine]]:
    """Send every poll of a span again."""
    with _readback(config) as readback:
        return readback.send_again(start_ms, end_ms)


@contextlib.contextmanager
def _readback(config: SiteConfig) -> Iterator[Readback]:
    section = config.file.forward
    if section is None:
        raise StoreError(f"{config.path.name} has no section `forward`: nothing is sent anywhere")
    log_as_json()  # on stderr: what the command prints may be JSON
    readback, sink = made(config, section, ReadingsReader(config.store_dir), None)
    try:
        yield readback
    except Interrupted as error:
        raise StoreError(f"{section.url} takes nothing now: {error.answer.status} {error}") from error
    finally:
        sink.close()
