"""activities.yaml: what people record of fuels, gases, steam and scope 3, as frozen models; what cannot be is refused.

The refusals are the error list of GB/T 32151.34 §12: nothing negative, no share over 100 %, no unknown basis.
"""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from analytics.fuel_paths import PATHS
from metering.config import Strict
from metering.fields import Identifier, Name, Named, Number, Text, decimal


def _not_negative(value: Decimal) -> Decimal:
    if value < 0:
        raise ValueError(f"{value} is negative: a mass, an energy or a flow never is; check the sign")
    return value


def _at_most_all(value: Decimal) -> Decimal:
    if not 0 <= value <= 1:
        raise ValueError(f"{value} is {value * 100} %: a share lies between 0 and 100 %; write 0.98 for 98 %")
    return value


def _share(value: Any) -> Any:
    """`98 %` or 0.98."""
    text = str(value).strip()
    return decimal(text.removesuffix("%").strip()) / 100 if text.endswith("%") else value


Amount = Annotated[Number, AfterValidator(_not_negative)]
Share = Annotated[Number, BeforeValidator(_share), AfterValidator(_at_most_all)]


class Row(Strict):
    """What every record says."""

    id: Identifier
    start: date = Field(alias="from")
    end: date = Field(alias="to")  # the last day, included
    tier: Literal["measured", "invoice", "calculated", "estimated"]
    document: Text = Field(min_length=1)
    uncertainty: Annotated[Number, Field(gt=0, le=100)] | None = None  # its own half 95 % interval [%]
    note: str = ""

    @model_validator(mode="after")
    def _in_order(self) -> "Row":
        if self.end < self.start:
            raise ValueError(f"to {self.end} is before from {self.start}; swap the two")
        return self


class Counted(Row):
    """A record that the balance posts lines of."""

    name: Named = Name()  # as reports show it; its id without one


class Conditions(Strict):
    """At which a gas meter counted."""

    kpa: Annotated[Number, Field(gt=0)]  # absolute
    celsius: Number
    z: Annotated[Number, Field(gt=0)] = Decimal(1)


class Fuel(Counted):
    """A fuel burnt: by volume, by mass or by heat, whichever its unit says."""

    type: Literal["combustion"]
    fuel: str
    amount: Amount
    unit: str
    carbon: Amount | None = None  # [tC per unit of amount]
    ncv: Amount | None = None  # [GJ per unit of amount]
    carbon_content: Amount | None = None  # [tC/GJ]
    oxidation: Share | None = None
    basis: Literal["as_received", "dry"] | None = None  # of the amount
    analysis_basis: Literal["as_received", "dry"] | None = None  # of ncv, carbon_content, carbon
    conditions: Conditions | None = None
    density: Annotated[Number, Field(gt=0)] | None = None  # [kg/L]
    heating_value: Literal["net", "gross"] | None = None  # by which a heat was billed
    biogenic_share: Share = Decimal(0)

    @property
    def own(self) -> bool:
        """Whether it brings parameters of its own."""
        return any(x is not None for x in (self.carbon, self.ncv, self.carbon_content, self.oxidation))

    @model_validator(mode="after")
    def _can_be(self) -> "Fuel":
        for fault in (self._unit_fault(), self._carbon_fault(), self._basis_fault()):
            if fault:
                raise ValueError(fault)
        return self

    def _unit_fault(self) -> str:
        if self.unit not in PATHS:
            return f"unit {self.unit!r} is neither a volume, a mass nor a heat; use one of {', '.join(PATHS)}"
        if self.conditions is not None and self.unit not in {"m³", "m3"}:
            return "conditions belong to a gas volume in m³; remove them, or give the metered volume"
        if self.heating_value is not None and PATHS[self.unit] != "heat":
            return "a heating value belongs to an amount of heat; remove it"
        if self.density is not None and self.unit != "L":
            return "a density belongs to an amount in L; remove it"
        return ""

    def _carbon_fault(self) -> str:
        if not self.own:
            return ""
        if self.oxidation is None or (self.carbon is None) == (self.carbon_content is None):
            return "own parameters are oxidation with either carbon, or ncv and carbon_content; add what is missing"
        if self.carbon is None and self.ncv is None and PATHS[self.unit] != "heat":
            return "carbon_content is per GJ: add ncv [GJ per unit of amount]"
        content = self.carbon if self.carbon is not None else (self.ncv or 0) * (self.carbon_content or 0)
        if self.unit in {"t", "kg"} and content * (1000 if self.unit == "kg" else 1) > 1:
            return f"{content} tC in one {self.unit} is more than 100 % carbon; is it tCO2, or a factor of 1000?"
        return ""

    def _basis_fault(self) -> str:
        if not (self.own and PATHS[self.unit] == "mass"):
            return ""
        if self.basis is None or self.analysis_basis is None:
            return "unknown basis: say basis of the amount and analysis_basis of the parameters, as_received or dry"
        if self.basis != self.analysis_basis:
            return f"the amount is {self.basis}, the analysis {self.analysis_basis}: bring both to one basis"
        return ""


