"""The tables of readings.db, what older formats lack, and the statements that write."""

from typing import Any

from metering.reading import PollGap

FORMAT = 3
_SINCE_2 = """
CREATE TABLE state(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE thinned(
  day_ms INTEGER NOT NULL, grp INTEGER NOT NULL, lane INTEGER NOT NULL, step INTEGER NOT NULL, polls INTEGER NOT NULL,
  at_ms INTEGER NOT NULL, PRIMARY KEY(day_ms, grp, lane, step)) WITHOUT ROWID;
CREATE TABLE loss(
  id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, kept_as TEXT NOT NULL, first_seq INTEGER NOT NULL,
  last_seq INTEGER NOT NULL, polls INTEGER NOT NULL, reason TEXT NOT NULL);
"""
_DAMAGED = """
CREATE TABLE damaged(
  seq INTEGER NOT NULL, time_ms INTEGER, grp INTEGER, epoch INTEGER, tick INTEGER, lane INTEGER, vals BLOB, words BLOB,
  quality BLOB, seal BLOB, at_ms INTEGER NOT NULL);
"""
# A row of before has no seal until the walk over the file comes by (seals.py, scrub.py).
_SINCE_3 = f"ALTER TABLE poll ADD COLUMN seal BLOB;INSERT INTO state VALUES ('unsealed', 1);{_DAMAGED}"  # noqa: S608
MIGRATIONS = {1: _SINCE_2, 2: _SINCE_3}  # what each older format lacks
SCHEMA = (
    """
CREATE TABLE poll_group(id INTEGER PRIMARY KEY, definition TEXT NOT NULL UNIQUE);
CREATE TABLE poll(
  seq INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, grp INTEGER NOT NULL, epoch INTEGER NOT NULL,
  tick INTEGER NOT NULL, lane INTEGER NOT NULL, vals BLOB NOT NULL, words BLOB NOT NULL, quality BLOB,
  seal BLOB);
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
    + _SINCE_2
    + _DAMAGED
)
LAST_INFO = (
    "SELECT body FROM series_info WHERE point=? AND quantity=? AND valid_from_ms<=? ORDER BY valid_from_ms DESC LIMIT 1"
)
# DO NOTHING for what is already there alone; OR IGNORE would also swallow a row that is broken
ADD_POLL = (
    "INSERT INTO poll(seq,time_ms,grp,epoch,tick,lane,vals,words,quality,seal) VALUES (?,?,?,?,?,?,?,?,?,?)"
    " ON CONFLICT(time_ms, grp) DO NOTHING"
)
ADD_LAST = "INSERT INTO last_poll VALUES (?,?) ON CONFLICT DO UPDATE SET time_ms=max(time_ms, excluded.time_ms)"
FILL_LAST = "INSERT INTO last_poll SELECT grp, max(time_ms) FROM poll GROUP BY grp"
ADD_LOSS = "INSERT INTO loss(at_ms, kept_as, first_seq, last_seq, polls, reason) VALUES (?,?,?,?,?,?)"
ADD_GAP = (
    "INSERT INTO gap(grp,epoch,lane,first_tick,ticks,start_ms,end_ms,reason,code,detail) VALUES (?,?,?,?,?,?,?,?,?,?)"
)
ADD_VALUE_GAP = (
    "INSERT INTO value_gap(point,quantity,time_ms,reason,detail) VALUES (?,?,?,?,?)"
    " ON CONFLICT(time_ms, point, quantity) DO NOTHING"
)
ADD_LEDGER = "INSERT INTO ledger VALUES (?,?,?,?) ON CONFLICT DO UPDATE SET next_tick=excluded.next_tick"
ADD_QUARANTINE = "INSERT INTO quarantine(sink,seq,line,reason,at_ms) VALUES (?,?,?,?,?)"
TOUCHING = (
    "SELECT min(first_seq), max(last_seq) FROM delivered WHERE sink=? AND lane=? AND first_seq<=? AND last_seq>=?"
)
DROP_JOINED = "DELETE FROM delivered WHERE sink=? AND lane=? AND first_seq>=? AND last_seq<=?"
TRIM_QUARANTINE = "DELETE FROM quarantine WHERE id <= (SELECT max(id) FROM quarantine) - ?"
SET_STATE = "INSERT INTO state VALUES (?,?) ON CONFLICT DO UPDATE SET value=excluded.value"


def gap_row(gap: PollGap) -> tuple[Any, ...]:
    """A gap as ADD_GAP writes it."""
    return (
        gap.group, gap.epoch, int(gap.lane), gap.first_tick, gap.ticks, gap.start_ms, gap.end_ms, gap.reason.value,
        gap.code, gap.detail,
    )  # fmt: skip
