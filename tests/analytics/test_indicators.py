"""Indicators: golden numbers of the small works, the limits physics demands, and properties."""

from datetime import date
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from analytics.balance import Settings
from analytics.criteria_files import load_uncertainty
from analytics.factors import Method
from analytics.flows import flows
from analytics.indicators import INDICATORS, Gauge, LeakTest, Order, Target, compute
from analytics.indicators_electricity import clean_discharge, matched
from analytics.intervals import Intervals
from analytics.market import Credit, InstrumentKind
from analytics.terms import Status
from metering.period import QUARTER_MS, year
from metering.site import MeteringPoint, Role
from tests.analytics.carbon_works import (
    MICRO,
    SITE,
    START,
    TIANJIN,
    all_series,
    certificate,
    factor,
    inputs,
    series,
    table,
    with_points,
    works_flows,
)

CELLS = 96


def value(name: str, of=None, **more: object) -> float:
    found = INDICATORS[name](of or inputs(**more))
    assert found.value is not None, found.reason
    return found.value


def reason(name: str, of) -> str:
    found = INDICATORS[name](of)
    assert found.value is None
    assert found.reason is not None
    assert found.reason.zh
    return found.reason.en


def steps(*pairs: tuple[float, int]) -> list[float]:
    """So much in so many quarter-hours, one after the other."""
    return [one for amount, times in pairs for one in [amount] * times]


# --- carbon


def test_carbon_per_coal_equivalent_uses_the_equivalent_value_of_electricity() -> None:
    """(960 kWh at 0.6096 + heat + gas) over (1152 kWh at 0.1229, 192 m³ at 1.33, 9.6 GJ at 34.12 kgce)."""
    kg = 960 * 0.6096 + 9.6 * 110 + 192 * 2.162188809
    kgce = 1152 * 0.1229 + 192 * 1.33 + 9.6 * 34.12
    assert value("co2_per_tce") == pytest.approx(kg / kgce, rel=1e-12)
    assert INDICATORS["co2_per_tce"](inputs()).status is Status.FOUND
    assert INDICATORS["co2e_per_tce"](inputs()).status is Status.MEMORY


def test_an_all_electric_site_on_average_grid_power_has_an_intensity_of_4_32() -> None:
    bare = with_points(without=["gas", "heat", "pv", "battery", "smt", "test"])
    day = works_flows(bare, given=all_series(grid__active_energy_export=0.0))
    one = inputs(day, settings=Settings(("CN", "WORLD"), remainder="average"))
    assert value("co2_per_tce", one) == pytest.approx(4.32, abs=0.005)


def test_an_incomplete_balance_gives_no_carbon_figure_but_the_reason() -> None:
    lacking = all_series() | {("gas", "gas_volume"): series(2.0, 90)}
    one = inputs(works_flows(given=lacking))
    for name in ("gross_market", "co2_per_tce", "net_balance", "renewable_energy_share", "co2_per_unit"):
        assert INDICATORS[name](one).value is None
    assert "6 of 96" in reason("gross_market", one)


def test_offsets_lower_the_net_balance_and_never_the_gross() -> None:
    credit = Credit("c", Fraction(400), 2026, "CCER", "1", 2023, date(2026, 11, 1), "works", document="d")
    one = inputs(settings=Settings(TIANJIN, credits=(credit,)))
    assert value("net_balance", one) == pytest.approx(value("gross_market") - 0.4)
    assert value("gross_market", one) == value("gross_market")
    assert value("offsets_ratio", one) == pytest.approx(100 * 0.4 / value("gross_market"))
    assert value("offset_quality", one) == 1


def test_a_reduction_is_judged_over_whole_years_alone() -> None:
    day = inputs(facts={"base_year_tco2e": 1000.0})
    assert "whole year" in reason("absolute_reduction", day)
    span = year(2025, SITE.zone)
    cells = (span.end_ms - span.start_ms) // QUARTER_MS
    whole = works_flows(cells=cells, start=span.start_ms)
    one = inputs(whole, facts={"base_year_tco2e": 2000.0, "baseline_tco2e": 4000.0})
    assert one.full_year
    gross = value("gross_market", one)
    assert value("absolute_reduction", one) == pytest.approx(100 * (1 - gross / 2000))
    assert value("own_reduction_share", one) == pytest.approx(100 * (1 - gross / 4000))
    assert "baseline" in reason("own_reduction_share", day)


