"""What a series holds in a window, in three numbers that two stores can compare exactly: count, least, most."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from metering.reading import SeriesKey


@dataclass(frozen=True, slots=True)
class Summary:
    """Readings of one series in one window."""

    count: int
    least: int | float
    most: int | float

    def __add__(self, other: "Summary") -> "Summary":
        return Summary(self.count + other.count, min(self.least, other.least), max(self.most, other.most))


Summaries: TypeAlias = dict[int, dict[SeriesKey, Summary]]  # start of the window [ms UTC] -> series


def joined(parts: Iterable[tuple[int, SeriesKey, Summary]]) -> Summaries:
    """Parts of windows, put together."""
    found: Summaries = {}
    for start_ms, key, part in parts:
        window = found.setdefault(start_ms, {})
        window[key] = window[key] + part if key in window else part
    return found
