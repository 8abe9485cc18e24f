"""The meter tree: what a node took in against what its children used, and how far the meters' classes explain it."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from analytics.flows import Flow, Flows
from analytics.terms import Status
from metering.site import MeteringPoint, Role

# Limits of error of the MID classes [% of reading]; IEC 62053 classes are their own limit. From memory.
_MID: Mapping[str, float] = MappingProxyType({"A": 2.0, "B": 1.0, "C": 0.5})
_UNKNOWN_CLASS = 2.0  # [%], assumed where a class is not stated
CT_LIMIT = 0.5  # [% of reading], a class 0.5 measuring transformer near its rated current (IEC 61869-2); assumed


@dataclass(frozen=True, slots=True, eq=False)
class Residual:
    """What one node took in and its children did not account for, over the quarter-hours where all are known."""

    node: str
    children: tuple[str, ...]
    unit: str
    inflow: int  # [micro]
    metered: int  # [micro]
    per_interval: NDArray[np.int64]  # [micro]; 0 where not all are known
    tolerance: int  # what the meters' classes allow, 95 % [micro]
    status: Status  # assumed where a class is not known
    cells: int
    known: int
    rest: str = ""  # the virtual point that takes what is left

    @property
    def total(self) -> int:
        """Inflow − metered [micro]; positive is unmetered use, negative is impossible and so a meter's error."""
        return self.inflow - self.metered

    @property
    def percent(self) -> float | None:
        """The residual as a share of the inflow [%]."""
        return 100 * (self.total / self.inflow) if self.inflow else None

    @property
    def within(self) -> bool:
        """Do the meters' classes explain it; where a virtual point takes the rest, only less than nothing is wrong."""
        return -self.tolerance <= self.total and (bool(self.rest) or self.total <= self.tolerance)


def residuals(flows: Flows) -> tuple[Residual, ...]:
    """One residual a node that has metered children; all grid meters feed one bus."""
    return tuple(_residuals(flows))


def _residuals(flows: Flows) -> Iterator[Residual]:
    inlets = [p for p in flows.site.of_role(Role.GRID) if p.parent is None]
    loads = [c for p in inlets for c in flows.site.children(p.id) if c.role not in {Role.GENERATION, Role.STORAGE}]
    if inlets:
        sides = [p for p in flows.site.points if p in inlets or _beside(p, {i.id for i in inlets})]
        yield from _node(flows, inlets[0].id, flows.consumption, sides, loads)
    for point in flows.site.points:
        if point not in inlets and point.id in flows.points:
            yield from _node(flows, point.id, flows.points[point.id], [point], flows.site.children(point.id))


def _beside(point: MeteringPoint, inlets: set[str]) -> bool:
    return point.role in {Role.GENERATION, Role.STORAGE} and (point.parent is None or point.parent in inlets)


def _node(
    flows: Flows, node: str, inflow: Flow, sides: Sequence[MeteringPoint], below: Sequence[MeteringPoint]
) -> Iterator[Residual]:
    metered = [p for p in below if p.device is not None and p.id in flows.points]
    metered = [p for p in metered if flows.points[p.id].unit == inflow.unit]
    if not metered or any(p.device is not None and p.id not in flows.points for p in below):
        return
    used = reduce(Flow.__add__, (flows.points[p.id] for p in metered))
    if all(p.role is Role.GENERATION for p in metered):  # what the inverters give comes in, the meter above takes it on
        inflow, used = used, inflow
    known = inflow.known & used.known
    rest = np.where(known, inflow.energy - used.energy, 0)
    meters = [*sides, *metered]
    sizes = [abs(int(flows.points[p.id].energy[known].sum())) for p in meters if p.id in flows.points]
    limits = [reading_limit(p) for p in meters if p.id in flows.points]
    yield Residual(
        node, tuple(p.id for p in metered), inflow.unit, int(inflow.energy[known].sum()), int(used.energy[known].sum()),
        rest, tolerance(sizes, [limit for limit, _ in limits]),
        Status.ASSUMED if any(status is Status.ASSUMED for _, status in limits) else Status.FOUND,
        len(rest), int(np.count_nonzero(known)), next((p.id for p in below if p.device is None), ""),
    )  # fmt: skip


def class_limit(meter_class: str) -> tuple[float, Status]:
    """The limit of error a meter class allows [% of reading], and how sure that is (IEC 62053, MID)."""
    text = meter_class.strip().upper().removesuffix("S")
    if text in _MID:
        return _MID[text], Status.MEMORY
    try:
        return float(text), Status.FOUND
    except ValueError:
        return _UNKNOWN_CLASS, Status.ASSUMED


def reading_limit(point: MeteringPoint) -> tuple[float, Status]:
    """What class and current transformer allow together [% of reading]: two rectangles, added as squares."""
    limit, status = class_limit(point.meter_class)
    return (limit, status) if point.ct_ratio == 1 else (math.hypot(limit, CT_LIMIT), Status.ASSUMED)


def tolerance(sizes: Sequence[int], limits: Sequence[float]) -> int:
    """Expanded uncertainty of a sum of readings [micro]: rectangular limits ±a give u = a/√3, k = 2 (GUM)."""
    variance: float = sum((size * limit / 100) ** 2 / 3 for size, limit in zip(sizes, limits, strict=True))
    return round(2 * math.sqrt(variance))
