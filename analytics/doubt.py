"""Where a register leaves so much doubt that the power readings of its point are worth reading."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from analytics.limits import HEADROOM, LOOK_AHEAD, Limits
from metering.period import QUARTER_MS
from metering.reading import MICRO, Columns, Quality, SeriesInfo

Int = NDArray[np.int64]
NEAR_MS = 6 * 3_600_000  # places no further apart than this are read in one


def doubtful_spans(readings: Columns, infos: Sequence[SeriesInfo]) -> list[tuple[int, int]]:
    """Spans around falls, rises above the rating, long gaps and registers that stood a quarter-hour [ms UTC]."""
    keep = readings.quality != Quality.INVALID
    times, values = readings.time_ms[keep].astype(np.int64), readings.value[keep].astype(np.int64)
    if len(times) < 2:
        return []
    limits, rise = Limits(infos), np.diff(values)
    most = limits.ratings(times[1:]) * float(HEADROOM) * (np.diff(times) / 3_600_000) * MICRO * 0.999
    doubt = (rise < 0) | (rise > most) | limits.long(times) | (np.isfinite(most) & _stood(times, rise))
    at = np.flatnonzero(doubt)
    low = times[np.maximum(at - LOOK_AHEAD - 1, 0)] - 2 * QUARTER_MS
    high = times[np.minimum(at + LOOK_AHEAD + 2, len(times) - 1)] + 2 * QUARTER_MS
    return joined(zip(low.tolist(), high.tolist(), strict=True))


def _stood(times: Int, rise: Int) -> NDArray[np.bool_]:
    """Pairs that belong to a run of one value a quarter-hour long or longer."""
    moved = np.flatnonzero(np.concatenate(([True], rise != 0, [True])))  # where runs of equal values begin
    length = times[moved[1:] - 1] - times[moved[:-1]]
    return np.asarray((rise == 0) & np.repeat(length >= QUARTER_MS, np.diff(moved))[:-1], np.bool_)


def joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in order, those near each other as one."""
    found: list[tuple[int, int]] = []
    for low, high in spans:
        if found and low <= found[-1][1] + NEAR_MS:
            found[-1] = (found[-1][0], max(found[-1][1], high))
        else:
            found.append((low, high))
    return found
