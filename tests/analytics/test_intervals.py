"""Energy per quarter-hour: golden cases, what a register demands, and conservation over random records."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.intervals import Flag, amounts, means, settle
from analytics.segments import Exchange
from metering.period import QUARTER_MS
from metering.reading import Columns, SeriesInfo

Q = QUARTER_MS


def columns(pairs: list[tuple[int, int]]) -> Columns:
    times, values = zip(*pairs, strict=True)
    return Columns(np.array(times, np.int64), np.array(values, np.int64), np.zeros(len(pairs), np.uint8))


def info(*, cadence_ms: int = Q, modulus: Fraction | None = None, rated: float | None = None) -> SeriesInfo:
    return SeriesInfo(
        "main", "active_energy_import", 0, "m", "p", "h", "", "uint32", Fraction(1, 100), modulus, Fraction(1), rated,
        cadence_ms, "0.5S",
    )  # fmt: skip


def test_readings_on_the_quarters_give_their_differences():
    found = settle(columns([(0, 100), (Q, 160), (2 * Q, 200)]), [info()])
    assert found.intervals.start_ms.tolist() == [0, Q]
    assert found.intervals.energy.tolist() == [60, 40]
    assert found.intervals.flags.tolist() == [0, 0]
    assert len(found.tail) == 0


def test_a_boundary_between_readings_is_interpolated_in_integers_and_nothing_is_lost():
    found = settle(columns([(Q - 10_000, 0), (Q + 20_000, 10), (2 * Q, 100)]), [info(cadence_ms=60_000)])
    assert found.intervals.energy.tolist() == [3, 97]
    assert found.intervals.flags[0] == Flag.PARTIAL
    assert found.intervals.energy.sum() == 100


def test_the_running_quarter_is_the_provisional_tail():
    found = settle(columns([(0, 0), (Q, 50), (Q + 60_000, 55)]), [info(cadence_ms=60_000)])
    assert found.tail.energy.tolist() == [5]
    assert found.tail.flags[0] & Flag.PROVISIONAL


def test_energy_of_an_outage_is_all_there_and_flagged_as_placed():
    found = settle(columns([(0, 0), (Q, 10), (5 * Q + 1000, 4010), (6 * Q, 4100)]), [info(cadence_ms=60_000)])
    assert found.intervals.energy.sum() == 4100
    assert found.intervals.placed.sum() == 4000
    assert [bool(f & Flag.PLACED) for f in found.intervals.flags] == [False, True, True, True, True, True]


def test_one_zero_is_set_aside_and_the_energy_across_it_is_exact():
    found = settle(columns([(0, 1000), (Q, 0), (2 * Q, 1020), (3 * Q, 1030)]), [info()])
    assert found.open_items == ()
    assert found.intervals.energy.sum() == 30


def test_a_word_swap_spike_is_set_aside_when_the_rated_power_refutes_it():
    spike = [(0, 1_000_000), (Q, 900_000_000_000_000), (2 * Q, 3_000_000), (3 * Q, 4_000_000)]
    found = settle(columns(spike), [info(rated=10.0)])
    assert found.open_items == ()
    assert found.intervals.energy.sum() == 3_000_000


def test_a_reset_near_zero_that_soon_passes_its_old_value_is_doubt_not_a_glitch():
    found = settle(columns([(0, 1_000_000), (Q, 0), (2 * Q, 1_500_000), (3 * Q, 3_000_000)]), [info(rated=10.0)])
    assert [i.kind for i in found.open_items] == ["fall"]
    assert found.intervals.energy.sum() == 3_000_000


def test_a_rollover_within_the_rating_is_added():
    found = settle(columns([(0, 99_999_000_000), (Q, 1_000_000)]), [info(modulus=Fraction(100_000), rated=10.0)])
    assert found.intervals.energy.tolist() == [2_000_000]
    assert found.open_items == ()


def test_a_reset_is_an_open_item_with_both_readings_and_never_a_guess():
    found = settle(
        columns([(0, 5_000_000), (Q, 6_000_000)] + [(k * Q, (k - 2) * 1_000_000) for k in range(2, 9)]), [info()]
    )
    assert [(i.kind, i.before_micro, i.after_micro) for i in found.open_items] == [("fall", 6_000_000, 0)]
    assert found.intervals.energy.sum() == 1_000_000 + 6_000_000
    assert len(found.segments) == 2


def test_a_used_meter_swapped_in_is_an_open_item_when_the_rating_refutes_the_jump():
    later = [(k * Q, 800_000_000_000 + k * 1_000_000) for k in range(2, 9)]
    found = settle(columns([(0, 1_000_000), (Q, 2_000_000), *later]), [info(rated=10.0)])
    assert [i.kind for i in found.open_items] == ["jump"]
    assert found.intervals.energy.sum() == 1_000_000 + 6_000_000


def test_a_declared_exchange_closes_the_energy_on_both_sides():
    declared = Exchange(Q + Q // 2, final_micro=6_500_000, start_micro=40_000_000)
    found = settle(columns([(0, 5_000_000), (Q, 6_000_000), (2 * Q, 40_250_000)]), [info()], [declared])
    assert found.open_items == ()
    assert found.intervals.energy.tolist() == [1_000_000, 750_000]


@given(
    st.lists(st.tuples(st.integers(1, 40 * Q), st.integers(0, 10**13)), min_size=1, max_size=60),
    st.integers(0, 10**12),
    st.integers(0, 50 * Q),
)
@settings(max_examples=300, deadline=None)
def test_intervals_and_tail_add_up_to_the_register_exactly(steps: list[tuple[int, int]], first: int, start: int):
    times, values = [start], [first]
    for gap, rise in steps:
        times.append(times[-1] + gap)
        values.append(values[-1] + rise)
    found = settle(columns(list(zip(times, values, strict=True))), [info(cadence_ms=60_000, rated=1e20)])
    total = int(found.intervals.energy.sum() + found.tail.energy.sum())
    assert total == values[-1] - values[0]
    assert (found.intervals.energy >= 0).all()
    assert (found.intervals.placed <= found.intervals.energy).all()


@given(st.lists(st.tuples(st.integers(1, 3 * Q), st.integers(0, 10**12)), min_size=3, max_size=80), st.data())
@settings(max_examples=150, deadline=None)
def test_settling_from_any_boundary_gives_the_same_intervals(steps: list[tuple[int, int]], data: st.DataObject):
    times, values = [0], [0]
    for gap, rise in steps:
        times.append(times[-1] + gap)
        values.append(values[-1] + rise)
    pairs = list(zip(times, values, strict=True))
    whole = settle(columns(pairs), [info(rated=1e20)])
    cut = data.draw(st.integers(0, len(pairs) - 2))
    part = settle(columns(pairs[cut:]), [info(rated=1e20)])
    boundary = -(-times[cut] // Q) * Q
    expected, found = whole.intervals.within(boundary, 2**62), part.intervals.within(boundary, 2**62)
    assert expected.energy.tolist() == found.energy.tolist()
    assert expected.placed.tolist() == found.placed.tolist()


def test_amounts_keep_their_sum_and_a_long_one_is_placed():
    ends = np.array([Q, 3 * Q, 4 * Q], np.int64)
    given_ = Columns(np.array([0, Q, 3 * Q], np.int64), np.array([7, 101, 5], np.int64), np.zeros(3, np.uint8), ends)
    found = amounts(given_)
    assert found.energy.sum() == 113
    assert found.energy.tolist() == [7, 50, 51, 5]
    assert found.placed.tolist() == [0, 50, 51, 0]


@pytest.mark.parametrize("gap_days", [1, 40, 400])
def test_a_gap_of_any_length_stays_inside_int64(gap_days: int):
    end = gap_days * 96 * Q + 1
    found = settle(columns([(1, 0), (end, 10**15)]), [info()])
    assert int(found.intervals.energy.sum() + found.tail.energy.sum()) == 10**15


def test_a_gauge_is_told_by_the_mean_of_what_was_read_in_the_quarter():
    times = np.array([0, 60_000, Q, 3 * Q], np.int64)
    found = means(Columns(times, np.array([1.0, 2.0, 7.5, 0.1]), np.array([0, 0, 0, 3], np.uint8)))
    assert found.start_ms.tolist() == [0, Q]
    assert found.energy.tolist() == [1_500_000, 7_500_000]
