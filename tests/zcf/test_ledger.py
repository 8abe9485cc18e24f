"""`zcf ledger` as it is typed: entered, refused with the reason, and seen again in the balance."""

import pytest

from tests.analytics.month_works import MONTH, MonthWorks
from tests.zcf.typed import run, told

BY = ("--who", "eva", "--why", "a test")
ALL = (
    "conveys_attribute=met,sole_claim=met,same_market=met,utility_delivered=not_applicable,"
    "claims_transferred=not_applicable,residual_mix=met"
)
GEC = ("--asset", "gec", "--registry", "GEC", "--vintage", "2026-03", "--document", "statement 7", "--quality", ALL)


def test_certificates_bought_and_retired_are_in_the_market_based_balance(month: MonthWorks):
    before = told("balance", month.path, "--period", MONTH)
    lot = told("ledger", month.path, "acquire", *GEC, "--serials", "G-0001..G-0050", *BY)["entry"]
    assert lot["body"]["micro"] == 50_000_000
    month.now += 1000
    words = ("ledger", month.path, "retire", "--lot", lot["id"], "--year", 2026, "--document", "statement 8", *BY)
    dry = told(*words, "--serials", "G-0001..G-0020", "--dry-run")
    assert dry["written"] is False
    kept = told(*words, "--serials", "G-0001..G-0020")["entry"]
    assert kept["body"]["beneficiary"] == "works"
    after = told("balance", month.path, "--period", MONTH)
    covered = [line for line in after["lines"] if line["instrument"] == kept["id"]]
    assert [line["kg"] for line in covered] == [0.0]
    for line in after["lines"]:
        assert {"activity", "factor", "match", "status", "gas", "uncertainty"} <= line.keys()
        assert line["uncertainty"]["causes"] or line["instrument"]
        assert line["factor"]["id"]
    assert after["uncertainty"]["total_lb"]["co2_only"]["rating"] in {"high", "good"}
    assert after["totals"]["scope2_lb"] == before["totals"]["scope2_lb"]
    assert after["totals"]["scope2_mb"]["co2_only"] == pytest.approx(
        before["totals"]["scope2_mb"]["co2_only"] - 20_000 * 31 / 365 * 0.6096
    )
    again = run(*words, "--serials", "G-0020..G-0021", code=2)
    assert "nothing is claimed twice" in again
    listed = told("ledger", month.path, "list")
    assert listed["totals"]["gec"]["left"] == 30.0
    assert "retirement 20" in run("ledger", month.path, "list")


def test_more_than_was_bought_is_refused_with_both_figures(month: MonthWorks):
    lot = told("ledger", month.path, "acquire", *GEC, "--serials", "G-0001..G-5000", *BY)["entry"]["id"]
    said = run("ledger", month.path, "retire", "--lot", lot, "--year", 2026, *BY, code=2)
    assert "5000 MWh would be retired for 2026, but only" in said
    assert told("ledger", month.path, "list")["lots"][0]["moves"] == []


def test_every_fault_of_an_entry_is_told_at_once(month: MonthWorks):
    words = ("--asset", "moon", "--vintage", "March", "--document", "d", "--serials", "x..y", "--quality", "good=met")
    said = run("ledger", month.path, "acquire", *words, "--who", " ", "--why", "w", code=2)
    assert [one.partition(":")[0] for one in said.splitlines()] == [
        "--who", "--asset", "--serials", "--vintage", "--quality",
    ]  # fmt: skip


def test_the_position_of_a_compliance_year(month: MonthWorks):
    words = ("--asset", "allowance", "--vintage", "2026", "--document", "notice", "--registry", "CEA")
    run("ledger", month.path, "acquire", *words, "--origin", "allocation", "--amount", 10, *BY)
    body = told("ledger", month.path, "position", "--year", 2026)
    assert (body["allocated"], body["obligation"]["origin"]) == (10, "forecast")
    assert body["gap"] == pytest.approx(body["obligation"]["value"] - 10)
    month.now += 1000
    run("ledger", month.path, "verified", "--year", 2026, "--amount", 25, "--document", "report", *BY)
    body = told("ledger", month.path, "position", "--year", 2026)
    assert (body["obligation"]["value"], body["obligation"]["origin"], body["gap"]) == (25, "verified", 15)
    assert "gap" in run("ledger", month.path, "position", "--year", 2026)
    assert "neither" in run("ledger", month.path, "position", "--year", 2026, "--basis", "air", code=2)
