"""Readings and entries in the store -> quarter-hours in the store: only what is new or late is settled again."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from analytics.corrections import KINDS, Span, opposite, touched
from analytics.intervals import Flag, Intervals, empty
from analytics.segments import OpenItem
from analytics.settler import Settled, Settler, Touched, is_settled, united
from metering.period import QUARTER_MS
from metering.reading import SeriesKey
from metering.store.entries import Entry
from metering.store.results import IntervalRows, ResultsReader, ResultsWriter
from metering.store.source import StoreSource

__all__ = ["Books", "bring_up_to_date", "is_settled", "open_item_body"]

DAY_MS = 86_400_000
NEVER: Mapping[str, Any] = {"readings": 0, "imports": 0, "entries": 0, "tails": {}}


class _News:
    """What readings, imports and entries brought since the last settling, as passes over the series they touch."""

    def __init__(self, source: StoreSource, marks: Mapping[str, Any]) -> None:
        self.source = source
        self.entries: Sequence[Entry] = source.entries.entries()
        polled = source.readings.changed_since(marks["readings"])
        imported = source.entries.changed_since(marks["imports"])
        self.read = united([*polled.touched.items(), *imported.touched.items()])
        self._since = marks.get("entries", 0)
        newest = max((entry.seq for entry in self.entries), default=0)
        self.marks = {"readings": polled.seq, "imports": imported.seq, "entries": max(self._since, newest)}

    def passes(self) -> Iterator[Touched]:
        """Readings together, then each entry on its own: they may lie far apart."""
        if self.read:
            yield self.read
        new = [entry for entry in self.entries if entry.seq > self._since and entry.kind in {*KINDS, "undo"}]
        if not new:
            return
        known = {entry.id: entry for entry in self.entries}
        keys = self.source.series()
        for entry in new:
            spans = touched(entry, known, keys)
            if spans:
                yield spans


def bring_up_to_date(source: StoreSource, reader: ResultsReader, writer: ResultsWriter, now_ms: int) -> int:
    """Settle what came since the last time and write it; how many series were touched."""
    marks = reader.mark("settled") or NEVER
    news = _News(source, marks)
    tails = dict(marks["tails"])
    after = {**news.marks, "tails": tails}
    if after == {"entries": 0, **marks}:
        return 0
    fold_before, settler = now_ms // DAY_MS * DAY_MS, Settler(source, news.entries)
    series: set[SeriesKey] = set()
    for one in news.passes():
        for window in settler.settle(one if one is news.read else _existing(settler, one)):
            tails.update(_tails(window))
            writer.write(_rows(window), fold_before, _items(window), {})
            series.update(window)
    writer.write({}, fold_before, {}, {"settled": after})
    return len(series)


def _existing(settler: Settler, spans: Touched) -> Touched:
    """Spans cut to where there are readings, and a day more: a factor may be declared for all time."""
    found = {}
    for key, (low, high) in spans.items():
        extent = settler.extent(key) if high - low > DAY_MS else (low, high)
        if extent is not None and low <= extent[1] + DAY_MS and high >= extent[0] - DAY_MS:
            found[key] = (max(low, extent[0] - DAY_MS), min(high, extent[1] + DAY_MS))
    return found


def _rows(window: Mapping[SeriesKey, Settled]) -> dict[SeriesKey, IntervalRows]:
    return {key: _replacing(one) for key, one in window.items()}


def _replacing(one: Settled) -> IntervalRows:
    """Every quarter-hour of the span: one that was told before and no longer is becomes MISSING."""
    starts = np.arange(one.span[0], one.span[1], QUARTER_MS, dtype=np.int64)
    energy, placed = np.zeros(len(starts), np.int64), np.zeros(len(starts), np.int64)
    flags = np.full(len(starts), Flag.MISSING, np.uint8)
    index = (one.intervals.start_ms - one.span[0]) // QUARTER_MS
    energy[index], placed[index], flags[index] = one.intervals.energy, one.intervals.placed, one.intervals.flags
    return IntervalRows(starts, energy, placed, flags)


def _items(
    window: Mapping[SeriesKey, Settled],
) -> dict[SeriesKey, tuple[int, int, Iterable[tuple[int, int, dict[str, Any]]]]]:
    return {
        key: (
            *one.span,
            [
                (item.before_ms, item.after_ms, open_item_body(item, one.explained.get(item.before_ms, "")))
                for item in one.open_items
            ],
        )
        for key, one in window.items()
    }


def open_item_body(item: OpenItem, entry: str = "") -> dict[str, Any]:
    """An open item as JSON: both readings [ms UTC, micro], how sure it is, and the entry that explains it."""
    return {
        "entry": entry,
        "kind": item.kind,
        "before": {"time_ms": item.before_ms, "micro": item.before_micro},
        "after": {"time_ms": item.after_ms, "micro": item.after_micro},
        "provisional": item.provisional,
        "verdict": item.verdict,
        "why": item.why.both(),
    }


def _tails(window: Mapping[SeriesKey, Settled]) -> dict[str, Any]:
    """The running quarter of each series: since when, how much, of it placed [micro], flags."""
    found: dict[str, Any] = {}
    for (point, name), one in window.items():
        tail = one.tail
        if tail is not None:
            body = [int(c[0]) for c in (tail.start_ms, tail.energy, tail.placed, tail.flags)] if len(tail) else None
            found[f"{point}|{name}"] = body
    return found


class Books:
    """Quarter-hours of a store for any span: what is settled, with newer readings settled on the fly."""

    def __init__(self, source: StoreSource, results: ResultsReader) -> None:
        self.source, self.results = source, results

    def intervals(self, keys: Iterable[SeriesKey], start_ms: int, end_ms: int) -> dict[SeriesKey, Intervals]:
        """Quarter-hours that start in [start_ms, end_ms), the running one included and marked provisional."""
        wanted = list(keys)
        stored = self.results.intervals(wanted, start_ms, end_ms)
        found = {key: _as_intervals(stored[key]) if key in stored else empty() for key in wanted}
        tails = self._add_pending(found, start_ms, end_ms)
        return {key: _with_tail(found[key], tails.get(key, empty()).within(start_ms, end_ms)) for key in wanted}

    def _add_pending(self, found: dict[SeriesKey, Intervals], start_ms: int, end_ms: int) -> dict[SeriesKey, Intervals]:
        marks = self.results.mark("settled") or NEVER
        tails = {key: _as_tail(marks["tails"].get("|".join(key))) for key in found}
        news = _News(self.source, marks)
        settler = Settler(self.source, news.entries)
        for one in news.passes():
            # what lies outside can reach in across a gap in the readings, by no more than from the edge
            near = {
                key: (_within(low, start_ms, end_ms), _within(high, start_ms, end_ms))
                for key, (low, high) in one.items()
                if key in found or (key[0], opposite(key[1])) in found
            }
            for window in settler.settle(near):
                for key in window.keys() & found.keys():
                    settled = window[key]
                    found[key] = _overlay(found[key], settled.intervals.within(start_ms, end_ms), settled.span)
                    tails[key] = tails[key] if settled.tail is None else settled.tail
        return tails


def _within(at_ms: int, start_ms: int, end_ms: int) -> int:
    return min(max(at_ms, start_ms - DAY_MS), end_ms + DAY_MS)


def _as_intervals(rows: IntervalRows) -> Intervals:
    return Intervals(rows.start_ms, rows.energy, rows.placed, rows.flags)


def _as_tail(body: list[int] | None) -> Intervals:
    if body is None:
        return empty()
    start, energy, placed = (np.array([part], np.int64) for part in body[:3])
    flags = body[3] if len(body) > 3 else Flag.PROVISIONAL | Flag.PARTIAL  # marks of before kept none
    return Intervals(start, energy, placed, np.array([flags], np.uint8))


def _with_tail(settled: Intervals, tail: Intervals) -> Intervals:
    if len(tail) and len(settled) and settled.start_ms[-1] >= tail.start_ms[0]:
        return settled
    return _joined((settled, tail))


def _overlay(below: Intervals, above: Intervals, span: Span) -> Intervals:
    keep = (below.start_ms < span[0]) | (below.start_ms >= span[1])
    kept = Intervals(below.start_ms[keep], below.energy[keep], below.placed[keep], below.flags[keep])
    joined = _joined((kept, above))
    order = np.argsort(joined.start_ms, kind="stable")
    return Intervals(joined.start_ms[order], joined.energy[order], joined.placed[order], joined.flags[order])


def _joined(parts: tuple[Intervals, Intervals]) -> Intervals:
    first, second = parts
    return Intervals(
        np.concatenate((first.start_ms, second.start_ms)),
        np.concatenate((first.energy, second.energy)),
        np.concatenate((first.placed, second.placed)),
        np.concatenate((first.flags, second.flags)),
    )
