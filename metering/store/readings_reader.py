"""Reading readings.db from any process, while its writer runs, after it was killed, and after it stopped."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from metering.reading import (
    Columns,
    GapReason,
    Lane,
    PollGap,
    PollGroup,
    Quality,
    Reading,
    SeriesInfo,
    SeriesKey,
    StoredPoll,
    ValueGap,
)
from metering.store import Changes
from metering.store.columns import Row, bracketed, from_rows
from metering.store.packing import Packing, load_group, packing_of, parse_group
from metering.store.polls import as_stored, sound_polls
from metering.store.readings import FORMAT, load_info, readings_path
from metering.store.seals import seal_column, sound_rows, sound_value
from metering.store.sqlite import snapshot

T = TypeVar("T")
_Gaps = tuple[list[PollGap], list[ValueGap]]

# CROSS JOIN keeps the order: last_poll first; left to itself SQLite reads every poll there is
_LAST_POLLS = (
    "SELECT p.grp, p.time_ms, p.vals, p.quality, {} FROM last_poll l CROSS JOIN poll p"
    " ON p.time_ms=l.time_ms AND p.grp=l.grp"
)
_LOOK_BACK = 100_000  # polls searched for a column's nearest value: one that never has any must not cost a year
_VALUES = "grp,time_ms,vals,quality"
_BACK = "time_ms < ? ORDER BY time_ms DESC"
_ON = "time_ms >= ? ORDER BY time_ms"
_GAPS = (
    "SELECT grp,epoch,lane,first_tick,ticks,start_ms,end_ms,reason,code,detail FROM gap"
    " WHERE end_ms>=? AND start_ms<? ORDER BY start_ms"
)


@dataclass(frozen=True, slots=True)
class Epoch:
    """A span in which the collector's schedule was fixed; stop_ms None = still running, or killed."""

    id: int
    start_ms: int
    stop_ms: int | None
    clean: bool


