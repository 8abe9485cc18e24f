"""Where a register leaves so much doubt that power readings weigh, and which registers new power readings bear on."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from analytics.corrections import Span
from analytics.limits import LOOK_AHEAD, Limits
from metering.period import QUARTER_MS
from metering.reading import Columns, Quality, SeriesInfo, SeriesKey

Int = NDArray[np.int64]
Touched = Mapping[SeriesKey, Span]
POWER = "active_power"
NEAR_MS = 6 * 3_600_000  # places no further apart than this are read in one


def united(spans: Iterable[tuple[SeriesKey, Span]]) -> dict[SeriesKey, Span]:
    """Of each series one span that holds all of its spans."""
    found: dict[SeriesKey, Span] = {}
    for key, (low, high) in spans:
        before = found.get(key, (low, high))
        found[key] = (min(low, before[0]), max(high, before[1]))
    return found


def weighed_too(touched: Touched, newest: Mapping[SeriesKey, int], heard: Mapping[str, int]) -> dict[SeriesKey, Span]:
    """The counters that power readings bear on, beside what is touched already.

    `newest` is each series' newest reading, `heard` each point's newest power reading of before [ms UTC]. Power that
    follows in order what was heard after the newest reading of a register says nothing of the register yet.
    """
    found = [
        (key, (low - QUARTER_MS, high + QUARTER_MS))
        for (point, name), (low, high) in touched.items()
        for key in [(point, f"active_energy_{way}") for way in ("import", "export")]
        if name == POWER and not newest.get(key, low) <= heard.get(point, low) < low
    ]
    return united([*touched.items(), *found])


def doubtful_spans(readings: Columns, infos: Sequence[SeriesInfo]) -> list[Span]:
    """Spans around falls, rises above the rating, and where power readings could refute a rise or a rest [ms UTC]."""
    keep = readings.quality != Quality.INVALID
    times, values = readings.time_ms[keep].astype(np.int64), readings.value[keep].astype(np.int64)
    if len(times) < 2:
        return []
    limits, rise = Limits(infos), np.diff(values)
    most = limits.most_by_rating(times) * 0.999
    refutable = (rise > limits.least_excess(times, values)) | (rise + limits.moduli(times[1:]) * 0.999 < most)
    doubt = (rise < 0) | (rise > most) | (limits.long(times) & refutable) | limits.may_have_stuck(times, values)
    at = np.flatnonzero(doubt)
    low = times[np.maximum(at - LOOK_AHEAD - 1, 0)] - 2 * QUARTER_MS
    high = times[np.minimum(at + LOOK_AHEAD + 2, len(times) - 1)] + 2 * QUARTER_MS
    return joined(low, high)


def joined(low: Int, high: Int) -> list[Span]:
    """Spans in order of their starts, those near each other as one."""
    if not len(low):
        return []
    ends = np.maximum.accumulate(high)
    first = np.flatnonzero(np.append(True, low[1:] > ends[:-1] + NEAR_MS))
    return list(zip(low[first].tolist(), ends[np.append(first[1:], len(low)) - 1].tolist(), strict=True))
