"""The position book of a compliance year: what was verified decides, else what is declared, else what is forecast."""

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from analytics.factors import Gas
from analytics.holdings import Obligation, position
from analytics.ledger import Ledger
from analytics.terms import Sentence
from metering.period import year
from metering.reading import MICRO

if TYPE_CHECKING:
    from analytics.service import FactoryService

DAY_MS = 86_400_000
BASES = ("scope1", "gross_location")


def position_of(service: "FactoryService", number: int, basis: str, declared: str = "") -> dict[str, Any]:
    """The allowances of a year against what must be surrendered for it [tCO2e]."""
    ledger = service.ledger()
    body = position(ledger, number, _obligation(service, ledger, number, basis, declared))
    return {"site": service.config.site.id, "basis": basis, **body}


def _obligation(service: "FactoryService", ledger: Ledger, number: int, basis: str, declared: str) -> Obligation | None:
    if found := ledger.verified.get(number):
        return Obligation(found.micro, "verified", Sentence("采用核查结果。", f"As verified ({found.document})."))
    if declared:
        return Obligation(int(Fraction(declared) * MICRO), "declared", Sentence("采用申报值。", "As declared."))
    return forecast(service, number, basis)


def forecast(service: "FactoryService", number: int, basis: str) -> Obligation | None:
    """The year's emissions if it goes on as so far; None where nothing of it is known."""
    found, span = service.account(str(number)), year(number, service.config.zone)
    known = (found.flows.grid_import.known & found.flows.consumption.known).sum() * 900_000
    if not known:
        return None
    kg = found.balance.totals(Gas.CO2_ONLY)
    sum_kg = kg.scope1 if basis == "scope1" else kg.gross_location
    if sum_kg is None:
        return None
    whole = Fraction(sum_kg) * (span.end_ms - span.start_ms) / int(known)
    days = int(known) / DAY_MS
    said = Sentence(
        f"按已知{days:.1f}天的排放线性外推全年（{basis}），仅为预测。",
        f"Forecast: {days:.1f} known days, scaled to the year ({basis}); not a verified figure.",
    )
    return Obligation(int(whole / 1000 * MICRO), "forecast", said)
