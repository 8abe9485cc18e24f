"""Lines, totals and columns of a balance: exact, dual, dated, and never flattering."""

import math
from dataclasses import replace
from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.balance import Category, Settings, balance
from analytics.carbon_uncertainty import Judge, intervals_of, with_uncertainty
from analytics.criteria_files import load_uncertainty
from analytics.documents import balance_document
from analytics.factors import Gas, MatchKind, Method
from analytics.intervals import Flag
from analytics.market import Answer, Credit, InstrumentKind, cover, usable
from analytics.terms import Status
from metering.period import QUARTER_MS, to_ms, year
from metering.site import MeteringPoint, Role
from tests.analytics.carbon_works import (
    MICRO,
    SITE,
    START,
    TABLE,
    TIANJIN,
    TODAY,
    all_series,
    certificate,
    factor,
    series,
    table,
    with_points,
    works_balance,
    works_flows,
)

LB, MB = Method.LOCATION_BASED, Method.MARKET_BASED
CO2, CO2E = Gas.CO2_ONLY, Gas.CO2E


def test_a_day_of_the_works_in_kilograms() -> None:
    """960 kWh at 0.6796 and 0.6096, 192 m³ at 2.162188809, 9.6 GJ at 110."""
    totals = works_balance(works_flows()).totals(CO2)
    heat, gas = 9.6 * 110, 192 * 2.162188809
    assert totals.scope1 == pytest.approx(gas, rel=1e-15)
    assert totals.scope2_location == pytest.approx(960 * 0.6796 + heat, rel=1e-15)
    assert totals.scope2_market == pytest.approx(960 * 0.6096 + heat, rel=1e-15)
    assert totals.gross_market == pytest.approx(960 * 0.6096 + heat + gas, rel=1e-15)


def test_every_line_says_its_vintage_and_the_remainder_is_printed() -> None:
    made = works_balance(works_flows())
    [market] = [line for line in made.select(CO2, method=MB) if line.point == "grid"]
    assert market.match.kinds == (MatchKind.REMAINDER, MatchKind.OLDER_VINTAGE)
    assert "0.6096" in market.match.sentence.zh
    assert "2026" in market.match.sentence.en


def test_a_figure_from_memory_says_so_in_its_line() -> None:
    lines = {line.id: line for line in works_balance(works_flows()).lines}
    gas = lines["gas/2026/stationary_combustion/not_applicable/co2e"]
    assert gas.factor.status is Status.MEMORY
    assert gas.caution is not None
    assert gas.explain()["caution"]["zh"] == "因子凭记忆，未核实。"
    assert lines["gas/2026/stationary_combustion/not_applicable/co2_only"].caution is None


def test_only_the_boundary_makes_lines() -> None:
    assert {line.point for line in works_balance(works_flows()).lines} == {"grid", "gas", "heat"}


def test_the_explanation_of_a_line_is_enough_to_recompute_it() -> None:
    """As the judge does: printed numbers and integers, in Decimal."""
    for line in works_balance(works_flows()).lines:
        told = line.explain()
        amount = Decimal(told["amount"]["micro"]) / MICRO
        with localcontext() as context:
            context.prec = 40
            again = amount * _kg_per_unit(told["factor"], told["amount"]["unit"])
        assert abs(Decimal(told["kg"]) - again) <= abs(again) * Decimal("1e-15"), line.id


def _kg_per_unit(told: dict, unit: str) -> Decimal:
    """A second way to the same number, from the components alone."""
    parts = {p["param"]: Decimal(p["value"]) for p in told["components"] if p["param"] != "gwp"}
    size = {
        ("tCO2/1e4Nm3", "m³"): Decimal("0.1"),
        ("tCO2e/1e4Nm3", "m³"): Decimal("0.1"),
        ("tCO2/GJ", "GJ"): Decimal(1000),
    }
    if "factor" in parts:
        return parts["factor"] * size.get((told["unit"], unit), Decimal(1))
    tonnes = parts["ncv"] * parts["carbon_content"] * parts["oxidation"] * 44 / 12
    if "ch4_per_energy" in parts:
        gwp = {p["id"].split("-")[-1]: Decimal(p["value"]) for p in told["components"] if p["param"] == "gwp"}
        other = parts["ch4_per_energy"] * gwp["CH4_fossil"] + parts["n2o_per_energy"] * gwp["N2O"]
        tonnes += parts["ncv"] * other / 10**6
    return tonnes * size[told["unit"], unit]


