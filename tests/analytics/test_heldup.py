"""Messages that were held up and came together: their energy lies where they were held, flagged, and no total moves."""

import tempfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.heldup import MESSAGE, held_up, in_time
from analytics.intervals import Flag, Intervals, settle, spread
from analytics.segments import Segment, segments
from metering.period import QUARTER_MS
from metering.reading import Columns, SeriesInfo
from tests.analytics.meter_bench import IMPORT, MINUTE, START, MeterBench

Int = np.ndarray


def info(data_type: str = MESSAGE) -> SeriesInfo:
    return SeriesInfo(
        *IMPORT, 0, "m", "p", "h", "", data_type, Fraction(1, 100), Fraction(42_949_672), Fraction(1), 1000.0,
        MINUTE, "0.5S",
    )  # fmt: skip


def columns(times: Int, values: Int) -> Columns:
    return Columns(times.astype(np.int64), values.astype(np.int64), np.zeros(len(times), np.uint8))


def delayed(times: Int, first: int, last: int, apart_ms: int) -> Int:
    """The same messages, of which first..last came together when the next was due."""
    late = times.copy()
    late[first : last + 1] = times[last] + MINUTE // 3 + np.arange(last - first + 1) * apart_ms
    return late


def by_quarter(told: Intervals) -> dict[int, tuple[int, int]]:
    return dict(zip(told.start_ms.tolist(), zip(told.energy.tolist(), told.flags.tolist(), strict=True), strict=True))


def test_an_even_load_is_even_through_ninety_minutes_of_messages_that_came_at_once():
    times = START + np.arange(301) * MINUTE
    values = 10**9 + np.arange(301) * 5_000_000
    late = delayed(times, 50, 140, 20)
    true = by_quarter(settle(columns(times, values), [info()]).intervals)
    raw = by_quarter(spread(segments(columns(late, values), [info()]), [info()]).intervals)
    told = by_quarter(settle(columns(late, values), [info()]).intervals)
    came = START + 140 * MINUTE // QUARTER_MS * QUARTER_MS
    assert raw[came][0] > 5 * true[came][0]  # as it came: six quarter-hours of energy in one, and no word of it
    held = range(START + 45 * MINUTE, came + QUARTER_MS, QUARTER_MS)
    assert all(abs(told[at][0] - true[at][0]) <= 5_000_000 for at in true)  # a minute's energy
    assert [at for at in true if told[at][1] & Flag.PLACED] == list(held)
    assert sum(energy for energy, _ in told.values()) == sum(energy for energy, _ in true.values())


@given(st.lists(st.integers(0, 800), min_size=100, max_size=200), st.data())
@settings(max_examples=80, deadline=None)
def test_no_total_moves_and_nothing_outside_the_hold_up(load: list[int], data: st.DataObject):
    values = 10**9 + np.concatenate(([0], np.cumsum(load))) * 10_000
    times = START + np.arange(len(values)) * MINUTE
    first = data.draw(st.integers(1, len(times) - 5))
    last = data.draw(st.integers(first + 2, min(first + 90, len(times) - 2)))
    apart = data.draw(st.integers(1, min(20_000 // (last - first), 300)))
    late = delayed(times, first, last, apart)
    found = settle(columns(late, values), [info()])
    assert found.open_items == ()
    assert int(found.intervals.energy.sum() + found.tail.energy.sum()) == values[-1] - values[0]
    true, told = (by_quarter(settle(columns(at, values), [info()]).intervals) for at in (times, late))
    outside = [at for at in told if at + QUARTER_MS <= times[first - 1] or at >= late[last]]
    assert {at: told[at] for at in outside} == {at: true[at] for at in outside}


def test_a_polled_register_was_so_when_it_came() -> None:
    """An outage, an answer that is late, the extra read after the quarter-hour, and the next turn."""
    times = START + np.array([0, 60_000, 885_000, 900_500, 905_000, 960_000])
    assert not held_up(times, [info("uint32")]).any()
    assert not held_up(times, [replace(info(), origin="import")]).any()
    assert held_up(times, [info()]).tolist() == [False, False, True, True, False, False]


def test_the_first_and_the_last_of_a_segment_stay():
    times = START + np.array([0, 10, 20, 30, 40, 60_000])
    assert in_time(Segment(times, times), [info()]).time_ms.tolist() == times.tolist()  # no silence before them
    silent = START + np.array([0, 600_000, 600_010, 600_020])
    assert in_time(Segment(silent, silent), [info()]).time_ms.tolist() == [START, START + 600_020]


@given(st.lists(st.tuples(st.integers(1, 40), st.booleans()), min_size=2, max_size=8), st.data())
@settings(max_examples=8, deadline=None)
def test_piece_by_piece_equals_all_at_once(spans: list[tuple[int, bool]], data: st.DataObject):
    """Settled in the midst of what comes together, and after it."""
    times, at = [], START
    for minutes, held in spans:
        own = [at + n * MINUTE for n in range(1, minutes + 1)]
        at = own[-1]
        times += [at + n * 7 for n in range(minutes)] if held else own
    times = sorted(set(times))
    rows = [(time_ms, 10**9 + n * 1_370_000, 5 * 10**8) for n, time_ms in enumerate(times)]
    with tempfile.TemporaryDirectory() as folder:
        bench = MeterBench(Path(folder), data_type=MESSAGE)
        while rows:
            taken = data.draw(st.integers(1, len(rows)))
            bench.feed(rows[:taken])
            rows = rows[taken:]
            bench.settle()
        assert bench.state() == bench.scratch()
        bench.close()
