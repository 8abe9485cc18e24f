"""Energy on a common grid of quarter-hours: sums that are exact, and flags for what is not known."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.intervals import Flag, Intervals
from analytics.terms import Sentence
from metering.period import QUARTER_MS

Int = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Uncounted:
    """What could not be counted, and why; `incomplete` when totals lack it."""

    point: str
    sentence: Sentence
    incomplete: bool = True


@dataclass(frozen=True, slots=True)
class Amount:
    """A sum over a grid, exact [1e-6 of unit]."""

    micro: int
    unit: str
    placed: int = 0  # the part whose place in time was interpolated
    provisional: int = 0  # the part no later reading confirms yet
    lacking: int = 0  # quarter-hours not (wholly) known
    cells: int = 0  # quarter-hours asked for

    @property
    def value(self) -> float:
        """The nearest float [unit]."""
        return self.micro / 10**6


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """Energy per quarter-hour of the grid [1e-6 of unit]; where MISSING is flagged the energy is unknown."""

    energy: Int
    placed: Int
    flags: NDArray[np.uint8]
    unit: str = "kWh"

    def __add__(self, other: "Flow") -> "Flow":
        return Flow(self.energy + other.energy, self.placed + other.placed, self.flags | other.flags, self.unit)

    def __sub__(self, other: "Flow") -> "Flow":
        return Flow(self.energy - other.energy, self.placed + other.placed, self.flags | other.flags, self.unit)

    @property
    def known(self) -> Mask:
        """Where the energy of the whole quarter-hour is known; a running one counts as known so far."""
        partial = (self.flags & (Flag.PARTIAL | Flag.PROVISIONAL)) == Flag.PARTIAL
        return np.asarray(((self.flags & Flag.MISSING) == 0) & ~partial, np.bool_)

    def told(self, cells: slice = slice(None)) -> bool:
        """Is the energy of any quarter-hour known, of part of the grid."""
        return bool(np.any((self.flags[cells] & Flag.MISSING) == 0))

    @property
    def is_told(self) -> bool:
        """Is the energy of any quarter-hour known."""
        return self.told()

    def total(self, cells: slice = slice(None)) -> Amount:
        """The exact sum over part of the grid."""
        energy, flags = self.energy[cells], self.flags[cells]
        running = energy[(flags & Flag.PROVISIONAL) != 0]
        lacking = int(np.count_nonzero(~self.known[cells]))
        return Amount(
            int(energy.sum()), self.unit, int(self.placed[cells].sum()), int(running.sum()), lacking, len(energy)
        )


def grid(start_ms: int, end_ms: int) -> Int:
    """The starts of the UTC quarter-hours that begin in [start, end) [ms UTC]."""
    return np.arange(-(-start_ms // QUARTER_MS), -(-end_ms // QUARTER_MS), dtype=np.int64) * QUARTER_MS


def on_grid(series: Intervals, start_ms: Int, unit: str) -> Flow:
    """A series on the common grid; quarter-hours it does not hold are flagged MISSING."""
    if _fills(series, start_ms):
        return Flow(series.energy, series.placed, series.flags, unit)
    energy, placed = np.zeros(len(start_ms), np.int64), np.zeros(len(start_ms), np.int64)
    flags = np.full(len(start_ms), Flag.MISSING, np.uint8)
    if len(start_ms) and len(series.start_ms):
        index = (series.start_ms - start_ms[0]) // QUARTER_MS
        inside = (index >= 0) & (index < len(start_ms))
        at = index[inside]
        energy[at], placed[at], flags[at] = series.energy[inside], series.placed[inside], series.flags[inside]
    absent = (flags & Flag.MISSING) != 0
    energy[absent], placed[absent] = 0, 0
    return Flow(energy, placed, flags, unit)


def _fills(series: Intervals, start_ms: Int) -> bool:
    """Does a series hold every quarter-hour of the grid and nothing else."""
    at = series.start_ms
    same = len(at) == len(start_ms) > 0 and at[0] == start_ms[0] and at[-1] == start_ms[-1]
    return bool(same and not np.bitwise_or.reduce(series.flags) & Flag.MISSING)
