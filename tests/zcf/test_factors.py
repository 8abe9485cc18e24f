"""`zcf factors`: a new dated document, and which closed figures it would change; nothing is changed by asking."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from analytics.factor_files import DATA, load_regions, load_rows, load_table
from analytics.factors import Method, Refusal
from metering.config import ConfigError
from tests.analytics.carbon_works import TABLE
from tests.analytics.month_works import MONTH, MonthWorks
from tests.zcf.typed import told
from zcf.__main__ import app

SHEET = """document: {document}
title: {{zh: 新, en: new}}
{supersedes}published: {published}
sources: {{X: "a new announcement"}}
defaults: {{country: CN, region: CN-AH, activity: electricity.grid, unit: kgCO2/kWh, gas: co2_only, method: location_based, status: found, source: X}}
rows:
  - {{id: {document}-ah, year: {year}, value: "{value}"}}
"""  # noqa: E501 - as in the real files


def sheet(
    folder: Path, *, year: int = 2025, value: str = "0.6000", supersedes: str = "", document: str = "new-2025"
) -> Path:
    file = folder / f"{document}.yaml"
    line = f"supersedes: {supersedes}\n" if supersedes else ""
    text = SHEET.format(document=document, supersedes=line, published="2026-12-31", year=year, value=value)
    file.write_text(text, encoding="utf-8")
    return file


@pytest.fixture
def works(month: MonthWorks) -> MonthWorks:
    month.close_month()
    return month


def test_a_newer_vintage_lists_the_lines_it_would_change(works: MonthWorks, tmp_path: Path):
    body = told("factors", works.path, sheet(tmp_path))
    [month] = body["closings"]
    assert (month["period"], month["number"]) == (MONTH, 1)
    changed = {line["id"]: line for line in month["lines"]}
    assert set(changed) == {
        "grid/2026/purchased_electricity/location_based/co2_only",
        "grid/2026/purchased_electricity/location_based/co2e",
    }
    line = changed["grid/2026/purchased_electricity/location_based/co2_only"]
    assert (line["old"]["year"], line["new"]["year"]) == (2023, 2025)
    assert line["would_kg"] / line["issued_kg"] == pytest.approx(0.6 / 0.6553)
    assert month["totals"]["total_lb"]["co2_only"] == pytest.approx(line["delta_kg"])
    assert month["totals"]["total_mb"]["co2_only"] == 0
    assert works.service().account(MONTH).balance.lines  # and nothing was changed
    result = CliRunner().invoke(app, ["factors", str(works.path), str(sheet(tmp_path))])
    assert "cn-electricity-2023-ah -> new-2025-ah" in result.output


def test_a_document_of_another_year_changes_nothing(works: MonthWorks, tmp_path: Path):
    later = sheet(tmp_path, year=2027, document="new-2027")
    assert told("factors", works.path, later)["closings"] == []
    result = CliRunner().invoke(app, ["factors", str(works.path), str(later)])
    assert "would change no line of the 1 closed months" in result.output


def test_a_correction_of_a_year_supersedes_it_and_only_where_it_says_so(works: MonthWorks, tmp_path: Path):
    with pytest.raises(ConfigError, match="does its document supersede the other"):
        load_table(more=[sheet(tmp_path, year=2023, document="mee-corrected")])
    mended = sheet(tmp_path, year=2023, supersedes="mee-2025-47", document="mee-corrected")
    body = told("factors", works.path, mended)
    assert {line["new"]["id"] for line in body["closings"][0]["lines"]} == {"mee-corrected-ah"}
    table = load_table(more=[mended])
    anhui = table.regions.chain("CN", "华东", "安徽")
    found = table.find("electricity.grid", anhui, 2026, method=Method.LOCATION_BASED)
    assert not isinstance(found, Refusal)
    assert found[0].printed == "0.6000"
    assert "cn-electricity-2023-tj" in {f.id for f in table.factors}  # what it does not answer anew stays


def test_a_correction_of_a_correction_wins(tmp_path: Path):
    first = sheet(tmp_path, year=2023, value="0.61", supersedes="mee-2025-47", document="one")
    second = sheet(tmp_path, year=2023, value="0.62", supersedes="one", document="two")
    rows = load_rows([DATA / "factors/cn-electricity-2023.yaml", first, second], load_regions(DATA / "regions.yaml"))
    assert [row.printed for row in rows if row.region == "CN-AH"] == ["0.62"]


def test_the_documents_at_hand(works: MonthWorks):
    body = told("factors", works.path)
    names = {one["document"]: one for one in body["documents"]}
    assert names["mee-2025-47"]["statuses"] == {"found": 40}
    assert len(names) == len({row.document for row in TABLE.parameters})


def test_a_faulty_file_names_its_line(works: MonthWorks, tmp_path: Path):
    bad = sheet(tmp_path, value="much")
    result = CliRunner().invoke(app, ["factors", str(works.path), str(bad)])
    assert isinstance(result.exception, ConfigError)
    assert "new-2025.yaml:7" in str(result.exception)
