"""The claim ladder refuses what is not earned, names what lacks, and grants a label when the last condition is met."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from analytics.balance import Settings
from analytics.claims import Claim, claims, claims_document
from analytics.criteria import Outcome, judge
from analytics.criteria_files import load_editions, load_standards
from analytics.factor_files import DATA
from analytics.indicators import INDICATORS, Evidence, Inputs
from analytics.market import Answer, Credit
from analytics.standards import in_force
from metering.config import ConfigError
from metering.period import QUARTER_MS, year
from tests.analytics.carbon_works import SITE, TIANJIN, certificate, inputs, with_points, works_flows

STANDARDS = load_standards()
LADDER = STANDARDS["claim_ladder"]
YEAR = year(2025, SITE.zone)
ELECTRIC = with_points(without=("gas", "heat"))  # a CO2e of fuel or heat rests on a remembered factor: nothing is met
FLOWS = works_flows(ELECTRIC, cells=(YEAR.end_ms - YEAR.start_ms) // QUARTER_MS, start=YEAR.start_ms)
PAPERS = (
    "carbon_neutrality_plan", "verification_statement", "value_chain_boundary", "compliance_three_years",
    "zero_carbon_factory_report", "carbon_neutrality_report",
)  # fmt: skip
PROOFS = {key: Evidence(key, True, f"{key}.pdf", date(2024, 1, 1), date(2027, 1, 1)) for key in PAPERS}
GEC = certificate(200_000, year=2025)


def credit(tonnes: int = 200, **more: object) -> Credit:
    made = Credit("c1", Fraction(tonnes * 1000), 2025, "CCER", "1..200", 2024, date(2025, 12, 1), "works")
    return replace(made, **more)  # type: ignore[arg-type]


def earned(**changes: object) -> Inputs:
    """A whole year, all green power, all of the rest offset, all papers; a keyword changes one thing."""
    settings = {"instruments": (GEC,), "credits": (credit(),)}
    settings |= {name: changes.pop(name) for name in tuple(settings) if name in changes}
    given = {"facts": {"baseline_tco2e": 400.0, "base_year_tco2e": 400.0}, "evidence": PROOFS} | changes
    flow = given.pop("flow", FLOWS)
    return inputs(flow, settings=Settings(TIANJIN, **settings), **given)  # type: ignore[arg-type]


def ladder(of: Inputs) -> Mapping[str, Claim]:
    return {one.label.id: one for one in claims(LADDER, of)}


def test_a_year_that_has_everything_is_carbon_neutral_and_a_zero_carbon_factory() -> None:
    found = ladder(earned())
    granted = {name for name, one in found.items() if one.granted}
    assert granted == {"accounted", "carbon_neutral", "zero_carbon_factory"}
    assert "Scope 2 zero" in found["scope2_zero"].sentence.en  # certificates cover a part of the import
    whole = ladder(earned(instruments=(certificate(400_000, year=2025),), credits=()))
    assert {name for name, one in whole.items() if one.granted} >= {"scope2_zero", "near_zero"}
    assert "may be claimed" in found["carbon_neutral"].sentence.en


def without(key: str) -> dict[str, Evidence]:
    return {name: one for name, one in PROOFS.items() if name != key}


SPOILED = {
    "no plan": ({"evidence": without("carbon_neutrality_plan")}, {"CL3-2", "CL3-3"}),
    "no verification": ({"evidence": without("verification_statement")}, {"CL3-7"}),
    "verification expired": (
        {"evidence": PROOFS | {"verification_statement": replace(PROOFS["verification_statement"],
                                                                 expires=date(2026, 11, 1))}}, {"CL3-7"}),
    "no baseline": ({"facts": {}}, {"CL3-3"}),
    "no own reduction": ({"facts": {"baseline_tco2e": 60.0}}, {"CL3-3"}),
    "plan younger than the credits": (
        {"evidence": PROOFS | {"carbon_neutrality_plan": replace(PROOFS["carbon_neutrality_plan"],
                                                                 valid_from=date(2025, 12, 2))}}, {"CL3-3"}),
    "a tonne short": ({"credits": (credit(1),)}, {"CL3-4"}),
    "credit of another year": ({"credits": (credit(year=2024),)}, {"CL3-4"}),
    "credit retired for nobody": ({"credits": (credit(beneficiary=""),)}, {"CL3-4", "CL3-5"}),
    "certificate fails one criterion": (
        {"instruments": (certificate(200_000, year=2025, retired=Answer.NOT_MET),)}, {"CL3-4", "CL3-5"}),
    "one serial twice": ({"credits": (credit(), credit(id="c2"))}, {"CL3-5"}),
    "half a year": ({"flow": works_flows(ELECTRIC, cells=96 * 180, start=YEAR.start_ms)}, {"CL3-1", "CL3-3", "CL3-4"}),
}  # fmt: skip


@pytest.mark.parametrize("case", SPOILED)
def test_one_thing_missing_refuses_the_label_and_is_named(case: str) -> None:
    changes, named = SPOILED[case]
    claim = ladder(earned(**changes))["carbon_neutral"]
    assert not claim.granted
    assert {v.criterion.id for v in claim.refused_by} == named
    for one in claim.refused_by:
        assert one.criterion.name.en in claim.sentence.en
        assert one.criterion.name.zh in claim.sentence.zh


def test_exports_and_avoided_emissions_bring_no_label() -> None:
    """What is sold lies beside the balance: the net of a claim is the gross less retired credits and nothing else."""
    of = earned(credits=())
    assert float(FLOWS.grid_export.energy.sum()) > 0
    assert INDICATORS["net_balance"](of).value == INDICATORS["gross_market"](of).value


def test_an_assumed_limit_opens_no_label() -> None:
    weak = replace(LADDER, criteria=tuple(
        replace(c, thresholds=tuple(replace(t, status=STANDARDS["re100"].criteria[0].weight_status.ASSUMED)
                                    for t in c.thresholds)) for c in LADDER.criteria))  # fmt: skip
    assert not any(one.granted for one in claims(weak, earned()))


def test_removals_alone_neutralise_the_rest_of_a_net_zero() -> None:
    base = {"base_year_tco2e": 4000.0, "baseline_tco2e": 4000.0}
    assert not ladder(earned(facts=base))["net_zero"].granted
    assert ladder(earned(facts=base, credits=(credit(removal=True),)))["net_zero"].granted


def test_iso_14068_1_asks_for_reduction_before_offsets() -> None:
    standard = STANDARDS["iso_14068_1"]
    assert judge(standard, earned(), claim=True).gates_open
    bought = judge(standard, earned(facts={"baseline_tco2e": 60.0}), claim=True)
    assert [v.criterion.id for v in bought.closed_gates] == ["ISO-3"]
    assert bought.closed_gates[0].outcome is Outcome.NOT_MET


def test_the_document_names_every_condition_with_its_reason() -> None:
    of = earned(evidence={})
    told = claims_document(claims(LADDER, of), of)
    assert told["year"] == 2025
    rows = told["claims"]
    assert [row["id"] for row in rows] == [d.id for d in LADDER.dimensions]  # type: ignore[attr-defined]
    assert all(one["reason"]["zh"] for row in rows for one in row["conditions"])  # type: ignore[attr-defined]


# --- a changed standard is a new dated file


def test_the_old_edition_stays_and_gives_the_old_result(tmp_path: Path) -> None:
    (tmp_path / "criteria").mkdir()
    text = (DATA / "criteria" / "re100-2022.yaml").read_text(encoding="utf-8")
    (tmp_path / "criteria" / "re100-2022.yaml").write_text(text, encoding="utf-8")
    newer = text.replace("2022-12-12", "2026-01-01").replace('value: "100"', 'value: "1"')
    (tmp_path / "criteria" / "re100-2026.yaml").write_text(newer, encoding="utf-8")
    editions = load_editions(tmp_path)
    begins = date(2026, 1, 1)
    old, new = in_force(editions, begins - timedelta(days=1))["re100"], in_force(editions, begins)["re100"]
    of = inputs()
    assert judge(old, of) == judge(STANDARDS["re100"], of)
    assert [judge(s, of).verdicts[0].outcome for s in (old, new)] == [Outcome.NOT_MET, Outcome.MET]
    (tmp_path / "criteria" / "re100-again.yaml").write_text(newer, encoding="utf-8")
    with pytest.raises(ConfigError, match="declared twice from 2026-01-01"):
        load_editions(tmp_path)
