"""Every trap seen in public code (methods, section 13), each as a test: what others got wrong cannot happen here."""

import re
from fractions import Fraction
from pathlib import Path

import pytest

from analytics.carbon_uncertainty import Cause, Term, interval
from analytics.documents import totals_document
from analytics.factor_files import DATA, load_regions, load_rows, load_table
from analytics.factors import Gas, Method, Refusal
from analytics.indicators_carbon import linear_path
from analytics.site_inputs import instruments
from analytics.terms import Status
from analytics.units import kg_per
from metering.config import ConfigError
from tests.analytics.carbon_works import (
    TABLE,
    TIANJIN,
    all_series,
    certificate,
    factor,
    series,
    table,
    with_points,
    works_balance,
    works_flows,
)

ROOT = Path(__file__).resolve().parents[2]
CO2 = Gas.CO2_ONLY
WRONG_LABELS = ("0.5703", "0.5810", "0.581", "0.5839", "0.6101", "0.8325", "0.785")


def fuel_file(folder: Path, row: str) -> Path:
    file = folder / "fuel.yaml"
    file.write_text(
        "document: x\ntitle: {zh: x, en: x}\nsources: {X: x}\n"
        "defaults: {region: CN, year: 2024, gas: co2_only, method: not_applicable, status: found, source: X}\n"
        f"rows:\n  - {{id: x-1, activity: natural_gas, {row}}}\n",
        encoding="utf-8",
    )
    return file


