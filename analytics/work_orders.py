"""Energy and carbon of work orders: what the meters counted is shared out over the orders that ran; nothing is lost.

Each quarter-hour goes to the orders that ran in it by their time in it; what no order ran in is idle. Orders and idle
together are the meters' energy exactly, in integers: the allocation closes against the meter.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from analytics.balance import Balance
from analytics.factors import Gas, Method
from analytics.flows import Flow, Flows
from analytics.grid import Int
from analytics.lines import Category
from analytics.terms import Sentence
from metering.period import QUARTER_MS
from metering.reading import MICRO

Document = dict[str, Any]
ELECTRIC = frozenset({Category.PURCHASED_ELECTRICITY, Category.SOLD_ATTRIBUTES})


@dataclass(frozen=True, slots=True)
class WorkOrder:
    """So many units of one product made at some metering points over [start, end) [ms UTC]."""

    id: str
    product: str
    points: tuple[str, ...]
    units: int
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Shared:
    """The energy of one set of points over a period [micro kWh]."""

    points: tuple[str, ...]
    total: int
    orders: Mapping[str, int]
    idle: int
    lacking: int  # quarter-hours not known: neither in an order nor idle

    @property
    def closes(self) -> bool:
        """Orders and idle are the meters' energy, to the last unit."""
        return sum(self.orders.values()) + self.idle == self.total


def share(flow: Flow, start_ms: Int, points: tuple[str, ...], orders: Sequence[WorkOrder]) -> Shared:
    """A flow shared out over the orders of its points."""
    known = np.where(flow.known, flow.energy, 0)
    inside = [_overlap(start_ms, order) for order in orders]
    busy = reduce(np.add, inside, np.zeros(len(start_ms), np.int64))
    whole = np.maximum(busy, QUARTER_MS)  # orders that ran side by side share the quarter-hour
    parts = {order.id: known * part // whole for order, part in zip(orders, inside, strict=True)}
    rest = known - reduce(np.add, parts.values(), np.zeros(len(start_ms), np.int64))
    full = busy >= QUARTER_MS
    sums = {name: int(part.sum()) for name, part in parts.items()}
    for order, part in zip(orders, inside, strict=True):  # what rounding left of a full quarter-hour is nobody's idling
        mine = full & (part > 0)
        sums[order.id] += int(rest[mine].sum())
        rest = np.where(mine, 0, rest)
    lacking = int(np.count_nonzero(~flow.known))
    return Shared(points, int(known.sum()), sums, int(rest.sum()), lacking)


def _overlap(start_ms: Int, order: WorkOrder) -> Int:
    """How long an order ran in each quarter-hour [ms]."""
    low, high = np.maximum(start_ms, order.start_ms), np.minimum(start_ms + QUARTER_MS, order.end_ms)
    ran: Int = np.maximum(high - low, 0)
    return ran


def allocations(flows: Flows, orders: Iterable[WorkOrder]) -> list[Shared]:
    """The energy of every set of points that orders name, shared out; a point in two sets would count twice."""
    sets: dict[tuple[str, ...], list[WorkOrder]] = {}
    for order in orders:
        sets.setdefault(order.points, []).append(order)
    return [
        share(reduce(Flow.__add__, [flows.points[p] for p in points]), flows.start_ms, points, mine)
        for points, mine in sorted(sets.items())
        if all(p in flows.points for p in points)
    ]


def doubled(orders: Iterable[WorkOrder]) -> dict[str, list[tuple[str, ...]]]:
    """Points that are in more than one set of points, and in which."""
    sets = sorted({order.points for order in orders})
    names = {p for points in sets for p in points}
    found = {p: [points for points in sets if p in points] for p in sorted(names)}
    return {p: within for p, within in found.items() if len(within) > 1}


def intensity(flows: Flows, balance: Balance, method: Method) -> float | None:
    """CO2 of electricity per kilowatt-hour that the site used, own generation included [kgCO2/kWh]."""
    kwh = flows.site_use.total().value
    lines = balance.select(Gas.CO2_ONLY, scope=2, method=method)
    kg = sum(line.kg for line in lines if line.category in ELECTRIC)
    return kg / kwh if kwh > 0 else None


def orders_document(flows: Flows, balance: Balance, orders: Sequence[WorkOrder]) -> Document:
    """Each order with its energy and carbon, per unit too; idle beside; and whether it closes."""
    by_id = {order.id: order for order in orders}
    lb, mb = (intensity(flows, balance, method) for method in (Method.LOCATION_BASED, Method.MARKET_BASED))
    shared = allocations(flows, orders)
    named = {p for one in shared for p in one.points}
    missing = sorted({p for order in orders for p in order.points} - named)
    return {
        "intensity": {"lb": lb, "mb": mb, "unit": "kgCO2/kWh"},
        "orders": [_order(by_id[name], micro, lb, mb) for one in shared for name, micro in one.orders.items()],
        "sets": [
            {"points": list(one.points), "metered_kwh": one.total / MICRO, "idle_kwh": one.idle / MICRO,
             "idle_kg_lb": _kg(one.idle, lb), "lacking": one.lacking, "closes": one.closes}
            for one in shared
        ],
        "not_metered": missing, "doubled": {p: [list(s) for s in within] for p, within in doubled(orders).items()},
        **Sentence(
            "按时间把电表电量分摊到工单，空闲单列；合计与电表一致。",
            "The meters' energy shared over the orders by time, idle apart; together they are what the meters counted.",
        ).both(),
    }  # fmt: skip


def orders_within(flows: Flows, balance: Balance, orders: Iterable[WorkOrder]) -> Document:
    """The same of the orders that ran in the span of the flows."""
    start = int(flows.start_ms[0]) if len(flows.start_ms) else 0
    return orders_document(flows, balance, [o for o in orders if o.start_ms < flows.end_ms and o.end_ms > start])


def _order(order: WorkOrder, micro: int, lb: float | None, mb: float | None) -> Document:
    kg_lb, kg_mb = _kg(micro, lb), _kg(micro, mb)
    return {
        "id": order.id, "product": order.product, "units": order.units, "points": list(order.points),
        "start_ms": order.start_ms, "end_ms": order.end_ms, "kwh": micro / MICRO, "micro": micro,
        "kg_lb": kg_lb, "kg_mb": kg_mb,
        "per_unit": {name: None if value is None or not order.units else value / order.units
                     for name, value in (("kwh", micro / MICRO), ("kg_lb", kg_lb), ("kg_mb", kg_mb))},
    }  # fmt: skip


def _kg(micro: int, per_kwh: float | None) -> float | None:
    return None if per_kwh is None else micro / MICRO * per_kwh
