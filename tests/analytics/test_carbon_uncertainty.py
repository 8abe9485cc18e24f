"""Uncertainty through to carbon: shared causes kept together, checked by Monte Carlo, zero with its interval."""

import math
from dataclasses import replace

import numpy as np
import pytest

from analytics.balance import Balance
from analytics.carbon_uncertainty import (
    Cause,
    Interval,
    Judge,
    Term,
    half_of,
    interval,
    interval_document,
    rating,
    simulated,
    totals_uncertainty,
)
from analytics.criteria_files import load_uncertainty
from analytics.factors import Gas, Method
from analytics.flows import Flows
from analytics.terms import Status
from analytics.uncertainty import half_interval
from tests.analytics.carbon_works import TABLE, all_series, certificate, series, works_balance, works_flows
from tests.analytics.test_activities import record, recorded

LIMITS = load_uncertainty()
CO2 = Gas.CO2_ONLY


def normal(group: str, kind: str = "factor") -> Cause:
    return Cause(kind, group, "normal", Status.ASSUMED)


def meter(group: str) -> Cause:
    return Cause("class", group, "rectangle", Status.FOUND)


def found(flow: Flows, made: Balance) -> dict[str, dict[str, Interval]]:
    return totals_uncertainty(flow, made, TABLE, LIMITS)


def test_a_normal_cause_alone_is_its_own_half_interval() -> None:
    assert half_of({normal("f"): 5.0}) == pytest.approx(5.0, rel=2e-4)
    assert half_of({meter("m"): 2.0}) == pytest.approx(1.9)
    assert half_of({}) == 0


@pytest.mark.parametrize(
    ("rectangles", "sigma"),
    [([1.0], 0.01), ([1.0], 1.0), ([1.4, 2.3, 9.0], 0.01), ([0.2, 5.0], 3.0), ([0.5] * 4, 10.0)],
)
def test_mixed_causes_agree_with_monte_carlo(rectangles: list[float], sigma: float) -> None:
    random = np.random.default_rng(7)
    drawn = random.normal(0, sigma, 60_000) + sum(random.uniform(-a, a, 60_000) for a in rectangles)
    low, high = np.quantile(drawn, (0.025, 0.975))
    assert half_interval(rectangles, sigma=sigma) == pytest.approx((high - low) / 2, rel=0.03)


def test_twelve_months_of_one_factor_are_not_twelve_independent_ones() -> None:
    """Shared: 5 % of the year. Independent would say 5 %/√12."""
    months = [Term(f"m{n}", 100.0, {normal("grid-2026"): 0.05}) for n in range(12)]
    assert interval(months).percent == pytest.approx(5.0, rel=1e-3)
    apart = [Term(f"m{n}", 100.0, {normal(f"grid-{n}"): 0.05}) for n in range(12)]
    assert interval(apart).percent == pytest.approx(5 / math.sqrt(12), rel=1e-3)


def test_the_sum_rule_of_ipcc_for_independent_terms() -> None:
    """U_tot = sqrt(Σ (x U)²) / |Σ x|."""
    terms = [Term("a", 300.0, {normal("a"): 0.10}), Term("b", 100.0, {normal("b"): 0.20})]
    assert interval(terms).percent == pytest.approx(100 * math.hypot(30, 20) / 400, rel=1e-3)


def test_the_works_agree_with_monte_carlo_of_the_products() -> None:
    flow = works_flows()
    gas = record(type="refrigerant", gas="HFC-32", method="purchased", purchases="1")
    made = works_balance(flow, recorded=recorded(gas))
    for method in (Method.LOCATION_BASED, Method.MARKET_BASED):
        lines = made.select(Gas.CO2E, method=method)
        terms = Judge(flow, made, TABLE, LIMITS).terms(lines, Gas.CO2E)
        low, high = np.quantile(simulated(terms, draws=200_000, seed=3), (0.025, 0.975))
        assert interval(terms).half == pytest.approx((high - low) / 2, rel=0.02)


