"""When reads are due, which were missed, and how long to leave a unit alone that does not answer (pure arithmetic).

All times are milliseconds of the epoch's own clock: the wall clock at its start, carried on by the monotonic clock. An
epoch in which the wall clock steps is closed and a new one opened, so quarter-hours stay those of the wall clock.
"""

import math
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from metering.reading import GapReason, Lane, PollGap

QUARTER_MS = 900_000
_QUARTER_SPAN_MS = 2_000  # how long after a quarter-hour its extra read still counts as at the quarter-hour
UNIT_WAIT_MS = 30_000.0  # how long a dead unit is left alone at most, where others share its link
LINE_UNIT_WAIT_MS = 60_000.0  # on a serial line, where a lost second is everybody's
LINK_WAIT_MS = 30_000.0  # how long a link that cannot be opened is left alone at most
ADAPTER_WAIT_MS = 5_000.0  # and an adapter, which nobody else waits for
_QUARTER_LEAD_MS = 60_000  # quarter reads go before others that have waited less than this


class Track(NamedTuple):
    """The due ticks of one lane of one group within an epoch: origin + tick x period, from `first` on [ms UTC]."""

    group: int
    lane: Lane
    origin_ms: int
    period_ms: int
    first: int

    def due_ms(self, tick: int) -> int:
        """When a tick is due [ms UTC]."""
        return self.origin_ms + tick * self.period_ms

    def newest(self, now_ms: int) -> int:
        """The newest tick due at or before an instant; below `first` where there is none."""
        return (now_ms - self.origin_ms) // self.period_ms

    def from_newest(self, now_ms: int) -> "Track":
        """The same without what was due before the newest tick at an instant."""
        return self._replace(first=max(self.first, self.newest(now_ms)))

    def end(self, stop_ms: int) -> int:
        """The first tick that is not due before an epoch's stop; so many ticks are due: end - first."""
        return max(self.first, -((self.origin_ms - stop_ms) // self.period_ms))

    def gap(self, epoch: int, first: int, ticks: int, reason: GapReason, code: int | None, detail: str) -> PollGap:
        """Consecutive ticks that ended without a reading, and the span they stand for."""
        end_ms = self.due_ms(first + ticks)
        if self.lane is Lane.QUARTER:
            end_ms = self.due_ms(first + ticks - 1) + _QUARTER_SPAN_MS
        return PollGap(self.group, epoch, self.lane, first, ticks, self.due_ms(first), end_ms, reason, code, detail)


def cadence(group: int, start_ms: int, period_ms: int) -> Track:
    """Tick k is due at start + k x period, the first one at once."""
    return Track(group, Lane.CADENCE, start_ms, period_ms, 0)


def quarters(group: int, start_ms: int) -> Track:
    """One tick at every UTC quarter-hour after the start, numbered from 1970."""
    return Track(group, Lane.QUARTER, 0, QUARTER_MS, start_ms // QUARTER_MS + 1)


def tracks(group: int, start_ms: int, period_ms: int, *, quarter: bool) -> tuple[Track, ...]:
    """The tracks of a polled group."""
    every = cadence(group, start_ms, period_ms)
    return (every, quarters(group, start_ms)) if quarter else (every,)


class Ending(NamedTuple):
    """How an epoch that is over is closed: its stop, what it missed, and the ledger that says so."""

    stop_ms: int
    gaps: tuple[PollGap, ...]
    next_ticks: Mapping[tuple[int, Lane], int]


def ending(epoch: int, start_ms: int, next_ticks: Mapping[Track, int], stop_ms: int, reason: GapReason) -> Ending:
    """Close an epoch at a stop: every tick due before it and not accounted for becomes a gap.

    A clock that went back must not make accounted ticks undue, so the stop is never before the last of them.
    """
    accounted = (track.due_ms(tick - 1) + 1 for track, tick in next_ticks.items() if tick > track.first)
    stop_ms = max(stop_ms, start_ms, *accounted)
    gaps = []
    ends: dict[tuple[int, Lane], int] = {}
    for track, tick in next_ticks.items():
        end = track.end(stop_ms)
        ends[track.group, track.lane] = max(tick, end)
        if end > tick:
            gaps.append(track.gap(epoch, tick, end - tick, reason, None, ""))
    return Ending(stop_ms, tuple(gaps), ends)


class Due(NamedTuple):
    """One read to make now, and how many ticks of its track passed unread before it."""

    track: Track
    tick: int
    missed: int


class Timetable:
    """The tracks of one link and the next tick of each; a late reader gets the newest tick, never a burst."""

    def __init__(self, tracks: Iterable[Track], phases: Mapping[int, int] = MappingProxyType({})) -> None:
        """`phases`: how long after its ticks a group is read [ms]; at quarter-hours nobody waits."""
        self._phase_ms = {t: 0 if t.lane is Lane.QUARTER else phases.get(t.group, 0) for t in tracks}
        self._read_ms = {t: t.due_ms(t.first) + phase_ms for t, phase_ms in self._phase_ms.items()}  # the next of each

    @property
    def next_ticks(self) -> dict[Track, int]:
        """The next tick of each track."""
        return {track: track.newest(read_ms - self._phase_ms[track]) for track, read_ms in self._read_ms.items()}

    def hasten(self) -> None:
        """From now on read what is due when it is due: there will be no later."""
        self._read_ms = {track: read_ms - self._phase_ms[track] for track, read_ms in self._read_ms.items()}
        self._phase_ms = dict.fromkeys(self._phase_ms, 0)

    def pick(self, now_ms: int, patience: Mapping[int, int]) -> Due | None:
        """The most urgent due read; `patience` delays groups of suspect units behind the others [ms]."""
        best: tuple[int, Track] | None = None
        for track, read_ms in self._read_ms.items():
            if read_ms <= now_ms:
                rank = read_ms + patience.get(track.group, 0) - (track.lane is Lane.QUARTER) * _QUARTER_LEAD_MS
                if best is None or rank < best[0]:
                    best = (rank, track)
        if best is None:
            return None
        track = best[1]
        phase_ms = self._phase_ms[track]
        first, newest = track.newest(self._read_ms[track] - phase_ms), track.newest(now_ms - phase_ms)
        self._read_ms[track] = track.due_ms(newest + 1) + phase_ms
        return Due(track, newest, newest - first)

    def spare_ms(self, now_ms: int, own: Container[int], usual_ms: Mapping[int, float]) -> float:
        """How long one group may take so that those of others still are read before their next ticks [ms].

        `own` are the groups of the same unit, `usual_ms` is how long a read of each group takes.
        """
        latest, reserve = math.inf, 0.0
        for track, read_ms in self._read_ms.items():
            if track.group not in own:
                latest = min(latest, read_ms + min(track.period_ms, _QUARTER_SPAN_MS if track.lane else math.inf))
                reserve += usual_ms.get(track.group, 0.0) if read_ms <= now_ms else 0.0
        return latest - now_ms - reserve

    def next_ms(self) -> int:
        """When the next read is to be made [ms UTC]."""
        return min(self._read_ms.values())


@dataclass(slots=True)
class Patience:
    """How long a unit or a link that fails is left alone; until when [ms, the epoch's clock]."""

    failures: int = 0
    until_ms: float = 0.0

    def failed(self, now_ms: float, wait_ms: float) -> None:
        """Note a failed try, and the wait that follows it."""
        self.failures += 1
        self.until_ms = now_ms + wait_ms

    def succeeded(self) -> None:
        """Note a good answer."""
        self.failures, self.until_ms = 0, 0.0


def unit_wait_ms(
    failures: int,
    cost_ms: float,
    shortest_other_ms: float | None,
    longest_ms: float = UNIT_WAIT_MS,
    silent_ms: float = math.inf,
) -> float:
    """How long a unit is left alone after so many failures before this one, each of which cost its link so much [ms].

    One lost answer is followed by the next tick. Then the cost is doubled each time, up to 10 s for a unit alone on its
    link, else up to `longest_ms` or what keeps the loss of the others' reads below 1 %. A cheap failure waits little.
    Nobody is left alone for longer than it has been silent: on a disturbed line failures gather in a second or two.
    """
    if failures == 0:
        return 0.0
    cap = 10_000.0
    if shortest_other_ms is not None:
        cap = max(longest_ms, 100 * (cost_ms - shortest_other_ms))
    return min(cap, cost_ms * 2.0 ** min(failures - 1, 20), 100 * cost_ms, max(cost_ms, silent_ms))


def link_wait_ms(failures: int, chance: float, longest_ms: float = LINK_WAIT_MS) -> float:
    """How long a link is left closed after so many failed connections before: from 0.5 s on, spread by chance [ms]."""
    return min(longest_ms, 500 * 2.0 ** min(failures, 10)) * (0.75 + chance / 2)
