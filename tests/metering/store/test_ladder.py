"""The thinning ladder: what it may never take, what it counts, and the order of its steps."""

import itertools
from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from collector.housekeeping import Housekeeping
from metering.period import QUARTER_MS
from metering.reading import Lane
from metering.store.ladder import MINUTE_MS, Rung, Step, removable
from metering.store.readings_reader import ReadingsReader
from metering.store.thinning import DAY_MS, HOUR_MS, thin
from tests.metering.store.works import COUNTERS, GAUGES, START_MS, accounted, made, poll

ENERGY, POWER = ("grid", "active_energy_import"), ("sky", "irradiance_poa")


Quarter = tuple[list[Rung], list[tuple[int, int]]]


@st.composite
def quarters(draw: st.DrawFn) -> Quarter:
    """One group's polls of a quarter-hour and its gaps, with flags and counters that fall or are absent."""
    found, time_ms, count, gaps = [], START_MS + draw(st.integers(0, 5000)), 0, []
    for seq in range(1, draw(st.integers(1, 120)) + 1):
        count += draw(st.sampled_from((0, 1, 5, 5, 5, -7)))
        counter = None if draw(st.integers(0, 30)) == 0 else count
        found.append(Rung(seq, time_ms, draw(st.integers(0, 30)) == 0, (counter,)))
        step_ms = draw(st.sampled_from((1000, 1000, 1000, 1000, 7000, 130_000)))
        if step_ms > 1000:
            gaps.append((time_ms + 1000, time_ms + step_ms))
        time_ms += step_ms
    return [rung for rung in found if rung.time_ms < START_MS + QUARTER_MS], gaps


