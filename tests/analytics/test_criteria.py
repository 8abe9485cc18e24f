"""Verdicts: what may pass, what is undetermined and why, what counts apart, and how far the rest is."""

from dataclasses import replace
from datetime import date

import pytest

from analytics.criteria import Outcome, Threshold, judge
from analytics.criteria_files import load_standards
from analytics.factors import Method
from analytics.terms import Status
from metering.period import QUARTER_MS, year
from tests.analytics.carbon_works import (
    SITE,
    TODAY,
    all_series,
    at_least,
    factor,
    inputs,
    proof,
    series,
    standard,
    table,
    verdict,
    works_flows,
)

STANDARDS = load_standards()
MET, NOT_MET, UNDETERMINED = Outcome.MET, Outcome.NOT_MET, Outcome.UNDETERMINED


# --- the three outcomes


def test_a_value_on_the_right_side_of_a_found_threshold_is_met() -> None:
    one = verdict(standard(at_least(60)))
    assert (one.outcome, one.counts_apart, one.threshold_status) == (MET, False, Status.FOUND)
    assert one.reason.en == "The thing: 66.7 %; at least 60 % is asked (read in the source)."
    assert one.reason.zh == "甲为 66.7 %，要求不低于 60 %（原文）。"


def test_not_met_says_the_gap_in_kilowatt_hours() -> None:
    one = verdict(standard(at_least(80)))
    assert one.outcome is NOT_MET
    assert one.gap is not None
    assert (round(one.gap.value, 6), one.gap.unit) == (round(80 - 200 / 3, 6), "%")
    assert (round(one.gap.physical or 0, 6), one.gap.physical_unit) == (38.4, "kWh")
    assert one.reason.en.endswith("the gap is 38.4 kWh.")


@pytest.mark.parametrize(
    ("op", "value", "met"), [(">=", 66, True), ("<=", 67, True), ("==", 66.0, False), ("<=", 60, False)]
)
def test_a_threshold_may_be_a_floor_a_ceiling_or_a_number(op: str, value: float, met: bool) -> None:
    one = verdict(standard(Threshold(op, value, Status.FOUND)))  # type: ignore[arg-type]
    assert one.outcome is (MET if met else NOT_MET)


def test_incomplete_data_is_undetermined_with_the_reason_and_passes_nothing() -> None:
    lacking = all_series() | {("gas", "gas_volume"): series(2.0, 90)}
    one = verdict(standard(at_least(0), indicator="renewable_share_physical"), inputs(works_flows(given=lacking)))
    assert one.outcome is UNDETERMINED
    assert "6 of 96" in one.reason.en


def test_a_period_known_in_part_is_undetermined_although_there_is_a_value() -> None:
    half = all_series() | {("pv", "active_energy_export"): series(3.0, 48)}
    one = verdict(standard(at_least(0)), inputs(works_flows(given=half)))
    assert (one.outcome, one.value) == (UNDETERMINED, pytest.approx(200 / 3))
    assert "50.0 %" in one.reason.en


def test_too_much_interpolation_is_undetermined() -> None:
    given_ = all_series()
    given_["grid", "active_energy_import"].placed[:] = 10**6
    one = verdict(standard(at_least(0)), inputs(works_flows(given=given_)))
    assert one.outcome is UNDETERMINED
    assert "interpolation" in one.reason.en


def test_a_value_that_cannot_be_right_is_undetermined() -> None:
    wrong = inputs(works_flows(given=all_series(smt__active_energy_import=9.0)))
    one = verdict(standard(Threshold("<=", 5, Status.FOUND), indicator="tree_residual"), wrong)
    assert one.outcome is UNDETERMINED
    assert "classes" in one.reason.en


def test_nothing_passes_on_a_remembered_factor_but_it_can_fail_on_one() -> None:
    generous, strict = (standard(Threshold("<=", v, Status.FOUND), indicator="co2e_per_tce") for v in (100, 0.1))
    assert verdict(generous).outcome is UNDETERMINED
    assert "from memory" in verdict(generous).reason.en
    assert verdict(strict).outcome is NOT_MET
    assert verdict(replace(generous, criteria=(replace(generous.criteria[0], indicator="co2_per_tce"),))).outcome is MET


def test_a_declared_factor_may_carry_a_verdict() -> None:
    own = inputs(
        table=table(factor("0.1", year=2026), factor("0.1", year=2026, method=Method.MARKET_RESIDUAL, id_="r"))
    )
    one = verdict(standard(Threshold("<=", 50, Status.FOUND), indicator="grid_intensity"), own)
    assert (one.outcome, one.status) == (MET, Status.DECLARED)


# --- what counts apart


@pytest.mark.parametrize("status", [Status.ASSUMED, Status.MEMORY])
def test_a_verdict_against_an_assumed_threshold_is_shown_and_counts_apart(status: Status) -> None:
    card = judge(standard(at_least(60, status)), inputs())
    assert card.verdicts[0].outcome is MET
    assert card.verdicts[0].counts_apart
    assert (card.counts()[MET], card.counts(apart=True)[MET]) == (0, 1)


@pytest.mark.parametrize(
    ("status", "opens"),
    [(Status.FOUND, True), (Status.BORROWED, True), (Status.ASSUMED, False), (Status.MEMORY, False)],
)
def test_an_assumed_gate_opens_nothing(status: Status, opens: bool) -> None:
    card = judge(standard(at_least(60, status), kind="gate"), inputs())
    assert card.gates_open is opens


def test_a_standard_without_gates_has_none_open() -> None:
    assert not judge(standard(at_least(60)), inputs()).gates_open


