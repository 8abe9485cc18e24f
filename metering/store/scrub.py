"""A slow walk over all that is stored: a row that a disk has turned is taken out, kept apart, and its tick a gap.

Rows of older formats get their seals as the walk comes by.
"""

import sqlite3
import time
from collections.abc import Iterable, Sequence
from typing import Any, Final

import structlog

from metering.period import QUARTER_MS
from metering.reading import Lane
from metering.store import DamagedError
from metering.store.missing import Hole, missing, note_lost
from metering.store.packing import load_group
from metering.store.readings import ReadingsWriter
from metering.store.readings_schema import ADD_LOSS, FILL_LAST
from metering.store.seals import ROW, UNSEALED, seal, seal_column, sound, sound_rest, unsealed

ROWS: Final = 2_000  # looked at in one turn: some milliseconds
_LATE_MS: Final = 60_000  # no answer comes later after its tick
_NOT_INDEXED = (
    "SELECT count(*) FROM poll p WHERE p.seq>? AND p.seq<=? AND NOT EXISTS (SELECT 1 FROM poll q INDEXED BY poll_time"
    " WHERE q.time_ms=p.time_ms AND q.grp=p.grp AND q.seq=p.seq)"
)
_APART = "INSERT INTO damaged VALUES (?,?,?,?,?,?,?,?,?,?,?)"
_STANDS = "SELECT 1 FROM poll WHERE time_ms>=? AND time_ms<? AND grp=? AND epoch=? AND lane=? AND tick=?"
_GAP_STANDS = "SELECT 1 FROM gap WHERE grp=? AND epoch=? AND lane=? AND first_tick<=? AND first_tick+ticks>?"
_KNOWN = (
    "SELECT e.start_ms, l.next_tick, g.definition FROM ledger l JOIN epoch e ON e.id=l.epoch"
    " JOIN poll_group g ON g.id=l.grp WHERE l.epoch=? AND l.grp=? AND l.lane=?"
)

log = structlog.get_logger("store")


def scrub(writer: ReadingsWriter, after_seq: int, rows: int = ROWS) -> int:
    """Look at the next rows; the sequence number to go on after, 0 where the walk has come to its end."""
    with writer.transaction() as db:
        sealed = seal_column(db)
        asked = f"SELECT {ROW},{sealed} FROM poll WHERE seq>? ORDER BY seq LIMIT ?"  # noqa: S608 - our own names
        found = db.execute(asked, (after_seq, rows)).fetchall()
        if found and db.execute(_NOT_INDEXED, (after_seq, found[-1][0])).fetchone()[0]:
            raise DamagedError("rows that their index does not find")  # the file is opened anew, and looked through
        if sealed == "seal":
            _seal(db, found, last=len(found) < rows)
        damaged = [row for row in found if not sound(row)]
        lost = _withdraw(db, damaged, time.time_ns() // 1_000_000) if damaged else 0
    if damaged:
        seqs = [row[0] for row in damaged]
        log.error("readings_damaged", polls=len(damaged), first_seq=seqs[0], last_seq=seqs[-1], ticks_lost=lost)
    return int(found[-1][0]) if len(found) == rows else 0


def _seal(db: sqlite3.Connection, found: Iterable[Sequence[Any]], *, last: bool) -> None:
    """Give rows of an older format their seals; after the last one a row without has lost it to the disk."""
    db.executemany("UPDATE poll SET seal=? WHERE seq=?", [(seal(*row[1:9]), row[0]) for row in found if unsealed(row)])
    if last and not db.execute("SELECT 1 FROM poll WHERE seal IS NULL LIMIT 1").fetchone():
        db.execute("DELETE FROM state WHERE key=?", (UNSEALED,))


def _withdraw(db: sqlite3.Connection, damaged: list[Any], at_ms: int) -> int:
    """Set rows apart; how many ticks of the ledger are lost with them."""
    db.executemany(_APART, [(*row, at_ms) for row in damaged])
    db.executemany("DELETE FROM poll WHERE seq=?", [(row[0],) for row in damaged])
    db.execute("DELETE FROM last_poll")
    db.execute(FILL_LAST)
    lost = sum(note_lost(db, hole) for hole in _holes(db, damaged))
    reason = "rows that did not fit their checksums"
    db.execute(ADD_LOSS, (at_ms, "table damaged", damaged[0][0], damaged[-1][0], len(damaged), reason))
    return lost


def _holes(db: sqlite3.Connection, damaged: Iterable[Sequence[Any]]) -> Iterable[Hole]:
    """The ticks that the rows stood for; where one no longer says which, the whole ledger is gone through."""
    polled = [row for row in damaged if row[5] in (Lane.CADENCE, Lane.QUARTER) or not _says_which(row)]
    direct = [_hole(db, row) for row in polled]
    if None in direct:
        return list(missing(db))
    return [hole for hole in direct if hole is not None]


def _says_which(row: Sequence[Any]) -> bool:
    _, _, _, epoch, tick, lane, _, words, _, sealed = row
    return sound_rest(epoch, tick, lane, words, sealed)


def _hole(db: sqlite3.Connection, row: Sequence[Any]) -> Hole | None:
    """The tick of a row, if the row can be believed so far and nothing else stands for it."""
    _, _, group, epoch, tick, lane, *_ = row
    known = db.execute(_KNOWN, (epoch, group, lane)).fetchone() if _says_which(row) else None
    if known is None or not tick < known[1]:
        return None
    start_ms, cadence_ms = known[0], load_group(known[2]).cadence_ms
    due_ms = tick * QUARTER_MS if lane == Lane.QUARTER else start_ms + tick * cadence_ms
    span = (due_ms - _LATE_MS, due_ms + _LATE_MS + cadence_ms)
    key = (group, epoch, lane)
    asked = ((_STANDS, (*span, *key, tick)), (_GAP_STANDS, (*key, tick, tick)))
    return None if any(db.execute(*one).fetchone() for one in asked) else (epoch, group, lane, start_ms, (tick, 1))
