"""The embedded store as one ReadingSource: the collector's polls and people's imports joined."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from metering.reading import Columns, PollGap, Reading, SeriesInfo, SeriesKey, ValueGap
from metering.store import Changes
from metering.store.columns import bracketed, merge
from metering.store.entries import EntriesReader
from metering.store.readings_reader import ReadingsReader


class StoreSource:
    """A store directory read as a whole; a poll at the same instant as an import comes first."""

    def __init__(self, store: Path) -> None:
        self.store = store
        self.readings = ReadingsReader(store)
        self.entries = EntriesReader(store)

    def series(self) -> Sequence[SeriesKey]:
        """Every series, polled or imported."""
        return list(dict.fromkeys([*self.readings.series(), *self.entries.series()]))

    def ranges(
        self, keys: Iterable[SeriesKey], start_ms: int, end_ms: int, *, bracket: bool = True
    ) -> dict[SeriesKey, Columns]:
        """Readings in [start_ms, end_ms); with `bracket` also the nearest one on either side."""
        wanted = list(keys)
        polled = self.readings.ranges(wanted, start_ms, end_ms, bracket=bracket)
        brought = frozenset(self.entries.series()).intersection(wanted)
        imported = self.entries.ranges(brought, start_ms, end_ms, bracket=bracket) if brought else {}
        both = {key: merge(key, [polled[key], imported[key]]) for key in imported}
        return {key: bracketed(both[key], start_ms, end_ms) if key in both else polled[key] for key in wanted}

    def latest(self, keys: Iterable[SeriesKey] | None = None) -> dict[SeriesKey, Reading]:
        """The newest reading of each series."""
        wanted = None if keys is None else list(keys)
        found = self.entries.latest(wanted)
        for key, reading in self.readings.latest(wanted).items():
            if key not in found or found[key].time_ms <= reading.time_ms:
                found[key] = reading
        return found

    def changed_since(self, seq: int) -> Changes:
        """Which series were touched by polls after a sequence number; imports have their own, entries.changed_since."""
        return self.readings.changed_since(seq)

    def gaps(self, start_ms: int, end_ms: int) -> tuple[list[PollGap], list[ValueGap]]:
        """Gaps overlapping [start_ms, end_ms)."""
        return self.readings.gaps(start_ms, end_ms)

    def infos(self) -> dict[SeriesKey, list[SeriesInfo]]:
        """What is known of each register, oldest first."""
        found = self.entries.infos()
        for key, infos in self.readings.infos().items():
            found[key] = sorted([*found.get(key, []), *infos], key=lambda info: info.valid_from_ms)
        return found
