"""The site's energy over a common grid of quarter-hours: import, export, generation, storage, self-use, consumption.

Integers in 1e-6 of the unit, added exactly. What is not known is flagged, never zero and never guessed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from analytics.fuel_paths import PATHS
from analytics.grid import Amount, Flow, Int, Uncounted, grid, on_grid
from analytics.intervals import Flag, Intervals
from analytics.terms import Sentence
from metering.period import QUARTER_MS
from metering.quantity import QUANTITIES
from metering.reading import SeriesKey
from metering.site import MeteringPoint, Role, Site

__all__ = [
    "Activity", "Amount", "Flow", "Flows", "Uncounted", "flows", "grid", "on_grid", "self_used",
    "settled_until", "source_scope",
]  # fmt: skip

Series = Mapping[SeriesKey, Intervals]

IMPORT = ("active_energy_import", "active_energy")
EXPORT = ("active_energy_export",)
MADE = ("active_energy_export", "active_energy")
FUEL = ("gas_volume", "gas_amount", "fuel_mass", "fuel_volume")
HEAT = ("heat_energy", "heat_amount")
OTHER = (
    *FUEL,
    *HEAT,
    "cooling_energy",
    "air_volume",
    "water_volume",
    "water_amount",
    "product_count",
    "product_amount",
)


@dataclass(frozen=True, slots=True, eq=False)
class Activity:
    """What one boundary point took in that causes emissions."""

    point: str
    activity: str  # "electricity.grid", "natural_gas", "heat.purchased"
    quantity: str
    flow: Flow


@dataclass(frozen=True, slots=True, eq=False)
class Flows:
    """Everything that crossed the boundary or was made or kept inside, per quarter-hour; electricity in [kWh]."""

    site: Site
    start_ms: Int
    grid_import: Flow
    grid_export: Flow
    generation: Flow
    charge: Flow
    discharge: Flow
    self_use: Flow  # generation not exported; export is taken first from generation, quarter by quarter
    consumption: Flow  # import + generation − export + discharge − charge
    activities: tuple[Activity, ...]
    points: Mapping[str, Flow]  # through each point, in its own unit
    series: Series
    faults: tuple[Uncounted, ...]

    @property
    def end_ms(self) -> int:
        """The end of the last quarter-hour [ms UTC]."""
        return int(self.start_ms[-1]) + QUARTER_MS if len(self.start_ms) else 0

    @property
    def site_use(self) -> Flow:
        """What the site took, storage losses included: consumption + charge − discharge [kWh]."""
        return self.consumption + self.charge - self.discharge

    def flow(self, point: str, names: Iterable[str]) -> Flow | None:
        """The first of several quantities that a point has, on the grid."""
        found = next((n for n in names if (point, n) in self.series), None)
        return None if found is None else on_grid(self.series[(point, found)], self.start_ms, QUANTITIES[found].unit)

    @property
    def complete(self) -> bool:
        """Is everything at the boundary known over the whole grid."""
        return not any(f.incomplete for f in self.faults)


def settled_until(site: Site, series: Series) -> int | None:
    """The end of the last quarter-hour that every boundary series has settled [ms UTC]; None without any."""
    boundary = {p.id for p in site.boundary()}
    ends = []
    for (point, quantity), one in series.items():
        if point in boundary and quantity in {*IMPORT, *EXPORT, *FUEL, *HEAT}:
            firm = one.start_ms[(one.flags & Flag.PROVISIONAL) == 0]
            ends.append(int(firm[-1]) + QUARTER_MS if len(firm) else 0)
    return min(ends, default=None)


def flows(site: Site, series: Series, start_ms: int, end_ms: int) -> Flows:
    """The flows of [start, end) from settled intervals of (point, quantity) [micro]."""
    at = grid(start_ms, end_ms)
    faults: list[Uncounted] = []
    reader = _Reader(series, at, faults)
    inlets, made, stores = _on_bus(site, Role.GRID), _on_bus(site, Role.GENERATION), _on_bus(site, Role.STORAGE)
    imported = reader.sum(inlets, IMPORT, required=True)
    exported = reader.sum(inlets, EXPORT)
    generated = reader.sum(made, MADE, required=True)
    charge, discharge = reader.sum(stores, IMPORT, required=True), reader.sum(stores, EXPORT, required=True)
    consumption = imported + generated - exported + discharge - charge
    activities = tuple(_activities(site, reader))
    points = _through(site, reader, consumption)
    return Flows(
        site, at, imported, exported, generated, charge, discharge, self_used(generated, exported), consumption,
        activities, points, series, tuple(faults),
    )  # fmt: skip


def self_used(generated: Flow, exported: Flow) -> Flow:
    """Per quarter-hour, generation less export; export is taken first from generation."""
    energy = generated.energy - np.minimum(generated.energy, exported.energy)
    return Flow(
        energy, np.minimum(energy, generated.placed + exported.placed), generated.flags | exported.flags, generated.unit
    )


class _Reader:
    """Series on the grid, and the faults met on the way."""

    def __init__(self, series: Series, at: Int, faults: list[Uncounted]) -> None:
        self.series, self.at, self.faults = series, at, faults

    def zero(self, unit: str = "kWh", flag: int = 0) -> Flow:
        """Nothing at all, or with MISSING: nothing known."""
        none = np.zeros(len(self.at), np.int64)
        return Flow(none, none, np.full(len(self.at), flag, np.uint8), unit)

    def one(self, point: MeteringPoint, names: Sequence[str]) -> Flow | None:
        """The first of the named quantities that the point has."""
        found = next((n for n in names if (point.id, n) in self.series), None)
        if found is None:
            return None
        return on_grid(self.series[(point.id, found)], self.at, QUANTITIES[found].unit)

    def sum(self, points: Iterable[MeteringPoint], names: Sequence[str], *, required: bool = False) -> Flow:
        """The flow through several points; a required or declared register that is silent is a fault."""
        return reduce(Flow.__add__, [self._checked(p, names, required=required) for p in points], self.zero())

    def _checked(self, point: MeteringPoint, names: Sequence[str], *, required: bool) -> Flow:
        flow = self.one(point, names)
        if flow is None and not required and not set(names) & set(point.quantities):
            return self.zero()  # it has no such register
        if flow is None:
            self.faults.append(_silent(point, names[0]))
            return self.zero(flag=Flag.MISSING)
        self.check(point, flow)
        return flow

    def check(self, point: MeteringPoint, flow: Flow) -> None:
        """Say which part of the grid is not known, and what cannot be true."""
        lacking = int(np.count_nonzero(~flow.known))
        if lacking:
            self.faults.append(_gappy(point, lacking, len(self.at)))
        if int(flow.energy.min(initial=0)) < 0:
            self.faults.append(_negative(point))


def _on_bus(site: Site, role: Role) -> list[MeteringPoint]:
    """The points of one role at the site's bus: on the boundary, or straight behind a grid meter."""
    inlets = {p.id for p in site.of_role(Role.GRID)}
    return [p for p in site.of_role(role) if p.parent is None or (role is not Role.GRID and p.parent in inlets)]


