"""A store with a ledger in it, for tests of what becomes of it when the disk fails."""

from pathlib import Path

from metering.reading import Column, GapReason, Lane, Poll, PollGap, PollGroup
from metering.store.readings import ReadingsWriter
from metering.store.readings_reader import ReadingsReader

TO_FORMAT_1 = (  # what came later goes
    "DROP TABLE state; DROP TABLE thinned; DROP TABLE loss; DROP TABLE damaged; ALTER TABLE poll DROP COLUMN seal;"
    "PRAGMA user_version=1;"
)
START_MS = 1_795_219_200_000  # 2026-11-21 00:00 UTC
_BOTH = (Column("grid", "active_power"), Column("grid", "active_energy_import"))
COUNTERS = PollGroup("meter", "energy", _BOTH, (), 1000, quarter=False, profile="p", profile_hash="h")
GAUGES = PollGroup("sky", "power", (Column("sky", "irradiance_poa"),), (), 1000, False, "p", "h")


def poll(group: int, epoch: int, tick: int, *, counter: bool) -> Poll:
    values: tuple[int | float | None, ...] = (float(tick), tick * 1000) if counter else (float(tick),)
    return Poll(group, START_MS + 1000 * tick, epoch, tick, Lane.CADENCE, values, b"\x00\x01" * 4)


def commit(writer: ReadingsWriter, epoch: int, first: int, ticks: int, *, batch: int = 100) -> None:
    """Ticks of both groups, every 97th of the first group a gap."""
    energy, gauges = writer.group(COUNTERS), writer.group(GAUGES)
    for start in range(first, first + ticks, batch):
        span = range(start, min(start + batch, first + ticks))
        gaps = [PollGap(energy, epoch, Lane.CADENCE, t, 1, START_MS + 1000 * t, START_MS + 1000 * (t + 1),
                        GapReason.TIMEOUT) for t in span if t % 97 == 96]  # fmt: skip
        polls = [poll(energy, epoch, t, counter=True) for t in span if t % 97 != 96]
        polls += [poll(gauges, epoch, t, counter=False) for t in span]
        ledger = {(epoch, number, Lane.CADENCE): span[-1] + 1 for number in (energy, gauges)}
        writer.commit(polls, gaps, (), ledger)


def made(store: Path, ticks: int = 3000) -> ReadingsWriter:
    writer = ReadingsWriter(store, "test")
    commit(writer, writer.open_epoch(START_MS), 0, ticks)
    return writer


def accounted(store: Path) -> dict[str, int]:
    """How many ticks of each device ended as a reading or in a gap."""
    reader = ReadingsReader(store)
    groups = reader.groups()
    return {groups[number].device: read + gap for (number, _), (read, gap) in reader.counts().items()}
