"""`zcf close`, `explain`, `report --bundle`, `verify` and `balance --as` as they are typed."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from metering.store.results import ResultsWriter
from tests.analytics.month_works import MONTH, MonthWorks
from zcf.__main__ import app
from zcf.commands import closing


@pytest.fixture
def works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MonthWorks:
    monkeypatch.delenv("ZCF_STORE", raising=False)
    made = MonthWorks(tmp_path).full().settle()
    monkeypatch.setattr(closing, "_service", lambda _: made.service())
    return made


def run(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == code, result.output
    return result.output


def told(*words: object, code: int = 0) -> dict[str, Any]:
    [line] = [one for one in run(*words, "--json", code=code).splitlines() if one.startswith("{")]
    found: dict[str, Any] = json.loads(line)
    return found


def test_close_again_diff_and_as_issued(works: MonthWorks):
    first = told("close", works.path, MONTH, "--who", "eva", "--why", "over")
    assert (first["closed"], first["number"], first["entry"]["who"]) == (True, 1, "eva")
    assert told("close", works.path, MONTH)["nothing_changed"]
    assert not told("close", works.path, MONTH, "--diff")["changed"]
    issued = told("balance", works.path, "--period", MONTH, "--as", "issued")
    assert issued["totals"] == first["totals"]
    assert issued["closing"]["number"] == 1
    assert "never closed" in run("balance", works.path, "--period", "2026-09", "--as", "issued", code=2)
    assert "nothing changed since" in run("close", works.path, MONTH, "--diff")


def test_what_cannot_be_closed_says_why(works: MonthWorks):
    assert "is not over yet" in run("close", works.path, "2026-11", code=1)
    assert "write 2026-10" in run("close", works.path, "October", code=2)
    assert "never closed" in run("close", works.path, "2026-09", "--diff", code=2)


def test_with_the_service_running_the_closing_is_left_to_it(works: MonthWorks, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(closing, "PATIENCE_S", 0.0)
    writer = ResultsWriter(works.store, "zcf serve")
    document = told("close", works.path, MONTH, code=1)
    writer.close()
    assert document["closed"] is False
    works.settle()
    assert told("close", works.path, MONTH)["nothing_changed"]


def test_a_bundle_and_its_verification(works: MonthWorks):
    file = works.path.with_name("october.zip")
    issued = json.loads(run("report", works.path, "--period", MONTH, "--bundle", file))
    assert issued["period"]["label"] == MONTH
    assert "/ 0 failed" in run("verify", file)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    found = told("verify", file, code=1)
    assert found["failed"] == 1
    assert found["refused"]["member"]


def test_an_explanation_reads_down_to_the_registers(works: MonthWorks):
    said = run("explain", works.path, "scope2_lb", "--period", MONTH)
    assert "grid.active_energy_import" in said
    assert "function 3" in said
    assert told("explain", works.path, "scope1", "--period", MONTH)["kind"] == "total"
    assert "near" in run("explain", works.path, "scope9", "--period", MONTH, code=2)
