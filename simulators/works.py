"""What the simulated works consist of: place, calendar, nodes and their ratings (pure; config reads plant.yaml)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

Kind = Literal[
    "grid", "feeder", "reflow", "placement", "process", "burn_in", "ventilation", "chiller", "pumps", "tower",
    "compressor", "dryer", "boiler", "charger", "office", "solar", "inverter", "battery",
    "air", "gas", "heat", "tank", "product", "weather",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """Where the works stand; the site's clock has no summer time."""

    latitude: float
    longitude: float
    utc_offset_s: int


@dataclass(frozen=True, slots=True)
class Calendar:
    """When people work: shifts [s of the local day], and days since 1970 that differ from their weekday."""

    shifts: tuple[tuple[int, int], ...]
    holidays: frozenset[int] = frozenset()
    makeup: frozenset[int] = frozenset()

    def works(self, day: int) -> bool:
        """Whether people work on that local day [days since 1970]."""
        weekend = (day + 3) % 7 >= 5  # day 0, 1970-01-01, was a Thursday
        return day in self.makeup or not (weekend or day in self.holidays)


@dataclass(frozen=True, slots=True)
class Node:
    """One thing in the works that a meter can be put on."""

    id: str
    kind: Kind
    parent: str | None = None
    rating: float = 0.0  # [kW]; compressors and chillers: electrical; solar: peak power of the modules [kWp]
    pf: float = 0.95
    voltage: float = 400.0  # phase to phase [V]
    line: int = 0  # SMT line
    recipe: str = ""  # of a product
    source: str = ""  # whose heat, air or product it is
    capacity: float = 0.0  # [kWh] of a battery or a tank, [units/h] of a product, [m³/h] of a compressor
    variable: bool = False  # a compressor's variable speed
    azimuth: float = 0.0  # of modules, from south, west positive [°]
    tilt: float = 10.0  # [°]
    commissioned: int = 0  # local day since 1970
    losses: float = 0.0  # of what flows through [fraction]
    retrofitted: int = 0  # local day since 1970 from which a compressor is the better one; 0: never
    improvement: float = 0.0  # of its power at equal flow, from that day on [fraction]
    base: Mapping[str, float] = field(default_factory=dict)  # counters on the anchor day [unit]


@dataclass(frozen=True, slots=True)
class Works:
    """The works as one value: with it and a time everything is determined."""

    seed: int
    place: Place
    calendar: Calendar
    anchor: int  # local day since 1970 from which the counters rise from their bases
    nodes: tuple[Node, ...]

    def with_seed(self, seed: int) -> "Works":
        """The same works under another sky."""
        return replace(self, seed=seed)

    def of(self, *kinds: Kind) -> tuple[Node, ...]:
        """The nodes of some kinds, in order."""
        return tuple(n for n in self.nodes if n.kind in kinds)

    def below(self, node_id: str) -> tuple[Node, ...]:
        """The nodes directly below one."""
        return tuple(n for n in self.nodes if n.parent == node_id)
