"""Polls of a small site with all in them that a store must keep: absent values, qualities, odd floats."""

import random
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from metering.quantity import Kind, quantity
from metering.reading import Column, Lane, Poll, PollGroup, Quality, SeriesKey
from metering.site import MeteringPoint, Role, Site
from metering.store.readings import ReadingsWriter

START_MS = 1_795_219_200_000  # 2026-11-21 00:00 UTC
ODD = (0.1, -0.0, 1 / 3, 5e-324, -1.7976931348623157e308, 1e17, 123456789.123456789, 230.10000610351562)

SITE = Site(
    "works", "工厂", "Works", "Asia/Shanghai", "CN", "", "", 1,
    (
        MeteringPoint("grid", Role.GRID, area="1# 车间, north = main"),
        MeteringPoint("pv.1", Role.GENERATION, equipment="inverter 7"),
        MeteringPoint("boiler", Role.FUEL, "gas", end_use="steam"),
        MeteringPoint("sky", Role.AMBIENT),
        MeteringPoint("line-1", Role.PRODUCT),
    ),
)  # fmt: skip


def group(device: str, *keys: SeriesKey) -> PollGroup:
    """A poll group of those series."""
    return PollGroup(device, "all", tuple(Column(*key) for key in keys), (), 1000, False, "test", "0")


GROUPS = (
    group("meter", ("grid", "active_power"), ("grid", "voltage_l1"), ("grid", "active_energy_import")),
    group("inverter", ("pv.1", "active_power"), ("sky", "irradiance_poa"), ("pv.1", "active_energy_export")),
    group("gas", ("boiler", "gas_volume"), ("boiler", "gas_flow"), ("boiler", "signal_quality")),
    group("counter", ("line-1", "product_count"), ("taken-out", "active_energy_import")),
)


@dataclass
class Sample:
    """A store under construction and all that went into it."""

    store: Path
    writer: ReadingsWriter
    random: random.Random
    odd: tuple[float, ...] = ODD
    largest: int = 2**32 * 10**6  # a counter stays below it [micro]
    polls: list[Poll] = field(default_factory=list)
    now_ms: int = START_MS

    def add(self, count: int, *, whole: bool = False) -> None:
        """Commit more polls, one of each group in turn."""
        fresh = [self._poll(n, whole=whole) for n in range(count)]
        self.polls += fresh
        self.writer.commit(fresh)

    def _poll(self, number: int, *, whole: bool) -> Poll:
        self.now_ms += self.random.choice((1, 7, 1000, 15_000))
        index = number % len(GROUPS)
        columns = GROUPS[index].columns
        values = tuple(None if not whole and self.random.random() < 0.2 else self._value(c) for c in columns)
        graded = not whole and self.random.random() < 0.3
        quality = bytes(self.random.choice(list(Quality)) for _ in columns) if graded else None
        number = self.writer.group(GROUPS[index])
        return Poll(number, self.now_ms, 1, len(self.polls), Lane.CADENCE, values, b"", quality)

    def _value(self, column: Column) -> int | float:
        if quantity(column.quantity).kind is Kind.GAUGE:
            single = struct.unpack("<f", struct.pack("<f", self.random.uniform(-500, 500)))[0]
            return float(self.random.choice((single, self.random.choice(self.odd), round(single, 1))))
        return self.random.choice((0, 1, self.random.randrange(10**6), self.random.randrange(self.largest)))

    def rows(self) -> dict[SeriesKey, list[tuple[int, int | float, int]]]:
        """What any source must answer: (time_ms, value, quality) of each series, oldest first."""
        return rows_of(self.polls, {self.writer.group(g): g for g in GROUPS})


def rows_of(polls: Iterable[Poll], groups: dict[int, PollGroup]) -> dict[SeriesKey, list[tuple[int, int | float, int]]]:
    """Polls as rows of series."""
    found: dict[SeriesKey, list[tuple[int, int | float, int]]] = {}
    for poll in polls:
        for index, column in enumerate(groups[poll.group].columns):
            value = poll.values[index]
            if value is not None:
                found.setdefault(column.key, []).append(
                    (poll.time_ms, value, poll.quality[index] if poll.quality else 0)
                )
    return found


def sampled(store: Path, seed: int, count: int = 400) -> Sample:
    """A store with polls in it, the last of each group whole."""
    return filled(Sample(store, ReadingsWriter(store, "test"), random.Random(seed)), count)


def filled(sample: Sample, count: int) -> Sample:
    """The same with polls in it, the last of each group whole."""
    sample.add(count)
    sample.add(len(GROUPS), whole=True)
    return sample
