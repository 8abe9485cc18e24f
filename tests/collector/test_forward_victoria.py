"""What Debian's VictoriaMetrics holds after forwarding; it answers 204 even to bad lines, so values are looked up."""

import json
import random
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.forward import Forwarder
from collector.influx_sink import InfluxSink
from metering.quantity import Kind, quantity
from metering.reading import SeriesKey
from metering.sitefile import ForwardSection
from metering.store.readings import ReadingsWriter
from metering.store.readings_reader import ReadingsReader
from tests.conftest import needs_program, require
from tests.harness.ports import free_port, wait_for
from tests.harness.sample import SITE, Sample, filled

pytestmark = needs_program("victoria-metrics")


@pytest.fixture
def victoria(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    command = [
        require("victoria-metrics"),
        f"-storageDataPath={tmp_path / 'victoria'}",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-retentionPeriod=100y",
        "-memory.allowedBytes=100MB",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(120)


def got(url: str, path: str) -> bytes:
    with urllib.request.urlopen(f"{url}{path}", timeout=30) as answer:
        return bytes(answer.read())


def exported(url: str) -> dict[tuple[str, str], list[tuple[int, float]]]:
    """Every series: (point, metric name) -> (time_ms, value), oldest first."""
    got(url, "/internal/force_flush")
    lines = got(url, "/api/v1/export?match[]=" + urllib.parse.quote('{__name__!=""}')).splitlines()
    found: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for series in map(json.loads, lines):
        key = (series["metric"]["point"], series["metric"]["__name__"])
        assert key not in found, "one series a point and quantity"
        found[key] = sorted(zip(series["timestamps"], series["values"], strict=True))
    return found


DOMAIN = {"grid": "electricity", "pv.1": "electricity", "boiler": "gas", "sky": "weather", "line-1": "product"}


def test_victoria_metrics_holds_every_reading_once(tmp_path: Path, victoria: str) -> None:
    # This store keeps 14 digits of a number, and fewer where a block of a series spans many magnitudes.
    writer = ReadingsWriter(tmp_path / "store", "test")
    made = Sample(tmp_path / "store", writer, random.Random(3), odd=(0.1, 230.10000610351562, -0.0), largest=10**14)
    sample = filled(made, 800)
    reader, sink = ReadingsReader(sample.store), InfluxSink(ForwardSection(url=victoria), lambda: "")
    forwarder = Forwarder(SITE, reader, sink, sample.writer.acknowledge, sample.writer.quarantine)
    while forwarder.pending():
        forwarder.step()
        assert forwarder.state == "delivering"
    sink.close()
    found = exported(victoria)
    for key, rows in sample.rows().items():
        stored = found[key[0], f"{DOMAIN.get(key[0], 'unlisted')}_{key[1]}"]
        assert [time for time, _ in stored] == [time for time, _, _ in rows]
        for (_, value), (_, expected, _) in zip(stored, rows, strict=True):
            assert same(key, value, expected)
    sample.writer.close()


def same(key: SeriesKey, stored: float, expected: float) -> bool:
    """Counters to the last digit; gauges nearly."""
    if quantity(key[1]).kind is Kind.GAUGE:
        return stored == pytest.approx(expected, rel=1e-12)
    return round(stored * 1e6) == expected
