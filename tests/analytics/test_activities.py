"""Recorded activities: each formula against its printed example, each impossible figure refused with its line."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.activity_files import Beside, body_of, read_file, recorded_of, rows_of, suppliers_of
from analytics.activity_rows import ActivityFile
from analytics.factors import Gas, MatchKind, Method
from analytics.fuel_paths import FuelUse, normal_volume
from analytics.lines import Category
from analytics.process_gases import ByProduct, fluorinated
from analytics.recorded import Recorded
from analytics.recorder import Recorder
from analytics.refrigerants import leak_rate, material_balance, screening, simplified
from analytics.scope3 import coverage, lost_with
from analytics.terms import Sentence, Status
from metering.config import ConfigError
from metering.site import MeteringPoint, Role
from metering.store.entries import Entry
from tests.analytics.carbon_works import (
    SITE,
    START,
    TABLE,
    TIANJIN,
    all_series,
    series,
    with_points,
    works_balance,
    works_flows,
)

RECORDER = Recorder(TABLE, SITE.zone)
BESIDE = Beside(TIANJIN)
CO2, CO2E = Gas.CO2_ONLY, Gas.CO2E
HEAD = {"from": "2026-10-01", "to": "2026-10-01", "tier": "invoice", "document": "invoice 1"}


def record(**fields: Any) -> dict[str, Any]:
    return {"id": "r1", **HEAD, **fields}


def recorded(*rows: dict[str, Any]) -> tuple[Recorded, ...]:
    kept = ActivityFile.model_validate({"activities": rows}).activities
    return tuple(p for row in kept for p in RECORDER.postings(row))


def lines(*rows: dict[str, Any], gas: Gas = CO2) -> dict[str, float]:
    """What the rows add to a day of the works [kg], scopes 1 to 3 and what stands beside."""
    made = works_balance(works_flows(), recorded=recorded(*rows))
    assert not [f for f in made.faults if f.incomplete], made.faults
    both = (*made.lines, *made.apart)
    return {line.point: line.kg for line in both if line.gas is gas and line.tier}


def faults(tmp_path: Path, text: str, beside: Beside = BESIDE) -> str:
    file = tmp_path / "activities.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_file(file, RECORDER, beside)
    return "\n".join(map(str, caught.value.faults))


def one(fields: str) -> str:
    head = "{id: r1, from: 2026-10-01, to: 2026-10-31, tier: invoice, document: d, "
    return f"activities:\n  - {head}{fields}}}\n"


# --- scope 1, from outside first


@pytest.mark.parametrize(
    ("amount", "unit", "carbon", "oxidation", "tonnes"),
    [
        ("2", "1e4Nm3", "0.015", "0.98", 0.1078),
        ("10", "t", "0.02", "1", 0.7333333333),
        ("10", "GJ", "0.02", "1", 0.7333333333),
    ],
)
def test_ex_01_the_three_paths_of_a_fuel(amount: str, unit: str, carbon: str, oxidation: str, tonnes: float) -> None:
    """GB/T 32151.34-2024 formulas (1) to (3): carbon per unit of the path."""
    basis = {"basis": "dry", "analysis_basis": "dry"} if unit == "t" else {}
    row = record(type="combustion", fuel="x", amount=amount, unit=unit, carbon=carbon, oxidation=oxidation, **basis)
    assert lines(row) == {"r1": pytest.approx(tonnes * 1000, rel=1e-9)}


@pytest.mark.parametrize(("amount", "unit"), [("2", "1e4Nm3"), ("10", "t")])
def test_ex_01_heat_is_amount_times_ncv(amount: str, unit: str) -> None:
    """Formulas (4) and (5): x NCV 3 GJ, then carbon per heat; 6 GJ and 30 GJ x 0.02 tC/GJ."""
    own = {"ncv": "3", "carbon_content": "0.02", "oxidation": "1"}
    basis = {"basis": "dry", "analysis_basis": "dry"} if unit == "t" else {}
    row = record(type="combustion", fuel="x", amount=amount, unit=unit, **own, **basis)
    heat = record(type="combustion", fuel="x", amount=str(int(amount) * 3), unit="GJ", carbon="0.02", oxidation="1")
    assert lines(row)["r1"] == pytest.approx(lines(heat)["r1"], rel=1e-12)


def test_ex_02_natural_gas_by_the_defaults() -> None:
    row = record(type="combustion", fuel="natural_gas", amount="10000", unit="Nm3")
    assert lines(row)["r1"] == pytest.approx(21_621.9, rel=1e-5)


def test_diesel_by_litres_and_density_is_the_printed_tonne() -> None:
    """3.0959 t/t of the GB table; 1190.476 L at 0.84 kg/L are a tonne."""
    row = record(type="combustion", fuel="diesel", amount="2500", unit="L", density="0.84")
    assert lines(row)["r1"] == pytest.approx(2500 * 0.84 * 3.0959, rel=1e-5)


def test_a_vehicle_burns_the_same_carbon_and_has_its_own_methane() -> None:
    row = record(type="combustion", fuel="mobile.diesel_road", amount="1", unit="t")
    assert lines(row)["r1"] == pytest.approx(3095.9, rel=1e-4)
    made = works_balance(works_flows(), recorded=recorded(row))
    [line] = [found for found in made.lines if found.point == "r1" and found.gas is CO2E]
    assert line.category is Category.MOBILE_COMBUSTION
    extra = 42.652 * (3.9 * 29.8 + 3.9 * 273) / 1000  # kg/TJ x GJ/t = g/t
    assert line.kg == pytest.approx(3095.9 + extra, rel=1e-4)
    assert line.caution is not None  # IPCC mobile factors are from memory


def test_a_gas_meter_at_20_degrees_reads_1_0732_times_the_normal_volume() -> None:
    assert float(1 / normal_volume(Fraction(1), Fraction("101.325"), Fraction(20), Fraction(1))) == pytest.approx(
        1.0732, abs=5e-5
    )
    at = {"kpa": "101.325", "celsius": 20}
    row = record(type="combustion", fuel="natural_gas", amount="10732.2", unit="m³", conditions=at)
    assert lines(row)["r1"] == pytest.approx(21_621.9, rel=1e-4)
    with pytest.raises(ValueError, match="positive"):
        normal_volume(Fraction(1), Fraction(0), Fraction(20), Fraction(1))


def test_the_four_methods_of_refrigerants() -> None:
    f = Fraction
    assert material_balance(f(50), f(30), f(20), f(5), f(10)) == 25
    assert simplified(f(1), f(12), f(2), f(30), f(25)) == 16
    assert screening(f(100), f("0.1"), f(1, 2)) == 5
    assert leak_rate(f(12), f(2), f(100)) == f(1, 10)
    row = record(type="refrigerant", gas="R-410A", method="purchased", purchases="10")
    assert lines(row, gas=CO2E) == {"r1": 22_555.0}  # 0.5 x 771 + 0.5 x 3740
    assert lines(row) == {}  # no CO2: on the CO2-only basis there is no such line


def test_a_montreal_gas_stands_beside_the_total() -> None:
    row = record(type="refrigerant", gas="HCFC-22", method="purchased", purchases="10")
    made = works_balance(works_flows(), recorded=recorded(row))
    assert [(x.category, x.kg) for x in made.apart] == [(Category.NOT_KYOTO, 19_600.0)]
    assert made.totals(CO2E) == works_balance(works_flows()).totals(CO2E)


def test_a_screening_counts_the_days() -> None:
    row = record(type="refrigerant", gas="HFC-32", method="screening", charge="365", annual_leak="10 %")
    assert lines(row, gas=CO2E)["r1"] == pytest.approx(0.1 * 771)


def test_carbonates_by_component() -> None:
    """CAL x I x EF x TR: 10 t of 90 % CaCO3 at 0.44."""
    row = record(type="carbonate", mass="10", components={"CaCO3": "0.9"})
    assert lines(row) == {"r1": pytest.approx(3960.0)}
    two = record(type="carbonate", mass="10", components={"CaCO3": "0.5", "MgCO3": "0.4"}, conversion="0.9")
    assert lines(two) == {"r1.CaCO3": pytest.approx(1980), "r1.MgCO3": pytest.approx(1879.2)}


def test_fluorinated_gases_and_their_by_products() -> None:
    """(1-h) C (1-U) (1-ad) and (1-h) C B (1-ad)."""
    f = Fraction
    made = fluorinated(
        "NF3", f(100), heel=f("0.1"), utilisation=f("0.95"), abated=f("0.5"), destruction=f("0.9"),
        by_products=[ByProduct("CF4", f("0.1"), f("0.8"))],
    )  # fmt: skip
    assert made == {"NF3": f("2.475"), "CF4": f("5.4")}


@pytest.mark.parametrize(("abated", "kg"), [("0", 4.5), ("1", 0.0)])
def test_abatement_of_everything_at_full_destruction_leaves_nothing(abated: str, kg: float) -> None:
    row = record(type="fluorinated_gas", gas="SF6", mass="100", heel="0.1", utilisation="0.95", abated=abated,
                 destruction="1")  # fmt: skip
    assert lines(row, gas=CO2E)["r1"] == pytest.approx(kg * 24_300)


def test_biogenic_carbon_is_apart_and_its_methane_is_not() -> None:
    fossil = record(type="combustion", fuel="natural_gas", amount="10000", unit="Nm3")
    half = fossil | {"biogenic_share": "0.5"}
    made = works_balance(works_flows(), recorded=recorded(half))
    kg = {(x.point, x.gas): x.kg for x in (*made.lines, *made.apart)}
    assert kg["r1", CO2] == kg["r1.biogenic", CO2] == pytest.approx(21_621.9 / 2, rel=1e-5)
    methane = lines(fossil, gas=CO2E)["r1"] - lines(fossil)["r1"]
    assert methane > 0
    inside = kg["r1", CO2E] + kg["r1.other_gases", CO2E]
    assert inside == pytest.approx(21_621.9 / 2 + methane, rel=1e-5)
    assert [x.category for x in made.apart] == [Category.BIOGENIC]


# --- scope 2 heat


def test_ex_06_and_ex_08_steam_through_the_table() -> None:
    """1.75 MPa: 2794.45 kJ/kg; 1000 kg are 2.79445 GJ at 0.11 tCO2/GJ."""
    row = record(type="steam", mass="1000", state="saturated", mpa="1.75")
    assert lines(row) == {"r1": pytest.approx(2.79445 * 110)}
    hot = record(type="steam", mass="1000", state="superheated", mpa="3.0", celsius="350")
    assert lines(hot) == {"r1": pytest.approx(3.1157 * 110)}
    less = record(type="steam", mass="1000", state="saturated", mpa="1.75", deduct_feed_water=True)
    assert lines(less) == {"r1": pytest.approx((2794.45 - 83.74) / 1000 * 110)}
    water = record(type="steam", mass="1000", state="hot_water", celsius="80")
    assert lines(water) == {"r1": pytest.approx(4.1868 * 60 / 1000 * 110)}


# --- scope 3


def test_scope_3_is_in_no_total_of_scopes_1_and_2() -> None:
    own = {"value": "0.1", "unit": "kgCO2e/tkm", "document": "carrier"}
    row = record(type="scope3", category=4, activity="freight.road", tonnes="20", km="500", factor=own)
    made = works_balance(works_flows(), recorded=recorded(row))
    assert {x.scope for x in made.apart} == {3}
    assert [x.kg for x in made.apart if x.gas is CO2E] == [1000.0]
    assert made.totals(CO2E) == works_balance(works_flows()).totals(CO2E)


def test_losses_of_the_grid_only_at_a_declared_rate() -> None:
    assert works_balance(works_flows()).apart == ()
    made = works_balance(works_flows(), grid_loss_percent=Fraction(4))
    [line] = [x for x in made.apart if x.gas is CO2]
    assert line.amount.micro == lost_with(960_000_000, Fraction(4)) == 40_000_000
    assert line.kg == pytest.approx(40 * 0.6796)


def test_suppliers_that_did_not_answer_are_missing_and_not_zero() -> None:
    rows = [
        {"id": "a", **HEAD, "type": "supplier", "name": "A", "spend": "750", "tonnes": "12"},
        {"id": "b", **HEAD, "type": "supplier", "name": "B", "spend": "250"},
    ]
    kept = ActivityFile.model_validate({"activities": rows}).activities
    entries = [Entry(r.id, "activity", "w", "y", 0, body_of(r, RECORDER), n) for n, r in enumerate(kept, 1)]
    body = coverage(suppliers_of(entries))
    assert (body["coverage_percent"], body["missing"], body["complete"], body["tco2e"]) == (75.0, ["B"], False, 12.0)
    assert recorded_of(entries, RECORDER) == ()
    assert [r.id for r in rows_of(entries)] == ["a", "b"]
    assert coverage([])["coverage_percent"] is None


# --- a record over a span


@settings(deadline=None)
@given(st.integers(0, 10**12), st.lists(st.integers(0, 1000), max_size=6))
def test_parts_of_a_span_add_up_exactly(micro: int, cuts: list[int]) -> None:
    whole = Recorded("x", Category.WASTE, "w", micro, "t", 0, 1000, "invoice", "d", Sentence("", ""))
    edges = sorted({0, 1000, *cuts})
    parts = [whole.within(a, b) for a, b in pairwise(edges)]
    assert sum(p.micro for p in parts if p) == micro
    assert whole.within(1000, 2000) is None


def test_a_month_of_a_quarter_is_said_to_be_spread() -> None:
    row = record(type="combustion", fuel="diesel", amount="92", unit="t") | {"to": "2026-12-31"}
    made = works_balance(works_flows(), recorded=recorded(row))
    [line] = [x for x in made.lines if x.point == "r1" and x.gas is CO2]
    assert line.amount.micro == line.amount.placed == 1_000_000  # one of 92 days


# --- the error list: place and mend


def test_negative_amounts_are_refused_at_their_line(tmp_path: Path) -> None:
    said = faults(tmp_path, one("type: combustion, fuel: diesel, amount: -3, unit: t"))
    assert "activities.yaml:2: activities.0.amount: " in said
    assert "-3 is negative" in said


COAL = "type: combustion, fuel: x, amount: 1, unit: t"


def test_steam_beyond_the_printed_tables_is_by_if97_and_says_so() -> None:
    hot = record(type="steam", mass="1000", state="superheated", mpa="1.0", celsius="300")
    [line] = works_balance(works_flows(), recorded=recorded(hot)).select(CO2, scope=2, method=Method.MARKET_BASED)[-1:]
    assert line.kg == pytest.approx(3.0517 * 110, rel=1e-4)  # 3051.7 kJ/kg in the steam tables of IF97
    assert [(p.status, p.document) for p in line.basis] == [(Status.SECOND_HAND, "IAPWS-IF97")]
    assert line.status is Status.SECOND_HAND
    assert line.caution is None
    assert "IAPWS-IF97" in line.match.sentence.en


@pytest.mark.parametrize(
    "fields",
    [{"state": "hot_water", "celsius": "80"}, {"state": "saturated", "mpa": "1.75", "deduct_feed_water": True}],
)
def test_a_constant_from_memory_makes_the_line_one_from_memory(fields: dict[str, Any]) -> None:
    [line] = works_balance(works_flows(), recorded=recorded(record(type="steam", mass="1000", **fields))).select(
        CO2, scope=2, method=Method.MARKET_BASED
    )[-1:]
    assert line.factor.status is Status.FOUND
    assert line.status is Status.MEMORY
    assert line.caution is not None
    assert "from memory" in line.caution.en


BALANCE = "type: refrigerant, gas: HFC-32, method: material_balance"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ("type: combustion, fuel: x, amount: 1, unit: GJ, carbon: 0.02, oxidation: 1.01", "between 0 and 100 %"),
        ("type: combustion, fuel: x, amount: 1, unit: t, carbon: 2.7, oxidation: 1, basis: dry, analysis_basis: dry",
         "more than 100 % carbon"),
        ("type: carbonate, mass: 1, components: {CaCO3: 0.6, MgCO3: 0.5}", "more than 100 %"),
        ("type: carbonate, mass: 1, components: {CaCO3: 0.6}, conversion: 1.2", "between 0 and 100 %"),
        (f"{BALANCE}, begin: 1, end_stock: 9, purchases: 1, returned: 0, charge_increase: 0", "balance is negative"),
        ("type: steam, mass: 1, state: saturated, mpa: 19", "outside the table"),
        ("type: steam, mass: 1, state: superheated, mpa: 3.0, celsius: 900", "outside the table"),
        ("type: steam, mass: 1, state: superheated, mpa: 3.0, celsius: 220", "boils at 233.9 °C there"),
        ("type: combustion, fuel: x, amount: 1, unit: t, carbon: 0.7, oxidation: 1", "unknown basis"),
        (f"{COAL}, carbon: 0.7, oxidation: 1, basis: dry, analysis_basis: as_received",
         "bring both to one basis"),
        ("type: combustion, fuel: x, amount: 1, unit: t, ncv: 20, oxidation: 1", "add what is missing"),
        ("type: combustion, fuel: x, amount: 1, unit: furlong", "neither a volume, a mass nor a heat"),
        ("type: combustion, fuel: diesel, amount: 1, unit: L", "bring a factor"),
        (f"{COAL}, conditions: {{kpa: 100, celsius: 20}}", "belong to a gas volume"),
        ("type: refrigerant, gas: R-41OA, method: purchased, purchases: 1", "is it R-410A?"),
        ("type: refrigerant, gas: HFC-32, method: screening, charge: 1", "needs annual_leak"),
        ("type: scope3, category: 4, activity: freight, tonnes: 5", "tonnes and km"),
        ("type: scope3, category: 5, activity: waste.landfill, amount: 5, unit: t", "no factor"),
        ("type: steam, mass: 1, state: saturated", "needs mpa"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_place_and_mend(tmp_path: Path, fields: str, reason: str) -> None:
    said = faults(tmp_path, one(fields))
    assert said.startswith(f"{tmp_path}/activities.yaml:2: activities.0")
    assert reason in said


def test_a_heat_by_gross_calorific_value_never_meets_a_factor_by_net(tmp_path: Path) -> None:
    gas = "type: combustion, fuel: natural_gas, amount: 100, unit: GJ"
    said = faults(tmp_path, one(f"{gas}, heating_value: gross"))
    assert "activities.yaml:2: activities.0: the heat is by gross calorific value, gbt32151-34-2024/natural_gas" in said
    assert "belongs to an amount of heat" in faults(tmp_path, one(f"{COAL}, heating_value: net"))
    british = Beside(TABLE.regions.chain("GB", "", ""))
    billed = "type: combustion, fuel: natural_gas, amount: 100, unit: kWh"
    assert "is by net calorific value" in faults(tmp_path, one(f"{billed}, heating_value: net"), british)
    (tmp_path / "gross.yaml").write_text(one(f"{billed}, heating_value: gross"), encoding="utf-8")
    assert len(read_file(tmp_path / "gross.yaml", RECORDER, british)) == 1


@pytest.mark.parametrize(("stated", "said"), [({}, "Net or gross heat is not"), ({"heating_value": "net"}, "by net")])
def test_a_line_by_heat_says_its_calorific_value(stated: dict[str, str], said: str) -> None:
    [found] = recorded(record(type="combustion", fuel="diesel", amount="5", unit="GJ", **stated))
    assert said in found.how.en


def test_a_document_is_no_option(tmp_path: Path) -> None:
    text = one("type: combustion, fuel: diesel, amount: 1, unit: t").replace("document: d", 'document: ""')
    assert "document" in faults(tmp_path, text)


BOTH = """activities:
  - {id: gas-bill, type: combustion, fuel: natural_gas, amount: 5000, unit: Nm3, from: 2026-10-01, to: 2026-10-31, tier: invoice, document: d}
  - {id: gas-heat, type: combustion, fuel: natural_gas, amount: 190, unit: GJ, from: 2026-10-15, to: 2026-11-15, tier: invoice, document: d}
