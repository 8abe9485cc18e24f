"""results.db, written by analytics alone: settled intervals (open days as rows, months as chunks), open items."""

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metering.period import QUARTER_MS, to_ms
from metering.reading import SeriesKey
from metering.store.sqlite import WriterLock, close_writer, open_writer, snapshot, transaction

FORMAT = 2  # 2: alerts, their outbox, what is to be published
_SECOND = """
CREATE TABLE IF NOT EXISTS incident(
  key TEXT PRIMARY KEY, resolved_ms INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outbox(
  id INTEGER PRIMARY KEY AUTOINCREMENT, receiver TEXT NOT NULL, key TEXT NOT NULL, happening TEXT NOT NULL,
  made_ms INTEGER NOT NULL, title TEXT NOT NULL, body TEXT NOT NULL, message INTEGER, sent_ms INTEGER);
CREATE INDEX IF NOT EXISTS outbox_waiting ON outbox(receiver, id) WHERE sent_ms IS NULL;
CREATE INDEX IF NOT EXISTS outbox_sent ON outbox(sent_ms) WHERE sent_ms IS NOT NULL;
CREATE TABLE IF NOT EXISTS unpublished(
  seq INTEGER PRIMARY KEY AUTOINCREMENT, series INTEGER NOT NULL, day_ms INTEGER NOT NULL, UNIQUE(series, day_ms));
"""
SCHEMA = """
CREATE TABLE IF NOT EXISTS series(
  id INTEGER PRIMARY KEY, point TEXT NOT NULL, quantity TEXT NOT NULL, UNIQUE(point, quantity));
CREATE TABLE IF NOT EXISTS interval(
  series INTEGER NOT NULL, start_ms INTEGER NOT NULL, energy INTEGER NOT NULL, placed INTEGER NOT NULL,
  flags INTEGER NOT NULL, PRIMARY KEY(series, start_ms)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS chunk(
  series INTEGER NOT NULL, month_ms INTEGER NOT NULL, energy BLOB NOT NULL, placed BLOB NOT NULL, flags BLOB NOT NULL,
  PRIMARY KEY(series, month_ms));
CREATE TABLE IF NOT EXISTS open_item(
  series INTEGER NOT NULL, before_ms INTEGER NOT NULL, after_ms INTEGER NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY(series, before_ms)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS mark(key TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
"""
SCHEMA += _SECOND
MIGRATIONS = {1: _SECOND}
DAY_MS = 86_400_000
PUBLISHING = "publishing"  # the mark of who is published to; without it there is no list to keep
_LIST = "INSERT OR REPLACE INTO unpublished(series, day_ms) VALUES (?,?)"
MISSING = 32  # analytics.intervals.Flag.MISSING: nothing is known of the quarter-hour
_ADD = "INSERT OR REPLACE INTO interval VALUES (?,?,?,?,?)"
_ADD_CHUNK = "INSERT OR REPLACE INTO chunk VALUES (?,?,?,?,?)"

Int = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class IntervalRows:
    """Settled quarter-hours of one series: start [ms UTC], energy and placed energy [micro], flags."""

    start_ms: Int
    energy: Int
    placed: Int
    flags: NDArray[np.uint8]


def results_path(store: Path) -> Path:
    """The file of the results inside a store directory."""
    return store / "results" / "results.db"


