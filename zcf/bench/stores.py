"""The stores of `zcf bench store`: ours, and plain SQLite rows in either order, over the same made-up readings.

Each is run in a process of its own; the last line is what one task used, and a digest of what it answered.
"""

import hashlib
import json
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from metering.reading import Block, Column, Lane, Poll, PollGroup
from metering.store.packing import Packing
from metering.store.readings import ReadingsWriter, readings_path
from metering.store.readings_reader import ReadingsReader
from metering.store.results import IntervalRows, ResultsReader, ResultsWriter, results_path
from zcf.bench.contestants import Used
from zcf.bench.made_up import COUNTERS, MONTH_MS, NAMES, QUARTER_MS, Matrix, Plan


class Store(Protocol):
    """One way to keep readings."""

    def path(self, folder: Path) -> Path:
        """The file it keeps them in."""
        ...

    def fill(self, plan: Plan, folder: Path) -> None:
        """Write the month in bulk."""
        ...

    def batches(self, plan: Plan, folder: Path, first: int, count: int) -> "tuple[Callable[[Any], object], list[Any]]":
        """What commits one batch durably, and the batches: a tick of every device each."""
        ...

    def wide(self, plan: Plan, folder: Path, first: int, count: int) -> Matrix:
        """Ticks x series."""
        ...

    def last(self, plan: Plan, folder: Path) -> Matrix:
        """The newest value of each series."""
        ...


class Packed:
    """Ours: readings.db, one packed row a poll with its raw words."""

    def path(self, folder: Path) -> Path:
        """readings.db."""
        return readings_path(folder / "ours")

    def _groups(self, plan: Plan) -> list[PollGroup]:
        return [
            PollGroup(f"d{d:03}", "all", tuple(Column(f"p{d:03}", name) for name in NAMES), (Block(3, 0, 20),),
                      QUARTER_MS, quarter=False, profile="bench", profile_hash="")
            for d in range(plan.devices)
        ]  # fmt: skip

    def fill(self, plan: Plan, folder: Path) -> None:
        """As `zcf demo` writes its history."""
        writer = ReadingsWriter(folder / "ours", "zcf bench store")
        made = self._groups(plan)
        numbers, packing = [writer.group(group) for group in made], Packing(made[0])
        for first in range(0, plan.month, 96):
            count = min(96, plan.month - first)
            writer.append_history(
                (time_ms, numbers[d], packing.pack(values), words)
                for time_ms, row in zip(plan.times(first, count).tolist(), plan.values(first, count), strict=True)
                for d, (values, words) in enumerate(_polls(row))
            )
        writer.close()

    def batches(self, plan: Plan, folder: Path, first: int, count: int) -> tuple[Callable[[Any], object], list[Any]]:
        """A group commit of one poll a device."""
        writer = ReadingsWriter(folder / "ours", "zcf bench store")
        numbers = [writer.group(group) for group in self._groups(plan)]
        ticks = zip(plan.times(first, count).tolist(), plan.values(first, count), strict=True)
        return writer.commit, [
            [Poll(numbers[d], t, 1, n, Lane.CADENCE, values, words) for d, (values, words) in enumerate(_polls(row))]
            for n, (t, row) in enumerate(ticks)
        ]

    def wide(self, plan: Plan, folder: Path, first: int, count: int) -> Matrix:
        """Through ReadingsReader.ranges, as analytics reads."""
        start = MONTH_MS + first * QUARTER_MS
        keys = plan.series_keys()
        found = ReadingsReader(folder / "ours").ranges(keys, start, start + count * QUARTER_MS, bracket=False)
        return np.column_stack([found[key].value for key in keys]).astype(np.float64)

    def last(self, plan: Plan, folder: Path) -> Matrix:
        """Through ReadingsReader.latest, as the live page reads."""
        found = ReadingsReader(folder / "ours").latest()
        return np.array([found[key].value for key in plan.series_keys()], np.float64)


def _polls(row: Matrix) -> Iterator[tuple[tuple[int | float, ...], bytes]]:
    """A tick of every device: values as the decoder gives them, and ten float32 of raw words."""
    words = row.astype(">f4").tobytes()
    for device, start in enumerate(range(0, len(row), len(NAMES))):
        values = row[start : start + len(NAMES)].tolist()
        size = 4 * len(NAMES)
        yield (
            tuple(int(v) if whole else v for v, whole in zip(values, COUNTERS, strict=True)),
            words[device * size : (device + 1) * size],
        )


class Chunks:
    """Ours: results.db, settled quarter-hours in month chunks; it is written when days close, not live."""

    def path(self, folder: Path) -> Path:
        """results.db."""
        return results_path(folder / "ours")

    def fill(self, plan: Plan, folder: Path) -> None:
        """One write that folds everything."""
        starts, values = plan.times(0, plan.month), plan.values(0, plan.month)
        hundredths, nothing = np.rint(values * 100).astype(np.int64), np.zeros(plan.month, np.int64)
        writer = ResultsWriter(folder / "ours", "zcf bench store")
        writer.write(
            {key: IntervalRows(starts, hundredths[:, s], nothing, nothing.astype(np.uint8))
             for s, key in enumerate(plan.series_keys())}, 2**60, {}, {},
        )  # fmt: skip
        writer.close()

    def batches(self, plan: Plan, folder: Path, first: int, count: int) -> tuple[Callable[[Any], object], list[Any]]:
        """None: it is not a live store."""
        raise NotImplementedError

    def wide(self, plan: Plan, folder: Path, first: int, count: int) -> Matrix:
        """Through ResultsReader.intervals, as balances read."""
        start = MONTH_MS + first * QUARTER_MS
        keys = plan.series_keys()
        found = ResultsReader(folder / "ours").intervals(keys, start, start + count * QUARTER_MS)
        return np.column_stack([found[key].energy for key in keys]) / 100.0

    def last(self, plan: Plan, folder: Path) -> Matrix:
        """None: the newest values are the readings'."""
        raise NotImplementedError


