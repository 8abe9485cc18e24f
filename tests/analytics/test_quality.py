"""Ticks due, read and missed, from the ledger's open ends."""

import pytest

from analytics.quality import Accounted, accounted_ticks, quality_document
from metering.period import QUARTER_MS
from metering.reading import Block, Column, GapReason, Lane, PollGap, PollGroup
from metering.site import MeteringPoint, Role, Site

SITE = Site("s", "", "", "UTC", "CN", "", "", 1, (MeteringPoint("main", Role.GRID, device="m", name_en="Main"),))
GROUP = PollGroup("m", "power", (Column("main", "active_power"),), (Block(3, 0, 2),), 1000, False, "p", "h")


@pytest.mark.parametrize(
    ("lane", "next_tick", "ticks"),
    [
        (Lane.CADENCE, 0, 0),
        (Lane.CADENCE, 61, 61),
        (Lane.QUARTER, 101, 0),
        (Lane.QUARTER, 104, 3),
        (Lane.QUARTER, 0, 0),
    ],
)
def test_ticks_are_counted_from_the_next_open_one(lane: Lane, next_tick: int, ticks: int):
    assert accounted_ticks(lane, next_tick, 100 * QUARTER_MS + 1) == ticks


def test_due_is_read_plus_gap_and_coverage_follows():
    groups = [Accounted(GROUP, 100, 5, 7_000), Accounted(GROUP, 20, 0, 9_000)]
    gap = PollGap(1, 1, Lane.CADENCE, 3, 5, 3_000, 8_000, GapReason.TIMEOUT)
    made = quality_document(SITE, (0, 10_000), groups, {"timeout": 5}, [(GROUP, gap)], [])
    assert made["ticks"] == {"due": 120, "read": 115, "gap": 5, "asleep": 0}
    assert made["coverage"] == pytest.approx(115 / 120)
    assert made["gaps_by_reason"] == {"timeout": 5}
    named = {"id": "m", "name": {"zh": "m", "en": "m"}}
    assert made["devices"] == [named | {"profile": "p", "last_ms": 9_000, "read": 115, "gap": 5}]
    assert made["recent_gaps"][0]["ticks"] == 5


def test_a_plant_asleep_is_shown_apart_and_is_no_loss():
    groups = [Accounted(GROUP, 100, 45, 7_000)]
    made = quality_document(SITE, (0, 10_000), groups, {"asleep": 40, "timeout": 5}, [], [])
    assert made["ticks"] == {"due": 100, "read": 55, "gap": 5, "asleep": 40}
    assert made["coverage"] == pytest.approx(55 / 60)


def test_nothing_due_yet_is_no_coverage_rather_than_all_of_it():
    assert quality_document(SITE, (0, 1), [], {}, [], [])["coverage"] is None


def test_an_open_item_shows_both_readings_and_says_what_to_do():
    before, after = {"time_ms": 1, "micro": 5_000_000}, {"time_ms": 2, "micro": 12}
    body = {"kind": "fall", "before": before, "after": after, "provisional": False}
    (item,) = quality_document(SITE, (0, 1), [], {}, [], [(("main", "active_energy_import"), body)])["open_items"]
    assert (item["before"]["value"], item["after"]["value"], item["unit"]) == (5.0, 0.000012, "kWh")
    assert item["name"]["en"] == "Main"
    assert "exchange" in item["reason"]["en"]
