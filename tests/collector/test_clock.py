"""Clocks that are not set, leap, or come back (C1..C4): every tick once, every time true or flagged."""

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest

from collector.clock import CONFIRM_S, LEAP_MS, STEP_MS, EpochClock, StepWatch
from collector.pending import BORN_MS, is_set
from metering.reading import GapReason, Lane, Quality
from metering.store.readings_reader import ReadingsReader
from tests.collector.doubles import device
from tests.collector.sites import accounted, due_by_contract, make_site
from tests.collector.test_agent import Wall, collecting, reads, until

NOW_MS = 1_795_219_200_000
LONG_AGO_MS = -50 * 365 * 86_400_000


def test_small_steps_are_believed_at_once_and_large_ones_when_they_stay() -> None:
    steps = StepWatch()
    assert [steps.believed(ms, 0.0) for ms in (0, 1000, 1001, LEAP_MS)] == [False, False, True, True]
    assert not steps.believed(LEAP_MS + 1, 100.0)
    assert not steps.believed(LEAP_MS + 1, 99.0 + CONFIRM_S)
    assert not steps.believed(0, 99.5 + CONFIRM_S)  # undone
    assert not steps.believed(LEAP_MS + 1, 100.0 + CONFIRM_S)  # and begun anew
    assert steps.believed(LEAP_MS + 1, 100.0 + 2 * CONFIRM_S)
    assert StepWatch(certain=False).believed(10**12, 0.0)


def test_a_clock_before_the_program_or_behind_the_newest_reading_is_not_set() -> None:
    assert is_set(NOW_MS, 0)
    assert is_set(NOW_MS, NOW_MS + 59_000)
    assert not is_set(NOW_MS, NOW_MS + 61_000)
    assert not is_set(BORN_MS - 1, 0)


async def test_c1_what_is_read_before_the_clock_is_set_gets_its_true_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wall = Wall(LONG_AGO_MS)
    monkeypatch.setattr("collector.clock.time", wall)
    async with device() as meter:
        config = make_site(tmp_path, {"a": (1,)}, port_of={"a": meter.port})
        reader = ReadingsReader(config.store_dir)
        begun_ms = Wall().time_ns() // 10**6
        async with collecting(config):
            await until(lambda: len(meter.asks) >= 8)
            assert reader.polls_since(0, 10) == []  # nothing under a false time
            wall.offset_ms = 0
            await until(lambda: reads(reader, "a-1") >= 16)
        ended_ms = Wall().time_ns() // 10**6
    polls = reader.polls_since(0, 10_000)
    assert begun_ms - 100 <= min(p.time_ms for p in polls)
    assert max(p.time_ms for p in polls) <= ended_ms + 100
    assert {p.quality for p in polls} == {None}
    first, *later = reader.epochs()
    assert len([p for p in polls if p.epoch == first.id]) >= 6
    assert later
    assert accounted(reader) == due_by_contract(reader)
    times = [p.time_ms for p in polls if p.group == 1 and p.lane is Lane.CADENCE]
    assert times == sorted(set(times))


async def test_c2_a_clock_that_nobody_sets_goes_on_from_the_last_time_known_and_every_value_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collector.agent.HOLD_S", 0.5)
    wall = Wall()
    monkeypatch.setattr("collector.clock.time", wall)
    async with device() as meter:
        config = make_site(tmp_path, {"a": (1,)}, port_of={"a": meter.port})
        reader = ReadingsReader(config.store_dir)
        async with collecting(config):
            await until(lambda: reads(reader, "a-1") >= 4)
        known = reader.polls_since(0, 10_000)
        wall.offset_ms = LONG_AGO_MS
        async with collecting(config):
            await until(lambda: reads(reader, "a-1") >= len(known) + 12)
        middle = reader.polls_since(known[-1].seq, 10_000)
        wall.offset_ms = 60_000
        async with collecting(config):
            await until(lambda: reads(reader, "a-1") >= len(known) + len(middle) + 4)
    last = reader.polls_since(middle[-1].seq, 10_000)
    assert {p.quality for p in known + last} == {None}
    assert {grade for p in middle for grade in p.quality or b""} == {Quality.QUESTIONABLE}
    assert all(p.quality for p in middle)
    assert max(p.time_ms for p in known) < min(p.time_ms for p in middle)
    assert max(p.time_ms for p in middle) < min(p.time_ms for p in last)
    assert accounted(reader) == due_by_contract(reader)


