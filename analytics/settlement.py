"""Readings in the store -> quarter-hours in the store: only what new or late readings touch is settled again."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from analytics.intervals import Flag, Intervals, Settlement, amounts, empty, means, settle
from analytics.segments import LOOK_AHEAD, Exchange, OpenItem
from metering.period import QUARTER_MS
from metering.quantity import Kind, quantity
from metering.reading import Columns, SeriesInfo, SeriesKey
from metering.store.entries import EntriesReader
from metering.store.results import IntervalRows, ResultsReader, ResultsWriter
from metering.store.source import StoreSource

WINDOW_MS = 31 * 86_400_000  # history is settled in spans of a month, to bound memory
CONTEXT = LOOK_AHEAD + 3  # readings on either side of a change that may see it differently
DAY_MS = 86_400_000

GAUGES = frozenset({"irradiance_poa", "state_of_charge", "tank_energy", "air_pressure", "module_temperature"})

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Settled:
    """One series settled over a span: quarter-hours, the running one, and what stayed open in it."""

    span: Span
    intervals: Intervals
    tail: Intervals | None  # None = the span does not reach the newest reading
    open_items: tuple[OpenItem, ...]


def is_settled(key: SeriesKey) -> bool:
    """Whether a series is kept by quarter-hour: all counters and amounts, and the gauges indicators ask for."""
    return quantity(key[1]).kind is not Kind.GAUGE or key[1] in GAUGES


def exchanges_of(entries: EntriesReader) -> dict[SeriesKey, list[Exchange]]:
    """Declared meter exchanges by series."""
    found: dict[SeriesKey, list[Exchange]] = {}
    for entry in entries.entries("exchange"):
        body = entry.body
        exchange = Exchange(body["time_ms"], body["final_micro"], body["start_micro"], entry.id)
        found.setdefault((body["point"], body["quantity"]), []).append(exchange)
    return found


class Settler:
    """Settles series of one store; reads only."""

    def __init__(self, source: StoreSource) -> None:
        self.source = source
        self.infos: Mapping[SeriesKey, list[SeriesInfo]] = source.infos()
        self.exchanges = exchanges_of(source.entries)

    def settle(self, touched: Mapping[SeriesKey, Span]) -> Iterator[dict[SeriesKey, Settled]]:
        """Settle again what touched spans [ms UTC] can have changed, a month at a time."""
        keys = {key: span for key, span in touched.items() if is_settled(key)}
        while keys:
            start = min(low for low, _ in keys.values())
            end = start + WINDOW_MS
            now = {key: (low, min(high, end)) for key, (low, high) in keys.items() if low < end}
            yield self._window(now)
            keys = {key: (max(low, end), high) for key, (low, high) in keys.items() if high >= end}

    def _window(self, touched: Mapping[SeriesKey, Span]) -> dict[SeriesKey, Settled]:
        # the context of a change, and the whole of the quarter-hours it reaches into
        margin = 2 * QUARTER_MS + max(CONTEXT * self._cadence_ms(key, high) for key, (_, high) in touched.items())
        span = (min(low for low, _ in touched.values()) - margin, max(high for _, high in touched.values()) + margin)
        columns = self.source.ranges(touched, span[0], span[1])
        return {key: self._one(key, _Read(columns[key], span), touched[key]) for key in touched}

    def _cadence_ms(self, key: SeriesKey, at_ms: int) -> int:
        infos = [info for info in self.infos.get(key, ()) if info.valid_from_ms <= at_ms]
        return infos[-1].cadence_ms if infos else QUARTER_MS

    def _one(self, key: SeriesKey, read: "_Read", touched: Span) -> Settled:
        if quantity(key[1]).kind is not Kind.COUNTER:
            told = amounts if quantity(key[1]).kind is Kind.DELTA else means
            span = (touched[0] // QUARTER_MS * QUARTER_MS, touched[1] // QUARTER_MS * QUARTER_MS + QUARTER_MS)
            return Settled(span, told(read.columns).within(*span), None, ())
        span = read.affected(touched)
        if not read.covers(span):  # readings lie further apart than their cadence says
            wider = (min(span[0], read.span[0]), max(span[1], read.span[1]))
            read = _Read(self.source.ranges([key], *wider)[key], wider)
        found: Settlement = settle(read.columns, self.infos.get(key, []), self.exchanges.get(key, ()))
        items = tuple(item for item in found.open_items if span[0] <= item.before_ms < span[1])
        return Settled(span, found.intervals.within(*span), found.tail if read.to_the_end else None, items)


@dataclass(frozen=True, slots=True)
class _Read:
    """Readings of a span with the nearest one on either side."""

    columns: Columns
    span: Span

    @property
    def to_the_end(self) -> bool:
        """Whether no later reading exists: a bracketing one would be here."""
        times = self.columns.time_ms
        return len(times) == 0 or bool(times[-1] < self.span[1])

    def covers(self, wanted: Span) -> bool:
        """Whether quarter-hours of a span can be told: readings reach over both its ends, or the series ends there."""
        times = self.columns.time_ms
        if len(times) == 0:
            return True
        begun = times[0] <= wanted[0] or times[0] >= self.span[0]
        return bool(begun and (times[-1] >= wanted[1] or self.to_the_end))

    def affected(self, touched: Span) -> Span:
        """The quarter-hours that a change in a span can have altered."""
        times = self.columns.time_ms
        if len(times) == 0:
            return touched[0] // QUARTER_MS * QUARTER_MS, -(-touched[1] // QUARTER_MS) * QUARTER_MS
        first = max(int(np.searchsorted(times, touched[0])) - CONTEXT, 0)
        last = min(int(np.searchsorted(times, touched[1], side="right")) + CONTEXT, len(times) - 1)
        return int(times[first]) // QUARTER_MS * QUARTER_MS, -(-int(times[last]) // QUARTER_MS) * QUARTER_MS


def bring_up_to_date(source: StoreSource, reader: ResultsReader, writer: ResultsWriter, now_ms: int) -> int:
    """Settle what came since the last time and write it; how many series were touched."""
    marks = reader.mark("settled") or {"readings": 0, "imports": 0, "tails": {}}
    polled = source.readings.changed_since(marks["readings"])
    imported = source.entries.changed_since(marks["imports"])
    touched = {**polled.touched, **imported.touched}
    if not touched:
        return 0
    tails = dict(marks["tails"])
    fold_before = now_ms // DAY_MS * DAY_MS
    after = {"readings": polled.seq, "imports": imported.seq, "tails": tails}
    for window in Settler(source).settle(touched):
        tails.update(_tails(window))
        writer.write(_rows(window), fold_before, _items(window), {})
    writer.write({}, fold_before, {}, {"settled": after})
    return len(touched)


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
        key: (*one.span, [(item.before_ms, item.after_ms, open_item_body(item)) for item in one.open_items])
        for key, one in window.items()
    }


def open_item_body(item: OpenItem) -> dict[str, Any]:
    """An open item as JSON: both readings [ms UTC, micro], and how sure it is."""
    return {
        "kind": item.kind,
        "before": {"time_ms": item.before_ms, "micro": item.before_micro},
        "after": {"time_ms": item.after_ms, "micro": item.after_micro},
        "provisional": item.provisional,
    }


def _tails(window: Mapping[SeriesKey, Settled]) -> dict[str, Any]:
    """The running quarter of each series: since when, how much [micro]."""
    found: dict[str, Any] = {}
    for (point, name), one in window.items():
        tail = one.tail
        if tail is not None:
            body = [int(tail.start_ms[0]), int(tail.energy[0]), int(tail.placed[0])] if len(tail) else None
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
        marks = self.results.mark("settled") or {"readings": 0, "imports": 0, "tails": {}}
        tails = {key: _as_tail(marks["tails"].get("|".join(key))) for key in found}
        polled = self.source.readings.changed_since(marks["readings"])
        imported = self.source.entries.changed_since(marks["imports"])
        touched = {
            key: (max(low, start_ms - DAY_MS), min(high, end_ms + DAY_MS))
            for key, (low, high) in {**polled.touched, **imported.touched}.items()
            if key in found and low < end_ms + DAY_MS and high >= start_ms - DAY_MS
        }
        if touched:
            for window in Settler(self.source).settle(touched):
                for key, one in window.items():
                    found[key] = _overlay(found[key], one.intervals.within(start_ms, end_ms), one.span)
                    tails[key] = tails[key] if one.tail is None else one.tail
        return tails


def _as_intervals(rows: IntervalRows) -> Intervals:
    return Intervals(rows.start_ms, rows.energy, rows.placed, rows.flags)


def _as_tail(body: list[int] | None) -> Intervals:
    if body is None:
        return empty()
    start, energy, placed = (np.array([part], np.int64) for part in body)
    return Intervals(start, energy, placed, np.array([Flag.PROVISIONAL | Flag.PARTIAL], np.uint8))


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
