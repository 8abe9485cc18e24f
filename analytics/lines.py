"""The postings of a balance and the columns beside it.

A line's kilograms are the float nearest to the exact rational amount x factor, so that any recomputation with 17 digits
or more agrees within 1e-15.
"""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Any, Literal

from analytics.factors import EmissionFactor, Gas, Match, Method, Parameter
from analytics.flows import Amount
from analytics.terms import Sentence, Status, weakest
from metering.reading import MICRO


class Category(StrEnum):
    """What causes the emission; the scope follows from it (ISO 14064-1 categories 1 and 2)."""

    STATIONARY_COMBUSTION = "stationary_combustion"
    PURCHASED_ELECTRICITY = "purchased_electricity"
    PURCHASED_HEAT = "purchased_heat"
    SOLD_ATTRIBUTES = "sold_attributes"  # own generation whose green attributes were sold
    MOBILE_COMBUSTION = "mobile_combustion"
    PROCESS = "process"
    FUGITIVE = "fugitive"
    PURCHASED_GOODS = "purchased_goods"  # this and the next: scope 3, categories 1 to 7 and 9
    CAPITAL_GOODS = "capital_goods"
    FUEL_AND_ENERGY = "fuel_and_energy"
    UPSTREAM_TRANSPORT = "upstream_transport"
    WASTE = "waste"
    BUSINESS_TRAVEL = "business_travel"
    COMMUTING = "commuting"
    DOWNSTREAM_TRANSPORT = "downstream_transport"
    BIOGENIC = "biogenic"  # CO2 of biomass, beside the scopes
    NOT_KYOTO = "not_kyoto"  # gases of the Montreal Protocol, beside the scopes

    @property
    def scope(self) -> int:
        """GHG Protocol scope; 0 for what is reported beside the scopes."""
        return _SCOPES.get(self, 3)


_SCOPES = {
    Category.STATIONARY_COMBUSTION: 1, Category.MOBILE_COMBUSTION: 1, Category.PROCESS: 1, Category.FUGITIVE: 1,
    Category.PURCHASED_ELECTRICITY: 2, Category.PURCHASED_HEAT: 2, Category.SOLD_ATTRIBUTES: 2,
    Category.BIOGENIC: 0, Category.NOT_KYOTO: 0,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class BalanceLine:
    """One posting: so much activity at one boundary point, times one factor."""

    point: str
    category: Category
    year: int  # of the activity
    amount: Amount
    factor: EmissionFactor
    match: Match
    gas: Gas
    method: Method  # LOCATION_BASED or MARKET_BASED; NOT_APPLICABLE counts in both
    instrument: str = ""
    tier: str = ""  # of what people recorded: "measured", "invoice", "calculated", "estimated"; "" = metered
    percent: float | None = None  # its own half 95 % interval [%]
    basis: tuple[Parameter, ...] = ()  # what the activity was made with beside what was counted: an enthalpy

    @property
    def id(self) -> str:
        """What `explain` is asked for; the same in every recomputation."""
        parts = (self.point, str(self.year), self.category, self.method, self.instrument, self.gas)
        return "/".join(part for part in parts if part)

    @property
    def scope(self) -> int:
        """GHG Protocol scope."""
        return self.category.scope

    @property
    def exact_kg(self) -> Fraction:
        """Amount x factor as a rational [kg]."""
        return Fraction(self.amount.micro, MICRO) * self.factor.kg_per(self.amount.unit)

    @property
    def kg(self) -> float:
        """The nearest float [kgCO2 or kgCO2e]."""
        return float(self.exact_kg)

    @property
    def status(self) -> Status:
        """The weakest of the factor and of what the activity was made with."""
        return weakest((self.factor.status, *(p.status for p in self.basis)))

    @property
    def caution(self) -> Sentence | None:
        """What must be said in the same line about the factor."""
        if not self.status.weak:
            return None
        recalled = self.status is Status.MEMORY
        if not self.factor.status.weak:
            return _activity_caution(recalled=recalled)
        return Sentence(
            "因子凭记忆，未核实。" if recalled else "因子为假定值。",
            "The factor is from memory, unverified." if recalled else "The factor is assumed.",
        )

    def explain(self) -> dict[str, Any]:
        """The line as a JSON-ready document from which anyone can recompute it."""
        factor = self.factor
        return {
            "id": self.id, "point": self.point, "scope": self.scope, "category": self.category.value, "year": self.year,
            "gas": self.gas.value, "method": self.method.value, "instrument": self.instrument, "kg": self.kg,
            "amount": {
                "micro": self.amount.micro, "unit": self.amount.unit, "placed_micro": self.amount.placed,
                "provisional_micro": self.amount.provisional, "unknown_quarters": self.amount.lacking,
                "basis": [_component(p) for p in self.basis],
            },
            "factor": _factor(factor),
            "match": {"kinds": [k.value for k in self.match.kinds], **self.match.sentence.both()},
            "caution": None if self.caution is None else self.caution.both(),
        }  # fmt: skip


def _activity_caution(*, recalled: bool) -> Sentence:
    return Sentence(
        "活动量的换算参数凭记忆，未核实。" if recalled else "活动量的换算参数为假定值。",
        "The activity was converted by a number from memory, unverified."
        if recalled
        else "The activity was converted by an assumed number.",
    )


def _factor(factor: EmissionFactor) -> dict[str, Any]:
    return {
        "id": factor.id, "value": factor.printed, "unit": factor.unit, "gas": factor.gas.value, "year": factor.year,
        "region": factor.region, "status": factor.status.value, "document": factor.document, "source": factor.source,
        "page": factor.page, "url": factor.url, "formula": factor.formula, "gwp": factor.gwp,
        "components": [_component(p) for p in factor.components],
    }  # fmt: skip


def _component(parameter: Parameter) -> dict[str, Any]:
    return {
        "id": parameter.id,
        "param": parameter.param,
        "value": parameter.printed,
        "unit": parameter.unit,
        "status": parameter.status.value,
        "source": parameter.source,
    }


@dataclass(frozen=True, slots=True)
class Column:
    """A quantity beside the balance: offsets, certificates, exports, avoided emissions; never inside gross."""

    kind: Literal["offset", "certificate", "export", "avoided", "export_by_profile", "resold"]
    id: str
    year: int
    amount: Amount | None
    kg: float | None
    note: Sentence


@dataclass(frozen=True, slots=True)
class Totals:
    """The sums of one gas basis [kg]; None where nothing at all is known of a scope: absence is never 0."""

    scope1: float | None
    scope2_location: float | None
    scope2_market: float | None
    gross_location: float | None
    gross_market: float | None
