"""Segments -> energy per quarter-hour on UTC quarters, in integers that always add up to the register.

Within a segment the sum of the intervals plus the open tail is last - first, exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntFlag

import numpy as np
from numpy.typing import NDArray

from analytics.heldup import cadences, in_time
from analytics.placing import Profile, place
from analytics.segments import Exchange, OpenItem, Segment, Segments, segments
from analytics.verdicts import Judged, Verdict
from metering.period import QUARTER_MS
from metering.reading import MICRO, SILENCE_MS, Columns, Quality, SeriesInfo

Int = NDArray[np.int64]
_SAFE_GAP_MS = 2_000_000_000  # below this, remainder x time stays inside int64


class Flag(IntFlag):
    """What is to be known of an interval beside its energy."""

    PARTIAL = 1  # readings do not cover the whole of it
    PLACED = 2  # part of its energy was interpolated over a long gap
    BREAK = 4  # a segment ends or begins inside
    SUBSTITUTED = 8  # not from a register
    PROVISIONAL = 16  # no later reading yet
    MISSING = 32  # nothing is known
    STUCK = 64  # the register stood still in it while the power readings say that energy flowed
    JUDGED = 128  # a reading in it was judged: rolled over, set aside or left open


@dataclass(frozen=True, slots=True)
class Intervals:
    """Energy over [start_ms, start_ms + 15 min) of one series, oldest first [micro]."""

    start_ms: Int
    energy: Int
    placed: Int  # the part of `energy` whose place in time is interpolated
    flags: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.start_ms)

    def within(self, start_ms: int, end_ms: int) -> "Intervals":
        """Those that start in [start_ms, end_ms)."""
        low, high = np.searchsorted(self.start_ms, (start_ms, end_ms))
        cut = slice(int(low), int(high))
        return Intervals(self.start_ms[cut], self.energy[cut], self.placed[cut], self.flags[cut])


@dataclass(frozen=True, slots=True)
class Settlement:
    """One series settled: its intervals, the energy since the last quarter, and what stayed open."""

    segments: tuple[Segment, ...]
    intervals: Intervals
    tail: Intervals  # at most one: the running quarter, provisional
    open_items: tuple[OpenItem, ...]
    judged: tuple[Judged, ...] = ()


def empty() -> Intervals:
    """No intervals."""
    none = np.empty(0, np.int64)
    return Intervals(none, none, none, np.empty(0, np.uint8))


def settle(
    readings: Columns,
    infos: Sequence[SeriesInfo],
    exchanges: Sequence[Exchange] = (),
    power: Columns | None = None,
    profile: Profile | None = None,
) -> Settlement:
    """Register readings [micro] -> energy per quarter-hour [micro].

    `power` are power readings of the same point [kW], evidence where the register leaves doubt; `profile` says how
    the energy of an outage lies in time, else it lies evenly.
    """
    cut = segments(readings, infos, exchanges, power)
    return spread(replace(cut, segments=tuple(in_time(one, infos) for one in cut.segments)), infos, profile)


def spread(cut: Segments, infos: Sequence[SeriesInfo], profile: Profile | None = None) -> Settlement:
    """Segments -> energy per quarter-hour [micro]."""
    if not cut.segments:
        return Settlement((), empty(), empty(), cut.open_items, cut.judged)
    parts = [_segment_intervals(one, _long_after(one.time_ms, infos), profile) for one in cut.segments]
    whole = _marked(_add_up([part for part in parts if len(part)]), cut)
    last = len(whole)
    running = cut.segments[-1].time_ms[-1] % QUARTER_MS != 0  # else the last reading closes its quarter
    tail = whole.within(int(whole.start_ms[-1]), int(whole.start_ms[-1]) + 1) if running and last else empty()
    if len(tail):
        last -= 1
        tail = Intervals(tail.start_ms, tail.energy, tail.placed, tail.flags | np.uint8(Flag.PROVISIONAL))
    settled = Intervals(whole.start_ms[:last], whole.energy[:last], whole.placed[:last], whole.flags[:last])
    return Settlement(cut.segments, settled, tail, cut.open_items, cut.judged)


def _marked(whole: Intervals, cut: Segments) -> Intervals:
    """Quarter-hours in which something was judged, and whole ones after a place that later readings may still judge."""
    for one in cut.judged:
        low, high = np.searchsorted(whole.start_ms, (one.before_ms - QUARTER_MS + 1, one.after_ms))
        stood = Flag.STUCK if one.verdict in {Verdict.STUCK, Verdict.CAUGHT_UP} else 0
        whole.flags[low:high] |= np.uint8(Flag.JUDGED | stood)
    for item in cut.open_items:
        if item.provisional:
            after = whole.start_ms > item.after_ms - QUARTER_MS
            held = after & ((whole.flags & (Flag.PARTIAL | Flag.BREAK)) == 0)
            whole.flags[held] |= np.uint8(Flag.PROVISIONAL)
    return whole


def _long_after(times: Int, infos: Sequence[SeriesInfo]) -> Int:
    """Per reading, the spacing to the next beyond which energy counts as placed: twice the cadence, at least 5 s."""
    if not infos:
        return np.full(len(times), QUARTER_MS, np.int64)
    return np.maximum(2 * cadences(times, infos), SILENCE_MS)


def register_at(segment: Segment, at_ms: int, infos: Sequence[SeriesInfo], profile: Profile | None = None) -> int:
    """The register at the start, the end or a quarter-hour's edge of a segment, as the intervals have it [micro]."""
    cells, edges = _edges(segment.time_ms)
    if not len(cells):
        return int(segment.value[0])
    _, at = _registers(segment, edges, _long_after(segment.time_ms, infos), profile)
    return int(at[np.searchsorted(edges, at_ms)])