def _activities(site: Site, reader: _Reader) -> Iterable[Activity]:
    for point in site.boundary():
        names, activity = _cause(point)
        if not activity:
            continue
        found = next((n for n in names if (point.id, n) in reader.series), None)
        if found is None:
            if point.role is not Role.GRID:  # for a grid point this was said with the import
                reader.faults.append(_silent(point, names[0]))
            continue
        flow = on_grid(reader.series[(point.id, found)], reader.at, QUANTITIES[found].unit)
        if point.role is not Role.GRID:
            reader.check(point, flow)
        _note_second_path(point, names, found, reader)
        yield Activity(point.id, activity, found, flow)


def source_scope(point: MeteringPoint) -> int:
    """The scope of what a boundary point takes in; 0 for what causes no emission."""
    return 0 if not _cause(point)[1] else 1 if point.role is Role.FUEL else 2


def _cause(point: MeteringPoint) -> tuple[Sequence[str], str]:
    """The quantities that count at a boundary point and the activity they are; "" for what causes no emission."""
    if point.role is Role.GRID:
        return IMPORT, point.activity or "electricity.grid"
    if point.role is Role.FUEL:
        return FUEL, point.activity or point.carrier
    if point.role is Role.HEAT:
        activity = point.activity or "heat.purchased"
        return HEAT, activity if activity == "heat.purchased" else ""  # own or recovered heat is not bought
    return (), ""


def _note_second_path(point: MeteringPoint, names: Sequence[str], used: str, reader: _Reader) -> None:
    """The same energy measured twice is counted once (GB/T 32151: one input path a fuel)."""
    second = [n for n in names if n != used and (point.id, n) in reader.series]
    if second:
        text = Sentence(
            f"{point.name('zh')}：{used} 已计入，{'、'.join(second)} 仅作核对，未重复计入。",
            f"{point.name('en')}: {used} is counted; {', '.join(second)} is a cross-check and not counted again.",
        )
        paths = {PATHS.get(QUANTITIES[name].unit) for name in (used, *second)}
        reader.faults.append(Uncounted(point.id, text + _excluding() if len(paths) > 1 else text, len(paths) > 1))


def _excluding() -> Sentence:
    return Sentence("两种途径互斥，请只保留一种。", "These paths exclude each other: keep one of the two.")


def _through(site: Site, reader: _Reader, consumption: Flow) -> Mapping[str, Flow]:
    """The flow through every point; a virtual point is the rest of its parent."""
    through = {p.id: flow for p in site.points if (flow := _own(p, reader)) is not None}
    for point in site.points:
        if point.device is None and point.parent is not None and point.id not in through:
            siblings = [p for p in site.children(point.parent) if p.id != point.id]
            parent = site.point(point.parent)
            inflow = consumption if parent.role is Role.GRID else through.get(parent.id)
            if inflow is not None and all(p.id in through for p in siblings):
                used = [through[p.id] for p in siblings if p.role not in {Role.GENERATION, Role.STORAGE}]
                through[point.id] = reduce(Flow.__sub__, used, inflow)
    return through


def _own(point: MeteringPoint, reader: _Reader) -> Flow | None:
    if point.carrier != "electricity":
        return reader.one(point, OTHER)
    if point.role is Role.GENERATION:
        return reader.one(point, MADE)
    taken, given = reader.one(point, IMPORT), reader.one(point, EXPORT)
    if taken is None or given is None:
        return taken
    return taken - given


def _silent(point: MeteringPoint, quantity: str) -> Uncounted:
    return Uncounted(
        point.id,
        Sentence(f"{point.name('zh')}：没有 {quantity} 数据。", f"{point.name('en')}: there is no {quantity} at all."),
    )


def _gappy(point: MeteringPoint, lacking: int, cells: int) -> Uncounted:
    return Uncounted(
        point.id,
        Sentence(
            f"{point.name('zh')}：{cells:,} 个 15 分钟中有 {lacking:,} 个能量未知。",
            f"{point.name('en')}: the energy of {lacking:,} of {cells:,} quarter-hours is not known.",
        ),
    )


def _negative(point: MeteringPoint) -> Uncounted:
    return Uncounted(
        point.id,
        Sentence(f"{point.name('zh')}：出现负能量。", f"{point.name('en')}: negative energy, which cannot be."),
    )
