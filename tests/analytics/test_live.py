"""The flow of power this second, from the newest readings."""

from fractions import Fraction

import pytest

from analytics.live import live_document, shown
from metering.reading import Quality, Reading, SeriesInfo
from metering.site import MeteringPoint, Role, Site

NOW = 1_790_000_000_000
POINTS = (
    MeteringPoint("grid", Role.GRID, device="a", name_zh="市电", name_en="Grid"),
    MeteringPoint("pv", Role.GENERATION, parent="grid", device="b"),
    MeteringPoint("battery", Role.STORAGE, parent="grid", device="c"),
    MeteringPoint("smt", Role.LOAD, parent="grid", device="d"),
    MeteringPoint("oven", Role.LOAD, parent="smt", device="e"),
    MeteringPoint("halls", Role.LOAD, parent="grid"),
    MeteringPoint("hall_1", Role.LOAD, parent="halls", device="f"),
    MeteringPoint("hall_2", Role.LOAD, parent="halls", device="g"),
)
SITE = Site("s", "厂", "Works", "Asia/Shanghai", "CN", "", "", 1, POINTS)


def reading(point: str, kw: float, age_ms: int = 500) -> Reading:
    return Reading(point, "active_power", NOW - age_ms, kw, Quality.GOOD)


def document(*readings: Reading) -> dict:
    return live_document(SITE, {(r.point, r.quantity): r for r in readings}, {}, NOW)


def nodes(made: dict) -> dict:
    return {node["id"]: node for node in made["flow"]["nodes"]}


def test_the_flow_balances_and_generation_counts_as_what_it_gives():
    made = document(reading("grid", 100.0), reading("pv", -60.0), reading("battery", 20.0), reading("smt", 90.0))
    balance = made["flow"]["balance"]
    assert nodes(made)["pv"]["kw"] == 60.0
    assert (balance["grid_import_kw"], balance["generation_kw"], balance["charge_kw"]) == (100.0, 60.0, 20.0)
    assert balance["consumption_kw"] == 140.0
    assert balance["self_share"] == pytest.approx(60 / 160)  # of what flows in, wherever it goes


def test_export_and_discharge_have_their_own_numbers_and_are_never_negative():
    balance = document(reading("grid", -30.0), reading("pv", -80.0), reading("battery", -10.0))["flow"]["balance"]
    assert (balance["grid_import_kw"], balance["grid_export_kw"]) == (0.0, 30.0)
    assert (balance["charge_kw"], balance["discharge_kw"]) == (0.0, 10.0)
    assert balance["consumption_kw"] == 60.0
    assert balance["self_share"] == 1.0


def test_what_is_stale_or_unknown_is_null_and_never_zero():
    made = document(reading("grid", 100.0, age_ms=60_000), reading("pv", -60.0), reading("battery", 0.0))
    assert nodes(made)["grid"]["stale"]
    assert nodes(made)["smt"]["kw"] is None
    assert set(made["flow"]["balance"].values()) == {None}


def test_staleness_follows_the_point_s_own_period():
    slow = SeriesInfo(
        "smt", "active_power", 0, "d", "p", "h", "", "float32", Fraction(1), None, Fraction(1), None, 60_000, "1"
    )
    key = ("smt", "active_power")
    made = live_document(SITE, {key: reading("smt", 5.0, age_ms=100_000)}, {key: [slow]}, NOW)
    assert not nodes(made)["smt"]["stale"]


def test_a_point_without_a_meter_is_the_sum_of_its_children_or_unknown():
    made = document(reading("hall_1", 3.0), reading("hall_2", 4.0))
    assert nodes(made)["halls"]["kw"] == 7.0
    assert nodes(document(reading("hall_1", 3.0)))["halls"]["kw"] is None


def test_the_nodes_are_the_bus_and_the_first_level_below_it():
    assert [p.id for p in shown(SITE)] == ["grid", "pv", "battery", "smt", "halls"]
