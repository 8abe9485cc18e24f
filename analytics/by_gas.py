"""Emissions by category and gas, as far as the factors tell them apart; what a factor does not tell is never split.

The categories are those of ISO 14064-1:2018, 5.2.4, from memory: 1 is scope 1, 2 scope 2, 3 to 6 scope 3.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from analytics.factors import Gas, Method, Parameter
from analytics.lines import BalanceLine, Category

GASES = ("CO2", "CH4", "N2O", "HFCs", "PFCs", "SF6", "NF3")  # seven of the GHG Protocol and GB/T 32150
UNDIVIDED = "undivided"  # CO2e of a factor that prints one number for all gases
OTHER = "other"  # a gas of none of the seven
TRANSPORT = frozenset({
    Category.UPSTREAM_TRANSPORT, Category.DOWNSTREAM_TRANSPORT, Category.BUSINESS_TRAVEL, Category.COMMUTING,
})  # fmt: skip
BURNING = frozenset({
    Category.STATIONARY_COMBUSTION, Category.MOBILE_COMBUSTION, Category.PURCHASED_ELECTRICITY, Category.PURCHASED_HEAT,
    Category.SOLD_ATTRIBUTES, Category.FUEL_AND_ENERGY,
})  # fmt: skip  # these give CH4 and N2O too, whether or not the factor tells
FAMILIES = (
    ("HFC-", "HFCs"), ("R-", "HFCs"), ("CF4", "PFCs"), ("C2F6", "PFCs"), ("C3F8", "PFCs"), ("c-C4F8", "PFCs"),
    ("CH4", "CH4"), ("N2O", "N2O"), ("SF6", "SF6"), ("NF3", "NF3"), ("CO2", "CO2"),
)  # fmt: skip
GROUPS = ("1", "2_lb", "2_mb", "3", "4")


@dataclass
class Share:
    """One category by one method: its gases, and which of its lines tell CO2 alone [kgCO2e]."""

    gases: dict[str, Fraction] = field(default_factory=dict)
    silent: list[BalanceLine] = field(default_factory=list)
    lines: list[tuple[BalanceLine, Mapping[str, Fraction]]] = field(default_factory=list)

    @property
    def whole(self) -> Fraction:
        """All gases together [kgCO2e]."""
        return sum(self.gases.values(), Fraction(0))

    def add(self, line: BalanceLine, parts: Mapping[str, Fraction]) -> None:
        """Count one line."""
        self.lines.append((line, parts))
        for gas, kg in parts.items():
            self.gases[gas] = self.gases.get(gas, Fraction(0)) + kg
        if line.kg and line.factor.gas is Gas.CO2_ONLY and line.category in BURNING:
            self.silent.append(line)


def category_of(line: BalanceLine) -> int:
    """The ISO category; 0 for what is beside."""
    return (3 if line.category in TRANSPORT else 4) if line.scope == 3 else line.scope


def by_gas(lines: Iterable[BalanceLine]) -> dict[str, Share]:
    """Every line on the CO2e basis in the group it belongs to; scope 2 once by each method."""
    kept = list(lines)
    alone = {_key(line): line for line in kept if line.gas is Gas.CO2_ONLY}
    found: dict[str, Share] = {}
    for line in kept:
        if line.gas is Gas.CO2E and category_of(line):
            for group in _groups(line):
                found.setdefault(group, Share()).add(line, parts_of(line, alone.get(_key(line))))
    return {name: found[name] for name in GROUPS if name in found}


def _key(line: BalanceLine) -> tuple[object, ...]:
    return line.point, line.year, line.category, line.method, line.instrument


def _groups(line: BalanceLine) -> Iterator[str]:
    number = str(category_of(line))
    if number != "2":
        yield number
        return
    if line.method is not Method.MARKET_BASED:
        yield "2_lb"
    if line.method is not Method.LOCATION_BASED:
        yield "2_mb"


def parts_of(line: BalanceLine, alone: BalanceLine | None = None) -> dict[str, Fraction]:
    """The gases of one line [kgCO2e]; `alone` is the same posting counted as CO2."""
    whole, factor = line.exact_kg, line.factor
    if factor.activity.startswith("gwp."):
        return {family(factor.activity.removeprefix("gwp.")): whole}
    if factor.gas is Gas.CO2_ONLY:
        return {"CO2": whole}
    told = {gas: _kg(line, rate) for gas, rate in _rates(factor.components).items()}
    if told:
        return {"CO2": whole - sum(told.values(), Fraction(0)), **told}
    if alone is not None and alone.factor.gas is Gas.CO2_ONLY:
        return {"CO2": alone.exact_kg, UNDIVIDED: whole - alone.exact_kg}
    return {UNDIVIDED: whole}


def family(gas: str) -> str:
    """Which of the seven a gas belongs to."""
    return next((name for start, name in FAMILIES if gas.startswith(start)), OTHER)


def _kg(line: BalanceLine, rate: Fraction) -> Fraction:
    """A part of a composed factor times the amount [kgCO2e]."""
    part = replace(line.factor, exact=rate)
    return Fraction(line.amount.micro, 10**6) * part.kg_per(line.amount.unit)


def _rates(components: Iterable[Parameter]) -> dict[str, Fraction]:
    """CH4 and N2O of a composed factor: ncv x gas per energy x GWP [the factor's unit]; empty if not composed."""
    named = {p.param: p for p in components if p.param != "gwp"}
    potentials = {family(p.activity.removeprefix("gwp.")): p for p in components if p.param == "gwp"}
    found = {}
    for gas, name in (("CH4", "ch4_per_energy"), ("N2O", "n2o_per_energy")):
        if name in named and gas in potentials and "ncv" in named:
            found[gas] = named["ncv"].exact * named[name].exact * potentials[gas].exact / 10**6
    return found


def by_gas_document(shares: Mapping[str, Share]) -> dict[str, Any]:
    """The same for JSON: by category and method the gases, their sum, and the lines whose factors tell CO2 alone."""
    return {
        name: {
            "gases": {gas: float(kg) for gas, kg in one.gases.items()}, "co2e": float(one.whole),
            "co2_alone": [line.id for line in one.silent], "categories": list(dict.fromkeys(
                line.category.value for line, _ in one.lines)),
        }
        for name, one in shares.items()
    }  # fmt: skip
