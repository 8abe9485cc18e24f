"""The single poll that a reading came from: its raw words as the device sent them."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from metering.reading import Lane, PollGroup, SeriesKey
from metering.store.packing import Packing, load_group
from metering.store.readings import FORMAT, readings_path
from metering.store.sqlite import snapshot

_POLL = "SELECT seq, epoch, tick, lane, vals, words FROM poll WHERE time_ms=? AND grp=?"


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
            row = db.execute(_POLL, (time_ms, number)).fetchone() if held else None
            if row is not None and Packing(group).unpack(row[4])[held[0]] is not None:
                return Origin(group, row[0], row[1], row[2], Lane(row[3]), row[5])
        return None

    return snapshot(readings_path(store), work, FORMAT)
