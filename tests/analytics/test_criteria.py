"""Verdicts: what may pass, what is undetermined and why, what counts apart, and how far the rest is."""

import json
from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.balance import Settings
from analytics.criteria import Criterion, Dimension, Outcome, Standard, Threshold, Verdict, judge
from analytics.criteria_files import load_standards
from analytics.documents import balance_document, score_document
from analytics.factors import Method
from analytics.indicators import INDICATORS, Evidence, Gauge, Inputs, LeakTest
from analytics.market import Answer, Credit, InstrumentKind
from analytics.site_inputs import carbon_credits, evidence, instruments, leak_tests, targets
from analytics.terms import Sentence, Status
from metering.config import ConfigError
from metering.period import QUARTER_MS, year
from metering.site import MeteringPoint, Role
from tests.analytics.carbon_works import (
    SITE,
    TIANJIN,
    TODAY,
    all_series,
    certificate,
    factor,
    inputs,
    series,
    table,
    with_points,
    works_flows,
)

STANDARDS = load_standards()
MET, NOT_MET, UNDETERMINED = Outcome.MET, Outcome.NOT_MET, Outcome.UNDETERMINED


def standard(*thresholds: Threshold, indicator: str = "self_use_rate", **more: Any) -> Standard:
    """A standard of one criterion."""
    fields = {"kind": "scored", "evidence": ""} | more
    unit = "bool" if indicator == "declared" else "%"
    one = Criterion(
        "X-1", "all", Sentence("甲", "The thing"), formula="x", unit=unit, indicator=indicator,
        weight_status=Status.NONE, sources=("DOC",), thresholds=thresholds, **fields,
    )  # fmt: skip
    chapter = Dimension("all", Sentence("全部", "All"), None, Status.NONE)
    return Standard(
        "x",
        Sentence("标准", "Standard"),
        date(2026, 1, 1),
        "model",
        "factory",
        Status.ASSUMED,
        (chapter,),
        (one,),
        {"DOC": "d"},
    )


def verdict(of: Standard, given_: Inputs | None = None, **more: Any) -> Verdict:
    [one] = judge(of, given_ or inputs(), **more).verdicts
    return one


def at_least(value: float, status: Status = Status.FOUND, **more: Any) -> Threshold:
    return Threshold(">=", value, status, **more)


def proof(
    value: bool | float = True, *, begins: date = date(2026, 1, 1), ends: date | None = None
) -> dict[str, Evidence]:
    return {"paper": Evidence("paper", value, "certificate 7", begins, ends, "somebody")}


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
    own = inputs(table=table(factor("0.1", year=2026), factor("0.1", year=2026, method=RESIDUAL, id_="r")))
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


# --- gaps that certificates can close


def test_a_green_gap_is_said_in_certificates_when_they_could_close_it() -> None:
    one = verdict(standard(at_least(20), indicator="renewable_share_contractual"))
    assert one.gap is not None
    assert one.gap.certificates == 1
    assert "certificates" in one.reason.en


def test_a_gap_larger_than_all_electricity_bought_cannot_be_closed_by_certificates() -> None:
    one = verdict(standard(at_least(100), indicator="renewable_energy_share"))
    assert one.gap is not None
    assert one.gap.certificates is None


def test_an_intensity_gap_is_tonnes_and_certificates_at_the_remainder_factor() -> None:
    value = INDICATORS["co2_per_tce"](inputs())
    limit = (value.value or 0) - 0.1 / (value.scale.amount if value.scale else 1)
    one = verdict(standard(Threshold("<=", limit, Status.FOUND), indicator="co2_per_tce"))
    assert one.gap is not None
    assert (one.gap.physical, one.gap.physical_unit) == (pytest.approx(0.1), "tCO2")
    assert one.gap.certificates == 1


# --- the shipped standards


