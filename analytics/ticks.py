"""Which ticks each group of polls was due, and how many of them ended as a gap: the ledger of the store as rows."""

from collections.abc import Iterator, Mapping

from analytics.quality import Accounted, accounted_ticks
from metering.reading import Lane, PollGroup
from metering.store.readings_reader import ReadingsReader


def accounted(reader: ReadingsReader, groups: Mapping[int, PollGroup]) -> Iterator[Accounted]:
    """Due ticks and gaps of every group that is polled."""
    starts = {epoch.id: epoch.start_ms for epoch in reader.epochs()}
    last = reader.last_times()
    ticks: dict[int, int] = {}
    for epoch, group, lane, next_tick in reader.ledger():
        if lane is not Lane.MESSAGE:
            ticks[group] = ticks.get(group, 0) + accounted_ticks(lane, next_tick, starts[epoch])
    missed = reader.gap_ticks()
    for number, count in ticks.items():
        yield Accounted(groups[number], count, missed.get(number, 0), last.get(number))
