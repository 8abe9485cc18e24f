"""The lines of one calendar year that rest on what people recorded, not on a meter; and the losses of the grid."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Protocol

from analytics.factors import EmissionFactor, FactorTable, Found, Gas, Match, MatchKind, Method, Refusal
from analytics.flows import Activity, Amount, Flows, Uncounted
from analytics.fuel_paths import PATHS, FuelUse, on_two_paths, two_paths_sentence
from analytics.lines import BalanceLine, Category
from analytics.recorded import BASES, Recorded
from analytics.scope3 import lost_with
from analytics.terms import Sentence
from metering.period import QUARTER_MS


class Declared(Protocol):
    """What a site decides that matters here."""

    @property
    def chain(self) -> tuple[str, ...]:
        """Its region and those around it."""

    @property
    def recorded(self) -> tuple[Recorded, ...]:
        """What people recorded."""

    @property
    def grid_loss_percent(self) -> Fraction | None:
        """Losses of the grid [% of what is fed in]."""


class RecordedBook:
    """Lines and faults of one year."""

    def __init__(self, flows: Flows, table: FactorTable, settings: Declared, year: int, cells: slice) -> None:
        self.flows, self.table, self.settings, self.year, self.cells = flows, table, settings, year, cells
        self.faults: list[Uncounted] = []
        starts = flows.start_ms[cells]
        self.span = (int(starts[0]), int(starts[-1]) + QUARTER_MS) if len(starts) else (0, 0)
        self.left_out = self._two_paths()
        self.lines = [line for one in settings.recorded if one.id not in self.left_out for line in self._lines(one)]
        self.lines += self._losses()

    def _two_paths(self) -> set[str]:
        """A fuel on two paths: the first is counted, the balance is not complete until one of the two is taken back."""
        metered = [use for a in self.flows.activities if (use := self._use(a)) is not None]
        recorded = [r.use for r in self.settings.recorded if r.use is not None and r.within(*self.span) is not None]
        left_out = set()
        for one, other in on_two_paths([*metered, *recorded]):
            self.faults.append(Uncounted(other.where, two_paths_sentence(one, other)))
            left_out.add(other.where)
        return left_out

    def _use(self, activity: Activity) -> FuelUse | None:
        path = PATHS.get(activity.flow.unit)
        fuel = not activity.activity.startswith(("electricity.", "heat."))
        return FuelUse(activity.activity, path, activity.point, *self.span) if path and fuel else None

    def _lines(self, one: Recorded) -> Iterator[BalanceLine]:
        amount = one.within(*self.span)
        if amount is None:
            return
        for gas in one.bases:
            found = self._factor(one, gas)
            if isinstance(found, Refusal):
                self.faults.append(Uncounted(one.id, found.sentence, incomplete=one.category.scope in {1, 2}))
            else:
                yield BalanceLine(
                    one.id, one.category, self.year, amount, found[0], found[1], gas, Method.NOT_APPLICABLE,
                    tier=one.tier, percent=one.percent, basis=one.basis,
                )  # fmt: skip

    def _factor(self, one: Recorded, gas: Gas) -> Found | Refusal:
        if one.factor is not None:
            return one.factor, Match((MatchKind.DECLARED,), one.how)
        found = self._find(one.activity, gas, one.unit)
        if isinstance(found, Refusal):
            return found
        factor, match = found
        if one.part == "other_gases":
            co2 = self._find(one.activity, Gas.CO2_ONLY, one.unit)
            factor = factor if isinstance(co2, Refusal) else other_gases(factor, co2[0])
        return factor, Match(match.kinds, one.how + match.sentence)

    def _find(self, activity: str, gas: Gas, unit: str, method: Method = Method.NOT_APPLICABLE) -> Found | Refusal:
        return self.table.find(activity, self.settings.chain, self.year, method=method, gas=gas, unit=unit)

    def _losses(self) -> Iterator[BalanceLine]:
        """What the grid lost to bring the electricity bought (scope 3, category 3); only at a declared rate."""
        percent = self.settings.grid_loss_percent
        if percent is None:
            return
        for activity in self.flows.activities:
            if not activity.activity.startswith("electricity."):
                continue
            bought = activity.flow.total(self.cells)
            amount = Amount(lost_with(bought.micro, percent), bought.unit, lacking=bought.lacking, cells=bought.cells)
            how = Sentence(f"按声明的线损率{float(percent):g}%。", f"At declared losses of {float(percent):g} %.")
            for gas in BASES:
                found = self._find(activity.activity, gas, "kWh", Method.LOCATION_BASED)
                if not isinstance(found, Refusal):
                    match = Match(found[1].kinds, how + found[1].sentence)
                    yield BalanceLine(
                        f"{activity.point}.losses", Category.FUEL_AND_ENERGY, self.year, amount, found[0], match, gas,
                        Method.NOT_APPLICABLE, tier="calculated",
                    )  # fmt: skip


def other_gases(co2e: EmissionFactor, co2: EmissionFactor) -> EmissionFactor:
    """CH4 and N2O alone: a fuel's CO2e less its CO2; nothing where only the CO2 is known."""
    rest = co2e.exact - co2.exact * _same_unit(co2e, co2) if co2e.gas is Gas.CO2E else Fraction(0)
    return replace(
        co2e, id=f"{co2e.id}/other_gases", exact=rest, printed=f"{float(rest):.6f}", gas=Gas.CO2E,
        formula=f"{co2e.formula} − CO2",
    )  # fmt: skip


def _same_unit(one: EmissionFactor, other: EmissionFactor) -> Fraction:
    unit = one.unit.partition("/")[2]
    if not one.exact or not other.exact:
        return Fraction(1)
    return other.kg_per(unit) / other.exact / (one.kg_per(unit) / one.exact)