def rich() -> Inputs:
    """The works with everything declared and a whole year of data."""
    span = year(2025, SITE.zone)
    cells = (span.end_ms - span.start_ms) // QUARTER_MS
    facts = {"base_year_tco2e": 1000.0, "baseline_tco2e": 1200.0, "recoverable_heat_gj": 1000.0}
    given_ = {
        c.evidence: Evidence(c.evidence, True if c.unit == "bool" else 99.0, "document", date(2024, 1, 1))
        for s in STANDARDS.values() for c in s.criteria if c.evidence
    }  # fmt: skip
    tests = (LeakTest(date(2025, 6, 1), 5, 95),)
    settings = Settings(TIANJIN, instruments=(certificate(100_000, year=2025),))
    day = works_flows(cells=cells, start=span.start_ms)
    sun = {("weather", "irradiance_poa"): _sun(cells)}
    return inputs(day, settings=settings, facts=facts, evidence=given_, leak_tests=tests, gauges=sun)


def _sun(cells: int) -> Any:
    return Gauge(np.full(cells, 150.0), np.ones(cells, bool))


@pytest.mark.parametrize("name", sorted(STANDARDS))
def test_every_criterion_of_every_standard_gets_a_verdict_in_both_languages(name: str) -> None:
    for given_ in (inputs(), rich(), inputs(works_flows(given={}))):
        card = judge(STANDARDS[name], given_)
        assert len(card.verdicts) == len(STANDARDS[name].criteria)
        for one in card.verdicts:
            assert one.reason.zh
            assert one.reason.en
            assert "None" not in one.reason.en + one.reason.zh
        assert sum(card.counts().values()) + sum(card.counts(apart=True).values()) == len(card.verdicts)


@pytest.mark.parametrize("name", sorted(STANDARDS))
def test_no_met_verdict_rests_on_weak_numbers_or_counts_against_a_weak_threshold(name: str) -> None:
    for one in judge(STANDARDS[name], rich()).verdicts:
        if one.outcome is MET:
            assert not one.status.weak, one.criterion.id
        if one.threshold_status.weak:
            assert one.counts_apart, one.criterion.id


def test_the_rubrics_open_no_gates_while_their_inventory_threshold_is_assumed() -> None:
    for name in ("ict_five_dimension", "miit2026_six_paths"):
        card = judge(STANDARDS[name], rich())
        assert not card.gates_open
        assert any(v.criterion.id.endswith("G2") for v in card.closed_gates)


def test_hunan_asks_a_factory_of_2026_for_the_limit_of_2027() -> None:
    found = {v.criterion.id: v for v in judge(STANDARDS["cn_hunan_458"], inputs()).verdicts}
    assert found["HN-1"].threshold is not None
    assert (found["HN-1"].threshold.value, found["HN-1"].outcome) == (1.25, NOT_MET)
    assert found["HN-3"].outcome is NOT_MET


def test_indicators_made_already_are_not_made_again() -> None:
    made = {name: function(DAY) for name, function in INDICATORS.items()}
    of = STANDARDS["miit2026_six_paths"]
    assert judge(of, DAY, computed=made) == judge(of, DAY)


def test_the_card_is_a_self_assessment_and_has_no_score() -> None:
    card = judge(STANDARDS["ict_five_dimension"], inputs())
    assert "self-assessment" in card.label.en
    assert not hasattr(card, "score")
    by_chapter = [card.counts(dimension=d.id, apart=apart) for d in card.standard.dimensions for apart in (True, False)]
    assert sum(sum(c.values()) for c in by_chapter) == len(card.verdicts)


# --- as documents


def test_documents_hold_what_the_page_shows_and_nothing_that_json_cannot() -> None:
    one = rich()
    told = score_document(judge(STANDARDS["ict_five_dimension"], one), STANDARDS.values())
    assert json.loads(json.dumps(told))["counts"].keys() == {"MET", "NOT_MET", "UNDETERMINED"}
    assert len(told["standards"]) == len(STANDARDS)
    for row in told["verdicts"]:
        assert {
            "id",
            "name",
            "dimension",
            "outcome",
            "value",
            "threshold",
            "op",
            "reason",
            "gap",
            "apart",
        } <= row.keys()
    carbon = json.loads(json.dumps(balance_document(one.flows, one.balance)))
    for line in carbon["lines"]:
        assert line["activity"]["value"] * line["factor"]["value"] == pytest.approx(line["kg"])
        assert line["method"] in {"-", "LB", "MB"}
    assert carbon["totals"]["total_mb"].keys() == {"co2_only", "co2e"}
    assert carbon["beside"]["avoided_kg"] is None


