"""Series of a store settled over spans of time: enough readings on either side that any span gives the same figures."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from analytics.context import CONTEXT, Read
from analytics.corrected import Register, amounts_corrected, corrected, flagged
from analytics.corrections import (
    NOTHING,
    CorrectionBook,
    Entered,
    Span,
    apply,
    declared,
    loosened,
    opposite,
)
from analytics.doubt import POWER, Touched, doubtful_spans, united
from analytics.heldup import held_up, in_time
from analytics.intervals import Intervals, amounts, is_long_after, means, spread
from analytics.limits import Limits
from analytics.placing import Days, UsualDays, likely_spans, whole_gaps
from analytics.power_readings import MOST_SAMPLES, PowerReadings, samples
from analytics.segments import OpenItem, Segment, Segments, segments
from metering.period import QUARTER_MS
from metering.quantity import Kind, quantity
from metering.reading import Columns, Quality, SeriesInfo, SeriesKey
from metering.store.columns import bracketed, empty
from metering.store.source import StoreSource

WINDOW_MS = 31 * 86_400_000  # history is settled in spans of a month, to bound memory
GAUGES = frozenset({"irradiance_poa", "state_of_charge", "tank_energy", "air_pressure", "module_temperature"})


@dataclass(frozen=True, slots=True)
class Settled:
    """One series settled over a span: quarter-hours, the running one, and what stayed open in it."""

    span: Span
    intervals: Intervals
    tail: Intervals | None  # None = the span does not reach the newest reading
    open_items: tuple[OpenItem, ...]
    explained: Mapping[int, str] = field(default_factory=dict)  # open item's before_ms -> the entry that explains it


def is_settled(key: SeriesKey) -> bool:
    """Whether a series is kept by quarter-hour: all counters and amounts, and the gauges indicators ask for."""
    return quantity(key[1]).kind is not Kind.GAUGE or key[1] in GAUGES


@dataclass(frozen=True, slots=True)
class Judged:
    """The segments of one counter's energy, the corrected readings, its own register's cut, the usual days of gaps."""

    parts: tuple[Segment, ...]
    columns: Columns
    cut: Segments
    usual: UsualDays | None


class Settler:
    """Settles series of one store; reads only. `days` say how the energy of an outage usually lies in time."""

    def __init__(self, source: StoreSource, entries: Iterable[Entered] | None = None, days: Days | None = None,
                 power: PowerReadings | None = None) -> None:  # fmt: skip
        self.source, self.days, self.power = source, days, power or PowerReadings(source)
        self.infos: Mapping[SeriesKey, list[SeriesInfo]] = source.infos()
        self.book = CorrectionBook(source.entries.entries() if entries is None else entries)

    def settle(self, touched: Touched) -> Iterator[dict[SeriesKey, Settled]]:
        """Settle again what touched spans [ms UTC] can have changed, a month at a time."""
        keys = {key: span for key, span in self._swapped_too(touched).items() if is_settled(key)}
        while keys:
            start = min(low for low, _ in keys.values())
            end = start + WINDOW_MS
            now = {key: (low, min(high, end)) for key, (low, high) in keys.items() if low < end}
            yield self._window(now)
            keys = {key: (max(low, end), high) for key, (low, high) in keys.items() if high >= end}

    def _swapped_too(self, touched: Touched) -> dict[SeriesKey, Span]:
        """Where a direction was corrected, each register may count for the other."""
        others = [(one, span) for key, span in touched.items() for one in self._sources(key)]
        return united([*touched.items(), *others])

    def _sources(self, key: SeriesKey) -> list[SeriesKey]:
        other = opposite(key[1]) if self.book.of(key).directions else None
        return [key] if other is None else [key, (key[0], other)]

    def extent(self, key: SeriesKey) -> Span | None:
        """From the first reading of a series to the last, those that people took included [ms UTC]."""
        ends = [self.source.ranges([key], at, at + 1)[key].time_ms.tolist() for at in (0, 2**53)]
        times = [*ends[0], *ends[1], *self.book.of(key).taken]
        return (min(times), max(times)) if times else None

    def _window(self, touched: Touched) -> dict[SeriesKey, Settled]:
        # the context of a change on both sides of the quarter-hours it reaches into
        margin = max(self._margin(key, high) for key, (_, high) in touched.items())
        span = (min(low for low, _ in touched.values()) - margin, max(high for _, high in touched.values()) + margin)
        wanted = dict.fromkeys(one for key in touched for one in self._sources(key))
        columns = self.source.ranges(wanted, span[0], span[1])
        found: dict[SeriesKey, Settled] = {}
        for keys, places in self._batches(touched, columns):
            self.power.bring(places)
            found.update({key: self._one(key, columns, span, touched[key]) for key in keys})
            self.power.trim()
        return found

    def _batches(
        self, touched: Touched, columns: Mapping[SeriesKey, Columns]
    ) -> Iterator[tuple[list[SeriesKey], dict[SeriesKey, list[Span]]]]:
        """Series to settle together, and where they will ask for power readings: as many of those as memory bears."""
        keys, places, size = list[SeriesKey](), dict[SeriesKey, list[Span]](), 0
        for key in touched:
            keys.append(key)
            for one in self._sources(key):
                if power := self._weighs(one):
                    infos = self.infos.get(one, [])
                    spans = doubtful_spans(columns[one], infos)
                    places[power] = [*places.get(power, ()), *spans]
                    size += samples(columns[one], spans, infos, self.infos[power])
            if size > MOST_SAMPLES:
                yield keys, places
                keys, places, size = [], {}, 0
        yield keys, places

    def _margin(self, key: SeriesKey, at_ms: int) -> int:
        infos = [info for info in self.infos.get(key, ()) if info.valid_from_ms <= at_ms]
        cadence_ms = infos[-1].cadence_ms if infos else QUARTER_MS
        return 2 * QUARTER_MS + 2 * (CONTEXT + 1) * cadence_ms

    def _one(self, key: SeriesKey, columns: Mapping[SeriesKey, Columns], span: Span, touched: Span) -> Settled:
        kind, found = quantity(key[1]).kind, self.book.of(key)
        if kind is Kind.COUNTER:
            return self._counter(key, columns, span, touched)
        readings = apply(columns[key], found)
        if kind is Kind.GAUGE:
            at = _quarters(touched)
            return Settled(at, means(readings).within(*at), None, ())
        at = _quarters(_reached(readings, touched))
        told = flagged(amounts(amounts_corrected(readings, found)), (), found, (), ())
        return Settled(at, told.within(*at), None, ())

    def _counter(
        self, key: SeriesKey, columns: Mapping[SeriesKey, Columns], span: Span, touched: Span, *, usual: bool = True
    ) -> Settled:
        reads, affected = self._gather(key, columns, span, touched)
        cuts, parts = self._cut(key, reads)
        own, infos, found = reads[0], self.infos.get(key, []), self.book.of(key)
        counted = list(zip(cuts, (False, True), strict=False))
        items = [item for cut, swapped in counted for item in cut.open_items if found.swaps(item.before_ms) == swapped]
        judged = [one for cut, swapped in counted for one in cut.judged if found.swaps(one.before_ms) == swapped]
        profile = self._usual(key, parts, affected) if usual else None
        told = spread(Segments(tuple(parts), tuple(items), judged=tuple(judged)), infos, profile)
        taken = {time_ms for read in reads for time_ms in read.taken}
        breaks = [one.time_ms for read in reads for one in read.exchanges]
        intervals, tail = (flagged(one, parts, found, taken, breaks) for one in (told.intervals, told.tail))
        explained = {reset.before_ms: reset.entry for reset in own.found.resets}
        ended = all(read.ended for read in reads)
        inside = tuple(item for item in items if affected[0] <= item.before_ms < affected[1])
        return Settled(affected, intervals.within(*affected), tail if ended else None, inside, explained)

    def _cut(self, key: SeriesKey, reads: Sequence["Read"]) -> tuple[list[Segments], Sequence[Segment]]:
        """Registers cut into segments, and the segments of the energy itself, with what people entered."""
        found = self.book.of(key)
        cuts = [segments(read.columns, read.infos, read.exchanges, read.power) for read in reads]
        registers = [Register(cut.segments, read.infos) for cut, read in zip(cuts, reads, strict=True)]
        parts = registers[0].segments if found == NOTHING else corrected(registers[0], registers[-1], found)
        return cuts, [in_time(part, reads[0].infos) for part in parts]

    def registers(self, key: SeriesKey, touched: Span) -> "Judged":
        """How a span of one counter was judged: the segments that reach into it, and what they were made of."""
        margin = self._margin(key, touched[1])
        span = (touched[0] - margin, touched[1] + margin)
        reads, affected = self._gather(key, self.source.ranges(self._sources(key), *span), span, touched)
        cuts, parts = self._cut(key, reads)
        return Judged(tuple(parts), reads[0].columns, cuts[0], self._usual(key, parts, affected))

    def _gather(
        self, key: SeriesKey, columns: Mapping[SeriesKey, Columns], span: Span, touched: Span
    ) -> tuple[list["Read"], Span]:
        """Readings of a series, and of its opposite where that counts, wide enough for what a change affects."""
        sources, step = self._sources(key), self._margin(key, touched[1])
        while True:
            reads = [self._read(one, columns[one], span) for one in sources]
            spans = [read.affected(touched) for read in reads]
            affected = (min(low for low, _ in spans), max(high for _, high in spans))
            wider = (min(read.low(affected[0], step) for read in reads), max(r.high(affected[1], step) for r in reads))
            if wider == span:
                return reads, affected
            span, step = wider, 2 * step
            columns = self.source.ranges(sources, *span)

    def _read(self, key: SeriesKey, raw: Columns, span: Span) -> "Read":
        found = self.book.of(key)
        exchanges = declared(raw, found)
        columns = bracketed(apply(raw, found, exchanges), *span)
        infos = loosened(self.infos.get(key, []), found.multipliers)
        power = self._power(key, columns, infos)
        keep = columns.quality != Quality.INVALID
        times, values = columns.time_ms[keep].astype(np.int64), columns.value[keep].astype(np.int64)
        counts = ~(Limits(infos, power).stuck(times, values) | held_up(times, infos))
        return Read(columns, span, found, exchanges, infos, power, times[counts])

    def _power(self, key: SeriesKey, columns: Columns, infos: Sequence[SeriesInfo]) -> Columns | None:
        """The power readings of the point where the register leaves doubt; None where it has none [kW]."""
        power = self._weighs(key)
        if power is None:
            return None
        spans = doubtful_spans(columns, infos)
        return self.power.within(power, spans) if spans else empty(power)

    def _weighs(self, key: SeriesKey) -> SeriesKey | None:
        power = (key[0], POWER)
        return power if power in self.infos and key[1].startswith("active_energy_") else None

    def _usual(self, key: SeriesKey, parts: Sequence[Segment], affected: Span) -> UsualDays | None:
        """How the quarter-hours of gaps usually go, by the readings of like days before; None where there is no gap."""
        gaps = [gap for part in parts for gap in self._gaps(key, part) if gap[0] < affected[1] and gap[1] > affected[0]]
        if self.days is None or not gaps:
            return None
        known: dict[int, int] = {}
        for low, high in likely_spans(self.days, gaps):
            margin = self._margin(key, high)
            span = (low - margin, high + margin)
            told = self._counter(
                key, self.source.ranges(self._sources(key), *span), span, (low, high), usual=False
            ).intervals.within(low, high)
            read = told.flags == 0
            known.update(zip(told.start_ms[read].tolist(), told.energy[read].tolist(), strict=True))
        return UsualDays(self.days, known)

    def _gaps(self, key: SeriesKey, part: Segment) -> Iterator[Span]:
        times = part.time_ms
        for index in whole_gaps(times, is_long_after(times, self.infos.get(key, []))):
            if part.value[index + 1] != part.value[index]:
                yield int(times[index]), int(times[index + 1])


def _quarters(span: Span) -> Span:
    return span[0] // QUARTER_MS * QUARTER_MS, span[1] // QUARTER_MS * QUARTER_MS + QUARTER_MS


def _reached(readings: Columns, touched: Span) -> Span:
    """A span with the whole of the amounts that reach into it."""
    if readings.end_ms is None:
        return touched
    over = (readings.time_ms <= touched[1]) & (readings.end_ms > touched[0])
    low, high = readings.time_ms[over], readings.end_ms[over]
    return min([touched[0], *low.tolist()]), max([touched[1], *high.tolist()])