class ReadingsReader:
    """The embedded ReadingSource over polls, and the ledger beside it."""

    def __init__(self, store: Path) -> None:
        self.path = readings_path(store)

    def _ask(self, work: Callable[[sqlite3.Connection], T], nothing: T) -> T:
        found = snapshot(self.path, work, FORMAT)
        return nothing if found is None else found

    def groups(self) -> dict[int, PollGroup]:
        """Every poll group by its number."""
        return self._ask(_groups, {})

    def each_group(self) -> Iterator[tuple[int, PollGroup]]:
        """The same one by one, for who asks once: thousands are never held at once, and none is remembered."""
        sql = "SELECT id, definition FROM poll_group WHERE id>? ORDER BY id LIMIT 200"
        last, nothing = 0, list[tuple[int, str]]()
        while texts := self._ask(lambda db, after=last: db.execute(sql, (after,)).fetchall(), nothing):  # type: ignore[misc]
            yield from ((number, parse_group(text)) for number, text in texts)
            last = texts[-1][0]

    def series(self) -> Sequence[SeriesKey]:
        """Every series of every group, in order of first sight."""
        return list(dict.fromkeys(c.key for g in self.groups().values() for c in g.columns))

    def ranges(
        self, keys: Iterable[SeriesKey], start_ms: int, end_ms: int, *, bracket: bool = True
    ) -> dict[SeriesKey, Columns]:
        """Readings in [start_ms, end_ms); with `bracket` also the nearest one on either side."""
        wanted = frozenset(keys)

        def work(db: sqlite3.Connection) -> dict[SeriesKey, Columns]:
            groups = {n: g for n, g in _groups(db).items() if any(c.key in wanted for c in g.columns)}
            rows = _rows(db, groups, start_ms, end_ms)
            if bracket:
                newest = dict(db.execute("SELECT grp, time_ms FROM last_poll"))
                for number, group in groups.items():
                    last = newest.get(number, 0)
                    # from the group's own last poll on: the index lies by time, and a retired group's is far back
                    rows += _nearest(db, number, group, wanted, _BACK, min(start_ms, last + 1))
                    rows += _nearest(db, number, group, wanted, _ON, end_ms) if last >= end_ms else []
            found = from_rows(groups, rows, wanted)
            return {key: bracketed(columns, start_ms, end_ms) for key, columns in found.items()}

        return self._ask(work, from_rows({}, [], wanted))

    def latest(self, keys: Iterable[SeriesKey] | None = None) -> dict[SeriesKey, Reading]:
        """The newest reading of each series, out of the newest poll of its group."""
        wanted = None if keys is None else frozenset(keys)

        def work(db: sqlite3.Connection) -> dict[SeriesKey, Reading]:
            found: dict[SeriesKey, Reading] = {}
            groups = _groups(db)
            for number, time_ms, vals, quality, sealed in db.execute(_LAST_POLLS.format(seal_column(db))):
                if sound_value(time_ms, number, vals, quality, sealed):
                    _keep_newest(found, groups[number], time_ms, vals, quality)
            return {k: r for k, r in found.items() if wanted is None or k in wanted}

        return self._ask(work, {})

    def changed_since(self, seq: int) -> Changes:
        """Which series were touched by polls after a sequence number."""

        def work(db: sqlite3.Connection) -> Changes:
            groups = _groups(db)
            touched: dict[SeriesKey, tuple[int, int]] = {}
            newest = seq
            sql = "SELECT grp, min(time_ms), max(time_ms), max(seq) FROM poll WHERE seq>? GROUP BY grp"
            for number, low, high, last in db.execute(sql, (seq,)):
                newest = max(newest, last)
                for column in groups[number].columns:
                    before = touched.get(column.key, (low, high))
                    touched[column.key] = (min(low, before[0]), max(high, before[1]))
            return Changes(newest, touched)

        return self._ask(work, Changes(seq))

    def polls_since(self, seq: int, limit: int) -> list[StoredPoll]:
        """The next polls after a sequence number, in order."""

        def work(db: sqlite3.Connection) -> list[StoredPoll]:
            packings = {n: packing_of(text) for n, text in db.execute("SELECT id, definition FROM poll_group")}
            rows = sound_polls(db, "seq>? ORDER BY seq LIMIT ?", (seq, limit))
            return [as_stored(row, packings) for row in rows]

        return self._ask(work, [])

    def last_seq(self) -> int:
        """The newest poll's sequence number; 0 before the first."""
        return self._ask(lambda db: int(db.execute("SELECT coalesce(max(seq), 0) FROM poll").fetchone()[0]), 0)

    def first_ms(self) -> int | None:
        """When the oldest reading was made [ms UTC]."""
        found: int | None = self._ask(lambda db: db.execute("SELECT min(time_ms) FROM poll").fetchone()[0], None)
        return found

    def delivered(self, sink: str) -> list[tuple[int, int]]:
        """The ranges of sequence numbers a sink has acknowledged, of all lanes: (first, last)."""
        sql = "SELECT first_seq, last_seq FROM delivered WHERE sink=? ORDER BY first_seq"
        return self._ask(lambda db: db.execute(sql, (sink,)).fetchall(), [])

    def gaps(self, start_ms: int, end_ms: int) -> _Gaps:
        """Gaps overlapping [start_ms, end_ms): of polls, and of single values."""

        def work(db: sqlite3.Connection) -> _Gaps:
            polls = [
                PollGap(g, e, Lane(lane), first, n, a, b, GapReason(reason), code, detail)
                for g, e, lane, first, n, a, b, reason, code, detail in db.execute(_GAPS, (start_ms, end_ms))
            ]
            sql = "SELECT point,quantity,time_ms,reason,detail FROM value_gap WHERE time_ms>=? AND time_ms<?"
            values = [ValueGap(p, q, t, GapReason(r), d) for p, q, t, r, d in db.execute(sql, (start_ms, end_ms))]
            return polls, values

        nothing: _Gaps = ([], [])
        return self._ask(work, nothing)

    def infos(self) -> dict[SeriesKey, list[SeriesInfo]]:
        """What is known of each register, oldest first."""

        def work(db: sqlite3.Connection) -> dict[SeriesKey, list[SeriesInfo]]:
            found: dict[SeriesKey, list[SeriesInfo]] = {}
            sql = "SELECT point, quantity, valid_from_ms, body FROM series_info ORDER BY valid_from_ms"
            for point, quantity, since, body in db.execute(sql):
                found.setdefault((point, quantity), []).append(load_info(point, quantity, since, body))
            return found

        return self._ask(work, {})

    def epochs(self) -> list[Epoch]:
        """Every span the collector ran or was found killed in."""
        return self._ask(
            lambda db: [
                Epoch(i, a, b, bool(c))
                for i, a, b, c in db.execute("SELECT id,start_ms,stop_ms,clean FROM epoch ORDER BY id")
            ],
            [],
        )

    def ledger(self) -> list[tuple[int, int, Lane, int]]:
        """The next open tick of each lane: (epoch, group, lane, next tick)."""
        sql = "SELECT epoch, grp, lane, next_tick FROM ledger ORDER BY epoch, grp, lane"
        return self._ask(lambda db: [(e, g, Lane(n), tick) for e, g, n, tick in db.execute(sql)], [])

    def last_times(self) -> dict[int, int]:
        """When each group was last read [ms UTC]."""
        return self._ask(lambda db: dict(db.execute("SELECT grp, time_ms FROM last_poll")), {})

    def gap_ticks(self) -> dict[int, int]:
        """How many ticks of each group ended without a reading; messages are not ticks."""
        sql = "SELECT grp, sum(ticks) FROM gap WHERE lane<>? GROUP BY grp"
        return self._ask(lambda db: dict(db.execute(sql, (int(Lane.MESSAGE),))), {})

    def gap_reasons(self) -> dict[str, int]:
        """How many ticks ended without a reading, by reason; messages are not ticks."""
        sql = "SELECT reason, sum(ticks) FROM gap WHERE lane<>? GROUP BY reason ORDER BY sum(ticks) DESC, reason"
        return self._ask(lambda db: dict(db.execute(sql, (int(Lane.MESSAGE),))), {})

    def counts(self) -> dict[tuple[int, Lane], tuple[int, int]]:
        """How many ticks of each (group, lane) ended as (readings, gaps)."""

        def work(db: sqlite3.Connection) -> dict[tuple[int, Lane], tuple[int, int]]:
            reads = {
                (g, Lane(n)): k for g, n, k in db.execute("SELECT grp, lane, count(*) FROM poll GROUP BY grp, lane")
            }
            gaps = {
                (g, Lane(n)): k for g, n, k in db.execute("SELECT grp, lane, sum(ticks) FROM gap GROUP BY grp, lane")
            }
            for group, lane, polls in _thinned(db):  # read once, and removed since by the thinning ladder
                reads[group, Lane(lane)] = reads.get((group, Lane(lane)), 0) + polls
            return {key: (reads.get(key, 0), gaps.get(key, 0)) for key in reads.keys() | gaps.keys()}

        return self._ask(work, {})


