"""How sure a total of energy is: meter class, current transformers and placed energy, meters shared kept together.

GUM eq. 16 with r = 1 inside a meter and r = 0 between meters; every cause has rectangular limits ±a, u = a/√3. The
half 95 % interval is that of the sum of these rectangles, exactly, not 2u: of one meter alone it is 0.95 a.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from analytics.flows import EXPORT, IMPORT, MADE, Flows
from analytics.grid import Flow, Mask
from analytics.intervals import Flag
from analytics.terms import Status, weakest
from analytics.tree import CT_LIMIT, class_limit
from metering.site import MeteringPoint, Role

LEVEL = 0.95
_STEP, _LAST = 0.005, 200.0  # of the characteristic function's argument, in units of 1/u
_GONE = 8.0  # standard deviations after which a normal's characteristic function is below 1e-13


@dataclass(frozen=True, slots=True)
class Part:
    """One cause of error that all of a group shares: the total may be off by ±limit for it."""

    cause: str  # "class" | "ct" | "placed"
    group: str  # the device, or the point whose readings lacked
    limit: float  # half width of the rectangle [unit of the total]
    status: Status


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """A total with its uncertainty and what it is made of."""

    name: str
    micro: int
    unit: str
    parts: tuple[Part, ...]
    lacking: int  # quarter-hours not known, which no uncertainty covers

    @property
    def value(self) -> float:
        """[unit]."""
        return self.micro / 10**6

    @property
    def standard(self) -> float:
        """Combined standard uncertainty [unit]."""
        return math.sqrt(math.fsum(p.limit**2 for p in self.parts) / 3)

    @property
    def half(self) -> float:
        """Half the 95 % interval [unit]."""
        return half_interval([p.limit for p in self.parts])

    @property
    def percent(self) -> float | None:
        """Half the 95 % interval as a share of the total [%]."""
        return 100 * self.half / abs(self.value) if self.micro else None

    @property
    def status(self) -> Status:
        """The weakest limit it rests on."""
        return weakest(p.status for p in self.parts)


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """How one register enters a total: its point, its sign, and its flow over the grid."""

    point: MeteringPoint
    sign: int
    flow: Flow


def total(name: str, shares: Sequence[Share], cells: Mask | None = None) -> Uncertainty:
    """The uncertainty of Σ sign × register over some quarter-hours of the grid; all when none are named."""
    size = len(shares[0].flow.energy) if shares else 0
    chosen = np.ones(size, np.bool_) if cells is None else cells
    sums = [s.sign * int(s.flow.energy[chosen].sum()) for s in shares]
    parts = [*_metered(shares, sums), *_placed(shares, chosen)]
    lacking = max((int(np.count_nonzero(~s.flow.known[chosen])) for s in shares), default=0)
    unit = shares[0].flow.unit if shares else "kWh"
    return Uncertainty(name, sum(sums), unit, tuple(p for p in parts if p.limit), lacking)


def _metered(shares: Sequence[Share], sums: Sequence[int]) -> Iterable[Part]:
    """Class and transformer of each meter: registers of one meter err together, so they add before they are squared."""
    devices: dict[str, tuple[MeteringPoint, float]] = {}
    for share, micro in zip(shares, sums, strict=True):
        group = share.point.device or share.point.id
        devices[group] = (share.point, devices.get(group, (share.point, 0.0))[1] + micro / 10**6)
    for group, (point, energy) in devices.items():
        limit, status = class_limit(point.meter_class)
        yield Part("class", group, abs(energy) * limit / 100, status)
        if point.ct_ratio != 1:
            yield Part("ct", group, abs(energy) * CT_LIMIT / 100, Status.ASSUMED)


def _placed(shares: Sequence[Share], chosen: Mask) -> Iterable[Part]:
    """Energy of a gap that reaches over an edge of what is asked for may lie on either side; inside it is certain."""
    for share in shares:
        unsure = math.fsum(_over_edges(share.flow, chosen)) / 10**6
        yield Part("placed", share.point.id, unsure, Status.DERIVED)


def _over_edges(flow: Flow, chosen: Mask) -> Iterable[int]:
    placed = (flow.flags & Flag.PLACED) != 0
    edges = np.flatnonzero(np.diff(np.concatenate(([False], placed, [False])).astype(np.int8)))
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        whole = bool(chosen[start:end].all()) and start > 0 and end < len(placed)
        if not whole:
            yield abs(int(flow.placed[start:end][chosen[start:end]].sum()))


def half_interval(limits: Iterable[float], level: float = LEVEL, sigma: float = 0.0) -> float:
    """Half the central interval of a sum of independent rectangles ±limit and a normal of that standard deviation.

    By inverting its characteristic function.
    """
    sizes = [abs(a) for a in limits if a]
    if len(sizes) < 2 and not sigma:
        return level * sum(sizes)
    u = math.hypot(math.sqrt(math.fsum(a * a for a in sizes) / 3), sigma)
    last = min(_LAST, _GONE * u / sigma) if sigma else _LAST
    at = np.arange(_STEP / 2, last, _STEP)
    density = np.exp(-((sigma / u * at) ** 2) / 2)
    for size in sizes:
        density *= np.sinc(size / u * at / math.pi)
    low, high = 0.0, 4.0
    for _ in range(40):
        middle = (low + high) / 2
        inside = 2 / math.pi * _STEP * float(np.sum(np.sin(middle * at) / at * density))
        low, high = (middle, high) if inside < level else (low, middle)
    return float(u * (low + high) / 2)


def flow_totals(flows: Flows, cells: Mask | None = None) -> dict[str, Uncertainty]:
    """Import, export, generation, storage, self-use and consumption, each with its uncertainty [kWh]."""
    bought, sold = _shares(flows, Role.GRID, IMPORT), _shares(flows, Role.GRID, EXPORT)
    made = _shares(flows, Role.GENERATION, MADE)
    charged, given = _shares(flows, Role.STORAGE, IMPORT), _shares(flows, Role.STORAGE, EXPORT)
    used = [*bought, *made, *_less(sold), *given, *_less(charged)]
    named = {
        "grid_import": bought, "grid_export": sold, "generation": made, "charge": charged, "discharge": given,
        "self_use": _self_used(flows, made, sold), "consumption": used,
    }  # fmt: skip
    return {name: total(name, shares, cells) for name, shares in named.items()}


def point_totals(flows: Flows, cells: Mask | None = None) -> dict[str, Uncertainty]:
    """Every metering point's own total, in its own unit."""
    measured = [p for p in flows.site.points if p.device is not None and p.id in flows.points]
    return {p.id: total(p.id, [Share(p, 1, flows.points[p.id])], cells) for p in measured}


def _shares(flows: Flows, role: Role, names: Sequence[str]) -> list[Share]:
    site = flows.site
    inlets = {p.id for p in site.of_role(Role.GRID) if p.parent is None}
    found = []
    for point in site.of_role(role):
        flow = flows.flow(point.id, names)
        if flow is not None and (point.parent is None or point.parent in inlets):
            found.append(Share(point, 1, flow))
    return found


def _less(shares: Iterable[Share]) -> list[Share]:
    return [Share(s.point, -s.sign, s.flow) for s in shares]


def _self_used(flows: Flows, made: Sequence[Share], sold: Sequence[Share]) -> list[Share]:
    """Generation less export in the quarter-hours that sold less than was made; no meter's error matters elsewhere."""
    kept = flows.generation.energy > flows.grid_export.energy

    def within(one: Flow) -> Flow:
        return Flow(np.where(kept, one.energy, 0), np.where(kept, one.placed, 0), one.flags, one.unit)

    return [Share(s.point, s.sign, within(s.flow)) for s in (*made, *_less(sold))]
