"""Entries: what people correct is exact, flagged, undone bit for bit, and settled again only where it touches."""

import tempfile
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from math import floor, prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.corrected import Register, amounts_corrected, corrected, scaled
from analytics.corrections import BadRange, Corrections, Direction, Multiplier, apply, in_force
from analytics.intervals import Flag
from analytics.segments import Segment
from metering.period import QUARTER_MS
from metering.reading import MICRO, Columns
from metering.store.entries import Entry
from tests.analytics.meter_bench import EXPORT, IMPORT, KEYS, MINUTE, POINT, START, MeterBench, energy, info

HOUR = 60 * MINUTE


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[MeterBench]:
    made = MeterBench(tmp_path)
    yield made
    made.close()


def steady(minutes: range, base: int = 10**9, step: int = 5_000_000, back: int = 700_000) -> list[tuple[int, int, int]]:
    """300 kW in, 42 kW out."""
    return [(START + m * MINUTE, base + m * step, 10**8 + m * back) for m in minutes]


def on(key: tuple[str, str], **body: Any) -> dict[str, Any]:
    return {"point": key[0], "quantity": key[1], **body}


# ---- named scenarios


def test_an_undeclared_swap_is_open_until_the_exchange_is_entered_and_then_it_is_exact(bench: MeterBench):
    old, new = steady(range(100)), steady(range(130, 240), base=-640_000_000)
    bench.feed(old)
    bench.feed(new)
    bench.settle()
    assert [key for key, _ in bench.items()] == [IMPORT]
    swap_ms, final, start = START + 115 * MINUTE, old[-1][1] + 80_000_000, new[0][1] - 70_000_000
    bench.enter("exchange", on(IMPORT, time_ms=swap_ms, final_micro=final, start_micro=start))
    bench.settle()
    assert bench.items() == []
    rows = [row for row in bench.stored() if not row[3] & Flag.MISSING]
    assert energy(rows) == (final - old[0][1]) + (new[-1][1] - start) - _tail(bench)
    swapped = next(row for row in rows if row[0] <= swap_ms < row[0] + QUARTER_MS)
    assert swapped[3] & Flag.BREAK
    assert swapped[3] & Flag.SUBSTITUTED
    assert not swapped[3] & Flag.PARTIAL  # all of its time and energy is told
    assert bench.state() == bench.scratch()


def _tail(bench: MeterBench) -> int:
    body = bench.reader.mark("settled")["tails"]["|".join(IMPORT)]
    return body[1] if body else 0


