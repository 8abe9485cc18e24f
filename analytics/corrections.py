"""What people entered about a meter -> what it corrects of each series, and which spans of time that touches.

The readings in the store stay as they are; a copy goes on, with bad ranges set aside and taken readings in their place.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Protocol, TypeVar

import numpy as np

from analytics.segments import Exchange
from metering.quantity import QUANTITIES, Kind
from metering.reading import Columns, Quality, SeriesInfo, SeriesKey

KINDS = ("exchange", "bad_range", "manual_reading", "multiplier", "direction", "reset")  # those that change figures
STRADDLE_MS = 3_600_000  # so long after a factor's end a reading may still tell of energy before it


class Entered(Protocol):
    """An entry as it lies in the store."""

    @property
    def id(self) -> str:
        """Its name."""

    @property
    def kind(self) -> str:
        """What it is."""

    @property
    def seq(self) -> int:
        """Its place in the order of entries."""

    @property
    def body(self) -> Mapping[str, Any]:
        """What it says."""


E = TypeVar("E", bound=Entered)
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class BadRange:
    """Readings in [start_ms, end_ms) are set aside."""

    start_ms: int
    end_ms: int
    entry: str = ""


@dataclass(frozen=True, slots=True)
class ManualReading:
    """What a person read off the register [micro]."""

    time_ms: int
    micro: int
    entry: str = ""


@dataclass(frozen=True, slots=True)
class Multiplier:
    """Energy in [start_ms, end_ms) is the register's times this: a wrong CT, a wrong pulse value."""

    start_ms: int
    end_ms: int
    factor: Fraction
    entry: str = ""


@dataclass(frozen=True, slots=True)
class Direction:
    """In [start_ms, end_ms) the meter sat the wrong way round: its import register holds the export."""

    start_ms: int
    end_ms: int
    entry: str = ""


@dataclass(frozen=True, slots=True)
class Reset:
    """A register that began anew between two readings; the energy between them where somebody knows it [micro]."""

    before_ms: int
    after_ms: int
    energy_micro: int | None = None
    entry: str = ""


@dataclass(frozen=True, slots=True)
class Corrections:
    """All that was entered about one series, in the order of entering."""

    exchanges: tuple[Exchange, ...] = ()
    bad_ranges: tuple[BadRange, ...] = ()
    manual: tuple[ManualReading, ...] = ()
    multipliers: tuple[Multiplier, ...] = ()
    directions: tuple[Direction, ...] = ()
    resets: tuple[Reset, ...] = ()

    @property
    def taken(self) -> dict[int, int]:
        """Readings people vouch for, final readings included: time [ms UTC] -> register [micro]."""
        return {x.time_ms: x.final_micro for x in self.exchanges} | {m.time_ms: m.micro for m in self.manual}

    def bad(self, time_ms: int) -> Span | None:
        """The bad range an instant lies in."""
        return next(((b.start_ms, b.end_ms) for b in self.bad_ranges if b.start_ms <= time_ms < b.end_ms), None)

    def swaps(self, time_ms: int) -> bool:
        """Whether the opposite register counts at an instant; declared twice, it does not."""
        return sum(one.start_ms <= time_ms < one.end_ms for one in self.directions) % 2 == 1


NOTHING = Corrections()


def in_force(entries: Iterable[E]) -> list[E]:
    """Entries that no later one has undone, oldest first; an undone `undo` undoes nothing."""
    undone: set[str] = set()
    kept: list[E] = []
    for entry in sorted(entries, key=lambda e: e.seq, reverse=True):
        if entry.id in undone:
            continue
        if entry.kind == "undo":
            undone.add(str(entry.body["entry"]))
        kept.append(entry)
    return kept[::-1]


class CorrectionBook:
    """Corrections in force, by series."""

    def __init__(self, entries: Iterable[Entered]) -> None:
        self._by_key: dict[SeriesKey, Corrections] = {}
        self._by_point: dict[str, Corrections] = {}
        for entry in in_force(entries):
            if entry.kind in KINDS:
                self._add(entry)

    def _add(self, entry: Entered) -> None:
        body, point = entry.body, str(entry.body["point"])
        if entry.kind in {"multiplier", "direction"}:
            self._by_point[point] = _with(self._by_point.get(point, NOTHING), entry)
        else:
            key = (point, str(body["quantity"]))
            self._by_key[key] = _with(self._by_key.get(key, NOTHING), entry)

    def of(self, key: SeriesKey) -> Corrections:
        """What corrects one series."""
        own, point = self._by_key.get(key, NOTHING), self._by_point.get(key[0], NOTHING)
        return replace(
            own,
            multipliers=point.multipliers if is_scaled(key[1]) else (),
            directions=point.directions if opposite(key[1]) else (),
        )


def _with(found: Corrections, entry: Entered) -> Corrections:
    body, name = entry.body, entry.id
    if entry.kind == "exchange":
        one = Exchange(body["time_ms"], body["final_micro"], body["start_micro"], name)
        return replace(found, exchanges=(*found.exchanges, one))
    if entry.kind == "bad_range":
        return replace(found, bad_ranges=(*found.bad_ranges, BadRange(body["start_ms"], body["end_ms"], name)))
    if entry.kind == "manual_reading":
        return replace(found, manual=(*found.manual, ManualReading(body["time_ms"], body["micro"], name)))
    if entry.kind == "multiplier":
        factor = Multiplier(body["start_ms"], body["end_ms"], Fraction(body["factor"]), name)
        return replace(found, multipliers=(*found.multipliers, factor))
    if entry.kind == "direction":
        return replace(found, directions=(*found.directions, Direction(body["start_ms"], body["end_ms"], name)))
    reset = Reset(body["before_ms"], body["after_ms"], body.get("energy_micro"), name)
    return replace(found, resets=(*found.resets, reset))


