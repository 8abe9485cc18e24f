"""readings.db, written by the collector: packed polls, gaps, the tick ledger, SeriesInfo and delivery cursors."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

from metering.reading import Lane, Poll, PollGap, PollGroup, SeriesInfo, ValueGap
from metering.store.packing import Packing, dump_group, load_group
from metering.store.sqlite import WriterLock, close_writer, open_writer, transaction

FORMAT = 1
SCHEMA = """
CREATE TABLE poll_group(id INTEGER PRIMARY KEY, definition TEXT NOT NULL UNIQUE);
CREATE TABLE poll(
  seq INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, grp INTEGER NOT NULL, epoch INTEGER NOT NULL,
  tick INTEGER NOT NULL, lane INTEGER NOT NULL, vals BLOB NOT NULL, words BLOB NOT NULL, quality BLOB);
CREATE UNIQUE INDEX poll_time ON poll(time_ms, grp);
CREATE TABLE last_poll(grp INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL);
CREATE TABLE gap(
  id INTEGER PRIMARY KEY, grp INTEGER NOT NULL, epoch INTEGER NOT NULL, lane INTEGER NOT NULL,
  first_tick INTEGER NOT NULL, ticks INTEGER NOT NULL, start_ms INTEGER NOT NULL, end_ms INTEGER NOT NULL,
  reason TEXT NOT NULL, code INTEGER, detail TEXT NOT NULL);
CREATE INDEX gap_end ON gap(end_ms);
CREATE TABLE value_gap(
  point TEXT NOT NULL, quantity TEXT NOT NULL, time_ms INTEGER NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL,
  PRIMARY KEY(time_ms, point, quantity)) WITHOUT ROWID;
CREATE TABLE epoch(
  id INTEGER PRIMARY KEY, start_ms INTEGER NOT NULL, stop_ms INTEGER, clean INTEGER NOT NULL DEFAULT 0,
  note TEXT NOT NULL);
CREATE TABLE ledger(
  epoch INTEGER NOT NULL, grp INTEGER NOT NULL, lane INTEGER NOT NULL, next_tick INTEGER NOT NULL,
  PRIMARY KEY(epoch, grp, lane)) WITHOUT ROWID;
CREATE TABLE series_info(
  point TEXT NOT NULL, quantity TEXT NOT NULL, valid_from_ms INTEGER NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY(point, quantity, valid_from_ms)) WITHOUT ROWID;
CREATE TABLE delivered(
  sink TEXT NOT NULL, lane TEXT NOT NULL, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL,
  PRIMARY KEY(sink, lane, first_seq)) WITHOUT ROWID;
CREATE TABLE quarantine(
  id INTEGER PRIMARY KEY, sink TEXT NOT NULL, seq INTEGER NOT NULL, line TEXT NOT NULL, reason TEXT NOT NULL,
  at_ms INTEGER NOT NULL);
