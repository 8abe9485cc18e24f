"""Uncertainty of totals: rectangles of class and CT, registers of one meter together, placed energy, Monte Carlo."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.flows import Flows, flows
from analytics.grid import Flow
from analytics.intervals import Flag, Intervals
from analytics.terms import Status
from analytics.tree import CT_LIMIT, class_limit
from analytics.uncertainty import Share, flow_totals, half_interval, point_totals, total
from metering.period import QUARTER_MS
from metering.site import MeteringPoint, Role
from tests.analytics.carbon_works import MICRO, START, all_series, works_flows
from tests.analytics.plant_works import SITE, plant_flows, plant_series, read_as

METER = MeteringPoint("m", Role.LOAD, parent="grid", device="d", meter_class="0.5S")


def flow(*kwh: float, placed: tuple[int, ...] = ()) -> Flow:
    energy = np.array([round(k * MICRO) for k in kwh], np.int64)
    mask = np.isin(np.arange(len(kwh)), placed)
    return Flow(energy, np.where(mask, energy, 0), np.where(mask, Flag.PLACED, 0).astype(np.uint8))


# --- golden: methods.md §8, GUM


def test_class_half_s_is_half_a_percent_over_root_three() -> None:
    found = total("x", [Share(METER, 1, flow(600, 400))])
    assert found.standard == pytest.approx(1000 * 0.005 / math.sqrt(3))
    assert found.half == pytest.approx(0.95 * 5)  # of one rectangle ±5
    assert found.percent == pytest.approx(0.475)
    assert found.status is Status.FOUND


def test_a_current_transformer_is_a_cause_of_its_own() -> None:
    found = total("x", [Share(replace(METER, ct_ratio=METER.ct_ratio * 40), 1, flow(1000))])
    assert {p.cause: p.limit for p in found.parts} == {"class": 5.0, "ct": CT_LIMIT / 100 * 1000}
    assert found.half == pytest.approx((1 - math.sqrt(0.05)) * 10, rel=1e-3)  # two equal rectangles make a triangle
    assert found.status is Status.ASSUMED


def test_twelve_months_of_one_meter_err_together() -> None:
    """Taken as independent, twelve equal months would understate the year by √12."""
    months = [Share(METER, 1, flow(100.0)) for _ in range(12)]
    apart = [Share(replace(METER, device=f"d{n}"), 1, flow(100.0)) for n in range(12)]
    together, independent = total("year", months).standard, total("year", apart).standard
    assert together / independent == pytest.approx(math.sqrt(12))


def test_import_and_export_of_one_meter_cancel_part_of_their_error() -> None:
    found = total("net", [Share(METER, 1, flow(1000)), Share(METER, -1, flow(900))])
    assert found.value == 100
    assert found.standard == pytest.approx(0.5 / math.sqrt(3))


def test_two_meters_add_as_squares() -> None:
    one, other = Share(METER, 1, flow(1000)), Share(replace(METER, device="e"), 1, flow(1000))
    assert total("x", [one, other]).standard == pytest.approx(5 * math.sqrt(2 / 3))


# --- placed energy


def test_a_gap_inside_the_period_moves_nothing() -> None:
    assert {p.cause for p in total("x", [Share(METER, 1, flow(1, 2, 3, 1, placed=(1, 2)))]).parts} == {"class"}


@pytest.mark.parametrize(("placed", "limit"), [((0,), 1), ((2, 3), 4), ((0, 1), 3)])
def test_a_gap_over_the_edge_may_lie_on_either_side(placed: tuple[int, ...], limit: float) -> None:
    found = total("x", [Share(METER, 1, flow(1, 2, 3, 1, placed=placed))])
    assert {p.cause: p.limit for p in found.parts}["placed"] == limit


def test_a_gap_over_the_edge_of_a_band_counts_what_lies_in_the_band() -> None:
    cells = np.array([True, True, False, False])
    found = total("x", [Share(METER, 1, flow(1, 2, 3, 1, placed=(1, 2)))], cells)
    assert found.value == 3
    assert {p.cause: p.limit for p in found.parts}["placed"] == 2


def test_what_is_not_known_is_counted_and_not_covered() -> None:
    one = flow(1, 2)
    one = replace(one, flags=np.array([0, Flag.MISSING], np.uint8))
    assert total("x", [Share(METER, 1, one)]).lacking == 1


# --- the interval


def test_the_interval_of_known_sums() -> None:
    assert half_interval([]) == 0
    assert half_interval([2.0]) == pytest.approx(1.9)
    assert half_interval([1.0] * 30) == pytest.approx(1.95996 * math.sqrt(10), rel=0.003)  # nearly normal
    assert half_interval([1.0, 1e-3]) == pytest.approx(0.95, rel=0.003)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=8))
def test_the_interval_lies_between_its_bounds_and_scales(limits: list[float]) -> None:
    half, u = half_interval(limits), math.sqrt(sum(a * a for a in limits) / 3)
    assert half <= 0.9501 * sum(limits) * 1.002
    assert 1.6 * u <= half <= 1.97 * u
    assert half_interval([7 * a for a in limits]) == pytest.approx(7 * half, rel=1e-6)


# --- a whole site


def test_totals_of_the_small_works() -> None:
    found = flow_totals(works_flows())
    assert {name: one.value for name, one in found.items()} == {
        "grid_import": 960, "grid_export": 96, "generation": 288, "charge": 48, "discharge": 24, "self_use": 192,
        "consumption": 1128,
    }  # fmt: skip
    grid = next(p for p in found["consumption"].parts if p.group == "m1")
    assert grid.limit == pytest.approx((960 - 96) * 0.005)


def test_totals_are_those_of_the_flows() -> None:
    found = plant_flows()
    for name, one in flow_totals(found).items():
        assert one.micro == getattr(found, name).total().micro, name


def test_every_point_has_its_own() -> None:
    found = point_totals(plant_flows())
    assert found["smt"].percent == pytest.approx(0.475)
    assert found["office"].percent == pytest.approx(0.95)
    assert {p.cause for p in found["services"].parts} == {"class", "ct"}
    assert found["services"].percent > found["smt"].percent


def sampled(rng: np.random.Generator, times: int) -> list[dict[str, int]]:
    """Totals as meters with random gains inside their limits would show them, computed by the flows themselves."""
    rows = []
    for _ in range(times):
        gains = {}
        for point in SITE.points:
            ct = CT_LIMIT if point.ct_ratio != 1 else 0.0
            limit = class_limit(point.meter_class)[0]
            gains[point.id] = (1 + rng.uniform(-1, 1) * limit / 100) * (1 + rng.uniform(-1, 1) * ct / 100)
        shown: Flows = flows(SITE, read_as(plant_series(1), gains), START_PLANT, START_PLANT + 96 * QUARTER_MS)
        rows.append({name: getattr(shown, name).total().micro for name in NAMES})
    return rows


START_PLANT = int(plant_series(1)["grid", "active_energy_import"].start_ms[0])
NAMES = ("grid_import", "generation", "charge", "discharge", "self_use", "consumption")


@pytest.mark.long
def test_monte_carlo_through_the_whole_chain_agrees_within_five_percent() -> None:
    rows = sampled(np.random.default_rng(20261121), 12_000)
    found = flow_totals(plant_flows(days=1))
    for name in NAMES:
        drawn = np.array([row[name] for row in rows]) / 10**6
        low, high = np.quantile(drawn, [0.025, 0.975])
        assert found[name].half == pytest.approx((high - low) / 2, rel=0.05), name
        assert found[name].standard == pytest.approx(drawn.std(), rel=0.05), name


@pytest.mark.parametrize("seed", range(5))
def test_monte_carlo_of_the_parts_agrees_within_two_percent(seed: int) -> None:
    rng = np.random.default_rng(seed)
    limits = rng.uniform(0.1, 3, rng.integers(1, 9))
    drawn = (rng.uniform(-1, 1, (200_000, len(limits))) * limits).sum(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert half_interval(limits.tolist()) == pytest.approx((high - low) / 2, rel=0.02)


def test_late_data_make_a_total_no_less_sure() -> None:
    halves = []
    for placed in (4, 2, 0):
        given_ = all_series()
        one = given_["grid", "active_energy_import"]
        last = np.arange(96) >= 96 - placed
        marks = np.where(last, Flag.PLACED, 0).astype(np.uint8)
        given_["grid", "active_energy_import"] = Intervals(
            one.start_ms, one.energy, np.where(last, one.energy, 0), marks
        )
        halves.append(flow_totals(works_flows(given=given_))["consumption"].half)
    assert all(before > after for before, after in pairwise(halves))
    assert START
