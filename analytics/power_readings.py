"""Power readings as evidence: of many registers in one question to the store, and kept until newer ones touch them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analytics.corrections import Span
from metering.reading import Columns, SeriesInfo, SeriesKey
from metering.store.columns import bracketed, merge
from metering.store.source import StoreSource

PIECE_MS = 2 * 86_400_000  # so much time is asked for at once, of every series alike
MOST_SAMPLES = 2_000_000  # readings brought at once: some 40 MB
KEPT = 20_000  # newest readings a series that are kept from one settling to the next

Places = Mapping[SeriesKey, Sequence[Span]]


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """All readings of one series in a span, and the nearest one on either side."""

    span: Span
    columns: Columns

    def holds(self, span: Span) -> bool:
        """Whether it answers for all of a span."""
        return self.span[0] <= span[0] and span[1] <= self.span[1]

    def before(self, at_ms: int) -> "_Run | None":
        """What a reading at an instant cannot have changed: up to the last one before it."""
        end = int(np.searchsorted(self.columns.time_ms, at_ms))
        last = int(self.columns.time_ms[end - 1]) if end else self.span[0]
        if last <= self.span[0]:
            return None
        return _Run((self.span[0], min(self.span[1], last)), _part(self.columns, slice(0, end)))

    def newest(self) -> "_Run":
        """The end of it that is worth keeping."""
        if len(self.columns) <= KEPT:
            return self
        start = int(self.columns.time_ms[-KEPT + 1])
        return _Run((max(self.span[0], start), self.span[1]), _part(self.columns, slice(-KEPT, None)))


class PowerReadings:
    """Reads power readings of a store: what is asked again and again is kept, as long as the store's own words allow.

    `seq` says how far the store had been read, polls and imports, when the kept readings were whole.
    """

    def __init__(self, source: StoreSource) -> None:
        self.source = source
        self._runs: dict[SeriesKey, list[_Run]] = {}
        self._seq: tuple[int, int] | None = None

    def renew(self, since: tuple[int, int], touched: Mapping[SeriesKey, Span], seq: tuple[int, int]) -> None:
        """Forget what readings that came after `since` may have changed; everything, where others came between."""
        if since != self._seq:
            self._runs = {}
        for key in self._runs.keys() & touched.keys():
            cut = [run.before(touched[key][0]) for run in self._runs[key]]
            self._runs[key] = [run for run in cut if run is not None]
        self._seq = seq

    def trim(self) -> None:
        """Keep of every series the newest readings alone."""
        last = {key: max(runs, key=lambda run: run.span[1]) for key, runs in self._runs.items() if runs}
        self._runs = {key: [run.newest()] for key, run in last.items()}

    def bring(self, places: Places) -> None:
        """Read what is not held of many series at once, a piece of time after the other."""
        lacking: dict[int, dict[SeriesKey, list[Span]]] = {}
        for key, spans in places.items():
            for span in spans:
                for piece in _pieces(self._beyond(key, span)):
                    lacking.setdefault(piece[0] // PIECE_MS, {}).setdefault(key, []).append(piece)
        for _, wanted in sorted(lacking.items()):
            low = min(span[0] for spans in wanted.values() for span in spans)
            high = max(span[1] for spans in wanted.values() for span in spans)
            for key, columns in self.source.ranges(wanted, low, high).items():
                self._add(key, _Run((low, high), columns))

    def within(self, key: SeriesKey, spans: Iterable[Span]) -> Columns:
        """The readings of one series in some spans, with the nearest one on either side of each."""
        wanted = list(spans)
        self.bring({key: wanted})
        found = [bracketed(run.columns, *span) for span in wanted for run in self._runs[key] if run.holds(span)]
        return merge(key, found)

    def _beyond(self, key: SeriesKey, span: Span) -> Span | None:
        """What of a span is not held; None where all of it is."""
        low, high = span
        for run in self._runs.get(key, ()):
            if run.holds(span):
                return None
            if run.span[0] <= low < run.span[1]:
                low = run.span[1]
        return low, high

    def _add(self, key: SeriesKey, new: _Run) -> None:
        """One run more; those it touches become one with it."""
        near = [run for run in self._runs.get(key, ()) if run.span[0] <= new.span[1] and new.span[0] <= run.span[1]]
        others = [run for run in self._runs.get(key, ()) if run not in near]
        span = (min(run.span[0] for run in (*near, new)), max(run.span[1] for run in (*near, new)))
        whole = merge(key, [run.columns for run in (*near, new)])
        self._runs[key] = [*others, _Run(span, whole)]


def samples(register: Columns, spans: Sequence[Span], infos: Sequence[SeriesInfo], power: Sequence[SeriesInfo]) -> int:
    """How many power readings there may be in some spans, by the register's own readings in them."""
    held = sum(len(bracketed(register, *span)) for span in spans)
    return held * max(infos[-1].cadence_ms // max(power[-1].cadence_ms, 1), 1) if infos and power else held


def _pieces(span: Span | None) -> Iterator[Span]:
    """A span cut at every whole piece of time since 1970."""
    low, high = span or (0, 0)
    while low < high:
        end = min(high, (low // PIECE_MS + 1) * PIECE_MS)
        yield low, end
        low = end


def _part(columns: Columns, part: slice) -> Columns:
    ends = None if columns.end_ms is None else columns.end_ms[part]
    return Columns(columns.time_ms[part], columns.value[part], columns.quality[part], ends)
