"""How many polls were due, by the site file and the clock alone, against what the store accounts for."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from collector.points import ModbusPoint
from collector.profile import DeviceProfile, load_profile
from metering.quantity import Kind, quantity
from metering.reading import Lane
from metering.sitefile import Device, SiteConfig
from metering.store.readings_reader import Epoch, ReadingsReader
from zcf.judging.words import seen_from

QUARTER_MS = 900_000
UNLESS_TOLD_MS = {"power": 5_000, "energy": 60_000, "status": 60_000}
POLLED = frozenset({Lane.CADENCE, Lane.QUARTER})


@dataclass(frozen=True, slots=True)
class Ticks:
    """Polls due, read and missed; `open_epochs` counts spans that nobody closed, whose due polls cannot be told."""

    due: int
    read: int
    gap: int
    reasons: Mapping[str, int] = field(default_factory=dict)
    open_epochs: int = 0

    @property
    def right(self) -> bool:
        """Whether every due poll ended as a reading or inside a gap."""
        return self.due == self.read + self.gap and not self.open_epochs

    def body(self) -> dict[str, Any]:
        """As JSON."""
        return {"due": self.due, "read": self.read, "gap": self.gap, "reasons": dict(self.reasons),
                "open_epochs": self.open_epochs}  # fmt: skip


def profiles_of(config: SiteConfig) -> dict[str, DeviceProfile]:
    """The profile of each device of a site."""
    own = config.path.parent / "profiles"
    known = {name: load_profile(name, own) for name in {device.profile for device in config.file.devices}}
    return {device.id: known[device.profile] for device in config.file.devices}


def count_ticks(config: SiteConfig, reader: ReadingsReader) -> Ticks:
    """The ticks of every epoch of a store."""
    epochs = reader.epochs()
    profiles = profiles_of(config)
    classes = [row for device in config.file.devices for row in _classes(config, device, profiles[device.id])]
    due = sum(_due(epoch, cadence_ms, quarter=quarter) for epoch in epochs for cadence_ms, quarter in classes)
    accounted = [pair for (_, lane), pair in reader.counts().items() if lane in POLLED]
    reasons: Counter[str] = Counter()
    polls, _ = reader.gaps(0, 2**62)
    for gap in polls:
        if gap.lane in POLLED:
            reasons[gap.reason.value] += gap.ticks
    return Ticks(
        due, sum(read for read, _ in accounted), sum(missed for _, missed in accounted), reasons,
        sum(epoch.stop_ms is None for epoch in epochs),
    )  # fmt: skip


def _due(epoch: Epoch, cadence_ms: int, *, quarter: bool) -> int:
    """Ticks at start, start + P, ... before the stop, and the UTC quarters strictly between start and stop."""
    if epoch.stop_ms is None:
        return 0
    ticks = -((epoch.start_ms - epoch.stop_ms) // cadence_ms)
    quarters = -(-epoch.stop_ms // QUARTER_MS) - epoch.start_ms // QUARTER_MS - 1
    return ticks + (max(0, quarters) if quarter else 0)


def _classes(config: SiteConfig, device: Device, profile: DeviceProfile) -> Iterator[tuple[int, bool]]:
    """The cadence classes that a polled device's metering points make use of: (period [ms], does it hold a counter)."""
    held: dict[str, bool] = {}
    for point in config.points_of(device.id):
        for told in _wanted(profile.registers, point):
            held[told.cadence] = held.get(told.cadence, False) or quantity(told.quantity).kind is Kind.COUNTER
    for name, counter in held.items():
        yield device.every.get(name, UNLESS_TOLD_MS[name]), counter


def _wanted(registers: Iterable[ModbusPoint], point: Any) -> Iterator[ModbusPoint]:
    return (p for p in registers if not point.quantities or seen_from(point, p.quantity) in point.quantities)
