"""The ledger: what is claimed twice, too old, too much or without a document is refused with its reason."""

from dataclasses import replace
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics import serials
from analytics.balance import Settings
from analytics.factors import Gas
from analytics.holdings import (
    Obligation,
    above_consumption,
    attributes_sold,
    credits_of,
    instruments_of,
    ledger_document,
    position,
    rejected_of,
)
from analytics.ledger import Ledger, read_ledger
from analytics.ledger_files import load_assets
from analytics.lines import Category
from analytics.market import QUALITY_CRITERIA
from analytics.recorder import Recorder
from analytics.site_settings import Declared, shares
from analytics.terms import Sentence
from metering import period
from metering.reading import MICRO
from metering.store.entries import Entry
from tests.analytics.carbon_works import TABLE, TIANJIN, certificate, works_balance, works_flows

ASSETS = load_assets()
NAMES = frozenset({"works"})
QUALITY = dict.fromkeys(QUALITY_CRITERIA, "met") | {
    "utility_delivered": "not_applicable",
    "claims_transferred": "not_applicable",
}


def entered(kind: str, number: int, **body: Any) -> Entry:
    return Entry(f"{kind}-{number}", kind, "eva", "a test", 0, body, number)


def lot(number: int = 1, **changes: Any) -> Entry:
    """Five hundred green certificates of March 2026."""
    body: dict[str, Any] = {
        "asset": "gec", "registry": "GEC", "serials": "G-0001..G-0500", "micro": 500 * MICRO, "vintage": "2026-03",
        "document": "statement 7", "quality": QUALITY,
    }  # fmt: skip
    return entered("acquisition", number, **body | changes)


def retired(number: int, micro: int = 100, *, of: str = "acquisition-1", **changes: Any) -> Entry:
    body = {"lot": of, "micro": micro * MICRO, "year": 2026, "beneficiary": "works", "on": "2026-11-01"}
    return entered("retirement", number, **body | changes)


def ledger(*entries: Entry) -> Ledger:
    return read_ledger(entries, ASSETS)


def why(made: Ledger) -> str:
    [one] = made.refused
    assert all(reason.zh for reason in one.reasons)
    return " ".join(reason.en for reason in one.reasons)


def test_a_range_is_counted_and_printed_as_the_registry_prints_it() -> None:
    assert serials.parse("GEC-2026-0001..GEC-2026-0500").count == 500
    assert str(serials.parse("A007 ~ 010")) == "A007..A010"
    assert str(serials.parse("77")) == "77"


@pytest.mark.parametrize("text", ["A-10..A-01", "A-1..B-2", "none", "1..2..3", "0..9999999999"])
def test_what_is_no_range_says_so(text: str) -> None:
    with pytest.raises(ValueError, match=r"ends|write|series|before"):
        serials.parse(text)


@settings(deadline=None)
@given(st.tuples(*[st.integers(0, 60)] * 4))
def test_two_ranges_overlap_where_a_unit_is_in_both(ends: tuple[int, int, int, int]) -> None:
    a, b = sorted(ends[:2]), sorted(ends[2:])
    one, other = serials.parse(f"X{a[0]}..X{a[1]}"), serials.parse(f"X{b[0]}..X{b[1]}")
    both = set(range(a[0], a[1] + 1)) & set(range(b[0], b[1] + 1))
    assert one.overlaps(other) is other.overlaps(one) is bool(both)


def test_a_retirement_for_the_site_becomes_an_instrument_of_its_market_based_balance() -> None:
    made = ledger(lot(), retired(2, serials="G-0001..G-0100"))
    assert made.refused == []
    [one] = instruments_of(made, NAMES)
    assert (one.volume_micro, one.failed) == (100_000 * MICRO, ())
    totals = works_balance(works_flows(), instruments=(one,)).totals(Gas.CO2_ONLY)
    assert totals.scope2_location > 0
    assert totals.scope2_market == pytest.approx(9.6 * 110)  # the heat alone


