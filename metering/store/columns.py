"""Polls -> columns: many packed rows of many groups into one sorted, distinct column a series."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from metering.quantity import Kind, quantity
from metering.reading import Columns, PollGroup, SeriesKey
from metering.store.packing import ABSENT, Packing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Row = tuple[int, int, bytes, bytes | None, bytes | None]  # (group, time_ms, values, qualities, seal)


def empty(key: SeriesKey) -> Columns:
    """No readings of a series."""
    import numpy as np

    kind = quantity(key[1]).kind
    times = np.empty(0, np.int64)
    value = np.empty(0) if kind is Kind.GAUGE else np.empty(0, np.int64)
    return Columns(times, value, np.empty(0, np.uint8), times if kind is Kind.DELTA else None)


def from_rows(
    groups: Mapping[int, PollGroup], rows: Sequence[Row], keys: Iterable[SeriesKey]
) -> dict[SeriesKey, Columns]:
    """The columns of the wanted series out of poll rows in any order."""
    by_group: dict[int, list[Row]] = {}
    for row in rows:
        by_group.setdefault(row[0], []).append(row)
    parts: dict[SeriesKey, list[Columns]] = {key: [] for key in keys}
    for number, of_group in by_group.items():
        _add_group(groups[number], of_group, parts)
    return {key: merge(key, found) for key, found in parts.items()}


def _add_group(group: PollGroup, rows: list[Row], parts: dict[SeriesKey, list[Columns]]) -> None:
    import numpy as np

    packing = Packing(group)
    whole, real = packing.matrix([row[2] for row in rows])
    times = np.fromiter((row[1] for row in rows), np.int64, len(rows))
    quality = _qualities(rows, len(group.columns))
    for index, column in enumerate(group.columns):
        if column.key not in parts:
            continue
        if packing.integer[index]:
            integers = whole[:, index]
            here = integers != ABSENT
            parts[column.key].append(Columns(times[here], integers[here], quality[here, index]))
        else:
            reals = real[:, index]
            here = ~np.isnan(reals)
            parts[column.key].append(Columns(times[here], reals[here], quality[here, index]))


def _qualities(rows: list[Row], width: int) -> "NDArray[np.uint8]":
    import numpy as np

    good = bytes(width)
    return np.frombuffer(b"".join(row[3] or good for row in rows), np.uint8).reshape(len(rows), width)


def merge(key: SeriesKey, parts: Sequence[Columns]) -> Columns:
    """Several columns of one series as one, sorted by time; of two at one time the first part's stays."""
    import numpy as np

    parts = [part for part in parts if len(part)]
    if not parts:
        return empty(key)
    times = np.concatenate([part.time_ms for part in parts])
    order = np.argsort(times, kind="stable")
    keep = np.ones(len(order), bool)
    keep[1:] = np.diff(times[order]) != 0
    order = order[keep]
    ends = [part.end_ms for part in parts if part.end_ms is not None]
    return Columns(
        times[order],
        np.concatenate([part.value for part in parts])[order],
        np.concatenate([part.quality for part in parts])[order],
        np.concatenate(ends)[order] if len(ends) == len(parts) else None,
    )


def bracketed(columns: Columns, start_ms: int, end_ms: int) -> Columns:
    """What lies in [start_ms, end_ms), and of what lies outside only the nearest reading on either side."""
    import numpy as np

    first, last = np.searchsorted(columns.time_ms, [start_ms, end_ms])
    near = slice(max(int(first) - 1, 0), int(last) + 1)
    ends = None if columns.end_ms is None else columns.end_ms[near]
    return Columns(columns.time_ms[near], columns.value[near], columns.quality[near], ends)
