"""Flows over a common grid: exact sums, the export rule, what is not known, and the residuals of the meter tree."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.factors import Gas
from analytics.flows import flows, grid, settled_until
from analytics.intervals import Flag, Intervals
from analytics.terms import Status
from analytics.tree import class_limit, residuals, tolerance
from metering.period import QUARTER_MS
from metering.site import MeteringPoint, Role
from tests.analytics.carbon_works import (
    MICRO,
    SITE,
    START,
    all_series,
    series,
    with_points,
    works_flows,
)

END = START + 96 * QUARTER_MS


def test_a_day_of_the_works() -> None:
    day = works_flows()
    kwh = {name: getattr(day, name).total().micro / MICRO for name in ("grid_import", "grid_export", "generation")}
    assert kwh == {"grid_import": 960, "grid_export": 96, "generation": 288}
    assert day.self_use.total().micro == (288 - 96) * MICRO
    assert day.consumption.total().micro == round((10 + 3 - 1 + 0.25 - 0.5) * 96 * MICRO)
    assert day.site_use.total().micro == (10 + 3 - 1) * 96 * MICRO
    assert day.complete


def test_fuels_and_heat_are_activities_in_their_own_units() -> None:
    found = {a.activity: (a.flow.total().value, a.flow.unit) for a in works_flows().activities}
    assert found == {"electricity.grid": (960.0, "kWh"), "natural_gas": (192.0, "m³"), "heat.purchased": (9.6, "GJ")}


def test_export_is_taken_first_from_generation_quarter_by_quarter() -> None:
    """Netting import against export over the year would call all of it self-use."""
    given_ = all_series(4) | {
        ("pv", "active_energy_export"): series([0, 5, 5, 0], 4),
        ("grid", "active_energy_export"): series([0, 5, 2, 0], 4),
    }
    assert (works_flows(cells=4, given=given_).self_use.energy / MICRO).tolist() == [0, 0, 3, 0]


def test_what_the_battery_exports_is_not_taken_from_generation() -> None:
    given_ = all_series(2) | {
        ("pv", "active_energy_export"): series([0, 1], 2),
        ("grid", "active_energy_export"): series([4, 4], 2),
        ("battery", "active_energy_export"): series([4, 3], 2),
    }
    assert works_flows(cells=2, given=given_).self_use.energy.tolist() == [0, 0]


def test_recovered_heat_is_not_bought() -> None:
    site = with_points(MeteringPoint("heat", Role.HEAT, "heat", device="h", activity="heat.recovered"))
    assert "heat" not in {a.point for a in works_flows(site).activities}


def test_pv_straight_behind_the_grid_meter_counts_too() -> None:
    site = with_points(MeteringPoint("pv", Role.GENERATION, parent="grid", device="inv"))
    assert works_flows(site).generation.total().micro == 288 * MICRO


# --- what is not known


def test_a_silent_boundary_register_is_a_fault_and_not_zero() -> None:
    given_ = {key: one for key, one in all_series().items() if key != ("pv", "active_energy_export")}
    day = works_flows(given=given_)
    assert not day.complete
    assert [f.point for f in day.faults] == ["pv"]
    assert not day.generation.known.any()
    assert not day.consumption.known.any()
    assert day.grid_import.known.all()


def test_a_grid_meter_without_an_export_register_exports_nothing() -> None:
    given_ = {key: one for key, one in all_series().items() if key != ("grid", "active_energy_export")}
    day = works_flows(given=given_)
    assert day.complete
    assert day.grid_export.total().micro == 0


def test_an_export_register_that_is_declared_but_silent_is_a_fault() -> None:
    declared = ("active_energy_import", "active_energy_export")
    site = with_points(MeteringPoint("grid", Role.GRID, device="m1", quantities=declared))
    given_ = {key: one for key, one in all_series().items() if key != ("grid", "active_energy_export")}
    assert not works_flows(site, given=given_).complete


def test_missing_quarters_are_counted_and_never_filled() -> None:
    given_ = all_series()
    one = given_["grid", "active_energy_import"]
    keep = np.r_[0:40, 44:96]
    given_["grid", "active_energy_import"] = Intervals(
        *(a[keep] for a in (one.start_ms, one.energy, one.placed, one.flags))
    )
    day = works_flows(given=given_)
    assert day.grid_import.total().lacking == 4
    assert [(f.point, f.incomplete) for f in day.faults] == [("grid", True)]
    assert "4 of 96" in day.faults[0].sentence.en
    assert np.flatnonzero(~day.consumption.known).tolist() == [40, 41, 42, 43]


def test_a_partly_read_quarter_is_not_known_unless_it_is_still_running() -> None:
    flags = {Flag.PARTIAL: 1, Flag.PARTIAL | Flag.PROVISIONAL: 0, Flag.PLACED: 0, Flag.MISSING: 1}
    for flag, lacking in flags.items():
        given_ = all_series(1) | {("grid", "active_energy_import"): series(10, 1, flag=int(flag))}
        assert works_flows(cells=1, given=given_).grid_import.total().lacking == lacking, flag


def test_provisional_energy_is_told_apart() -> None:
    given_ = all_series(2)
    given_["grid", "active_energy_import"].flags[1] = Flag.PROVISIONAL
    total = works_flows(cells=2, given=given_).grid_import.total()
    assert (total.micro, total.provisional) == (20 * MICRO, 10 * MICRO)


def test_negative_energy_cannot_be() -> None:
    day = works_flows(given=all_series(gas__gas_volume=-1.0))
    assert [f.point for f in day.faults] == ["gas"]
    assert not day.complete


def test_the_same_fuel_on_two_paths_is_counted_once_and_said() -> None:
    given_ = all_series() | {("gas", "gas_amount"): series(2.0)}
    day = works_flows(given=given_)
    assert [a.quantity for a in day.activities if a.point == "gas"] == ["gas_volume"]
    assert [(f.point, f.incomplete) for f in day.faults] == [("gas", False)]
    assert day.complete


def test_readings_outside_the_period_do_not_count() -> None:
    long = all_series(300, START - 100 * QUARTER_MS)
    assert works_flows(given=long).grid_import.total().micro == 960 * MICRO


def test_settled_until_is_the_last_quarter_that_all_of_the_boundary_has() -> None:
    given_ = all_series() | {("gas", "gas_volume"): series(2.0, 90)}
    given_["grid", "active_energy_import"].flags[-1] = Flag.PROVISIONAL
    assert settled_until(SITE, given_) == START + 90 * QUARTER_MS
    assert settled_until(SITE, {}) is None


def test_the_grid_starts_at_the_first_quarter_inside() -> None:
    assert grid(START + 1, START + 2 * QUARTER_MS).tolist() == [START + QUARTER_MS]
    assert grid(START, START).tolist() == []


# --- the tree


def test_the_bus_is_fed_by_grid_pv_and_battery() -> None:
    [bus] = residuals(works_flows())
    assert (bus.node, bus.children) == ("grid", ("smt", "test"))
    assert bus.inflow == round(11.75 * 96 * MICRO)
    assert bus.total == round(0.05 * 96 * MICRO)
    assert bus.within


def test_children_that_use_more_than_their_parent_took_in_are_beyond_any_meter_class() -> None:
    [bus] = residuals(works_flows(given=all_series(smt__active_energy_import=9.0)))
    assert bus.total < 0
    assert not bus.within


def test_a_virtual_point_is_the_rest_of_its_parent() -> None:
    site = with_points(MeteringPoint("rest", Role.LOAD, parent="grid"))
    day = works_flows(site)
    assert day.points["rest"].total().micro == round(0.05 * 96 * MICRO)
    assert residuals(day)[0].rest == "rest"


def test_residuals_count_only_the_quarters_in_which_all_are_known() -> None:
    given_ = all_series() | {("smt", "active_energy_import"): series(7.0, 50)}
    [bus] = residuals(works_flows(given=given_))
    assert (bus.known, bus.cells) == (50, 96)
    assert bus.total == round(0.05 * 50 * MICRO)


def test_below_a_feeder_its_machines_explain_it() -> None:
    oven = MeteringPoint("oven", Role.LOAD, parent="smt", device="m4", meter_class="1")
    given_ = all_series() | {("oven", "active_energy_import"): series(6.9)}
    nodes = {r.node: r for r in residuals(works_flows(with_points(oven), given=given_))}
    assert nodes["smt"].total == round(0.1 * 96 * MICRO)


@pytest.mark.parametrize(
    ("meter_class", "limit", "status"),
    [("0.5S", 0.5, Status.FOUND), ("1", 1.0, Status.FOUND), ("B", 1.0, Status.MEMORY), ("", 2.0, Status.ASSUMED)],
)
def test_a_meter_class_is_its_own_limit(meter_class: str, limit: float, status: Status) -> None:
    assert class_limit(meter_class) == (limit, status)


def test_one_reading_of_class_1_is_sure_within_its_limit_times_two_over_root_three() -> None:
    assert tolerance([100 * MICRO], [1.0]) == round(2 / 3**0.5 * MICRO)


# --- properties

WATTS = st.lists(st.integers(0, 10**9), min_size=8, max_size=8)


@given(WATTS, WATTS, WATTS, WATTS, WATTS)
def test_what_goes_in_comes_out_in_integers(imported, exported, made, charged, given_back) -> None:
    day = works_flows(cells=8, given=_given(imported, exported, made, charged, given_back))
    left = day.grid_import.energy + day.generation.energy + day.discharge.energy
    right = day.grid_export.energy + day.charge.energy + day.consumption.energy
    assert (left == right).all()
    assert (day.self_use.energy >= 0).all()
    assert (day.self_use.energy <= day.generation.energy).all()
    assert (day.generation.energy - day.self_use.energy <= day.grid_export.energy).all()


@given(WATTS, st.integers(1, 7))
def test_two_halves_make_the_whole(values: list[int], cut: int) -> None:
    whole = works_flows(cells=8, given=_given(values, values, values, values, values))
    first, second = whole.consumption.total(slice(0, cut)), whole.consumption.total(slice(cut, None))
    assert first.micro + second.micro == whole.consumption.total().micro


def _given(*columns: list[int]) -> dict[tuple[str, str], Intervals]:
    names = [
        ("grid", "active_energy_import"), ("grid", "active_energy_export"), ("pv", "active_energy_export"),
        ("battery", "active_energy_import"), ("battery", "active_energy_export"),
    ]  # fmt: skip
    return all_series(8) | {
        key: series(np.asarray(column) / MICRO, 8) for key, column in zip(names, columns, strict=True)
    }


def test_no_points_no_flows() -> None:
    nothing = flows(with_points(without=[p.id for p in SITE.points]), {}, START, END)
    assert (nothing.consumption.total().micro, nothing.activities, nothing.faults) == (0, (), ())
    assert Gas.CO2_ONLY not in nothing.points
