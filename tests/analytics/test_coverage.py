"""Meters fitted over meters wanted, level by level."""

from dataclasses import replace

from analytics.coverage import Level, Required, coverage, from_tree
from metering.site import MeteringPoint, Role
from tests.analytics.plant_works import SITE


def test_the_example_is_metered_at_every_level() -> None:
    found = {(c.level, c.carrier): (c.fitted, c.wanted) for c in coverage(SITE, from_tree(SITE))}
    assert found[Level.UNIT, "electricity"] == (1, 1)
    assert found[Level.UNIT, "natural_gas"] == (1, 1)
    assert found[Level.SUB_UNIT, "electricity"] == (9, 9)
    assert found[Level.EQUIPMENT, "electricity"] == (25, 25)


def test_a_virtual_point_and_a_machine_without_one_are_lacking() -> None:
    site = replace(SITE, points=(*SITE.points, MeteringPoint("smt_rest", Role.LOAD, parent="smt")))
    wanted = (*from_tree(site), Required("press_3", Level.EQUIPMENT, "electricity", None))
    one = next(c for c in coverage(site, wanted) if c.level is Level.EQUIPMENT)
    assert (one.wanted, one.fitted, one.lacking) == (27, 25, ("smt_rest", "press_3"))
    assert one.percent == 100 * 25 / 27
