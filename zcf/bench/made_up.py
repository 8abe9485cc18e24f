"""The made-up readings of `zcf bench store`: a formula of tick and series, exact as float64, alike for every store."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metering.quantity import Kind, quantity
from metering.reading import SeriesKey

QUARTER_MS = 900_000
MONTH_MS = 1_790_812_800_000  # 2026-10-01 UTC
NAMES = (
    "active_energy_import", "active_energy_export", "reactive_energy_import", "reactive_energy_export",
    "apparent_energy", "active_power", "reactive_power", "voltage_l1", "current_l1", "frequency",
)  # fmt: skip
COUNTERS = tuple(quantity(name).kind is not Kind.GAUGE for name in NAMES)
Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Plan:
    """How much: devices with ten series each, and the quarter-hours of the month that lie there beforehand."""

    devices: int
    month: int

    @property
    def series(self) -> int:
        """Devices x ten."""
        return self.devices * len(NAMES)

    def series_keys(self) -> list[SeriesKey]:
        """(point, quantity), in the order of the matrix."""
        return [(f"p{device:03}", name) for device in range(self.devices) for name in NAMES]

    def times(self, first: int, count: int) -> NDArray[np.int64]:
        """The stamps of ticks [ms UTC]."""
        return MONTH_MS + np.arange(first, first + count, dtype=np.int64) * QUARTER_MS

    def values(self, first: int, count: int) -> Matrix:
        """Ticks x series: counters in whole micro units, gauges with two decimals; exact as float64."""
        tick = np.arange(first, first + count, dtype=np.int64)[:, None]
        series = np.arange(self.series, dtype=np.int64)[None, :]
        noise = (tick * 7919 + series * 104_729 + tick * series) % 100_003
        counter = 10**10 * (series + 1) + tick * (1_000_000 + 7 * series) + noise
        whole = np.tile(np.array(COUNTERS), self.devices)[None, :]
        return np.where(whole, counter.astype(np.float64), noise / 100.0)
