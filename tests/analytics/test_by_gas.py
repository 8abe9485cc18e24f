"""Gases are told apart as far as the factors do, add up to the totals, and nothing is split that is not known."""

from fractions import Fraction
from typing import Any

import pytest

from analytics.activity_rows import ActivityFile
from analytics.balance import Balance
from analytics.by_gas import by_gas, by_gas_document, family
from analytics.factor_files import load_table
from analytics.factors import Gas, Method
from analytics.recorder import Recorder
from tests.analytics.carbon_works import SITE, works_balance, works_flows

RECORDER = Recorder(load_table(), SITE.zone)
SPAN: dict[str, Any] = {"from": "2026-10-01", "to": "2026-10-31", "tier": "invoice", "document": "d"}
DAYS = 31  # of the span; the works' flows are one of them
REFILL = {"id": "r", "type": "refrigerant", "gas": "R-410A", "method": "purchased", "purchases": "2", **SPAN}
SWITCHGEAR = {"id": "s", "type": "refrigerant", "gas": "SF6", "method": "purchased", "purchases": "1", **SPAN}
GAS = {"id": "g", "type": "combustion", "fuel": "natural_gas", "amount": "10000", "unit": "Nm3", **SPAN}
OWN = {"id": "o", "type": "combustion", "fuel": "blast_gas", "amount": "10", "unit": "GJ", "carbon_content": "0.02",
       "oxidation": "1", **SPAN}  # fmt: skip
ETCH = {"id": "e", "type": "fluorinated_gas", "gas": "CF4", "mass": "10", "heel": "10 %", "utilisation": "50 %", **SPAN}


def balance_of(*rows: dict[str, Any]) -> Balance:
    made = ActivityFile.model_validate({"activities": rows}).activities
    return works_balance(works_flows(), recorded=tuple(p for row in made for p in RECORDER.postings(row)))


def test_each_gas_is_where_its_factor_says_and_together_they_are_the_total() -> None:
    made = balance_of(REFILL, SWITCHGEAR, GAS, ETCH)
    shares = by_gas((*made.lines, *made.apart))
    one = shares["1"].gases
    assert {"CO2", "CH4", "N2O", "HFCs", "SF6", "PFCs"} <= one.keys()
    assert float(one["SF6"]) == pytest.approx(24_300 / DAYS, rel=1e-5)
    assert float(one["HFCs"]) == pytest.approx(2 * 2255.5 / DAYS, rel=1e-5)
    assert float(shares["1"].whole) == pytest.approx(made.kg(Gas.CO2E, scope=1), rel=1e-14)
    for name, method in (("2_lb", Method.LOCATION_BASED), ("2_mb", Method.MARKET_BASED)):
        assert float(shares[name].whole) == pytest.approx(made.kg(Gas.CO2E, scope=2, method=method), rel=1e-14)


def test_methane_and_laughing_gas_of_a_fuel_are_those_of_its_parameters() -> None:
    """1 kg/TJ CH4 and 0.1 kg/TJ N2O (IPCC 2006, table 2.2) x 389.31 GJ, at AR6."""
    gases = by_gas(balance_of(GAS).lines)["1"].gases
    alone = by_gas(balance_of().lines).get("1")
    before = alone.gases if alone else {}
    heat = Fraction("0.38931")  # TJ of 10 000 Nm3
    methane, nitrous = (float(gases[name] - before.get(name, 0)) for name in ("CH4", "N2O"))
    assert methane == pytest.approx(float(heat * Fraction("29.8")) / DAYS, rel=1e-5)
    assert nitrous == pytest.approx(float(heat * Fraction("27.3")) / DAYS, rel=1e-5)


def test_a_factor_of_co2_alone_is_named_and_its_other_gases_are_in_no_figure() -> None:
    shares = by_gas(balance_of(OWN).lines)
    assert set(shares["2_lb"].gases) == {"CO2"}
    assert {line.point for line in shares["2_lb"].silent} == {"grid", "heat"}
    assert "o" in {line.point for line in shares["1"].silent}
    told = by_gas_document(shares)["2_lb"]
    assert told["co2_alone"]
    assert "CH4" not in told["gases"]


@pytest.mark.parametrize(
    ("gas", "of"),
    [("HFC-134a", "HFCs"), ("R-404A", "HFCs"), ("c-C4F8", "PFCs"), ("CH4_fossil", "CH4"), ("NF3", "NF3"),
     ("HFO-1234yf", "other")],
)  # fmt: skip
def test_families(gas: str, of: str) -> None:
    assert family(gas) == of