def test_a_target_is_a_linear_rate() -> None:
    assert value("target_annual_reduction", targets=(Target(2020, 1170, 2030, 678.6),)) == pytest.approx(4.2)
    assert "target" in reason("target_annual_reduction", inputs())


def test_instruments_are_as_good_as_the_worst_of_them() -> None:
    assert value("instruments_quality") == 8
    twice = (certificate(1, id_="a", serial="7"), certificate(1, id_="b", serial="7"))
    one = inputs(settings=Settings(TIANJIN, instruments=twice))
    assert (value("instruments_quality", one), value("duplicate_serials", one)) == (7, 1)


def test_grid_and_consumption_intensity() -> None:
    assert value("grid_intensity") == pytest.approx(0.6796)
    assert value("consumption_intensity") == pytest.approx(960 * 0.6096 / 1152)


def test_uncertainty_grows_with_shared_factors_and_not_with_the_number_of_months() -> None:
    """Treating months as independent would divide it by the square root of their number."""
    defaults = load_uncertainty()
    site = with_points(without=["gas", "heat"])
    short, long = (inputs(works_flows(site, cells=n), uncertainty=defaults) for n in (96, 960))
    assert value("combined_uncertainty", short) == pytest.approx((1**2 + 5**2) ** 0.5)
    assert value("combined_uncertainty", long) == pytest.approx(value("combined_uncertainty", short))
    assert INDICATORS["combined_uncertainty"](short).status is Status.ASSUMED
    assert "uncertainties" in reason("combined_uncertainty", inputs())


# --- green shares


def test_own_generation_is_the_physical_share_and_certificates_add_to_the_contractual_one() -> None:
    one = inputs(settings=Settings(TIANJIN, instruments=(certificate(240),)))
    assert value("renewable_share_physical", one) == pytest.approx(100 * 192 / 1152)
    assert value("renewable_share_contractual", one) == pytest.approx(100 * (192 + 240) / 1152)
    assert value("renewable_purchased_share", one) == pytest.approx(25)


def test_a_direct_line_counts_physically() -> None:
    line = certificate(240)
    line = type(line)(line.id, InstrumentKind.DIRECT_LINE, *(getattr(line, n) for n in line.__slots__[2:]))
    one = inputs(settings=Settings(TIANJIN, instruments=(line,)))
    assert value("renewable_share_physical", one) == pytest.approx(100 * (192 + 240) / 1152)


def test_sold_attributes_are_not_claimed_by_contract() -> None:
    one = inputs(settings=Settings(TIANJIN, attributes_sold={("pv", 2026): 92 * MICRO}))
    assert value("renewable_share_contractual", one) == pytest.approx(100 * 100 / 1152)
    assert value("renewable_share_physical", one) == pytest.approx(100 * 192 / 1152)


def test_certificates_without_evidence_add_nothing() -> None:
    bare = certificate(240)
    bare = type(bare)(*(({} if n == "answers" else getattr(bare, n)) for n in bare.__slots__))
    one = inputs(settings=Settings(TIANJIN, instruments=(bare,)))
    assert value("renewable_share_contractual", one) == value("renewable_share_physical", one)


def test_generation_from_fuel_is_not_green() -> None:
    site = with_points(MeteringPoint("pv", Role.GENERATION, device="chp", activity="natural_gas"))
    one = inputs(works_flows(site))
    for name in ("renewable_share_physical", "renewable_share_contractual", "hourly_match"):
        assert "renewable" in reason(name, one)


def test_renewable_share_of_all_energy_is_counted_in_coal() -> None:
    kgce = 1152 * 0.1229 + 192 * 1.33 + 9.6 * 34.12
    assert value("renewable_energy_share") == pytest.approx(100 * 192 * 0.1229 / kgce)
    assert value("electrification_rate") == pytest.approx(100 * 1152 * 0.1229 / kgce)
    assert value("comprehensive_energy_tce") == pytest.approx(kgce / 1000)


def test_self_use_and_self_sufficiency() -> None:
    assert value("self_use_rate") == pytest.approx(100 * 2 / 3)
    assert value("self_sufficiency") == pytest.approx(100 * 2 / 12)


def test_a_site_without_generation_has_no_shares_of_it() -> None:
    one = inputs(works_flows(with_points(without=["pv"])))
    for name in ("self_use_rate", "self_sufficiency", "hourly_match"):
        assert "generation" in reason(name, one)


