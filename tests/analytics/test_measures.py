"""The cheapest way to close a gap from declared measures: against every set tried, and by hand."""

import itertools
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.criteria import Outcome, Threshold
from analytics.indicators import INDICATORS, Inputs
from analytics.measure_rows import measures
from analytics.measures import Effect, Measure, Option, cheapest_steps, cheapest_way
from analytics.reach import yearly
from analytics.terms import Sentence, Status
from metering.config import ConfigError
from tests.analytics.carbon_works import all_series, at_least, inputs, standard, verdict, works_flows

KWH = 96 * 365  # quarter-hours a year: what a constant of the works' day comes to


def named(id_: str, effect: Effect = Effect.ELECTRICITY, unit: str = "kWh", **more: object) -> Measure:
    return Measure(id_, Sentence(id_, id_), effect, unit, **more)  # type: ignore[arg-type]


def whole(id_: str, most: float, cost: float, **more: object) -> Option:
    return Option(named(id_, saving=most, cost=cost, **more), 1.0, most)


def piece(id_: str, price: float, most: float = math.inf) -> Option:
    return Option(named(id_, Effect.GREEN_POWER, price=price), 1.0, most, import_kwh=1.0)


# --- the choice


def test_the_cheapest_set_is_taken_although_its_first_step_is_not_the_cheapest_unit() -> None:
    able = [whole("small", 40, 30), whole("large", 100, 100), whole("middle", 70, 65)]
    way = cheapest_way(able, 100)
    assert way is not None
    assert ([s.measure.id for s in way.steps], way.cost, way.passes) == (["small", "middle"], 95, True)
    assert [s.measure.id for s in cheapest_steps(able, 100)] == ["small", "middle", "large"]


def test_what_can_be_bought_by_the_piece_fills_what_is_left_and_no_more() -> None:
    way = cheapest_way([whole("leaks", 60, 0, worth=0.5), piece("gec", 0.25)], 100.5)
    assert way is not None
    assert [(s.measure.id, s.amount, s.cost) for s in way.steps] == [("leaks", 60, 0), ("gec", 41, 10.25)]


def test_measures_that_save_the_same_energy_are_not_added() -> None:
    able = [whole("new_compressor", 70, 10, excludes=frozenset({"leaks"})), whole("leaks", 60, 10)]
    way = cheapest_way(able, 120)
    assert way is not None
    assert not way.passes
    assert [s.measure.id for s in way.steps] == ["new_compressor"]
    assert way.share == pytest.approx(70 / 120)


def test_together_they_replace_no_more_than_the_import_there_is() -> None:
    solar = Option(named("pv", Effect.GENERATION, saving=80), 1.0, 80, import_kwh=1.0)
    way = cheapest_way([solar, piece("gec", 0.1)], 200, import_kwh=100)
    assert way is not None
    assert (math.fsum(s.amount for s in way.steps), way.passes) == (100, False)


def test_without_measures_there_is_no_way() -> None:
    assert cheapest_way([], 5) is None
    assert cheapest_steps([], 5) == ()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 60), st.integers(0, 90)), min_size=1, max_size=6),
    st.integers(1, 150),
    st.one_of(st.none(), st.integers(1, 5)),
)
def test_no_other_set_is_cheaper(pairs: list[tuple[int, int]], gap: int, price: int | None) -> None:
    """Brute force over all sets, each filled up by the piece: for costs of zero or more nothing beats the way found."""
    able = [whole(f"m{n}", most, cost) for n, (most, cost) in enumerate(pairs)]
    pieces = [] if price is None else [piece("gec", price)]
    costs = []
    for chosen in itertools.chain.from_iterable(itertools.combinations(pairs, n) for n in range(len(pairs) + 1)):
        left = gap - sum(most for most, _ in chosen)
        if left <= 0 or price is not None:
            costs.append(sum(cost for _, cost in chosen) + max(left, 0) * (price or 0))
    way = cheapest_way([*able, *pieces], gap)
    assert way is not None
    assert way.passes == bool(costs)
    if costs:
        assert way.cost == pytest.approx(min(costs))
    assert cheapest_way([*reversed(able), *pieces], gap) == way


# --- what a measure closes


def closing(name: str, limit: float, op: str, *able: Measure) -> tuple[Inputs, object]:
    of = inputs(measures=able, prices={"electricity": 0.6})
    return of, verdict(standard(Threshold(op, limit, Status.FOUND), indicator=name), of)  # type: ignore[arg-type]


FLOORS = ("renewable_share_contractual", "renewable_energy_share", "renewable_share_physical")
CASES = [(n, e) for n in (*FLOORS, "co2_per_tce", "gross_market") for e in ("electricity", "generation", "fuel")]
HOPELESS = {  # less gas leaves the share of power where it is, and makes a mix with more carbon than gas dirtier
    ("renewable_share_contractual", "fuel"), ("renewable_share_physical", "fuel"), ("co2_per_tce", "fuel"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "effect"), CASES)