async def test_c2_stopped_before_the_clock_was_set_it_keeps_what_it_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collector.clock.time", Wall(LONG_AGO_MS))
    async with device() as meter:
        config = make_site(tmp_path, {"a": (1,)}, port_of={"a": meter.port})
        reader = ReadingsReader(config.store_dir)
        async with collecting(config):
            await until(lambda: len(meter.asks) >= 8)
    assert reads(reader, "a-1") >= 4
    assert all(p.quality for p in reader.polls_since(0, 10_000))
    assert accounted(reader) == due_by_contract(reader)


async def test_c4_a_leap_that_is_taken_back_begins_no_epoch_and_stores_nothing_in_the_future(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wall = Wall()
    monkeypatch.setattr("collector.clock.time", wall)
    async with device() as meter:
        config = make_site(tmp_path, {"a": (1,)}, port_of={"a": meter.port})
        reader = ReadingsReader(config.store_dir)
        async with collecting(config):
            await until(lambda: reads(reader, "a-1") >= 3)
            wall.offset_ms = 10 * 365 * 86_400_000
            before = reads(reader, "a-1")
            await until(lambda: reads(reader, "a-1") >= before + 8)
            await asyncio.sleep(0.6)
            wall.offset_ms = 0
            await until(lambda: reads(reader, "a-1") >= before + 12)
    assert len(reader.epochs()) == 1
    times = [p.time_ms for p in reader.polls_since(0, 10_000)]
    assert max(times) - min(times) < 120_000
    assert accounted(reader) == due_by_contract(reader)
    assert GapReason.TIME_UNCERTAIN not in {gap.reason for gap in reader.gaps(0, 2**60)[0]}


def test_c5_a_clock_that_drifts_is_a_second_off_at_most_and_each_correction_is_an_epoch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """500 ppm for a day. A clock that is slewed takes the monotonic one along; this is one that is stepped forward."""
    now = [0]  # seconds since the start, as the machine's own oscillator counts them
    wall = SimpleNamespace(monotonic_ns=lambda: now[0] * 10**9, time_ns=lambda: NOW_MS * 10**6 + now[0] * 1_000_500_000)
    monkeypatch.setattr("collector.clock.time", wall)
    clock, steps, epochs, worst = EpochClock(), StepWatch(), 1, 0
    for second in range(0, 86_400, 10):
        now[0] = second
        worst = max(worst, abs(clock.stepped_ms()))
        if steps.believed(clock.stepped_ms(), second):
            clock, epochs = EpochClock(), epochs + 1
    assert worst <= STEP_MS + 5
    assert 40 <= epochs - 1 <= 43  # 43.2 s of drift, a second and one look at a time


@pytest.mark.parametrize("aside", [0, 2, 4, 5, 9])  # after which of the looks at a clock
def test_c5_a_process_put_aside_between_its_looks_at_the_clocks_pairs_them_all_the_same(
    monkeypatch: pytest.MonkeyPatch, aside: int
) -> None:
    passed, looks = [0], [0]  # ns since the start; looks at either clock

    def look(base_ns: int) -> int:
        seen = base_ns + passed[0]
        passed[0] += 300_000_000 if looks[0] == aside else 1_000
        looks[0] += 1
        return seen

    wall = SimpleNamespace(monotonic_ns=lambda: look(0), time_ns=lambda: look(NOW_MS * 10**6))
    monkeypatch.setattr("collector.clock.time", wall)
    clock = EpochClock()
    assert abs(clock.now_ms() - (NOW_MS + passed[0] // 10**6)) <= 1
    assert abs(clock.stepped_ms()) <= 1