def test_a_quality_criterion_nobody_answered_is_not_met() -> None:
    quality = {k: v for k, v in QUALITY.items() if k != "same_market"}
    [one] = instruments_of(ledger(lot(quality=quality), retired(2, serials="G-0001..G-0100")), NAMES)
    assert one.failed == ("same_market",)
    balance = works_balance(works_flows(), instruments=(one,))
    assert [r.id for r in balance.rejected] == ["retirement-2"]
    assert not [line for line in balance.lines if line.instrument]


def test_what_is_retired_for_another_is_not_the_sites() -> None:
    made = ledger(lot(), retired(2, serials="G-0001..G-0100", beneficiary="a customer"))
    assert made.refused == []
    assert instruments_of(made, NAMES) == ()
    assert made.left(made.lots["acquisition-1"]) == 400 * MICRO


def test_double_use_is_refused_and_the_first_claim_is_named() -> None:
    made = ledger(lot(), retired(2, serials="G-0001..G-0100"), retired(3, serials="G-0100..G-0199", beneficiary="b"))
    assert "used by retirement-2 on 2026-11-01 for works, 2026" in why(made)
    assert len(made.moves) == 1


def test_the_same_serials_are_not_acquired_twice() -> None:
    assert "already held by acquisition-1" in why(ledger(lot(), lot(2, serials="G-0500..G-0999")))


@pytest.mark.parametrize(
    "other",
    [{"registry": " gec"}, {"serials": "g-500..g-510"}, {"registry": "ＧＥＣ", "serials": "G-00500..G-00510"}],
)
def test_another_spelling_is_no_other_unit(other: dict[str, str]) -> None:
    again = {"serials": "G-0500..G-0510", "micro": 11 * MICRO} | other
    assert "already held by acquisition-1" in why(ledger(lot(), lot(2, **again)))


def test_certificates_of_the_site_file_and_the_ledger_that_share_a_unit_are_not_both_used() -> None:
    [one] = instruments_of(ledger(lot(), retired(2, serials="G-0001..G-0100")), NAMES)
    other = replace(certificate(50_000, id_="file", serial="G-0100..G-0149"), registry="gec")
    made = works_balance(works_flows(), instruments=(one, other))
    assert [r.id for r in made.rejected] == ["file"]
    apart = replace(other, serial="G-0101..G-0150")
    assert works_balance(works_flows(), instruments=(one, apart)).rejected == ()


def test_the_same_numbers_of_another_registry_are_other_units() -> None:
    assert ledger(lot(), lot(2, registry="I-REC", asset="irec")).refused == []


def test_a_megawatt_hour_is_not_both_a_certificate_and_a_ccer() -> None:
    ccer = lot(2, asset="ccer", registry="CCER", serials="C1..C500", project="wind 7")
    assert "cannot be a CCER too" in why(ledger(lot(project="wind 7"), ccer))


@pytest.mark.parametrize(("vintage", "year"), [("2025-12", 2026), ("2027-01", 2026)])
def test_a_certificate_of_another_year_is_refused(vintage: str, year: int) -> None:
    made = ledger(lot(vintage=vintage), retired(2, serials="G-0001..G-0100", year=year))
    assert f"cannot be used for {year}" in why(made)


def test_a_certificate_past_its_validity_is_refused() -> None:
    made = ledger(lot(), retired(2, serials="G-0001..G-0100", on="2028-04-01"))
    assert "24 months" in why(made)
    assert "memory" in why(made)  # the rule says how sure it is


def test_a_credit_may_be_older_but_not_too_old() -> None:
    credit = {"asset": "vcu", "registry": "VCS", "vintage": "2021"}
    assert ledger(lot(**credit), retired(2, serials="G-0001..G-0100")).refused == []
    old = ledger(lot(**credit | {"vintage": "2020"}), retired(2, serials="G-0001..G-0100"))
    assert "allowed: 2021–2026" in why(old)