def test_doing_what_the_step_says_makes_the_criterion_met(name: str, effect: str) -> None:
    """The works is simulated again with so much less import, more generation or less gas: the value is the limit."""
    now = INDICATORS[name](inputs()).value or 0
    limit, op = (1.01 * now, ">=") if name in FLOORS else (0.99 * now, "<=")
    fuel = effect == "fuel"
    able = named("m", Effect(effect), "m³" if fuel else "kWh", activity="natural_gas" if fuel else "", price=1.0)
    steps = closing(name, limit, op, able)[1].steps  # type: ignore[attr-defined]
    assert bool(steps) == ((name, effect) not in HOPELESS)
    if steps:
        assert steps[0].share == 1
        each = steps[0].amount / KWH
        changes = {
            "electricity": {"grid__active_energy_import": 10 - each},
            "generation": {"grid__active_energy_import": 10 - each, "pv__active_energy_export": 3 + each},
            "fuel": {"gas__gas_volume": 2 - each},
        }[effect]
        after = INDICATORS[name](inputs(works_flows(given=all_series(**changes))))
        assert after.value == pytest.approx(limit, rel=1e-6)


def test_a_year_of_certificates_closes_a_year_of_the_gap() -> None:
    gec = named("gec", Effect.GREEN_POWER, price=0.01)
    of, one = closing("renewable_share_contractual", 20, ">=", gec)
    assert yearly(of) == 365
    assert one.outcome is Outcome.NOT_MET  # type: ignore[attr-defined]
    [step] = one.steps  # type: ignore[attr-defined]
    assert step.amount == math.ceil(one.gap.physical * 365)  # type: ignore[attr-defined]
    assert step.cost == pytest.approx(0.01 * step.amount)


def test_saved_electricity_is_worth_the_sites_own_mean_price() -> None:
    _, one = closing("gross_market", 0.5, "<=", named("leaks", saving=1000, cost=900, years=3))
    assert one.steps[0].cost == pytest.approx(300 - 600)  # type: ignore[attr-defined]


def test_a_carbon_gap_is_said_as_electricity_and_as_gas_too() -> None:
    _, one = closing("gross_market", 0.9 * INDICATORS["gross_market"](inputs()).value, "<=")  # type: ignore[operator]
    told = {e.unit: e.amount for e in one.gap.equivalents}  # type: ignore[attr-defined]
    assert told["kWh"] == pytest.approx(one.gap.physical * 1000 / 0.6096)  # type: ignore[attr-defined]
    assert set(told) == {"kWh", "m³", "GJ"}
    _, one = closing("gross_market", 0.75 * INDICATORS["gross_market"](inputs()).value, "<=")  # type: ignore[operator]
    assert {e.unit for e in one.gap.equivalents} == {"kWh", "GJ"}  # type: ignore[attr-defined] # so much gas is not burnt


def test_offsets_close_a_claim_and_nothing_else() -> None:
    credit = named("ccer", Effect.OFFSET, "tCO2e", price=80)
    assert not closing("gross_market", 0.1, "<=", credit)[1].steps  # type: ignore[attr-defined]
    assert closing("net_balance", 0.0, "<=", credit)[1].way.passes  # type: ignore[attr-defined]


def test_a_missing_document_has_the_measure_that_brings_it() -> None:
    paper = named("audit", Effect.EVIDENCE, "document", saving=1, cost=9, provides="paper")
    of = replace(inputs(), measures=(paper,))
    one = verdict(standard(Threshold("==", True, Status.FOUND), indicator="declared", evidence="paper"), of)
    assert one.outcome is Outcome.UNDETERMINED
    assert [s.measure.id for s in one.steps] == ["audit"]


def test_what_is_met_needs_no_steps() -> None:
    of = inputs(measures=(named("gec", Effect.GREEN_POWER, price=0.01),))
    one = verdict(standard(at_least(10), indicator="renewable_share_contractual"), of)
    assert (one.outcome, one.steps, one.way) == (Outcome.MET, (), None)


# --- as declared


def test_rows_become_measures() -> None:
    [one] = measures([{"id": "leaks", "effect": "electricity", "saving": 100, "cost": 5, "years": 2, "document": "d"}])
    assert (one.unit, one.divisible, one.net_cost(100, 0.5)) == ("kWh", False, 2.5 - 50)


def test_wrong_rows_are_refused_all_at_once_with_the_mend() -> None:
    rows = [
        {"id": "a", "effect": "electricity"}, {"id": "b", "effect": "fuel", "saving": 3, "unit": "m³"},
        {"id": "c", "effect": "evidence"}, {"id": "d", "effect": "heat", "saving": 3, "unit": "kWh"},
        {"id": "e", "effect": "other", "saving": 3, "unit": "m³"}, {"id": "f", "effect": "wish"},
    ]  # fmt: skip
    with pytest.raises(ConfigError) as caught:
        measures(rows)
    said = "\n".join(f.message for f in caught.value.faults)
    for word in ("saving", "activity:", "provides:", "counted in GJ", "moves:", "measures.5.effect"):
        assert word in said
