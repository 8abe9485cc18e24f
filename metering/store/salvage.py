"""A damaged readings.db is set aside, never deleted; what can be read of it goes into a new one, what cannot is a gap.

What is lost is counted by the ledger: ticks that it accounts for and that no reading and no gap stands for any more.
A bit that turned inside a value is not seen: SQLite keeps no checksums of rows.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import structlog

from metering.failpoint import failpoint
from metering.reading import GapReason, Lane
from metering.store.packing import Packing, load_group
from metering.store.readings_schema import ADD_GAP, FORMAT, SCHEMA

# table -> how its rows are put in order, for reading from either end up to the damage
TABLES: Final = {
    "poll_group": "id", "epoch": "id", "ledger": "epoch, grp, lane", "gap": "id",
    "value_gap": "time_ms, point, quantity", "series_info": "point, quantity, valid_from_ms",
    "delivered": "sink, lane, first_seq", "quarantine": "id", "state": "key", "thinned": "day_ms, grp, lane, step",
    "loss": "id",
}  # fmt: skip
_CHUNK: Final = 1000
_QUARTER_MS, _QUARTER_SPAN_MS = 900_000, 2_000
_POLL = "INSERT INTO poll VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING"
_LEDGER = "SELECT l.epoch, l.grp, l.lane, l.next_tick, e.start_ms FROM ledger l JOIN epoch e ON e.id=l.epoch"
_LAST = "INSERT INTO last_poll SELECT grp, max(time_ms) FROM poll GROUP BY grp"
_LOSS = "INSERT INTO loss(at_ms, kept_as, first_seq, last_seq, polls, reason) VALUES (?,?,?,?,?,?)"

Run = tuple[int, int]  # (first, how many)


def rescued(path: Path, why: str, at_ms: int) -> Path:
    """Set a damaged file aside and put in its place one with all that can be read; where the old one lies now."""
    aside = path.with_name(f"{path.name}.aside-{at_ms}")
    for suffix in ("-wal", "-shm", ""):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    failpoint("aside-moved")
    fresh = path.with_name(f"{path.name}.rescued")
    fresh.unlink(missing_ok=True)
    lost = _refill(aside, fresh, why, at_ms)
    fresh.replace(path)
    structlog.get_logger("store").error("store_damaged", reason=why, kept_as=aside.name, ticks_lost=lost)
    return aside


def interrupted(path: Path) -> Path | None:
    """The file that a rescue set aside before it was cut short, if there is one."""
    asides = sorted(path.parent.glob(f"{path.name}.aside-*[0-9]"))
    return asides[-1] if asides and not path.exists() else None


def again(aside: Path, path: Path, at_ms: int) -> None:
    """Do the second half of a rescue that was cut short."""
    fresh = path.with_name(f"{path.name}.rescued")
    fresh.unlink(missing_ok=True)
    _refill(aside, fresh, "a rescue that was cut short", at_ms)
    fresh.replace(path)


def _refill(aside: Path, fresh: Path, why: str, at_ms: int) -> int:
    target = sqlite3.connect(fresh, isolation_level=None)
    source = sqlite3.connect(f"file:{quote(str(aside.absolute()))}?mode=ro", uri=True, isolation_level=None)
    try:
        target.executescript(f"PRAGMA synchronous=FULL;BEGIN;{SCHEMA};PRAGMA user_version={FORMAT}")
        for table, order in TABLES.items():
            _copy(source, target, table, order)
        failpoint("salvage-half")
        newest = _copy_polls(source, target)
        target.execute(_LAST)
        lost = sum(_note_lost(target, run) for run in list(_missing(target)))
        target.execute(_LOSS, (at_ms, aside.name, 0, newest, lost, why))
        target.execute("COMMIT")
    finally:
        source.close()
        target.close()
    return lost


def _copy(source: sqlite3.Connection, target: sqlite3.Connection, table: str, order: str) -> None:
    """A table's rows from its beginning up to the damage, and from its end down to it."""
    backwards = ", ".join(f"{column} DESC" for column in order.split(", "))
    for direction in (order, backwards):
        try:
            cursor = source.execute(f"SELECT * FROM {table} ORDER BY {direction}")  # noqa: S608 - our own names
            places = ",".join("?" * len(cursor.description))
            for row in cursor:
                target.execute(f"INSERT INTO {table} VALUES ({places}) ON CONFLICT DO NOTHING", row)  # noqa: S608
            return
        except sqlite3.Error:
            continue


