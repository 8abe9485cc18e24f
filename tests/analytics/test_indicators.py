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
from analytics.factor_files import declared_factors
from analytics.factors import Method
from analytics.flows import flows
from analytics.indicators import INDICATORS, Target, compute
from analytics.indicators_electricity import clean_discharge, matched
from analytics.intervals import Intervals
from analytics.market import Credit, InstrumentKind
from analytics.terms import Status
from metering.period import QUARTER_MS, year
from metering.site import MeteringPoint, Role
from metering.sitefile import DeclaredFactor
from tests.analytics.carbon_works import (
    MICRO,
    SITE,
    START,
    TIANJIN,
    all_series,
    certificate,
    inputs,
    reason,
    series,
    steps,
    table,
    value,
    with_points,
    works_flows,
)

# --- carbon


def test_carbon_per_coal_equivalent_uses_the_equivalent_value_of_electricity() -> None:
    """(960 kWh at 0.6096 + heat + gas) over (1152 kWh at 0.1229, 192 m³ at 1.33, 9.6 GJ at 34.12 kgce)."""
    kg = 960 * 0.6096 + 9.6 * 110 + 192 * 2.162188809
    kgce = 1152 * 0.1229 + 192 * 1.33 + 9.6 * 34.12
    assert value("co2_per_tce") == pytest.approx(kg / kgce, rel=1e-12)
    assert INDICATORS["co2_per_tce"](inputs()).status is Status.FOUND
    assert INDICATORS["co2e_per_tce"](inputs()).status is Status.MEMORY


def test_tce_in_both_conventions_of_gb_t_2589_equivalent_and_equal_value() -> None:
    """当量值 0.1229 for all 1152 kWh; 等价值 0.31 (a buildings code's) for the 960 bought, own PV stays."""
    rest = 192 * 1.33 + 9.6 * 34.12
    assert value("comprehensive_energy_tce") == pytest.approx((1152 * 0.1229 + rest) / 1000, rel=1e-12)
    assert "Declare the year's value" in reason("comprehensive_energy_tce_equal_value", inputs())
    [own] = declared_factors([DeclaredFactor(
        id="equal-2026", activity="standard_coal.electricity.equal_value", value="0.31", unit="kgce/kWh", gas="none",
        method="not_applicable", valid_from="2026-01-01", document="a buildings code",
    )])  # fmt: skip
    found = INDICATORS["comprehensive_energy_tce_equal_value"](inputs(table=table(own)))
    assert found.value == pytest.approx((960 * 0.31 + 192 * 0.1229 + rest) / 1000, rel=1e-12)
    assert found.status is Status.DECLARED


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
    assert value("combined_uncertainty", short) == pytest.approx(5.03, abs=0.02)  # class 0.5S and a factor of 5 %
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


# --- the registry


def test_there_are_enough_indicators_each_under_its_own_name() -> None:
    assert len(INDICATORS) >= 50
    for name, function in INDICATORS.items():
        assert function.__name__ == name
        assert "[" in (function.__doc__ or ""), name


def test_every_indicator_answers_and_a_missing_value_always_has_a_reason() -> None:
    for one in compute(inputs()).values():
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
