"""One contract for every ReadingSource: the embedded store, InfluxDB's double, and real servers where they are.

What must come back is reckoned from the polls themselves, not from any store.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from collector.forward import Forwarder
from collector.influx_sink import InfluxSink
from metering.quantity import Kind, quantity
from metering.reading import Columns, Quality, Reading, SeriesKey
from metering.sitefile import ForwardSection
from metering.store import ReadingSource, StoreError
from metering.store.influxdb import InfluxSource
from metering.store.readings_reader import ReadingsReader
from metering.store.source import StoreSource
from tests.harness.fakeflux import FakeFlux
from tests.harness.influx1 import influx1
from tests.harness.influx2 import influx2, missing
from tests.harness.sample import GROUPS, SITE, START_MS, Sample, sampled

Row = tuple[int, int | float, int]


@dataclass
class Backend:
    """A source and what fills it."""

    name: str
    sample: Sample
    source: ReadingSource
    deliver: Callable[[], None]

    def rows(self) -> dict[SeriesKey, list[Row]]:
        return self.sample.rows()


def forwarded(name: str, sample: Sample, section: ForwardSection, write: str, read: str) -> Backend:
    """A backend that the collector's forwarder fills."""
    reader = ReadingsReader(sample.store)
    sink = InfluxSink(section, lambda: write)
    forwarder = Forwarder(SITE, reader, sink, sample.writer.acknowledge, sample.writer.quarantine)

    def deliver() -> None:
        while forwarder.pending():
            forwarder.step()
            assert forwarder.state == "delivering"
        sink.close()

    deliver()
    return Backend(name, sample, InfluxSource(section.url, section.bucket, SITE.id, read), deliver)