"""
_LAST_INFO = (
    "SELECT body FROM series_info WHERE point=? AND quantity=? AND valid_from_ms<=? ORDER BY valid_from_ms DESC LIMIT 1"
)
# DO NOTHING for what is already there alone; OR IGNORE would also swallow a row that is broken
_ADD_POLL = (
    "INSERT INTO poll(seq,time_ms,grp,epoch,tick,lane,vals,words,quality) VALUES (?,?,?,?,?,?,?,?,?)"
    " ON CONFLICT(time_ms, grp) DO NOTHING"
)
_ADD_LAST = "INSERT INTO last_poll VALUES (?,?) ON CONFLICT DO UPDATE SET time_ms=max(time_ms, excluded.time_ms)"
_ADD_GAP = (
    "INSERT INTO gap(grp,epoch,lane,first_tick,ticks,start_ms,end_ms,reason,code,detail) VALUES (?,?,?,?,?,?,?,?,?,?)"
)
_ADD_VALUE_GAP = (
    "INSERT INTO value_gap(point,quantity,time_ms,reason,detail) VALUES (?,?,?,?,?)"
    " ON CONFLICT(time_ms, point, quantity) DO NOTHING"
)
_ADD_LEDGER = "INSERT INTO ledger VALUES (?,?,?,?) ON CONFLICT DO UPDATE SET next_tick=excluded.next_tick"
_ADD_QUARANTINE = "INSERT INTO quarantine(sink,seq,line,reason,at_ms) VALUES (?,?,?,?,?)"
_TOUCHING = (
    "SELECT min(first_seq), max(last_seq) FROM delivered WHERE sink=? AND lane=? AND first_seq<=? AND last_seq>=?"
)
_DROP_JOINED = "DELETE FROM delivered WHERE sink=? AND lane=? AND first_seq>=? AND last_seq<=?"

LedgerKey = tuple[int, int, Lane]  # (epoch, group, lane)


def readings_path(store: Path) -> Path:
    """The file of the readings inside a store directory."""
    return store / "readings" / "readings.db"


class ReadingsWriter:
    """The one writer of readings.db; every commit is durable when it returns."""

    def __init__(self, store: Path, owner: str) -> None:
        path = readings_path(store)
        self._lock = WriterLock(path.parent, owner)
        try:
            self._db = open_writer(path, SCHEMA, FORMAT)
        except BaseException:
            self._lock.release()
            raise
        self._groups = {text: int(id_) for id_, text in self._db.execute("SELECT id, definition FROM poll_group")}
        self._packings = {id_: Packing(load_group(text)) for text, id_ in self._groups.items()}
        self.last_seq = int(self._db.execute("SELECT coalesce(max(seq), 0) FROM poll").fetchone()[0])

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
        if text not in self._groups:
            with transaction(self._db) as db:
                made = db.execute("INSERT INTO poll_group(definition) VALUES (?)", (text,)).lastrowid or 0
            self._groups[text] = made
            self._packings[made] = Packing(group)
        return self._groups[text]

    def declare(self, infos: Iterable[SeriesInfo]) -> None:
        """Note what is known of registers; an unchanged one is not written again."""
        rows = [(i.point, i.quantity, i.valid_from_ms, dump_info(i)) for i in infos]
        with transaction(self._db) as db:
            for point, quantity, since, body in rows:
                last = db.execute(_LAST_INFO, (point, quantity, since)).fetchone()
                if last is None or last[0] != body:
                    db.execute("INSERT OR REPLACE INTO series_info VALUES (?,?,?,?)", (point, quantity, since, body))

    def open_epoch(self, start_ms: int, note: str = "") -> int:
        """Begin a span in which the schedule is fixed."""
        with transaction(self._db) as db:
            return int(db.execute("INSERT INTO epoch(start_ms, note) VALUES (?,?)", (start_ms, note)).lastrowid or 0)

    def close_epoch(self, epoch: int, stop_ms: int, *, clean: bool) -> None:
        """End a span: no tick of it is due at or after stop_ms."""
        with transaction(self._db) as db:
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
        return load_group(next(text for text, id_ in self._groups.items() if id_ == number))

    def commit(
        self,
        polls: Iterable[Poll] = (),
        gaps: Iterable[PollGap] = (),
        value_gaps: Iterable[ValueGap] = (),
        ledger: Mapping[LedgerKey, int] | None = None,
    ) -> int:
        """Write one batch in one durable transaction; a reading already there stays as it is. Returns the last seq."""
        packings = self._packings
        rows = [
            (p.time_ms, p.group, p.epoch, p.tick, int(p.lane), packings[p.group].pack(p.values), p.words, p.quality)
            for p in polls
        ]
        with transaction(self._db) as db:
            self._insert(rows)
            db.executemany(_ADD_GAP, [_gap_row(gap) for gap in gaps])
            db.executemany(
                _ADD_VALUE_GAP, [(v.point, v.quantity, v.time_ms, v.reason.value, v.detail) for v in value_gaps]
            )
            db.executemany(_ADD_LEDGER, [(e, g, int(lane), tick) for (e, g, lane), tick in (ledger or {}).items()])
        return self.last_seq

    def append_history(self, rows: Iterable[tuple[int, int, bytes, bytes]]) -> int:
        """Write polls that are packed already: (time_ms, group, values, words), oldest first; lane HISTORY."""
        with transaction(self._db):
            self._insert([(ms, group, 0, 0, int(Lane.HISTORY), vals, words, None) for ms, group, vals, words in rows])
        return self.last_seq

    def _insert(self, rows: list[tuple[Any, ...]]) -> None:
        first = self.last_seq + 1
        self._db.executemany(_ADD_POLL, [(seq, *row) for seq, row in enumerate(rows, first)])
        newest: dict[int, int] = {}
        for row in rows:
            newest[row[1]] = max(row[0], newest.get(row[1], row[0]))
        self._db.executemany(_ADD_LAST, newest.items())
        self.last_seq += len(rows)

    def delivered(self, sink: str) -> list[tuple[str, int, int]]:
        """Acknowledged ranges of a sink: (lane, first seq, last seq)."""
        sql = "SELECT lane, first_seq, last_seq FROM delivered WHERE sink=? ORDER BY lane, first_seq"
        return list(self._db.execute(sql, (sink,)))

    def acknowledge(self, sink: str, lane: str, first_seq: int, last_seq: int) -> None:
        """Extend a sink's acknowledged range; ranges that touch are joined."""
        with transaction(self._db) as db:
            joined = db.execute(_TOUCHING, (sink, lane, last_seq + 1, first_seq - 1)).fetchone()
            low = first_seq if joined[0] is None else min(first_seq, joined[0])
            high = last_seq if joined[1] is None else max(last_seq, joined[1])
            db.execute(_DROP_JOINED, (sink, lane, low, high))
            db.execute("INSERT INTO delivered VALUES (?,?,?,?)", (sink, lane, low, high))

    def quarantine(self, sink: str, rows: Iterable[tuple[int, str, str, int]]) -> None:
        """Set aside lines a sink will never take: (seq, line, reason, at_ms)."""
        with transaction(self._db) as db:
            db.executemany(_ADD_QUARANTINE, [(sink, *row) for row in rows])

    def close(self) -> None:
        """Fold the WAL in and give the folder free."""
        close_writer(self._db, self._lock)


def _gap_row(gap: PollGap) -> tuple[Any, ...]:
    return (
        gap.group, gap.epoch, int(gap.lane), gap.first_tick, gap.ticks, gap.start_ms, gap.end_ms, gap.reason.value,
        gap.code, gap.detail,
    )  # fmt: skip


@contextmanager
def writing(store: Path, owner: str) -> Iterator[ReadingsWriter]:
    """A writer for the length of a block."""
    writer = ReadingsWriter(store, owner)
    try:
        yield writer
    finally:
        writer.close()


def dump_info(info: SeriesInfo) -> str:
    """What is known of a register as JSON, but for its key and its date."""
    body = asdict(info)
    for key in ("point", "quantity", "valid_from_ms"):
        del body[key]
    for key in ("scale", "modulus", "ct_ratio"):
        body[key] = None if body[key] is None else str(body[key])
    return json.dumps(body, separators=(",", ":"), sort_keys=True)


def load_info(point: str, quantity: str, valid_from_ms: int, text: str) -> SeriesInfo:
    """The inverse of dump_info."""
    body = json.loads(text)
    for key in ("scale", "modulus", "ct_ratio"):
        body[key] = None if body[key] is None else Fraction(body[key])
    return SeriesInfo(point=point, quantity=quantity, valid_from_ms=valid_from_ms, **body)
