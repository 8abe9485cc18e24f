"""Power readings that are kept say what the store says, whatever came in between and in which order."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics import power_readings
from analytics.power_readings import PowerReadings
from metering.reading import Block, Column, Columns, Lane, Poll, PollGroup, SeriesKey
from metering.store.readings import ReadingsWriter
from metering.store.source import StoreSource

SECOND, HOUR = 1000, 3_600_000
KEYS = (("a", "active_power"), ("b", "active_power"))
GROUPS = [
    PollGroup(point, "power", (Column(point, name),), (Block(3, 100, 2),), SECOND, False, "p", "h")
    for point, name in KEYS
]


class _Store:
    """Two points with power readings, the evidence that is kept of them, and how often the store was asked."""

    def __init__(self, folder: Path) -> None:
        self.writer, self.source = ReadingsWriter(folder, "test"), StoreSource(folder)
        self.groups = [self.writer.group(group) for group in GROUPS]
        self.power, self.seq = PowerReadings(self.source), (0, 0)
        self.asked: list[tuple[int, int]] = []
        ranges: Callable[..., dict[SeriesKey, Columns]] = self.source.ranges

        def counted(keys, start_ms: int, end_ms: int) -> dict[SeriesKey, Columns]:
            self.asked.append((start_ms, end_ms))
            return ranges(keys, start_ms, end_ms)

        self.source.ranges = counted

    def show(self, point: int, times: list[int]) -> None:
        self.writer.commit([Poll(self.groups[point], t, 1, 0, Lane.CADENCE, (float(t % 97),), b"") for t in times])

    def turn(self) -> None:
        """What the settling does before it asks."""
        news = self.source.readings.changed_since(self.seq[0])
        self.power.renew(self.seq, news.touched, (news.seq, 0))
        self.seq = (news.seq, 0)

    def same(self, point: int, span: tuple[int, int]) -> None:
        kept = self.power.within(KEYS[point], [span])
        told = StoreSource(self.source.store).ranges([KEYS[point]], *span)[KEYS[point]]
        assert kept.time_ms.tolist() == told.time_ms.tolist()
        assert kept.value.tolist() == told.value.tolist()


TIMES = st.lists(st.integers(0, 400).map(lambda n: n * 97 * SECOND), max_size=6)
SPANS = st.tuples(st.integers(0, 400), st.integers(1, 300)).map(lambda s: (s[0] * 97_000, (s[0] + s[1]) * 97_000))
STEPS = st.lists(st.tuples(st.integers(0, 1), TIMES, st.lists(SPANS, max_size=2), st.booleans()), max_size=8)


@settings(max_examples=30, deadline=None)
@given(STEPS)
def test_what_is_kept_is_what_the_store_says_after_readings_in_any_order(steps):
    with tempfile.TemporaryDirectory() as folder:
        store = _Store(Path(folder))
        for point, times, spans, trimmed in steps:
            store.show(point, times)
            store.turn()
            store.power.bring({KEYS[point]: spans, KEYS[1 - point]: spans[:1]})
            for span in spans:
                store.same(0, span)
                store.same(1, span)
            if trimmed:
                store.power.trim()
        store.writer.close()


def test_of_what_is_kept_only_the_new_end_is_read_again(tmp_path: Path):
    store = _Store(tmp_path)
    for point in (0, 1):
        store.show(point, list(range(0, 2 * HOUR, 10 * SECOND)))
    store.turn()
    store.power.bring({key: [(0, 3 * HOUR)] for key in KEYS})
    assert len(store.asked) == 1
    store.show(0, [2 * HOUR])
    store.turn()
    store.same(0, (HOUR, 3 * HOUR))
    store.same(1, (HOUR, 3 * HOUR))
    assert store.asked[1:] == [(2 * HOUR - 10 * SECOND, 3 * HOUR)]
    store.writer.close()


def test_when_others_read_on_meanwhile_nothing_kept_is_believed(tmp_path: Path):
    store = _Store(tmp_path)
    store.show(0, [0, HOUR])
    store.turn()
    store.same(0, (0, HOUR))
    store.show(0, [HOUR // 2])
    store.seq = store.power.source.readings.changed_since(0).seq, 0
    store.turn()
    store.same(0, (0, HOUR))
    store.writer.close()


def test_no_more_than_the_newest_readings_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(power_readings, "KEPT", 50)
    store = _Store(tmp_path)
    store.show(0, list(range(0, HOUR, 10 * SECOND)))
    store.turn()
    store.power.bring({KEYS[0]: [(0, HOUR)]})
    store.power.trim()
    before = len(store.asked)
    store.same(0, (HOUR - 300 * SECOND, HOUR))
    assert len(store.asked) == before
    store.same(0, (0, HOUR))
    assert len(store.asked) > before
    assert np.all(np.diff(store.power.within(KEYS[0], [(0, HOUR)]).time_ms) > 0)
    store.writer.close()
