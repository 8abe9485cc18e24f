"""A workshop and a line judged as the factory is: nothing is lost or made between the levels, and the mix is shared."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.balance import Balance, Settings, balance
from analytics.boundaries import Boundary, boundaries, flows_within, settings_within
from analytics.criteria import judge
from analytics.criteria_files import load_standards
from analytics.factors import Gas, Method
from analytics.flows import Flows
from analytics.indicators import INDICATORS
from analytics.scores import balance_within
from analytics.tree import residuals
from metering.site import MeteringPoint, Role
from tests.analytics.carbon_works import (
    TABLE,
    TIANJIN,
    all_series,
    certificate,
    inputs,
    series,
    with_points,
    works_flows,
)
from tests.analytics.month_works import MONTH, SITE, MonthWorks

OVEN = MeteringPoint("oven", Role.LOAD, parent="smt", device="m5", area="smt", equipment="line1")
BOARDS = MeteringPoint("boards", Role.PRODUCT, "product", device="n", area="smt", equipment="line1", end_use="finished")
WORKS = with_points(OVEN, BOARDS)
MORE = {("oven", "active_energy_import"): series(2.5), ("boards", "product_count"): series(5.0)}
WHOLE = works_flows(WORKS, given=all_series() | MORE)
PARTS = {b.id: b for b in boundaries(WORKS)}
STANDARDS = load_standards()
MB, CO2 = Method.MARKET_BASED, Gas.CO2_ONLY


def made(whole: Flows, part: Boundary, **more: Any) -> tuple[Flows, Balance]:
    found = flows_within(whole, part)
    return found, balance(found, TABLE, settings_within(Settings(TIANJIN, **more), whole, found))


def test_workshops_are_areas_and_lines_are_machines_in_them() -> None:
    assert {name: part.level for name, part in PARTS.items()} == {"smt": "workshop", "test": "workshop", "oven": "line"}
    assert [p.id for p in PARTS["smt"].inside] == ["smt", "oven", "boards"]
    assert [p.id for p in PARTS["oven"].inside] == ["oven", "boards"]


@pytest.mark.parametrize("name", PARTS)
def test_a_part_takes_what_its_meters_say_to_the_last_digit(name: str) -> None:
    found, _ = made(WHOLE, PARTS[name])
    assert found.consumption.total().micro == sum(WHOLE.points[p.id].total().micro for p in PARTS[name].inlets)
    assert found.complete


def test_each_level_closes_and_the_factory_is_its_workshops_and_the_rest() -> None:
    """Factory 11.75, workshops 7 and 4.7, line 2.5 kWh a quarter-hour: the rests are 0.05 and 4.5."""
    smt, _ = made(WHOLE, PARTS["smt"])
    rests = {r.node: r.total for flow in (WHOLE, smt) for r in residuals(flow)}
    assert rests["grid"] == round(96 * 0.05 * 1e6)
    assert rests["smt"] == round(96 * 4.5 * 1e6)
    taken = sum(made(WHOLE, PARTS[name])[0].consumption.total().micro for name in ("smt", "test"))
    assert taken + rests["grid"] == WHOLE.consumption.total().micro


def test_every_part_has_the_green_share_of_the_bus() -> None:
    """Import 10 and own use 2 a quarter-hour: a sixth is green for whoever takes it."""
    for part in PARTS.values():
        found, books = made(WHOLE, part)
        assert found.self_use.total().value / found.consumption.total().value == pytest.approx(1 / 6)
        kwh = found.consumption.total().value
        assert books.kg(CO2, scope=2, method=MB) == pytest.approx(kwh * 10 / 12 * 0.6096)


def test_a_line_is_part_of_its_workshop_in_carbon_too() -> None:
    kg = {name: made(WHOLE, part)[1].kg(CO2, scope=2, method=MB) for name, part in PARTS.items()}
    assert kg["oven"] / kg["smt"] == pytest.approx(2.5 / 7)


def test_certificates_are_shared_by_import_and_never_counted_twice() -> None:
    held = {"instruments": (certificate(96 * 5),)}
    kg = sum(made(WHOLE, PARTS[n], **held)[1].kg(CO2, scope=2, method=MB) for n in ("smt", "test"))
    assert kg == pytest.approx(96 * 11.7 * 5 / 12 * 0.6096, rel=1e-6)


def test_offsets_of_the_factory_are_no_ones_in_particular() -> None:
    found = flows_within(WHOLE, PARTS["smt"])
    assert settings_within(Settings(TIANJIN, credits=("c",)), WHOLE, found).credits == ()  # type: ignore[arg-type]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 50), st.floats(0, 50)), min_size=4, max_size=4))
def test_parts_share_import_and_own_use_whatever_the_sun_does(cells: list[tuple[float, float]]) -> None:
    """Without a battery and losses the workshops' imports and own use are the factory's, to a rounding each cell."""
    sun = [made_ for made_, _ in cells]
    load = [1 + used for _, used in cells]
    bought = [max(0.0, used - made_) for made_, used in zip(sun, load, strict=True)]
    sold = [max(0.0, made_ - used) for made_, used in zip(sun, load, strict=True)]
    works = with_points(without=("battery", "gas", "heat"))
    given_ = {
        ("grid", "active_energy_import"): series(bought, 4), ("grid", "active_energy_export"): series(sold, 4),
        ("pv", "active_energy_export"): series(sun, 4),
        ("smt", "active_energy_import"): series([u / 4 for u in load], 4),
        ("test", "active_energy_import"): series([3 * u / 4 for u in load], 4),
    }  # fmt: skip
    whole = works_flows(works, cells=4, given=given_)
    parts = [flows_within(whole, b) for b in boundaries(works)]
    assert sum(p.grid_import.total().micro for p in parts) == pytest.approx(whole.grid_import.total().micro, abs=20)
    assert sum(p.self_use.total().micro for p in parts) == pytest.approx(whole.self_use.total().micro, abs=20)


@pytest.mark.parametrize("name", sorted(STANDARDS))
def test_the_same_engine_judges_every_level(name: str) -> None:
    for part in PARTS.values():
        found, books = made(WHOLE, part)
        card = judge(STANDARDS[name], replace(inputs(), flows=found, balance=books))
        assert all(v.reason.en and v.reason.zh for v in card.verdicts)


def test_a_lines_product_carries_its_own_energy() -> None:
    found, books = made(WHOLE, PARTS["oven"])
    one = INDICATORS["energy_per_unit"](replace(inputs(), flows=found, balance=books))
    assert one.value == pytest.approx(2.5 / 5)


def test_the_service_names_the_boundaries_there_are(tmp_path) -> None:  # type: ignore[no-untyped-def]
    hall = "  - {id: hall, role: load, parent: grid, device: m_hall, area: hall}\n"
    device = "  - {id: m_hall, profile: eastron-sdm630, link: hall, unit: 3}\n"
    text = SITE.replace("points:\n", f"{device}points:\n").rstrip("\n") + "\n" + hall
    service = MonthWorks(tmp_path, site=text).full().settle().service()
    with pytest.raises(LookupError, match="one of: hall"):
        service.score("re100", boundary="nowhere")
    told = balance_within(service, MONTH, "hall")  # its meter was never read: nothing is known, which is not zero
    assert told["boundary"]["id"] == "hall"
    assert told["energy"]["consumption_kwh"] is None
    assert not told["complete"]
    assert {"total_lb", "total_mb"} <= told["uncertainty"].keys()
    with pytest.raises(LookupError, match="one of: hall"):
        balance_within(service, MONTH, "nowhere")