@given(st.integers(0, 10**15), st.decimals(min_value="0.0001", max_value="2", places=4))
def test_a_line_is_the_float_nearest_to_the_exact_product(micro: int, value: Decimal) -> None:
    day = works_flows(cells=1, given=all_series(1) | {("grid", "active_energy_import"): series(micro / MICRO, 1)})
    exact_micro = day.grid_import.total().micro
    made = balance(day, table(factor(str(value), year=2026)), Settings(TIANJIN))
    [line] = [line for line in made.select(CO2, method=LB) if line.point == "grid"]
    assert line.kg == float(Fraction(exact_micro, MICRO) * Fraction(value))


def test_the_same_input_gives_the_same_bits() -> None:
    first, second = (works_balance(works_flows()) for _ in range(2))
    assert [(line.id, line.kg.hex()) for line in first.lines] == [(line.id, line.kg.hex()) for line in second.lines]
    assert first.totals(CO2E) == second.totals(CO2E)
    assert [line.id for line in first.lines] == sorted(line.id for line in first.lines)


def test_a_period_over_new_year_is_split_at_the_sites_midnight() -> None:
    begins = year(2023, SITE.zone).start_ms
    start, cells = begins - 8 * QUARTER_MS, 24
    day = works_flows(cells=cells, start=start)
    lines = [line for line in works_balance(day).select(CO2, method=LB) if line.point == "grid"]
    assert [(line.year, line.amount.cells, line.factor.printed) for line in lines] == [
        (2022, 8, "0.7041"),
        (2023, 16, "0.6796"),
    ]
    assert sum(line.amount.micro for line in lines) == day.grid_import.total().micro


# --- faults


def test_what_has_no_factor_is_a_fault_and_not_zero() -> None:
    site = with_points(MeteringPoint("gas", Role.FUEL, "hydrogen", device="g"))
    made = works_balance(works_flows(site))
    assert [f.point for f in made.faults] == ["gas"]
    assert not made.complete


def test_a_year_without_any_factor_is_a_fault_with_the_reason() -> None:
    start = to_ms(year(2018, SITE.zone).start)
    made = works_balance(works_flows(cells=4, start=start))
    assert any("2021" in f.sentence.en for f in made.faults if f.point == "grid")
    assert made.kg(CO2, scope=2) == 0
    assert not made.complete


def test_missing_energy_makes_the_balance_incomplete() -> None:
    given_ = all_series() | {("gas", "gas_volume"): series(2.0, 95)}
    made = works_balance(works_flows(given=given_))
    assert not made.complete
    assert [line.amount.lacking for line in made.select(CO2, scope=1)] == [1]


def test_estimated_and_provisional_shares_are_weighted_by_emission() -> None:
    given_ = all_series(2)
    given_["grid", "active_energy_import"].placed[0] = 5 * MICRO
    made = works_balance(works_flows(cells=2, given=given_))
    grid = 20 * 0.6796
    share = grid * 0.25 / (grid + 4 * 2.162188809 + 0.2 * 110)
    assert made.share(CO2, LB, "placed") == pytest.approx(share)
    assert made.share(CO2, LB, "provisional") == 0


# --- market-based


def test_certificates_cover_first_and_the_rest_pays_the_remainder() -> None:
    made = works_balance(works_flows(), instruments=(certificate(600),))
    lines = {line.instrument: line for line in made.select(CO2, scope=2, method=MB) if line.point == "grid"}
    assert (lines["gec-1"].amount.micro, lines["gec-1"].kg) == (600 * MICRO, 0)
    assert (lines[""].amount.micro, lines[""].factor.printed) == (360 * MICRO, "0.6096")
    assert made.totals(CO2).scope2_location == works_balance(works_flows()).totals(CO2).scope2_location


def test_more_certificates_than_consumption_give_no_credit() -> None:
    made = works_balance(works_flows(), instruments=(certificate(5000),))
    assert [line.kg for line in made.select(CO2, method=MB) if line.point == "grid"] == [0]
    [column] = [c for c in made.columns if c.kind == "certificate"]
    assert "4040.000 kWh give no credit" in column.note.en


