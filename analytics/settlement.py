"""Readings and entries in the store -> quarter-hours in the store: only what is new or late is settled again."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from analytics.corrections import KINDS, Span, opposite, touched
from analytics.doubt import POWER, Touched, united, weighed_too
from analytics.intervals import Flag, Intervals, empty
from analytics.placing import WEEKS, Days
from analytics.power_readings import PowerReadings
from analytics.segments import OpenItem
from analytics.settler import WINDOW_MS, Settled, Settler, is_settled
from metering.period import QUARTER_MS
from metering.reading import SeriesKey
from metering.store.entries import Entry
from metering.store.results import IntervalRows, ResultsReader, ResultsWriter
from metering.store.source import StoreSource

__all__ = ["Books", "advance", "bring_up_to_date", "is_settled", "open_item_body"]

DAY_MS = 86_400_000
REACH_MS = (7 * WEEKS + 1) * DAY_MS  # so long after it a quarter-hour may tell how an outage's energy lies
NEVER: Mapping[str, Any] = {"readings": 0, "imports": 0, "entries": 0, "tails": {}}


class _News:
    """What readings, imports and entries brought since the last settling, as passes over the series they touch.

    What an earlier settling left for later, its backlog, comes after what is new.
    """

    def __init__(self, source: StoreSource, marks: Mapping[str, Any]) -> None:
        self.source = source
        self.entries: Sequence[Entry] = source.entries.entries()
        polled = source.readings.changed_since(marks["readings"])
        imported = source.entries.changed_since(marks["imports"])
        touched = united([*polled.touched.items(), *imported.touched.items()])
        self.touched: Touched = touched
        self.since = (int(marks["readings"]), int(marks["imports"]))
        before: dict[str, int] = marks.get("heard", {})
        newest = {key: reading.time_ms for key, reading in source.latest().items()} if touched else {}
        self.read = weighed_too(touched, newest, before)
        heard = {
            point: max(high, before.get(point, high)) for (point, name), (_, high) in touched.items() if name == POWER
        }
        self.backlog = [_as_touched(body) for body in marks.get("backlog", ())]
        self._since = marks.get("entries", 0)
        last = max((entry.seq for entry in self.entries), default=0)
        self.marks = {"readings": polled.seq, "imports": imported.seq, "entries": max(self._since, last)}
        self.marks["heard"] = before | heard
        self.seq = (polled.seq, imported.seq)

    def passes(self, settler: Settler, reader: ResultsReader) -> list[Touched]:
        """Readings together, then each entry on its own: they may lie far apart; outages they bear on; the backlog."""
        fresh = [self.read, *(_existing(settler, spans) for spans in self._of_entries())]
        wanted = [{key: span for key, span in spans.items() if is_settled(key)} for spans in fresh]
        echoes = [echo for spans in wanted if spans for echo in _echoes(reader, spans)]
        return [spans for spans in (*wanted, *echoes, *self.backlog) if spans]

    def _of_entries(self) -> Iterator[Touched]:
        new = [entry for entry in self.entries if entry.seq > self._since and entry.kind in {*KINDS, "undo"}]
        known, keys = {entry.id: entry for entry in self.entries}, self.source.series() if new else ()
        return (touched(entry, known, keys) for entry in new)


def bring_up_to_date(
    source: StoreSource, reader: ResultsReader, writer: ResultsWriter, now_ms: int, days: Days | None = None
) -> int:
    """Settle what came since the last time and write it; how many series were touched."""
    series, power = set[SeriesKey](), PowerReadings(source)
    while (done := advance(source, reader, writer, now_ms, days, power)) is not None:
        series |= done
    return len(series)


def advance(
    source: StoreSource, reader: ResultsReader, writer: ResultsWriter, now_ms: int, days: Days | None = None,
    power: PowerReadings | None = None,
) -> set[SeriesKey] | None:  # fmt: skip
    """Settle one slice, the newest month first, and write it with what is left to do; None when nothing was left.

    Whoever is killed between two slices goes on where it stopped. `power` keeps power readings from one to the next.
    """
    marks = reader.mark("settled") or NEVER
    news, known = _News(source, marks), power or PowerReadings(source)
    known.renew(news.since, news.touched, news.seq)
    settler, tails = Settler(source, news.entries, days, known), dict(marks["tails"])
    todo = news.passes(settler, reader)
    fold_before = now_ms // DAY_MS * DAY_MS
    if not todo:
        after = {**news.marks, "tails": tails, "backlog": []}
        if after != {"entries": 0, "backlog": [], "heard": {}, **marks}:
            writer.write({}, fold_before, {}, {"settled": after})
        return None
    now, later = _newest(todo[0])
    series: set[SeriesKey] = set()
    for window in settler.settle(now):
        tails.update(_tails(window))
        writer.write(_rows(window), fold_before, _items(window), {})
        series.update(window)
    left = [_as_body(one) for one in (later, *todo[1:]) if one]
    writer.write({}, fold_before, {}, {"settled": {**news.marks, "tails": tails, "backlog": left}})
    return series


def _newest(touched: Touched) -> tuple[Touched, Touched]:
    """The newest month of what is touched, and the rest: a page shows this month first."""
    start = max(high for _, high in touched.values()) - WINDOW_MS
    now = {key: (max(low, start), high) for key, (low, high) in touched.items() if high >= start}
    later = {key: (low, min(high, start)) for key, (low, high) in touched.items() if low < start}
    return now, later


def _echoes(reader: ResultsReader, touched: Touched) -> list[Touched]:
    """Outages in the four weeks after a span: how their energy lies may follow what changed in it."""
    low, high = min(high for _, high in touched.values()), max(high for _, high in touched.values()) + REACH_MS
    found: list[dict[SeriesKey, Span]] = []
    for key, rows in reader.intervals(touched, low, high).items():
        after = (rows.start_ms >= touched[key][1]) & (rows.start_ms < touched[key][1] + REACH_MS)
        starts = rows.start_ms[after & ((rows.flags & Flag.PLACED) != 0)]
        runs = np.split(starts, np.flatnonzero(np.diff(starts) > QUARTER_MS) + 1) if len(starts) else []
        for number, run in enumerate(runs):
            if number == len(found):
                found.append({})
            found[number][key] = (int(run[0]), int(run[-1]) + QUARTER_MS)
    return list(found)


def _as_body(touched: Touched) -> dict[str, list[int]]:
    return {"|".join(key): list(span) for key, span in touched.items()}


def _as_touched(body: Mapping[str, Sequence[int]]) -> Touched:
    spans = ((name.partition("|"), span) for name, span in body.items())
    return {(point, name): (low, high) for (point, _, name), (low, high) in spans}


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


def around(source: StoreSource, key: SeriesKey, start_ms: int, end_ms: int) -> Span:
    """From the last reading before a span to the first one after it: what is entered between them reaches into it."""
    before, after = (source.ranges([key], at, at)[key].time_ms.tolist() for at in (start_ms, end_ms))
    low, high = [at for at in before if at < start_ms], [at for at in after if at >= end_ms]
    return max(low, default=-(2**53)), min(high, default=2**53)


class Books:
    """Quarter-hours of a store for any span: what is settled, with newer readings settled on the fly."""

    def __init__(self, source: StoreSource, results: ResultsReader, days: Days | None = None) -> None:
        self.source, self.results, self.days = source, results, days

    def intervals(self, keys: Iterable[SeriesKey], start_ms: int, end_ms: int) -> dict[SeriesKey, Intervals]:
        """Quarter-hours that start in [start_ms, end_ms), the running one included and marked provisional."""
        wanted = list(keys)
        stored = self.results.intervals(wanted, start_ms, end_ms)
        found = {key: _as_intervals(stored[key]) if key in stored else empty() for key in wanted}
        tails = self._add_pending(found, start_ms, end_ms)
        return {key: _with_tail(found[key], tails.get(key, empty()).within(start_ms, end_ms)) for key in wanted}

    def around(self, key: SeriesKey, start_ms: int, end_ms: int) -> Span:
        """From the last reading before a span to the first one after it."""
        return around(self.source, key, start_ms, end_ms)

    def _add_pending(self, found: dict[SeriesKey, Intervals], start_ms: int, end_ms: int) -> dict[SeriesKey, Intervals]:
        marks = self.results.mark("settled") or NEVER
        tails = {key: _as_tail(marks["tails"].get("|".join(key))) for key in found}
        news = _News(self.source, marks)
        settler = Settler(self.source, news.entries, self.days)
        for one in news.passes(settler, self.results):
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
