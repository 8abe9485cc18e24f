"""One day of the works as exact integers: rates at each minute, what has flowed since midnight, the grid's registers.

Between two minutes a rate runs straight, and registers advance once a second, as a meter's do. Electricity is counted
in 1e-6 kWh, so what flows through a feeder is the sum of what its children and its losses take, to the last integer.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from simulators.production import Sheet, activity, machines, products
from simulators.shapes import Floats, Ints, uniform
from simulators.supply import battery, photovoltaics, station
from simulators.utilities import air, cold, heat
from simulators.weather import POINTS, STEP_S, grid, weather
from simulators.works import Node, Works

Flow: TypeAlias = tuple[str, str]  # (node, what flows): "P" in, "X" out, "L" lost, "Q" reactive, or a counter's name

_MICRO_PER_HOUR = 1e6 / 3600  # [1e-6 unit/s] at 1 unit/h or 1 kW
# Integers a second at a rate of 1, and how many of them are 1e-6 of the counter's unit; so that both stay whole.
RATES: Mapping[str, tuple[float, int]] = MappingProxyType(
    {
        "heat_energy": (1000.0, 1000),  # [kW] in joules; 1e-6 GJ is 1000 J
        "cooling_energy": (1000.0, 1000),
        "run_hours": (2500.0, 9),  # 1 s = 1e6/3600 = 2500/9 [1e-6 h]
        "load_hours": (2500.0, 9),
        "insolation_poa": (10.0, 36),  # [W/m²] for 1 s = 1/3.6 [1e-6 kWh/m²]
    }
)
SUPPLY = frozenset({"inverter", "solar"})
LEAVES = frozenset({
    "reflow", "placement", "process", "burn_in", "ventilation", "chiller", "pumps", "tower", "compressor", "dryer",
    "boiler", "charger", "office", "battery", "inverter",
})  # fmt: skip
ELECTRIC = LEAVES | {"grid", "feeder", "solar"}


@dataclass(frozen=True, slots=True)
class Day:
    """Rates [1/s] and amounts since local midnight, both integers, one row a flow and one column a minute."""

    start_s: int  # local midnight [s UTC]
    flows: tuple[Flow, ...]
    rates: Ints
    amounts: Ints
    gauge_names: tuple[tuple[str, str], ...]
    gauges: Floats
    exchange: Ints  # what the grid has given and taken since midnight, 2 rows
    turning: Mapping[int, Ints]  # minute -> the same for each second of it, where the direction may turn


def build(works: Works, day: int) -> Day:
    """Work out one local day [days since 1970]."""
    sheet = _sheet(works, day)
    rows = dict(_electricity(sheet))
    for (node, name), rate in sheet.flows.items():
        rows[node, name] = np.rint(rate * RATES.get(name, (_MICRO_PER_HOUR, 1))[0]).astype(np.int64)
    flows, names = tuple(sorted(rows)), tuple(sorted(sheet.gauges))  # one order on every day
    rates = np.stack([rows[flow] for flow in flows])
    amounts = np.zeros_like(rates)
    np.cumsum((rates[:, :-1] + rates[:, 1:]) * (STEP_S // 2), axis=1, out=amounts[:, 1:])
    exchange, turning = _exchange(rates, _grid_signs(works, flows))
    start_s = int(sheet.grid.time_s[0])
    return Day(start_s, flows, rates, amounts, names, np.stack([sheet.gauges[n] for n in names]), exchange, turning)


def _sheet(works: Works, day: int) -> Sheet:
    minutes = grid(works.seed, works.place, day)
    sheet = Sheet(works, minutes, weather(minutes, works.place), activity(minutes, works.calendar))
    for fill in (products, machines, cold, air, heat, photovoltaics, station, battery):
        fill(sheet)
    return sheet


def _whole(kw: Floats) -> Ints:
    return np.rint(kw * _MICRO_PER_HOUR).astype(np.int64)


def _electricity(sheet: Sheet) -> Iterable[tuple[Flow, Ints]]:
    """Every leaf's flows, then each feeder's losses from what it carries."""
    carried: dict[str, Ints] = {}
    for node in sheet.works.nodes:
        if node.id in sheet.power:
            carried[node.id] = _whole(sheet.power[node.id])
            yield (node.id, "P"), carried[node.id]
            yield (node.id, "Q"), _reactive(sheet, node, sheet.power[node.id] + sheet.export.get(node.id, 0.0))
        if node.id in sheet.export:
            given = _whole(sheet.export[node.id])
            yield (node.id, "X"), given
            if node.kind == "inverter":  # what the cable to the phase's meter loses comes on top
                yield (node.id, "L"), np.rint(given * node.losses).astype(np.int64)
                yield (node.id, "Q"), _reactive(sheet, node, sheet.export[node.id])
    for node in sheet.works.of("feeder", "grid"):
        through = np.zeros(POINTS, dtype=np.int64)
        for leaf in leaves(sheet.works, node):
            through += carried.get(leaf.id, 0)
        standing = _whole(np.full(POINTS, node.rating * 0.0012))
        yield (node.id, "L"), standing + np.rint(through * node.losses).astype(np.int64)
    for node in sheet.works.of("grid"):  # capacitors give most of what the motors ask for
        taking = [n for n in sheet.works.nodes if n.id in sheet.power]
        yield (node.id, "Q"), _whole(0.3 * sheet.sum(sheet.power[n.id] * np.tan(np.arccos(n.pf)) for n in taking))


def _reactive(sheet: Sheet, node: Node, kw: Floats) -> Ints:
    """Reactive power drawn at the node's power factor, which is a little better at high load [µkvarh/s]."""
    angle = np.arccos(np.clip(node.pf, 0.1, 1.0))
    mood = 0.97 + 0.06 * float(uniform(sheet.grid.seed, f"{node.id}:pf", np.array([sheet.grid.day]))[0])
    return _whole(kw * np.tan(angle) * mood)


