"""How many of the meters that GB 17167 wants are there: the unit's own, its sub-units', its main equipment's."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Any

from analytics.terms import Sentence
from metering.site import BOUNDARY_ROLES, MeteringPoint, Role, Site


class Level(StrEnum):
    """Whose energy a meter counts: 用能单位, 次级用能单位, 主要用能设备 (GB 17167, 3.1 to 3.3)."""

    UNIT = "unit"
    SUB_UNIT = "sub_unit"
    EQUIPMENT = "equipment"


NAMES = {
    Level.UNIT: Sentence("用能单位", "the site itself"),
    Level.SUB_UNIT: Sentence("次级用能单位", "its sub-units"),
    Level.EQUIPMENT: Sentence("主要用能设备", "its main equipment"),
}


@dataclass(frozen=True, slots=True)
class Required:
    """One place where the standard wants a meter; the site declares it, a metering point or None fills it."""

    id: str
    level: Level
    carrier: str
    point: str | None


@dataclass(frozen=True, slots=True)
class Coverage:
    """Meters fitted over meters wanted, of one level and carrier."""

    level: Level
    carrier: str
    wanted: int
    fitted: int
    lacking: tuple[str, ...]

    @property
    def percent(self) -> float:
        """配备率 [%]."""
        return float(100 * Fraction(self.fitted, self.wanted))


def from_tree(site: Site) -> tuple[Required, ...]:
    """What the meter tree itself asks for: every boundary, every node below it, every load further down."""
    return tuple(
        Required(p.id, _level(site, p), p.carrier, p.id if p.device is not None else None)
        for p in site.points
        if p.role in BOUNDARY_ROLES | {Role.LOAD}
    )


def _level(site: Site, point: MeteringPoint) -> Level:
    if point.parent is None:
        return Level.UNIT
    return Level.SUB_UNIT if site.point(point.parent).parent is None else Level.EQUIPMENT


def coverage(site: Site, required: Iterable[Required]) -> tuple[Coverage, ...]:
    """The share of wanted meters that are fitted, for each level and carrier; a point without a device is no meter."""
    fitted = {p.id for p in site.points if p.device is not None}
    groups: dict[tuple[Level, str], list[Required]] = {}
    for one in required:
        groups.setdefault((one.level, one.carrier), []).append(one)
    found = []
    for (level, carrier), wanted in groups.items():
        lacking = tuple(r.id for r in wanted if r.point not in fitted)
        found.append(Coverage(level, carrier, len(wanted), len(wanted) - len(lacking), lacking))
    return tuple(sorted(found, key=lambda c: (list(Level).index(c.level), c.carrier)))


def coverage_document(found: Iterable[Coverage]) -> list[dict[str, Any]]:
    """The share of wanted meters that are fitted, by level and carrier, and where none is."""
    return [
        {"level": one.level.value, "name": NAMES[one.level].both(), "carrier": one.carrier, "wanted": one.wanted,
         "fitted": one.fitted, "percent": one.percent, "lacking": list(one.lacking)}
        for one in found
    ]  # fmt: skip
