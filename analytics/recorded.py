"""Activities that people recorded: so much over a span, with its own factor or one to be found, and how it was got."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from analytics.factors import EmissionFactor, Gas, Parameter
from analytics.fuel_paths import FuelUse
from analytics.grid import Amount
from analytics.lines import Category
from analytics.terms import Sentence

Tier = Literal["measured", "invoice", "calculated", "estimated"]
BASES = (Gas.CO2_ONLY, Gas.CO2E)


@dataclass(frozen=True, slots=True)
class Recorded:
    """One recorded activity."""

    id: str
    category: Category
    activity: str  # what a factor is looked up for
    micro: int  # [1e-6 of unit]
    unit: str
    start_ms: int
    end_ms: int
    tier: Tier
    document: str
    how: Sentence
    factor: EmissionFactor | None = None  # its own, in place of one looked up
    bases: tuple[Gas, ...] = BASES
    part: Literal["all", "other_gases"] = "all"  # other_gases: CH4 and N2O alone, of a fuel whose CO2 is biogenic
    percent: float | None = None  # its own half 95 % interval [%]
    use: FuelUse | None = None
    name: Sentence | None = None  # as reports show it; its id without one
    basis: tuple[Parameter, ...] = ()  # what the amount was made with: an enthalpy, the heat of feed water

    def within(self, start_ms: int, end_ms: int) -> Amount | None:
        """The part that falls into [start, end), spread evenly; parts of neighbouring spans add up exactly."""
        low, high = max(start_ms, self.start_ms), min(end_ms, self.end_ms)
        if high <= low:
            return None
        micro = self._until(high) - self._until(low)
        whole = (low, high) == (self.start_ms, self.end_ms)
        return Amount(micro, self.unit, 0 if whole else micro)

    def _until(self, time_ms: int) -> int:
        return self.micro * (time_ms - self.start_ms) // (self.end_ms - self.start_ms)


def micro_of(amount: Fraction) -> int:
    """The nearest whole number of millionths, half to even."""
    return round(amount * 10**6)