def _copy_polls(source: sqlite3.Connection, target: sqlite3.Connection) -> int:
    """Every poll that can be read; the newest sequence number there was."""
    sizes = {n: Packing(load_group(text)).size for n, text in target.execute("SELECT id, definition FROM poll_group")}
    newest = _newest(source, target)
    for low in range(1, newest + 1, _CHUNK):
        for row in _range(source, low, min(low + _CHUNK - 1, newest)):
            if isinstance(row[6], bytes) and len(row[6]) == sizes.get(row[2]):
                with contextlib.suppress(sqlite3.Error):
                    target.execute(_POLL, row)
    return newest


def _newest(source: sqlite3.Connection, target: sqlite3.Connection) -> int:
    found = [int(target.execute("SELECT coalesce(max(last_seq), 0) FROM delivered").fetchone()[0])]
    for order in ("DESC", "ASC"):
        with contextlib.suppress(sqlite3.Error):
            found += [row[0] for row in source.execute(f"SELECT seq FROM poll ORDER BY seq {order} LIMIT 1")]  # noqa: S608
    with contextlib.suppress(sqlite3.Error):
        found += [row[0] for row in source.execute("SELECT max(seq) FROM poll INDEXED BY poll_time")]
    return max(number for number in found if isinstance(number, int))


def _range(source: sqlite3.Connection, low: int, high: int) -> Iterator[tuple[Any, ...]]:
    """The polls of a range of sequence numbers, halved around what cannot be read."""
    try:
        yield from source.execute("SELECT * FROM poll WHERE seq BETWEEN ? AND ? ORDER BY seq", (low, high)).fetchall()
    except sqlite3.Error:
        if low < high:
            middle = (low + high) // 2
            yield from _range(source, low, middle)
            yield from _range(source, middle + 1, high)


def _missing(target: sqlite3.Connection) -> Iterator[tuple[int, int, int, int, Run]]:
    """Ticks the ledger accounts for and nothing stands for: (epoch, group, lane, start of the epoch, run)."""
    thinned = "SELECT coalesce(max(value), 0) FROM state WHERE key LIKE 'ladder-%'"
    thinned_ms = int(target.execute(thinned).fetchone()[0])
    cadences = {n: load_group(text).cadence_ms for n, text in target.execute("SELECT id, definition FROM poll_group")}
    for (epoch, group, lane), stood in _accounted(target).items():
        row = target.execute(f"{_LEDGER} WHERE l.epoch=? AND l.grp=? AND l.lane=?", (epoch, group, lane)).fetchone()
        first = 0 if lane == Lane.CADENCE else row[4] // _QUARTER_MS + 1
        if thinned_ms > row[4]:  # thinned ticks are missing for another reason
            first = max(first, -((row[4] - thinned_ms) // cadences[group]) if lane == Lane.CADENCE
                        else -(-thinned_ms // _QUARTER_MS))  # fmt: skip
        for run in _holes(stood, first, row[3]):
            yield epoch, group, lane, row[4], run


def _accounted(target: sqlite3.Connection) -> dict[tuple[int, int, int], list[Run]]:
    """By (epoch, group, lane) of the polled lanes: the runs of ticks that have a reading or a gap."""
    lanes = (int(Lane.CADENCE), int(Lane.QUARTER))
    found: dict[tuple[int, int, int], list[Run]] = {
        (e, g, n): [] for e, g, n, _, _ in target.execute(_LEDGER) if n in lanes
    }
    both = (
        "SELECT epoch, grp, lane, tick, 1 FROM poll WHERE lane IN (0,1) UNION ALL"
        " SELECT epoch, grp, lane, first_tick, ticks FROM gap WHERE lane IN (0,1) ORDER BY 1,2,3,4"
    )
    for key, rows in groupby(target.execute(both), key=lambda row: row[:3]):
        if key in found:
            found[key] = [(row[3], row[4]) for row in rows]
    return found


def _holes(stood: list[Run], first: int, end: int) -> Iterator[Run]:
    at = first
    for start, ticks in stood:
        if start > at:
            yield at, min(start, end) - at
        at = max(at, start + ticks)
    if end > at:
        yield at, end - at


def _note_lost(target: sqlite3.Connection, hole: tuple[int, int, int, int, Run]) -> int:
    epoch, group, lane, start_ms, (first, ticks) = hole
    (text,) = target.execute("SELECT definition FROM poll_group WHERE id=?", (group,)).fetchone()
    cadence_ms = load_group(text).cadence_ms
    low, high = start_ms + first * cadence_ms, start_ms + (first + ticks) * cadence_ms
    if lane == Lane.QUARTER:
        low, high = first * _QUARTER_MS, (first + ticks - 1) * _QUARTER_MS + _QUARTER_SPAN_MS
    detail = "was in a damaged part of the store"
    target.execute(ADD_GAP, (group, epoch, lane, first, ticks, low, high, GapReason.CORRUPT.value, None, detail))
    return ticks
