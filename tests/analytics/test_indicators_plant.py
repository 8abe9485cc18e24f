"""Indicators of plant, products and the data itself, and the registry they stand in."""

from datetime import date

import numpy as np
import pytest

from analytics.flows import flows
from analytics.indicator_inputs import comprehensive_energy
from analytics.indicators import INDICATORS, Evidence, Gauge, LeakTest, Order
from analytics.intervals import Flag
from analytics.terms import Sentence, Status
from metering.period import QUARTER_MS
from metering.site import MeteringPoint, Role
from tests.analytics.carbon_works import (
    START,
    all_series,
    factor,
    inputs,
    reason,
    series,
    steps,
    table,
    value,
    with_points,
    works_flows,
)

CELLS = 96


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


def test_metering_coverage_of_gb_17167_names_what_lacks_a_meter() -> None:
    rest = MeteringPoint("smt_rest", Role.LOAD, parent="smt")
    found = INDICATORS["metering_coverage"](inputs(works_flows(with_points(rest))))
    assert value("metering_coverage") == 100
    assert (found.value, found.inputs) == (pytest.approx(100 * 7 / 8), ("smt_rest",))
    assert found.parts["equipment electricity"] == 0


def _register(percent: float, until: date = date(2030, 1, 1)) -> dict[str, Evidence]:
    key = "metering_coverage_percent"
    return {key: Evidence(key, percent, "register 7", date(2020, 1, 1), until)}


def test_metering_coverage_counts_what_is_read_by_carrier_and_coal_equivalent() -> None:
    name, rest = "metering_coverage_read", MeteringPoint("smt_rest", Role.LOAD, parent="smt")
    assert value(name) == 100
    tce = comprehensive_energy(inputs(works_flows()))
    assert not isinstance(tce, Sentence)
    electricity = tce.parts["electricity"] / tce.total
    found = INDICATORS[name](inputs(works_flows(with_points(rest))))  # the only equipment below a sub-unit: no meter
    assert found.parts["electricity"] == 0
    assert (found.value, found.inputs) == (pytest.approx(100 * (1 - electricity)), ("smt_rest",))
    unread = {key: one for key, one in all_series().items() if key[0] != "gas"}
    assert "gas" in INDICATORS[name](inputs(works_flows(given=unread))).inputs  # fitted, and tells nothing


@pytest.mark.parametrize(("percent", "value_", "status"), [(96.4, 96.4, Status.DECLARED), (100.0, 100.0, Status.NONE)])
def test_the_register_of_meters_stands_beside_what_is_read_and_the_lower_counts(
    percent: float, value_: float, status: Status
) -> None:
    found = INDICATORS["metering_coverage_read"](inputs(works_flows(), evidence=_register(percent)))
    assert (found.value, found.status) == (pytest.approx(value_), status)
    assert (found.parts["read"], found.parts["declared"]) == (100, percent)
    assert found.note is not None
    assert "register 7" in found.note.en


def test_a_register_of_meters_that_has_expired_counts_no_more() -> None:
    old = _register(50.0, date(2021, 1, 1))
    found = INDICATORS["metering_coverage_read"](inputs(works_flows(), evidence=old))
    assert (found.value, found.parts.get("declared")) == (100, None)
    assert found.note is not None
    assert "No register of meters is in force" in found.note.en


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


def test_a_source_whose_data_lack_a_quarter_hour_leaves_the_inventory_in_doubt_and_fails_nothing() -> None:
    given_ = all_series()
    given_["grid", "active_energy_import"].flags[5] = Flag.MISSING
    found = INDICATORS["inventory_coverage"](inputs(works_flows(given=given_)))
    assert found.value == 100
    assert "quarter-hour" in (found.doubt.en if found.doubt else "")
    assert INDICATORS["inventory_coverage"](inputs()).doubt is None


def test_the_residual_of_the_tree() -> None:
    assert value("tree_residual") == pytest.approx(100 * 0.05 / 11.75)
    wrong = inputs(works_flows(given=all_series(smt__active_energy_import=9.0)))
    found = INDICATORS["tree_residual"](wrong)
    assert found.doubt is not None
    assert "grid" in found.doubt.en
    hole = INDICATORS["tree_residual"](inputs(works_flows(given=all_series(smt__active_energy_import=5.0))))
    assert (hole.doubt, hole.note is not None) == (None, True)
