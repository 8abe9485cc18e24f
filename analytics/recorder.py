"""One recorded row -> what the balance posts of it: fuels, gases, carbonates, steam, freight; by the tables only."""

import difflib
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from analytics.activity_rows import (
    Activity,
    Carbonate,
    Counted,
    FluorinatedGas,
    Fuel,
    Refrigerant,
    Row,
    Steam,
    ValueChain,
)
from analytics.factors import EmissionFactor, FactorTable, Gas, Method, Parameter
from analytics.fuel_paths import PATHS, FuelUse, normal_volume
from analytics.fuels import combustion
from analytics.lines import Category
from analytics.process_gases import ByProduct, decomposed, fluorinated
from analytics.recorded import Recorded, micro_of
from analytics.refrigerants import material_balance, purchased, screening, simplified
from analytics.scope3 import CATEGORIES, tonne_kilometres
from analytics.steam import SteamTable, hot_water_heat, steam_heat
from analytics.terms import Sentence, Status
from metering.period import day

DAYS_PER_YEAR = Fraction(365)
ESCAPES = {
    "material_balance": Sentence("质量平衡法", "material balance"), "simplified": Sentence("简化法", "simplified"),
    "screening": Sentence("泄漏率法", "screening by a leak rate"),
    "purchased": Sentence("按采购量", "all that was bought"),
}  # fmt: skip
STATES = {
    "saturated": Sentence("饱和蒸汽", "saturated steam"), "superheated": Sentence("过热蒸汽", "superheated steam"),
    "hot_water": Sentence("热水", "hot water"),
}  # fmt: skip


