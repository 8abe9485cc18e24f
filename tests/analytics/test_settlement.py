"""Settling step by step, late and out of order, gives what one settling of everything gives."""

import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.intervals import Flag, settle
from analytics.settlement import Books, bring_up_to_date
from metering.period import QUARTER_MS
from metering.reading import Block, Column, Lane, Poll, PollGroup, SeriesInfo
from metering.store.readings import ReadingsWriter
from metering.store.results import ResultsReader, ResultsWriter
from metering.store.source import StoreSource

KEY = ("main", "active_energy_import")
MINUTE = 60_000
START = 1_760_000_400_000  # a UTC quarter
GROUP = PollGroup("m", "energy", (Column(*KEY),), (Block(3, 0, 2),), MINUTE, True, "p", "h")


def info(rated: float | None = 1000.0) -> SeriesInfo:
    return SeriesInfo(
        *KEY, 0, "m", "p", "h", "", "uint32", Fraction(1, 100), Fraction(42_949_672), Fraction(1), rated, MINUTE, "0.5S"
    )


class Bench:
    """A store with one counter, fed and settled in steps."""

    def __init__(self, store: Path) -> None:
        self.readings, self.results = ReadingsWriter(store, "test"), ResultsWriter(store, "test")
        self.source, self.reader = StoreSource(store), ResultsReader(store)
        self.group = self.readings.group(GROUP)
        self.readings.declare([info()])

    def feed(self, pairs: list[tuple[int, int]]) -> None:
        self.readings.commit([Poll(self.group, t, 1, 0, Lane.CADENCE, (v,), b"") for t, v in pairs])

    def settle(self, now_ms: int) -> None:
        bring_up_to_date(self.source, self.reader, self.results, now_ms)

    def whole(self) -> list[tuple[int, int, int]]:
        found = settle(self.source.ranges([KEY], 0, 2**62)[KEY], [info()])
        return list(zip(*(c.tolist() for c in _columns(found.intervals)), strict=True))

    def stored(self) -> list[tuple[int, int, int]]:
        rows = self.reader.intervals([KEY], 0, 2**62).get(KEY)
        return [] if rows is None else list(zip(*(c.tolist() for c in _columns(rows)), strict=True))

    def close(self) -> None:
        self.readings.close()
        self.results.close()


def _columns(rows):
    return rows.start_ms, rows.energy, rows.placed


@pytest.fixture
def bench(tmp_path: Path):
    made = Bench(tmp_path)
    yield made
    made.close()


def steady(minutes: range) -> list[tuple[int, int]]:
    return [(START + m * MINUTE + 123, 10**9 + m * 5_000_000) for m in minutes]


def test_minute_by_minute_equals_all_at_once(bench: Bench):
    for minute in range(0, 95, 5):
        bench.feed(steady(range(minute, minute + 5)))
        bench.settle(START + minute * MINUTE)
    assert bench.stored() == bench.whole()
    assert (
        sum(row[1] for row in bench.stored())
        == (bench.stored()[-1][0] + QUARTER_MS - START - 123) * 5_000_000 // MINUTE
    )


def test_a_late_hour_touches_its_intervals_only_and_equals_the_full_recompute(bench: Bench):
    bench.feed(steady(range(120)) + steady(range(240, 400)))
    bench.settle(START + 400 * MINUTE)
    before = {row[0]: row for row in bench.stored()}
    late = [(t, v + 7_000) for t, v in steady(range(130, 231))]
    bench.feed(late)
    bench.settle(START + 400 * MINUTE)
    assert bench.stored() == bench.whole()
    changed = [row[0] for row in bench.stored() if before.get(row[0]) != row]
    assert min(changed) >= START + 105 * MINUTE
    assert max(changed) <= START + 240 * MINUTE


def test_a_dip_that_heals_leaves_no_open_item_and_no_lost_energy(bench: Bench):
    good = steady(range(60))
    good[30] = (good[30][0], 0)
    for k in range(0, 60, 3):
        bench.feed(good[k : k + 3])
        bench.settle(START + k * MINUTE)
    assert bench.reader.open_items() == []
    assert bench.stored() == bench.whole()


def test_a_swap_is_an_open_item_and_intervals_on_both_sides_stay_exact(bench: Bench):
    old, new = steady(range(60)), [(t, v - 10**9 + 55_000_000) for t, v in steady(range(60, 120))]
    for k in range(60):
        bench.feed([old[k]])
    bench.settle(START + 60 * MINUTE)
    bench.feed(new)
    bench.settle(START + 120 * MINUTE)
    ((key, item),) = bench.reader.open_items()
    assert key == KEY
    assert (item["before"]["micro"], item["after"]["micro"]) == (old[-1][1], new[0][1])
    marks = bench.reader.mark("settled")
    tail = marks["tails"]["|".join(KEY)]
    total = sum(row[1] for row in bench.stored()) + (tail[1] if tail else 0)
    assert total == (old[-1][1] - old[0][1]) + (new[-1][1] - new[0][1])


def test_books_settle_what_is_pending_without_writing(bench: Bench):
    bench.feed(steady(range(40)))
    bench.settle(START + 40 * MINUTE)
    bench.feed(steady(range(40, 80)))
    books = Books(bench.source, bench.reader)
    found = books.intervals([KEY], START, START + 120 * MINUTE)[KEY]
    assert int(found.energy.sum()) == 79 * 5_000_000
    assert found.flags[-1] & Flag.PROVISIONAL
    assert len(bench.stored()) < len(found)


@given(st.lists(st.integers(0, 300), min_size=3, max_size=60, unique=True), st.data())
@settings(max_examples=60, deadline=None)
def test_any_order_of_arrival_gives_the_same_books(minutes: list[int], data: st.DataObject):
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        pairs = [(START + m * MINUTE, 10**9 + m * m * 100_000) for m in minutes]
        while pairs:
            taken = data.draw(st.integers(1, len(pairs)))
            bench.feed(pairs[:taken])
            pairs = pairs[taken:]
            bench.settle(START + 2 * 86_400_000 * data.draw(st.integers(0, 1)))
        assert bench.stored() == bench.whole()
        bench.close()


def test_months_folded_into_chunks_read_back_the_same(bench: Bench):
    far = [(START + k * QUARTER_MS, k * 1_000_000) for k in range(96 * 40)]
    bench.feed(far)
    bench.settle(START + 96 * 40 * QUARTER_MS)
    assert bench.stored() == bench.whole()
    assert np.array([row[1] for row in bench.stored()]).sum() == (96 * 40 - 1) * 1_000_000
