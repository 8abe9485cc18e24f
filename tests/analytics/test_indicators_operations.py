"""Idle energy, leaks by night, the credit of recovered heat and what a recipe saves: figures by hand."""

from typing import Any

import numpy as np
import pytest

from analytics.indicators import INDICATORS, Inputs
from metering.site import MeteringPoint, Role
from tests.analytics.carbon_works import all_series, inputs, reason, series, steps, value, with_points, works_flows

IDLE = np.array([True] * 48 + [False] * 48)
AIR = MeteringPoint("header", Role.AIR, "compressed_air", device="a", equipment="header")
ROOM = MeteringPoint("room", Role.LOAD, parent="grid", device="m6", end_use="compressed_air")
BOILER = MeteringPoint("boiler", Role.HEAT, "heat", device="h1", activity="heat.own")
BACK = MeteringPoint("back", Role.HEAT, "heat", device="h2", activity="heat.recovered")
OVEN = MeteringPoint("oven", Role.LOAD, parent="smt", device="m7", equipment="line1")
SAC, LTS = (
    MeteringPoint(name, Role.PRODUCT, "product", device=name, equipment="line1", end_use=name)
    for name in ("sac", "lts")
)  # fmt: skip


def works(*points: MeteringPoint, idle: Any = IDLE, **more: Any) -> Inputs:
    given = all_series() | {tuple(name.split("__")): one for name, one in more.items()}
    return inputs(works_flows(with_points(*points), given=given), idle=idle)  # type: ignore[arg-type]


def test_idle_energy_is_what_was_used_outside_the_shifts_by_machine() -> None:
    of = works(smt__active_energy_import=series(steps((1.0, 48), (7.0, 48))))
    found = INDICATORS["idle_energy_share"](of)
    assert found.value == pytest.approx(50)  # the factory's own consumption is even in this works
    assert found.parts["smt"] == pytest.approx(48)
    assert "shifts" in reason("idle_energy_share", works(idle=None))


def test_leaks_are_what_flows_while_nobody_works() -> None:
    """10 m³ a quarter-hour by night and 40 by day at 0.1 kWh/m³: a quarter, 40 m³/h, 96 kWh a day."""
    day = steps((10.0, 48), (40.0, 48))
    of = works(AIR, ROOM, header__air_volume=series(day), room__active_energy_import=series([v / 10 for v in day]))
    found = INDICATORS["leak_estimate"](of)
    assert found.value == pytest.approx(25)
    assert found.parts["m3_per_hour"] == pytest.approx(40)
    assert found.parts["kwh"] == pytest.approx(96)
    assert found.status.value == "derived"
    assert "metered" in reason("leak_estimate", works())


def test_recovered_heat_is_credited_by_the_boilers_own_gas_and_deducted_nowhere() -> None:
    """The boiler makes 0.05 GJ of 2 m³: 0.1 GJ recovered saves 4 m³ a quarter-hour."""
    plain = works(BOILER)
    of = works(BOILER, BACK, boiler__heat_energy=series(0.05), back__heat_energy=series(0.1))
    found = INDICATORS["heat_recovery_credit"](of)
    assert found.parts["gas"] == pytest.approx(96 * 4)
    gas = [x for x in of.balance.lines if x.point == "gas" and x.gas.value == "co2e"]
    assert found.value == pytest.approx(2 * gas[0].kg)
    assert value("scope1", of) == value("scope1", plain)


def test_a_recipe_is_held_against_the_other_on_the_same_machine() -> None:
    """0.5 kWh a board of SAC, 0.3 of LTS, 20 boards a quarter-hour; where both are made neither counts."""
    sac, lts = steps((20.0, 40), (0.0, 46), (10.0, 10)), steps((0.0, 40), (20.0, 46), (10.0, 10))
    load = steps((10.0, 40), (6.0, 46), (99.0, 10))
    of = works(OVEN, SAC, LTS, oven__active_energy_import=series(load), sac__product_count=series(sac),
               lts__product_count=series(lts))  # fmt: skip
    found = INDICATORS["recipe_saving"](of)
    assert found.value == pytest.approx(40)
    assert found.parts["avoided kWh"] == pytest.approx(46 * 20 * 0.2)
    assert (found.parts["sac quarters"], found.parts["lts units"]) == (40, 920)
    assert "Counterfactual: sac" in (found.note.en if found.note else "")


def test_too_small_a_sample_says_nothing() -> None:
    sac, lts = steps((20.0, 90), (0.0, 6)), steps((0.0, 90), (20.0, 6))
    of = works(OVEN, SAC, LTS, oven__active_energy_import=series(1.0), sac__product_count=series(sac),
               lts__product_count=series(lts))  # fmt: skip
    assert "one at a time" in reason("recipe_saving", of)
