"""What the people of the works do in a day: shifts, boards by line and recipe, their machines' power (pure)."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from simulators.shapes import Floats, noise, steps, window, wobble
from simulators.weather import Grid, Weather
from simulators.works import Calendar, Node, Works

# Share of an oven's power that low-temperature solder needs of what tin-silver-copper needs, at equal throughput.
SOLDERING = MappingProxyType({"sac": 1.0, "lts": 0.65})
RECIPES = tuple(SOLDERING)
_BLOCK_S = 4 * 3600  # a recipe is run for half a shift


@dataclass(slots=True)
class Sheet:
    """One day being worked out: who consumes, makes and shows what, on the grid of minutes."""

    works: Works
    grid: Grid
    weather: Weather
    activity: Floats
    power: dict[str, Floats] = field(default_factory=dict)  # leaf node -> what it takes from its bus [kW]
    export: dict[str, Floats] = field(default_factory=dict)  # leaf node -> what it gives to its bus [kW]
    flows: dict[tuple[str, str], Floats] = field(default_factory=dict)  # (node, counter) -> its rate [unit/h, kW or 1]
    gauges: dict[tuple[str, str], Floats] = field(default_factory=dict)  # (node, gauge) -> value [unit]

    def wobble(self, node: str) -> Floats:
        """The unsteadiness of one node."""
        return wobble(self.grid.seed, node, self.grid.time_s)

    def zero(self) -> Floats:
        """Nothing, all day."""
        return np.zeros_like(self.grid.second)

    def total(self, *kinds: str) -> Floats:
        """The power of all nodes of some kinds [kW]."""
        return self.sum(self.power[n.id] for n in self.works.nodes if n.kind in kinds and n.id in self.power)

    def sum(self, columns: Iterable[Floats]) -> Floats:
        """The sum of columns, zeros for none."""
        total = self.zero()
        for column in columns:
            total += column
        return total


def activity(g: Grid, calendar: Calendar) -> Floats:
    """How busy the works are, 0..1: shifts with warm-up, meals and the change of shift."""
    if not calendar.works(g.day):
        return np.zeros_like(g.second)
    busy = np.zeros_like(g.second)
    for start, end in calendar.shifts:
        meal = window(g.second, (start + end) / 2 - 1200, (start + end) / 2 + 1200, 300)
        busy = np.maximum(busy, window(g.second, start, end, 900) * (1 - 0.7 * meal))
    lively: Floats = busy * (1 + 0.03 * noise(g.seed, "mood", g.time_s, 3600))
    return lively


def _first_shift(calendar: Calendar) -> int:
    return min(start for start, _ in calendar.shifts)


def recipe_share(sheet: Sheet, product: Node) -> Floats:
    """1 while the line runs the product's recipe, else 0; a line with two recipes changes them between half-shifts."""
    others = [n for n in sheet.works.of("product") if n.line == product.line]
    if len(others) == 1 or not product.line:
        return sheet.zero() + 1
    clock = sheet.grid.time_s + sheet.works.place.utc_offset_s - _first_shift(sheet.works.calendar)
    drawn = steps(sheet.grid.seed, f"recipe:{product.line}", clock, _BLOCK_S)
    return np.where(np.floor(drawn * len(others)) == others.index(product), 1.0, 0.0)


def products(sheet: Sheet) -> None:
    """Boards and units made [1/h]; a line stops now and then, and always for ten minutes when the recipe changes."""
    for node in sheet.works.of("product"):
        stream = f"line:{node.line or node.id}"
        stops = steps(sheet.grid.seed, stream + ":stop", sheet.grid.time_s, 1200) < 0.05
        pace = 1 + 0.05 * noise(sheet.grid.seed, stream + ":pace", sheet.grid.time_s, 1800)
        busy = np.where(sheet.activity > 0.2, sheet.activity, 0.0) * np.where(stops, 0.15, 1.0) * pace
        share = recipe_share(sheet, node)
        share *= np.minimum(np.roll(share, 10), 1) if node.line else 1
        sheet.flows[node.id, "product_count"] = node.capacity * busy * share
        if node.recipe:
            sheet.gauges[node.id, "status_code"] = sheet.zero() + 1 + RECIPES.index(node.recipe)


