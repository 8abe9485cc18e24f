"""The factory's meter tree: roles, metering points, the site, and the checks a tree must pass."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction
from zoneinfo import ZoneInfo


class Role(StrEnum):
    """What a metering point stands for in the balance."""

    GRID = "grid"
    GENERATION = "generation"
    STORAGE = "storage"
    FUEL = "fuel"
    HEAT = "heat"
    LOAD = "load"
    AIR = "air"  # compressed air produced
    COOLING = "cooling"  # chilled water produced, stored
    PRODUCT = "product"  # units made
    AMBIENT = "ambient"  # weather


# Only what crosses the boundary, or is made or kept inside it, can be a line of the balance.
BOUNDARY_ROLES = frozenset({Role.GRID, Role.GENERATION, Role.STORAGE, Role.FUEL, Role.HEAT})


@dataclass(frozen=True, slots=True)
class MeteringPoint:
    """A place where energy is or could be measured (IEC 61968-9 UsagePoint); import-positive."""

    id: str
    role: Role
    carrier: str = "electricity"
    parent: str | None = None  # upstream metering point; None = on the site's boundary
    device: str | None = None  # None = virtual: the rest of its parent
    quantities: tuple[str, ...] = ()  # empty = everything its device measures
    name_zh: str = ""
    name_en: str = ""
    meter_class: str = "1"  # IEC 62053; the limit of error [% of reading]
    ct_ratio: Fraction = Fraction(1)
    rated_power_kw: float | None = None
    reversed: bool = False  # wired the other way round; undone once, in the collector
    commissioned: date | None = None
    area: str = ""
    equipment: str = ""  # points of one machine share it: the compressor's meter and its air flow
    end_use: str = ""
    activity: str = ""  # what is burnt or bought here: "natural_gas", "heat.purchased"

    def name(self, language: str) -> str:
        """The name in a reader's language, else the other one, else the id."""
        first, second = (self.name_zh, self.name_en) if language.startswith("zh") else (self.name_en, self.name_zh)
        return first or second or self.id


@dataclass(frozen=True, slots=True)
class Site:
    """What lies inside the organisational boundary (ISO 14064-1)."""

    id: str
    name_zh: str
    name_en: str
    timezone: str
    country: str
    region: str
    province: str
    fiscal_year_start: int
    points: tuple[MeteringPoint, ...]

    @property
    def zone(self) -> ZoneInfo:
        """The site's time zone."""
        return ZoneInfo(self.timezone)

    def name(self, language: str) -> str:
        """The name in a reader's language."""
        first, second = (self.name_zh, self.name_en) if language.startswith("zh") else (self.name_en, self.name_zh)
        return first or second or self.id

    def point(self, point_id: str) -> MeteringPoint:
        """The metering point of that id; KeyError otherwise."""
        for point in self.points:
            if point.id == point_id:
                return point
        raise KeyError(point_id)

    def children(self, point_id: str) -> tuple[MeteringPoint, ...]:
        """The points directly below one."""
        return tuple(p for p in self.points if p.parent == point_id)

    def boundary(self) -> tuple[MeteringPoint, ...]:
        """The points that make balance lines."""
        return tuple(p for p in self.points if p.parent is None and p.role in BOUNDARY_ROLES)

    def of_role(self, role: Role) -> tuple[MeteringPoint, ...]:
        """The points of one role, in the file's order."""
        return tuple(p for p in self.points if p.role is role)


def tree_faults(points: tuple[MeteringPoint, ...]) -> Iterator[tuple[str, str, str]]:
    """What is wrong with a meter tree: (point id, fault, mend)."""
    known = {p.id: p for p in points}
    for point_id, times in Counter(p.id for p in points).items():
        if times > 1:
            yield point_id, f"metering point {point_id!r} is declared {times} times", "give each point its own id"
    for point in points:
        yield from _point_faults(point, known)
    for point_id in _in_cycles(known):
        yield point_id, f"metering point {point_id!r} is its own ancestor", "break the circle of parents"


def _point_faults(point: MeteringPoint, known: dict[str, MeteringPoint]) -> Iterator[tuple[str, str, str]]:
    parent = known.get(point.parent or "")
    if point.parent is not None and parent is None:
        yield point.id, f"parent {point.parent!r} is not a metering point", "name a point of this file, or leave it out"
    if parent is not None and parent.carrier != point.carrier:
        yield (
            point.id,
            f"carrier {point.carrier!r} differs from its parent's {parent.carrier!r}",
            "a tree has one carrier: leave parent out and use `equipment` to tie them together",
        )
    if point.parent is None and point.role is Role.LOAD:
        yield point.id, "a load needs a parent", "name the metering point it is fed from"
    if point.device is None and point.parent is None:
        yield point.id, "a point on the boundary needs a device", "name its device, or give it a parent"


def _in_cycles(known: dict[str, MeteringPoint]) -> Iterator[str]:
    for start in known:
        seen: set[str] = set()
        here: str | None = start
        while here is not None and here in known and here not in seen:
            seen.add(here)
            here = known[here].parent
        if here == start:
            yield start
