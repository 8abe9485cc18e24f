"""The shipped standards before the small works; documents; what a site declares."""

import json
from datetime import date
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from analytics.balance import Settings
from analytics.criteria import Outcome, judge
from analytics.criteria_files import load_standards
from analytics.documents import balance_document, score_document
from analytics.indicators import INDICATORS, Evidence, Gauge, Inputs, LeakTest
from analytics.market import Answer, Credit, InstrumentKind
from analytics.site_inputs import carbon_credits, evidence, instruments, leak_tests, targets
from metering.config import ConfigError
from metering.period import QUARTER_MS, year
from tests.analytics.carbon_works import (
    SITE,
    TIANJIN,
    certificate,
    inputs,
    works_flows,
)

STANDARDS = load_standards()
MET, NOT_MET, UNDETERMINED = Outcome.MET, Outcome.NOT_MET, Outcome.UNDETERMINED


DAY = inputs()

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
    assert held[0].value == 3
    assert targets([{"base_year": 2020, "base_t": 100, "year": 2030, "target_t": 58}])[0].target_t == 58
    assert leak_tests([{"on": "2026-01-01", "load_min": 7.5, "unload_min": 22.5}])[0].load_min == 7.5


def test_bad_rows_are_refused_all_at_once() -> None:
    rows = [{"id": "a", "kind": "wish", "kwh": "-1", "year": 2026, "document": "d"}, {"kind": "contract"}]
    with pytest.raises(ConfigError) as caught:
        instruments(rows)
    said = "\n".join(f.message for f in caught.value.faults)
    for word in ("instruments.0.kind", "instruments.0.kwh", "instruments.1.id", "instruments.1.document"):
        assert word in said
