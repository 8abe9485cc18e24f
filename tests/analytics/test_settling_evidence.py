"""The store's own power readings and earlier days weigh in the settling, in slices, late and out of order."""

from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from analytics.intervals import Flag
from analytics.placing import PlainDays
from analytics.power_readings import PowerReadings
from analytics.settlement import advance, bring_up_to_date
from metering.period import QUARTER_MS, from_ms
from metering.reading import Block, Column, Lane, Poll, PollGroup, SeriesInfo
from metering.store.results import ResultsReader, ResultsWriter
from tests.analytics.meter_bench import DAY, MINUTE, START, MeterBench, energy

HOUR = 3_600_000
POWER = ("main", "active_power")
POWER_GROUP = PollGroup("m", "power", (Column(*POWER),), (Block(3, 100, 2),), MINUTE, False, "p", "h")
ZONE = ZoneInfo("Asia/Shanghai")
WEEK = 7 * DAY


class _Works(MeterBench):
    """A meter with a power register beside its counters, settled with the days of a site."""

    days = PlainDays(ZONE)

    def __init__(self, store: Path) -> None:
        super().__init__(store)
        self.power = PowerReadings(self.source)
        self.power_group = self.readings.group(POWER_GROUP)
        self.readings.declare([SeriesInfo(*POWER, 0, "m", "p", "h", "", "float32", 0, None, 1, 1000.0, MINUTE, "0.5S")])

    def show(self, times: range, value) -> None:
        self.feed([(t, value(t), 0) for t in times])

    def measure(self, times: range, kw: float) -> None:
        self.readings.commit([Poll(self.power_group, t, 1, 0, Lane.CADENCE, (kw,), b"") for t in times])

    def settle(self, now_ms: int = START + 400 * DAY) -> int:
        """As the running service does: what power readings said is kept from one settling to the next."""
        series = set()
        while (done := advance(self.source, self.reader, self.results, now_ms, self.days, self.power)) is not None:
            series |= done
        return len(series)

    def anew(self, folder: Path) -> tuple[object, ...]:
        """What one settling of everything gives."""
        writer, reader = ResultsWriter(folder, "test"), ResultsReader(folder)
        bring_up_to_date(self.source, reader, writer, START + 400 * DAY, self.days)
        writer.close()
        fresh = object.__new__(MeterBench)
        fresh.reader = reader
        return fresh.state()


@pytest.fixture
def works(tmp_path: Path) -> Iterator[_Works]:
    made = _Works(tmp_path / "store")
    yield made
    made.close()


def steady(t: int) -> int:
    """300 kW [micro kWh]."""
    return 10**9 + (t - START) // MINUTE * 5_000_000


def standing(t: int) -> int:
    """The same, but the register stands for six hours and then shows it all."""
    return steady(START + 4 * HOUR) if START + 4 * HOUR <= t < START + 10 * HOUR else steady(t)


def dead(t: int) -> int:
    """The same, but what flowed in three hours is never shown."""
    lost = steady(START + 7 * HOUR) - steady(START + 4 * HOUR)
    return steady(min(t, START + 4 * HOUR)) if t < START + 7 * HOUR else steady(t) - lost


TWELVE = range(START, START + 12 * HOUR + 1, MINUTE)


def test_the_store_s_power_readings_tell_a_register_that_stood_and_caught_up(works: _Works, tmp_path: Path):
    works.show(TWELVE, standing)
    works.measure(TWELVE, 300.0)
    works.settle()
    assert works.items() == []
    assert energy(works.stored()) == 12 * 300 * 10**6
    flags = {start: flags for start, _, _, flags in works.stored()}
    assert all(flags[t] & Flag.STUCK for t in range(START + 4 * HOUR, START + 10 * HOUR, QUARTER_MS))
    assert [row[1] for row in works.stored()] == [75 * 10**6] * 48
    assert works.state() == works.anew(tmp_path / "anew")


def test_power_that_follows_a_register_in_order_touches_it_once_and_changes_nothing_in_the_end(
    works: _Works, tmp_path: Path
):
    """Live: power every ten seconds, the register every minute, settled after each reading, late power among them."""
    touched = 0
    for minute in range(60):
        at = START + minute * MINUTE
        works.show(
            range(at, at + 1), lambda t: steady(min(t, START + 20 * MINUTE)) if t < START + 45 * MINUTE else steady(t)
        )
        touched += works.settle()
        late = {at + 30_000} if minute % 7 == 0 else set()
        for t in sorted({*range(at + 5_000, at + MINUTE, 10_000)} - late) + sorted(late):
            works.measure(range(t, t + 1), 300.0)
            touched += works.settle()
    assert works.state() == works.anew(tmp_path / "anew")
    assert touched < 60 * 5  # two registers a minute, once for each and once for the power around it; 14 if for all


def test_without_power_readings_the_same_is_an_open_item(works: _Works):
    works.show(TWELVE, standing)
    works.settle()
    [(_, item)] = works.items()
    assert item["verdict"] == "swap_doubt"


def test_energy_that_only_the_power_readings_saw_is_an_open_item_and_in_no_total(works: _Works):
    works.show(TWELVE, dead)
    works.measure(TWELVE, 300.0)
    works.settle()
    [(_, item)] = works.items()
    assert item["verdict"] == "stuck"
    assert "905 kWh" in item["why"]["en"]
    assert energy(works.stored()) == 9 * 300 * 10**6 - 5 * 10**6  # the minute after it stood is open too


