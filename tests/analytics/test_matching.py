"""Time matching: published definitions, the limits physics sets, and what may never rise."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analytics.battery import Charging, colours, halves, round_trip
from analytics.intervals import Flag
from analytics.matching import Steps, by_hour, heat_map, local_ms, matched, matching_document, scores
from analytics.matching_uncertainty import halves_of
from analytics.report_matching import _share
from analytics.terms import Status
from analytics.uncertainty import Part, Uncertainty
from metering.period import QUARTER_MS, to_ms
from metering.reading import MICRO
from tests.analytics.carbon_works import all_series, series, works_flows

energies = st.floats(0, 100, allow_nan=False, width=32)


def steps(load: list[float], clean: list[float], **more: list[float]) -> Steps:
    """Steps whose surplus is exported and whose lack is bought."""
    used, made = np.array(load, float), np.array(clean, float)
    charge, discharge = (np.array(more.get(name, np.zeros(len(used))), float) for name in ("charge", "discharge"))
    net = used + charge - discharge - made
    green = np.array(more.get("stored_green", np.zeros(len(used))), float)
    known = np.ones(len(used), bool)
    return Steps(used, made, np.maximum(0, -net), np.maximum(0, net), charge, discharge, green, known)


def test_hourly_match_is_what_matched_energy_defines() -> None:
    """1 − Σ max(0, load − gen) / Σ load (Matched.energy)."""
    load, clean = [4.0, 1.0, 3.0], [2.0, 5.0, 0.0]
    assert scores(steps(load, clean)).hourly_match == pytest.approx(1 - (2 + 0 + 3) / 8)


def test_the_printed_counterexample() -> None:
    """L = [1,1], G = [5,0] gives 0.50; L = [2,1] gives 0.67: load in an hour of surplus can raise it."""
    assert scores(steps([1, 1], [5, 0])).hourly_match == pytest.approx(0.5)
    assert scores(steps([2, 1], [5, 0])).hourly_match == pytest.approx(2 / 3)


def test_cfe_score_with_a_grid_share_and_storage() -> None:
    """Σ(clean − excess + cfe × import) / Σ(demand + charge − discharge)."""
    of = steps([10, 10], [15, 0], charge=[4, 0], discharge=[0, 3])
    assert scores(of, 0.3).cfe_score == pytest.approx((15 - 1 + 0 + 0.3 * 7) / (14 + 7))
    assert scores(of).annual_match == pytest.approx(15 / 20)


def test_annual_match_may_exceed_one_and_the_hourly_never() -> None:
    found = scores(steps([1, 1], [9, 0]))
    assert found.annual_match == pytest.approx(4.5)
    assert found.hourly_match == pytest.approx(0.5)


def test_nothing_used_is_no_score() -> None:
    assert scores(steps([0, 0], [1, 1])).hourly_match is None


pairs = st.lists(st.tuples(energies, energies), min_size=1, max_size=24).filter(lambda p: sum(a for a, _ in p) > 1)


@settings(deadline=None)
@given(pairs)
def test_hourly_match_is_at_most_the_annual_and_at_most_one(rows: list[tuple[float, float]]) -> None:
    found = scores(steps([a for a, _ in rows], [b for _, b in rows]))
    assert found.hourly_match is not None
    assert found.annual_match is not None
    assert found.hourly_match <= min(1.0, found.annual_match) + 1e-9


@settings(deadline=None)
@given(st.lists(st.floats(0.125, 100, width=32), min_size=1, max_size=24), st.floats(0, 1))
def test_proportional_profiles_match_alike_by_hour_and_by_year(load: list[float], share: float) -> None:
    found = scores(steps(load, [x * share for x in load]))
    assert found.hourly_match == pytest.approx(found.annual_match, rel=1e-9, abs=1e-12)


@settings(deadline=None)
@given(pairs, st.floats(0.1, 50))
def test_load_in_an_hour_without_surplus_never_raises_it(rows: list[tuple[float, float]], more: float) -> None:
    load, clean = [a for a, _ in rows], [min(a, b) for a, b in rows]
    before = scores(steps(load, clean)).hourly_match
    after = scores(steps([load[0] + more, *load[1:]], clean)).hourly_match
    assert after is not None
    assert before is not None
    assert after <= before + 1e-9


@settings(deadline=None)
@given(arrays(float, 96, elements=energies), arrays(float, 96, elements=energies))
def test_finer_steps_can_only_lower_it(load: np.ndarray, clean: np.ndarray) -> None:
    quarters = steps((load + 0.01).tolist(), clean.tolist())
    hours, _ = by_hour(quarters, np.arange(96, dtype=np.int64) * QUARTER_MS)
    fine, coarse = scores(quarters).hourly_match, scores(hours).hourly_match
    assert fine is not None
    assert coarse is not None
    assert fine <= coarse + 1e-9


# --- the battery


def charging(charge: list[float], discharge: list[float], green: list[float], factor: float = 0.6) -> Charging:
    size = len(charge)
    return Charging(*(np.array(x, float) for x in (charge, discharge, green)), np.full(size, factor))


def test_sun_comes_out_clean_and_grid_power_with_its_factor_over_the_efficiency() -> None:
    into, out = halves(0.81)
    sun = colours(charging([10, 0], [0, 8.1], [1, 1]), into, out)
    assert sun.green.tolist() == pytest.approx([0, 8.1])
    assert sun.kg.tolist() == [0, 0]
    grid = colours(charging([10, 0], [0, 8.1], [0, 0]), into, out)
    assert float(grid.kg.sum()) / 8.1 == pytest.approx(0.6 / 0.81)
    assert grid.stored == pytest.approx(0, abs=1e-12)


moves = st.lists(st.tuples(energies, energies, st.floats(0, 1)), min_size=1, max_size=60)


@settings(deadline=None)
@given(moves, st.floats(0.5, 1))
def test_energy_emissions_and_green_are_conserved(rows: list[tuple[float, float, float]], trip: float) -> None:
    """Charge × η_c − discharge/η_d = ΔSOC; what was charged comes out or is inside; no green is made."""
    into, out = halves(trip)
    of = charging(*([r[i] for r in rows] for i in range(3)))  # type: ignore[arg-type]
    found = colours(of, into, out)
    near = {"rel": 1e-9, "abs": 1e-6}
    assert float(of.charge.sum()) * into - float(found.known.sum()) / out == pytest.approx(found.stored, **near)
    given_ = float((of.charge * (1 - of.green_share) * of.kg_per_kwh).sum())
    assert float(found.kg.sum()) + found.stored_kg == pytest.approx(given_, **near)
    green_in = float((of.charge * of.green_share).sum())
    assert float(found.green.sum()) / out + found.stored_green == pytest.approx(green_in * into, **near)
    assert float(found.green.sum()) <= green_in * trip + 1e-6
    assert (found.known + found.unknown).tolist() == pytest.approx(of.discharge.tolist(), **near)


def test_what_was_inside_before_has_no_colour() -> None:
    found = colours(charging([0, 2], [5, 1], [1, 1]))
    assert found.unknown.tolist() == [5, 0]
    assert found.coverage == pytest.approx(1 / 6)
    assert round_trip(np.zeros(2), np.ones(2)) is None


# --- over a site


def test_the_works_over_a_day() -> None:
    """3 kWh of sun, 1 exported, 10 bought, 0.5 into and 0.25 out of the battery: used 11.75, through the meter 12."""
    made = matched(works_flows())
    found = scores(made.hours)
    assert found.annual_match == pytest.approx(3 / 11.75)
    assert found.hourly_match == pytest.approx(3 / 11.75)
    assert found.cfe_score == pytest.approx(2 / 12)
    assert made.efficiency == pytest.approx(0.5)


def test_missing_hours_lower_the_coverage_and_are_not_filled() -> None:
    half = all_series() | {("pv", "active_energy_export"): series(3.0, 49)}
    made = matched(works_flows(given=half))
    body = matching_document(made, None)
    assert body["hours"] == {"asked": 24, "known": 12}  # the hour of the 49th quarter is not whole
    assert body["coverage"] == 0.5
    assert body["annual_match"] == pytest.approx(3 / 11.75)
    cells = [x for row in body["heat_map"]["match"] for x in row]
    assert cells.count(None) == 12
    assert 0.0 not in cells


def test_the_heat_map_is_by_the_sites_clock() -> None:
    body = heat_map(matched(works_flows()))
    assert body["days"] == ["2026-10-01"]
    assert len(body["match"][0]) == 24
    assert body["load_kwh"][0][0] == pytest.approx(4 * 11.75)


def test_a_day_of_25_hours_keeps_every_quarter() -> None:
    zone = ZoneInfo("Europe/Berlin")
    start = to_ms(datetime(2026, 10, 24, 22, 0, tzinfo=UTC))
    starts = start + QUARTER_MS * np.arange(100, dtype=np.int64)
    local = local_ms(starts, zone)
    assert local[0] % 86_400_000 == 0
    assert local[-1] % 86_400_000 == 86_400_000 - QUARTER_MS
    _, counts = np.unique(local // 3_600_000, return_counts=True)
    assert sorted(counts.tolist()) == [4] * 23 + [8]  # two o'clock came twice


def test_a_declared_grid_share_is_said_to_be_declared() -> None:
    made = matched(works_flows())
    local, declared = matching_document(made, None), matching_document(made, 0.4)
    assert "local only" in local["grid_cfe"]["en"]
    assert declared["cfe_score"] == pytest.approx((2 + 0.4 * 10) / 12)
    assert declared["grid_cfe"]["status"] == "declared"


def test_an_hour_that_still_runs_is_not_known() -> None:
    flow = works_flows()
    flags = flow.consumption.flags.copy()
    flags[-1] |= Flag.MISSING
    broken = replace(flow, consumption=replace(flow.consumption, flags=flags))
    assert matched(broken).hours.known.sum() == 23


# --- how sure it is


def sure(of: Steps, percent: float) -> Mapping[str, float]:
    """Every flow by a meter of its own, within so many per cent."""
    named = {"grid_import": of.imported, "generation": of.clean, "grid_export": of.excess}
    totals = {
        name: Uncertainty(name, int(flow.sum() * MICRO), "kWh",
                          (Part("class", name, float(flow.sum()) * percent / 100, Status.FOUND),), 0)
        for name, flow in named.items()
    }  # fmt: skip
    return halves_of(of, totals)


def test_perfect_meters_leave_no_doubt_and_worse_ones_more() -> None:
    of = steps([4, 1, 3], [2, 5, 0])
    assert set(sure(of, 0.0).values()) == {0.0}
    small, large = sure(of, 0.5), sure(of, 2.0)
    for name in ("annual_match", "hourly_match", "cfe_score"):
        assert 0 < small[name] < large[name]
    assert sure(of, 2.0) == large  # drawn alike at every call


def test_the_doubt_of_a_ratio_is_that_of_its_meters_by_hand() -> None:
    """All generation is used: match = G / (I + G); d = G I / (I + G)^2 (dG/G - dI/I), each a rectangle of 1 %."""
    of = steps([10, 10], [4, 4])
    by_hand = 0.4 * 0.6 * 0.01 * (2 - np.sqrt(0.2))  # 95 % of a triangle's half width a + a
    assert sure(of, 1.0)["hourly_match"] == pytest.approx(by_hand, rel=0.12)


def test_months_are_shown_by_what_was_used_and_the_unknown_stays_unknown() -> None:
    days: list[tuple[list[float | None], list[float | None]]] = [([1.0], [30.0]), ([0.0], [10.0]), ([None], [None])]
    assert _share(days, 0) == pytest.approx(0.75)
    assert _share(days[2:], 0) is None
