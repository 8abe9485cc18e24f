"""How far one unit of a measure carries a criterion: the derivative of its gap, from the site's own factors.

A gap is linear in what a measure changes: energy E, emissions M and coal equivalent C. For a ceiling M/C <= L it is
M − L·C, for a floor R/E >= L it is L·E − R; so a set of measures closes the sum of what each one closes.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from analytics.factors import Gas, Method
from analytics.indicator_inputs import Indicator, Inputs, coal_equivalent
from analytics.lines import BalanceLine
from analytics.measures import Effect, Measure, Option
from analytics.terms import Sentence
from metering.period import QUARTER_MS

YEAR_MS = 365 * 86_400_000
GROWING = frozenset({"kWh", "tCO2", "tCO2e", "kgCO2e", "GJ", "tce", "m³"})  # what grows with the length of a period
KWH = frozenset({Effect.ELECTRICITY, Effect.GENERATION, Effect.GREEN_POWER})
CARBON: Mapping[str, Gas] = {
    "gross_market": Gas.CO2E, "scope2_market": Gas.CO2_ONLY, "absolute_reduction": Gas.CO2E, "scope1": Gas.CO2E,
    "own_reduction_share": Gas.CO2E, "net_balance": Gas.CO2E, "co2_per_unit": Gas.CO2E,
}  # fmt: skip
PER_TCE = {"co2_per_tce": Gas.CO2_ONLY, "co2e_per_tce": Gas.CO2E}


def yearly(inputs: Inputs) -> float:
    """What the period's gap is multiplied by for a year [1]; a whole year counts as one."""
    span = len(inputs.flows.start_ms) * QUARTER_MS
    return 1.0 if inputs.full_year or not span else YEAR_MS / span


@dataclass(frozen=True, slots=True)
class Equivalent:
    """So much of one thing left out would close a gap alone."""

    amount: float  # in the period
    unit: str
    name: Sentence


@dataclass(frozen=True, slots=True)
class Effects:
    """What a unit of a measure changes."""

    inputs: Inputs
    measure: Measure

    def kg(self, gas: Gas) -> float:
        """Emissions that it avoids, market-based [kg/unit]."""
        effect = self.measure.effect
        if effect in KWH:
            bare = uncovered(self.inputs, gas)
            return bare[0].factor.value if bare else 0.0
        if effect is Effect.OFFSET:
            return 0.0
        lines = self.inputs.balance.select(gas, method=Method.MARKET_BASED)
        found = [line for line in lines if line.point in self.points and line.amount.unit == self.measure.unit]
        return float(found[0].factor.kg_per(self.measure.unit)) if found else 0.0

    @property
    def points(self) -> set[str]:
        """Where what it saves is metered."""
        wanted = "heat.purchased" if self.measure.effect is Effect.HEAT else self.measure.activity
        return {a.point for a in self.inputs.flows.activities if a.activity == wanted}

    @property
    def tce(self) -> float:
        """Comprehensive energy that it saves [tce/unit]; replacing import by renewable electricity saves none."""
        effect, unit = self.measure.effect, self.measure.unit
        names = {
            Effect.ELECTRICITY: "electricity", Effect.FUEL: self.measure.activity, Effect.HEAT: "heat",
        }  # fmt: skip
        if effect not in names:
            return 0.0
        found = coal_equivalent(self.inputs, names[effect], 10**6, unit)
        return 0.0 if isinstance(found, Sentence) else found[0]

    def kwh(self, *effects: Effect) -> float:
        """1 for a measure of one of these effects, in kWh."""
        return float(self.measure.effect in effects)


def uncovered(inputs: Inputs, gas: Gas) -> list[BalanceLine]:
    """The bought electricity that no instrument covers, by line."""
    lines = inputs.balance.select(gas, scope=2, method=Method.MARKET_BASED)
    return [line for line in lines if not line.instrument and line.amount.unit == "kWh" and line.kg > 0]


def uncovered_kwh(inputs: Inputs) -> float:
    """How much that is in a year [kWh]."""
    return math.fsum(line.amount.value for line in uncovered(inputs, Gas.CO2_ONLY)) * yearly(inputs)


def _green(one: Effects, limit: float) -> float:
    return one.kwh(Effect.GREEN_POWER, Effect.GENERATION) + limit / 100 * one.kwh(Effect.ELECTRICITY)


def _own(one: Effects, limit: float) -> float:
    return one.kwh(Effect.GENERATION) + limit / 100 * one.kwh(Effect.ELECTRICITY)