# --- matching in time


@pytest.mark.parametrize(
    ("load", "clean", "share"),
    [([1, 1], [5, 0], 0.5), ([2, 1], [5, 0], 2 / 3), ([1, 1], [1, 1], 1), ([1, 1], [0, 0], 0)],
)
def test_matched_share(load: list[float], clean: list[float], share: float) -> None:
    """Load added into an hour of surplus raises it; that is what the formula says."""
    assert matched(np.array(load, float), np.array(clean, float)) == pytest.approx(share)


POWER = hnp.arrays(np.float64, 12, elements=st.floats(0, 1000).map(lambda kwh: round(kwh, 3)))


@given(POWER, POWER)
def test_hourly_match_is_never_above_the_annual_one_nor_above_all(load, clean) -> None:
    if load.sum() > 0:
        assert matched(load, clean) <= min(1.0, float(clean.sum() / load.sum())) + 1e-12


@given(POWER, st.floats(0, 5))
def test_proportional_profiles_match_as_well_by_the_hour_as_by_the_year(load, times) -> None:
    if load.sum() > 0:
        assert matched(load, load * times) == pytest.approx(min(1.0, times))


@given(POWER, POWER, st.integers(0, 11), st.floats(0, 500))
def test_load_added_where_nothing_is_spare_never_raises_the_match(load, clean, hour, more) -> None:
    if load.sum() > 0 and clean[hour] <= load[hour]:
        added = load.copy()
        added[hour] += more
        assert matched(added, clean) <= matched(load, clean) + 1e-12


@given(POWER, POWER)
def test_finer_steps_can_only_lower_the_match(load, clean) -> None:
    coarse = matched(load.reshape(-1, 4).sum(axis=1), clean.reshape(-1, 4).sum(axis=1))
    assert matched(load, clean) <= coarse + 1e-12


@given(POWER, POWER, POWER)
def test_a_battery_never_makes_green_energy(charge, clean, discharge) -> None:
    out = clean_discharge(charge, np.minimum(charge, clean), discharge)
    assert (out >= 0).all()
    assert (out <= discharge + 1e-9).all()
    assert out.sum() <= np.minimum(charge, clean).sum() + 1e-6


def test_energy_charged_clean_comes_out_clean_and_from_the_grid_not() -> None:
    charge, none = np.array([10.0, 0, 0]), np.zeros(3)
    discharge = np.array([0, 4.0, 4.0])
    assert clean_discharge(charge, charge, discharge) == pytest.approx([0, 4, 4])
    assert clean_discharge(charge, none, discharge) == pytest.approx([0, 0, 0])
    assert clean_discharge(none, none, discharge) == pytest.approx([0, 0, 0])


def test_hourly_match_of_the_works_is_below_its_annual_match() -> None:
    given_ = all_series() | {
        ("pv", "active_energy_export"): series(steps((0, 48), (30, 48))),
        ("grid", "active_energy_export"): series(steps((0, 48), (20, 48))),
        ("grid", "active_energy_import"): series(steps((10, 48), (0, 48))),
    }
    one = inputs(works_flows(given=given_))
    assert value("hourly_match", one) < min(100, value("annual_match", one))
    assert value("hourly_match", one) > 0


def test_without_a_declared_grid_share_the_cfe_score_is_local_only() -> None:
    assert value("cfe_score") == pytest.approx(100 * 2 / 12)
    declared = inputs(facts={"grid_cfe_share": 0.3})
    assert value("cfe_score", declared) == pytest.approx(100 * (2 + 3) / 12)
    assert INDICATORS["cfe_score"](declared).status is Status.DECLARED


def test_unknown_hours_lower_the_coverage_and_are_not_filled() -> None:
    given_ = all_series() | {("pv", "active_energy_export"): series(3.0, 48)}
    found = INDICATORS["hourly_match"](inputs(works_flows(given=given_)))
    assert found.coverage == 0.5


# --- demand and load shape


def test_peak_demand_is_four_times_the_largest_quarter_hour() -> None:
    given_ = all_series() | {("grid", "active_energy_import"): series(steps((10, 95), (25, 1)))}
    one = inputs(works_flows(given=given_))
    assert value("peak_demand", one) == 100
    assert value("load_factor", one) == pytest.approx(100 * (975 / 96) / 25)