def machines(sheet: Sheet) -> None:
    """The power of the workshops' machines and rooms [kW]."""
    for node in sheet.works.nodes:
        rule = _RULES.get(node.kind)
        if rule is not None:
            sheet.power[node.id] = np.maximum(rule(sheet, node), 0.0) * sheet.wobble(node.id)


def _warm(sheet: Sheet) -> Floats:
    """1 from 45 minutes before the first shift to the end of the last: ovens are held at temperature."""
    calendar = sheet.works.calendar
    if not calendar.works(sheet.grid.day):
        return sheet.zero()
    return window(sheet.grid.second, _first_shift(calendar) - 2700, max(end for _, end in calendar.shifts), 240)


def _reflow(sheet: Sheet, node: Node) -> Floats:
    on_line = [n for n in sheet.works.of("product") if n.line == node.line]
    nominal = max(n.capacity for n in on_line)
    load = sheet.sum(sheet.flows[n.id, "product_count"] for n in on_line) / nominal
    heat = sheet.sum(recipe_share(sheet, n) * SOLDERING[n.recipe] for n in on_line)
    return node.rating * (0.02 + _warm(sheet) * heat * (0.4 + 0.46 * np.minimum(load, 1.1)))


def _placement(sheet: Sheet, node: Node) -> Floats:
    return node.rating * (0.12 + 0.1 * _warm(sheet) + 0.65 * sheet.activity)


def _process(sheet: Sheet, node: Node) -> Floats:
    return node.rating * (0.05 + 0.78 * sheet.activity)


def _burn_in(sheet: Sheet, node: Node) -> Floats:
    """Chambers run round the clock, weekends too: a new batch every eight hours, heating up first."""
    g = sheet.grid
    fill = 0.45 + 0.5 * steps(g.seed, f"batch:{node.id}", g.time_s, 8 * 3600)
    heating = np.clip(1 - (g.time_s % (8 * 3600)) / 2400.0, 0, 1)
    return node.rating * (fill * 0.78 + 0.2 * heating)


def _ventilation(sheet: Sheet, node: Node) -> Floats:
    weather = np.abs(sheet.weather.temperature - 18) / 18
    return node.rating * (0.22 + 0.38 * _warm(sheet) + 0.3 * np.minimum(weather, 1) * (0.3 + 0.7 * _warm(sheet)))


def _office(sheet: Sheet, node: Node) -> Floats:
    g, works = sheet.grid, sheet.works.calendar.works(sheet.grid.day)
    people = window(g.second, 7.5 * 3600, 18.5 * 3600, 3600) * (1.0 if works else 0.12)
    comfort = np.minimum(np.abs(sheet.weather.temperature - 20) / 15, 1)
    canteen = window(g.second, 10.3 * 3600, 12.6 * 3600, 1800) * (0.3 if works else 0.0)
    lamps = 0.12 * (sheet.weather.height < 0.02)
    return node.rating * (0.06 + people * (0.3 + 0.35 * comfort) + canteen + lamps)


def _charger(sheet: Sheet, node: Node) -> Floats:
    """Forklifts are charged in the breaks and after the last shift, when the clock has passed midnight."""
    works = sheet.works.calendar.works
    second, day = sheet.grid.second, sheet.grid.day
    night = window(second, 900, 3.2 * 3600, 300) * np.clip(1.15 - second / (4.2 * 3600), 0, 1) * works(day - 1)
    noon, evening = window(second, 11.4 * 3600, 12.3 * 3600, 240), window(second, 19.3 * 3600, 20.2 * 3600, 240)
    return node.rating * (0.004 + 0.9 * night + 0.75 * (noon + evening) * works(day))


_RULES = MappingProxyType({
    "reflow": _reflow, "placement": _placement, "process": _process, "burn_in": _burn_in,
    "ventilation": _ventilation, "office": _office, "charger": _charger,
})  # fmt: skip
