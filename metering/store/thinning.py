"""The thinning ladder at work: an old quarter-hour at a time, each removal counted by day, group, lane and step."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from metering.failpoint import failpoint
from metering.period import QUARTER_MS
from metering.quantity import Kind, quantity
from metering.reading import Lane
from metering.store import readings_schema as sql
from metering.store.ladder import Rung, Step, removable
from metering.store.packing import Packing, load_group
from metering.store.readings import ReadingsWriter
from metering.store.seals import seal_column, sound_value

DAY_MS: Final = 86_400_000
HOUR_MS: Final = 3_600_000
WHOLE_MS: Final = (2 * DAY_MS, HOUR_MS)  # so new stays whole; where that is not enough, so new
_ROWS = (
    "SELECT grp, time_ms, seq, lane, quality IS NOT NULL, vals, quality, {} FROM poll WHERE time_ms>=? AND time_ms<?"
    " ORDER BY grp, time_ms"
)
_GAPS = "SELECT grp, start_ms, end_ms FROM gap WHERE end_ms>=? AND start_ms<?"
_COUNT = (
    "INSERT INTO thinned VALUES (?,?,?,?,?,?) ON CONFLICT DO UPDATE SET"
    " polls=polls+excluded.polls, at_ms=excluded.at_ms"
)


@dataclass(frozen=True, slots=True)
class _Shape:
    """What the ladder must know of a group."""

    packing: Packing
    counters: tuple[int, ...]  # columns
    cadence_ms: int


def thin(writer: ReadingsWriter, now_ms: int) -> int | None:
    """Take the next quarter-hour a step down; how many polls went, None where the ladder has no step left.

    Steps go in order: the next one begins when the one before has reached what must stay whole.
    """
    for whole_ms in WHOLE_MS:
        for step in (Step.MINUTES, Step.QUARTERS, Step.GAUGES):
            start_ms = _next(writer, step, now_ms - whole_ms)
            if start_ms is not None:
                return _quarter(writer, start_ms, step, now_ms)
    start_ms = _next(writer, Step.COUNTERS, now_ms - HOUR_MS)
    return None if start_ms is None else _quarter(writer, start_ms, Step.COUNTERS, now_ms)


def _next(writer: ReadingsWriter, step: Step, before_ms: int) -> int | None:
    """The oldest quarter-hour with readings in it that has not taken this step."""
    done_ms = writer.state(f"ladder-{int(step)}")
    oldest = writer.first_ms(done_ms)
    if oldest is None:
        return None
    start_ms = max(done_ms, oldest - oldest % QUARTER_MS)
    return start_ms if start_ms + QUARTER_MS <= before_ms else None


def _quarter(writer: ReadingsWriter, start_ms: int, step: Step, now_ms: int) -> int:
    removed = 0
    with writer.transaction() as db:
        shapes = {n: _shape(text) for n, text in db.execute("SELECT id, definition FROM poll_group")}
        newest = dict(db.execute("SELECT grp, time_ms FROM last_poll"))
        found = db.execute(_ROWS.format(seal_column(db)), (start_ms, start_ms + QUARTER_MS))
        rows = [row[:6] for row in found if sound_value(row[1], row[0], *row[5:])]  # by a turned one nothing is judged
        gaps: dict[int, list[tuple[int, int]]] = {}
        for group, low, high in db.execute(_GAPS, (start_ms, start_ms + QUARTER_MS)):
            gaps.setdefault(group, []).append((low, high))
        for group, held in groupby(rows, key=lambda row: row[0]):
            polls = [row for row in held if row[1] != newest.get(group)]
            gone = _gone(shapes[group], polls, gaps.get(group, []), step) if polls else set()
            removed += _remove(db, [row for row in polls if row[2] in gone], step, now_ms)
        db.execute(sql.SET_STATE, (f"ladder-{int(step)}", start_ms + QUARTER_MS))
        failpoint("thin-written")
    failpoint("thin-done")
    return removed


def _gone(shape: _Shape, rows: list[Any], gaps: list[tuple[int, int]], step: Step) -> set[int]:
    gone = set(removable(list(_rungs(shape, rows)), gaps, step, shape.cadence_ms))
    if step < Step.GAUGES:
        gone -= {row[2] for row in rows if row[3] == Lane.QUARTER}  # the extra reads after a quarter-hour
    return gone


def _remove(db: sqlite3.Connection, rows: list[Any], step: Step, now_ms: int) -> int:
    counts = Counter((time_ms - time_ms % DAY_MS, group, lane) for group, time_ms, _, lane, *_ in rows)
    db.executemany("DELETE FROM poll WHERE seq=?", [(row[2],) for row in rows])
    db.executemany(_COUNT, [(*key, int(step), polls, now_ms) for key, polls in counts.items()])
    return len(rows)


def _rungs(shape: _Shape, rows: list[Any]) -> Iterator[Rung]:
    for _, time_ms, seq, lane, flagged, vals in rows:
        values = shape.packing.unpack(vals)
        counters = tuple(int(v) if (v := values[i]) is not None else None for i in shape.counters)
        yield Rung(seq, time_ms, bool(flagged) or None in values, counters, lane == Lane.MESSAGE)


def _shape(text: str) -> _Shape:
    group = load_group(text)
    counters = tuple(i for i, c in enumerate(group.columns) if quantity(c.quantity).kind is not Kind.GAUGE)
    return _Shape(Packing(group), counters, group.cadence_ms)
