"""`zcf activity` as it is typed: a file of records checked as a whole, entered, and seen in the balance."""

import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from analytics.explain import explain
from analytics.issuing import issue
from metering.config import ConfigError
from tests.analytics.month_works import MONTH, MonthWorks
from tests.zcf.typed import run, told
from zcf.__main__ import app
from zcf.verifier import verify

BY = ("--who", "eva", "--why", "invoices of October")
FILE = """activities:
  - {id: forklifts, type: combustion, fuel: mobile.diesel_road, amount: 1200, unit: L, density: 0.84, from: 2026-10-01, to: 2026-10-31, tier: invoice, document: invoice 17}
  - {id: chiller, type: refrigerant, gas: R-410A, method: simplified, install_loss: 0, refilled: 3, recovered: 1, disposed_charge: 0, disposed_recovered: 0, from: 2026-10-01, to: 2026-10-31, tier: measured, document: service order 5}
  - {id: truck, type: scope3, category: 4, activity: freight.road, tonnes: 20, km: 500, factor: {value: 0.1, unit: kgCO2e/tkm, document: carrier}, from: 2026-10-01, to: 2026-10-31, tier: calculated, document: waybills}
  - {id: boards, type: supplier, name: Boards Ltd, spend: 100, from: 2026-10-01, to: 2026-10-31, tier: invoice, document: list}
"""  # noqa: E501 - one record a line, as people write them


@pytest.fixture
def works(month: MonthWorks) -> MonthWorks:
    month.path.with_name("october.yaml").write_text(FILE, encoding="utf-8")
    return month


def test_records_enter_the_balance_in_their_scopes(works: MonthWorks):
    file = works.path.with_name("october.yaml")
    before = told("balance", works.path, "--period", MONTH)
    assert told("activity", works.path, "enter", file, *BY, "--dry-run")["written"] is False
    assert told("balance", works.path, "--period", MONTH)["lines"] == before["lines"]
    assert len(told("activity", works.path, "enter", file, *BY)["entries"]) == 4
    after = told("balance", works.path, "--period", MONTH)
    kg = {line["point"]: line["kg"] for line in after["lines"] if line["tier"] != "metered"}
    assert kg == {"forklifts": pytest.approx(1200 * 0.84 * 3.0959, rel=1e-4)}
    assert after["apart"]["scope3_kg"] == 1000.0
    more = after["totals"]["scope1"]["co2e"] - before["totals"]["scope1"]["co2e"]
    engines = 42.652 * 1.008 * 3.9 * (29.8 + 273) / 1000  # CH4 and N2O of 1.008 t of diesel
    assert more == pytest.approx(1200 * 0.84 * 3.0959 + engines + 2 * 2255.5, rel=1e-4)
    assert after["suppliers"]["missing"] == ["Boards Ltd"]
    listed = told("activity", works.path, "list")
    assert [one["category"] for one in listed["postings"]] == ["mobile_combustion", "fugitive", "upstream_transport"]
    assert "0 of 1 suppliers answered" in run("activity", works.path, "list")


def test_a_closed_month_with_records_verifies_offline_and_explains_them(works: MonthWorks, tmp_path: Path):
    run("activity", works.path, "enter", works.path.with_name("october.yaml"), *BY)
    works.now = time.time_ns() // 1_000_000
    works.close_month()
    bundle = tmp_path / "october.zip"
    bundle.write_bytes(issue(works.service(), MONTH))
    found = verify(bundle)
    assert (found.passed, found.failed) == (True, ())
    told_ = explain(works.service(), "forklifts/2026/mobile_combustion/not_applicable/co2_only", MONTH)
    assert told_["formula"] == "1.008000 t x 3095.909637 kgCO2/t"


def test_nothing_is_entered_of_a_file_with_a_fault(works: MonthWorks):
    file = works.path.with_name("october.yaml")
    file.write_text(FILE.replace("amount: 1200", "amount: -1200"), encoding="utf-8")
    result = CliRunner().invoke(app, ["activity", str(works.path), "enter", str(file), *BY])
    assert isinstance(result.exception, ConfigError)
    assert "october.yaml:2: activities.0.amount: -1200 is negative" in str(result.exception)
    assert told("activity", works.path, "list")["records"] == []


def test_a_fuel_that_a_meter_counts_is_not_entered_on_another_path(works: MonthWorks):
    file = works.path.with_name("gas.yaml")
    file.write_text(
        "activities:\n  - {id: gas-bill, type: combustion, fuel: natural_gas, amount: 900, unit: GJ, from: 2026-10-01, "
        "to: 2026-10-31, tier: invoice, document: bill}\n",
        encoding="utf-8",
    )
    result = CliRunner().invoke(app, ["activity", str(works.path), "enter", str(file), *BY])
    assert isinstance(result.exception, ConfigError)
    assert "gas (volume) and gas-bill (heat)" in str(result.exception)