def leaves(works: Works, node: Node) -> list[Node]:
    """The leaves below a node, itself if it is one."""
    if node.kind in LEAVES:
        return [node]
    return [leaf for child in works.below(node.id) if child.kind in ELECTRIC for leaf in leaves(works, child)]


def branches(works: Works, node: Node) -> list[Node]:
    """The node and everything electrical below it."""
    return [node, *(one for child in works.below(node.id) if child.kind in ELECTRIC for one in branches(works, child))]


def _grid_signs(works: Works, flows: tuple[Flow, ...]) -> Ints:
    """+1 for what the connection must bring, -1 for what the works give to the bus themselves."""
    inside = {one.id: one.kind for node in works.of("grid") for one in branches(works, node)}
    signs = {"P": 1, "L": 1, "X": -1}
    lost_outside = {(node, "L") for node, kind in inside.items() if kind in SUPPLY}
    counted = [node in inside and (node, what) not in lost_outside for node, what in flows]
    return np.array([signs.get(what, 0) * yes for (_, what), yes in zip(flows, counted, strict=True)], dtype=np.int64)


def within_minute(start: Ints, end: Ints, second: Ints) -> Ints:
    """What has flowed after some seconds of a minute whose rate runs straight from start to end, rounded down."""
    return (2 * STEP_S * start * second + (end - start) * second**2) // (2 * STEP_S)


def _exchange(rates: Ints, signs: Ints) -> tuple[Ints, dict[int, Ints]]:
    """Import and export at the connection: their sum of signs decides, second by second where it may turn."""
    if not signs.any():
        return np.zeros((2, POINTS), dtype=np.int64), {}
    net = signs @ rates
    amount = (net[:-1] + net[1:]) * (STEP_S // 2)
    margin = len(signs) + 1  # no rounding of the flows within a minute can turn a net rate beyond it
    forward = (net[:-1] > margin) & (net[1:] > margin)
    backward = (net[:-1] < -margin) & (net[1:] < -margin)
    moved = np.stack([np.where(forward, amount, 0), np.where(backward, -amount, 0)])
    turning = {int(k): _turn(rates[:, k], rates[:, k + 1], signs) for k in np.flatnonzero(~(forward | backward))}
    for minute, seconds in turning.items():
        moved[:, minute] = seconds[:, -1]
    return np.concatenate([np.zeros((2, 1), dtype=np.int64), np.cumsum(moved, axis=1)], axis=1), turning


def _turn(start: Ints, end: Ints, signs: Ints) -> Ints:
    second = np.arange(STEP_S + 1, dtype=np.int64)
    net = np.diff(signs @ within_minute(start[:, None], end[:, None], second))
    both = np.stack([np.maximum(net, 0), np.maximum(-net, 0)])
    return np.concatenate([np.zeros((2, 1), dtype=np.int64), np.cumsum(both, axis=1)], axis=1)