def test_above_thirty_per_cent_it_is_monte_carlo_and_says_so() -> None:
    """Two factors of ±60 % each: the product is skewed, which a symmetric interval would hide."""
    one = interval([Term("a", 100.0, {normal("a"): 0.6, normal("b"): 0.6})])
    assert one.how == "monte_carlo"
    assert one.high - 100 > 100 - one.low
    assert interval([Term("a", 100.0, {normal("a"): 0.6, normal("b"): 0.6})]) == one  # the same at every call


def test_each_line_names_its_meter_and_its_factor() -> None:
    flow = works_flows()
    made = works_balance(flow)
    [line] = [x for x in made.select(CO2, method=Method.LOCATION_BASED) if x.point == "grid"]
    term = Judge(flow, made, TABLE, LIMITS).term(line)
    assert {(c.kind, c.group): round(share, 6) for c, share in term.relative.items()} == {
        ("class", "m1"): 0.005,  # class 0.5S
        ("factor", "cn-electricity-2023-tj"): 0.05,
    }


def test_what_is_covered_leaves_the_whole_meter_error_on_the_remainder() -> None:
    """960 kWh, 900 covered: the meter's ±0.5 % of 960 kWh falls on the 60 that are left, at the remainder's factor."""
    flow = works_flows()
    made = works_balance(flow, instruments=(certificate(900),))
    lines = [x for x in made.select(CO2, method=Method.MARKET_BASED) if x.point == "grid"]
    causes = interval(Judge(flow, made, TABLE, LIMITS).terms(lines, CO2)).causes
    assert {c.kind: kg for c, kg in causes.items()} == {
        "class": pytest.approx(0.005 * 960 * 0.6096), "factor": pytest.approx(0.05 * 60 * 0.6096),
    }  # fmt: skip


def only_grid(made: Balance) -> Balance:
    return replace(made, lines=tuple(x for x in made.lines if x.point == "grid"))


def test_zero_is_stated_with_its_interval() -> None:
    flow = works_flows()
    made = only_grid(works_balance(flow, instruments=(certificate(960),)))
    zero = found(flow, made)["scope2_mb"]["co2_only"]
    assert (zero.value, zero.low, zero.how) == (0.0, 0.0, "one_sided")
    assert zero.high == pytest.approx(0.95 * 0.005 * 960 * 0.6096)
    body = interval_document(zero, LIMITS)
    assert body["percent"] is None
    assert body["en"].startswith("0 tCO2, 95 % interval 0 …")


def test_certificates_to_spare_narrow_the_interval_of_zero() -> None:
    flow = works_flows()
    some = only_grid(works_balance(flow, instruments=(certificate(962),)))
    more = only_grid(works_balance(flow, instruments=(certificate(1100),)))
    assert found(flow, some)["scope2_mb"]["co2_only"].high == pytest.approx((0.95 * 4.8 - 2) * 0.6096)
    assert found(flow, more)["scope2_mb"]["co2_only"].high == 0


def test_a_bought_zero_does_not_touch_the_location_based_interval() -> None:
    flow = works_flows()
    plain, bought = works_balance(flow), works_balance(flow, instruments=(certificate(960),))
    assert found(flow, plain)["scope2_lb"] == found(flow, bought)["scope2_lb"]


def test_the_rating_scale() -> None:
    names = [rating(p, LIMITS) for p in (5.0, 5.1, 15.1, 30.1, None)]
    assert names == ["high", "good", "fair", "poor", ""]


def test_a_record_states_its_own_uncertainty() -> None:
    row = record(type="combustion", fuel="diesel", amount="1", unit="t", uncertainty=1)
    flow = works_flows()
    made = works_balance(flow, recorded=recorded(row))
    [line] = [x for x in made.lines if x.point == "r1" and x.gas is CO2]
    terms = Judge(flow, made, TABLE, LIMITS).term(line)
    assert {c.kind: share for c, share in terms.relative.items()} == {"record": 0.01, "factor": 0.05}
    assert interval([terms]).percent == pytest.approx(math.hypot(1, 5), rel=1e-3)


def test_quarter_hours_that_are_not_known_are_said_and_not_covered() -> None:
    flow = works_flows(given=all_series() | {("gas", "gas_volume"): series(2.0, 95)})
    one = found(flow, works_balance(flow))["scope1"]["co2_only"]
    assert one.lacking == 1
    assert interval_document(one, LIMITS)["lacking"] == 1