class Recorder:
    """Turns the rows of one site into postings; what a table cannot give is a ValueError."""

    def __init__(self, table: FactorTable, zone: ZoneInfo) -> None:
        self.table, self.zone = table, zone
        self.steam = SteamTable(table.parameters)
        self.gases = {f.activity.removeprefix("gwp."): f for f in table.factors if f.activity.startswith("gwp.")}
        self.outside = {g for g in self.gases if g.startswith("HCFC-")}  # Montreal gases stand beside the total

    def postings(self, row: Activity) -> tuple[Recorded, ...]:
        """What one row posts."""
        makers = {
            Fuel: self._fuel, Refrigerant: self._refrigerant, Carbonate: self._carbonate, Steam: self._steam,
            FluorinatedGas: self._fluorinated, ValueChain: self._value_chain,
        }  # fmt: skip
        maker = makers.get(type(row))
        return tuple(maker(row)) if maker else ()  # type: ignore[operator]

    def span(self, row: Row) -> tuple[int, int]:
        """[start, end) of its days at the site [ms UTC]."""
        last = day(row.end, self.zone)
        return day(row.start, self.zone).start_ms, last.end_ms

    def _made(self, row: Counted, category: Category, activity: str, amount: Fraction, unit: str, how: Sentence,
              **more: Any) -> Recorded:  # fmt: skip
        percent = None if row.uncertainty is None else float(row.uncertainty)
        zh, en = row.name.zh or row.name.en, row.name.en or row.name.zh
        return Recorded(
            row.id, category, activity, micro_of(amount), unit, *self.span(row), row.tier, row.document, how,
            percent=percent, name=Sentence(zh, en) if zh else None, **more,
        )  # fmt: skip

    def _fuel(self, row: Fuel) -> Iterator[Recorded]:
        amount, unit, how = _burnt(row)
        mobile = row.fuel.startswith("mobile.")
        category = Category.MOBILE_COMBUSTION if mobile else Category.STATIONARY_COMBUSTION
        use = FuelUse(row.fuel, PATHS[row.unit], row.id, *self.span(row))
        factor = _own_fuel(row) if row.own else None
        whole = self._made(row, category, row.fuel, amount, unit, how, factor=factor, use=use)
        share = Fraction(row.biogenic_share)
        if not share:
            yield whole
            return
        bio = micro_of(amount * share)
        said = Sentence(f"生物质份额{float(share) * 100:g}%。", f"{float(share) * 100:g} % of it is biogenic.")
        if whole.micro > bio:
            yield replace(whole, micro=whole.micro - bio, how=how + said)
        yield replace(
            whole, id=f"{row.id}.biogenic", category=Category.BIOGENIC, micro=bio, bases=(Gas.CO2_ONLY,), use=None,
            how=how + said,
        )  # fmt: skip
        if factor is None:
            yield replace(whole, id=f"{row.id}.other_gases", micro=bio, bases=(Gas.CO2E,), part="other_gases", use=None)

    def _gas(self, name: str) -> str:
        if name not in self.gases:
            near = difflib.get_close_matches(name, self.gases, n=1, cutoff=0.4)
            raise ValueError(f"no GWP is known for {name!r}" + (f"; is it {near[0]}?" if near else ""))
        return name

    def _escaped(self, row: Counted, gas: str, kg: Fraction, how: Sentence, category: Category, name: str) -> Recorded:
        beside = Category.NOT_KYOTO if gas in self.outside else category
        one = self._made(row, beside, f"gwp.{self._gas(gas)}", kg, "kg", how, bases=(Gas.CO2E,))
        return replace(one, id=name)

    def _refrigerant(self, row: Refrigerant) -> Iterator[Recorded]:
        n, (start, end) = row.number, self.span(row)
        if row.method == "material_balance":
            kg = material_balance(n("begin"), n("end_stock"), n("purchases"), n("returned"), n("charge_increase"))
        elif row.method == "simplified":
            kg = simplified(n("install_loss"), n("refilled"), n("recovered"), n("disposed_charge"),
                            n("disposed_recovered"))  # fmt: skip
        elif row.method == "screening":
            kg = screening(n("charge"), n("annual_leak"), Fraction(end - start, 86_400_000) / DAYS_PER_YEAR)
        else:
            kg = purchased(n("purchases"))
        by = ESCAPES[row.method]
        how = Sentence(
            f"逸散：{row.gas}（{by.zh}）{float(kg):g} kg。", f"Escaped: {row.gas} ({by.en}): {float(kg):g} kg."
        )
        yield self._escaped(row, row.gas, kg, how, Category.FUGITIVE, row.id)

    def _carbonate(self, row: Carbonate) -> Iterator[Recorded]:
        parts = {name: Fraction(share) for name, share in row.components.items()}
        masses = decomposed(Fraction(row.mass), parts, Fraction(row.conversion))
        said = "" if "conversion" in row.model_fields_set else " (conversion not stated: 100 % taken)"
        for name, tonnes in masses.items():
            how = Sentence(f"{name}分解{float(tonnes):g} t。", f"{float(tonnes):g} t of {name} decomposed{said}.")
            one = self._made(row, Category.PROCESS, f"process.carbonate.{name}", tonnes, "t", how)
            yield one if len(masses) == 1 else replace(one, id=f"{row.id}.{name}")

    def _fluorinated(self, row: FluorinatedGas) -> Iterator[Recorded]:
        made = [ByProduct(self._gas(b.gas), Fraction(b.rate), Fraction(b.destruction)) for b in row.by_products]
        found = fluorinated(
            self._gas(row.gas), Fraction(row.mass), heel=Fraction(row.heel), utilisation=Fraction(row.utilisation),
            abated=Fraction(row.abated), destruction=Fraction(row.destruction), by_products=made,
        )  # fmt: skip
        for gas, kg in found.items():
            how = Sentence(f"{gas}排放{float(kg):g} kg。", f"{float(kg):g} kg of {gas} left the stack.")
            yield self._escaped(row, gas, kg, how, Category.PROCESS, row.id if gas == row.gas else f"{row.id}.{gas}")

    def _steam(self, row: Steam) -> Iterator[Recorded]:
        kg, celsius = Decimal(row.mass), row.celsius
        if row.state == "hot_water":
            basis = self.steam.hot_water
            gj = hot_water_heat(kg, celsius or Decimal(0), *(p.decimal for p in basis))
        else:
            hot = celsius if row.state == "superheated" else None
            basis = (self.steam.enthalpy(row.mpa or Decimal(0), hot),
                     *((self.steam.feed_water,) if row.deduct_feed_water else ()))  # fmt: skip
            gj = steam_heat(kg, *(p.decimal for p in basis))
        by = "; ".join(f"{p.decimal:.6g} {p.unit} ({p.document})" for p in basis)
        state = STATES[row.state]
        how = Sentence(f"{kg} kg {state.zh}含热{gj:g} GJ：{by}。", f"{kg} kg of {state.en} carry {gj:g} GJ: {by}.")
        yield self._made(row, Category.PURCHASED_HEAT, "heat.purchased", Fraction(gj), "GJ", how, basis=basis)

    def _value_chain(self, row: ValueChain) -> Iterator[Recorded]:
        amount, unit = Fraction(row.amount or 0), row.unit
        if row.amount is None:
            amount, unit = tonne_kilometres(Fraction(row.tonnes or 0), Fraction(row.km or 0)), "tkm"
        factor = None if row.factor is None else own_factor(row, row.activity, str(row.factor.value), row.factor.unit,
                                                            row.factor.document)  # fmt: skip
        if factor is not None:
            factor.kg_per(unit)  # ValueError where the two do not fit
        how = Sentence(f"范围三类别{row.category}：{float(amount):g} {unit}。",
                       f"Scope 3 category {row.category}: {float(amount):g} {unit}.")  # fmt: skip
        yield self._made(row, CATEGORIES[row.category], row.activity, amount, unit, how, factor=factor)


