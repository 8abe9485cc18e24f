"""readings.db, written by the collector: packed polls, gaps, the tick ledger, SeriesInfo and delivery cursors."""

import contextlib
import hashlib
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from metering.failpoint import failpoint
from metering.reading import Lane, Poll, PollGap, PollGroup, SeriesInfo, ValueGap
from metering.store import DamagedError, StoreBrokenError, StoreFullError
from metering.store import readings_schema as sql
from metering.store.infos import dump_info, load_info
from metering.store.packing import Packing, SharedPackings, dump_group, parse_group
from metering.store.readings_schema import FORMAT, MIGRATIONS, SCHEMA
from metering.store.reserve import Reserve
from metering.store.salvage import again, fault, interrupted, rescued
from metering.store.seals import seal
from metering.store.sqlite import WriterLock, close_writer, open_writer, transaction

__all__ = [
    "FORMAT", "Acknowledged", "LedgerKey", "ReadingsWriter", "dump_info", "load_info", "readings_path", "writing",
]  # fmt: skip

_CHECKED_BYTES = 256 * 2**20  # a file up to this size is looked through after a crash: it takes a second or two

MOST_ASIDE = 20_000  # lines and messages kept in quarantine; beyond, the oldest go

LedgerKey = tuple[int, int, Lane]  # (epoch, group, lane)
Acknowledged = tuple[str, str, int, int]  # (sink, lane, first seq, last seq)


def readings_path(store: Path) -> Path:
    """The file of the readings inside a store directory."""
    return store / "readings" / "readings.db"


