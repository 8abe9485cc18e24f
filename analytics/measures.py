"""What a site could do and what that costs: its own declared measures, and the cheapest set of them that closes a gap.

Nothing is priced from a catalogue: a measure costs and saves what the site declares, and no interest rate is assumed.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import combinations

from analytics.terms import Sentence

SEARCHED = 12  # indivisible measures of which every set is tried; more are tried in the order of their unit cost
SHOWN = 3


class Effect(StrEnum):
    """What a measure changes."""

    ELECTRICITY = "electricity"  # less electricity used [kWh]
    GENERATION = "generation"  # more own renewable electricity, used on site [kWh]
    GREEN_POWER = "green_power"  # renewable electricity bought with its attributes [kWh]
    FUEL = "fuel"  # less of a fuel [its unit]
    HEAT = "heat"  # less bought heat [GJ]
    OFFSET = "offset"  # credits retired [tCO2e]
    EVIDENCE = "evidence"  # a document that proves a clause
    OTHER = "other"  # what it moves is named by the site


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing the site could do, as it declares it; money in the site's currency."""

    id: str
    name: Sentence
    effect: Effect
    unit: str
    saving: float | None = None  # the most it brings [unit a year]; None for what can be bought without limit
    cost: float = 0.0  # once
    years: float = 1.0  # that the one-off cost is spread over, evenly
    running: float = 0.0  # a year
    price: float = 0.0  # of each unit; what has one may be taken in part
    worth: float | None = None  # of each unit saved; None: the tariff's mean price for electricity, else nothing
    activity: str = ""  # the fuel
    moves: Mapping[str, float] | None = None  # indicator -> closed per unit [unit of its gap]
    provides: str = ""  # the key of the evidence
    excludes: frozenset[str] = frozenset()  # measures whose saving it would count again
    document: str = ""
    boundary: str = ""  # the workshop or line that it is in; "" for the whole factory
    done: date | None = None  # since when it is in place; nothing more is to be had from it
    point: str = ""  # the metering point whose energy it changes
    drivers: tuple[str, ...] = ()  # what else changes that energy
    option: str = ""  # of IPMVP: A, B, C or D

    @property
    def divisible(self) -> bool:
        """Whether a part of it can be had: what is bought by the piece."""
        return self.price > 0 or self.saving is None

    def net_cost(self, amount: float, worth: float) -> float:
        """What so much of it costs in a year, less what it saves [currency a year]."""
        return self.cost / self.years + self.running + amount * (self.price - worth)


@dataclass(frozen=True, slots=True)
class Option:
    """A measure before one gap: what a unit closes of it, how much there is, and what a saved unit is worth."""

    measure: Measure
    closes: float  # [unit of the gap / unit of the measure]
    most: float  # [unit a year]
    worth: float = 0.0  # [currency / unit]
    import_kwh: float = 0.0  # grid import that a unit takes the place of [kWh]; together no more than all of it

    def step(self, amount: float, gap: float) -> "Step":
        """So much of it, as a step towards closing a gap."""
        closed = self.closes * amount
        share = min(1.0, closed / gap) if gap > 0 else 1.0
        return Step(self.measure, amount, closed, share, self.measure.net_cost(amount, self.worth))

    def wanted(self, gap: float) -> float:
        """How much of it a gap asks for: all of it, unless a part can be had [unit a year]."""
        if not self.measure.divisible:
            return self.most
        need = gap / self.closes
        return min(self.most, math.ceil(need) if self.measure.effect is Effect.GREEN_POWER else need)


@dataclass(frozen=True, slots=True)
class Step:
    """So much of one measure."""

    measure: Measure
    amount: float  # [unit of the measure, a year]
    closes: float  # [unit of the gap, a year]
    share: float  # of the gap [1]
    cost: float  # net [currency a year]; below zero it pays for itself

    @property
    def unit_cost(self) -> float:
        """Net cost of a unit of the gap [currency]."""
        return self.cost / self.closes


@dataclass(frozen=True, slots=True)
class Way:
    """The cheapest set of steps that closes a gap, or all there is when nothing does."""

    steps: tuple[Step, ...]
    share: float  # of the gap that they close [1]
    cost: float  # net [currency a year]
    exact: bool = True  # every set was tried

    @property
    def passes(self) -> bool:
        """Whether the gap is closed."""
        return self.share >= 1


def cheapest_steps(options: Iterable[Option], gap: float) -> tuple[Step, ...]:
    """The cheapest single steps by net cost per unit of the gap, then by name; three at most."""
    steps = [option.step(option.wanted(gap), gap) for option in options if option.closes > 0 and option.most > 0]
    return tuple(sorted(steps, key=lambda s: (s.unit_cost, s.measure.id))[:SHOWN])


def cheapest_way(options: Iterable[Option], gap: float, import_kwh: float = math.inf) -> Way | None:
    """The set of measures with the least net cost that closes the gap with none to spare; None without any measure.

    Between equal costs the fewer steps win, then the names. Together they replace no more than the import there is.
    """
    useful = sorted((o for o in options if o.closes > 0 and o.most > 0), key=lambda o: _order(o, gap))
    whole, parts = [o for o in useful if not o.measure.divisible], [o for o in useful if o.measure.divisible]
    tried = whole[:SEARCHED]
    ways = [way for chosen in _subsets(tried) if (way := _filled(chosen, parts, gap, import_kwh)) is not None]
    if not ways:
        return None
    passing = [way for way in ways if way.passes]
    best = min(passing, key=_rank) if passing else max(ways, key=lambda way: (way.share, -way.cost))
    return Way(best.steps, best.share, best.cost, exact=len(tried) == len(whole))


def _order(option: Option, gap: float) -> tuple[float, str]:
    return option.step(option.wanted(gap), gap).unit_cost, option.measure.id


def _rank(way: Way) -> tuple[float, int, tuple[str, ...]]:
    return round(way.cost, 6), len(way.steps), tuple(s.measure.id for s in way.steps)


def _subsets(options: Sequence[Option]) -> Iterator[tuple[Option, ...]]:
    for count in range(len(options) + 1):
        yield from (chosen for chosen in combinations(options, count) if _compatible(chosen))


def _compatible(chosen: Sequence[Option]) -> bool:
    names = {o.measure.id for o in chosen}
    return not any(o.measure.excludes & names for o in chosen)


def _filled(whole: Sequence[Option], parts: Sequence[Option], gap: float, import_kwh: float) -> Way | None:
    """A set of whole measures, and of the others as much as is still needed; None if one of the whole is to spare."""
    closed = [o.closes * o.most for o in whole]
    spare_import = import_kwh - math.fsum(o.import_kwh * o.most for o in whole)
    if spare_import < 0 or (closed and math.fsum(closed) - min(closed) >= gap):
        return None
    steps = [o.step(o.most, gap) for o in whole]
    names = {o.measure.id for o in whole}
    for option in parts:
        left = gap - math.fsum(s.closes for s in steps)
        if left <= 0 or option.measure.excludes & names:
            continue
        bound = spare_import / option.import_kwh if option.import_kwh > 0 else option.most
        amount = min(option.wanted(left), bound)
        if amount > 0:
            steps.append(option.step(amount, gap))
            names.add(option.measure.id)
            spare_import -= option.import_kwh * amount
    if not steps:
        return None
    total = math.fsum(s.closes for s in steps)
    share = 1.0 if total >= gap * (1 - 1e-12) else total / gap
    return Way(tuple(steps), share, math.fsum(s.cost for s in steps))
