"""Alerts in results.db: their state, what is over, and the outbox of messages, each marked only after it was sent."""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metering.store.results import FORMAT, ResultsWriter, results_path
from metering.store.sqlite import snapshot

STATE = "alerts"  # the mark that holds the alerts' state
KEPT_INCIDENTS = 10_000
KEPT_SENT_MS = 7 * 86_400_000
_WAITING = (
    "SELECT id, receiver, key, happening, made_ms, title, body FROM outbox WHERE receiver=? AND sent_ms IS NULL"
    " ORDER BY id LIMIT ?"
)
_POSTS = (
    "SELECT receiver, sum(sent_ms IS NULL), max(sent_ms) FROM outbox WHERE happening<>'heartbeat' GROUP BY receiver"
)


@dataclass(frozen=True, slots=True)
class Letter:
    """One message to one receiver; `id` is 0 until it lies in the outbox."""

    receiver: str
    key: str
    happening: str  # firing, repeat, resolved, heartbeat
    made_ms: int
    title: str
    body: str
    id: int = 0


class OutboxWriter:
    """The alerts' side of the one writer of results.db."""

    def __init__(self, writer: ResultsWriter) -> None:
        self._writer = writer

    def keep(self, state: Mapping[str, Any], over: Iterable[Mapping[str, Any]], letters: Iterable[Letter]) -> None:
        """The state, the incidents that ended and the messages of one step, all or nothing."""
        with self._writer.transaction() as db:
            db.execute("INSERT OR REPLACE INTO mark VALUES (?,?)", (STATE, json.dumps(state, sort_keys=True)))
            for body in over:
                row = (body["key"], body["resolved_ms"], json.dumps(body, sort_keys=True))
                db.execute("INSERT OR REPLACE INTO incident VALUES (?,?,?)", row)
            for letter in letters:
                _put(db, letter)

    def put(self, letters: Iterable[Letter]) -> None:
        """More messages."""
        with self._writer.transaction() as db:
            for letter in letters:
                _put(db, letter)

    def waiting(self, receiver: str, limit: int = 10_001) -> list[Letter]:
        """What a receiver has not got, oldest first."""
        with self._writer.transaction() as db:
            rows = db.execute(_WAITING, (receiver, limit)).fetchall()
        return [Letter(r, key, what, made, title, body, number) for number, r, key, what, made, title, body in rows]

    def sent_since(self, receiver: str, start_ms: int, end_ms: int) -> int:
        """How many messages but heartbeats a receiver was sent in (start_ms, end_ms]; a digest is one."""
        sql = (
            "SELECT count(DISTINCT message) FROM outbox WHERE receiver=? AND sent_ms>? AND sent_ms<=?"
            " AND happening<>'heartbeat'"
        )
        with self._writer.transaction() as db:
            return int(db.execute(sql, (receiver, start_ms, end_ms)).fetchone()[0])

    def sent(self, letters: Sequence[Letter], now_ms: int) -> None:
        """These have gone, as one message."""
        first = letters[0].id
        with self._writer.transaction() as db:
            rows = [(now_ms, first, letter.id) for letter in letters]
            db.executemany("UPDATE outbox SET sent_ms=?, message=? WHERE id=?", rows)
            db.execute("DELETE FROM outbox WHERE sent_ms<?", (now_ms - KEPT_SENT_MS,))
            excess = "SELECT key FROM incident ORDER BY resolved_ms DESC LIMIT -1 OFFSET ?"
            db.execute(f"DELETE FROM incident WHERE key IN ({excess})", (KEPT_INCIDENTS,))  # noqa: S608 - our own text

    def fold(self, letters: Iterable[Letter], into: Letter) -> None:
        """One letter that tells of all of these takes their place."""
        with self._writer.transaction() as db:
            db.executemany("DELETE FROM outbox WHERE id=?", [(letter.id,) for letter in letters])
            _put(db, into)


def _put(db: sqlite3.Connection, letter: Letter) -> None:
    if letter.happening == "heartbeat":  # only the newest says anything
        old = "DELETE FROM outbox WHERE receiver=? AND happening='heartbeat' AND sent_ms IS NULL"
        db.execute(old, (letter.receiver,))
    row = (letter.receiver, letter.key, letter.happening, letter.made_ms, letter.title, letter.body)
    db.execute("INSERT INTO outbox(receiver,key,happening,made_ms,title,body) VALUES (?,?,?,?,?,?)", row)


@dataclass(frozen=True, slots=True)
class AlertRecord:
    """What the store holds of alerts: state, the newest ended incidents, (waiting, last sent [ms]) by receiver."""

    state: Mapping[str, Any] | None
    over: Sequence[Mapping[str, Any]]
    posts: Mapping[str, tuple[int, int | None]]


def alert_record(store: Path, newest: int = 100) -> AlertRecord:
    """The alerts of a store, from any process."""

    def work(db: sqlite3.Connection) -> AlertRecord:
        if db.execute("SELECT 1 FROM sqlite_master WHERE name='outbox'").fetchone() is None:  # written by format 1
            return AlertRecord(None, [], {})
        marks = {
            name: json.loads(body) for name, body in db.execute("SELECT key, body FROM mark WHERE key=?", (STATE,))
        }
        sql = "SELECT body FROM incident ORDER BY resolved_ms DESC, key LIMIT ?"
        over = [json.loads(body) for (body,) in db.execute(sql, (newest,))]
        posts = {receiver: (waiting, last) for receiver, waiting, last in db.execute(_POSTS)}
        return AlertRecord(marks.get(STATE), over, posts)

    return snapshot(results_path(store), work, FORMAT) or AlertRecord(None, [], {})
