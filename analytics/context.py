"""Readings around a span that is settled: how far a change in it can reach, and how much must be read to see it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics.corrections import Corrections, Span
from analytics.heldup import cadences, pushed
from analytics.limits import LOOK_AHEAD, Int
from analytics.segments import Exchange
from metering.period import QUARTER_MS
from metering.reading import Columns, SeriesInfo

CONTEXT = LOOK_AHEAD + 3  # readings on either side of a change that may see it differently


@dataclass(frozen=True, slots=True)
class Read:
    """Corrected readings of a span with the nearest one on either side."""

    columns: Columns
    span: Span
    found: Corrections
    exchanges: Sequence[Exchange]
    infos: Sequence[SeriesInfo]
    power: Columns | None
    times: Int  # when a reading counts that did not stand still under load and was not held up [ms UTC]

    @property
    def taken(self) -> set[int]:
        """When people vouch for a reading [ms UTC]."""
        return {*self.found.taken, *(one.time_ms for one in self.exchanges)}

    @property
    def ended(self) -> bool:
        """Whether no later reading exists: a bracketing one would be here."""
        times = self.columns.time_ms
        return len(times) == 0 or bool(times[-1] < self.span[1])

    def low(self, affected: int, step: int) -> int:
        """From where to read so that there is context before an instant: the present start if that is enough."""
        times = self.columns.time_ms
        begun = len(times) == 0 or times[0] >= self.span[0]
        first = int(times[0]) if len(times) else 0
        if begun or np.count_nonzero(self.times[self.times > first + self._undecided(first)] < affected) >= CONTEXT:
            return self.span[0]
        return (self.found.bad(first) or (first,))[0] - step

    def high(self, affected: int, step: int) -> int:
        """The same after an instant."""
        if self.ended or np.count_nonzero(self.times >= affected) >= CONTEXT:
            return self.span[1]
        last = int(self.columns.time_ms[-1])
        return (self.found.bad(last) or (last, last))[1] + step

    def affected(self, touched: Span) -> Span:
        """The quarter-hours that a change in a span can have altered."""
        times, (low, high) = self.times, touched
        if len(times):
            first = max(int(np.searchsorted(times, low)) - CONTEXT, 0)
            last = min(int(np.searchsorted(times, high, side="right")) + CONTEXT, len(times) - 1)
            low, high = min(low, int(times[first])), max(high, int(times[last]))
        return low // QUARTER_MS * QUARTER_MS, -(-high // QUARTER_MS) * QUARTER_MS

    def _undecided(self, first: int) -> int:
        """So long after a first message nobody knows whether more were held up: it may be one of them [ms]."""
        at = np.array([first])
        return int(cadences(at, self.infos)[0]) if self.infos and pushed(at, self.infos)[0] else 0