class ReadingsWriter:
    """The one writer of readings.db; every commit is durable when it returns."""

    def __init__(self, store: Path, owner: str) -> None:
        self.path = readings_path(store)
        self._lock = WriterLock(self.path.parent, owner)
        self.reserve = Reserve(self.path.parent)
        self._broken = self._damaged = False
        self._shared = SharedPackings()
        self.as_given = False  # whether the last commit wrote every poll it was given, under numbers in their order
        try:
            self._open()
        except BaseException:
            self._lock.release()
            raise

    def _open(self, *, check: bool = False) -> None:
        """Open the file; one that is damaged is set aside, and what can be read of it is gone on with."""
        now_ms = time.time_ns() // 1_000_000
        if (aside := interrupted(self.path)) is not None:
            again(aside, self.path, now_ms)
        try:
            wal = self.path.with_name(self.path.name + "-wal")
            check = check or (wal.exists() and self.path.exists() and self.path.stat().st_size <= _CHECKED_BYTES)
            self._db = open_writer(self.path, SCHEMA, FORMAT, MIGRATIONS)
            why = fault(self._db, deep=self._damaged) if check else ""
        except DamagedError as error:
            why = str(error)
        if why:
            with contextlib.suppress(AttributeError, sqlite3.Error):
                self._db.close()
            rescued(self.path, why, now_ms)
            self._db = open_writer(self.path, SCHEMA, FORMAT, MIGRATIONS)
        self._load()

    def _load(self) -> None:
        self._groups: dict[bytes, int] = {}  # by a digest: of thousands of devices the texts themselves take megabytes
        self._packings: dict[int, Packing] = {}
        for id_, text in self._db.execute("SELECT id, definition FROM poll_group"):
            self._know(int(id_), text, parse_group(text))
        # a tail that is lost may have been delivered: its numbers are never given again
        newest = "SELECT max(seq) FROM poll UNION ALL SELECT max(last_seq) FROM delivered"
        self.last_seq = max(int(found or 0) for (found,) in self._db.execute(newest))
        self._batch = self.state("batch")

    def _repair(self) -> bool:
        """After an error of the disk nothing of the connection is believed: open anew; True if the last try got in.

        Its polls show that, or a number that every batch with gaps leaves; all else may be written a second time.
        """
        tried, before = self._batch + 1, self.last_seq
        with contextlib.suppress(sqlite3.Error):
            self._db.close()
        self._open(check=self._damaged)
        self._broken = self._damaged = False
        return self._batch == tried or self.last_seq > before

    def state(self, key: str, nothing: int = 0) -> int:
        """A number kept beside the readings."""
        found = self._db.execute("SELECT value FROM state WHERE key=?", (key,)).fetchone()
        return nothing if found is None else int(found[0])

    def used_bytes(self) -> int:
        """What the readings take: pages in use, and the -wal; pages that thinning left free are used again."""
        names = ("page_count", "freelist_count", "page_size")
        pages, free, size = (int(self._db.execute(f"PRAGMA {name}").fetchone()[0]) for name in names)
        wal = self.path.with_name(self.path.name + "-wal")
        return (pages - free) * size + (wal.stat().st_size if wal.exists() else 0)

    def fold(self) -> None:
        """Fold the -wal in and give its space back, as far as there is room for it."""
        with contextlib.suppress(sqlite3.Error):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def first_ms(self, from_ms: int = 0) -> int | None:
        """When the oldest reading at or after an instant was made [ms UTC]."""
        found = self._db.execute("SELECT min(time_ms) FROM poll WHERE time_ms>=?", (from_ms,)).fetchone()[0]
        return None if found is None else int(found)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; a full disk gets the reserve back, and after an error of the disk the file is opened anew."""
        if self._broken:
            self._repair()
        try:
            with transaction(self._db) as db:
                yield db
        except StoreFullError:
            if self.reserve.release():
                failpoint("reserve-released")
            raise
        except StoreBrokenError as error:
            self._broken, self._damaged = True, isinstance(error, DamagedError)
            raise

    @property
    def last_time_ms(self) -> int | None:
        """The newest reading's time [ms UTC]."""
        found = self._db.execute("SELECT max(time_ms) FROM poll").fetchone()[0]
        return None if found is None else int(found)

    def newest_times(self) -> dict[int, int]:
        """The newest reading's time of each group [ms UTC]."""
        return {int(grp): int(ms) for grp, ms in self._db.execute("SELECT grp, time_ms FROM last_poll")}

    def group(self, group: PollGroup) -> int:
        """The number of a poll group, made on first sight."""
        text = dump_group(group)
        key = _digest(text)
        if key not in self._groups:
            with self.transaction() as db:
                made = db.execute("INSERT INTO poll_group(definition) VALUES (?)", (text,)).lastrowid or 0
            self._know(made, text, group)
            failpoint("group-made")
        return self._groups[key]

    def _know(self, number: int, text: str, group: PollGroup) -> None:
        self._groups[_digest(text)] = number
        self._packings[number] = self._shared.of(group)

    def declare(self, infos: Iterable[SeriesInfo]) -> None:
        """Note what is known of registers; an unchanged one is not written again."""
        rows = ((i.point, i.quantity, i.valid_from_ms, dump_info(i)) for i in infos)  # never all at once: they are many
        with self.transaction() as db:
            for point, quantity, since, body in rows:
                last = db.execute(sql.LAST_INFO, (point, quantity, since)).fetchone()
                if last is None or last[0] != body:
                    db.execute("INSERT OR REPLACE INTO series_info VALUES (?,?,?,?)", (point, quantity, since, body))

    def open_epoch(self, start_ms: int, note: str = "") -> int:
        """Begin a span in which the schedule is fixed."""
        with self.transaction() as db:
            return int(db.execute("INSERT INTO epoch(start_ms, note) VALUES (?,?)", (start_ms, note)).lastrowid or 0)

    def close_epoch(self, epoch: int, stop_ms: int, *, clean: bool) -> None:
        """End a span: no tick of it is due at or after stop_ms."""
        with self.transaction() as db:
            db.execute("UPDATE epoch SET stop_ms=?, clean=? WHERE id=?", (stop_ms, int(clean), epoch))

    def last_epoch(self) -> tuple[int, int, int | None, bool] | None:
        """The newest epoch: (id, start_ms, stop_ms, stopped cleanly)."""
        row = self._db.execute("SELECT id, start_ms, stop_ms, clean FROM epoch ORDER BY id DESC LIMIT 1").fetchone()
        return None if row is None else (row[0], row[1], row[2], bool(row[3]))

    def ledger(self, epoch: int) -> dict[tuple[int, Lane], int]:
        """The next unaccounted tick of each (group, lane) of an epoch."""
        rows = self._db.execute("SELECT grp, lane, next_tick FROM ledger WHERE epoch=?", (epoch,))
        return {(grp, Lane(lane)): next_tick for grp, lane, next_tick in rows}

    def group_of(self, number: int) -> PollGroup:
        """The poll group of a number."""
        (text,) = self._db.execute("SELECT definition FROM poll_group WHERE id=?", (number,)).fetchone()
        return parse_group(text)

    def commit(
        self,
        polls: Iterable[Poll] = (),
        gaps: Iterable[PollGap] = (),
        value_gaps: Iterable[ValueGap] = (),
        ledger: Mapping[LedgerKey, int] | None = None,
        acknowledged: Iterable[Acknowledged] = (),
    ) -> int:
        """Write one batch in one durable transaction; a reading already there stays as it is. Returns the last seq."""
        packings, self.as_given = self._packings, False
        rows = [
            (p.time_ms, p.group, p.epoch, p.tick, int(p.lane), packings[p.group].pack(p.values), p.words, p.quality)
            for p in polls
        ]
        if self._broken and self._repair():  # what failed was durable all the same
            return self.last_seq
        before, gap_rows = self.last_seq, [sql.gap_row(gap) for gap in gaps]
        try:
            whole = self._commit(rows, gap_rows, value_gaps, ledger or {}, acknowledged)
        except BaseException:
            self.last_seq = before
            raise
        self.as_given = whole
        self._batch += bool(gap_rows)
        failpoint("commit-after")
        return self.last_seq

    def _commit(
        self,
        rows: list[tuple[Any, ...]],
        gaps: list[tuple[Any, ...]],
        value_gaps: Iterable[ValueGap],
        ledger: Mapping[LedgerKey, int],
        acknowledged: Iterable[Acknowledged],
    ) -> bool:
        failpoint("commit-before")
        with self.transaction() as db:
            whole = self._insert(rows)
            db.executemany(sql.ADD_GAP, gaps)
            if gaps:  # a page of its own each time, so only where it must be
                db.execute(sql.SET_STATE, ("batch", self._batch + 1))
            db.executemany(
                sql.ADD_VALUE_GAP, [(v.point, v.quantity, v.time_ms, v.reason.value, v.detail) for v in value_gaps]
            )
            db.executemany(sql.ADD_LEDGER, [(e, g, int(lane), tick) for (e, g, lane), tick in ledger.items()])
            for one in acknowledged:
                _acknowledge(db, *one)
            failpoint("commit-written")
        return whole

    def append_history(self, rows: Iterable[tuple[int, int, bytes, bytes]]) -> int:
        """Write polls that are packed already: (time_ms, group, values, words), oldest first; lane HISTORY."""
        with self.transaction():
            self._insert([(ms, group, 0, 0, int(Lane.HISTORY), vals, words, None) for ms, group, vals, words in rows])
        return self.last_seq

    def _insert(self, rows: list[tuple[Any, ...]]) -> bool:
        """Write polls; whether none of them was there already."""
        first = self.last_seq + 1
        numbered = [(seq, *row, seal(*row)) for seq, row in enumerate(rows, first)]
        written = self._db.executemany(sql.ADD_POLL, numbered).rowcount
        newest: dict[int, int] = {}
        for row in rows:
            newest[row[1]] = max(row[0], newest.get(row[1], row[0]))
        self._db.executemany(sql.ADD_LAST, newest.items())
        self.last_seq += len(rows)
        return written == len(rows)

    def delivered(self, sink: str) -> list[tuple[str, int, int]]:
        """Acknowledged ranges of a sink: (lane, first seq, last seq)."""
        sql = "SELECT lane, first_seq, last_seq FROM delivered WHERE sink=? ORDER BY lane, first_seq"
        return list(self._db.execute(sql, (sink,)))

    def acknowledge(self, sink: str, lane: str, first_seq: int, last_seq: int) -> None:
        """Extend a sink's acknowledged range; ranges that touch are joined."""
        with self.transaction() as db:
            _acknowledge(db, sink, lane, first_seq, last_seq)

    def quarantine(self, sink: str, rows: Iterable[tuple[int, str, str, int]]) -> None:
        """Set aside lines a sink will never take: (seq, line, reason, at_ms)."""
        with self.transaction() as db:
            db.executemany(sql.ADD_QUARANTINE, [(sink, *row) for row in rows])
            db.execute(sql.TRIM_QUARANTINE, (MOST_ASIDE,))

    def close(self) -> None:
        """Fold the WAL in and give the folder free."""
        close_writer(self._db, self._lock)


def _acknowledge(db: sqlite3.Connection, sink: str, lane: str, first_seq: int, last_seq: int) -> None:
    joined = db.execute(sql.TOUCHING, (sink, lane, last_seq + 1, first_seq - 1)).fetchone()
    low = first_seq if joined[0] is None else min(first_seq, joined[0])
    high = last_seq if joined[1] is None else max(last_seq, joined[1])
    db.execute(sql.DROP_JOINED, (sink, lane, low, high))
    db.execute("INSERT INTO delivered VALUES (?,?,?,?)", (sink, lane, low, high))
    failpoint("acknowledge-written")


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def writing(store: Path, owner: str) -> closing[ReadingsWriter]:
    """A writer for the length of a block."""
    return closing(ReadingsWriter(store, owner))
