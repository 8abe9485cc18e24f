"""The arithmetic of ticks: every due tick is counted once, a late reader gets no burst, epochs close whole."""

import math
import random
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.schedule import (
    QUARTER_MS,
    Due,
    Patience,
    Timetable,
    cadence,
    ending,
    link_wait_ms,
    quarters,
    tracks,
    unit_wait_ms,
)
from metering.reading import GapReason, Lane

NOON = 1_795_262_400_000  # 2026-11-21T12:00:00Z
TIMES = st.integers(NOON, NOON + 3 * QUARTER_MS)
PERIODS = st.integers(1, 2 * QUARTER_MS)


def ticks_by_hand(start: int, stop: int, period: int) -> int:
    """The contract's words: tick k is due at start + k x period while that is before the stop."""
    count = 0
    while start + count * period < stop:
        count += 1
    return count


@given(TIMES, st.integers(-5_000, 60_000), st.integers(50, 70_000))
def test_cadence_ticks_are_counted_as_the_contract_says(start: int, length: int, period: int) -> None:
    track = cadence(1, start, period)
    assert track.end(start + length) - track.first == ticks_by_hand(start, start + length, period)


@given(TIMES, TIMES)
def test_quarter_ticks_are_those_strictly_inside_the_epoch(start: int, stop: int) -> None:
    track = quarters(1, start)
    inside = [q for q in range(4) if start < NOON + q * QUARTER_MS < stop]
    assert track.end(stop) - track.first == len(inside)
    assert [track.due_ms(t) for t in range(track.first, track.end(stop))] == [NOON + q * QUARTER_MS for q in inside]