# --- what a site declares


def test_rows_of_a_site_become_nouns() -> None:
    quality = dict.fromkeys(
        ["conveys_attribute", "sole_claim", "retired", "vintage", "same_market", "residual_mix"], True
    )
    more = {"utility_delivered": "not_applicable", "claims_transferred": "not_applicable"}
    row = {
        "id": "gec",
        "kind": "certificate",
        "kwh": "1000.5",
        "year": 2026,
        "quality": quality | more,
        "serial": 7,
        "document": "d",
    }
    [one] = instruments([row])
    assert (one.kind, one.volume_micro, one.failed) == (InstrumentKind.CERTIFICATE, 1_000_500_000, ())
    assert one.answers["utility_delivered"] is Answer.NOT_APPLICABLE
    [credit] = carbon_credits([{"id": "c", "tonnes": 1.5, "year": 2026, "document": "d"}])
    assert isinstance(credit, Credit)
    assert (credit.kg, len(credit.lacking)) == (Fraction(1500), 5)
    held = evidence([{"key": "k", "value": 3, "document": "d", "valid_from": "2026-01-01"}])
    assert held["k"].value == 3
    assert targets([{"base_year": 2020, "base_t": 100, "year": 2030, "target_t": 58}])[0].target_t == 58
    assert leak_tests([{"on": "2026-01-01", "load_min": 7.5, "unload_min": 22.5}])[0].load_min == 7.5


def test_bad_rows_are_refused_all_at_once() -> None:
    rows = [{"id": "a", "kind": "wish", "kwh": "-1", "year": 2026, "document": "d"}, {"kind": "contract"}]
    with pytest.raises(ConfigError) as caught:
        instruments(rows)
    said = "\n".join(f.message for f in caught.value.faults)
    for word in ("instruments.0.kind", "instruments.0.kwh", "instruments.1.id", "instruments.1.document"):
        assert word in said


# --- properties


@given(st.floats(0, 100), st.floats(0, 100))
def test_raising_a_floor_never_turns_not_met_into_met(low: float, high: float) -> None:
    easier, harder = sorted((low, high))
    outcomes = [verdict(standard(at_least(v)), DAY).outcome for v in (easier, harder)]
    assert outcomes in ([MET, MET], [MET, NOT_MET], [NOT_MET, NOT_MET])


@given(st.floats(0, 100))
def test_a_gap_exists_exactly_when_the_threshold_is_not_met(limit: float) -> None:
    one = verdict(standard(at_least(limit)), DAY)
    assert (one.gap is not None) == (one.outcome is NOT_MET)


DAY = inputs()
RESIDUAL = Method.MARKET_RESIDUAL


def test_a_heat_meter_that_is_not_bought_heat_causes_nothing() -> None:
    site = with_points(MeteringPoint("heat", Role.HEAT, "heat", device="h", activity="heat.own"))
    assert INDICATORS["scope2_market"](inputs(works_flows(site))).value == pytest.approx(0.960 * 0.6096)


@pytest.mark.parametrize(
    ("part", "whole", "floor"), [(29, 100, 29), (7, 20, 35), (57, 100, 57), (110_000_003, 110_000_003, 100)]
)
def test_a_share_that_is_exactly_its_threshold_is_met(part: int, whole: int, floor: int) -> None:
    """100 x (29/100) is 28.999999999999996 in floating point; a share is rounded once."""
    given_ = all_series(1) | {
        ("pv", "active_energy_export"): series(whole / 1000, 1),
        ("grid", "active_energy_export"): series((whole - part) / 1000, 1),
    }
    assert verdict(standard(at_least(floor)), inputs(works_flows(cells=1, given=given_))).outcome is MET