def refused(file: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load_rows([file], load_regions(DATA / "regions.yaml"))
    return str(caught.value)


def test_trap_01_no_grid_factor_is_in_the_code_and_the_old_ones_serve_no_balance() -> None:
    code = [p for room in ("analytics", "zcf", "metering", "collector") for p in (ROOT / room).rglob("*.py")]
    literal = re.compile(rf"(?<![\d.])({'|'.join(re.escape(x) for x in WRONG_LABELS)}|0\.5306|0\.6096)(?!\d)")
    found = [(p.name, m[0]) for p in code for m in literal.finditer(_without_docstrings(p.read_text(encoding="utf-8")))]
    assert found == []
    old = [f for f in TABLE.factors if f.printed in WRONG_LABELS and f.activity == "electricity.grid"]
    assert old
    assert {f.method for f in old} == {Method.ETS_REPORTING}
    assert {f.status for f in old} == {Status.MEMORY}


def _without_docstrings(text: str) -> str:
    """Numbers quoted in a docstring or a comment explain; numbers in code decide."""
    return re.sub(r"#.*", "", re.sub(r'""".*?"""', "", text, flags=re.DOTALL))


def test_trap_02_per_kilowatt_hour_and_per_megawatt_hour_are_equal_numbers_and_per_ten_thousand_is_not() -> None:
    assert kg_per("kgCO2/kWh", "kWh") == kg_per("tCO2/MWh", "kWh") == 1
    assert kg_per("tCO2/1e4kWh", "kWh") == Fraction(1, 10)


def test_trap_03_a_calorific_value_in_terajoules_is_refused(tmp_path: Path) -> None:
    said = refused(fuel_file(tmp_path, 'param: ncv, value: "389.31", unit: TJ/1e4Nm3'))
    assert "fuel.yaml:6" in said
    assert "ncv in TJ/1e4Nm3" in said


def test_trap_04_carbon_per_terajoule_is_not_carbon_per_gigajoule(tmp_path: Path) -> None:
    said = refused(fuel_file(tmp_path, 'param: carbon_content, value: "15.3", unit: tC/TJ'))
    assert "multiplied in tC/GJ" in said
    [gas] = [p for p in TABLE.parameters if p.id == "gbt32151-34-2024-natural-gas-carbon-content"]
    assert (gas.printed, gas.unit) == ("0.0153", "tC/GJ")


def test_trap_05_sbti_is_linear() -> None:
    assert linear_path(1170, 4.2, 10) == pytest.approx(678.6)


def test_trap_06_pounds_per_gigawatt_hour_are_a_thousandth_of_pounds_per_megawatt_hour() -> None:
    """EGRID prints CH4 and N2O per GWh, CO2 per MWh."""
    assert kg_per("lbCH4/GWh", "kWh") * 1000 == kg_per("lbCO2/MWh", "kWh") == Fraction("0.00045359237")


def test_trap_07_own_generation_is_never_subtracted_from_scope_2() -> None:
    """The same import with ten times the sun behind it: the same scope 2, by either method."""
    little, much = (works_balance(works_flows(given=all_series(pv__active_energy_export=x))) for x in (3.0, 30.0))
    assert little.totals(CO2) == much.totals(CO2)
    exported = works_balance(works_flows(given=all_series(grid__active_energy_export=2.5)))
    assert exported.totals(CO2) == little.totals(CO2)


def test_trap_08_a_bought_zero_always_stands_beside_the_location_based_figure() -> None:
    site = with_points(without=["heat", "gas"])
    made = works_balance(works_flows(site), instruments=(certificate(960),))
    body = totals_document(made)
    assert body["scope2_mb"]["co2_only"] == 0
    assert body["scope2_lb"]["co2_only"] == pytest.approx(960 * 0.6796)
    assert body["total_lb"]["co2_only"] > 0


@pytest.mark.parametrize("report", ["AR4", "AR5", "AR6"])
def test_trap_09_potentials_of_one_report_only(report: str) -> None:
    made = load_table(gwp=report)  # type: ignore[arg-type]
    parts = {p.id for f in made.factors for p in f.components if p.param == "gwp"}
    assert parts
    assert {name.split("-")[1] for name in parts} == {report}


def test_trap_10_months_share_their_factor_and_meter() -> None:
    shared = Cause("factor", "grid", "normal", Status.ASSUMED)
    year = interval([Term(f"{m}", 10.0, {shared: 0.05}) for m in range(12)])
    assert year.percent == pytest.approx(5.0, rel=1e-3)  # 1.44 % if they were independent


def test_trap_11_certificates_above_the_need_are_no_negative_emission() -> None:
    site = with_points(without=["heat", "gas"])
    made = works_balance(works_flows(site), instruments=(certificate(5000),))
    assert made.totals(CO2).scope2_market == 0
    assert all(line.kg >= 0 for line in made.lines)
    [column] = [c for c in made.columns if c.kind == "certificate"]
    assert "give no credit" in column.note.en


def test_trap_12_a_life_cycle_factor_never_serves_scope_2() -> None:
    cycle = factor("0.5777", "kgCO2e/kWh", gas=Gas.CO2E, method=Method.LIFE_CYCLE, year=2026, id_="cycle")
    made = works_balance(works_flows())
    assert not [x for x in made.lines if x.factor.method is Method.LIFE_CYCLE]
    with_own = table(cycle).find("electricity.grid", TIANJIN, 2026, method=Method.LOCATION_BASED, gas=Gas.CO2E)
    assert not isinstance(with_own, Refusal)
    assert with_own[0].id != "cycle"
    published = [f for f in TABLE.factors if f.method is Method.LIFE_CYCLE]
    assert published
    found = TABLE.find(published[0].activity, TIANJIN, 2026, method=Method.LOCATION_BASED)
    assert isinstance(found, Refusal) or found[0].method is Method.LOCATION_BASED


# --- and of the error list, what is not in a record


def instrument(**changes: object) -> dict[str, object]:
    row = {"id": "g", "kind": "contract", "kwh": 100, "year": 2026, "document": "contract 4"}
    return row | changes


def test_a_zero_factor_without_evidence_is_an_error() -> None:
    with pytest.raises(ConfigError, match="a zero factor without evidence"):
        instruments([instrument(document=" ")])
    with pytest.raises(ConfigError, match="without its serial numbers"):
        instruments([instrument(kind="certificate")])
    assert instruments([instrument()])[0].failed  # with a document, but no criterion answered: it covers nothing


def test_negative_energy_at_the_boundary_is_an_error() -> None:
    given_ = all_series() | {("gas", "gas_volume"): series([-1.0] + [2.0] * 95)}
    made = works_balance(works_flows(given=given_))
    assert not made.complete
    assert any("negative energy" in f.sentence.en for f in made.faults)


def test_oxidation_above_one_in_a_file_is_an_error(tmp_path: Path) -> None:
    assert "a share between 0 and 1" in refused(fuel_file(tmp_path, 'param: oxidation, value: "98", unit: ratio'))
