"""Which factor is found for an activity, a region, a year and a method, and how that is said."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.factor_files import declared_factors, load_table
from analytics.factors import EmissionFactor, FactorTable, Gas, MatchKind, Method, Refusal
from analytics.terms import Status, weakest
from analytics.units import fits, kg_per
from metering.sitefile import DeclaredFactor
from tests.analytics.carbon_works import TABLE, TIANJIN, factor, table

LB, RESIDUAL = Method.LOCATION_BASED, Method.MARKET_RESIDUAL


def found(year: int, activity: str = "electricity.grid", method: Method = LB, of: FactorTable = TABLE, **more: object):
    result = of.find(activity, more.pop("chain", TIANJIN), year, method=method, **more)
    assert not isinstance(result, Refusal), result
    return result


def refused(year: int, activity: str = "electricity.grid", method: Method = LB, **more: object) -> Refusal:
    result = TABLE.find(activity, more.pop("chain", TIANJIN), year, method=method, **more)
    assert isinstance(result, Refusal)
    return result


def test_activity_of_2023_takes_the_province_of_2023() -> None:
    factor_, match = found(2023)
    assert (factor_.printed, factor_.unit, match.kinds) == ("0.6796", "kgCO2/kWh", (MatchKind.EXACT,))


def test_activity_of_2026_takes_the_newest_earlier_vintage_and_says_so() -> None:
    factor_, match = found(2026)
    assert (factor_.year, match.kind) == (2023, MatchKind.OLDER_VINTAGE)
    assert "2026" in match.sentence.en
    assert "2023" in match.sentence.zh


def test_activity_of_2022_never_takes_the_better_factor_of_2023() -> None:
    assert found(2022)[0].printed == "0.7041"


def test_before_the_first_vintage_the_answer_is_a_reason() -> None:
    reason = refused(2018).sentence
    assert "2021" in reason.en
    assert "2018年" in reason.zh


def test_without_a_provincial_factor_the_grid_region_stands_in_and_says_so() -> None:
    factor_, match = found(2021)
    assert (factor_.region, match.kind) == ("CN-grid-north", MatchKind.WIDER_REGION)
    assert "天津" in match.sentence.zh


def test_tibet_has_no_factor_of_its_own_and_its_place_on_the_map_is_remembered() -> None:
    factor_, match = found(2023, chain=TABLE.regions.chain("CN", "", "西藏"))
    assert (factor_.printed, factor_.status, match.kind) == ("0.2472", Status.MEMORY, MatchKind.WIDER_REGION)


def test_the_national_average_is_a_setting_of_the_chain() -> None:
    factor_, match = found(2023, chain=TABLE.regions.chain("CN", "华北", "天津", level="country"))
    assert (factor_.printed, match.kind) == ("0.5306", MatchKind.EXACT)


@pytest.mark.parametrize(("year", "printed", "status"), [(2023, "0.6096", "found"), (2022, "0.5856", "memory")])
def test_the_remainder_has_vintages_too_and_the_older_one_is_only_remembered(
    year: int, printed: str, status: str
) -> None:
    factor_ = found(year, method=RESIDUAL)[0]
    assert (factor_.printed, factor_.status) == (printed, status)


def test_a_national_document_is_no_wider_region() -> None:
    assert found(2024, "natural_gas", Method.NOT_APPLICABLE, unit="m³")[1].kinds == (MatchKind.EXACT,)


def test_life_cycle_and_ets_factors_are_found_only_when_asked_for() -> None:
    national = ("CN", "WORLD")
    assert found(2024, method=Method.LIFE_CYCLE, chain=national, gas=Gas.CO2E)[0].printed == "0.5777"
    assert found(2023, method=Method.ETS_REPORTING, chain=national)[0].printed == "0.5703"
    assert found(2024, chain=national, gas=Gas.CO2E)[0].printed == "0.5306"


# --- gases


def test_a_grid_factor_counts_co2_alone_and_a_co2e_total_says_so() -> None:
    factor_, match = found(2023, gas=Gas.CO2E)
    assert factor_.gas is Gas.CO2_ONLY
    assert match.kinds == (MatchKind.OTHER_GAS_BASIS,)


def test_california_has_both_bases_and_each_is_found() -> None:
    camx = TABLE.regions.chain("US", "US-CAMX")
    assert found(2023, chain=camx, gas=Gas.CO2_ONLY)[0].printed == "428.5"
    assert found(2023, chain=camx, gas=Gas.CO2E)[0].printed == "0.195037"


def test_pounds_per_megawatt_hour_become_kilograms_per_kilowatt_hour() -> None:
    factor_ = found(2023, chain=TABLE.regions.chain("US", "US-CAMX"))[0]
    assert float(factor_.kg_per("kWh")) == pytest.approx(0.194365, abs=1e-6)


def test_natural_gas_as_co2e_adds_methane_and_nitrous_oxide_and_rests_on_memory() -> None:
    """1 kg CH4 and 0.1 kg N2O a TJ: 389.31 GJ x (29.8 + 27.3) / 1e6 = 0.0222 t more per 1e4 Nm³."""
    co2 = found(2024, "natural_gas", Method.NOT_APPLICABLE, unit="m³")[0]
    co2e = found(2024, "natural_gas", Method.NOT_APPLICABLE, unit="m³", gas=Gas.CO2E)[0]
    more = Decimal("389.31") * (Decimal("29.8") + Decimal("0.1") * 273) / 10**6
    assert co2e.exact - co2.exact == Fraction(more)
    assert (co2.status, co2e.status, co2e.gwp) == (Status.FOUND, Status.MEMORY, "AR6")


def test_the_report_of_the_warming_potentials_is_a_choice_and_is_never_mixed() -> None:
    other = load_table(gwp="AR5")
    factor_ = found(2024, "natural_gas", Method.NOT_APPLICABLE, of=other, unit="m³", gas=Gas.CO2E)[0]
    assert factor_.gwp == "AR5"
    assert {c.id for c in factor_.components if c.param == "gwp"} == {"gwp-AR5-CH4_fossil", "gwp-AR5-N2O"}


def test_a_composed_factor_keeps_every_parameter_for_the_explanation() -> None:
    factor_ = found(2024, "natural_gas", Method.NOT_APPLICABLE, unit="m³")[0]
    assert [c.printed for c in factor_.components] == ["389.31", "0.0153", "0.99"]
    assert factor_.exact == Fraction("389.31") * Fraction("0.0153") * Fraction("0.99") * Fraction(44, 12)
    assert (factor_.printed, factor_.unit) == ("21.6219", "tCO2/1e4Nm3")


def test_china_takes_its_own_table_and_korea_that_of_the_ipcc() -> None:
    assert found(2026, "diesel", Method.NOT_APPLICABLE, unit="t")[0].document == "gbt32151-34-2024"
    abroad = found(2026, "diesel", Method.NOT_APPLICABLE, unit="t", chain=("KR", "WORLD"))
    assert abroad[0].document == "ipcc-2006-v2"
    assert abroad[1].kind is MatchKind.WIDER_REGION


def test_before_2024_the_guideline_of_2015_counts() -> None:
    """Two default tables differ by up to 20 % for coals; the one in force in the year of the activity wins."""
    old, new = (found(y, "bituminous_coal", Method.NOT_APPLICABLE, unit="t")[0].value for y in (2023, 2024))
    assert (round(old, 4), round(new, 4)) == (2.0715, 1.7417)


def test_gas_metered_at_20_degrees_is_no_normal_cubic_metre() -> None:
    """1 Nm3 is 1.0732 m3 at 20 °C: the trap that overstates a Chinese gas bill by 7 %."""
    normal, metered = (
        found(2026, activity, Method.NOT_APPLICABLE, unit="m³", gas=gas)[0].kg_per("m³")
        for activity, gas in (("natural_gas", Gas.CO2E), ("natural_gas.at_20c", Gas.CO2E))
    )
    assert float(normal / metered) == pytest.approx(293.15 / 273.15, rel=1e-6)
    assert found(2026, "natural_gas.at_20c", Method.NOT_APPLICABLE, unit="m³")[0].status is Status.DERIVED


# --- units


def test_a_factor_in_the_wrong_unit_is_refused_with_the_units_at_hand() -> None:
    assert "tCO2/t" in refused(2026, "diesel", Method.NOT_APPLICABLE, unit="L").sentence.en


@pytest.mark.parametrize(
    ("printed", "activity", "kg"),
    [
        ("kgCO2/kWh", "kWh", 1), ("tCO2/MWh", "kWh", 1), ("tCO2/GJ", "GJ", 1000),
        ("tCO2/1e4Nm3", "m³", Fraction(1, 10)),
        ("kgCO2/TJ", "GJ", Fraction(1, 1000)), ("tCO2/t", "t", 1000), ("kgCO2e/kWh", "GJ", Fraction(2500, 9)),
        ("lbCO2/MWh", "kWh", Fraction("0.00045359237")), ("kgCO2/US gal", "L", 1 / Fraction("3.785411784")),
    ],
)  # fmt: skip
def test_printed_units_become_kilograms_exactly(printed: str, activity: str, kg: Fraction) -> None:
    assert kg_per(printed, activity) == kg


@pytest.mark.parametrize(
    ("printed", "activity"), [("kgCO2/kWh", "m³"), ("kgCO2", "kWh"), ("CNY/tCO2", "t"), ("kgCO2/x", "kWh")]
)
def test_units_that_do_not_fit_are_refused(printed: str, activity: str) -> None:
    assert not fits(printed, activity)


# --- declared by the site


def test_a_declared_factor_wins_whatever_its_region() -> None:
    factor_, match = found(2018, of=table(factor("0.4653")), chain=("KR", "WORLD"))
    assert (factor_.printed, factor_.status, match.kind) == ("0.4653", Status.DECLARED, MatchKind.DECLARED)
    assert "a document" in match.sentence.en


def test_a_declared_factor_is_not_used_before_it_begins_or_after_it_ends() -> None:
    rows = [
        DeclaredFactor(id="early", activity="electricity.grid", value="0.4", unit="kgCO2/kWh", valid_from="2020-01-01",
                       valid_to="2020-12-31", document="contract"),
    ]  # fmt: skip
    mine = table(*declared_factors(rows))
    assert found(2020, of=mine)[0].id == "early"
    assert found(2022, of=mine)[0].id == "cn-electricity-2022-tj"
    assert isinstance(mine.find("electricity.grid", TIANJIN, 2019, method=LB), Refusal)


def test_a_declared_factor_of_an_earlier_year_says_its_age() -> None:
    kinds = found(2026, of=table(factor("0.4", year=2024)))[1].kinds
    assert kinds == (MatchKind.DECLARED, MatchKind.OLDER_VINTAGE)


def test_a_declared_grid_average_is_no_residual_mix() -> None:
    assert found(2026, of=table(factor("0.4")), method=RESIDUAL)[0].printed == "0.6096"


def test_a_declared_fuel_factor_serves_although_the_file_calls_every_factor_location_based() -> None:
    mine = table(factor("2.1", "kgCO2/m³", "natural_gas"))
    assert found(2026, "natural_gas", Method.NOT_APPLICABLE, of=mine, unit="m³")[0].printed == "2.1"


# --- status


def test_the_weakest_status_is_what_a_figure_has() -> None:
    assert weakest([Status.FOUND, Status.DERIVED, Status.MEMORY, Status.NONE]) is Status.MEMORY
    assert weakest([Status.NONE]) is Status.NONE
    assert [s for s in Status if s.weak] == [Status.MEMORY, Status.ASSUMED]


# --- properties

FACTORS = st.lists(
    st.tuples(st.integers(2000, 2030), st.sampled_from(["A", "B", "WORLD"])), min_size=1, max_size=12, unique=True
)


@given(FACTORS, st.integers(1995, 2035))
def test_no_year_ever_takes_a_later_vintage_and_the_nearest_region_wins(rows: list[tuple[int, str]], year: int) -> None:
    made = [_row(f"{r}-{y}", r, y) for y, r in rows]
    result = FactorTable(made, TABLE.regions).find("x", ("A", "B", "WORLD"), year, method=LB)
    usable = [f for f in made if f.year is not None and f.year <= year]
    if not usable:
        assert isinstance(result, Refusal)
        return
    chosen = result[0]
    assert chosen.region == min((f.region for f in usable), key=["A", "B", "WORLD"].index)
    assert chosen.year == max(f.year or 0 for f in usable if f.region == chosen.region)


@given(st.decimals(min_value="0.0001", max_value="99", places=4))
def test_a_printed_value_is_kept_to_the_last_digit(value: Decimal) -> None:
    assert factor(str(value)).exact == Fraction(value)


def _row(id_: str, region: str, year: int) -> EmissionFactor:
    return factor("1", activity="x", region=region, year=year, id_=id_, status=Status.FOUND)
