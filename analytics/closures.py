"""Where a tree of meters must close: at each node what goes in, what comes out, and the quarter-hours known of both."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from analytics.flows import Flow, Flows
from analytics.grid import Mask
from analytics.intervals import Flag
from metering.site import MeteringPoint, Role

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Closure:
    """One node: Σ sign × meter is what is lost or not metered there, and so never less than nothing."""

    node: str
    signs: Mapping[str, int]  # meter -> +1 into the node, −1 out of it
    inflow: Float  # what the node carries per quarter-hour [unit]
    meters: Mapping[str, Float]  # per quarter-hour [unit]; only where all are known
    cells: NDArray[np.intp]  # which quarter-hours of the grid these are

    @property
    def rest(self) -> Float:
        """What is lost or not metered per quarter-hour [unit]."""
        return reduce(np.add, (sign * self.meters[name] for name, sign in self.signs.items()))


def closures(flows: Flows) -> tuple[Closure, ...]:
    """Every node whose meters are all there; one with a virtual point has no balance of its own to keep."""
    found = (_closure(flows, node, signs) for node, signs in _nodes(flows))
    return tuple(one for one in found if one is not None)


def _nodes(flows: Flows) -> Iterator[tuple[str, dict[str, int]]]:
    site = flows.site
    inlets = [p for p in site.of_role(Role.GRID) if p.parent is None]
    if inlets:
        ids = {p.id for p in inlets}
        around = [p for p in site.points if p.parent in ids or (p.parent is None and _on_bus(p))]
        yield inlets[0].id, {p.id: _sign(p) for p in around}
    for point in site.points:
        below = site.children(point.id)
        if point not in inlets and below:
            into = -1 if point.role is Role.GENERATION else 1
            yield point.id, {point.id: into} | {p.id: -into for p in below}


def _on_bus(point: MeteringPoint) -> bool:
    return point.carrier == "electricity" and point.role in {Role.GRID, Role.GENERATION, Role.STORAGE}


def _sign(point: MeteringPoint) -> int:
    return 1 if point.role in {Role.GRID, Role.GENERATION} else -1


def _measured(flow: Flow) -> Mask:
    """Where both ends of the quarter-hour were read: what was interpolated has no profile of its own."""
    return np.asarray(flow.known & ((flow.flags & (Flag.PROVISIONAL | Flag.PLACED | Flag.SUBSTITUTED)) == 0), np.bool_)


def _closure(flows: Flows, node: str, signs: Mapping[str, int]) -> Closure | None:
    points = {p.id: p for p in flows.site.points}
    if any(points[name].device is None or name not in flows.points for name in signs):
        return None
    if len(signs) < 2 or len({flows.points[name].unit for name in signs}) > 1:
        return None
    known = reduce(np.logical_and, (_measured(flows.points[name]) for name in signs))
    meters = {name: flows.points[name].energy[known] / 10**6 for name in signs}
    into = [np.abs(meters[name]) for name, sign in signs.items() if sign > 0]
    return Closure(node, signs, reduce(np.add, into), meters, np.flatnonzero(known)) if known.any() else None
