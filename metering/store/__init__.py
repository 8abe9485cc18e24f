"""Where readings are kept: the protocols, the errors and the columns every backend answers with."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from metering.reading import Columns, PollGap, Reading, SeriesInfo, SeriesKey, ValueGap


class StoreError(Exception):
    """The store cannot be read or written now; the caller retries with back-off."""


class StoreLockedError(StoreError):
    """Another process writes this file; the message names it."""


class StoreFullError(StoreError):
    """The disk is full: nothing was written, and nothing is wrong with what is there."""


class StoreBrokenError(StoreError):
    """The disk failed or the file is damaged: the connection must not be believed any more."""


class DamagedError(StoreBrokenError):
    """What lies in the file is no database, or not a whole one."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What came after a sequence number: the newest one, and the span of time each series was touched in [ms UTC]."""

    seq: int
    touched: Mapping[SeriesKey, tuple[int, int]] = field(default_factory=dict)


class ReadingSource(Protocol):
    """Readings by series and range; SQLite and InfluxDB answer alike."""

    def series(self) -> Sequence[SeriesKey]:
        """Every series that has ever had a reading."""
        ...

    def ranges(
        self, keys: Iterable[SeriesKey], start_ms: int, end_ms: int, *, bracket: bool = True
    ) -> dict[SeriesKey, Columns]:
        """Readings in [start_ms, end_ms); with `bracket` also the nearest one on either side."""
        ...

    def latest(self, keys: Iterable[SeriesKey] | None = None) -> dict[SeriesKey, Reading]:
        """The newest reading of each series."""
        ...

    def changed_since(self, seq: int) -> Changes:
        """Which series were touched after a sequence number."""
        ...


class Ledger(Protocol):
    """What only the embedded store knows: gaps and what is known of each register."""

    def gaps(self, start_ms: int, end_ms: int) -> tuple[list[PollGap], list[ValueGap]]:
        """Gaps overlapping [start_ms, end_ms)."""
        ...

    def infos(self) -> dict[SeriesKey, list[SeriesInfo]]:
        """What is known of each register, oldest first."""
        ...