class Refrigerant(Counted):
    """A gas that escaped from machines or switchgear [kg]."""

    type: Literal["refrigerant"]
    gas: str
    method: Literal["material_balance", "simplified", "screening", "purchased"]
    begin: Amount | None = None
    end_stock: Amount | None = None
    purchases: Amount | None = None
    returned: Amount | None = None
    charge_increase: Number | None = None  # may fall
    install_loss: Amount | None = None
    refilled: Amount | None = None
    recovered: Amount | None = None
    disposed_charge: Amount | None = None
    disposed_recovered: Amount | None = None
    charge: Amount | None = None
    annual_leak: Share | None = None

    @model_validator(mode="after")
    def _says_enough(self) -> "Refrigerant":
        lacking = [name for name in NEEDS[self.method] if getattr(self, name) is None]
        if lacking:
            raise ValueError(f"the method {self.method} needs {', '.join(lacking)}; add them, 0 where there was none")
        return self

    def number(self, name: str) -> Fraction:
        """One of its figures."""
        return Fraction(getattr(self, name))


NEEDS = {
    "material_balance": ("begin", "end_stock", "purchases", "returned", "charge_increase"),
    "simplified": ("install_loss", "refilled", "recovered", "disposed_charge", "disposed_recovered"),
    "screening": ("charge", "annual_leak"),
    "purchased": ("purchases",),
}


class Carbonate(Counted):
    """Carbonates that decompose: mass, what of it each is, how much of it converts."""

    type: Literal["carbonate"]
    mass: Amount  # [t]
    components: dict[str, Share] = Field(min_length=1)
    conversion: Share = Decimal(1)


class MadeGas(Strict):
    """A by-product of a gas in the chamber."""

    gas: str
    rate: Amount  # [kg per kg used]
    destruction: Share


class FluorinatedGas(Counted):
    """A gas of etching or cleaning [kg]."""

    type: Literal["fluorinated_gas"]
    gas: str
    mass: Amount
    heel: Share
    utilisation: Share
    abated: Share = Decimal(0)
    destruction: Share = Decimal(0)
    by_products: tuple[MadeGas, ...] = ()


class Steam(Counted):
    """Steam or hot water bought [kg]; its heat from the tables."""

    type: Literal["steam"]
    mass: Amount
    state: Literal["saturated", "superheated", "hot_water"]
    mpa: Annotated[Number, Field(gt=0)] | None = None  # absolute
    celsius: Number | None = None
    deduct_feed_water: bool = False

    @model_validator(mode="after")
    def _has_a_state(self) -> "Steam":
        needs = {"saturated": ("mpa",), "superheated": ("mpa", "celsius"), "hot_water": ("celsius",)}[self.state]
        lacking = [name for name in needs if getattr(self, name) is None]
        if lacking:
            raise ValueError(f"{self.state} needs {' and '.join(lacking)}; add it")
        return self


class OwnFactor(Strict):
    """A factor that the record brings: a supplier's, a carrier's."""

    value: Amount
    unit: str
    document: Text = Field(min_length=1)


class ValueChain(Counted):
    """An activity of scope 3: an amount, or tonnes over kilometres."""

    type: Literal["scope3"]
    category: Literal[1, 2, 3, 4, 5, 6, 7, 9]
    activity: str
    amount: Amount | None = None
    unit: str = "tkm"
    tonnes: Amount | None = None
    km: Amount | None = None
    factor: OwnFactor | None = None

    @model_validator(mode="after")
    def _has_an_amount(self) -> "ValueChain":
        freight = self.tonnes is not None and self.km is not None
        if (self.amount is None) != freight:
            raise ValueError("say either amount and unit, or tonnes and km")
        return self


class SupplierAnswer(Row):
    """One supplier's questionnaire; without tonnes it has not answered."""

    type: Literal["supplier"]
    name: str
    spend: Amount
    tonnes: Amount | None = None  # [tCO2e] allocated to what was bought


Activity = Annotated[
    Fuel | Refrigerant | Carbonate | FluorinatedGas | Steam | ValueChain | SupplierAnswer, Field(discriminator="type")
]


class ActivityFile(Strict):
    """The whole file."""

    activities: tuple[Activity, ...]