def _bought(one: Effects, limit: float) -> float:
    return one.kwh(Effect.GREEN_POWER) + limit / 100 * one.kwh(Effect.ELECTRICITY, Effect.GENERATION)


def _renewable_energy(one: Effects, limit: float) -> float:
    per_kwh = coal_equivalent(one.inputs, "electricity", 10**6, "kWh")
    saved = 0.0 if isinstance(per_kwh, Sentence) else one.tce / per_kwh[0]
    return one.kwh(Effect.GREEN_POWER, Effect.GENERATION) + limit / 100 * saved


def _electrified(one: Effects, limit: float) -> float:
    return (limit / 100 - one.kwh(Effect.ELECTRICITY)) * one.tce


SHARES: Mapping[str, Callable[[Effects, float], float]] = {
    "renewable_share_contractual": _green, "renewable_share_physical": _own, "self_sufficiency": _own,
    "cfe_score": _own, "renewable_purchased_share": _bought, "renewable_energy_share": _renewable_energy,
    "electrification_rate": _electrified,
}  # fmt: skip


def closes(measure: Measure, found: Indicator, limit: float, inputs: Inputs) -> float:
    """What a unit of a measure closes of an indicator's gap [unit of the gap]; 0 where nothing is known of it."""
    if measure.moves and found.id in measure.moves:
        return measure.moves[found.id]
    one = Effects(inputs, measure)
    if found.id in PER_TCE:
        return one.kg(PER_TCE[found.id]) / 1000 - limit * one.tce
    if found.id in CARBON:
        tonnes = one.kg(CARBON[found.id]) / 1000
        if found.id == "net_balance":
            tonnes += float(measure.effect is Effect.OFFSET)
        return tonnes * (1000 if found.id == "co2_per_unit" else 1)
    return SHARES[found.id](one, limit) if found.id in SHARES else 0.0


def options(found: Indicator, limit: float, inputs: Inputs) -> list[Option]:
    """Every declared measure that brings an indicator nearer to its limit."""
    return [
        Option(m, rate, _most(m, inputs), _worth(m, inputs), float(m.effect in KWH))
        for m in inputs.measures if m.done is None and (rate := closes(m, found, limit, inputs)) > 0
    ]  # fmt: skip


def equivalents(found: Indicator, limit: float, gap: float, inputs: Inputs) -> tuple[Equivalent, ...]:
    """A gap of carbon as electricity and as each fuel, where so much was used in the period."""
    if found.id not in {*CARBON, *PER_TCE}:
        return ()
    told: dict[str, Equivalent] = {}
    for one in inputs.flows.activities:
        used = one.flow.total()
        grid = one.activity.startswith("electricity.")
        effect = Effect.ELECTRICITY if grid else Effect.HEAT if one.activity.startswith("heat.") else Effect.FUEL
        measure = Measure(one.point, _named(inputs, one.point), effect, used.unit, activity=one.activity)
        rate = closes(measure, found, limit, inputs)
        if rate > 0 and gap / rate <= used.value:
            told.setdefault(one.activity, Equivalent(gap / rate, used.unit, measure.name))
    return tuple(told.values())


def _named(inputs: Inputs, point: str) -> Sentence:
    one = inputs.flows.site.point(point)
    return Sentence(one.name("zh"), one.name("en"))


def proofs(key: str, inputs: Inputs) -> list[Option]:
    """The measures that bring the evidence of one key."""
    return [Option(m, 1.0, 1.0, _worth(m, inputs)) for m in inputs.measures if m.provides == key and m.done is None]


def _most(measure: Measure, inputs: Inputs) -> float:
    """What it brings in a year, and no more than is used [unit]."""
    most = math.inf if measure.saving is None else measure.saving
    if measure.effect in KWH:
        return min(most, uncovered_kwh(inputs))
    if measure.effect not in {Effect.FUEL, Effect.HEAT}:
        return most
    points = Effects(inputs, measure).points
    used = [a.flow.total() for a in inputs.flows.activities if a.point in points]
    return min(most, yearly(inputs) * math.fsum(one.value for one in used if one.unit == measure.unit))


def _worth(measure: Measure, inputs: Inputs) -> float:
    if measure.worth is not None:
        return measure.worth
    saves = measure.effect in {Effect.ELECTRICITY, Effect.GENERATION}
    return inputs.prices.get("electricity", 0.0) if saves else 0.0