@pytest.mark.parametrize("name", ["conveys_attribute", "retired", "residual_mix"])
def test_an_unanswered_quality_criterion_counts_as_not_met(name: str) -> None:
    whole = certificate(600)
    silent = replace(whole, answers={k: v for k, v in whole.answers.items() if k != name})
    made = works_balance(works_flows(), instruments=(silent,))
    assert [(r.id, r.failed) for r in made.rejected] == [("gec-1", (name,))]
    assert made.totals(CO2) == works_balance(works_flows()).totals(CO2)


def test_not_applicable_is_an_answer_only_where_it_can_be() -> None:
    fine = certificate(1, claims_transferred=Answer.NOT_APPLICABLE, utility_delivered=Answer.NOT_APPLICABLE)
    assert usable([fine])[1] == ()
    assert usable([certificate(1, retired=Answer.NOT_APPLICABLE)])[1][0].failed == ("retired",)
    supplier = replace(fine, kind=InstrumentKind.SUPPLIER)
    assert usable([supplier])[1][0].failed == ("utility_delivered",)


def test_a_serial_used_twice_is_refused_the_second_time() -> None:
    twice = (certificate(100, id_="a", serial="7"), certificate(100, id_="b", serial="7"))
    made = works_balance(works_flows(), instruments=twice)
    assert [r.id for r in made.rejected] == ["b"]
    assert {line.instrument for line in made.lines} == {"", "a"}


def test_certificates_of_another_year_do_not_count() -> None:
    made = works_balance(works_flows(), instruments=(certificate(600, year=2025),))
    assert made.totals(CO2) == works_balance(works_flows()).totals(CO2)