def _thinned(db: sqlite3.Connection) -> list[tuple[int, int, int]]:
    """Polls that the thinning ladder removed: (group, lane, how many); files of format 1 know none."""
    if int(db.execute("PRAGMA user_version").fetchone()[0]) < 2:
        return []
    return db.execute("SELECT grp, lane, sum(polls) FROM thinned GROUP BY grp, lane").fetchall()


def _groups(db: sqlite3.Connection) -> dict[int, PollGroup]:
    return {
        number: load_group(text) for number, text in db.execute("SELECT id, definition FROM poll_group ORDER BY id")
    }


def _rows(db: sqlite3.Connection, groups: Iterable[int], start_ms: int, end_ms: int) -> list[Row]:
    numbers = ",".join(str(int(n)) for n in groups)
    sql = f"SELECT {_VALUES},{seal_column(db)} FROM poll WHERE time_ms>=? AND time_ms<? AND grp IN ({numbers})"  # noqa: S608 - our own integers
    return sound_rows(db.execute(sql, (start_ms, end_ms)).fetchall())


def _nearest(
    db: sqlite3.Connection, number: int, group: PollGroup, wanted: frozenset[SeriesKey], where: str, limit_ms: int
) -> list[Row]:
    """The polls that hold the nearest value of each wanted column on one side of an instant."""
    packing = Packing(group)
    missing = {i for i, c in enumerate(group.columns) if c.key in wanted}
    found: list[Row] = []
    sql = f"SELECT {_VALUES},{seal_column(db)} FROM poll WHERE grp=? AND {where} LIMIT ?"  # noqa: S608 - our own text
    for row in db.execute(sql, (number, limit_ms, _LOOK_BACK)):
        if not sound_value(row[1], row[0], *row[2:]):
            continue
        values = packing.unpack(row[2])
        held = {i for i in missing if values[i] is not None}
        if held:
            found.append(row)
            missing -= held
        if not missing:
            break
    return found


def _keep_newest(
    found: dict[SeriesKey, Reading], group: PollGroup, time_ms: int, vals: bytes, quality: bytes | None
) -> None:
    for index, (column, value) in enumerate(zip(group.columns, Packing(group).unpack(vals), strict=True)):
        before = found.get(column.key)
        if value is not None and (before is None or before.time_ms < time_ms):
            grade = Quality(quality[index]) if quality else Quality.GOOD
            found[column.key] = Reading(column.point, column.quantity, time_ms, value, grade)