def test_information_is_shown_and_never_counted() -> None:
    one = verdict(standard(at_least(60), kind="info"))
    assert (one.outcome, one.counts_apart) == (MET, True)
    bare = verdict(standard(kind="info"))
    assert (bare.outcome, bare.value, bare.counts_apart) == (UNDETERMINED, pytest.approx(200 / 3), True)


def test_a_claim_is_judged_apart_unless_it_is_asked_for() -> None:
    of = standard(Threshold("<=", 0, Status.FOUND), indicator="net_balance", kind="gate", claim_only=True)
    assert verdict(of).counts_apart
    assert not verdict(of, claim=True).counts_apart
    assert verdict(of, claim=True).outcome is NOT_MET


# --- base and lead


def test_the_base_decides_and_the_lead_is_a_second_answer() -> None:
    of = standard(at_least(40, Status.FOUND, role="base"), at_least(95, Status.ASSUMED, role="lead"))
    one = verdict(of)
    assert (one.outcome, one.counts_apart) == (MET, False)
    assert one.lead is not None
    assert (one.lead.passed, one.lead.threshold.value) == (False, 95)
    ahead = verdict(standard(at_least(40, role="base"), at_least(66, role="lead")))
    assert ahead.lead is not None
    assert ahead.lead.passed


def test_of_milestones_the_next_one_counts_and_the_others_are_shown() -> None:
    limits = [Threshold("<=", v, Status.FOUND, year=y) for y, v in ((2027, 70), (2030, 50), (2035, 20))]
    one = verdict(standard(*limits))
    assert one.threshold is limits[0]
    assert "by 2027" in one.reason.en
    assert [(s.threshold.year, s.passed) for s in one.shown] == [(2030, False), (2035, False)]
    late = year(2031, SITE.zone)
    later = works_flows(cells=96, start=late.start_ms)
    assert verdict(standard(*limits), inputs(later)).threshold is limits[2]


def test_limits_for_large_sites_say_nothing_to_a_small_one() -> None:
    one = verdict(
        standard(Threshold("<=", 0.2, Status.SECOND_HAND, tce_from=200_000.0, tce_to=1e6), indicator="co2_per_tce")
    )
    assert (one.outcome, one.threshold) == (UNDETERMINED, None)
    assert "size" in one.reason.en


def test_several_limits_must_all_hold_and_the_weakest_names_the_status() -> None:
    both = standard(at_least(60, Status.FOUND), Threshold("<=", 90, Status.SECOND_HAND))
    assert (verdict(both).outcome, verdict(both).threshold_status) == (MET, Status.SECOND_HAND)
    one = verdict(standard(at_least(60), Threshold("<=", 50, Status.FOUND)))
    assert (one.outcome, one.threshold and one.threshold.value) == (NOT_MET, 50)


def test_a_shown_threshold_may_ask_another_indicator() -> None:
    extra = Threshold("==", 0, Status.ASSUMED, role="shown", indicator="duplicate_serials")
    one = verdict(standard(Threshold("==", 8, Status.SECOND_HAND), extra, indicator="instruments_quality"))
    assert (one.outcome, one.counts_apart) == (MET, False)
    assert [(s.value, s.passed) for s in one.shown] == [(0, True)]
    assert "No instrument" in one.reason.en


# --- declared


def test_declared_evidence_counts_while_its_document_is_in_force() -> None:
    of = standard(Threshold("==", True, Status.FOUND), indicator="declared", evidence="paper")
    cases = [
        (proof(), MET), (proof(value=False), NOT_MET), ({}, UNDETERMINED), (proof(ends=TODAY), UNDETERMINED),
        (proof(ends=date(2026, 11, 22)), MET), (proof(begins=date(2027, 1, 1)), UNDETERMINED),
    ]  # fmt: skip
    for given_, outcome in cases:
        assert verdict(of, inputs(evidence=given_)).outcome is outcome, given_


def test_expired_evidence_names_its_document_and_its_day() -> None:
    of = standard(Threshold("==", True, Status.FOUND), indicator="declared", evidence="paper")
    one = verdict(of, inputs(evidence=proof(ends=date(2026, 6, 30))))
    assert "expired on 2026-06-30" in one.reason.en
    assert "2026-06-30失效：certificate 7" in one.reason.zh


def test_a_declared_number_is_held_against_its_threshold() -> None:
    of = standard(at_least(50, Status.ASSUMED), indicator="declared", evidence="paper")
    one = verdict(of, inputs(evidence=proof(97.4)))
    assert (one.outcome, one.value, one.status) == (MET, 97.4, Status.DECLARED)


def test_what_must_be_known_beside_it_holds_a_verdict_back() -> None:
    of = standard(
        Threshold("==", True, Status.FOUND), indicator="declared", evidence="paper", requires=("own_reduction_share",)
    )
    one = verdict(of, inputs(evidence=proof()))
    assert one.outcome is UNDETERMINED
    assert "baseline" in one.reason.en


def test_a_yearly_criterion_needs_a_whole_year() -> None:
    of = standard(at_least(95), indicator="inventory_coverage", needs_year=True)
    assert verdict(of).outcome is UNDETERMINED
    span = year(2025, SITE.zone)
    whole = works_flows(cells=(span.end_ms - span.start_ms) // QUARTER_MS, start=span.start_ms)
    assert verdict(of, inputs(whole)).outcome is MET


def test_a_fiscal_year_is_a_whole_year_too() -> None:
    fiscal = replace(SITE, fiscal_year_start=4)
    start = year(2025, SITE.zone).start_ms + 90 * 86_400_000
    whole = works_flows(fiscal, cells=365 * 96, start=start)
    assert inputs(whole).full_year
    assert not inputs(works_flows(SITE, cells=365 * 96, start=start)).full_year
