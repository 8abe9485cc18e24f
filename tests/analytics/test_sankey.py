"""Where electricity went: at every inner node what comes in goes out, in integers, whatever the meters say."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.flows import Flows, flows
from analytics.intervals import Intervals
from analytics.sankey import BUS, Sankey, sankey
from metering.period import QUARTER_MS
from metering.site import MeteringPoint, Role
from tests.analytics.carbon_works import MICRO, START, all_series, series, with_points, works_flows
from tests.analytics.plant_works import SITE, plant_flows, within_class


def inner(drawn: Sankey) -> list[str]:
    """Nodes that are neither an end of all links: those that both take and give."""
    return [n.id for n in drawn.nodes if drawn.into(n.id) and drawn.out_of(n.id)]


def closed(drawn: Sankey) -> None:
    assert all(link.micro > 0 for link in drawn.links)
    for node in inner(drawn):
        assert drawn.into(node) == drawn.out_of(node), node


def amounts(drawn: Sankey) -> dict[tuple[str, str], float]:
    return {(link.source, link.target): link.micro / MICRO for link in drawn.links}


def test_a_day_of_the_small_works() -> None:
    drawn = sankey(works_flows())
    assert amounts(drawn) == {
        ("grid", BUS): 960, (BUS, "grid:export"): 96, ("pv", BUS): 288, ("battery", BUS): 24,
        (BUS, "battery:charge"): 48, (BUS, "smt"): 672, (BUS, "test"): 451.2, (BUS, "bus:rest"): 4.8,
    }  # fmt: skip
    closed(drawn)
    assert drawn.lacking == ()


def test_the_simulated_works_close_at_every_node() -> None:
    found = plant_flows(within_class(1))
    drawn = sankey(found)
    closed(drawn)
    assert {"bus", "smt", "assembly", "test", "cooling", "air", "services"} <= set(inner(drawn))
    sources = drawn.into(BUS)
    made = found.grid_import + found.generation + found.discharge
    assert sources == made.total().micro
    kinds = {n.id: n.kind for n in drawn.nodes}
    assert (kinds["grid"], kinds["inverter_1a"], kinds["grid:export"]) == ("source", "source", "sink")
    assert (kinds[BUS], kinds["reflow_1"], kinds["smt:rest"]) == ("bus", "point", "rest")


def test_what_is_made_runs_from_the_inverters_to_the_bus() -> None:
    drawn = amounts(sankey(plant_flows()))
    assert ("inverter_1a", "pv_1") in drawn
    assert ("pv_1", BUS) in drawn
    assert drawn["pv_1", "pv_1:rest"] > 0  # the cable's loss


def test_a_reversed_meter_is_drawn_the_other_way_round() -> None:
    drawn = sankey(plant_flows({"reflow_1": -1.0}))
    assert ("reflow_1", "smt") in amounts(drawn)
    closed(drawn)


def test_children_that_count_more_than_their_node_draw_on_its_rest() -> None:
    drawn = sankey(plant_flows({"office": 1.3}))
    assert ("services:rest", "services") in amounts(drawn)
    closed(drawn)


def test_a_virtual_point_takes_the_rest_of_its_parent() -> None:
    site = with_points(MeteringPoint("other", Role.LOAD, parent="grid"))
    drawn = amounts(sankey(works_flows(site)))
    assert drawn[BUS, "other"] == 4.8
    assert (BUS, "bus:rest") not in drawn


def test_what_lacks_readings_is_named_and_part_of_the_rest() -> None:
    given_ = all_series()
    one = given_["smt", "active_energy_import"]
    given_["smt", "active_energy_import"] = Intervals(
        *(a[:90] for a in (one.start_ms, one.energy, one.placed, one.flags))
    )
    drawn = sankey(works_flows(given=given_))
    assert drawn.lacking == ("smt",)
    assert amounts(drawn)[BUS, "bus:rest"] == 4.8 + 6 * 7
    closed(drawn)


ELECTRIC = [p for p in SITE.points if p.carrier == "electricity"]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 10**13), st.integers(0, 10**13)), min_size=len(ELECTRIC), max_size=len(ELECTRIC))
)
def test_any_meters_whatever_close_at_every_inner_node(counted: list[tuple[int, int]]) -> None:
    found = {}
    for point, (taken, given_out) in zip(ELECTRIC, counted, strict=True):
        for name, micro in (("active_energy_import", taken), ("active_energy_export", given_out)):
            one = series([0.0], 1)
            found[point.id, name] = Intervals(one.start_ms, np.array([micro]), one.placed, one.flags)
    made: Flows = flows(SITE, found, START, START + QUARTER_MS)
    drawn = sankey(made)
    rests = {n.id for n in drawn.nodes if n.kind in {"rest", "sink"}}
    for node in {p.id for p in ELECTRIC if SITE.children(p.id)} | {BUS}:
        if node != "grid":
            assert drawn.into(node) == drawn.out_of(node)
    assert all(not (drawn.into(node) and drawn.out_of(node)) for node in rests)
