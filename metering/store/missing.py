"""What damage has cost: ticks that the ledger accounts for and that no reading and no gap stands for any more."""

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import groupby

from metering.period import QUARTER_MS
from metering.reading import GapReason, Lane
from metering.store.packing import load_group
from metering.store.readings_schema import ADD_GAP

_QUARTER_SPAN_MS = 2_000
_LEDGER = "SELECT l.epoch, l.grp, l.lane, l.next_tick, e.start_ms FROM ledger l JOIN epoch e ON e.id=l.epoch"

Run = tuple[int, int]  # (first, how many)
Hole = tuple[int, int, int, int, Run]  # epoch, group, lane, start of the epoch [ms UTC], ticks


def missing(target: sqlite3.Connection) -> Iterator[Hole]:
    """Ticks the ledger accounts for and nothing stands for: (epoch, group, lane, start of the epoch, run)."""
    thinned = "SELECT coalesce(max(value), 0) FROM state WHERE key LIKE 'ladder-%'"
    thinned_ms = int(target.execute(thinned).fetchone()[0])
    cadences = {n: load_group(text).cadence_ms for n, text in target.execute("SELECT id, definition FROM poll_group")}
    for (epoch, group, lane), stood in _accounted(target):
        row = target.execute(f"{_LEDGER} WHERE l.epoch=? AND l.grp=? AND l.lane=?", (epoch, group, lane)).fetchone()
        first = 0 if lane == Lane.CADENCE else row[4] // QUARTER_MS + 1
        if thinned_ms > row[4]:  # thinned ticks are missing for another reason
            first = max(first, -((row[4] - thinned_ms) // cadences[group]) if lane == Lane.CADENCE
                        else -(-thinned_ms // QUARTER_MS))  # fmt: skip
        for run in _holes(stood, first, row[3]):
            yield epoch, group, lane, row[4], run


def _accounted(target: sqlite3.Connection) -> Iterator[tuple[tuple[int, int, int], Iterable[Run]]]:
    """By (epoch, group, lane) of the polled lanes, one after the other: runs of ticks that have a reading or a gap."""
    lanes = (int(Lane.CADENCE), int(Lane.QUARTER))
    known = {(e, g, n) for e, g, n, _, _ in target.execute(_LEDGER) if n in lanes}
    both = (
        "SELECT epoch, grp, lane, tick, 1 FROM poll WHERE lane IN (0,1) UNION ALL"
        " SELECT epoch, grp, lane, first_tick, ticks FROM gap WHERE lane IN (0,1) ORDER BY 1,2,3,4"
    )
    for key, rows in groupby(target.execute(both), key=lambda row: row[:3]):
        if key in known:
            known.remove(key)
            yield key, ((row[3], row[4]) for row in rows)
    yield from ((key, ()) for key in known)


def _holes(stood: Iterable[Run], first: int, end: int) -> Iterator[Run]:
    at = first
    for start, ticks in stood:
        if start > at:
            yield at, min(start, end) - at
        at = max(at, start + ticks)
    if end > at:
        yield at, end - at


def note_lost(target: sqlite3.Connection, hole: Hole) -> int:
    """Ticks that are gone become a gap `corrupt`; how many."""
    epoch, group, lane, start_ms, (first, ticks) = hole
    (text,) = target.execute("SELECT definition FROM poll_group WHERE id=?", (group,)).fetchone()
    cadence_ms = load_group(text).cadence_ms
    low, high = start_ms + first * cadence_ms, start_ms + (first + ticks) * cadence_ms
    if lane == Lane.QUARTER:
        low, high = first * QUARTER_MS, (first + ticks - 1) * QUARTER_MS + _QUARTER_SPAN_MS
    detail = "was in a damaged part of the store"
    target.execute(ADD_GAP, (group, epoch, lane, first, ticks, low, high, GapReason.CORRUPT.value, None, detail))
    return ticks