def test_the_night_is_the_sites_own() -> None:
    """22:00 to 06:00 in Shanghai is a third of the day, wherever UTC midnight falls."""
    assert value("night_share") == pytest.approx(100 / 3)
    assert value("base_load_share") == pytest.approx(100)


def test_the_night_of_a_day_that_loses_an_hour() -> None:
    berlin = with_points()
    berlin = type(berlin)(*(("Europe/Berlin" if n == "timezone" else getattr(berlin, n)) for n in berlin.__slots__))
    start = 1_774_738_800_000  # 2026-03-28T23:00Z, midnight in Berlin; clocks go forward at 01:00Z
    day = flows(berlin, all_series(92, start), start, start + 92 * QUARTER_MS)
    assert value("night_share", inputs(day)) == pytest.approx(100 * 7 / 23)


# --- plant

AIR = (
    MeteringPoint("compressor", Role.LOAD, parent="grid", device="c", equipment="c1", end_use="compressed_air"),
    MeteringPoint("header", Role.AIR, "air", device="a"),
)


def compressed_air(air: float = 10.0, kwh: float = 1.0):
    more = {
        ("compressor", "active_energy_import"): series(kwh), ("header", "air_volume"): series(air),
        ("compressor", "load_hours"): series(0.15), ("compressor", "run_hours"): series(0.25),
    }  # fmt: skip
    return works_flows(with_points(*AIR), given=all_series() | more)


def test_six_kilowatts_per_cubic_metre_a_minute_are_a_tenth_of_a_kilowatt_hour_per_cubic_metre() -> None:
    one = inputs(compressed_air())
    assert value("compressor_energy", one) == pytest.approx(0.1)
    assert value("compressor_specific_power", one) == pytest.approx(6.0)
    assert value("compressor_load_ratio", one) == pytest.approx(60)


def test_air_at_night() -> None:
    assert value("night_air_share", inputs(compressed_air())) == pytest.approx(100 / 3)


def test_the_header_is_counted_and_not_the_machines_again() -> None:
    points = (*AIR, MeteringPoint("c1_air", Role.AIR, "air", device="c", equipment="c1"))
    more = {
        ("compressor", "active_energy_import"): series(1.0), ("header", "air_volume"): series(10.0),
        ("c1_air", "air_volume"): series(10.0),
    }  # fmt: skip
    one = inputs(works_flows(with_points(*points), given=all_series() | more))
    assert value("compressor_energy", one) == pytest.approx(0.1)


def test_the_newest_leak_test_counts() -> None:
    tests = (LeakTest(date(2025, 1, 1), 15, 15), LeakTest(date(2026, 1, 1), 7.5, 22.5))
    assert value("leak_test_share", leak_tests=tests) == 25
    assert "leak test" in reason("leak_test_share", inputs())


def test_pv_has_a_yield_but_no_performance_ratio_without_irradiance() -> None:
    assert value("pv_yield") == pytest.approx(288 / 100)
    assert INDICATORS["pv_yield"](inputs()).note is not None
    assert reason("pv_performance_ratio", inputs()) == "No irradiance sensor: comparative yield only."


def test_performance_ratio_with_an_irradiance_sensor() -> None:
    sun = {("weather", "irradiance_poa"): Gauge(np.full(CELLS, 150.0), np.ones(CELLS, bool))}
    assert value("pv_performance_ratio", gauges=sun) == pytest.approx(288 / 100 / 3.6)
    dark = {("weather", "irradiance_poa"): Gauge(np.full(CELLS, 15.0), np.ones(CELLS, bool))}
    found = INDICATORS["pv_performance_ratio"](inputs(gauges=dark))
    assert found.doubt is not None
    assert "sensor" in found.doubt.en


def test_storage_efficiency_allows_for_what_stayed_inside() -> None:
    soc = {("battery", "state_of_charge"): Gauge(np.linspace(20, 44, CELLS), np.ones(CELLS, bool))}
    assert value("storage_efficiency", gauges=soc, facts={"battery_kwh": 80.0}) == pytest.approx(100 * (24 + 19.2) / 48)
    assert "30 days" in reason("storage_efficiency", inputs())
    assert value("storage_efficiency", inputs(works_flows(cells=96 * 31))) == pytest.approx(50)


