"""Settled quarter-hours as they lie in results.db: open days as rows, a month of a series as one packed chunk."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metering.period import QUARTER_MS, to_ms

MISSING = 32  # analytics.intervals.Flag.MISSING: nothing is known of the quarter-hour
_OPEN = "SELECT start_ms,energy,placed,flags FROM interval WHERE series=? AND start_ms>=? AND start_ms<?"
_MONTHS = (
    "SELECT month_ms,energy,placed,flags FROM chunk WHERE series=? AND month_ms>? AND month_ms<? ORDER BY month_ms"
)
_MONTH = "SELECT energy,placed,flags FROM chunk WHERE series=? AND month_ms=?"
_ADD_MONTH = "INSERT OR REPLACE INTO chunk VALUES (?,?,?,?,?)"
_LONGEST_MONTH_MS = 31 * 86_400_000
_TYPES = {ord(code): np.dtype(f"<{code}") for code in "bhiq"}

_ONE_VALUE = 9  # [bytes] of a constant column: the name of its type and the value
_INT, _FLAG = np.dtype(np.int64), np.dtype(np.uint8)

Int = NDArray[np.int64]
Flags = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class IntervalRows:
    """Settled quarter-hours of one series: start [ms UTC], energy and placed energy [micro], flags."""

    start_ms: Int
    energy: Int
    placed: Int
    flags: Flags


def month_of(ms: int) -> tuple[int, int]:
    """The UTC month an instant lies in: (first ms, first ms of the next)."""
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    first = datetime(moment.year, moment.month, 1, tzinfo=UTC)
    after = datetime(moment.year + moment.month // 12, moment.month % 12 + 1, 1, tzinfo=UTC)
    return to_ms(first), to_ms(after)


class QuarterHours:
    """What one look reads of [start_ms, end_ms): series known over the same quarter-hours share what is alike in them.

    Those are the axis, and columns of one value throughout, which nearly all of `placed` and `flags` are.
    """

    def __init__(self, db: sqlite3.Connection, start_ms: int, end_ms: int) -> None:
        self._db, self._span = db, (start_ms, end_ms)
        self._cuts: dict[int, slice] = {}
        self._alike: dict[tuple[Any, ...], NDArray[Any]] = {}

    def of(self, series: int) -> IntervalRows:
        """Chunks and open rows on one axis; a row that is MISSING hides the chunk's older cell."""
        start_ms, end_ms = self._span
        months = self._db.execute(_MONTHS, (series, start_ms - _LONGEST_MONTH_MS, end_ms)).fetchall()
        firsts = tuple(row[0] for row in months)
        folded = IntervalRows(
            self._axis(firsts),
            self._column(firsts, [row[1] for row in months], _INT),
            self._column(firsts, [row[2] for row in months], _INT),
            self._column(firsts, [row[3] for row in months], _FLAG),
        )
        opened = self._db.execute(_OPEN, (series, start_ms, end_ms)).fetchall()
        return _known(_joined([as_rows(opened), folded]) if opened else folded)

    def _cut(self, first: int) -> slice:
        """Which quarter-hours of a month lie in the span."""
        if first not in self._cuts:
            cells = (month_of(first)[1] - first) // QUARTER_MS
            low, high = (min(max(-((first - at) // QUARTER_MS), 0), cells) for at in self._span)
            self._cuts[first] = slice(low, high)
        return self._cuts[first]

    def _axis(self, firsts: tuple[int, ...]) -> Int:
        """The starts of the quarter-hours of several months, as far as they lie in the span."""
        if firsts not in self._alike:
            months = [np.arange(*month_of(first), QUARTER_MS, dtype=np.int64)[self._cut(first)] for first in firsts]
            self._alike[firsts] = np.concatenate([np.empty(0, np.int64), *months])
            self._alike[firsts].flags.writeable = False  # many series hold it
        return self._alike[firsts]

    def _column(self, firsts: tuple[int, ...], blobs: Sequence[bytes], kind: np.dtype[Any]) -> NDArray[Any]:
        """One column of several months end to end."""
        if len(set(blobs)) == 1 and len(blobs[0]) <= _ONE_VALUE:
            return self._of_one_value(firsts, blobs[0], kind)
        parts = [_cells(blob, self._cut(first)) for first, blob in zip(firsts, blobs, strict=True)]
        return np.concatenate(parts, dtype=kind, casting="unsafe") if parts else np.empty(0, kind)

    def _of_one_value(self, firsts: tuple[int, ...], blob: bytes, kind: np.dtype[Any]) -> NDArray[Any]:
        what = (firsts, blob, kind.char)
        if what not in self._alike:
            self._alike[what] = np.broadcast_to(_packed(blob).astype(kind), len(self._axis(firsts)))
        return self._alike[what]


def as_rows(found: Sequence[tuple[int, ...]]) -> IntervalRows:
    """Rows of start, energy, placed and flags as columns."""
    rows = np.array(found, np.int64).reshape(-1, 4)
    return IntervalRows(rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3].astype(np.uint8))


def write_months(db: sqlite3.Connection, series: int, rows: IntervalRows) -> None:
    """Put quarter-hours into the chunks of their months."""
    begin = 0
    while begin < len(rows.start_ms):
        first, after = month_of(int(rows.start_ms[begin]))
        end = int(np.searchsorted(rows.start_ms, after))
        chunk = _read_month(db, series, first, after)
        index = (rows.start_ms[begin:end] - first) // QUARTER_MS
        for kept, new in zip(chunk, _columns(rows), strict=True):
            kept[index] = new[begin:end]
        db.execute(_ADD_MONTH, (series, first, *(_pack(column) for column in chunk)))
        begin = end


def _read_month(db: sqlite3.Connection, series: int, first: int, after: int) -> tuple[Int, Int, Int]:
    cells = (after - first) // QUARTER_MS
    row = db.execute(_MONTH, (series, first)).fetchone()
    if row is None:
        return np.zeros(cells, np.int64), np.zeros(cells, np.int64), np.full(cells, MISSING, np.int64)
    energy, placed, flags = (_cells(blob, slice(0, cells)).astype(np.int64) for blob in row)
    return energy, placed, flags


def _columns(rows: IntervalRows) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    return rows.energy, rows.placed, rows.flags


def _known(rows: IntervalRows) -> IntervalRows:
    if not np.bitwise_or.reduce(rows.flags, initial=0) & MISSING:
        return rows
    here = (rows.flags & MISSING) == 0
    return IntervalRows(rows.start_ms[here], rows.energy[here], rows.placed[here], rows.flags[here])


def _joined(parts: list[IntervalRows]) -> IntervalRows:
    """Parts on one axis; where two know a quarter-hour the first, the open rows, is newer."""
    starts = np.concatenate([part.start_ms for part in parts])
    order = np.argsort(starts, kind="stable")
    order = order[np.concatenate(([True], np.diff(starts[order]) != 0))[: len(order)]]
    return IntervalRows(
        starts[order],
        np.concatenate([part.energy for part in parts])[order],
        np.concatenate([part.placed for part in parts])[order],
        np.concatenate([part.flags for part in parts])[order],
    )


def _pack(column: NDArray[Any]) -> bytes:
    """The narrowest of four integer types, named by its first byte; a constant column is one value."""
    low, high = int(column.min()), int(column.max())
    for code in "bhiq":
        if np.iinfo(code).min <= low and high <= np.iinfo(code).max:
            kept = column[:1] if low == high else column
            return code.encode() + kept.astype(f"<{code}").tobytes()
    raise ValueError("not an integer column")


def _packed(blob: bytes) -> NDArray[Any]:
    """The column of a chunk in its own type; one value where it is constant."""
    return np.frombuffer(blob, _TYPES[blob[0]], offset=1)


def _cells(blob: bytes, cut: slice) -> NDArray[Any]:
    """Part of the column of a chunk in its own type."""
    found = _packed(blob)
    return np.broadcast_to(found, cut.stop - cut.start) if len(found) == 1 else found[cut]
