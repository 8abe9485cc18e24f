"""When people work: shifts, weekends, holidays and the workdays that make up for them, as masks over quarter-hours."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

import numpy as np

from analytics.flows import Flows
from analytics.grid import Int, Mask
from analytics.terms import Sentence
from metering.period import from_ms
from metering.site import MeteringPoint, Role

_STEP_MS = 1_800_000  # zones change their offset on half hours of UTC
_DAY_MS = 86_400_000
_FIRST = date(1970, 1, 1)


class DayKind(StrEnum):
    """What a day is at this site; a make-up workday is a workday."""

    WORKDAY = "workday"
    WEEKEND = "weekend"
    HOLIDAY = "holiday"


ALL_DAYS = frozenset(DayKind)


@dataclass(frozen=True, slots=True)
class Shift:
    """[start, end) in minutes of the local day it begins on; an end not after the start is on the next day."""

    id: str
    name: Sentence
    start: int
    end: int
    days: frozenset[DayKind] = frozenset({DayKind.WORKDAY})


@dataclass(frozen=True, slots=True)
class WorkCalendar:
    """The site's shifts and its days off."""

    zone: ZoneInfo
    shifts: tuple[Shift, ...] = ()
    holidays: frozenset[date] = frozenset()
    workdays: frozenset[date] = frozenset()  # make-up workdays: they win over weekend and holiday

    def kind(self, day: date) -> DayKind:
        """What one local day is."""
        if day in self.workdays:
            return DayKind.WORKDAY
        if day in self.holidays:
            return DayKind.HOLIDAY
        return DayKind.WEEKEND if day.weekday() >= 5 else DayKind.WORKDAY


@dataclass(frozen=True, slots=True, eq=False)
class LocalTime:
    """The site's clock at the start of each quarter-hour."""

    day: Int  # local days since 1970
    minute: Int  # of the local day

    @property
    def month(self) -> Int:
        """Local months since January 1970."""
        return np.asarray(self.day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64), np.int64)


def local_time(start_ms: Int, zone: ZoneInfo) -> LocalTime:
    """The local day and minute of instants [ms UTC]; right on days of 23 and 25 hours."""
    steps, index = np.unique(start_ms // _STEP_MS, return_inverse=True)
    offsets = np.array([_offset_ms(int(step) * _STEP_MS, zone) for step in steps], np.int64)
    local = start_ms + (offsets[index] if len(steps) else 0)
    return LocalTime(local // _DAY_MS, local % _DAY_MS // 60_000)


def _offset_ms(ms: int, zone: ZoneInfo) -> int:
    offset = from_ms(ms).astimezone(zone).utcoffset()
    return 0 if offset is None else offset // timedelta(milliseconds=1)


def day_of(number: int) -> date:
    """The date of a local day counted since 1970."""
    return _FIRST + timedelta(days=number)


def of_kind(calendar: WorkCalendar, days: Int, kinds: frozenset[DayKind]) -> Mask:
    """Which of these local days are of one of the kinds."""
    unique, index = np.unique(days, return_inverse=True)
    wanted = np.array([calendar.kind(day_of(int(d))) in kinds for d in unique], np.bool_)
    return np.asarray(wanted[index] if len(unique) else np.zeros(0), np.bool_)


def in_hours(minute: Int, start: int, end: int) -> Mask:
    """Which minutes of the day lie in [start, end); an end not after the start is past midnight."""
    if end > start:
        return np.asarray((minute >= start) & (minute < end), np.bool_)
    return np.asarray((minute >= start) | (minute < end), np.bool_)


def shift_masks(calendar: WorkCalendar, start_ms: Int) -> Mapping[str, Mask]:
    """The quarter-hours of each shift; the part past midnight belongs to the day on which it began."""
    local = local_time(start_ms, calendar.zone)
    masks = {}
    for shift in calendar.shifts:
        past = (local.minute < shift.end) & (shift.end <= shift.start)
        began = local.day - np.where(past, 1, 0)
        masks[shift.id] = in_hours(local.minute, shift.start, shift.end) & of_kind(calendar, began, shift.days)
    return masks


def idle_mask(calendar: WorkCalendar, start_ms: Int) -> Mask:
    """The quarter-hours of no shift."""
    working = np.zeros(len(start_ms), np.bool_)
    for mask in shift_masks(calendar, start_ms).values():
        working |= mask
    return ~working


@dataclass(frozen=True, slots=True)
class AreaUse:
    """Electricity of one area, by shift and outside all of them [1e-6 kWh]; only quarter-hours that are known."""

    area: str
    points: tuple[str, ...]
    total: int
    idle: int
    by_shift: Mapping[str, int]
    lacking: int  # quarter-hours not known of one of its meters

    @property
    def idle_share(self) -> float | None:
        """Of what was used, the part outside shifts [1]."""
        return self.idle / self.total if self.total else None


def area_use(flows: Flows, calendar: WorkCalendar) -> tuple[AreaUse, ...]:
    """What each area used in and outside its shifts, by its highest meters; sites without shifts have no idle hours."""
    if not calendar.shifts:
        return ()
    masks, idle = shift_masks(calendar, flows.start_ms), idle_mask(calendar, flows.start_ms)
    areas: dict[str, list[MeteringPoint]] = {}
    for point in flows.site.points:
        if _heads_area(flows, point):
            areas.setdefault(point.area, []).append(point)
    return tuple(_use(flows, area, points, masks, idle) for area, points in areas.items())


def _heads_area(flows: Flows, point: MeteringPoint) -> bool:
    if not point.area or point.role is not Role.LOAD or point.carrier != "electricity" or point.id not in flows.points:
        return False
    return point.parent is None or flows.site.point(point.parent).area != point.area


def _use(flows: Flows, area: str, points: list[MeteringPoint], masks: Mapping[str, Mask], idle: Mask) -> AreaUse:
    energy, known = np.zeros(len(idle), np.int64), np.ones(len(idle), np.bool_)
    for point in points:
        energy = energy + flows.points[point.id].energy
        known &= flows.points[point.id].known
    by_shift = {name: int(energy[mask & known].sum()) for name, mask in masks.items()}
    return AreaUse(
        area, tuple(p.id for p in points), int(energy[known].sum()), int(energy[idle & known].sum()), by_shift,
        int(np.count_nonzero(~known)),
    )  # fmt: skip