def test_more_than_is_left_is_refused() -> None:
    contract = lot(asset="green_power", serials="", registry="")
    assert "Only 400 MWh" in why(ledger(contract, retired(2, 100), retired(3, 401)))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"document": ""}, "Without a document"),
        ({"serials": ""}, "serial numbers are missing"),
        ({"micro": 499 * MICRO}, "500 units, the amount is 499"),
        ({"micro": 0, "serials": "G1..G2"}, "must be positive"),
        ({"asset": "moonshine"}, "unknown asset"),
    ],
)
def test_a_lot_that_cannot_be_right_is_refused(changes: dict[str, Any], reason: str) -> None:
    assert reason in why(ledger(lot(**changes)))


def test_a_retirement_says_for_whom_and_of_which_units() -> None:
    assert "for whom" in why(ledger(lot(), retired(2, serials="G-0001..G-0100", beneficiary=" ")))
    assert "are not of lot" in why(ledger(lot(), retired(2, serials="G-0401..G-0501", micro=101)))
    assert "Say which" in why(ledger(lot(), retired(2)))
    assert "holds no lot" in why(ledger(retired(2)))


def test_volume_above_consumption_is_refused_with_both_figures() -> None:
    made = ledger(lot(), retired(2, serials="G-0001..G-0100"))
    assert above_consumption(made, 2026, NAMES, 20 * MICRO, 120_000 * MICRO) is None
    said = above_consumption(made, 2026, NAMES, 21 * MICRO, 120_000 * MICRO)
    assert said is not None
    assert "121 MWh would be retired for 2026, but only 120.000 MWh" in said.en


def test_undoing_a_retirement_sets_the_units_free_again() -> None:
    undo = entered("undo", 3, entry="retirement-2")
    made = ledger(lot(), retired(2, serials="G-0001..G-0100"), undo, retired(4, serials="G-0001..G-0100"))
    assert [m.id for m in made.moves] == ["retirement-4"]
    assert made.refused == []


def test_undoing_a_lot_takes_what_was_retired_of_it_out_of_the_count() -> None:
    made = ledger(lot(), retired(2, serials="G-0001..G-0100"), entered("undo", 3, entry="acquisition-1"))
    assert "holds no lot" in why(made)
    assert [r.id for r in rejected_of(made)] == ["retirement-2"]


def test_credits_stay_below_the_line() -> None:
    vcu = lot(asset="vcu", registry="VCS", vintage="2024", removal=True)
    [credit] = credits_of(ledger(vcu, retired(2, serials="G-0001..G-0100")), NAMES)
    assert credit.lacking == ()
    gross = works_balance(works_flows()).totals(Gas.CO2E)
    made = works_balance(works_flows(), credits=(credit,))
    assert made.totals(Gas.CO2E) == gross
    assert made.offsets_kg == 100_000


def test_credits_of_a_year_count_by_the_periods_days_and_no_tonne_in_two_months() -> None:
    vcu = lot(asset="vcu", registry="VCS", vintage="2024")
    zone = ZoneInfo("Asia/Shanghai")
    declared = Declared((vcu, retired(2, serials="G-0001..G-0100")), ASSETS, Recorder(TABLE, zone), NAMES)

    def kg(span: period.Period) -> Fraction:
        made = declared.settings(Settings(TIANJIN), span.start_ms, span.end_ms, zone)
        return sum((c.kg for c in made.credits), Fraction(0))

    assert kg(period.month(2026, 10, zone)) == Fraction(100_000 * 31, 365)
    months = [kg(period.month(2026, number, zone)) for number in range(1, 13)]
    assert sum(months) == kg(period.year(2026, zone)) == 100_000
    assert kg(period.year(2027, zone)) == 0


