"""Random faults on a sound register: what comes out is exact or open, and any window sees the same."""

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.intervals import Flag, settle
from analytics.limits import LOOK_AHEAD, Limits
from analytics.segments import segments
from analytics.verdicts import Evidence, Verdict, explain, shown
from metering.reading import Columns, Quality, SeriesInfo

MINUTE = 60_000
STEP = 10_000


def info(rated: float | None = 500.0, modulus: Fraction | None = None) -> SeriesInfo:
    return SeriesInfo(
        "main", "active_energy_import", 0, "m", "p", "h", "", "uint32", Fraction(1, 100), modulus, Fraction(1), rated,
        MINUTE, "0.5S",
    )  # fmt: skip


def columns(times: np.ndarray, values: np.ndarray, quality: np.ndarray | None = None) -> Columns:
    flags = np.zeros(len(times), np.uint8) if quality is None else quality
    return Columns(times.astype(np.int64), values.astype(np.int64), flags)


def register(load: list[int], first: int) -> np.ndarray:
    """Minute readings of a register under so many steps of load a minute."""
    return first + np.concatenate(([0], np.cumsum(load))) * STEP


LOADS = st.lists(st.integers(0, 800), min_size=60, max_size=120)
FIRST = st.integers(10**10, 10**12).map(lambda v: v // STEP * STEP)


@given(LOADS, FIRST, st.data())
@settings(max_examples=60, deadline=None)
def test_random_glitches_cost_no_energy(load: list[int], first: int, data: st.DataObject):
    true = register(load, first)
    shown_ = true.copy()
    start = data.draw(st.integers(1, len(true) - LOOK_AHEAD - 2))
    length = data.draw(st.integers(1, LOOK_AHEAD - 2))
    wrong = data.draw(st.sampled_from([0, -7_070, 3_030, 16 * first, 4_294_967_295 * STEP, first // 2]))
    shown_[start : start + length] = wrong
    found = settle(columns(np.arange(len(true)) * MINUTE, shown_), [info()])
    assert found.open_items == ()
    assert int(found.intervals.energy.sum() + found.tail.energy.sum()) == true[-1] - true[0]
    assert [one.verdict for one in found.judged] == [Verdict.GLITCH]


@given(LOADS, FIRST, st.lists(st.booleans(), min_size=121, max_size=121))
@settings(max_examples=50, deadline=None)
def test_lost_and_invalid_readings_cost_no_energy(load: list[int], first: int, kept: list[bool]):
    true = register(load, first)
    bad = ~np.array(kept[: len(true)])
    bad[0] = bad[-1] = False
    quality = np.where(bad, Quality.INVALID, 0).astype(np.uint8)
    found = settle(columns(np.arange(len(true)) * MINUTE, np.where(bad, 0, true), quality), [info()])
    assert found.open_items == ()
    assert int(found.intervals.energy.sum() + found.tail.energy.sum()) == true[-1] - true[0]


@given(LOADS, st.integers(1, 100_000), st.sampled_from([655.36, 1_000_000, 42_949_672.96]))
@settings(max_examples=50, deadline=None)
def test_a_rollover_is_added_exactly(load: list[int], before: int, end: float):
    modulus = Fraction(str(end))
    true = register(load, int(modulus * 10**6) - before * STEP % int(modulus * 10**6))
    found = settle(columns(np.arange(len(true)) * MINUTE, true % int(modulus * 10**6)), [info(modulus=modulus)])
    assert found.open_items == ()
    assert int(found.intervals.energy.sum() + found.tail.energy.sum()) == true[-1] - true[0]


@given(LOADS, FIRST, st.integers(40, 59), st.integers(0, 10**12))
@settings(max_examples=60, deadline=None)
def test_another_register_is_never_booked(load: list[int], first: int, at: int, other: int):
    true = register(load, first)
    moved = other // STEP * STEP - true[at]
    jump = other // STEP * STEP - true[at - 1]
    if -64 * STEP <= jump <= 1002 * STEP:
        return  # it shows what this register could show
    shown_ = np.concatenate((true[:at], true[at:] + moved))
    found = segments(columns(np.arange(len(true)) * MINUTE, shown_), [info()])
    told = sum(one.energy_micro for one in found.segments)
    assert [(i.before_micro, i.after_micro) for i in found.open_items] == [(shown_[at - 1], shown_[at])]
    assert told == (true[at - 1] - true[0]) + (true[-1] - true[at])


@given(LOADS, FIRST, st.data())
@settings(max_examples=60, deadline=None)
def test_messages_that_were_held_up_and_came_together_cost_no_energy(load: list[int], first: int, data: st.DataObject):
    true, times = register(load, first), np.arange(len(load) + 1) * MINUTE
    start = data.draw(st.integers(0, len(true) - 2))
    end = data.draw(st.integers(start + 1, len(true) - 1))
    times[start:end] = times[end] - np.arange(end - start, 0, -1) * data.draw(st.sampled_from([1, 20, 900]))
    found = settle(columns(times, true), [info()])
    assert found.open_items == ()
    assert int(found.intervals.energy.sum() + found.tail.energy.sum()) == true[-1] - true[0]


@given(LOADS, FIRST, st.integers(20, 39), st.integers(150_000, 10**8))  # more than flows in all the time
@settings(max_examples=30, deadline=None)
def test_another_register_among_them_is_open(load: list[int], first: int, at: int, steps: int):
    true, times = register(load, first), np.arange(len(load) + 1) * MINUTE
    times[10:40] = times[40] - np.arange(30, 0, -1) * 20
    moved = steps * STEP - (true[at] - true[at - 1])
    found = segments(columns(times, np.concatenate((true[:at], true[at:] + moved))), [info()])
    assert [(i.before_micro, i.after_micro) for i in found.open_items] == [(true[at - 1], true[at] + moved)]


def test_a_fall_is_provisional_until_enough_readings_followed():
    for followed in (1, LOOK_AHEAD, LOOK_AHEAD + 1):
        values = np.concatenate((np.arange(9) + 10**6, np.arange(followed))) * STEP * 100
        found = settle(columns(np.arange(len(values)) * 15 * MINUTE, values), [info()])
        assert [item.provisional for item in found.open_items] == [followed <= LOOK_AHEAD]
        assert bool((found.intervals.flags & Flag.PROVISIONAL).any()) == (1 < followed <= LOOK_AHEAD)


def test_power_is_integrated_to_the_micro_kwh_and_alike_in_any_window():
    times = np.arange(0, 3_600_001, 1000)
    power = Columns(times, np.full(len(times), 36.0), np.zeros(len(times), np.uint8))
    limits = Limits([info()], power)
    assert limits.told(0, 3_600_000) == 36_000_000
    later = Limits([info()], Columns(times[100:], power.value[100:], power.quality[100:]))
    assert later.told(1_000_000, 2_000_000) == limits.told(1_000_000, 2_000_000) == 10_000_000
    assert limits.told(3_600_000, 7_200_000) is None


def test_every_verdict_has_a_sentence_in_both_languages():
    for verdict in Verdict:
        for evidence in (Evidence(), Evidence("kWh", 10**12, 5_000_000, 4_000_000, rated=True)):
            why = explain(verdict, 1_000_000, -2_500_000, evidence)
            assert "{" not in why.zh + why.en
            assert shown(1_000_000, evidence.unit) in why.zh
            assert shown(1_000_000, evidence.unit) in why.en


def test_an_integer_is_shown_as_an_exact_decimal():
    assert [shown(v) for v in (0, 1, -1_500_000, 999_984_000_000)] == ["0", "0.000001", "-1.5", "999984"]
