"""Entries as they are shown beside the figures they touch: who, why, when, and bills beside what the meter says."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from analytics.corrections import KINDS, Entered, in_force, touched
from analytics.intervals import Flag, Intervals
from metering.quantity import quantity
from metering.reading import MICRO, SeriesKey

Document = dict[str, Any]
Span = tuple[int, int]
Around = Callable[[SeriesKey, int, int], Span]  # from the reading before a span to the one after it


class Signed(Entered, Protocol):
    """An entry with its author."""

    @property
    def who(self) -> str:
        """Who entered it."""

    @property
    def why(self) -> str:
        """Why."""

    @property
    def at_ms(self) -> int:
        """When [ms UTC]."""


def entries_document(
    entries: Iterable[Signed], series: Mapping[SeriesKey, Intervals], start_ms: int, end_ms: int,
    around: Around = lambda _key, start_ms, end_ms: (start_ms, end_ms - 1),
) -> list[Document]:  # fmt: skip
    """The entries in force that touch [start, end) of the series given, oldest first.

    What was read off at an instant in a gap over an edge reaches into the span: up to the readings on either side.
    """
    told = []
    for entry in in_force(entries):
        spans = _spans(entry, series)
        low, high = min((a for a, _ in spans.values()), default=0), max((b for _, b in spans.values()), default=0)
        edges = [around(key, start_ms, end_ms) for key, (at, until) in spans.items() if at == until and key in series]
        read = any(first <= low <= last for first, last in edges)
        if spans and (read or (low < end_ms and high >= start_ms)):
            told.append(_entry(entry, spans, low, high) | _billed(entry, series, start_ms, end_ms))
    return told


def _spans(entry: Signed, series: Mapping[SeriesKey, Intervals]) -> Mapping[SeriesKey, tuple[int, int]]:
    if entry.kind in KINDS:
        return touched(entry, {}, series.keys())
    if entry.kind == "bill":
        body = entry.body
        return {(str(body["point"]), str(body["quantity"])): (int(body["start_ms"]), int(body["end_ms"]))}
    return {}


def _entry(entry: Signed, spans: Mapping[SeriesKey, tuple[int, int]], low: int, high: int) -> Document:
    return {
        "id": entry.id, "kind": entry.kind, "who": entry.who, "why": entry.why, "at_ms": entry.at_ms,
        "point": str(entry.body["point"]), "quantities": sorted({name for _, name in spans}),
        "start_ms": low, "end_ms": high,
    }  # fmt: skip


def _billed(entry: Signed, series: Mapping[SeriesKey, Intervals], start_ms: int, end_ms: int) -> Document:
    """What was billed and what was metered over the same time; metered is None where not all of it is known here."""
    if entry.kind != "bill":
        return {}
    body = entry.body
    key, low, high = (body["point"], body["quantity"]), body["start_ms"], body["end_ms"]
    metered = None
    if key in series and start_ms <= low and high <= end_ms:
        found = series[key].within(low, high)
        known = len(found) and not bool((found.flags & Flag.MISSING).any())
        metered = int(found.energy.sum()) / MICRO if known else None
    return {"billed": body["micro"] / MICRO, "metered": metered, "unit": quantity(body["quantity"]).unit}


def with_entries(body: Document, entries: list[Document]) -> Document:
    """A balance with the entries beside it, and in each line the names of those that touch its point."""
    by_point: dict[str, list[str]] = {}
    for one in entries:
        by_point.setdefault(one["point"], []).append(one["id"])
    lines = [{**line, "entries": by_point.get(line["point"], [])} for line in body["lines"]]
    return {**body, "lines": lines, "entries": entries}
