"""Messages without a time of their own that were held up and came together: their energy flowed while they were held.

Three messages or more in half a cadence behind a silence are what a network or a broker kept back. Only the last of
them tells when something was so: the others tell how the register went, not when. What is polled was so when it came.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from analytics.segments import Segment
from metering.reading import SILENCE_MS, TOGETHER, SeriesInfo

Int = NDArray[np.int64]
Mask = NDArray[np.bool_]

MESSAGE = "decimal"  # the data type of what a message prints; a register's is another


def cadences(times: Int, infos: Sequence[SeriesInfo]) -> Int:
    """How often a register is read, at each instant; before the first note, as the first says [ms]."""
    ordered = sorted(infos, key=lambda info: info.valid_from_ms)
    return np.array([info.cadence_ms for info in ordered], np.int64)[_index(times, ordered)]


def _index(times: Int, ordered: Sequence[SeriesInfo]) -> Int:
    index = np.searchsorted([info.valid_from_ms for info in ordered], times, side="right") - 1
    return np.asarray(np.maximum(index, 0), np.int64)


def pushed(times: Int, infos: Sequence[SeriesInfo]) -> Mask:
    """Does the device send it, at each instant, so that it may have been held up."""
    ordered = sorted(infos, key=lambda info: info.valid_from_ms)
    return np.array([is_pushed(info) for info in ordered], bool)[_index(times, ordered)]


def is_pushed(info: SeriesInfo) -> bool:
    """A message; what people import has times of its own."""
    return info.data_type == MESSAGE and info.origin != "import"


def held_up(times: Int, infos: Sequence[SeriesInfo]) -> Mask:
    """Readings that came together behind a silence, but for the last of them."""
    found = np.zeros(len(times), bool)
    if len(times) <= TOGETHER or not any(is_pushed(info) for info in infos):
        return found
    often = cadences(times, infos)
    first = np.flatnonzero(np.diff(times) > np.maximum(2 * often[:-1], SILENCE_MS)) + 1
    last = np.searchsorted(times, times[first] + often[first] // 2) - 1
    together = (last - first + 1 >= TOGETHER) & pushed(times[first], infos)
    for low, high in zip(first[together].tolist(), last[together].tolist(), strict=True):
        found[low:high] = True
    return found


def in_time(segment: Segment, infos: Sequence[SeriesInfo]) -> Segment:
    """A segment by the readings that tell when its energy flowed: the same energy, the same first and last."""
    away = held_up(segment.time_ms, infos)
    away[:1] = False
    return Segment(segment.time_ms[~away], segment.value[~away]) if away.any() else segment