class Rows:
    """Plain SQLite, a row a sample, clustered as its key says; WAL and synchronous=FULL as ours."""

    def __init__(self, name: str, order: str, newest: str) -> None:
        self.name, self.order, self.newest = name, order, newest

    def path(self, folder: Path) -> Path:
        """One file."""
        return folder / f"{self.name}.db"

    def _open(self, folder: Path) -> sqlite3.Connection:
        db = sqlite3.connect(self.path(folder), isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        return db

    def fill(self, plan: Plan, folder: Path) -> None:
        """In the order of the key, the best it can have."""
        db = self._open(folder)
        db.execute(f"CREATE TABLE r(series INTEGER, ts INTEGER, value, PRIMARY KEY({self.order})) WITHOUT ROWID")
        values, times = plan.values(0, plan.month), plan.times(0, plan.month).tolist()
        whole = COUNTERS * plan.devices
        by_time = ((s, t, v) for t, row in zip(times, values, strict=True) for s, v in enumerate(_plain(row, whole)))
        by_series = (
            (s, t, int(v) if whole[s] else v) for s in range(plan.series)
            for t, v in zip(times, values[:, s].tolist(), strict=True)
        )  # fmt: skip
        db.execute("BEGIN")
        db.executemany("INSERT INTO r VALUES (?,?,?)", by_time if self.order.startswith("ts") else by_series)
        db.execute("COMMIT")
        db.close()

    def batches(self, plan: Plan, folder: Path, first: int, count: int) -> tuple[Callable[[Any], object], list[Any]]:
        """One transaction of one row a sample."""
        db = self._open(folder)
        whole = COUNTERS * plan.devices

        def commit(rows: Sequence[tuple[int, int, int | float]]) -> None:
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT OR IGNORE INTO r VALUES (?,?,?)", rows)
            db.execute("COMMIT")

        ticks = zip(plan.times(first, count).tolist(), plan.values(first, count), strict=True)
        return commit, [[(s, t, v) for s, v in enumerate(_plain(row, whole))] for t, row in ticks]

    def wide(self, plan: Plan, folder: Path, first: int, count: int) -> Matrix:
        """pandas.read_sql and a pivot, as a notebook does."""
        import pandas as pd

        start = MONTH_MS + first * QUARTER_MS
        sql = f"SELECT series, ts, value FROM r WHERE ts>={start} AND ts<{start + count * QUARTER_MS}"  # noqa: S608 - integers
        db = self._open(folder)
        if self.order.startswith("series"):  # else the key cannot help and the whole table is read
            sql += f" AND series BETWEEN 0 AND {plan.series - 1}"
        frame = pd.read_sql(sql, db)
        db.close()
        return frame.pivot(index="ts", columns="series", values="value").to_numpy(np.float64)  # noqa: PD010 - no sums

    def last(self, plan: Plan, folder: Path) -> Matrix:
        """The quickest statement for this key."""
        db = self._open(folder)
        found = db.execute(self.newest, {"n": plan.series}).fetchall()
        db.close()
        return np.array([value for (value,) in found], np.float64)


def _plain(row: Matrix, whole: Sequence[bool]) -> list[int | float]:
    return [int(v) if counter else v for v, counter in zip(row.tolist(), whole, strict=True)]


NEWEST_BY_SERIES = (
    "WITH RECURSIVE s(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM s WHERE i+1<:n)"
    " SELECT (SELECT value FROM r WHERE series=i ORDER BY ts DESC LIMIT 1) FROM s"
)
NEWEST_BY_TIME = "SELECT value FROM r WHERE ts=(SELECT max(ts) FROM r) AND series<:n ORDER BY series"
STORES: dict[str, Store] = {
    "zcf readings": Packed(),
    "zcf chunks": Chunks(),
    "rows by series": Rows("clustered", "series, ts", NEWEST_BY_SERIES),
    "rows by time": Rows("head", "ts, series", NEWEST_BY_TIME),
}


def _digest(values: Matrix) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


def _write(store: Store, plan: Plan, folder: Path, first: int, count: int) -> dict[str, Any]:
    commit, batches = store.batches(plan, folder, first, count)
    slowest, disk, used = 0.0, _written(), Used()
    for batch in batches:
        begun = time.monotonic()
        commit(batch)
        slowest = max(slowest, time.monotonic() - begun)
    found = used.since(count * plan.series)
    return {**found, "disk_bytes": _written() - disk, "slowest_ms": slowest * 1000}


def _written() -> int:
    """What this process has sent to the disk [bytes]."""
    lines = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(lines["write_bytes"])


def _read(answer: Callable[[], Matrix]) -> dict[str, Any]:
    answer()  # what is imported and mapped on first use is not measured
    used = Used()
    values = answer()
    return {**used.since(values.size), "digest": _digest(values)}


def run(name: str, task: str, spec: dict[str, Any]) -> dict[str, Any]:
    """One task of one store: "fill", "write", "wide" or "last"."""
    store, plan, folder = STORES[name], Plan(spec["devices"], spec["month"]), Path(spec["folder"])
    first, count = spec["first"], spec["count"]
    if task == "fill":
        used = Used()
        store.fill(plan, folder)
        return {**used.since(plan.month * plan.series), "bytes": store.path(folder).stat().st_size}
    if task == "write":
        return _write(store, plan, folder, first, count)
    if task == "wide":
        return _read(lambda: store.wide(plan, folder, first, count))
    return _read(lambda: store.last(plan, folder))


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))))