def _edges(times: Int) -> tuple[Int, Int]:
    """The quarter-hours that a run of readings reaches into, and their edges, the first and last reading's for ends."""
    first, last = int(times[0]) // QUARTER_MS, -(-int(times[-1]) // QUARTER_MS)
    cells = np.arange(first, last, dtype=np.int64) * QUARTER_MS
    edges = np.append(cells, last * QUARTER_MS)
    edges[0], edges[-1] = times[0], times[-1]
    return cells, edges


def _registers(segment: Segment, edges: Int, long_after: Int, profile: Profile | None) -> tuple[Int, Int]:
    """The reading before each edge [index], and the register at it [micro]."""
    times, values = segment.time_ms, segment.value
    before = np.clip(np.searchsorted(times, edges, side="right") - 1, 0, len(times) - 1)
    at = _boundary(times, values, edges, before)
    if profile is not None:
        at = place(at, edges, times, values, _is_long(times, long_after), profile)
    return before, at


def _segment_intervals(segment: Segment, long_after: Int, profile: Profile | None = None) -> Intervals:
    times, values = segment.time_ms, segment.value
    cells, edges = _edges(times)
    if not len(cells):  # a lone reading on a quarter tells of no time
        return empty()
    before, at = _registers(segment, edges, long_after, profile)
    placed = _placed(times, values, edges, before, at, long_after)
    flags = np.zeros(len(cells), np.uint8)
    flags[_in_gaps(times, values, edges, long_after)] |= np.uint8(Flag.PLACED)
    if times[0] % QUARTER_MS:
        flags[0] |= np.uint8(Flag.PARTIAL)
    if times[-1] % QUARTER_MS or len(times) == 1:
        flags[-1] |= np.uint8(Flag.PARTIAL)
    return Intervals(cells, np.diff(at), np.diff(placed), flags)