def month_of(ms: int) -> tuple[int, int]:
    """The UTC month an instant lies in: (first ms, first ms of the next)."""
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    first = datetime(moment.year, moment.month, 1, tzinfo=UTC)
    after = datetime(moment.year + moment.month // 12, moment.month % 12 + 1, 1, tzinfo=UTC)
    return to_ms(first), to_ms(after)


class ResultsWriter:
    """The one writer of results.db: the running analytics service."""

    def __init__(self, store: Path, owner: str) -> None:
        path = results_path(store)
        self._lock = WriterLock(path.parent, owner)
        try:
            self._db = open_writer(path, SCHEMA, FORMAT, MIGRATIONS)
        except BaseException:
            self._lock.release()
            raise
        self._turn = threading.RLock()  # settling, alerts and publishing are threads of one writer

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, one thread at a time."""
        with self._turn, transaction(self._db) as db:
            yield db

    def write(
        self,
        settled: Mapping[SeriesKey, IntervalRows],
        fold_before_ms: int,
        open_items: Mapping[SeriesKey, tuple[int, int, Iterable[tuple[int, int, dict[str, Any]]]]],
        marks: Mapping[str, Any],
    ) -> None:
        """Replace quarter-hours and, per series, the open items of a span, in one transaction.

        What starts before `fold_before_ms` goes into month chunks, the rest stays rows. `open_items` maps a series to
        (from_ms, to_ms, items), each item (before_ms, after_ms, body).
        """
        with self.transaction() as db:
            listed = db.execute("SELECT 1 FROM mark WHERE key=?", (PUBLISHING,)).fetchone() is not None
            for key, rows in settled.items():
                number = _series_id(db, key)
                _write_series(db, number, rows, fold_before_ms)
                if listed:
                    days = np.unique(rows.start_ms // DAY_MS * DAY_MS).tolist()
                    db.executemany(_LIST, [(number, day) for day in days])
            for key, (low, high, items) in open_items.items():
                series = _series_id(db, key)
                db.execute("DELETE FROM open_item WHERE series=? AND before_ms>=? AND before_ms<?", (series, low, high))
                db.executemany(
                    "INSERT OR REPLACE INTO open_item VALUES (?,?,?,?)",
                    [(series, a, b, json.dumps(body, sort_keys=True)) for a, b, body in items],
                )
            for name, body in marks.items():
                db.execute("INSERT OR REPLACE INTO mark VALUES (?,?)", (name, json.dumps(body, sort_keys=True)))

    def fold(self, before_ms: int) -> None:
        """Move rows that start before an instant into their month chunks."""
        with self.transaction() as db:
            for (series,) in db.execute(
                "SELECT DISTINCT series FROM interval WHERE start_ms<?", (before_ms,)
            ).fetchall():
                sql = (
                    "SELECT start_ms,energy,placed,flags FROM interval WHERE series=? AND start_ms<? ORDER BY start_ms"
                )
                rows = np.array(db.execute(sql, (series, before_ms)).fetchall(), np.int64)
                part = IntervalRows(rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3].astype(np.uint8))
                _write_chunks(db, series, part)
                db.execute("DELETE FROM interval WHERE series=? AND start_ms<?", (series, before_ms))

    def close(self) -> None:
        """Give the folder free."""
        close_writer(self._db, self._lock)


class ResultsReader:
    """Settled quarter-hours and open items, from any process."""

    def __init__(self, store: Path) -> None:
        self.path = results_path(store)

    def intervals(self, keys: Iterable[SeriesKey], start_ms: int, end_ms: int) -> dict[SeriesKey, IntervalRows]:
        """Settled quarter-hours that start in [start_ms, end_ms), by series; a series never settled is left out."""
        wanted = list(keys)

        def work(db: sqlite3.Connection) -> dict[SeriesKey, IntervalRows]:
            ids = {(p, q): i for i, p, q in db.execute("SELECT id, point, quantity FROM series")}
            return {key: _read_series(db, ids[key], start_ms, end_ms) for key in wanted if key in ids}

        return snapshot(self.path, work, FORMAT) or {}

    def open_items(self) -> list[tuple[SeriesKey, dict[str, Any]]]:
        """What no register can tell, oldest first."""
        sql = "SELECT point, quantity, body FROM open_item JOIN series ON series=id ORDER BY before_ms"
        return (
            snapshot(self.path, lambda db: [((p, q), json.loads(body)) for p, q, body in db.execute(sql)], FORMAT) or []
        )

    def mark(self, name: str) -> Any:
        """A named mark, or None."""

        def work(db: sqlite3.Connection) -> Any:
            row = db.execute("SELECT body FROM mark WHERE key=?", (name,)).fetchone()
            return None if row is None else json.loads(row[0])

        return snapshot(self.path, work, FORMAT)


def _series_id(db: sqlite3.Connection, key: SeriesKey) -> int:
    db.execute("INSERT OR IGNORE INTO series(point, quantity) VALUES (?,?)", key)
    return int(db.execute("SELECT id FROM series WHERE point=? AND quantity=?", key).fetchone()[0])


def _write_series(db: sqlite3.Connection, series: int, rows: IntervalRows, fold_before_ms: int) -> None:
    cut = int(np.searchsorted(rows.start_ms, fold_before_ms))
    old = IntervalRows(rows.start_ms[:cut], rows.energy[:cut], rows.placed[:cut], rows.flags[:cut])
    if cut:
        _write_chunks(db, series, old)
        gone = [(series, start) for start in old.start_ms.tolist()]
        db.executemany("DELETE FROM interval WHERE series=? AND start_ms=?", gone)
    columns = (rows.start_ms[cut:], rows.energy[cut:], rows.placed[cut:], rows.flags[cut:])
    db.executemany(_ADD, [(series, *row) for row in zip(*(c.tolist() for c in columns), strict=True)])


def _write_chunks(db: sqlite3.Connection, series: int, rows: IntervalRows) -> None:
    begin = 0
    while begin < len(rows.start_ms):
        first, after = month_of(int(rows.start_ms[begin]))
        end = int(np.searchsorted(rows.start_ms, after))
        chunk = _read_chunk(db, series, first, after)
        index = (rows.start_ms[begin:end] - first) // QUARTER_MS
        energy, placed, flags = chunk
        energy[index], placed[index], flags[index] = (
            rows.energy[begin:end],
            rows.placed[begin:end],
            rows.flags[begin:end],
        )
        db.execute(_ADD_CHUNK, (series, first, _pack(energy), _pack(placed), _pack(flags)))
        begin = end


def _read_chunk(db: sqlite3.Connection, series: int, first: int, after: int) -> tuple[Int, Int, NDArray[np.uint8]]:
    cells = (after - first) // QUARTER_MS
    sql = "SELECT energy, placed, flags FROM chunk WHERE series=? AND month_ms=?"
    row = db.execute(sql, (series, first)).fetchone()
    if row is None:
        return np.zeros(cells, np.int64), np.zeros(cells, np.int64), np.full(cells, MISSING, np.uint8)
    return _unpack(row[0], cells), _unpack(row[1], cells), _unpack(row[2], cells).astype(np.uint8)


def _read_series(db: sqlite3.Connection, series: int, start_ms: int, end_ms: int) -> IntervalRows:
    """Chunks and open rows on one axis; a row that is MISSING hides the chunk's older cell."""
    parts = [_open_rows(db, series, start_ms, end_ms)]
    sql = "SELECT month_ms FROM chunk WHERE series=? AND month_ms<? ORDER BY month_ms"
    for (first,) in db.execute(sql, (series, end_ms)).fetchall():
        after = month_of(first)[1]
        if after > start_ms:
            energy, placed, flags = _read_chunk(db, series, first, after)
            known = (flags & MISSING) == 0
            starts = np.arange(first, after, QUARTER_MS)
            known &= (starts >= start_ms) & (starts < end_ms)
            parts.append(IntervalRows(starts[known], energy[known], placed[known], flags[known]))
    return _known(_joined(parts))


def _known(rows: IntervalRows) -> IntervalRows:
    here = (rows.flags & MISSING) == 0
    return IntervalRows(rows.start_ms[here], rows.energy[here], rows.placed[here], rows.flags[here])


def _open_rows(db: sqlite3.Connection, series: int, start_ms: int, end_ms: int) -> IntervalRows:
    sql = "SELECT start_ms,energy,placed,flags FROM interval WHERE series=? AND start_ms>=? AND start_ms<?"
    rows = np.array(db.execute(sql, (series, start_ms, end_ms)).fetchall(), np.int64).reshape(-1, 4)
    return IntervalRows(rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3].astype(np.uint8))


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
    """The narrowest of five integer types, named by its first byte; a constant column is one value."""
    low, high = int(column.min()), int(column.max())
    for code in "bhiq":
        if np.iinfo(code).min <= low and high <= np.iinfo(code).max:
            kept = column[:1] if low == high else column
            return code.encode() + kept.astype(f"<{code}").tobytes()
    raise ValueError("not an integer column")


def _unpack(blob: bytes, cells: int) -> Int:
    found = np.frombuffer(blob, f"<{blob[:1].decode()}", offset=1).astype(np.int64)
    return np.full(cells, found[0], np.int64) if len(found) == 1 else found
