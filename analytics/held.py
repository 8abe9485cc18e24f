"""Readings held in memory in place of a store: all that the chain asked for, so that it can be asked again anywhere."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from metering.quantity import Kind, quantity
from metering.reading import Columns, SeriesInfo, SeriesKey
from metering.store import Changes
from metering.store.columns import bracketed, empty, merge
from metering.store.entries import EntriesReader, Entry
from metering.store.readings_reader import ReadingsReader
from metering.store.results import IntervalRows, ResultsReader
from metering.store.source import StoreSource

POWER = "active_power"
NOWHERE = Path("/nonexistent")
MORE_MS = 24 * 3_600_000  # a stretch of readings asked for is read with so much on either side [ms]
ALWAYS = (-(2**53), 2**53)  # every series counts as touched at all times [ms UTC]: nothing is taken as settled


class NoResults(ResultsReader):
    """Results of a store in which nothing was ever settled: all is computed from readings."""

    def __init__(self) -> None:
        super().__init__(NOWHERE)

    def intervals(self, keys: Iterable[SeriesKey], start_ms: int, end_ms: int) -> dict[SeriesKey, IntervalRows]:  # noqa: ARG002 - the protocol's words
        """None."""
        return {}

    def open_items(self) -> list[tuple[SeriesKey, dict[str, Any]]]:
        """None."""
        return []

    def mark(self, name: str) -> Any:  # noqa: ARG002
        """None."""
        return None


class _AllTouched(ReadingsReader):
    """Polls of which every series is new."""

    def __init__(self, keys: Sequence[SeriesKey]) -> None:
        super().__init__(NOWHERE)
        self._keys = keys

    def changed_since(self, seq: int) -> Changes:
        """Every series, at all times."""
        return Changes(seq, dict.fromkeys(self._keys, ALWAYS))


class _HeldEntries(EntriesReader):
    """Entries in memory; imported readings lie with all others."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        super().__init__(NOWHERE)
        self._entries = list(entries)

    def entries(self, kind: str | None = None) -> list[Entry]:
        """Every entry of a kind, oldest first."""
        return [entry for entry in self._entries if kind in {None, entry.kind}]

    def changed_since(self, seq: int) -> Changes:
        """Nothing beside the readings."""
        return Changes(seq)


class HeldSource(StoreSource):
    """A StoreSource whose counters and amounts, register notes and entries lie in memory."""

    def __init__(
        self,
        columns: Mapping[SeriesKey, Columns],
        infos: Mapping[SeriesKey, Sequence[SeriesInfo]],
        entries: Sequence[Entry],
    ) -> None:
        super().__init__(NOWHERE)
        self.columns = dict(columns)
        self.notes = {key: list(found) for key, found in infos.items()}
        self.readings = _AllTouched(list(self.columns))
        self.entries = _HeldEntries(entries)

    def series(self) -> Sequence[SeriesKey]:
        """Every series held."""
        return list(self.columns)

    def infos(self) -> dict[SeriesKey, list[SeriesInfo]]:
        """What is known of each register, oldest first."""
        return self.notes

    def ranges(
        self, keys: Iterable[SeriesKey], start_ms: int, end_ms: int, *, bracket: bool = True
    ) -> dict[SeriesKey, Columns]:
        """Readings in [start_ms, end_ms); with `bracket` also the nearest one on either side."""
        return {key: _cut(self.columns.get(key, empty(key)), start_ms, end_ms, bracket=bracket) for key in keys}


class Recorder(HeldSource):
    """A store read through: what was asked of it is kept, and answers the same questions again without it."""

    def __init__(self, store: StoreSource) -> None:
        keys = sorted(key for key in store.series() if quantity(key[1]).kind is not Kind.GAUGE or key[1] == POWER)
        infos = {key: found for key, found in store.infos().items() if key in frozenset(keys)}
        super().__init__({key: empty(key) for key in keys}, infos, store.entries.entries())
        self._store = store
        self._read: dict[SeriesKey, tuple[int, int]] = {}  # what lies in memory without a hole [ms UTC]

    def ranges(
        self, keys: Iterable[SeriesKey], start_ms: int, end_ms: int, *, bracket: bool = True
    ) -> dict[SeriesKey, Columns]:
        """Readings of the store; kept. The settling asks again and again for a little more: so more is read."""
        wanted = list(keys)
        power = [key for key in wanted if key[1] == POWER]  # evidence: asked for in places only, and kept there only
        for key, places in (self._store.ranges(power, start_ms, end_ms) if power else {}).items():
            self.columns[key] = merge(key, [self.columns.get(key, empty(key)), places])
        new = [key for key in wanted if key[1] != POWER and not self._holds(key, start_ms, end_ms)]
        near = [self._read.get(key, (start_ms, end_ms)) for key in new]
        span = (min([start_ms, *(a for a, _ in near)]) - MORE_MS, max([end_ms, *(b for _, b in near)]) + MORE_MS)
        if new:
            for key, columns in self._store.ranges(new, *span).items():
                self.columns[key] = merge(key, [self.columns.get(key, empty(key)), columns])
                self._read[key] = span
        return super().ranges(wanted, start_ms, end_ms, bracket=bracket)

    def _holds(self, key: SeriesKey, start_ms: int, end_ms: int) -> bool:
        low, high = self._read.get(key, (0, 0))
        return low <= start_ms and end_ms <= high


def _cut(columns: Columns, start_ms: int, end_ms: int, *, bracket: bool) -> Columns:
    near = bracketed(columns, start_ms, end_ms)
    if bracket:
        return near
    inside = (near.time_ms >= start_ms) & (near.time_ms < end_ms)
    ends = None if near.end_ms is None else near.end_ms[inside]
    return Columns(near.time_ms[inside], near.value[inside], near.quality[inside], ends)
