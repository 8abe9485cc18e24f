"""A file against the store: what is new, what is there already, and what contradicts it."""

import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from metering.reading import Reading, SeriesKey
from metering.store.entries import EntriesReader
from zcf.import_checks import Oddity


@dataclass(frozen=True, slots=True)
class Cell:
    """One value of a file that may be stored: where it stood, and the reading it makes."""

    line: int
    column: str
    reading: Reading


@dataclass(frozen=True, slots=True)
class Difference:
    """A file against the store: what is new, what is there already, and what contradicts it."""

    new: tuple[Cell, ...]
    same: tuple[Cell, ...]
    against: tuple[Oddity, ...]


Held = Mapping[int, tuple[float, int | None]]  # time_ms -> (value, end_ms)


def difference(reader: EntriesReader, cells: Sequence[Cell]) -> Difference:
    """What of a file the store does not hold yet; a value already there stays as it is."""
    by_key: dict[SeriesKey, list[Cell]] = {}
    for cell in cells:
        by_key.setdefault((cell.reading.point, cell.reading.quantity), []).append(cell)
    new: list[Cell] = []
    same: list[Cell] = []
    against: list[Oddity] = []
    for key, of_key in by_key.items():
        low, high = of_key[0].reading.time_ms, of_key[-1].reading
        held = _held(reader, key, low, max(high.time_ms, high.end_ms or 0) + 1)
        starts = sorted(held)
        for cell in of_key:
            there = _there(cell.reading, held, starts)
            if there is None:
                new.append(cell)
            elif there == (cell.reading.value, cell.reading.end_ms):
                same.append(cell)
            else:
                message = f"{cell.column}: the store holds {there[0]} for this time since an earlier import; it stays"
                against.append(Oddity(cell.line, "conflict", "refused", message, (cell.column,)))
    return Difference(tuple(new), tuple(same), tuple(against))


def _held(reader: EntriesReader, key: SeriesKey, low: int, high: int) -> Held:
    columns = reader.ranges([key], low, high)[key]
    ends: list[int] | list[None] = [None] * len(columns) if columns.end_ms is None else columns.end_ms.tolist()
    pairs = zip(columns.value.tolist(), ends, strict=True)
    return dict(zip(columns.time_ms.tolist(), pairs, strict=True))


def _there(reading: Reading, held: Held, starts: Sequence[int]) -> tuple[float, int | None] | None:
    """What the store holds for the same time, or, of an amount, over a part of it."""
    if reading.time_ms in held or reading.end_ms is None:
        return held.get(reading.time_ms)
    place = bisect.bisect_left(starts, reading.time_ms)
    if place > 0 and (held[starts[place - 1]][1] or 0) > reading.time_ms:
        return held[starts[place - 1]]
    if place < len(starts) and starts[place] < reading.end_ms:
        return held[starts[place]]
    return None
