"""Segments of registers, corrected: times a factor, or read off the opposite register, in integers that telescope.

A factor is applied to the cumulative register: every value of it, and the register's whole turn, is multiplied as an
exact rational and rounded once, half to even. The energy of a span is the difference of two such values, whatever else
is settled with it.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

import numpy as np

from analytics.corrections import Corrections, Span
from analytics.intervals import Flag, Intervals
from analytics.segments import Int, Segment
from metering.period import QUARTER_MS
from metering.reading import MICRO, Columns, Quality, SeriesInfo

EVER = (-(2**62), 2**62)
ONE = Fraction(1)
_SAFE = 2**62


@dataclass(frozen=True, slots=True)
class Piece:
    """A span of time in which one register counts, times one factor."""

    start_ms: int
    end_ms: int
    swapped: bool
    factor: Fraction


@dataclass(frozen=True, slots=True)
class Register:
    """The segments of one register and what is known of it."""

    segments: tuple[Segment, ...]
    infos: Sequence[SeriesInfo] = ()

    def modulus(self, time_ms: int) -> int | None:
        """One whole turn [micro] at an instant."""
        told = sorted(self.infos, key=lambda info: info.valid_from_ms)
        info = next((i for i in reversed(told) if i.valid_from_ms <= time_ms), told[0] if told else None)
        return None if info is None or info.modulus is None else int(info.modulus * MICRO)


def scaled(value: Int, factor: Fraction) -> Int:
    """Integers times an exact factor, rounded half to even."""
    p, q = factor.numerator, factor.denominator
    if abs(p) * q >= _SAFE:
        return np.array([round(v * factor) for v in value.tolist()], np.int64)
    whole, rest = np.divmod(value, q)  # p x rest stays below p x q
    more, left = np.divmod(p * rest, q)
    low = p * whole + more
    return np.asarray(low + ((2 * left > q) | ((2 * left == q) & (low % 2 == 1))), np.int64)


def pieces(found: Corrections) -> list[Piece]:
    """Time cut wherever the register that counts, or its factor, changes."""
    spans = [(m.start_ms, m.end_ms) for m in found.multipliers] + [(d.start_ms, d.end_ms) for d in found.directions]
    edges = sorted({*EVER, *(at for span in spans for at in span)})
    made: list[Piece] = []
    for start, end in pairwise(edges):
        factor = ONE
        for one in found.multipliers:
            factor *= one.factor if one.start_ms <= start < one.end_ms else ONE
        swapped = found.swaps(start)
        if made and (made[-1].swapped, made[-1].factor) == (swapped, factor):
            made[-1] = replace(made[-1], end_ms=end)
        else:
            made.append(Piece(start, end, swapped, factor))
    return made


def corrected(own: Register, other: Register, found: Corrections) -> tuple[Segment, ...]:
    """Segments of the energy itself: factors and swaps done, what meets at an instant joined."""
    parts: list[Segment] = []
    for piece in pieces(found):
        register = other if piece.swapped else own
        for segment in register.segments:
            part = _clipped(segment, piece.start_ms, piece.end_ms)
            if part is not None:
                parts.append(_times(part, piece.factor, register.modulus(piece.start_ms)))
    return tuple(_joined(parts))


def _clipped(segment: Segment, start_ms: int, end_ms: int) -> Segment | None:
    times, values = segment.time_ms, segment.value
    first, last = max(int(times[0]), start_ms), min(int(times[-1]), end_ms)
    if first > last or (first == last and times[0] != times[-1]) or first == end_ms:
        return None
    inside = (times >= first) & (times <= last)
    cut, kept = times[inside], values[inside]
    if not len(cut) or cut[0] != first:
        cut, kept = np.insert(cut, 0, first), np.insert(kept, 0, _at(segment, first))
    if cut[-1] != last:
        cut, kept = np.append(cut, last), np.append(kept, _at(segment, last))
    return Segment(cut, kept)


def _at(segment: Segment, time_ms: int) -> int:
    """The register at an instant between two readings: integer-rounded linear interpolation (half up) [micro]."""
    after = int(np.searchsorted(segment.time_ms, time_ms, side="right"))
    before_ms, after_ms = int(segment.time_ms[after - 1]), int(segment.time_ms[after])
    low, high = int(segment.value[after - 1]), int(segment.value[after])
    gap = after_ms - before_ms
    return low + (2 * (high - low) * (time_ms - before_ms) + gap) // (2 * gap)


def _times(segment: Segment, factor: Fraction, modulus: int | None) -> Segment:
    if factor == 1:
        return segment
    if modulus is None:
        return Segment(segment.time_ms, scaled(segment.value, factor))
    # turns apart from the bare register: what is added does not depend on where the count of turns began
    turns, bare = np.divmod(segment.value, modulus)
    return Segment(segment.time_ms, scaled(bare, factor) + turns * round(modulus * factor))


def _joined(parts: Sequence[Segment]) -> Iterator[Segment]:
    """Segments that meet at an instant as one: nothing of time or energy is between them."""
    group: list[Segment] = []
    for part in parts:
        if group and group[-1].time_ms[-1] != part.time_ms[0]:
            yield _one(group)
            group = []
        group.append(part)
    if group:
        yield _one(group)


def _one(group: Sequence[Segment]) -> Segment:
    if len(group) == 1:
        return _distinct(group[0].time_ms, group[0].value)
    values, level = [group[0].value], int(group[0].value[-1])
    for part in group[1:]:
        values.append(part.value - (int(part.value[0]) - level))
        level = int(values[-1][-1])
    return _distinct(np.concatenate([part.time_ms for part in group]), np.concatenate(values))


def _distinct(times: Int, values: Int) -> Segment:
    keep = np.append(True, np.diff(times) != 0)
    return Segment(times[keep], values[keep])


def flagged(
    intervals: Intervals, segments: Sequence[Segment], found: Corrections, taken: Collection[int], breaks: Sequence[int]
) -> Intervals:
    """Quarter-hours with their flags: SUBSTITUTED where a taken reading or a factor counts, BREAK at exchanges."""
    if not len(intervals):
        return intervals
    flags, start = intervals.flags.copy(), intervals.start_ms
    for low, high in (*_factored(found), *_around(segments, taken)):
        first, last = np.searchsorted(start, (low // QUARTER_MS * QUARTER_MS, high))
        flags[first:last] |= np.uint8(Flag.SUBSTITUTED)
    within = [t for t in breaks if any(one.time_ms[0] < t < one.time_ms[-1] for one in segments)]
    broken = np.array([q for t in within for q in (t // QUARTER_MS, (t - 1) // QUARTER_MS)], np.int64) * QUARTER_MS
    flags[np.isin(start, broken)] |= np.uint8(Flag.BREAK)
    return replace(intervals, flags=flags)


def _factored(found: Corrections) -> Iterator[Span]:
    return ((piece.start_ms, piece.end_ms) for piece in pieces(found) if piece.factor != 1)


def _around(segments: Sequence[Segment], taken: Collection[int]) -> Iterator[Span]:
    """From the reading before each taken one to the reading after it."""
    wanted = np.array(sorted(taken), np.int64)
    for segment in segments:
        times = segment.time_ms
        for index in np.flatnonzero(np.isin(times, wanted)).tolist():
            yield int(times[max(index - 1, 0)]), int(times[min(index + 1, len(times) - 1)])


def amounts_corrected(readings: Columns, found: Corrections) -> Columns:
    """Amounts over [time_ms, end_ms) without those set aside, cut where a factor changes and multiplied by it."""
    keep = readings.quality != Quality.INVALID
    kept = Columns(readings.time_ms[keep], readings.value[keep], readings.quality[keep], _ends(readings)[keep])
    cut = pieces(Corrections(multipliers=found.multipliers))
    if len(cut) == 1 or not len(kept):
        return kept
    return _concatenated([_amounts_in(kept, piece) for piece in cut])


def _amounts_in(readings: Columns, piece: Piece) -> Columns:
    ends = _ends(readings)
    low, high = np.maximum(readings.time_ms, piece.start_ms), np.minimum(ends, piece.end_ms)
    here = low < high
    begin, end, value = readings.time_ms[here], ends[here], readings.value[here].astype(np.int64)
    part = _share(value, high[here] - begin, end - begin) - _share(value, low[here] - begin, end - begin)
    return Columns(low[here], scaled(part, piece.factor), readings.quality[here], high[here])


def _ends(readings: Columns) -> Int:
    if readings.end_ms is None:
        raise ValueError("only amounts have ends")
    return readings.end_ms


def _share(value: Int, passed: Int, span: Int) -> Int:
    whole, rest = np.divmod(value, span)
    return np.asarray(whole * passed + (rest * passed) // span, np.int64)


def _concatenated(parts: Sequence[Columns]) -> Columns:
    times = np.concatenate([part.time_ms for part in parts])
    order = np.argsort(times, kind="stable")
    ends = np.concatenate([part.end_ms for part in parts if part.end_ms is not None])
    values = np.concatenate([part.value for part in parts])
    return Columns(times[order], values[order], np.concatenate([part.quality for part in parts])[order], ends[order])
