"""A store with one meter of two registers, fed, corrected and settled in steps, and settled again from scratch."""

import tempfile
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from analytics.intervals import Intervals
from analytics.settlement import Books, bring_up_to_date
from metering.reading import Block, Column, Lane, Poll, PollGroup, SeriesInfo, SeriesKey
from metering.store.entries import EntriesReader, EntriesWriter, Entry
from metering.store.readings import ReadingsWriter
from metering.store.results import IntervalRows, ResultsReader, ResultsWriter
from metering.store.source import StoreSource

POINT = "main"
IMPORT, EXPORT = (POINT, "active_energy_import"), (POINT, "active_energy_export")
KEYS = (IMPORT, EXPORT)
MINUTE, DAY = 60_000, 86_400_000
START = 1_760_000_400_000  # a UTC quarter
MODULUS = Fraction(42_949_672)
GROUP = PollGroup("m", "energy", (Column(*IMPORT), Column(*EXPORT)), (Block(3, 0, 4),), MINUTE, True, "p", "h")

Row = tuple[int, int, int, int]


def info(key: SeriesKey, rated: float | None = 1000.0, data_type: str = "uint32") -> SeriesInfo:
    return SeriesInfo(
        *key, 0, "m", "p", "h", "", data_type, Fraction(1, 100), MODULUS, Fraction(1), rated, MINUTE, "0.5S"
    )


class MeterBench:
    """Feeds readings (time, import, export) [ms UTC, micro] and entries, and settles what is new."""

    def __init__(self, store: Path, rated: float | None = 1000.0, data_type: str = "uint32") -> None:
        self.store, self.count = store, 0
        self.readings, self.results = ReadingsWriter(store, "test"), ResultsWriter(store, "test")
        self.source, self.reader = StoreSource(store), ResultsReader(store)
        self.group = self.readings.group(GROUP)
        self.readings.declare([info(key, rated, data_type) for key in KEYS])

    def feed(self, rows: Sequence[tuple[int, int | None, int | None]]) -> None:
        self.readings.commit([Poll(self.group, t, 1, 0, Lane.CADENCE, (a, b), b"") for t, a, b in rows])

    def enter(self, kind: str, body: Mapping[str, Any]) -> str:
        self.count += 1
        writer = EntriesWriter(self.store, "test")
        try:
            writer.append(Entry(f"e{self.count}", kind, "a tester", "a test", START, body))
        finally:
            writer.close()
        return f"e{self.count}"

    def settle(self, now_ms: int = START + 400 * DAY) -> int:
        return bring_up_to_date(self.source, self.reader, self.results, now_ms)

    def stored(self, key: SeriesKey = IMPORT) -> list[Row]:
        return _rows(self.reader.intervals([key], 0, 2**62).get(key))

    def books(self, key: SeriesKey = IMPORT, span: tuple[int, int] = (START - DAY, START + 60 * DAY)) -> list[Row]:
        return _rows(Books(self.source, self.reader).intervals([key], *span)[key])

    def items(self) -> list[tuple[SeriesKey, dict[str, Any]]]:
        return self.reader.open_items()

    def state(self) -> tuple[object, ...]:
        """Everything settled: intervals with flags, open items, tails."""
        tails = {k: v for k, v in (self.reader.mark("settled") or {"tails": {}})["tails"].items() if v}
        return [self.stored(key) for key in KEYS], sorted(map(str, self.items())), tails

    def scratch(self) -> tuple[object, ...]:
        """The same, of a store that was never settled before."""
        with tempfile.TemporaryDirectory() as folder:
            results, reader = ResultsWriter(Path(folder), "test"), ResultsReader(Path(folder))
            bring_up_to_date(self.source, reader, results, START + 400 * DAY)
            results.close()
            fresh = object.__new__(MeterBench)
            fresh.reader = reader
            return fresh.state()

    def entries(self) -> list[Entry]:
        return EntriesReader(self.store).entries()

    def close(self) -> None:
        self.readings.close()
        self.results.close()


def _rows(found: IntervalRows | Intervals | None) -> list[Row]:
    if found is None:
        return []
    columns = (found.start_ms, found.energy, found.placed, found.flags)
    return list(zip(*(c.tolist() for c in columns), strict=True))


def energy(rows: Sequence[Row]) -> int:
    return sum(row[1] for row in rows)