def is_scaled(name: str) -> bool:
    """Whether a factor of a point applies to a quantity: to what adds up, never to hours or insolation."""
    return name in QUANTITIES and (QUANTITIES[name].adds_up or name == "apparent_energy") and _is_register(name)


def _is_register(name: str) -> bool:
    return QUANTITIES[name].kind is not Kind.GAUGE


def opposite(name: str) -> str | None:
    """The register that runs when energy flows the other way; None where there is none."""
    for one, other in (("_import", "_export"), ("_export", "_import")):
        if one in name and _is_register(name):
            return name.replace(one, other)
    return None


def touched(entry: Entered, known: Mapping[str, Entered], keys: Collection[SeriesKey]) -> dict[SeriesKey, Span]:
    """The series and spans [ms UTC] an entry can change; an `undo` touches what the undone entry did."""
    body = entry.body
    if entry.kind == "undo":
        target = known.get(str(body["entry"]))
        return {} if target is None or target.seq >= entry.seq else touched(target, known, keys)
    if entry.kind not in KINDS:
        return {}
    low = body.get("start_ms", body.get("before_ms", body.get("time_ms")))
    high = body.get("end_ms", body.get("after_ms", body.get("time_ms")))
    span = (int(low), int(high))
    if entry.kind == "multiplier":
        return {key: span for key in keys if key[0] == body["point"] and is_scaled(key[1])}
    if entry.kind == "direction":
        return {key: span for key in keys if key[0] == body["point"] and opposite(key[1])}
    return {(str(body["point"]), str(body["quantity"])): span}


def declared(columns: Columns, found: Corrections) -> list[Exchange]:
    """The exchanges, and the resets whose two readings are here and whose energy somebody knows."""
    times, exchanges = columns.time_ms, list(found.exchanges)
    for reset in found.resets:
        at = np.searchsorted(times, (reset.before_ms, reset.after_ms))
        here = all(i < len(times) and times[i] == t for i, t in zip(at, (reset.before_ms, reset.after_ms), strict=True))
        if reset.energy_micro is not None and here:
            final, start = int(columns.value[at[0]]) + reset.energy_micro, int(columns.value[at[1]])
            exchanges.append(Exchange(reset.after_ms - 1, final, start, reset.entry))
    return exchanges


def apply(columns: Columns, found: Corrections, exchanges: Sequence[Exchange] = ()) -> Columns:
    """A copy of readings with bad ranges INVALID and the readings people vouch for inserted as SUBSTITUTED."""
    if found is NOTHING or found == NOTHING:
        return columns
    quality = columns.quality.copy()
    for bad in found.bad_ranges:
        low, high = np.searchsorted(columns.time_ms, (bad.start_ms, bad.end_ms))
        quality[low:high] = Quality.INVALID
    taken = found.taken | {x.time_ms: x.final_micro for x in exchanges}
    if not taken or columns.value.dtype.kind != "i" or columns.end_ms is not None:
        return replace(columns, quality=quality)
    return _inserted(replace(columns, quality=quality), taken)


def _inserted(columns: Columns, taken: Mapping[int, int]) -> Columns:
    times = np.array(sorted(taken), np.int64)
    values = np.array([taken[t] for t in sorted(taken)], np.int64)
    kept = ~np.isin(columns.time_ms, times)  # where both tell of one instant, the person's word counts
    all_times = np.concatenate((columns.time_ms[kept], times))
    order = np.argsort(all_times, kind="stable")
    grades = np.concatenate((columns.quality[kept], np.full(len(times), Quality.SUBSTITUTED, np.uint8)))
    merged = np.concatenate((columns.value[kept].astype(np.int64), values))
    return Columns(all_times[order], merged[order], grades[order])


def loosened(infos: Sequence[SeriesInfo], multipliers: Sequence[Multiplier]) -> list[SeriesInfo]:
    """Ratings as the bare register may exceed them while it counts too much by a known factor."""
    told = sorted(infos, key=lambda info: info.valid_from_ms)
    if not told or not multipliers:
        return told
    ends = [at for m in multipliers for at in (m.start_ms, m.end_ms + STRADDLE_MS)]
    moments = sorted({told[0].valid_from_ms, *(info.valid_from_ms for info in told), *ends})
    return [_loosened_at(at, told, multipliers) for at in moments]


def _loosened_at(at: int, told: Sequence[SeriesInfo], multipliers: Sequence[Multiplier]) -> SeriesInfo:
    info = next((i for i in reversed(told) if i.valid_from_ms <= at), told[0])
    factor = Fraction(1)
    for one in multipliers:
        if one.start_ms <= at < one.end_ms + STRADDLE_MS:
            factor *= max(Fraction(1), 1 / one.factor)
    rated = info.rated_power_kw
    return replace(info, valid_from_ms=at, rated_power_kw=None if rated is None else float(Fraction(rated) * factor))
