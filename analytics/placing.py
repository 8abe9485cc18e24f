"""Where in time the energy of an outage lies: as the same hours of the weeks before, in integers that keep the sum."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
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


@dataclass(frozen=True, slots=True)
class WeeklyProfile:
    """The mean of the same quarter-hour of the same local weekday in the weeks before, shifts included."""

    zone: ZoneInfo
    known: dict[int, int]  # start [ms UTC] -> energy read, not placed [micro]
    weeks: int = WEEKS

    def weights(self, start_ms: Int) -> Int:
        """[micro]; where no week before is known, the mean of the others, so that nothing is left without energy."""
        found = [self._usual(start) for start in start_ms.tolist()]
        told = [one for one in found if one is not None]
        rest = sum(told) // len(told) if told else 1
        return np.array([rest if one is None else one for one in found], np.int64)

    def _usual(self, start_ms: int) -> int | None:
        told = [self.known[at] for at in self._weeks_before(start_ms) if at in self.known]
        return max(sum(told) // len(told), 0) if told else None

    def _weeks_before(self, start_ms: int) -> Iterator[int]:
        """The same wall clock time, one to four weeks earlier: across a change of summer time too."""
        local = from_ms(start_ms).astimezone(self.zone)
        for week in range(1, self.weeks + 1):
            before: datetime = local - timedelta(weeks=week)
            yield to_ms(before)


def weekly_profile(start_ms: Int, energy: Int, zone: ZoneInfo) -> WeeklyProfile:
    """The profile of a point from quarter-hours that were read and not placed [ms UTC, micro]."""
    return WeeklyProfile(zone, dict(zip(start_ms.tolist(), energy.tolist(), strict=True)))


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
    for index in np.flatnonzero(is_long):
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
