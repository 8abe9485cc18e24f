"""Factors of fuels composed from their parameters: net calorific value x carbon content x oxidation x 44/12."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from analytics.factors import EmissionFactor, Gas, Method, Parameter
from analytics.terms import Status, weakest

CARBON_TO_CO2 = Fraction(44, 12)  # ratio of molar masses, GB/T 32150
CO2_FORMULA = "ncv × carbon_content × oxidation × 44/12"
HEAT_FORMULA = "carbon_content × oxidation × 44/12"
CO2_PER_ENERGY_FORMULA = "ncv × co2_per_energy"
CO2E_FORMULA = " + ncv × (ch4_per_energy × GWP_CH4 + n2o_per_energy × GWP_N2O)"


@dataclass(frozen=True, slots=True)
class Gwp:
    """Global warming potential over 100 years of one gas in one IPCC report [kgCO2e/kg]."""

    gas: str
    report: str
    year: int
    printed: str
    status: Status
    source: str
    kyoto: bool = True  # other gases are reported beside the total, not in it
    note: str = ""

    @property
    def exact(self) -> Fraction:
        """The value as a rational [kgCO2e/kg]."""
        return Fraction(self.printed)

    def parameter(self) -> Parameter:
        """The same as a component of a composed factor."""
        return Parameter(
            f"gwp-{self.report}-{self.gas}", f"gwp.{self.gas}", "gwp", "WORLD", self.year, self.printed, "kgCO2e/kg",
            Gas.CO2E, Method.NOT_APPLICABLE, self.status, "gwp100", self.source,
        )  # fmt: skip


def combustion(carbon: Fraction, oxidation: Fraction) -> Fraction:
    """CO2 of burnt carbon [tCO2] from its amount [tC] and the share that oxidises [1]; GB/T 32151 formula (1)."""
    return carbon * oxidation * CARBON_TO_CO2


def compose(parameters: Iterable[Parameter], gwps: Iterable[Gwp], report: str) -> Iterator[EmissionFactor]:
    """Every factor that the parameters make, CO2 only, and as CO2e with the potentials of one IPCC report."""
    rows = tuple(parameters)
    groups: dict[tuple[str, str, str, int | None], dict[str, Parameter]] = {}
    for row in rows:
        groups.setdefault((row.document, row.activity, row.region, row.year), {})[row.param] = row
    potentials = {g.gas: g for g in gwps if g.report == report}
    others = {(r.activity, r.param): r for r in rows if r.param in {"ch4_per_energy", "n2o_per_energy"}}
    for group in groups.values():
        for co2, ncv in _co2_factors(group):
            for factor in (co2, *_mobile(co2, others, ncv)):
                yield factor
                if ncv is not None:
                    yield from _with_other_gases(factor, ncv, others, potentials)


def _mobile(
    co2: EmissionFactor, others: Mapping[tuple[str, str], Parameter], ncv: Parameter | None
) -> Iterator[EmissionFactor]:
    """The same fuel in a vehicle: its CO2 is the fuel's, its CH4 and N2O are the engine's."""
    for name in dict.fromkeys(activity for activity, _ in others if activity.startswith(f"mobile.{co2.activity}_")):
        if ncv is not None:
            yield replace(co2, id=f"{co2.id}/{name}", activity=name)


def _co2_factors(group: Mapping[str, Parameter]) -> Iterator[tuple[EmissionFactor, Parameter | None]]:
    ncv, carbon, oxidation = group.get("ncv"), group.get("carbon_content"), group.get("oxidation")
    energy = group.get("co2_per_energy")
    if carbon and oxidation:  # the fuel measured as heat
        exact, parts = combustion(carbon.exact, oxidation.exact), (carbon, oxidation)
        yield replace(_composed(parts, exact, "tCO2/GJ", HEAT_FORMULA), id=f"{_name(carbon)}/by_heat"), None
    if ncv and carbon and oxidation:
        exact = combustion(ncv.exact * carbon.exact, oxidation.exact)
        yield _composed((ncv, carbon, oxidation), exact, f"tCO2/{ncv.unit.split('/')[1]}", CO2_FORMULA), ncv
    if ncv and energy:  # kg/TJ x TJ/Gg = kg/Gg
        yield _composed((ncv, energy), ncv.exact * energy.exact / 10**6, "tCO2/t", CO2_PER_ENERGY_FORMULA), ncv
    if energy:
        yield EmissionFactor.of(energy), None


def _composed(parts: tuple[Parameter, ...], exact: Fraction, unit: str, formula: str) -> EmissionFactor:
    first = parts[0]
    return EmissionFactor(
        _name(first), first.activity, first.region, first.year, exact, f"{float(exact):.4f}",
        unit, Gas.CO2_ONLY, Method.NOT_APPLICABLE, weakest(p.status for p in parts), first.document, first.source,
        first.page, first.url, first.note, None, parts, formula,
    )  # fmt: skip


def _name(first: Parameter) -> str:
    return f"{first.document}/{first.activity}"


def _with_other_gases(
    co2: EmissionFactor, ncv: Parameter, others: Mapping[tuple[str, str], Parameter], potentials: Mapping[str, Gwp]
) -> Iterator[EmissionFactor]:
    mobile = co2.activity.startswith("mobile.")
    fuel = co2.activity if mobile else co2.activity.partition(".")[0]  # the same gas at 20 °C burns the same
    ch4, n2o = others.get((fuel, "ch4_per_energy")), others.get((fuel, "n2o_per_energy"))
    methane, nitrous = potentials.get("CH4_fossil"), potentials.get("N2O")
    if ch4 is None or n2o is None or methane is None or nitrous is None:
        return
    # kg/TJ x GJ/t = g/t; IPCC's TJ/Gg is GJ/t.
    more = ncv.exact * (ch4.exact * methane.exact + n2o.exact * nitrous.exact) / 10**6
    parts = (*co2.components, ch4, n2o, methane.parameter(), nitrous.parameter())
    exact = co2.exact + more
    yield EmissionFactor(
        f"{co2.id}/co2e-{methane.report}", co2.activity, co2.region, co2.year, exact, f"{float(exact):.4f}",
        co2.unit.replace("CO2", "CO2e"), Gas.CO2E, Method.NOT_APPLICABLE, weakest(p.status for p in parts),
        co2.document, co2.source, co2.page, co2.url, co2.note, None, parts, co2.formula + CO2E_FORMULA, methane.report,
    )  # fmt: skip


def direct(rows: Iterable[Parameter]) -> Iterator[EmissionFactor]:
    """The factors that are printed as one number."""
    return (EmissionFactor.of(row) for row in rows if row.param == "factor")


def table_factors(rows: Iterable[Parameter], gwps: Iterable[Gwp], report: str) -> tuple[EmissionFactor, ...]:
    """All factors of the rows: printed and composed."""
    kept, potentials = tuple(rows), tuple(gwps)
    gases = (EmissionFactor.of(g.parameter()) for g in potentials if g.report == report)
    return (*direct(kept), *compose(kept, potentials, report), *gases)
