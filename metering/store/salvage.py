"""A damaged readings.db is set aside, never deleted; what can be read of it goes into a new one, what cannot is a gap.

What is lost is counted by the ledger: ticks that it accounts for and that no reading and no gap stands for any more.
A row that does not fit its seal is among what cannot be read.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import structlog

from metering.failpoint import failpoint
from metering.store.missing import missing, note_lost
from metering.store.packing import Packing, load_group
from metering.store.readings_schema import ADD_LOSS, FILL_LAST, FORMAT, SCHEMA
from metering.store.seals import REQUIRED, ROW, seal, seal_column, sound

# table -> how its rows are put in order, for reading from either end up to the damage
TABLES: Final = {
    "poll_group": "id", "epoch": "id", "ledger": "epoch, grp, lane", "gap": "id",
    "value_gap": "time_ms, point, quantity", "series_info": "point, quantity, valid_from_ms",
    "delivered": "sink, lane, first_seq", "quarantine": "id", "state": "key", "thinned": "day_ms, grp, lane, step",
    "loss": "id", "damaged": "seq, at_ms",
}  # fmt: skip
_CHUNK: Final = 1000
_POLL = "INSERT INTO poll VALUES (?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING"


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
        target.execute(FILL_LAST)
        lost = sum(note_lost(target, run) for run in list(missing(target)))
        target.execute(ADD_LOSS, (at_ms, aside.name, 0, newest, lost, why))
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
    newest, sealed = _newest(source, target), _sealed(source)
    for low in range(1, newest + 1, _CHUNK):
        for row in _range(source, sealed, low, min(low + _CHUNK - 1, newest)):
            if isinstance(row[6], bytes) and len(row[6]) == sizes.get(row[2]) and sound(row):
                with contextlib.suppress(sqlite3.Error):
                    target.execute(_POLL, (*row[:9], row[9] or seal(*row[1:9])))
    return newest


def _sealed(source: sqlite3.Connection) -> str:
    with contextlib.suppress(sqlite3.Error):
        return seal_column(source)
    return REQUIRED


def _newest(source: sqlite3.Connection, target: sqlite3.Connection) -> int:
    found = [int(target.execute("SELECT coalesce(max(last_seq), 0) FROM delivered").fetchone()[0])]
    for order in ("DESC", "ASC"):
        with contextlib.suppress(sqlite3.Error):
            found += [row[0] for row in source.execute(f"SELECT seq FROM poll ORDER BY seq {order} LIMIT 1")]  # noqa: S608
    with contextlib.suppress(sqlite3.Error):
        found += [row[0] for row in source.execute("SELECT max(seq) FROM poll INDEXED BY poll_time")]
    return max(number for number in found if isinstance(number, int))


def _range(source: sqlite3.Connection, sealed: str, low: int, high: int) -> Iterator[tuple[Any, ...]]:
    """The polls of a range of sequence numbers, halved around what cannot be read."""
    try:
        asked = f"SELECT {ROW},{sealed} FROM poll WHERE seq BETWEEN ? AND ? ORDER BY seq"  # noqa: S608 - our own names
        yield from source.execute(asked, (low, high)).fetchall()
    except sqlite3.Error:
        if low < high:
            middle = (low + high) // 2
            yield from _range(source, sealed, low, middle)
            yield from _range(source, sealed, middle + 1, high)


def fault(db: sqlite3.Connection, *, deep: bool) -> str:
    """What is wrong with a file, by SQLite's own check, `deep` of the indexes too; empty where nothing is."""
    try:
        [(answer,)] = db.execute(f"PRAGMA {'integrity' if deep else 'quick'}_check(1)").fetchall()
    except sqlite3.DatabaseError as error:
        return str(error)
    return "" if answer == "ok" else str(answer)
