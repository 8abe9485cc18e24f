"""What a sink should hold of a span of time: the polls it has acknowledged, but for the lines set aside."""

import re
import sqlite3
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path

from metering.reading import StoredPoll
from metering.store.packing import Packing, load_group
from metering.store.polls import as_stored, sound_polls
from metering.store.readings import FORMAT, readings_path
from metering.store.sqlite import snapshot

PAGE = 500  # polls read at once
_POLLS = "time_ms>=? AND time_ms<? AND (time_ms,grp)>(?,?) ORDER BY time_ms,grp LIMIT ?"
_POINT = re.compile(r",point=((?:\\.|[^,= \\])+)")


class Delivered:
    """Acknowledged ranges of sequence numbers."""

    def __init__(self, ranges: Sequence[tuple[int, int]]) -> None:
        self._ranges = sorted(ranges)
        self._starts = [first for first, _ in self._ranges]

    def __contains__(self, seq: int) -> bool:
        at = bisect_right(self._starts, seq) - 1
        return at >= 0 and seq <= self._ranges[at][1]


class Outbox:
    """The reading side of delivery to one sink."""

    def __init__(self, store: Path, sink: str) -> None:
        self._path, self._sink = readings_path(store), sink

    def delivered(self) -> Delivered:
        """What the sink has acknowledged."""
        sql = "SELECT first_seq, last_seq FROM delivered WHERE sink=?"
        return Delivered(snapshot(self._path, lambda db: db.execute(sql, (self._sink,)).fetchall(), FORMAT) or [])

    def set_aside(self) -> frozenset[tuple[int, str]]:
        """The lines the sink will never take: (seq, metering point as it stands in the line)."""
        sql = "SELECT seq, line FROM quarantine WHERE sink=?"
        rows = snapshot(self._path, lambda db: db.execute(sql, (self._sink,)).fetchall(), FORMAT) or []
        return frozenset((seq, found[1]) for seq, line in rows if (found := _POINT.search(line)))

    def mark(self, start_ms: int, end_ms: int) -> tuple[int, int]:
        """What changes whenever a poll of a span does: how many there are, and the newest sequence number."""
        sql = "SELECT count(*), coalesce(max(seq), 0) FROM poll WHERE time_ms>=? AND time_ms<?"
        found = snapshot(self._path, lambda db: db.execute(sql, (start_ms, end_ms)).fetchone(), FORMAT)
        return (0, 0) if found is None else (int(found[0]), int(found[1]))

    def polls(self, start_ms: int, end_ms: int) -> Iterator[StoredPoll]:
        """The polls of a span by time, a page at a time, so that no reading transaction lasts."""
        after = (start_ms, -1)
        while page := self._page(start_ms, end_ms, after):
            yield from page
            after = (page[-1].time_ms, page[-1].group)

    def _page(self, start_ms: int, end_ms: int, after: tuple[int, int]) -> list[StoredPoll]:
        def work(db: sqlite3.Connection) -> list[StoredPoll]:
            groups = dict(db.execute("SELECT id, definition FROM poll_group"))
            packings = {number: Packing(load_group(text)) for number, text in groups.items()}
            return [as_stored(row, packings) for row in sound_polls(db, _POLLS, (start_ms, end_ms, *after, PAGE))]

        return snapshot(self._path, work, FORMAT) or []
