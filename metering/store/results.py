"""results.db, written by analytics alone: settled intervals (open days as rows, months as chunks), open items."""

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from metering.reading import SeriesKey
from metering.store.quarters import MISSING, IntervalRows, QuarterHours, as_rows, month_of, write_months
from metering.store.sqlite import WriterLock, close_writer, open_writer, snapshot, transaction

__all__ = ["MISSING", "IntervalRows", "ResultsReader", "ResultsWriter", "month_of", "results_path"]

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
_ADD = "INSERT OR REPLACE INTO interval VALUES (?,?,?,?,?)"


def results_path(store: Path) -> Path:
    """The file of the results inside a store directory."""
    return store / "results" / "results.db"


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
                write_months(db, series, as_rows(db.execute(sql, (series, before_ms)).fetchall()))
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
            quarters = QuarterHours(db, start_ms, end_ms)
            return {key: quarters.of(ids[key]) for key in wanted if key in ids}

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
        write_months(db, series, old)
        gone = [(series, start) for start in old.start_ms.tolist()]
        db.executemany("DELETE FROM interval WHERE series=? AND start_ms=?", gone)
    columns = (rows.start_ms[cut:], rows.energy[cut:], rows.placed[cut:], rows.flags[cut:])
    db.executemany(_ADD, [(series, *row) for row in zip(*(c.tolist() for c in columns), strict=True)])