def test_a_wrong_ct_for_a_week_is_mended_by_a_factor(bench: MeterBench):
    week = range(0, 9 * 1440, 5)
    low, high = START + 1440 * MINUTE, START + 8 * 1440 * MINUTE
    truth = {m: 10**9 + m * 5_500_000 for m in week}
    wrong = [(START + m * MINUTE, _with_wrong_ct(m), 10**8) for m in week]
    bench.feed(wrong)
    bench.settle()
    bench.enter("multiplier", {"point": POINT, "start_ms": low, "end_ms": high, "factor": "11/10"})
    bench.settle()
    rows = bench.stored()
    assert energy(rows) == truth[week[-1] // 15 * 15] - truth[0]
    assert {row[1] for row in rows if not row[3] & Flag.MISSING} == {82_500_000}
    flagged = [row[0] for row in rows if row[3] & Flag.SUBSTITUTED]
    assert (flagged[0], flagged[-1], len(flagged)) == (low, high - QUARTER_MS, 7 * 96)
    assert bench.state() == bench.scratch()


def _with_wrong_ct(minute: int) -> int:
    """Ten elevenths of the energy count while the wrong CT is in."""
    return 10**9 + minute * 5_500_000 - min(max(minute - 1440, 0), 7 * 1440) * 500_000


def test_a_ct_ten_times_too_large_raises_no_doubt_once_its_factor_is_entered(bench: MeterBench):
    rows = [(START + m * MINUTE, 10**9 + m * 50_000_000, 10**8) for m in range(240)]  # 3 MW at a 1 MW feeder
    bench.feed(rows)
    bench.settle()
    assert bench.items() != []
    span = {"start_ms": START, "end_ms": START + 240 * MINUTE}
    bench.enter("multiplier", {"point": POINT, **span, "factor": "1/10"})
    bench.settle()
    assert bench.items() == []
    assert energy(bench.stored()) == 225 * 5_000_000
    assert bench.state() == bench.scratch()


def test_a_reversed_meter_is_mended_by_a_direction(bench: MeterBench):
    rows = steady(range(600))
    low, high = START + 100 * MINUTE + 7, START + 400 * MINUTE + 11
    bench.feed(rows)
    bench.settle()
    told = {key: bench.stored(key) for key in KEYS}
    bench.enter("direction", {"point": POINT, "start_ms": low, "end_ms": high})
    bench.settle()
    for key, other in (KEYS, KEYS[::-1]):
        here, was, opposite = (_by_start(r) for r in (bench.stored(key), told[key], told[other]))
        inside = [t for t in here if low <= t and t + QUARTER_MS <= high]
        outside = [t for t in here if t + QUARTER_MS <= low or t >= high]
        assert len(inside) == 19
        assert all(here[t][1:] == opposite[t][1:] for t in inside)
        assert all(here[t] == was[t] for t in outside)
    both = sum(energy(bench.stored(key)) for key in KEYS)
    assert both == sum(energy(rows) for rows in told.values())
    assert bench.state() == bench.scratch()


def _by_start(rows: list[tuple[int, int, int, int]]) -> dict[int, tuple[int, int, int, int]]:
    return {row[0]: row for row in rows}


BODIES: dict[str, dict[str, Any]] = {
    "exchange": on(IMPORT, time_ms=START + 33 * MINUTE + 5, final_micro=10**9 + 166_000_000, start_micro=10**9),
    "bad_range": on(IMPORT, start_ms=START + 50 * MINUTE, end_ms=START + 130 * MINUTE),
    "manual_reading": on(IMPORT, time_ms=START + 77 * MINUTE + 9, micro=10**9 + 385_500_000),
    "multiplier": {"point": POINT, "start_ms": START + 21 * MINUTE, "end_ms": START + 99 * MINUTE, "factor": "7/6"},
    "direction": {"point": POINT, "start_ms": START + 21 * MINUTE, "end_ms": START + 99 * MINUTE},
}


@pytest.mark.parametrize("kind", BODIES)
def test_an_undo_brings_the_old_figures_back_bit_for_bit(bench: MeterBench, kind: str):
    bench.feed(steady(range(200)))
    bench.settle()
    before = bench.state()
    name = bench.enter(kind, BODIES[kind])
    bench.settle()
    changed = bench.state()
    assert changed != before
    undo = bench.enter("undo", {"entry": name})
    bench.settle()
    assert bench.state() == before
    bench.enter("undo", {"entry": undo})
    bench.settle()
    assert bench.state() == changed
    assert len(bench.entries()) == 3  # nothing is ever deleted


def test_a_bad_range_is_bridged_and_the_total_stays(bench: MeterBench):
    rows = steady(range(200))
    spoilt = [(t, v + (40_000_000 if 60 <= m < 90 else 0), e) for m, (t, v, e) in enumerate(rows)]
    bench.feed(spoilt)
    bench.settle()
    bench.enter("bad_range", on(IMPORT, start_ms=rows[60][0], end_ms=rows[90][0]))
    bench.settle()
    assert bench.items() == []
    assert energy(bench.stored()) == 195 * 5_000_000
    assert {row[1] for row in bench.stored() if not row[3] & Flag.MISSING} == {75_000_000}
    assert [row[0] for row in bench.stored() if row[3] & Flag.PLACED] == [START + k * QUARTER_MS for k in (3, 4, 5)]
    raw = bench.source.ranges([IMPORT], START, START + HOUR * 4)[IMPORT]
    assert raw.value.tolist() == [v for _, v, _ in spoilt]
    assert not raw.quality.any()


def test_a_taken_reading_divides_an_outage_and_is_flagged(bench: MeterBench):
    rows = steady(range(60)) + steady(range(180, 240))
    bench.feed(rows)
    bench.settle()
    noon = START + 120 * MINUTE
    bench.enter("manual_reading", on(IMPORT, time_ms=noon, micro=10**9 + 420_000_000))
    bench.settle()
    found = _by_start(bench.stored())
    early = sum(row[1] for t, row in found.items() if t < noon)
    assert early == 420_000_000
    assert energy(bench.stored()) == 225 * 5_000_000
    outage = range(START + 45 * MINUTE, START + 180 * MINUTE, QUARTER_MS)
    assert [t for t, row in found.items() if row[3] & Flag.SUBSTITUTED] == list(outage)


def test_a_reset_stays_open_but_explained_until_its_energy_is_known(bench: MeterBench):
    rows = steady(range(60)) + steady(range(60, 120), base=-300_000_000 + 5_000_000)
    bench.feed(rows)
    bench.settle()
    ((_, item),) = bench.items()
    span = {"before_ms": item["before"]["time_ms"], "after_ms": item["after"]["time_ms"]}
    name = bench.enter("reset", on(IMPORT, **span))
    bench.settle()
    assert [body["entry"] for _, body in bench.items()] == [name]
    bench.enter("reset", on(IMPORT, **span, energy_micro=5_000_000))
    bench.settle()
    assert bench.items() == []
    assert energy(bench.stored()) + _tail(bench) == 119 * 5_000_000
    assert bench.state() == bench.scratch()


# ---- only what is touched, and the same as from scratch


def test_a_late_day_touches_its_own_intervals_only(bench: MeterBench):
    late = range(2880, 4320)
    bench.feed(steady(range(2880)) + steady(range(4320, 7200)))
    bench.settle()
    before = {key: _by_start(bench.stored(key)) for key in KEYS}
    wavy = [(t, v + (m % 97) * 1_000, e + (m % 89) * 100) for m, (t, v, e) in zip(late, steady(late), strict=True)]
    bench.feed(wavy)
    bench.settle()
    for key in KEYS:
        after = _by_start(bench.stored(key))
        changed = [t for t, row in after.items() if before[key].get(t) != row]
        # the 96 quarters of the day itself, and the one before it that ended in the outage
        assert len(changed) == 97
        assert (changed[0], changed[-1]) == (START + 2865 * MINUTE, START + 4305 * MINUTE)
    assert bench.state() == bench.scratch()


def test_books_show_an_entry_before_it_is_settled_and_write_nothing(bench: MeterBench):
    bench.feed(steady(range(200)))
    bench.settle()
    told = bench.stored()
    for kind, body in BODIES.items():
        name = bench.enter(kind, body)
        ahead = [bench.books(key) for key in KEYS]
        assert bench.stored() == told
        bench.settle()
        assert [bench.books(key) for key in KEYS] == ahead
        bench.enter("undo", {"entry": name})
        bench.settle()


def test_a_factor_for_all_time_settles_no_more_than_there_is(bench: MeterBench):
    bench.feed(steady(range(200)))
    bench.settle()
    bench.enter("multiplier", {"point": POINT, "start_ms": 0, "end_ms": 2**52, "factor": "2"})
    bench.settle()
    rows = bench.stored()
    assert energy(rows) == 2 * 195 * 5_000_000
    assert rows[0][0] >= START - 2 * 86_400_000
    assert rows[-1][0] <= START + 3 * 86_400_000


moments = st.integers(0, 900).map(lambda m: START + m * MINUTE // 2)
spans = st.tuples(moments, st.integers(1, 300)).map(lambda p: (p[0], p[0] + p[1] * MINUTE // 2 + 1))


def _bodies() -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    key, micro = st.sampled_from(KEYS), st.integers(0, 2_500_000_000)
    ranged = st.builds(lambda k, s: ("bad_range", on(k, start_ms=s[0], end_ms=s[1])), key, spans)
    taken = st.builds(lambda k, t, v: ("manual_reading", on(k, time_ms=t, micro=10**9 + v)), key, moments, micro)
    swapped = st.builds(
        lambda k, t, a, b: ("exchange", on(k, time_ms=t, final_micro=10**9 + a, start_micro=10**9 + b)),
        key, moments, micro, micro,
    )  # fmt: skip
    factor = st.sampled_from(["11/10", "1/10", "3", "7/9"])
    times = st.builds(
        lambda s, f: ("multiplier", {"point": POINT, "start_ms": s[0], "end_ms": s[1], "factor": f}), spans, factor
    )
    turned = st.builds(lambda s: ("direction", {"point": POINT, "start_ms": s[0], "end_ms": s[1]}), spans)
    undone = st.builds(lambda n: ("undo", {"entry": f"e{n}"}), st.integers(1, 8))
    return st.one_of(ranged, taken, swapped, times, turned, undone)


@pytest.mark.parametrize("count", [6, pytest.param(100, marks=pytest.mark.long)])
def test_entries_and_readings_in_any_order_give_what_a_settling_from_scratch_gives(count: int):
    settings(max_examples=count, deadline=None)(given(st.data())(_any_order))()


def _any_order(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bench = MeterBench(Path(folder))
        minutes = data.draw(st.lists(st.integers(0, 450), min_size=3, max_size=80, unique=True))
        rows = [(START + m * MINUTE, 10**9 + m * 5_000_000 + m % 7, 10**9 + m * 800_000) for m in minutes]
        for _ in range(data.draw(st.integers(1, 6))):
            taken = data.draw(st.integers(0, len(rows)))
            bench.feed(rows[:taken])
            rows = rows[taken:]
            for kind, body in data.draw(st.lists(_bodies(), max_size=3)):
                bench.enter(kind, body)
            ahead = [bench.books(key) for key in KEYS]
            bench.settle()
            assert [bench.books(key) for key in KEYS] == ahead
            assert bench.state() == bench.scratch()
        bench.close()


# ---- integers


@given(st.lists(st.integers(0, 10**15), min_size=2, max_size=30), st.fractions(Fraction(1, 1000), 1000))
def test_a_factor_rounds_each_value_of_the_register_once_half_to_even(values: list[int], factor: Fraction):
    assert scaled(np.array(values, np.int64), factor).tolist() == [round(v * factor) for v in values]


@given(
    st.lists(st.integers(0, 10**9), min_size=2, max_size=40),
    st.lists(st.tuples(st.integers(0, 400), st.integers(1, 200), st.fractions(Fraction(1, 50), 50)), max_size=4),
    st.integers(0, 3),
)
def test_the_corrected_total_is_the_sum_of_the_pieces_times_their_factors(
    rises: list[int], periods: list[tuple[int, int, Fraction]], turns: int
):
    values = (
        10**12 + np.cumsum(rises) + np.arange(len(rises)) * turns // len(rises) * int(info(IMPORT).modulus or 0) * MICRO
    )
    times = START + np.arange(len(rises)) * 10 * MINUTE
    found = Corrections(
        multipliers=tuple(Multiplier(START + a * MINUTE, START + (a + n) * MINUTE, f) for a, n, f in periods)
    )
    own = Register((Segment(times, values),), [info(IMPORT)])
    (made,) = corrected(own, own, found)
    modulus, expected, exact = int((info(IMPORT).modulus or 0) * MICRO), 0, Fraction(0)
    bounds = {b for p in found.multipliers for b in (p.start_ms, p.end_ms) if times[0] < b < times[-1]}
    edges = sorted({int(times[0]), int(times[-1]), *bounds})
    for low, high in pairwise(edges):
        factor = prod((p.factor for p in found.multipliers if p.start_ms <= low < p.end_ms), start=Fraction(1))
        first, last = shown(times, values, low), shown(times, values, high)
        expected += last - first if factor == 1 else times_factor(last, factor) - times_factor(first, factor)
        exact += (last - first) * factor
        turned = last // modulus - first // modulus
        assert abs(times_factor(last, factor) - times_factor(first, factor) - (last - first) * factor) <= 1 + turned
    assert made.energy_micro == expected
    assert abs(expected - exact) <= len(edges) + turns + 1


def shown(times: np.ndarray, values: np.ndarray, at: int) -> int:
    """The register at an instant: on the line between its neighbours, half up."""
    index = min(int(np.searchsorted(times, at, side="right")) - 1, len(times) - 2)
    rise, gap = int(values[index + 1] - values[index]), int(times[index + 1] - times[index])
    return int(values[index]) + floor(Fraction(rise * (at - int(times[index])), gap) + Fraction(1, 2))


def times_factor(value: int, factor: Fraction) -> int:
    modulus = int((info(IMPORT).modulus or 0) * MICRO)
    return round(value % modulus * factor) + value // modulus * round(modulus * factor)


def test_whole_register_under_one_factor_telescopes_exactly():
    values = 10**9 + np.arange(50, dtype=np.int64) ** 2 * 12_347
    times = START + np.arange(50, dtype=np.int64) * MINUTE
    found = Corrections(multipliers=(Multiplier(0, 2**60, Fraction(11, 10)),))
    own = Register((Segment(times, values),))
    (made,) = corrected(own, own, found)
    assert made.energy_micro == round(int(values[-1]) * Fraction(11, 10)) - round(int(values[0]) * Fraction(11, 10))


def test_two_directions_at_once_cancel():
    times, values = START + np.arange(3) * MINUTE, np.array([1, 5, 9], np.int64)
    own, other = Register((Segment(times, values),)), Register((Segment(times, values * 2),))
    found = Corrections(directions=(Direction(0, 2**60), Direction(0, 2**60)))
    assert corrected(own, other, found)[0].value.tolist() == [1, 5, 9]


def test_an_undone_undo_undoes_nothing():
    entries = [
        Entry("a", "bad_range", "w", "y", 0, {}, 1),
        Entry("b", "undo", "w", "y", 0, {"entry": "a"}, 2),
        Entry("c", "undo", "w", "y", 0, {"entry": "b"}, 3),
    ]
    assert [e.id for e in in_force(entries[:2])] == ["b"]
    assert [e.id for e in in_force(entries)] == ["a", "c"]


def test_an_entry_on_one_register_leaves_the_other_alone(bench: MeterBench):
    bench.feed(steady(range(200)))
    bench.settle()
    before = bench.stored(EXPORT)
    bench.enter("bad_range", BODIES["bad_range"])
    assert bench.settle() == 1
    assert bench.stored(EXPORT) == before


def test_amounts_are_cut_where_a_factor_changes_and_those_set_aside_are_left_out():
    times = START + np.arange(3, dtype=np.int64) * HOUR
    hours = Columns(times, np.array([10, 20, 40], np.int64) * MICRO, np.zeros(3, np.uint8), times + HOUR)
    factor = Multiplier(START + HOUR // 2, START + HOUR, Fraction(2))
    aside = BadRange(START + 2 * HOUR, START + 3 * HOUR)
    found = Corrections(multipliers=(factor,), bad_ranges=(aside,))
    made = amounts_corrected(apply(hours, found), found)
    assert made.value.tolist() == [5 * MICRO, 10 * MICRO, 20 * MICRO]
    assert made.time_ms.tolist() == [START, START + HOUR // 2, START + HOUR]
    assert not hours.quality.any()  # the readings themselves stay