def _boundary(times: Int, values: Int, edges: Int, before: Int) -> Int:
    """The register at instants between readings: integer-rounded linear interpolation (half up)."""
    after = np.minimum(before + 1, len(times) - 1)
    gap, passed = times[after] - times[before], edges - times[before]
    rise = values[after] - values[before]
    gap = np.where(gap == 0, 1, gap)
    if int(gap.max(initial=0)) > _SAFE_GAP_MS:
        share = [
            (2 * r * p + g) // (2 * g) for r, p, g in zip(rise.tolist(), passed.tolist(), gap.tolist(), strict=True)
        ]
        return np.asarray(values[before] + np.array(share, np.int64), np.int64)
    whole, rest = np.divmod(rise, gap)
    # rest < gap <= 2e9 and passed <= gap, so 2 x rest x passed stays below 8e18
    return np.asarray(values[before] + whole * passed + (2 * rest * passed + gap) // (2 * gap), np.int64)


def _placed(times: Int, values: Int, edges: Int, before: Int, at: Int, long_after: Int) -> Int:
    """Energy up to each edge that fell between two readings far apart with a quarter between them."""
    if len(times) < 2:
        return np.zeros(len(edges), np.int64)
    is_long = np.append(_is_long(times, long_after), False)
    steps = np.where(is_long[:-1], np.diff(values), 0)
    so_far = np.concatenate(([0], np.cumsum(steps)))
    return np.asarray(so_far[before] + np.where(is_long[before], at - values[before], 0), np.int64)


def _in_gaps(times: Int, values: Int, edges: Int, long_after: Int) -> NDArray[np.bool_]:
    """Quarter-hours that reach into a long gap in which the register rose: their part of it may be 0, or not."""
    index = np.flatnonzero(_is_long(times, long_after) & (np.diff(values) != 0)) if len(times) > 1 else times[:0]
    low = np.searchsorted(edges, times[index], side="right") - 1
    high = np.searchsorted(edges, times[index + 1])
    inside = np.zeros(len(edges) + 1, np.int64)
    np.add.at(inside, low, 1)
    np.add.at(inside, high, -1)
    return np.asarray(np.cumsum(inside)[: len(edges) - 1] > 0, np.bool_)


def is_long_after(times: Int, infos: Sequence[SeriesInfo]) -> NDArray[np.bool_]:
    """Pairs of readings so far apart that the energy between them is placed, not read."""
    return _is_long(times, _long_after(times, infos))


def _is_long(times: Int, long_after: Int) -> NDArray[np.bool_]:
    """Pairs of readings far apart with a quarter between them."""
    crosses = times[1:] > (times[:-1] // QUARTER_MS + 1) * QUARTER_MS
    return np.asarray((np.diff(times) > long_after[:-1]) & crosses, np.bool_)


def _add_up(parts: Sequence[Intervals]) -> Intervals:
    """Segments on one axis; where two meet in one quarter their energies add and the quarter is flagged."""
    if len(parts) < 2:
        return parts[0] if parts else empty()
    starts = np.unique(np.concatenate([part.start_ms for part in parts]))
    energy, placed = np.zeros(len(starts), np.int64), np.zeros(len(starts), np.int64)
    flags = np.zeros(len(starts), np.uint8)
    for number, part in enumerate(parts):
        index = np.searchsorted(starts, part.start_ms)
        energy[index] += part.energy
        placed[index] += part.placed
        flags[index] |= part.flags
        if number:
            flags[index[0]] |= np.uint8(Flag.BREAK)
        if number < len(parts) - 1:
            flags[index[-1]] |= np.uint8(Flag.BREAK)
    return Intervals(starts, energy, placed, flags)


def amounts(readings: Columns) -> Intervals:
    """Amounts over [time_ms, end_ms) [micro] -> quarter-hours; a longer one is spread evenly, exactly, and placed."""
    if readings.end_ms is None or len(readings) == 0:
        return empty()
    first, last = readings.time_ms // QUARTER_MS, (readings.end_ms - 1) // QUARTER_MS
    counts = np.asarray(last - first + 1, np.int64)
    owner = np.repeat(np.arange(len(readings)), counts)
    step = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    cell = (first[owner] + step) * QUARTER_MS
    low = np.maximum(cell, readings.time_ms[owner]) - readings.time_ms[owner]
    high = np.minimum(cell + QUARTER_MS, readings.end_ms[owner]) - readings.time_ms[owner]
    span = (readings.end_ms - readings.time_ms)[owner]
    value = readings.value.astype(np.int64)[owner]
    energy = _share(value, high, span) - _share(value, low, span)
    placed = np.where(counts[owner] > 1, energy, 0)
    starts, index = np.unique(cell, return_inverse=True)
    total, moved = np.zeros(len(starts), np.int64), np.zeros(len(starts), np.int64)
    np.add.at(total, index, energy)
    np.add.at(moved, index, placed)
    return Intervals(starts, total, moved, np.where(moved != 0, Flag.PLACED, 0).astype(np.uint8))


def _share(value: Int, passed: Int, span: Int) -> Int:
    whole, rest = np.divmod(value, span)
    return np.asarray(whole * passed + (rest * passed) // span, np.int64)


def means(readings: Columns) -> Intervals:
    """Readings of a gauge -> their plain mean in each quarter-hour that holds any [micro]."""
    keep = readings.quality != Quality.INVALID
    starts, index = np.unique(readings.time_ms[keep] // QUARTER_MS * QUARTER_MS, return_inverse=True)
    count = np.bincount(index, minlength=len(starts))
    mean = np.bincount(index, weights=readings.value[keep].astype(np.float64), minlength=len(starts)) / count
    none = np.zeros(len(starts), np.int64)
    return Intervals(starts, np.rint(mean * MICRO).astype(np.int64), none, np.zeros(len(starts), np.uint8))