def test_the_position_book_says_what_is_short() -> None:
    allowance = {"asset": "allowance", "serials": "", "registry": "CEA"}
    given_ = lot(1, **allowance, origin="allocation", vintage="2026", micro=1000 * MICRO)
    extra = lot(2, **allowance, origin="purchase", vintage="2025", micro=50 * MICRO)
    sold = entered("disposal", 3, lot="acquisition-1", micro=100 * MICRO, year=2026, on="2026-05-01")
    body = position(ledger(given_, extra, sold), 2026, Obligation(1200 * MICRO, "forecast", Sentence("测", "forecast")))
    assert (body["allocated"], body["bought"], body["sold"], body["free"], body["gap"]) == (1000, 50, 100, 950, 250)
    paid = retired(4, 900, serials="", on="2026-12-01")
    paid = replace(paid, kind="surrender")
    after = position(
        ledger(given_, extra, sold, paid), 2026, Obligation(1200 * MICRO, "verified", Sentence("核", "verified"))
    )
    assert (after["surrendered"], after["free"], after["gap"]) == (900, 50, 250)
    assert position(ledger(given_), 2026, None)["gap"] is None


def test_a_verified_figure_needs_its_document() -> None:
    assert "has a document" in why(ledger(entered("verified_emissions", 1, year=2026, micro=5, document="")))
    made = ledger(entered("verified_emissions", 1, year=2026, micro=5 * MICRO, document="report"))
    assert position(made, 2026, None)["verified"]["value"] == 5


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 500), st.integers(1, 80)), max_size=12))
def test_nothing_is_ever_used_twice_whatever_is_entered(tries: list[tuple[int, int]]) -> None:
    ranges = [(size, f"G-{start:04d}..G-{start + size - 1:04d}") for start, size in tries]
    entries = [retired(2 + i, size, serials=text) for i, (size, text) in enumerate(ranges)]
    made = ledger(lot(), *entries)
    used = [n for m in made.moves if m.serials for n in range(m.serials.first, m.serials.last + 1)]
    assert len(used) == len(set(used))
    assert made.left(made.lots["acquisition-1"]) == (500 - len(used)) * MICRO
    assert len(made.moves) + len(made.refused) == len(tries)


def test_the_ledger_as_a_document() -> None:
    body = ledger_document(ledger(lot(), retired(2, serials="G-0001..G-0100"), retired(3, serials="G-0001..G-0100")))
    assert body["totals"]["gec"] == {"unit": "MWh", "acquired": 500.0, "left": 400.0, "retirement": 100.0}
    assert body["lots"][0]["moves"][0]["beneficiary"] == "works"
    assert body["refused"][0]["id"] == "retirement-3"


def test_own_sun_whose_certificates_were_sold_is_the_remainder_on_the_market() -> None:
    own = lot(origin="own", project="pv")
    sold = replace(retired(2, serials="G-0001..G-0100"), kind="disposal")
    kept = retired(3, serials="G-0101..G-0200")
    for_another = retired(4, serials="G-0201..G-0210", micro=10, beneficiary="customer")
    found = attributes_sold(ledger(own, sold, kept, for_another), NAMES)
    assert found == {("pv", 2026): 110_000 * MICRO}
    made = works_balance(works_flows(), attributes_sold={("pv", 2026): 50 * MICRO})
    [line] = [x for x in made.lines if x.category is Category.SOLD_ATTRIBUTES and x.gas is Gas.CO2_ONLY]
    assert line.kg == pytest.approx(50 * 0.6096)
    plain = works_balance(works_flows()).totals(Gas.CO2_ONLY)
    assert made.totals(Gas.CO2_ONLY).scope2_location == plain.scope2_location


def test_what_is_retired_for_a_year_is_shared_by_its_days_and_no_month_uses_it_twice() -> None:
    zone = ZoneInfo("Asia/Shanghai")
    spans = [period.month(2026, number, zone) for number in range(1, 13)]
    assert sum(shares(one.start_ms, one.end_ms, zone)[2026] for one in spans) == 1
    assert shares(spans[9].start_ms, spans[9].end_ms, zone) == {2026: Fraction(31, 365)}
    fiscal = period.fiscal_year(2027, 4, zone)
    assert shares(fiscal.start_ms, fiscal.end_ms, zone) == {2026: Fraction(275, 365), 2027: Fraction(90, 365)}