"""  # noqa: E501 - one record a line


def test_the_same_fuel_on_two_paths_is_an_error_that_names_both(tmp_path: Path) -> None:
    said = faults(tmp_path, BOTH)
    assert ":3:" in said
    assert "gas-bill (volume)" in said
    assert "gas-heat (heat)" in said
    apart = BOTH.replace("from: 2026-10-15", "from: 2026-11-01")
    file = tmp_path / "apart.yaml"
    file.write_text(apart, encoding="utf-8")
    assert len(read_file(file, RECORDER, BESIDE)) == 2


def test_the_same_fuel_on_a_meter_and_on_paper_is_an_error_that_names_both(tmp_path: Path) -> None:
    beside = Beside(TIANJIN, (), (FuelUse("natural_gas", "volume", "gas", 0, START + 10**10),))
    text = one("type: combustion, fuel: natural_gas, amount: 190, unit: GJ")
    said = faults(tmp_path, text, beside)
    assert "gas (volume)" in said
    assert "r1 (heat)" in said


def test_in_a_balance_the_second_path_is_left_out_and_the_balance_is_incomplete() -> None:
    row = record(type="combustion", fuel="natural_gas", amount="190", unit="GJ")
    made = works_balance(works_flows(), recorded=recorded(row))
    assert not made.complete
    assert [f.point for f in made.faults] == ["r1"]
    assert made.totals(CO2) == works_balance(works_flows()).totals(CO2)


def test_two_registers_of_one_point_on_two_paths_are_an_error() -> None:
    site = with_points(MeteringPoint("gas", Role.FUEL, "natural_gas", device="g", activity="natural_gas"))
    given_ = all_series() | {("gas", "fuel_mass"): series(0.1)}
    made = works_balance(works_flows(site, given=given_))
    assert not made.complete
    assert any("exclude each other" in f.sentence.en and "fuel_mass" in f.sentence.en for f in made.faults)


def test_a_record_entered_twice_is_refused(tmp_path: Path) -> None:
    row = ActivityFile.model_validate({"activities": [record(type="combustion", fuel="diesel", amount="1", unit="t")]})
    held = [Entry("activity-1", "activity", "w", "y", 0, body_of(row.activities[0], RECORDER), 1)]
    text = one("type: combustion, fuel: diesel, amount: 1, unit: t")
    assert "undo that entry first" in faults(tmp_path, text, Beside(TIANJIN, held))


def test_every_fault_of_a_file_is_told_at_once(tmp_path: Path) -> None:
    text = BOTH.replace("amount: 5000", "amount: -1").replace("amount: 190", "amount: x")
    assert [part.split(":")[1] for part in faults(tmp_path, text).splitlines()] == ["2", "3"]


# --- exports


def test_exports_are_subtracted_by_profile_beside_the_totals_only() -> None:
    plain, profiled = works_balance(works_flows()), works_balance(works_flows(), export_treatment="cn_subtract")
    assert plain.totals(CO2) == profiled.totals(CO2)
    [column] = [c for c in profiled.columns if c.kind == "export_by_profile"]
    assert column.kg == pytest.approx(-96 * 0.6796)
    assert not [c for c in plain.columns if c.kind == "export_by_profile"]
    assert Method.LOCATION_BASED in {line.method for line in profiled.lines}


def test_own_parameters_are_kept_with_the_line() -> None:
    row = record(type="combustion", fuel="x", amount="10", unit="GJ", carbon="0.02", oxidation="0.99")
    made = works_balance(works_flows(), recorded=recorded(row))
    [line] = [x for x in made.lines if x.point == "r1" and x.gas is CO2]
    assert line.match.kind is MatchKind.DECLARED
    told = line.explain()["factor"]
    assert [(p["param"], p["value"]) for p in told["components"]] == [("carbon", "0.02"), ("oxidation", "0.99")]
    assert told["formula"] == "carbon × oxidation × 44/12"


def test_what_is_passed_on_to_a_tenant_is_not_the_sites_purchase() -> None:
    site = with_points(MeteringPoint("tenant", Role.LOAD, parent="grid", device="m9", end_use="resold"))
    given_ = all_series() | {("tenant", "active_energy_import"): series(2.0)}
    made = works_balance(works_flows(site, given=given_))
    [line] = [x for x in made.select(CO2, method=Method.LOCATION_BASED) if x.point == "grid"]
    assert line.amount.micro == (960 - 192) * 10**6
    [column] = [c for c in made.columns if c.kind == "resold"]
    assert column.amount is not None
    assert column.amount.value == 192
    more = all_series() | {("tenant", "active_energy_import"): series(20.0)}
    nothing = works_balance(works_flows(site, given=more)).select(CO2, method=Method.MARKET_BASED)
    assert [x.kg for x in nothing if x.point == "grid"] == [0.0]