def _burnt(row: Fuel) -> tuple[Fraction, str, Sentence]:
    """The amount as factors are printed for: gas in Nm3, liquids by mass where a density is given."""
    amount = Fraction(row.amount)
    if row.conditions is not None:
        c = row.conditions
        normal = normal_volume(amount, Fraction(c.kpa), Fraction(c.celsius), Fraction(c.z))
        said = f"{float(amount):g} m³ ({c.kpa} kPa, {c.celsius} °C) = {float(normal):.6g} Nm3"
        return normal, "Nm3", Sentence(f"{said}。", f"{said}.")
    if row.density is not None:
        mass = amount * Fraction(row.density) / 1000
        said = f"{float(amount):g} L × {row.density} kg/L = {float(mass):g} t"
        return mass, "t", Sentence(f"{said}。", f"{said}.")
    return amount, row.unit, _calorific(row)


def _calorific(row: Fuel) -> Sentence:
    """Which calorific value a heat is by; where the record does not say, the factor's is taken, and that is said."""
    if PATHS[row.unit] != "heat" or row.own:
        return Sentence("", "")
    if row.heating_value is None:
        said = "Net or gross heat is not said: taken as the factor's."
        return Sentence("未说明热量按高位或低位热值，按因子的口径计。", said)
    zh = {"net": "低位", "gross": "高位"}[row.heating_value]
    return Sentence(f"热量按{zh}热值。", f"Heat by {row.heating_value} calorific value.")


def own_factor(row: Row, activity: str, value: str, unit: str, document: str) -> EmissionFactor:
    """A factor that a record brings itself, status `declared`."""
    gas = Gas.CO2E if "CO2e" in unit else Gas.CO2_ONLY
    return EmissionFactor.of(
        Parameter(f"own/{row.id}", activity, "factor", "SITE", row.start.year, value, unit, gas, Method.NOT_APPLICABLE,
                  Status.DECLARED, document, document)
    )  # fmt: skip


def _own_fuel(row: Fuel) -> EmissionFactor:
    """From the record's own parameters: carbon, or ncv x carbon_content; x oxidation x 44/12."""
    by_heat = PATHS[row.unit] == "heat"
    ncv = Fraction(1) if by_heat else Fraction(row.ncv or 0)
    carbon = Fraction(row.carbon) if row.carbon is not None else ncv * Fraction(row.carbon_content or 0)
    exact = combustion(carbon, Fraction(row.oxidation or 0))
    unit = "t" if row.density is not None else "Nm3" if row.conditions is not None else row.unit
    made = own_factor(row, row.fuel, "0", f"tCO2/{unit}", row.document)
    parts = tuple(
        replace(made.components[0], id=f"own/{row.id}/{name}", param=name, printed=str(value), unit=of)
        for name, value, of in (("carbon", row.carbon, f"tC/{unit}"), ("ncv", row.ncv, f"GJ/{unit}"),
                                ("carbon_content", row.carbon_content, "tC/GJ"), ("oxidation", row.oxidation, "ratio"))
        if value is not None
    )  # fmt: skip
    formula = " × ".join(p.param for p in parts) + " × 44/12"
    return replace(made, exact=exact, printed=f"{float(exact):.6g}", components=parts, formula=formula)
