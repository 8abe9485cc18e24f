"""`zcf orders` and `zcf match` as they are typed."""

import pytest

from tests.analytics.month_works import MONTH, MonthWorks
from tests.zcf.typed import run, told

BY = ("--who", "eva", "--why", "MES export")
FILE = """work_orders:
  - {id: WO-1, product: board-7, points: [grid], units: 100, from: 2026-10-01T08:00, to: 2026-10-01T16:00}
  - {id: WO-2, product: board-9, points: [grid], units: 50, from: 2026-10-01T16:00, to: 2026-10-02T00:00}
"""


@pytest.fixture
def works(month: MonthWorks) -> MonthWorks:
    month.path.with_name("orders.yaml").write_text(FILE, encoding="utf-8")
    return month


def test_orders_and_idle_are_what_the_meter_counted(works: MonthWorks):
    file = works.path.with_name("orders.yaml")
    assert "would enter 2" in run("orders", works.path, "enter", file, *BY, "--dry-run")
    assert "entered 2" in run("orders", works.path, "enter", file, *BY)
    body = told("orders", works.path, "footprint", "--period", "2026-10-01")
    [one] = body["sets"]
    assert one["closes"]
    assert sum(order["kwh"] for order in body["orders"]) + one["idle_kwh"] == pytest.approx(one["metered_kwh"])
    assert body["orders"][0]["per_unit"]["kg_lb"] == pytest.approx(body["orders"][0]["kwh"] * 0.6553 / 100)
    assert "closes" in run("orders", works.path, "footprint", "--period", "2026-10-01")
    assert "cannot" in run("orders", works.path, "footprint", "--period", "someday", code=2)


def test_a_month_without_generation_matches_nothing_and_says_local_only(works: MonthWorks):
    body = told("match", works.path, "--period", MONTH)
    assert (body["hourly_match"], body["coverage"]) == (0.0, 1.0)
    assert len(body["heat_map"]["days"]) == 31
    assert "local only" in run("match", works.path, "--period", MONTH)