@pytest.fixture(scope="module", params=["sqlite", "double", "influxdb1", "influxdb2"])
def backend(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    folder: Path = tmp_path_factory.mktemp(request.param)
    with ExitStack() as stack:
        if request.param == "influxdb2" and missing():
            pytest.skip(missing())
        if request.param == "influxdb1" and not shutil.which("influxd"):
            pytest.skip("needs the program influxd (InfluxDB 1); on Debian: apt install influxdb")
        sample = sampled(folder / "store", seed=7)
        stack.callback(sample.writer.close)
        if request.param == "sqlite":
            yield Backend("sqlite", sample, StoreSource(sample.store), lambda: None)
        elif request.param == "double":
            flux = FakeFlux()
            stack.callback(flux.stop)
            section = ForwardSection(url=flux.url, org=flux.org)
            yield forwarded("double", sample, section, flux.write_token, flux.read_token)
        elif request.param == "influxdb1":
            section = ForwardSection(url=stack.enter_context(influx1(folder)))
            yield forwarded("influxdb1", sample, section, "", "")
        else:
            real = stack.enter_context(influx2())
            section = ForwardSection(url=real.url, org=real.org, bucket=real.name)
            yield forwarded("influxdb2", sample, section, real.token, real.token)


def as_rows(columns: Columns) -> list[Row]:
    return list(zip(columns.time_ms.tolist(), columns.value.tolist(), columns.quality.tolist(), strict=True))


def test_every_series_is_named_once(backend: Backend) -> None:
    found = list(backend.source.series())
    assert len(found) == len(set(found))
    assert set(found) == set(backend.rows())


def test_the_whole_comes_back_row_for_row(backend: Backend) -> None:
    rows = backend.rows()
    found = backend.source.ranges(rows, START_MS, backend.sample.now_ms + 1)
    assert {key: as_rows(columns) for key, columns in found.items()} == rows


def test_the_columns_have_the_types_of_the_kind(backend: Backend) -> None:
    for key, columns in backend.source.ranges(backend.rows(), START_MS, START_MS + 10**9).items():
        assert columns.time_ms.dtype == np.int64
        assert columns.quality.dtype == np.uint8
        assert columns.value.dtype == (np.float64 if quantity(key[1]).kind is Kind.GAUGE else np.int64)


@pytest.mark.parametrize(("start", "end"), [(0.0, 0.0), (0.3, 0.31), (0.2, 0.9), (-0.5, 0.5), (0.5, 1.5), (2, 3)])
def test_a_range_is_half_open_and_may_bring_its_neighbours(backend: Backend, start: float, end: float) -> None:
    rows, span = backend.rows(), backend.sample.now_ms - START_MS
    low, high = START_MS + int(start * span), START_MS + int(end * span)
    inside = backend.source.ranges(rows, low, high, bracket=False)
    bracketed = backend.source.ranges(rows, low, high)
    for key, expected in rows.items():
        assert as_rows(inside[key]) == [row for row in expected if low <= row[0] < high]
        before, after = [r for r in expected if r[0] < low], [r for r in expected if r[0] >= high]
        found = as_rows(bracketed[key])
        assert [row for row in found if low <= row[0] < high] == as_rows(inside[key])
        # A source may bring more than the nearest one, but that one it must bring.
        assert [row for row in found if row[0] < low][-1:] == before[-1:]
        assert [row for row in found if row[0] >= high][:1] == after[:1]
        assert set(found) <= set(expected)


def test_limits_that_are_readings_themselves(backend: Backend) -> None:
    [(key, rows), *_] = backend.rows().items()
    [found] = backend.source.ranges([key], rows[3][0], rows[6][0], bracket=False).values()
    assert as_rows(found) == rows[3:6]


@pytest.mark.parametrize("point", ["nobody", "grid' OR 'a'='a", 'grid" OR time > 0 --', "grid,site=works", "网"])
def test_an_unknown_point_has_no_readings(backend: Backend, point: str) -> None:
    key = (point, "active_power")
    [columns] = backend.source.ranges([key], START_MS, START_MS + 10**9).values()
    assert len(columns) == 0
    assert backend.source.latest([key]) == {}


def test_nothing_asked_is_nothing_found(backend: Backend) -> None:
    assert backend.source.ranges([], START_MS, START_MS + 10**9) == {}
    assert backend.source.latest([]) == {}


def test_the_latest_reading_of_each_series(backend: Backend) -> None:
    rows = backend.rows()
    last = {key: Reading(*key, found[-1][0], found[-1][1], Quality(found[-1][2])) for key, found in rows.items()}
    assert backend.source.latest() == last
    some = list(rows)[::3]
    assert backend.source.latest(some) == {key: last[key] for key in some}


def test_what_changed_since_a_cursor(backend: Backend) -> None:
    first = backend.source.changed_since(0)
    assert first.touched.keys() == backend.rows().keys()
    assert backend.source.changed_since(first.seq).touched == {}
    before = len(backend.sample.polls)
    backend.sample.add(2 * len(GROUPS), whole=True)
    backend.deliver()
    second = backend.source.changed_since(first.seq)
    fresh = {poll.time_ms for poll in backend.sample.polls[before:]}
    spans = {key: [row[0] for row in rows if row[0] in fresh] for key, rows in backend.rows().items()}
    assert second.touched == {key: (times[0], times[-1]) for key, times in spans.items()}
    assert second.seq > first.seq


def test_a_source_that_is_away_or_refuses_is_a_store_error() -> None:
    flux = FakeFlux()
    source = InfluxSource(flux.url, "readings", SITE.id, "wrong-token")
    with pytest.raises(StoreError, match="401: unauthorized access"):
        source.latest()
    with pytest.raises(StoreError, match="404: bucket"):
        InfluxSource(flux.url, "elsewhere", SITE.id, flux.read_token).series()
    flux.stop()
    with pytest.raises(StoreError, match="cannot read InfluxDB at 127"):
        source.latest()


def test_the_collectors_token_cannot_read() -> None:
    flux = FakeFlux()
    with pytest.raises(StoreError, match="401"):
        InfluxSource(flux.url, "readings", SITE.id, flux.write_token).latest()
    flux.stop()


def test_an_unknown_quantity_is_never_part_of_a_statement() -> None:
    source = InfluxSource("http://127.0.0.1:9", "readings", SITE.id)
    with pytest.raises(ValueError, match="unknown quantity"):
        source.latest([("grid", 'x"; DROP MEASUREMENT')])
