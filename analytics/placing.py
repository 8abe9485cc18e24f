"""Where in time the energy of an outage lies: as the same hours of like days before, in integers that keep the sum."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from metering.period import QUARTER_MS, from_ms, to_ms

Int = NDArray[np.int64]
WEEKS = 4


class Profile(Protocol):
    """How energy usually lies in time."""

    def weights(self, start_ms: Int) -> Int:
        """The usual energy of quarter-hours that start at these instants [any integer unit, >= 0]."""


class Days(Protocol):
    """What the days of a site are: workdays, weekends, holidays, in its own time."""

    @property
    def zone(self) -> ZoneInfo:
        """The site's time zone."""

    def kind(self, day: date) -> str:
        """What one local day is."""


@dataclass(frozen=True, slots=True)
class PlainDays:
    """Days that differ by weekday only."""

    zone: ZoneInfo

    def kind(self, day: date) -> str:
        """Nothing more is known."""
        return str(day.weekday())


def like_days(days: Days, day: date) -> Sequence[date]:
    """The four weeks' days that a day resembles: same weekday and kind, else same kind, else the same weekday."""
    kind, weeks = days.kind(day), [day - timedelta(weeks=week) for week in range(1, WEEKS + 1)]
    same = [one for one in weeks if days.kind(one) == kind]
    if same:
        return same
    recent = [day - timedelta(days=back) for back in range(1, 7 * WEEKS + 1)]
    return [one for one in recent if days.kind(one) == kind][:WEEKS] or weeks


@dataclass(frozen=True, slots=True)
class UsualDays:
    """The mean of the same quarter-hour of like days before: shifts, holidays and make-up workdays go with it."""

    days: Days
    known: Mapping[int, int]  # start [ms UTC] -> energy read, not placed [micro]

    def weights(self, start_ms: Int) -> Int:
        """[micro]; where no like day is known, the mean of the others, so that nothing is left without energy."""
        found = [self._usual(start) for start in start_ms.tolist()]
        told = [one for one in found if one is not None]
        rest = sum(told) // len(told) if told else 1
        return np.array([rest if one is None else one for one in found], np.int64)

    def _usual(self, start_ms: int) -> int | None:
        told = [self.known[at] for at in like_starts(self.days, start_ms) if at in self.known]
        return max(sum(told) // len(told), 0) if told else None


def like_starts(days: Days, start_ms: int) -> Iterator[int]:
    """The same wall clock time on like days before: across a change of summer time too [ms UTC]."""
    local = from_ms(start_ms).astimezone(days.zone)
    for day in like_days(days, local.date()):
        yield to_ms(datetime.combine(day, local.timetz()))


def usual_days(start_ms: Int, energy: Int, days: Days) -> UsualDays:
    """The profile of a point from quarter-hours that were read and not placed [ms UTC, micro]."""
    return UsualDays(days, dict(zip(start_ms.tolist(), energy.tolist(), strict=True)))


def likely_spans(days: Days, gaps: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans before each gap whose quarter-hours tell how it usually goes; those that touch are joined [ms UTC]."""
    starts = {
        at
        for low, high in gaps
        for start in range(low // QUARTER_MS * QUARTER_MS, high, QUARTER_MS)
        for at in like_starts(days, start)
        if at + QUARTER_MS <= low
    }
    spans: list[tuple[int, int]] = []
    for at in sorted(starts):
        if spans and at <= spans[-1][1]:
            spans[-1] = (spans[-1][0], at + QUARTER_MS)
        else:
            spans.append((at, at + QUARTER_MS))
    return spans


def whole_gaps(times: Int, is_long: NDArray[np.bool_]) -> list[int]:
    """The readings before long gaps that hold a whole quarter-hour; in shorter ones energy lies evenly [index]."""
    holds = times[1:] // QUARTER_MS > -(-times[:-1] // QUARTER_MS)
    return [int(index) for index in np.flatnonzero(is_long & holds)]


def shares(lump: int, weights: list[int]) -> list[int]:
    """A lump in proportion to weights, evenly where all are 0; integers that add up to the lump exactly."""
    total = sum(weights)
    if total <= 0:
        weights, total = [1] * len(weights), len(weights)
    so_far, told, found = 0, 0, []
    for weight in weights:
        so_far += weight
        upto = (2 * lump * so_far + total) // (2 * total)
        found.append(upto - told)
        told = upto
    return found


def place(at: Int, edges: Int, times: Int, values: Int, is_long: NDArray[np.bool_], profile: Profile) -> Int:
    """The register at the edges of quarter-hours [micro], with long gaps between readings filled by profile."""
    found = at.copy()
    for index in whole_gaps(times, is_long):
        begin, end = int(times[index]), int(times[index + 1])
        low, high = np.searchsorted(edges, begin, side="right"), np.searchsorted(edges, end)
        if low >= high:
            continue
        cuts = np.concatenate(([begin], edges[low:high], [end]))
        usual = profile.weights(cuts[:-1] // QUARTER_MS * QUARTER_MS)
        weights = [w * d for w, d in zip(usual.tolist(), np.diff(cuts).tolist(), strict=True)]
        if sum(weights) == 0:
            continue  # the weeks before tell of nothing: evenly
        lump = int(values[index + 1]) - int(values[index])
        found[low:high] = int(values[index]) + np.cumsum(shares(lump, weights), dtype=np.int64)[:-1]
    return found
