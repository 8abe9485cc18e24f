"""Polls as they lie in readings.db, and the single one a reading came from: its raw words as the device sent them."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metering.reading import Lane, PollGroup, SeriesKey, StoredPoll
from metering.store.packing import Packing, load_group
from metering.store.readings import FORMAT, ReadingsWriter, readings_path
from metering.store.seals import ROW, seal_column, sound
from metering.store.sqlite import snapshot

_LOOK_BACK = 20_000  # polls among which the newest messages are looked for
_IN_FLIGHT = 20  # messages a broker sends before it waits for acknowledgements, by default


def sound_polls(db: sqlite3.Connection, where: str, values: Sequence[int]) -> Iterator[tuple[Any, ...]]:
    """The whole rows of polls that fit their seals; what a disk has turned is left out."""
    asked = f"SELECT {ROW},{seal_column(db)} FROM poll WHERE {where}"  # noqa: S608 - our own text
    return filter(sound, db.execute(asked, values))


def as_stored(row: Sequence[Any], packings: Mapping[int, Packing]) -> StoredPoll:
    """A row as a poll."""
    seq, time_ms, group, epoch, tick, lane, vals, words, quality, _ = row
    return StoredPoll(seq, group, time_ms, epoch, tick, Lane(lane), packings[group].unpack(vals), words, quality)


def newest_messages(writer: ReadingsWriter) -> dict[int, list[bytes]]:
    """What the newest messages said, oldest first, by group: a broker sends what was not acknowledged once more."""
    found: dict[int, list[bytes]] = {}
    with writer.transaction() as db:
        sql = "SELECT grp, words FROM poll WHERE seq>? AND lane=? ORDER BY seq"
        for group, words in db.execute(sql, (writer.last_seq - _LOOK_BACK, int(Lane.MESSAGE))):
            found.setdefault(group, []).append(words)
    return {group: words[-_IN_FLIGHT:] for group, words in found.items()}


@dataclass(frozen=True, slots=True)
class Origin:
    """A poll with its group; `words` are the answers to the group's blocks, one after the other [bytes]."""

    group: PollGroup
    seq: int
    epoch: int
    tick: int
    lane: Lane
    words: bytes


def origin(store: Path, key: SeriesKey, time_ms: int) -> Origin | None:
    """The poll in which a series was read at an instant [ms UTC]; None where it was not polled."""

    def work(db: sqlite3.Connection) -> Origin | None:
        for number, text in db.execute("SELECT id, definition FROM poll_group ORDER BY id").fetchall():
            group = load_group(text)
            held = [index for index, column in enumerate(group.columns) if column.key == key]
            for row in sound_polls(db, "time_ms=? AND grp=?", (time_ms, number)) if held else ():
                if Packing(group).unpack(row[6])[held[0]] is not None:
                    return Origin(group, row[0], row[3], row[4], Lane(row[5]), row[7])
        return None

    return snapshot(readings_path(store), work, FORMAT)