def test_what_the_tank_does_not_give_back_is_lost() -> None:
    site = with_points(MeteringPoint("tank", Role.COOLING, "cooling", device="t"))
    content = np.r_[np.linspace(0, 10, 33), np.linspace(10, 0, 63)]
    given_ = all_series() | {("tank", "cooling_energy"): series(steps((0, 48), (0.1975, 48)))}
    one = inputs(
        works_flows(site, given=given_), gauges={("tank", "tank_energy"): Gauge(content, np.ones(CELLS, bool))}
    )
    assert value("chilled_tank_loss", one) == pytest.approx(100 * (10 - 9.48) / 10)
    assert "not measured" in reason("chilled_tank_loss", inputs())


def test_recovered_heat_over_what_the_compressors_took() -> None:
    site = with_points(*AIR, MeteringPoint("recovery", Role.HEAT, "heat", device="r", activity="heat.recovered"))
    given_ = compressed_air().series | {("recovery", "heat_energy"): series(0.00216)}
    one = inputs(works_flows(site, given=given_))
    assert value("heat_recovery_share", one) == pytest.approx(60)
    assert INDICATORS["heat_recovery_share"](one).status is Status.DERIVED


def test_forklifts() -> None:
    site = with_points(MeteringPoint("charger", Role.LOAD, parent="grid", device="f", end_use="forklift"))
    given_ = all_series() | {("charger", "active_energy_import"): series(0.5)}
    assert value("forklift_energy", inputs(works_flows(site, given=given_))) == 48


# --- products

LINE = (
    MeteringPoint("oven", Role.LOAD, parent="smt", device="o", equipment="line", area="smt"),
    MeteringPoint("sac", Role.PRODUCT, "product", device="p", equipment="line", end_use="sac"),
    MeteringPoint("lts", Role.PRODUCT, "product", device="p", equipment="line", end_use="lts"),
    MeteringPoint("done", Role.PRODUCT, "product", device="p", end_use="finished"),
)


def a_line():
    more = {
        ("oven", "active_energy_import"): series(steps((5, 48), (3, 48))),
        ("sac", "product_count"): series(steps((100, 48), (0, 48))),
        ("lts", "product_count"): series(steps((0, 48), (100, 48))),
        ("done", "product_count"): series(80),
    }
    return works_flows(with_points(*LINE), given=all_series() | more)


def test_energy_and_carbon_of_a_unit_and_by_recipe() -> None:
    one = inputs(a_line())
    found = INDICATORS["energy_per_unit"](one)
    assert found.value == pytest.approx(12 / 80)
    assert found.parts == pytest.approx({"lts": 0.03, "sac": 0.05})
    assert value("co2_per_unit", one) == pytest.approx(1000 * value("gross_market", one) / 7680)


def test_a_quarter_hour_with_two_recipes_is_shared_by_units() -> None:
    more = {
        ("sac", "product_count"): series(30),
        ("lts", "product_count"): series(10),
        ("oven", "active_energy_import"): series(4),
    }
    given_ = dict(a_line().series) | more
    parts = INDICATORS["energy_per_unit"](inputs(works_flows(with_points(*LINE), given=given_))).parts
    assert parts == pytest.approx({"lts": 0.1, "sac": 0.1})


def test_orders_split_a_machine_by_time() -> None:
    half = START + 48 * QUARTER_MS
    orders = (
        Order("1", "sac", "oven", START, half, 4800),
        Order("2", "lts", "oven", half, START + 96 * QUARTER_MS, 4800),
    )
    parts = INDICATORS["energy_per_unit"](inputs(a_line(), orders=orders)).parts
    assert parts == pytest.approx({"lts": 0.03, "sac": 0.05})


def test_without_a_counter_of_finished_units_nothing_is_divided() -> None:
    assert "finished" in reason("energy_per_unit", inputs())


def test_workshops() -> None:
    found = INDICATORS["workshop_energy"](inputs(a_line()))
    assert found.parts == pytest.approx({"smt": 672, "test": 451.2})
    assert found.value == pytest.approx(1123.2)


def test_intensity_against_the_base_year() -> None:
    assert value("energy_intensity_improvement", inputs(a_line(), facts={"base_kwh_per_unit": 0.2})) == pytest.approx(
        25
    )
    assert "base_kwh_per_unit" in reason("energy_intensity_improvement", inputs(a_line()))


# --- the data itself


