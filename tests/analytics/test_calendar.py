"""Shifts over midnight, days off, make-up workdays and clock changes as masks; what an area uses outside shifts."""

from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.calendar import (
    DayKind,
    Shift,
    WorkCalendar,
    area_use,
    idle_mask,
    local_time,
    shift_masks,
)
from analytics.grid import grid
from analytics.site_times import calendar_of
from analytics.terms import Sentence
from metering import period
from metering.sitefile import load_site
from tests.analytics.carbon_works import START, works_flows
from tests.analytics.plant_works import EXAMPLE, plant_flows

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")


def shift(id_: str, start: int, end: int, *days: DayKind) -> Shift:
    return Shift(id_, Sentence(id_, id_), start, end, frozenset(days or [DayKind.WORKDAY]))


DAY = shift("day", 450, 930)
NIGHT = shift("night", 1380, 360)


def hours(calendar: WorkCalendar, day: str, name: str) -> float:
    one = period.parse(day, calendar.zone)
    return float(shift_masks(calendar, grid(one.start_ms, one.end_ms))[name].sum() / 4)


def test_the_kinds_of_days_of_a_chinese_october() -> None:
    """2026: 1 to 7 October off, Saturday 10 October worked to make up for it."""
    calendar = calendar_of(load_site(EXAMPLE / "site.yaml"))
    kinds = {day: calendar.kind(date(2026, 10, day)).value for day in (1, 3, 7, 8, 10, 11)}
    assert kinds == {1: "holiday", 3: "weekend", 7: "holiday", 8: "workday", 10: "workday", 11: "weekend"}


def test_a_make_up_workday_is_worked_and_a_holiday_is_not() -> None:
    calendar = WorkCalendar(SHANGHAI, (DAY,), frozenset({date(2026, 10, 1)}), frozenset({date(2026, 10, 10)}))
    assert [hours(calendar, f"2026-10-{d:02}", "day") for d in (1, 9, 10, 11)] == [0, 8, 8, 0]


def test_a_night_shift_belongs_to_the_day_it_begins_on() -> None:
    """From Friday 23:00 into Saturday morning is worked; Sunday night into Monday is not."""
    calendar = WorkCalendar(SHANGHAI, (NIGHT,))
    assert [hours(calendar, f"2026-11-{d}", "night") for d in (20, 21, 22, 23)] == [7, 6, 0, 1]


@pytest.mark.parametrize(("day", "long"), [("2026-03-29", 6), ("2026-10-25", 8), ("2026-06-03", 7)])
def test_a_night_shift_on_the_day_the_clock_changes(day: str, long: float) -> None:
    calendar = WorkCalendar(BERLIN, (shift("night", 1380, 360, *DayKind),))
    assert hours(calendar, day, "night") == long


def test_local_time_of_a_half_hour_zone() -> None:
    at = np.array([period.to_ms(period.midnight(date(2026, 4, 5), ZoneInfo("Australia/Lord_Howe")))])
    local = local_time(at, ZoneInfo("Australia/Lord_Howe"))
    assert (local.minute.tolist(), local.month.tolist()) == ([0], [56 * 12 + 3])


def test_no_quarter_hours_no_time() -> None:
    calendar = WorkCalendar(SHANGHAI, (DAY,))
    assert len(idle_mask(calendar, np.empty(0, np.int64))) == 0


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 95), st.integers(1, 95), st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "America/St_Johns"]),
    st.integers(0, 363),
)  # fmt: skip
def test_a_shift_and_its_complement_make_up_every_day(start: int, length: int, zone: str, offset: int) -> None:
    begin, end = 15 * start, 15 * ((start + length) % 96)
    one = WorkCalendar(ZoneInfo(zone), (shift("a", begin, end, *DayKind),))
    two = WorkCalendar(ZoneInfo(zone), (shift("b", end, begin, *DayKind),))
    first = START + offset * 86_400_000
    at = grid(first, first + 3 * 86_400_000)
    assert (idle_mask(one, at) ^ idle_mask(two, at)).all()


def test_energy_outside_shifts_by_area() -> None:
    calendar = WorkCalendar(SHANGHAI, (DAY,), workdays=frozenset({date(2026, 10, 1)}))
    found = {a.area: a for a in area_use(works_flows(), calendar)}
    assert found["smt"].by_shift == {"day": 8 * 4 * 7_000_000}
    assert found["smt"].idle_share == pytest.approx(2 / 3)
    assert found["test"].lacking == 0


def test_shifts_and_idle_hours_of_the_example_add_up() -> None:
    calendar = calendar_of(load_site(EXAMPLE / "site.yaml"))
    for area in area_use(plant_flows(), calendar):
        assert area.idle + sum(area.by_shift.values()) == area.total
    assert area_use(plant_flows(), WorkCalendar(SHANGHAI)) == ()
    two = next(a for a in area_use(plant_flows(), calendar) if a.area == "utilities")
    assert two.points == ("cooling", "air")