def test_a_direct_line_is_used_before_certificates() -> None:
    line = replace(certificate(900, id_="z"), kind=InstrumentKind.DIRECT_LINE)
    covers, left = cover({"grid": 960 * MICRO}, usable([certificate(900), line])[0])
    assert [(c.instrument.id, c.micro // MICRO) for c in covers] == [("z", 900), ("gec-1", 60)]
    assert left == {"grid": 0}


def test_the_compliance_remainder_is_the_national_average_and_says_so() -> None:
    made = works_balance(works_flows(), remainder="average")
    [line] = [line for line in made.select(CO2, method=MB) if line.point == "grid"]
    assert (line.factor.printed, line.match.kind) == ("0.5306", MatchKind.REMAINDER)
    assert "national average" in line.match.sentence.en


def test_where_no_residual_mix_exists_the_grid_average_is_used_and_said() -> None:
    korea = table(factor("0.4653"))
    made = balance(works_flows(), korea, Settings(("KR", "WORLD")))
    [line] = [line for line in made.select(CO2, method=MB) if line.point == "grid"]
    assert line.match.kinds[:2] == (MatchKind.NO_RESIDUAL_MIX, MatchKind.DECLARED)
    assert line.factor.printed == "0.4653"


def test_own_generation_whose_attributes_were_sold_pays_the_remainder_in_the_market_only() -> None:
    made = works_balance(works_flows(), attributes_sold={("pv", 2026): 100 * MICRO})
    before = works_balance(works_flows())
    assert made.totals(CO2).scope2_market - before.totals(CO2).scope2_market == pytest.approx(60.96)
    assert made.totals(CO2).scope2_location == before.totals(CO2).scope2_location
    assert [line.category for line in made.lines if line.point == "pv"] == [Category.SOLD_ATTRIBUTES] * 2


# --- beside the balance


def test_exports_are_a_column_and_never_a_deduction() -> None:
    exporting, not_exporting = (works_flows(given=all_series(grid__active_energy_export=e)) for e in (1.0, 0.0))
    assert works_balance(exporting).totals(CO2) == works_balance(not_exporting).totals(CO2)
    [export] = [c for c in works_balance(exporting).columns if c.kind == "export"]
    assert export.amount is not None
    assert (export.amount.micro, export.kg) == (96 * MICRO, None)


def test_avoided_emissions_need_a_marginal_factor_that_somebody_declares() -> None:
    [avoided] = [c for c in works_balance(works_flows()).columns if c.kind == "avoided"]
    assert avoided.kg is None
    marginal = factor("0.8", "kgCO2e/kWh", "electricity.avoided", gas=CO2E, method=Method.NOT_APPLICABLE)
    [counted] = [c for c in balance(works_flows(), table(marginal), Settings(TIANJIN)).columns if c.kind == "avoided"]
    assert counted.kg == pytest.approx(76.8)


def test_offsets_stand_beside_and_need_all_that_a_credit_must_carry() -> None:
    good = Credit("c1", Fraction(500), 2026, "CCER", "1-500", 2024, TODAY, "works", document="retirement")
    bare = replace(good, id="c2", serial="501-600", beneficiary="")
    again = replace(good, id="c3")
    made = works_balance(works_flows(), credits=(good, bare, again))
    assert made.offsets_kg == 500
    assert {r.id for r in made.rejected} == {"c2", "c3"}
    assert made.totals(CO2E) == works_balance(works_flows()).totals(CO2E)


# --- properties


@given(st.lists(st.floats(0, 2000), max_size=6), st.floats(0, 2000))
def test_the_market_never_falls_below_zero_nor_rises_by_certificates(volumes: list[float], bought: float) -> None:
    given_ = all_series(1) | {("grid", "active_energy_import"): series(bought, 1)}
    day = works_flows(cells=1, given=given_)
    instruments = tuple(certificate(v, id_=f"c{i}") for i, v in enumerate(volumes))
    made, plain = works_balance(day, instruments=instruments), works_balance(day)
    grid = math.fsum(line.kg for line in made.select(CO2, method=MB) if line.point == "grid")
    assert 0 <= grid <= math.fsum(line.kg for line in plain.select(CO2, method=MB) if line.point == "grid")
    covered = sum(line.amount.micro for line in made.select(CO2, method=MB) if line.point == "grid")
    assert covered == day.grid_import.total().micro


def test_months_add_up_to_the_year() -> None:
    whole = works_flows(cells=96 * 4)
    parts = [works_flows(cells=96, start=START + i * 96 * QUARTER_MS) for i in range(4)]
    amounts = [line.amount.micro for part in parts for line in works_balance(part).select(CO2, method=LB)]
    assert sum(amounts) == sum(line.amount.micro for line in works_balance(whole).select(CO2, method=LB))


# --- absence is never 0


def test_nothing_known_of_the_grid_leaves_scope_2_and_the_gross_unknown_and_scope_1_as_it_is() -> None:
    unread = {key: one for key, one in all_series().items() if key[0] not in {"grid", "heat"}}
    made = works_balance(works_flows(given=unread))
    for gas in (CO2, CO2E):
        totals = made.totals(gas)
        assert totals.scope1 is not None
        assert totals.scope1 > 0
        assert (totals.scope2_location, totals.scope2_market, totals.gross_location, totals.gross_market) == (None,) * 4
    assert not [line for line in made.lines if line.scope == 2]


MISSING = {key: replace(one, flags=one.flags | Flag.MISSING) for key, one in all_series().items()}


@pytest.mark.parametrize("given", [{}, MISSING], ids=["no series", "all missing"])
def test_a_period_of_which_nothing_is_known_has_null_totals_with_their_reason(given: dict) -> None:
    flow = works_flows(given=given)
    made = works_balance(flow)
    judge = Judge(flow, made, TABLE, load_uncertainty())
    body = with_uncertainty(balance_document(flow, made), judge, intervals_of(judge))
    assert body["lines"] == []
    assert body["totals"].keys() == body["unknown"].keys()
    for name, of in body["totals"].items():
        assert of == {"co2_only": None, "co2e": None}
        assert body["unknown"][name]["zh"]
        assert "grid meter" in body["unknown"][name]["en"] or name == "scope1"
        told = body["uncertainty"][name]["co2e"]
        assert (told["kg"], told["half_kg"], told["en"]) == (None, None, body["unknown"][name]["en"])


def test_a_period_that_has_not_begun_is_not_known() -> None:
    made = works_balance(works_flows(cells=0, given={}))
    assert made.totals(CO2).gross_market is None
    assert made.unknown() is not None


def test_a_part_that_is_known_is_a_sum_and_says_what_it_lacks() -> None:
    made = works_balance(works_flows(given=all_series() | {("gas", "gas_volume"): series(2.0, 1)}))
    assert made.totals(CO2).scope1 == pytest.approx(2 * 2.162188809)
    assert (made.complete, made.unknown()) == (False, None)


def test_a_site_without_sources_of_scope_1_has_none_of_it() -> None:
    """0 is what is known of it: nothing there emits."""
    made = works_balance(works_flows(with_points(without=["gas"])))
    assert (made.totals(CO2).scope1, made.unknown(1)) == (0.0, None)