def test_imported_meters_are_not_automatic() -> None:
    origins = {("gas", "gas_volume"): "import"}
    assert value("auto_collection_rate", origins=origins) == pytest.approx(100 * 6 / 7)
    kgce = {"grid": 960 * 0.1229, "gas": 192 * 1.33, "heat": 9.6 * 34.12}
    share = 100 * (1 - kgce["gas"] / sum(kgce.values()))
    assert value("auto_collection_rate_energy", origins=origins) == pytest.approx(share)
    assert value("data_quality_score", origins=origins) < 1


def test_whole_shares_are_exactly_a_hundred() -> None:
    for name in (
        "auto_collection_rate",
        "auto_collection_rate_energy",
        "data_completeness",
        "inventory_coverage",
        "traceability",
    ):
        assert value(name) == 100, name


def test_placed_energy_is_known_but_was_not_read() -> None:
    given_ = all_series()
    one = given_["grid", "active_energy_import"]
    one.placed[:24], one.flags[:24] = one.energy[:24], 2
    of = inputs(works_flows(given=given_))
    assert value("data_completeness", of) == pytest.approx(100 * (1 - 24 / 96 / len(given_)))
    assert value("estimated_share", of) == pytest.approx(100 * 240 / 1128)


def test_a_source_without_data_or_with_a_remembered_factor_is_not_covered() -> None:
    lacking = {key: one for key, one in all_series().items() if key != ("gas", "gas_volume")}
    assert value("inventory_coverage", inputs(works_flows(given=lacking))) == pytest.approx(200 / 3)
    recalled = table(factor("0.6", year=2026, status=Status.MEMORY, region="CN-TJ"))
    assert value("inventory_coverage", inputs(table=recalled)) == pytest.approx(200 / 3)


def test_the_residual_of_the_tree() -> None:
    assert value("tree_residual") == pytest.approx(100 * 0.05 / 11.75)
    wrong = inputs(works_flows(given=all_series(smt__active_energy_import=9.0)))
    found = INDICATORS["tree_residual"](wrong)
    assert found.doubt is not None
    assert "grid" in found.doubt.en
    hole = INDICATORS["tree_residual"](inputs(works_flows(given=all_series(smt__active_energy_import=5.0))))
    assert (hole.doubt, hole.note is not None) == (None, True)


# --- the registry


def test_there_are_enough_indicators_each_under_its_own_name() -> None:
    assert len(INDICATORS) >= 50
    for name, function in INDICATORS.items():
        assert function.__name__ == name
        assert "[" in (function.__doc__ or ""), name


def test_every_indicator_answers_and_a_missing_value_always_has_a_reason() -> None:
    for one in compute(inputs(a_line())).values():
        assert one.unit
        assert (one.value is None) == (one.reason is not None), one.id
        assert one.value is None or np.isfinite(one.value)


def test_every_indicator_bears_a_site_without_points_and_a_period_without_quarters() -> None:
    empty = with_points(without=[p.id for p in SITE.points])
    nothing = flows(empty, {}, START, START)
    for day in (nothing, flows(empty, {}, START, START + 4 * QUARTER_MS), flows(SITE, {}, START, START)):
        for one in compute(inputs(day)).values():
            assert one.value is None or np.isfinite(one.value), one.id


def test_every_indicator_is_named_by_its_own_id() -> None:
    assert {name for name, one in compute(inputs()).items() if one.id != name} == set()


def test_nothing_is_known_of_a_site_whose_meters_are_silent() -> None:
    silent = inputs(works_flows(given={}))
    for name in ("gross_location", "renewable_share_physical", "self_use_rate", "hourly_match", "peak_demand"):
        assert INDICATORS[name](silent).value is None


def test_a_refused_factor_is_the_reason_of_the_total() -> None:
    start = year(2018, SITE.zone).start_ms
    early = inputs(works_flows(cells=4, start=start))
    assert "never taken" in reason("scope2_location", early)
    assert early.table.find("x", TIANJIN, 2018, method=Method.LOCATION_BASED).sentence.en.startswith(
        "There is no factor"
    )


def test_series_may_be_longer_than_the_period_and_of_any_length() -> None:
    long = {key: Intervals(*(np.array(getattr(s, n)) for n in s.__slots__)) for key, s in all_series(200).items()}
    assert value("self_use_rate", inputs(works_flows(given=long))) == pytest.approx(100 * 2 / 3)