@given(quarters(), st.sampled_from((Step.MINUTES, Step.QUARTERS)))
def test_what_brackets_and_what_stands_beside_a_gap_a_flag_or_a_fall_stays(quarter: Quarter, step: Step) -> None:
    polls, gaps = quarter
    gone = set(removable(polls, gaps, step))
    left = [rung for rung in polls if rung.seq not in gone]
    assert left[0] == polls[0]  # they give the energy of the quarter-hour
    assert left[-1] == polls[-1]
    for before, after in pairwise(polls):
        fell = None not in (before.counters[0], after.counters[0]) and after.counters[0] < before.counters[0]
        if before.flagged or after.flagged or fell or after.time_ms - before.time_ms > 1500:
            assert not {before.seq, after.seq} & gone
    if step is Step.MINUTES:
        assert {r.time_ms // MINUTE_MS for r in left} == {r.time_ms // MINUTE_MS for r in polls}


@given(quarters(), st.sampled_from((Step.MINUTES, Step.QUARTERS)))
def test_a_second_time_a_step_finds_nothing_to_take(quarter: Quarter, step: Step) -> None:
    polls, gaps = quarter
    gone = set(removable(polls, gaps, step))
    left = [rung for rung in polls if rung.seq not in gone]
    assert removable(left, gaps, step) == []


def test_messages_that_came_together_behind_a_silence_stay_with_the_one_before() -> None:
    at = [0, 10, 20, 30, 40, 50, 400, 400.1, 400.2, 400.3, 410, 420, 430, 440]
    messages = [Rung(n, START_MS + int(1000 * s), False, (n,), message=True) for n, s in enumerate(at)]
    assert removable(messages, [], Step.QUARTERS, 10_000) == [1, 2, 3, 4, 10, 11, 12]
    polled = [rung._replace(message=False) for rung in messages]
    assert removable(polled, [], Step.QUARTERS, 10_000) == list(range(1, 13))


def test_a_device_that_sends_far_more_often_than_it_says_is_thinned_all_the_same() -> None:
    messages = [Rung(n, START_MS + 500 * n, False, (n,), message=True) for n in range(1800)]
    assert removable(messages, [], Step.QUARTERS, 60_000) == list(range(1, 1799))


def test_the_last_steps_take_gauges_first_and_counters_last() -> None:
    gauges = [Rung(n, START_MS + n, False, ()) for n in range(5)]
    counters = [Rung(n, START_MS + n, False, (n,)) for n in range(5)]
    assert removable(gauges, [], Step.GAUGES) == list(range(5))
    assert removable(counters, [], Step.GAUGES) == [1, 2, 3]
    assert removable(counters, [], Step.COUNTERS) == list(range(5))


def test_steps_go_in_order_and_every_removal_is_counted(tmp_path: Path) -> None:
    writer = made(tmp_path, 4 * 900)
    now_ms = START_MS + 3 * DAY_MS
    whole = ReadingsReader(tmp_path).ranges([ENERGY], 0, 2**60)[ENERGY]
    before = accounted(tmp_path)
    for _ in range(8):  # minutes, then quarters
        assert thin(writer, now_ms) is not None
    left = ReadingsReader(tmp_path).ranges([ENERGY, POWER], 0, 2**60)
    starts = range(START_MS, START_MS + 3_600_000, QUARTER_MS)
    ends = {t for q in starts for t in (q, q + QUARTER_MS - 1000)}
    assert ends <= set(left[ENERGY].time_ms.tolist()) | {START_MS + 1000 * t for t in range(3600) if t % 97 == 96}
    assert len(left[ENERGY]) < len(whole) / 10
    assert accounted(tmp_path) == before  # what is gone is counted as read
    for _ in range(4):
        thin(writer, now_ms)
    left = ReadingsReader(tmp_path).ranges([ENERGY, POWER], 0, 2**60)
    assert len(left[POWER]) == 1  # the newest stays
    assert len(left[ENERGY]) > 8
    while thin(writer, now_ms) is not None:
        continue
    left = ReadingsReader(tmp_path).ranges([ENERGY, POWER], 0, 2**60)
    assert [len(columns) for columns in left.values()] == [1, 1]
    assert accounted(tmp_path) == before
    [rows] = [writer._db.execute("SELECT step, sum(polls) FROM thinned GROUP BY step").fetchall()]
    assert {step for step, _ in rows} == set(map(int, Step))
    writer.close()


def test_what_is_newer_than_an_hour_is_never_thinned(tmp_path: Path) -> None:
    writer = made(tmp_path, 4 * 900)
    assert thin(writer, START_MS + HOUR_MS) is None
    assert thin(writer, START_MS + HOUR_MS + QUARTER_MS) is not None
    writer.close()


def test_the_extra_reads_of_the_quarter_hours_stay(tmp_path: Path) -> None:
    writer = made(tmp_path, 900)
    number = writer.group(COUNTERS)
    extra = poll(number, 1, 5000, counter=True)
    extra = type(extra)(number, START_MS + 450_500, 1, 7, Lane.QUARTER, extra.values, extra.words)
    writer.commit([extra])
    for _ in range(2):
        thin(writer, START_MS + 3 * DAY_MS)
    assert START_MS + 450_500 in ReadingsReader(tmp_path).ranges([ENERGY], 0, 2**60)[ENERGY].time_ms
    writer.close()


def test_the_house_keeps_its_quota_and_says_when_it_cannot(tmp_path: Path) -> None:
    writer, moment = made(tmp_path, 4 * 900), itertools.count()
    writer.fold()
    quota = int(writer.used_bytes() / 0.95)
    house = Housekeeping(quota, lambda: START_MS / 1000 + 9 * 86_400, lambda: next(moment) * 0.04, look_s=0)
    for _ in range(400):
        house.after_commit(writer)
        writer.fold()
        if not house._thinning and house.thinned:
            break
    assert house.used_bytes < 0.9 * house.quota_bytes
    assert (house.thinned > 0, house.exhausted) == (True, False)
    assert writer.reserve.held
    house.quota_bytes = 1000
    for _ in range(400):
        house.after_commit(writer)
    assert house.exhausted
    writer.close()


def test_a_group_of_gauges_and_one_of_counters_differ(tmp_path: Path) -> None:
    writer = made(tmp_path, 900)
    assert (writer.group(COUNTERS), writer.group(GAUGES)) == (1, 2)
    for _ in range(3):
        thin(writer, START_MS + 3 * DAY_MS)
    left = ReadingsReader(tmp_path).ranges([ENERGY, POWER], 0, 2**60)
    assert len(left[POWER]) == 1
    assert len(left[ENERGY]) >= 2
    writer.close()


def test_a_quarter_with_one_poll_keeps_it() -> None:
    only = [Rung(1, START_MS, False, (1,))]
    assert removable(only, [], Step.MINUTES) == removable(only, [], Step.QUARTERS) == []
