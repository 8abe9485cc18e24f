"""A workshop or a line as a site of its own, so that the same flows, balance and criteria judge it.

What a part of a factory takes comes from the factory's bus, with the mix that the bus had in the same quarter-hour: of
import and own generation used on site, each part takes the same share. So the parts and the rest are the whole.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce

import numpy as np

from analytics.flows import EXPORT, IMPORT, Flow, Flows, Series, flows, on_grid
from analytics.intervals import Intervals, empty
from analytics.postings import Settings
from analytics.terms import Sentence
from metering.reading import SeriesKey
from metering.site import MeteringPoint, Role, Site

INLET, OWN = "inlet", "own"
IN_TREE = frozenset({Role.LOAD, Role.GENERATION, Role.STORAGE})


@dataclass(frozen=True, slots=True)
class Boundary:
    """A part of a factory: what it takes passes its inlets, and what else belongs to it."""

    id: str
    name: Sentence
    level: str  # workshop or line
    inlets: tuple[MeteringPoint, ...]
    inside: tuple[MeteringPoint, ...]  # inlets and what is below them, and what shares its area or its equipment


def boundaries(site: Site) -> tuple[Boundary, ...]:
    """Every workshop (area) and every load that has meters below it or a machine of its own."""
    loads = [p for p in site.points if p.role is Role.LOAD and p.carrier == "electricity"]
    areas = {p.area: None for p in loads if p.area}
    return (*(_workshop(site, loads, area) for area in areas), *(_line(site, p) for p in loads if _is_line(p, loads)))


def _is_line(point: MeteringPoint, loads: list[MeteringPoint]) -> bool:
    return bool(point.equipment) and any(p.id == point.parent for p in loads)


def _workshop(site: Site, loads: list[MeteringPoint], area: str) -> Boundary:
    areas = {p.id: p.area for p in loads}
    tops = tuple(p for p in loads if p.area == area and areas.get(p.parent or "") != area)
    inside = {p.id for top in tops for p in _below(site, top)}
    named = tuple(p for p in site.points if p.id in inside or (p.area == area and p.role is not Role.GRID))
    name = Sentence(tops[0].name("zh"), tops[0].name("en")) if len(tops) == 1 else Sentence(area, area)
    return Boundary(area, name, "workshop", tops, named)


def _line(site: Site, point: MeteringPoint) -> Boundary:
    inside = {p.id for p in _below(site, point)}
    beside = {p.id for p in site.points if p.equipment == point.equipment and p.role not in IN_TREE}
    named = tuple(p for p in site.points if p.id in inside | beside)
    return Boundary(point.id, Sentence(point.name("zh"), point.name("en")), "line", (point,), named)


def _below(site: Site, top: MeteringPoint) -> list[MeteringPoint]:
    return [top, *(p for child in site.children(top.id) for p in _below(site, child))]


def flows_within(whole: Flows, part: Boundary) -> Flows:
    """The flows of a part over the same quarter-hours, computed by the same function as those of the factory."""
    site = _site(whole.site, part)
    given = {p.id for p in part.inside}
    series: dict[SeriesKey, Intervals] = {key: one for key, one in whole.series.items() if key[0] in given}
    series |= _supply(whole, part)
    start = int(whole.start_ms[0]) if len(whole.start_ms) else 0
    return flows(site, series, start, whole.end_ms)


def _site(site: Site, part: Boundary) -> Site:
    inlets, given = {p.id for p in part.inlets}, {p.id for p in part.inside}
    grid = next(iter(site.of_role(Role.GRID)), None)
    activity = grid.activity if grid else "electricity.grid"
    device, first = part.inlets[0].device, part.inlets[0]
    inlet = MeteringPoint(
        INLET, Role.GRID, device=device, name_zh=part.name.zh, name_en=part.name.en, meter_class=first.meter_class,
        activity=activity,
    )  # fmt: skip
    own = MeteringPoint(OWN, Role.GENERATION, parent=INLET, device=device, meter_class=first.meter_class)
    kept = (
        replace(p, parent=INLET if p.id in inlets else p.parent if p.parent in given else None) for p in part.inside
    )
    return replace(site, id=part.id, name_zh=part.name.zh, name_en=part.name.en, points=(inlet, own, *kept))


def _supply(whole: Flows, part: Boundary) -> Series:
    """What the inlets took, parted into import and own generation by the factory's mix of the quarter-hour."""
    taken = _taken(whole, part)
    supply = whole.grid_import.energy + whole.self_use.energy
    mix = np.divide(whole.self_use.energy, supply, out=np.zeros(len(supply)), where=supply > 0)
    own = np.rint(taken.energy * mix).astype(np.int64)
    placed = np.rint(taken.placed * mix).astype(np.int64)
    flags = taken.flags | whole.grid_import.flags | whole.self_use.flags
    return {
        (INLET, IMPORT[0]): Intervals(whole.start_ms, taken.energy - own, taken.placed - placed, flags),
        (OWN, EXPORT[0]): Intervals(whole.start_ms, own, placed, flags),
    }


def _taken(whole: Flows, part: Boundary) -> Flow:
    nothing = on_grid(empty(), whole.start_ms, "kWh")  # a meter that was never read: unknown, never zero
    return reduce(Flow.__add__, [whole.points.get(p.id, nothing) for p in part.inlets])


def settings_within(settings: Settings, whole: Flows, part: Flows) -> Settings:
    """Certificates by the part's share of the factory's import; credits and what is recorded stay the factory's."""
    bought, mine = whole.grid_import.total().micro, part.grid_import.total().micro
    share = min(Fraction(1), max(Fraction(0), Fraction(mine, bought))) if bought > 0 else Fraction(0)
    held = tuple(replace(i, volume_micro=int(i.volume_micro * share)) for i in settings.instruments)
    return replace(settings, instruments=held, credits=(), recorded=(), attributes_sold={})
