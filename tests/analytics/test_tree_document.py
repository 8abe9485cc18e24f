"""The meter tree of the shipped works as the API tells it: plain JSON, every node, suspects named in both languages."""

import json
from decimal import Decimal

from analytics.flows import flows
from analytics.site_tree import tree_of
from metering.period import QUARTER_MS
from metering.sitefile import load_site
from tests.analytics.plant_works import DAYS, EXAMPLE, SITE, START, plant_flows, within_class

CONFIG = load_site(EXAMPLE / "site.yaml")
FAULTY = tree_of(CONFIG, plant_flows(within_class(3) | {"wave_soldering": 1.1, "compressor_2": -1.0}))


def test_it_is_plain_json() -> None:
    assert json.loads(json.dumps(FAULTY, allow_nan=False)) == FAULTY


def test_every_node_from_the_boundary_down() -> None:
    nodes = {n["node"]: n for n in FAULTY["nodes"]}
    assert {name: n["depth"] for name, n in nodes.items()} == {
        "grid": 0, "pv_1": 1, "pv_2": 1, "smt": 1, "assembly": 1, "test": 1, "cooling": 1, "air": 1, "services": 1,
    }  # fmt: skip
    assert (nodes["air"]["suspects"], nodes["assembly"]["suspects"]) == (["compressor_2"], ["wave_soldering"])
    assert not nodes["assembly"]["within"]
    assert "必有表计有误" in nodes["assembly"]["zh"]
    assert nodes["test"]["within"]
    assert -12 < nodes["assembly"]["adjusted"]["wave_soldering"] < -7
    assert nodes["services"]["residual_micro"] == round(nodes["services"]["residual"] * 10**6)


def test_the_suspects_are_said_in_both_languages() -> None:
    fit = FAULTY["fit"]
    assert [(s["point"], s["fault"]) for s in fit["suspects"]] == [
        ("compressor_2", "reversed"), ("wave_soldering", "factor"),
    ]  # fmt: skip
    assert all(s["zh"] and s["en"] for s in fit["suspects"])
    assert (fit["consistent"], fit["consistent_without_suspects"]) == (False, True)
    assert all(m["detectable_percent"] is None or m["detectable_percent"] > 0.5 for m in fit["meters"])


def test_the_sankey_has_a_name_for_every_end() -> None:
    drawn = FAULTY["sankey"]
    ids = {n["id"] for n in drawn["nodes"]}
    assert {link[end] for link in drawn["links"] for end in ("source", "target")} == ids
    assert all(n["name"]["zh"] and n["name"]["en"] for n in drawn["nodes"])


def test_costs_are_text_that_adds_up() -> None:
    cost = FAULTY["cost"]
    parts = [Decimal(line["amount"]) for line in cost["lines"]] + [Decimal(d["amount"]) for d in cost["demand"]]
    assert sum(parts) == Decimal(cost["total_exact"])
    assert (cost["currency"], cost["status"], cost["complete"]) == ("CNY", "declared", True)


def test_totals_carry_their_uncertainty_and_areas_their_idle_energy() -> None:
    assert 0.3 < FAULTY["uncertainty"]["consumption"]["percent"] < 1
    assert {a["area"] for a in FAULTY["areas"]} == {"smt", "assembly", "test", "utilities", "services"}


def test_a_tree_without_any_reading_is_empty_and_no_error() -> None:
    found = tree_of(CONFIG, flows(SITE, {}, START, START + DAYS * 96 * QUARTER_MS))
    assert json.loads(json.dumps(found, allow_nan=False))["fit"]["suspects"] == []
    assert (found["nodes"], found["sankey"]["links"]) == ([], [])
    nothing = tree_of(CONFIG, flows(SITE, {}, START, START))
    assert nothing["cost"]["lines"] == []
