"""Work orders: the allocation closes against the meter in integers, whatever the orders."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.factors import Gas, Method
from analytics.order_files import orders_of, read_orders
from analytics.work_orders import WorkOrder, allocations, intensity, orders_document, share
from metering.config import ConfigError
from metering.period import QUARTER_MS
from metering.store.entries import Entry
from tests.analytics.carbon_works import SITE, START, all_series, series, works_balance, works_flows

HOUR = 3_600_000
spans = st.lists(st.tuples(st.integers(-5, 30), st.integers(1, 40)), max_size=6)


def order(name: str, start_h: float, hours: float, *points: str, units: int = 100) -> WorkOrder:
    start = START + round(start_h * HOUR)
    return WorkOrder(name, "board", points or ("smt",), units, start, start + round(hours * HOUR))


def test_a_day_shared_over_two_orders_and_idle() -> None:
    """7 kWh a quarter-hour: eight hours of A, eight of B, eight of nothing."""
    [found] = allocations(works_flows(), [order("a", 0, 8), order("b", 8, 8)])
    assert found.orders == {"a": 32 * 7_000_000, "b": 32 * 7_000_000}
    assert found.idle == 32 * 7_000_000
    assert found.closes


def test_orders_side_by_side_share_by_their_time() -> None:
    [found] = allocations(works_flows(), [order("a", 0, 24), order("b", 0, 12)])
    assert found.idle == 0
    assert found.orders["a"] == (48 + 24) * 7_000_000
    assert found.closes


@settings(deadline=None)
@given(spans, st.lists(st.integers(0, 10**7), min_size=96, max_size=96))
def test_it_closes_to_the_last_unit(rows: list[tuple[int, int]], micro: list[int]) -> None:
    flow = works_flows(given=all_series() | {("smt", "active_energy_import"): series(np.array(micro) / 10**6)})
    orders = [order(f"o{n}", start / 2, length / 7) for n, (start, length) in enumerate(rows)]
    found = share(flow.points["smt"], flow.start_ms, ("smt",), orders)
    assert found.closes
    assert found.idle >= 0
    assert min(found.orders.values(), default=0) >= 0
    assert found.total == sum(micro)


def test_what_is_not_known_is_neither_in_an_order_nor_idle() -> None:
    flow = works_flows(given=all_series() | {("smt", "active_energy_import"): series(7.0, 90)})
    [found] = allocations(flow, [order("a", 0, 24)])
    assert (found.lacking, found.total, found.closes) == (6, 90 * 7_000_000, True)


def test_carbon_of_everything_used_is_the_balances() -> None:
    """An order over all that the site used carries its electricity's emissions, location- and market-based."""
    flow = works_flows()
    made = works_balance(flow)
    per = intensity(flow, made, Method.LOCATION_BASED)
    assert per is not None
    grid = sum(x.kg for x in made.select(Gas.CO2_ONLY, method=Method.LOCATION_BASED) if x.point == "grid")
    assert per * flow.site_use.total().value == pytest.approx(grid, rel=1e-12)
    body = orders_document(flow, made, [order("a", 0, 24, units=672)])
    [one] = body["orders"]
    assert one["per_unit"]["kwh"] == pytest.approx(1.0)
    assert one["kg_lb"] == pytest.approx(672 * per)
    assert body["sets"][0]["closes"]


def orders_file(folder: Path, *rows: str) -> Path:
    file = folder / "orders.yaml"
    file.write_text("work_orders:\n" + "".join(f"  - {{{row}}}\n" for row in rows), encoding="utf-8")
    return file


A = "id: a, product: board, points: [smt], units: 10, from: 2026-10-01T08:00, to: 2026-10-01T12:00"


def test_a_file_of_orders_is_read_by_the_sites_clock(tmp_path: Path) -> None:
    [body] = read_orders(orders_file(tmp_path, A), SITE.zone, ["smt"])
    assert body["start_ms"] == START + 8 * HOUR
    [found] = orders_of([Entry("e", "work_order", "w", "y", 0, body, 1)], SITE.zone)
    assert (found.points, found.units, found.end_ms) == (("smt",), 10, START + 12 * HOUR)
    assert found.end_ms % QUARTER_MS == 0


def test_every_fault_of_a_file_is_told(tmp_path: Path) -> None:
    moon, both = A.replace("smt", "moon"), A.replace("[smt]", "[smt, test]")
    rows = (A, moon.replace("id: a", "id: b"), A, both.replace("id: a", "id: c"))
    with pytest.raises(ConfigError) as caught:
        read_orders(orders_file(tmp_path, *rows), SITE.zone, ["smt", "test"])
    said = "\n".join(map(str, caught.value.faults))
    assert ":3: work_orders.1.points: 'moon' is not a metering point" in said
    assert "'a' is entered already" in said
    assert "'smt' is in another set of points too" in said
    with pytest.raises(ConfigError, match="is not after"):
        read_orders(orders_file(tmp_path, A.replace("T12", "T07")), SITE.zone, ["smt"])
