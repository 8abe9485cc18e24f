"""`zcf close`, `explain`, `report --bundle`, `verify` and `balance --as` as they are typed."""

import json

import pytest

from metering.store.results import ResultsWriter
from tests.analytics.month_works import MONTH, MonthWorks
from tests.zcf.typed import run, told
from zcf.commands import closing


def test_close_again_diff_and_as_issued(month: MonthWorks):
    first = told("close", month.path, MONTH, "--who", "eva", "--why", "over")
    assert (first["closed"], first["number"], first["entry"]["who"]) == (True, 1, "eva")
    assert told("close", month.path, MONTH)["nothing_changed"]
    assert not told("close", month.path, MONTH, "--diff")["changed"]
    issued = told("balance", month.path, "--period", MONTH, "--as", "issued")
    assert issued["totals"] == first["totals"]
    assert issued["closing"]["number"] == 1
    assert "never closed" in run("balance", month.path, "--period", "2026-09", "--as", "issued", code=2)
    assert "nothing changed since" in run("close", month.path, MONTH, "--diff")


def test_a_restatement_names_its_causes_by_number_and_bills_are_none(
    month: MonthWorks, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", "80")
    told("close", month.path, MONTH, "--who", "eva", "--why", "over")
    by = ("--who", "eva", "--why", "CT plate read")
    span = ("--from", f"{MONTH}-10T00:00", "--to", f"{MONTH}-12T00:00")
    run("correct", month.path, "multiplier", "--point", "grid", *span, "--factor", "1.1", *by)
    run("correct", month.path, "bill", "--point", "grid", *span, "--value", "5", "--who", "eva", "--why", "paid")
    found = run("close", month.path, MONTH, "--diff")
    assert "scope 2, location-based" in found
    causes = found.partition("because of:")[2].splitlines()
    assert [(line.split()[0], line.rpartition(": ")[2]) for line in causes if "entry" in line] == [
        ("–", "paid"), ("1", "CT plate read"),
    ]  # fmt: skip
    explained = run("explain", month.path, "grid.active_energy_import", "--period", MONTH)
    assert "by rollovers and entries to what was read" in " ".join(explained.replace("│", " ").split())


def test_what_cannot_be_closed_says_why(month: MonthWorks):
    assert "is not over yet" in run("close", month.path, "2026-11", code=1)
    assert "write 2026-10" in run("close", month.path, "October", code=2)
    assert "never closed" in run("close", month.path, "2026-09", "--diff", code=2)


def test_with_the_service_running_the_closing_is_left_to_it(month: MonthWorks, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(closing, "PATIENCE_S", 0.0)
    writer = ResultsWriter(month.store, "zcf serve")
    document = told("close", month.path, MONTH, code=1)
    writer.close()
    assert document["closed"] is False
    month.settle()
    assert told("close", month.path, MONTH)["nothing_changed"]


def test_a_bundle_and_its_verification(month: MonthWorks):
    file = month.path.with_name("october.zip")
    issued = json.loads(run("report", month.path, "--period", MONTH, "--bundle", file))
    assert issued["period"]["label"] == MONTH
    assert "/ 0 failed" in run("verify", file)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    found = told("verify", file, code=1)
    assert found["failed"] == 1
    assert found["refused"]["member"]


def test_an_explanation_reads_down_to_the_registers(month: MonthWorks):
    said = run("explain", month.path, "scope2_lb", "--period", MONTH)
    assert "grid.active_energy_import" in said
    assert "function 3" in said
    assert told("explain", month.path, "scope1", "--period", MONTH)["kind"] == "total"
    assert "near" in run("explain", month.path, "scope9", "--period", MONTH, code=2)
