"""entries.db: what people enter, append-only, each with who, why and when; imported readings lie beside their entry."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metering.quantity import Kind, quantity
from metering.reading import Columns, Quality, Reading, SeriesInfo, SeriesKey
from metering.store import Changes
from metering.store.columns import empty
from metering.store.readings import dump_info, load_info
from metering.store.sqlite import WriterLock, close_writer, open_writer, snapshot, transaction

FORMAT = 1
SCHEMA = """
CREATE TABLE entry(
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, who TEXT NOT NULL, why TEXT NOT NULL,
  at_ms INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE imported(
  seq INTEGER PRIMARY KEY, entry INTEGER NOT NULL REFERENCES entry(seq), point TEXT NOT NULL, quantity TEXT NOT NULL,
  time_ms INTEGER NOT NULL, end_ms INTEGER, value NOT NULL, quality INTEGER NOT NULL,
  UNIQUE(point, quantity, time_ms));
CREATE TABLE imported_info(
  point TEXT NOT NULL, quantity TEXT NOT NULL, valid_from_ms INTEGER NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY(point, quantity, valid_from_ms)) WITHOUT ROWID;
"""
# DO NOTHING for a reading already there alone; OR IGNORE would also swallow one that is broken
_ADD = (
    "INSERT INTO imported(entry,point,quantity,time_ms,end_ms,value,quality) VALUES (?,?,?,?,?,?,?)"
    " ON CONFLICT(point, quantity, time_ms) DO NOTHING"
)
_RANGE = (
    "SELECT time_ms, end_ms, value, quality FROM imported WHERE point=? AND quantity=? AND time_ms>=? AND time_ms<?"
    " ORDER BY time_ms"
)
_BEFORE = (
    "SELECT time_ms, end_ms, value, quality FROM imported WHERE point=? AND quantity=? AND time_ms<?"
    " ORDER BY time_ms DESC LIMIT 1"
)
_AFTER = (
    "SELECT time_ms, end_ms, value, quality FROM imported WHERE point=? AND quantity=? AND time_ms>=?"
    " ORDER BY time_ms LIMIT 1"
)
_LATEST = (
    "SELECT time_ms, end_ms, value, quality FROM imported WHERE point=? AND quantity=? ORDER BY time_ms DESC LIMIT 1"
)
# one step of the index a series: a year of quarter-hours is not read to find four names
_NEXT_QUANTITY = "SELECT point, quantity FROM imported WHERE point=? AND quantity>? ORDER BY quantity LIMIT 1"
_NEXT_POINT = "SELECT point, quantity FROM imported WHERE point>? ORDER BY point, quantity LIMIT 1"
_TOUCHED = (
    "SELECT point, quantity, min(time_ms), max(coalesce(end_ms, time_ms)), max(seq) FROM imported WHERE seq>?"
    " GROUP BY point, quantity"
)

_Row = tuple[int, int | None, int | float, int]


def entries_path(store: Path) -> Path:
    """The file of the entries inside a store directory."""
    return store / "entries" / "entries.db"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing a person entered."""

    id: str
    kind: str  # "import", "exchange", "correction", "certificate", "offset", "evidence", "closing", ...
    who: str
    why: str
    at_ms: int
    body: Mapping[str, Any]
    seq: int = 0


class EntriesWriter:
    """The one writer of entries.db; a command holds it for its own length."""

    def __init__(self, store: Path, owner: str) -> None:
        path = entries_path(store)
        self._lock = WriterLock(path.parent, owner)
        try:
            self._db = open_writer(path, SCHEMA, FORMAT)
        except BaseException:
            self._lock.release()
            raise

    def append(self, entry: Entry, readings: Iterable[Reading] = (), infos: Iterable[SeriesInfo] = ()) -> int:
        """Add an entry with the readings it brings, all or nothing; how many readings were new.

        A reading already there (same point, quantity and time) stays as it is: entering twice changes nothing.
        """
        with transaction(self._db) as db:
            number = db.execute(
                "INSERT INTO entry(id,kind,who,why,at_ms,body) VALUES (?,?,?,?,?,?)",
                (entry.id, entry.kind, entry.who, entry.why, entry.at_ms, json.dumps(entry.body, sort_keys=True)),
            ).lastrowid
            before = db.execute("SELECT count(*) FROM imported").fetchone()[0]
            db.executemany(
                _ADD,
                [(number, r.point, r.quantity, r.time_ms, r.end_ms, r.value, int(r.quality)) for r in readings],
            )
            db.executemany(
                "INSERT OR REPLACE INTO imported_info VALUES (?,?,?,?)",
                [(i.point, i.quantity, i.valid_from_ms, dump_info(i)) for i in infos],
            )
            return int(db.execute("SELECT count(*) FROM imported").fetchone()[0] - before)

    def close(self) -> None:
        """Give the folder free."""
        close_writer(self._db, self._lock)


def entering(store: Path, owner: str) -> closing[EntriesWriter]:
    """A writer for the length of a block."""
    return closing(EntriesWriter(store, owner))


class EntriesReader:
    """Entries, and the imported readings as a ReadingSource."""

    def __init__(self, store: Path) -> None:
        self.path = entries_path(store)

    def entries(self, kind: str | None = None) -> list[Entry]:
        """Every entry of a kind, oldest first."""

        def work(db: sqlite3.Connection) -> list[Entry]:
            sql = "SELECT id,kind,who,why,at_ms,body,seq FROM entry WHERE ? IS NULL OR kind=? ORDER BY seq"
            return [
                Entry(i, k, who, why, at, json.loads(body), seq)
                for i, k, who, why, at, body, seq in db.execute(sql, (kind, kind))
            ]

        return snapshot(self.path, work, FORMAT) or []

    def series(self) -> Sequence[SeriesKey]:
        """Every imported series."""
        return snapshot(self.path, lambda db: list(_series(db)), FORMAT) or []

    def infos(self) -> dict[SeriesKey, list[SeriesInfo]]:
        """What is known of imported series."""

        def work(db: sqlite3.Connection) -> dict[SeriesKey, list[SeriesInfo]]:
            found: dict[SeriesKey, list[SeriesInfo]] = {}
            sql = "SELECT point, quantity, valid_from_ms, body FROM imported_info ORDER BY valid_from_ms"
            for point, name, since, body in db.execute(sql):
                found.setdefault((point, name), []).append(load_info(point, name, since, body))
            return found

        return snapshot(self.path, work, FORMAT) or {}

    def ranges(
        self, keys: Iterable[SeriesKey], start_ms: int, end_ms: int, *, bracket: bool = True
    ) -> dict[SeriesKey, Columns]:
        """Imported readings in [start_ms, end_ms); with `bracket` also the nearest one on either side."""
        wanted = list(keys)

        def work(db: sqlite3.Connection) -> dict[SeriesKey, Columns]:
            return {key: _columns(key, _read(db, key, start_ms, end_ms, bracket=bracket)) for key in wanted}

        return snapshot(self.path, work, FORMAT) or {key: empty(key) for key in wanted}

    def latest(self, keys: Iterable[SeriesKey] | None = None) -> dict[SeriesKey, Reading]:
        """The newest imported reading of each series."""
        wanted = None if keys is None else frozenset(keys)

        def work(db: sqlite3.Connection) -> dict[SeriesKey, Reading]:
            found: dict[SeriesKey, Reading] = {}
            for key in _series(db):
                if wanted is None or key in wanted:
                    time_ms, end_ms, value, grade = db.execute(_LATEST, key).fetchone()
                    found[key] = Reading(*key, time_ms, value, Quality(grade), end_ms)
            return found

        return snapshot(self.path, work, FORMAT) or {}

    def changed_since(self, seq: int) -> Changes:
        """Which series were touched by imports after a sequence number."""

        def work(db: sqlite3.Connection) -> Changes:
            rows = db.execute(_TOUCHED, (seq,)).fetchall()
            return Changes(max((r[4] for r in rows), default=seq), {(p, q): (a, b) for p, q, a, b, _ in rows})

        return snapshot(self.path, work, FORMAT) or Changes(seq)


def _series(db: sqlite3.Connection) -> Iterator[SeriesKey]:
    key = db.execute(_NEXT_POINT, ("",)).fetchone()
    while key is not None:
        yield key
        key = db.execute(_NEXT_QUANTITY, key).fetchone() or db.execute(_NEXT_POINT, key[:1]).fetchone()


def _read(db: sqlite3.Connection, key: SeriesKey, start_ms: int, end_ms: int, *, bracket: bool) -> list[_Row]:
    rows: list[_Row] = db.execute(_RANGE, (*key, start_ms, end_ms)).fetchall()
    if not bracket:
        return rows
    return [*db.execute(_BEFORE, (*key, start_ms)), *rows, *db.execute(_AFTER, (*key, end_ms))]


def _columns(key: SeriesKey, rows: Sequence[_Row]) -> Columns:
    import numpy as np

    if not rows:
        return empty(key)
    times, ends, values, grades = zip(*rows, strict=True)
    kind = quantity(key[1]).kind
    value = np.array(values, np.float64) if kind is Kind.GAUGE else np.array(values, np.int64)
    end_ms = np.array(ends, np.int64) if kind is Kind.DELTA else None
    return Columns(np.array(times, np.int64), value, np.array(grades, np.uint8), end_ms)
