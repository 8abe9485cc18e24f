"""What the ledger brings to a balance and to the carbon market: instruments, credits, the position book of a year."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from analytics.factors import EmissionFactor, Gas, Method, Parameter
from analytics.ledger import Ledger, Lot, Move
from analytics.market import Answer, Credit, Instrument, InstrumentKind, Rejected
from analytics.terms import Sentence, Status, joined
from metering.reading import MICRO

Document = dict[str, Any]
KWH_PER_MWH = 1000
# Of the eight quality criteria the ledger itself answers two: it holds the retirement, and it checked the vintage.
PROVEN = ("retired", "vintage")


def instruments_of(ledger: Ledger, names: Collection[str]) -> tuple[Instrument, ...]:
    """The certificates and green power retired for the site, under any of its names."""
    moves = (m for m in ledger.moves if m.kind == "retirement" and m.lot.asset.family == "certificate")
    return tuple(_instrument(m) for m in moves if m.beneficiary in names)


def _instrument(move: Move) -> Instrument:
    lot = move.lot
    parameter = Parameter(
        move.id, "electricity.instrument", "factor", "SITE", move.year, lot.factor, "kgCO2/kWh", Gas.CO2_ONLY,
        Method.MARKET_BASED, Status.DECLARED, lot.document, lot.document,
    )  # fmt: skip
    answers = {name: Answer(given) for name, given in lot.quality.items()} | dict.fromkeys(PROVEN, Answer.MET)
    kind = InstrumentKind.CONTRACT if lot.asset.kind == "contract" else InstrumentKind.CERTIFICATE
    return Instrument(
        move.id, kind, move.micro * KWH_PER_MWH, move.year, EmissionFactor.of(parameter), lot.renewable, answers,
        lot.registry, str(move.serials or move.id), move.document or lot.document,
    )  # fmt: skip


def credits_of(ledger: Ledger, names: Collection[str]) -> tuple[Credit, ...]:
    """The credits retired for the site, under any of its names; below the line."""
    moves = (m for m in ledger.moves if m.kind == "retirement" and m.lot.asset.family == "credit")
    return tuple(
        Credit(
            m.id, Fraction(m.micro, MICRO) * 1000, m.year, m.lot.registry or m.lot.asset.id, str(m.serials or m.id),
            m.lot.vintage, m.on, m.beneficiary, m.lot.removal, m.document or m.lot.document,
        )
        for m in moves
        if m.beneficiary in names
    )  # fmt: skip


def attributes_sold(ledger: Ledger, names: Collection[str]) -> dict[tuple[str, int], int]:
    """Own generation whose attributes went to others, by the point it names as project and year [1e-6 kWh].

    The market sees such a kilowatt-hour as the remainder, though it was used on site.
    """
    sold: dict[tuple[str, int], int] = {}
    for move in ledger.moves:
        given_away = move.kind == "disposal" or move.beneficiary not in names
        if move.lot.origin == "own" and move.lot.asset.family == "certificate" and given_away:
            key = (move.lot.project, move.lot.vintage)
            sold[key] = sold.get(key, 0) + move.micro * KWH_PER_MWH
    return sold


def rejected_of(ledger: Ledger) -> tuple[Rejected, ...]:
    """Entries of the ledger that may not count, each with why."""
    return tuple(Rejected(r.id, joined(r.reasons)) for r in ledger.refused)


@dataclass(frozen=True, slots=True)
class Obligation:
    """What must be surrendered for a year [1e-6 tCO2e], and where the figure comes from."""

    micro: int
    origin: str  # "verified" | "forecast" | "declared"
    sentence: Sentence


def above_consumption(
    ledger: Ledger, year: int, names: Collection[str], adding_micro: int, consumed_kwh_micro: int
) -> Sentence | None:
    """Why a retirement would claim more certificates than electricity was bought in the year; None if it would not."""
    mine = [m for m in ledger.retired(year, "certificate") if m.beneficiary in names]
    claimed = sum(m.micro for m in mine) + adding_micro
    if claimed * KWH_PER_MWH <= consumed_kwh_micro:
        return None
    mwh = consumed_kwh_micro / MICRO / 1000
    return Sentence(
        f"{year}年累计注销{claimed / MICRO:g} MWh，超过外购电量{mwh:.3f} MWh：多出部分不产生抵减，不予注销。",
        f"{claimed / MICRO:g} MWh would be retired for {year}, but only {mwh:.3f} MWh were bought: "
        "what is above gives no credit and is not retired.",
    )


def position(ledger: Ledger, year: int, obligation: Obligation | None) -> Document:
    """The allowances of a year: what came, what went, what must be surrendered and what is short [tCO2e]."""
    lots = [lot for lot in ledger.lots.values() if lot.asset.family == "allowance" and lot.vintage <= year]
    given = _moved(ledger, lots, "surrender", year)
    sold = _moved(ledger, lots, "disposal", None)
    free = sum(ledger.left(lot) for lot in lots)
    needed = None if obligation is None else max(0, obligation.micro - given)
    verified = ledger.verified.get(year)
    return {
        "year": year, "unit": "tCO2e", "allocated": _came(lots, "allocation", year),
        "bought": _came(lots, "purchase", None), "sold": sold / MICRO, "surrendered": given / MICRO,
        "free": free / MICRO,
        "verified": None if verified is None else {"value": verified.micro / MICRO, "entry": verified.id,
                                                    "verifier": verified.verifier, "document": verified.document},
        "obligation": None if obligation is None else {
            "value": obligation.micro / MICRO, "origin": obligation.origin, **obligation.sentence.both()},
        "gap": None if needed is None else (needed - free) / MICRO,
        "note": Sentence("缺口为正表示配额不足。", "A positive gap means allowances are short.").both(),
    }  # fmt: skip


def _came(lots: Iterable[Lot], origin: str, vintage: int | None) -> float:
    return sum(lot.micro for lot in lots if lot.origin == origin and vintage in {None, lot.vintage}) / MICRO


def _moved(ledger: Ledger, lots: Iterable[Lot], kind: str, year: int | None) -> int:
    ids = {lot.id for lot in lots}
    return sum(m.micro for m in ledger.moves if m.lot.id in ids and m.kind == kind and year in {None, m.year})


def ledger_document(ledger: Ledger) -> Document:
    """Every lot with what left it for whom, and what was refused and why."""
    return {
        "lots": [_lot(ledger, lot) for lot in ledger.lots.values()],
        "refused": [{"id": r.id, "reasons": [one.both() for one in r.reasons]} for r in ledger.refused],
        "totals": _totals(ledger),
    }


def _lot(ledger: Ledger, lot: Lot) -> Document:
    moves = [m for m in ledger.moves if m.lot.id == lot.id]
    return {
        "id": lot.id, "asset": lot.asset.id, "name": lot.asset.name.both(), "family": lot.asset.family,
        "amount": lot.micro / MICRO, "left": ledger.left(lot) / MICRO, "unit": lot.asset.unit,
        "vintage": f"{lot.vintage}-{lot.month:02d}" if lot.month else str(lot.vintage), "registry": lot.registry,
        "serials": str(lot.serials or ""), "project": lot.project, "origin": lot.origin, "document": lot.document,
        "rule_status": lot.asset.status.value,
        "moves": [
            {"id": m.id, "kind": m.kind, "amount": m.micro / MICRO, "serials": str(m.serials or ""), "year": m.year,
             "beneficiary": m.beneficiary, "on": m.on.isoformat(), "document": m.document, "purpose": m.purpose}
            for m in moves
        ],
    }  # fmt: skip


def _totals(ledger: Ledger) -> Document:
    """By asset: held, retired, disposed of, left [of its unit]."""
    found: Document = {}
    for lot in ledger.lots.values():
        one = found.setdefault(lot.asset.id, {"unit": lot.asset.unit, "acquired": 0.0, "left": 0.0})
        one["acquired"] += lot.micro / MICRO
        one["left"] += ledger.left(lot) / MICRO
    for move in ledger.moves:
        one = found[move.lot.asset.id]
        one[move.kind] = one.get(move.kind, 0.0) + move.micro / MICRO
    return found
