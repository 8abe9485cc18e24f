"""Which polls an old quarter-hour keeps when the store must shrink: the thinning ladder; arithmetic alone.

Steps, each only when the one before has nothing left: one poll a minute; the polls beside the quarter-hours; no gauges
at all; and last, no counters. Until the last two, no step removes the first or last poll of a quarter-hour, which give
its energy, nor one beside a gap, a flag or a counter that fell, nor messages that were held up and came together: they
say that the energy before them flowed while they were held.
"""

from bisect import bisect_left
from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

from metering.period import QUARTER_MS
from metering.reading import SILENCE_MS, TOGETHER

MINUTE_MS = 60_000


class Step(IntEnum):
    """How far a quarter-hour is thinned."""

    MINUTES = 1
    QUARTERS = 2
    GAUGES = 3  # groups without a counter are removed whole
    COUNTERS = 4  # the rest too


class Rung(NamedTuple):
    """What the ladder looks at in one poll."""

    seq: int
    time_ms: int
    flagged: bool  # a quality that is not good, or a value that is absent
    counters: tuple[int | None, ...]
    message: bool = False  # pushed by the device, so it may have been held up


def removable(polls: Sequence[Rung], gaps: Sequence[tuple[int, int]], step: Step, cadence_ms: int = 0) -> list[int]:
    """The sequence numbers a step may remove from one group's polls of one quarter-hour, in order of time.

    `gaps` are the spans in which the group was not read [ms UTC].
    """
    has_counters = any(poll.counters for poll in polls)
    if step >= Step.COUNTERS or (step is Step.GAUGES and not has_counters):
        return [poll.seq for poll in polls]
    kept = _special(polls) | _beside(polls, gaps) | _together(polls, cadence_ms)
    if step is Step.MINUTES:
        kept |= _first_of_minutes(polls)
    return [poll.seq for index, poll in enumerate(polls) if index not in kept]


def _special(polls: Sequence[Rung]) -> set[int]:
    """First, last, and whatever stands beside a flag or a fall."""
    kept = {0, len(polls) - 1}
    for index in range(1, len(polls)):
        before, after = polls[index - 1], polls[index]
        if before.flagged or after.flagged or _fell(before, after):
            kept |= {index - 1, index}
    return kept


def _beside(polls: Sequence[Rung], gaps: Sequence[tuple[int, int]]) -> set[int]:
    """The last poll before each gap, and the first one after it began."""
    times = [poll.time_ms for poll in polls]
    kept = set[int]()
    for start_ms, end_ms in gaps:
        kept |= {bisect_left(times, start_ms) - 1, bisect_left(times, start_ms), bisect_left(times, end_ms)}
    return kept & set(range(len(polls)))


def _together(polls: Sequence[Rung], cadence_ms: int) -> set[int]:
    """Three messages or more in half a cadence behind a silence, as analytics.heldup knows them, and the one before."""
    kept, times = set[int](), [poll.time_ms for poll in polls]
    for index, time_ms in enumerate(times):
        before_ms = times[index - 1] if index else time_ms // QUARTER_MS * QUARTER_MS
        after = bisect_left(times, time_ms + cadence_ms // 2)
        if polls[index].message and time_ms - before_ms > max(2 * cadence_ms, SILENCE_MS) and after - index >= TOGETHER:
            kept |= set(range(max(index - 1, 0), after))
    return kept


def _fell(before: Rung, after: Rung) -> bool:
    pairs = zip(before.counters, after.counters, strict=True)
    return any(a is not None and b is not None and b < a for a, b in pairs)


def _first_of_minutes(polls: Sequence[Rung]) -> set[int]:
    kept, seen = set[int](), set[int]()
    for index, poll in enumerate(polls):
        minute = poll.time_ms // MINUTE_MS
        if minute not in seen:
            seen.add(minute)
            kept.add(index)
    return kept