def test_a_quarter_tick_is_numbered_from_1970() -> None:
    track = quarters(1, NOON)
    assert (track.first, track.lane) == (NOON // 900_000 + 1, Lane.QUARTER)


@given(TIMES, PERIODS, st.lists(st.integers(0, 100_000), max_size=30))
def test_whenever_one_looks_each_tick_is_read_or_missed_once(start: int, period: int, steps: list[int]) -> None:
    timetable = Timetable(tracks(7, start, period, quarter=True))
    accounted = {track: track.first for track in timetable.next_ticks}
    now = start
    for step in steps:
        now += step
        for due in all_due(timetable, now):
            assert due.tick - due.missed == accounted[due.track]
            assert due.track.due_ms(due.tick) <= now < due.track.due_ms(due.tick + 1)
            accounted[due.track] = due.tick + 1
    for track, tick in accounted.items():
        assert tick == track.end(now + 1) if steps else tick == track.first


def all_due(timetable: Timetable, now: int) -> Iterator[Due]:
    while due := timetable.pick(now, {}):
        yield due


def test_a_sleeper_of_thirty_seconds_gets_one_read_and_is_told_of_the_others() -> None:
    timetable = Timetable([cadence(1, NOON, 1000)])
    assert timetable.pick(NOON, {}) == Due(cadence(1, NOON, 1000), 0, 0)
    assert timetable.pick(NOON + 30_400, {}) == Due(cadence(1, NOON, 1000), 30, 29)
    assert timetable.pick(NOON + 30_400, {}) is None
    assert timetable.next_ms() == NOON + 31_000


def test_groups_of_one_link_are_due_in_one_pass_quarter_first_suspects_last() -> None:
    start = NOON - 60_000
    timetable = Timetable([t for g in (1, 2, 3) for t in tracks(g, start, 60_000, quarter=g == 3)])
    assert [d.track.group for d in all_due(timetable, start)] == [1, 2, 3]
    order = []
    while due := timetable.pick(NOON, {1: 60_000}):
        order.append((due.track.group, due.track.lane))
    assert order == [(3, Lane.QUARTER), (2, Lane.CADENCE), (3, Lane.CADENCE), (1, Lane.CADENCE)]


@given(start=TIMES, stop=TIMES, period=st.integers(200, 100_000), read=st.integers(0, 50), quarter=st.booleans())
def test_an_epoch_closes_whole_whatever_the_clock_did(
    start: int, stop: int, period: int, read: int, quarter: bool
) -> None:
    both = tracks(4, start, period, quarter=quarter)
    next_ticks = {track: track.first + (read if track.lane is Lane.CADENCE else 0) for track in both}
    closed = ending(9, start, next_ticks, stop, GapReason.COLLECTOR_DOWN_UNCLEAN)
    assert closed.stop_ms >= max(start, stop)
    for track in both:
        due = track.end(closed.stop_ms) - track.first
        gaps = [gap for gap in closed.gaps if gap.lane is track.lane]
        accounted = next_ticks[track] - track.first
        assert due == accounted + sum(gap.ticks for gap in gaps)
        assert closed.next_ticks[4, track.lane] == track.end(closed.stop_ms)
        assert all(gap.first_tick == next_ticks[track] and gap.epoch == 9 for gap in gaps)


def test_closing_twice_adds_nothing() -> None:
    track = cadence(1, NOON, 1000)
    first = ending(1, NOON, {track: 3}, NOON + 10_000, GapReason.COLLECTOR_DOWN_CLEAN)
    again = ending(1, NOON, {track: first.next_ticks[1, Lane.CADENCE]}, first.stop_ms, GapReason.COLLECTOR_DOWN_CLEAN)
    assert [gap.ticks for gap in first.gaps] == [7]
    assert again.gaps == ()


def test_one_lost_answer_costs_one_tick_and_a_dead_unit_less_and_less() -> None:
    waits = [unit_wait_ms(n, 1000, 1000) for n in range(10)]
    assert waits == [0, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000, 30000]
    assert unit_wait_ms(9, 1000, None) == 10_000  # alone on its link
    assert unit_wait_ms(30, 2, 1000) == 200  # a quick exception is asked again soon
    assert unit_wait_ms(8, 400, 1000, 60_000, 3_000) == 3_000  # heard three seconds ago: the line is ill, not the unit
    assert unit_wait_ms(8, 400, 1000, 60_000, 90_000) == 40_000


@pytest.mark.parametrize(("cost_ms", "period_ms"), [(1000, 1000), (3000, 1000), (16_000, 5000)])
def test_a_dead_unit_at_its_cap_costs_the_others_less_than_one_percent(cost_ms: int, period_ms: int) -> None:
    wait = unit_wait_ms(50, cost_ms, period_ms)
    lost_ticks_each_try = max(0, cost_ms - period_ms) / period_ms
    ticks_between_tries = (wait + cost_ms) / period_ms
    assert lost_ticks_each_try / ticks_between_tries <= 0.01


def test_a_link_is_tried_again_after_half_a_second_up_to_half_a_minute() -> None:
    assert link_wait_ms(0, 0.5) == 500
    assert link_wait_ms(40, 0.5) == 30_000
    assert link_wait_ms(2, 0.0) < link_wait_ms(2, 0.9)


def test_patience_forgets_with_a_good_answer() -> None:
    patience = Patience()
    patience.failed(1000, 500)
    assert (patience.failures, patience.until_ms) == (1, 1500)
    patience.succeeded()
    assert (patience.failures, patience.until_ms) == (0, 0)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_d11_two_hundred_links_that_are_all_away_do_not_knock_together(seed: int) -> None:
    """They fell at one instant and ask at ticks of one second; after a minute at most twenty ask in one of them."""
    chance = random.Random(seed)
    knocks = Counter[int]()
    for _ in range(200):
        at_ms, failures = 0.0, 0
        while at_ms < 300_000:
            tick = math.ceil(at_ms / 1000)
            knocks[tick] += 1
            at_ms = 1000 * tick + link_wait_ms(failures, chance.random())
            failures += 1
    assert max(count for tick, count in knocks.items() if tick >= 60) <= 20
    assert (
        min(sum(knocks[tick] for tick in range(start, start + 60)) for start in range(60, 241)) >= 200
    )  # all are asked
