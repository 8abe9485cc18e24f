"""Factor files of the site itself: before published ones when declared, beside them when sourced, read as strictly."""

from pathlib import Path
from typing import Any

import pytest

from analytics.factors import Found, Refusal
from analytics.issuing import issue
from analytics.site_settings import site_table
from analytics.terms import Status
from metering.config import ConfigError
from metering.sitefile import load_site
from tests.analytics.month_works import MONTH, SITE, MonthWorks
from zcf.verifier import verify

HEAD = """document: heat-supplier-2026
title: {zh: 供热公司, en: Heat supplier}
sources: {LETTER: "letter of the heat supplier"}
defaults: {gas: co2_only, method: not_applicable, source: LETTER}
rows:
"""
HEAT = '  - {id: our-heat-2026, activity: heat.purchased, year: 2026, value: "0.0915", unit: tCO2/GJ}\n'
GRID = (
    "  - {id: our-grid-2026, activity: electricity.grid, method: location_based, year: 2026,"
    ' value: "0.5", unit: kgCO2/kWh}\n'
)
CHAIN = ("CN-AH", "CN-EAST", "CN")


def site(folder: Path, rows: str, head: str = HEAD) -> Path:
    (folder / "factors").mkdir(exist_ok=True)
    (folder / "factors" / "own.yaml").write_text(head + rows, encoding="utf-8")
    path = folder / "site.yaml"
    path.write_text(SITE + "factor_files: [factors/own.yaml]\n", encoding="utf-8")
    return path


def heat(path: Path, year: int = 2026) -> Found | Refusal:
    return site_table(load_site(path)).find("heat.purchased", CHAIN, year, unit="GJ")


def told(found: Found | Refusal) -> tuple[str, Status]:
    assert not isinstance(found, Refusal)
    return found[0].id, found[0].status


def test_a_row_of_the_sites_own_is_declared_and_goes_before_published_ones(tmp_path: Path) -> None:
    path = site(tmp_path, HEAT)
    assert told(heat(path)) == ("our-heat-2026", Status.DECLARED)
    assert told(heat(path, 2025)) == ("cn-heat-2025", Status.FOUND)  # it is of 2026: a later one is never taken


def test_a_sourced_row_is_one_more_published_row_and_the_newest_vintage_counts(tmp_path: Path) -> None:
    sourced = HEAT.replace("year: 2026", 'status: found, region: CN, page: "3", year: 2026')
    assert told(heat(site(tmp_path, sourced))) == ("our-heat-2026", Status.FOUND)


@pytest.mark.parametrize(("change", "said"), [
    ("status: found, region: CN, ", "without a page"),
    ('status: found, page: "3", ', "is for a region"),
    ("region: CN-XX, ", "unknown region"),
    ("unknown: 1, ", "unknown"),
    ('value: 0.1, page: "', "own.yaml:6"),
])  # fmt: skip
def test_what_is_wrong_in_it_is_told_with_its_line(tmp_path: Path, change: str, said: str) -> None:
    path = site(tmp_path, HEAT.replace("year: 2026", f"{change}year: 2026"))
    with pytest.raises(ConfigError) as caught:
        site_table(load_site(path))
    assert said in str(caught.value)
    assert "own.yaml" in str(caught.value)


def test_two_that_answer_the_same_are_refused_unless_one_supersedes_the_other(tmp_path: Path) -> None:
    sourced = HEAT.replace("year: 2026", 'status: found, region: CN, page: "3", year: 2025')
    with pytest.raises(ConfigError, match="overlaps"):
        site_table(load_site(site(tmp_path, sourced)))
    head = HEAD.replace("sources:", "supersedes: gbt32150-2025-heat\nsources:")
    assert told(heat(site(tmp_path, sourced, head), 2025)) == ("our-heat-2026", Status.FOUND)


@pytest.mark.parametrize("name", ["../own.yaml", "/etc/own.yaml", "a/b/c/own.yaml", "own.txt"])
def test_a_file_outside_the_sites_folder_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(SITE + f"factor_files: [{name}]\n", encoding="utf-8")
    with pytest.raises(ConfigError):
        load_site(path)


def test_a_file_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(SITE + "factor_files: [gone.yaml]\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"gone\.yaml"):
        site_table(load_site(path))


def test_the_bundle_carries_it_and_verifies_by_it(tmp_path: Path) -> None:
    text: Any = site(tmp_path, GRID).read_text(encoding="utf-8")
    works = MonthWorks(tmp_path, site=text).full().settle()
    line = next(x for x in works.service().balance(MONTH)["lines"] if x["method"] == "LB")
    assert (line["factor"]["id"], line["status"]) == ("our-grid-2026", "declared")
    bundle = tmp_path / "b.zip"
    bundle.write_bytes(issue(works.service(), MONTH))
    found = verify(bundle)
    assert found.passed, found.document()
    assert any(check.name == "sha256 own/factors/own.yaml" for check in found.checks)