def test_power_readings_in_a_wrong_unit_do_not_refute_the_register(works: _Works):
    works.show(TWELVE, standing)
    works.measure(TWELVE, 300_000.0)  # W taken for kW: far above the rating of 1000 kW
    works.settle()
    assert [item["verdict"] for _, item in works.items()] == ["swap_doubt"]


@pytest.mark.parametrize("step", [90, 240])
def test_late_power_readings_settle_again_what_they_bear_on(works: _Works, tmp_path: Path, step: int):
    works.show(TWELVE, standing)
    works.settle()
    for first in range(0, len(TWELVE), step):
        works.measure(TWELVE[first : first + step], 300.0)
        works.settle()
    assert works.items() == []
    assert works.state() == works.anew(tmp_path / "anew")


def two_shifts(t: int) -> int:
    """90 kW at night, 450 kW from 6 to 22 on weekdays [micro kWh]; a quarter is one kind."""
    local = from_ms(t).astimezone(ZONE)
    return (450 if 6 <= local.hour < 22 and local.weekday() < 5 else 90) * 10**6 // 4


QUARTERS = range(START, START + 5 * WEEK, QUARTER_MS)
REGISTER = dict(zip([*QUARTERS, QUARTERS[-1] + QUARTER_MS], np.concatenate(([0], np.cumsum([two_shifts(t) for t in
                QUARTERS]))).tolist(), strict=True))  # fmt: skip


def feed_weeks(works: _Works, low: int, high: int, hole: tuple[int, int] = (0, 0)) -> None:
    times = [t for t in REGISTER if low <= t < high and not hole[0] < t < hole[1]]
    works.feed([(t, REGISTER[t], 0) for t in times])


def outage() -> tuple[int, int]:
    """Twelve hours over a change of shift in the fifth week."""
    return START + 4 * WEEK + 2 * DAY, START + 4 * WEEK + 2 * DAY + 12 * HOUR


def test_an_outage_lies_as_on_like_days_and_its_total_stays(works: _Works, tmp_path: Path):
    low, high = outage()
    feed_weeks(works, START, START + 5 * WEEK, (low, high))
    works.settle()
    told = {start: (value, flags) for start, value, _, flags in works.stored()}
    inside = range(low, high, QUARTER_MS)
    assert [told[t][0] for t in inside] == [two_shifts(t) for t in inside]
    assert all(told[t][1] & Flag.PLACED for t in inside)
    assert sum(told[t][0] for t in inside) == REGISTER[high] - REGISTER[low]
    assert works.state() == works.anew(tmp_path / "anew")


def test_late_readings_of_a_day_before_move_what_an_outage_was_placed_by(works: _Works, tmp_path: Path):
    low, high = outage()
    missing = (low - WEEK - DAY, low - WEEK + DAY)
    feed_weeks(works, START + 3 * WEEK - DAY, missing[0] + 1)
    feed_weeks(works, missing[1], START + 5 * WEEK, (low, high))
    works.settle()
    assert len({row[1] for row in works.stored() if low <= row[0] < high}) == 1  # nothing known: evenly
    feed_weeks(works, missing[0] + 1, missing[1])
    works.settle()
    told = {row[0]: row[1] for row in works.stored()}
    assert [told[t] for t in range(low, high, QUARTER_MS)] == [two_shifts(t) for t in range(low, high, QUARTER_MS)]
    assert works.state() == works.anew(tmp_path / "anew")


def test_late_readings_replace_what_was_placed(works: _Works, tmp_path: Path):
    low, high = outage()
    feed_weeks(works, START + 3 * WEEK, START + 5 * WEEK, (low, high))
    works.settle()
    before = energy(works.stored())
    feed_weeks(works, low + 1, high)
    works.settle()
    assert energy(works.stored()) == before
    assert not any(flags & Flag.PLACED for *_, flags in works.stored())
    assert works.state() == works.anew(tmp_path / "anew")


def test_a_settling_killed_between_slices_goes_on_there(works: _Works, tmp_path: Path):
    feed_weeks(works, START, START + 5 * WEEK)
    assert advance(works.source, works.reader, works.results, START + 400 * DAY, works.days)
    marks = works.reader.mark("settled")
    assert marks["backlog"]
    done = min(row[0] for row in works.stored())
    assert START < done < START + 2 * WEEK  # the newest month is done
    whole = works.books(span=(START - DAY, START + 5 * WEEK))
    assert energy(whole) == REGISTER[START + 5 * WEEK] - REGISTER[START] - two_shifts(START + 5 * WEEK - QUARTER_MS)
    works.settle()
    assert not works.reader.mark("settled")["backlog"]
    assert works.state() == works.anew(tmp_path / "anew")


def test_what_comes_while_a_backlog_is_left_is_settled_first(works: _Works, tmp_path: Path):
    feed_weeks(works, START, START + 4 * WEEK + 5 * DAY)
    advance(works.source, works.reader, works.results, START + 400 * DAY, works.days)
    feed_weeks(works, START + 4 * WEEK + 5 * DAY, START + 5 * WEEK)
    advance(works.source, works.reader, works.results, START + 400 * DAY, works.days)
    assert works.stored()[-1][0] == START + 5 * WEEK - 2 * QUARTER_MS
    assert works.reader.mark("settled")["backlog"]
    works.settle()
    assert works.state() == works.anew(tmp_path / "anew")


def test_power_sampled_as_seldom_as_the_register_refutes_nothing(works: _Works):
    quarters = range(START, START + 12 * HOUR, QUARTER_MS)
    works.show(quarters, steady)
    works.measure(quarters, 12.0)  # the load was away whenever somebody looked
    works.settle()
    assert works.items() == []
    assert energy(works.stored()) == 47 * 75 * 10**6
