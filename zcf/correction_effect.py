"""What an entry changes, told before it is written, and the writing of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from analytics.corrections import touched
from analytics.entering import enter
from analytics.intervals import Flag
from analytics.settlement import Books
from analytics.settler import Settler
from analytics.site_times import calendar_of
from metering.period import QUARTER_MS
from metering.reading import SeriesKey
from metering.sitefile import SiteConfig
from metering.store.entries import EntriesReader, Entry
from metering.store.results import ResultsReader
from metering.store.source import StoreSource


@dataclass(frozen=True, slots=True)
class Change:
    """Energy of one series over a span [ms UTC] before and after an entry [micro]."""

    point: str
    quantity: str
    start_ms: int
    end_ms: int
    before_micro: int
    after_micro: int


@dataclass(frozen=True, slots=True)
class Effect:
    """What an entry changes: energies, and the number of open items there; beside a bill, what was metered [micro]."""

    changes: tuple[Change, ...]
    open_before: int
    open_after: int
    metered_micro: int | None = None  # None where not all of the time is known


class _Proposed(EntriesReader):
    """The store's entries and one more."""

    def __init__(self, store: Path, entry: Entry) -> None:
        super().__init__(store)
        self._entry = entry

    def entries(self, kind: str | None = None) -> list[Entry]:
        """Every entry of a kind, the proposed one last."""
        return super().entries(kind) + ([self._entry] if kind in {None, self._entry.kind} else [])


def effect(config: SiteConfig, entry: Entry) -> Effect:
    """What an entry would change, computed from the readings; nothing is written."""
    now, then = StoreSource(config.store_dir), StoreSource(config.store_dir)
    then.entries = _Proposed(config.store_dir, entry)
    known = {one.id: one for one in then.entries.entries()}
    spans = {key: _shown(now, key, span) for key, span in touched(entry, known, now.series()).items()}
    results, days = ResultsReader(config.store_dir), calendar_of(config)
    states = [(_energies(Books(source, results, days), spans), _open(source, spans)) for source in (now, then)]
    (before, open_before), (after, open_after) = states
    changes = [Change(*key, *spans[key], before[key], after[key]) for key in spans if before[key] or after[key]]
    return Effect(tuple(changes), open_before, open_after, _metered(Books(now, results, days), entry))


def _metered(books: Books, entry: Entry) -> int | None:
    """What the meter counted over the time of a bill [micro]."""
    if entry.kind != "bill":
        return None
    body = entry.body
    found = books.intervals([(body["point"], body["quantity"])], body["start_ms"], body["end_ms"])
    (rows,) = found.values()
    asked = -(-body["end_ms"] // QUARTER_MS) - -(-body["start_ms"] // QUARTER_MS)
    known = len(rows) == asked and not bool((rows.flags & Flag.MISSING).any())
    return int(rows.energy.sum()) if known else None


def _shown(source: StoreSource, key: SeriesKey, span: tuple[int, int]) -> tuple[int, int]:
    """The whole quarter-hours from the reading before a span to the reading after it."""
    extent = Settler(source).extent(key) or span
    low, high = max(span[0], min(extent[0], span[1])), min(span[1], max(extent[1], span[0]))
    edges = source.ranges([key], low, low)[key].time_ms.tolist()[:1], source.ranges([key], high, high)[key].time_ms
    low, high = min([low, *edges[0]]), max([high, *edges[1].tolist()[-1:]])
    return low // QUARTER_MS * QUARTER_MS, (high // QUARTER_MS + 1) * QUARTER_MS


def _energies(books: Books, spans: Mapping[SeriesKey, tuple[int, int]]) -> dict[SeriesKey, int]:
    return {key: int(books.intervals([key], *span)[key].energy.sum()) for key, span in spans.items()}


def _open(source: StoreSource, spans: Mapping[SeriesKey, tuple[int, int]]) -> int:
    windows = list(Settler(source).settle(spans))
    items = {(key, item.before_ms) for window in windows for key, one in window.items() for item in one.open_items}
    return sum(key in spans and spans[key][0] <= at < spans[key][1] for key, at in items)


def write(config: SiteConfig, entry: Entry) -> None:
    """Audit and append an entry under the lock; StoreLockedError names who holds it."""
    enter(config, entry, "zcf correct")
