"""The 13 functions tried on a works: each says why it fails, and works once the site has what it lacked."""

from pathlib import Path

import pytest

from analytics.activity_files import ActivityFile, body_of
from analytics.selftest import FUNCTIONS
from metering.store.entries import Entry
from tests.analytics.month_works import MonthWorks
from tests.analytics.test_ledger import QUALITY

LACKING = {  # of a works with two meters, no shifts, no contract, no target, no products and no entries
    "consumption_intensity": "finished", "analysis_strategy": "shifts", "benchmarking": "firm limit",
    "balance_optimisation": "no meters", "budget": "No target", "product_footprint": "finished",
    "supply_chain": "questionnaire", "verification": "closed", "carbon_assets": "empty",
    "decision_support": "no meters",
}  # fmt: skip


def rows(works: MonthWorks) -> dict[str, tuple[bool, str]]:
    service = works.service()
    service._tested = None
    told = service.selftest()
    assert told["of"] == len(FUNCTIONS) == 13
    assert told["works"] == sum(one["works"] for one in told["functions"])
    assert all(one["zh"] and one["name"]["zh"] for one in told["functions"])
    return {one["id"]: (one["works"], one["en"]) for one in told["functions"]}


@pytest.fixture
def works(tmp_path: Path) -> MonthWorks:
    return MonthWorks(tmp_path).full().settle()


def test_each_function_that_lacks_something_says_what(works: MonthWorks) -> None:
    found = rows(works)
    assert {name for name, (good, _) in found.items() if not good} == LACKING.keys()
    for name, word in LACKING.items():
        assert word in found[name][1], (name, found[name])


def test_entries_and_a_closing_make_their_functions_work(works: MonthWorks) -> None:
    works.close_month(incomplete=True)
    head = {"from": "2026-10-01", "to": "2026-10-31", "tier": "invoice", "document": "answers.xlsx"}
    answer = {"id": "a", **head, "type": "supplier", "name": "A", "spend": "750", "tonnes": "12"}
    [row] = ActivityFile.model_validate({"activities": [answer]}).activities
    lot = {"asset": "gec", "registry": "GEC", "serials": "G-1..G-5", "micro": 5_000_000, "vintage": "2026-03",
           "document": "statement 7", "quality": QUALITY}  # fmt: skip
    works.enter(
        Entry("activity-1", "activity", "eva", "a test", works.now, body_of(row, works.service().recorder)),
        Entry("acquisition-1", "acquisition", "eva", "a test", works.now, lot),
    )
    refill = {**head, "id": "refill", "type": "refrigerant", "gas": "R-410A", "method": "purchased", "purchases": "2"}
    [row] = ActivityFile.model_validate({"activities": [refill]}).activities
    works.enter(Entry("activity-2", "activity", "eva", "a test", works.now, body_of(row, works.service().recorder)))
    found = rows(works)
    assert all(found[name][0] for name in ("verification", "supply_chain", "carbon_assets")), found
    assert works.service().indicators("2026-10")["indicators"]["traceability"]["value"] == 100
    assert 0.75 < works.service().indicators("2026-10")["indicators"]["data_quality_score"]["value"] < 1
    assert "2026-10" in found["verification"][1]


def test_the_count_is_what_the_standards_are_told(works: MonthWorks) -> None:
    working = sum(good for good, _ in rows(works).values())
    [one] = [v for v in works.service().score("ict_five_dimension")["verdicts"] if v["id"] == "ICT-D2"]
    assert (one["value"], one["outcome"], one["unit"]) == (working, "NOT_MET", "count/13")


def test_without_readings_nothing_of_them_works(tmp_path: Path) -> None:
    found = rows(MonthWorks(tmp_path))
    for name in ("energy_query", "energy_flow", "carbon_accounting"):
        assert not found[name][0], name
