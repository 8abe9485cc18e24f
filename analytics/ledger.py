"""The ledger of green power, certificates, credits and allowances: lots held, and what was retired for whom.

Entries are applied in their order; one that claims what is claimed already, or what may not be claimed, is refused with
its reason and changes nothing. What is undone counts as never entered.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from analytics import serials
from analytics.corrections import Entered, in_force
from analytics.serials import Serials
from analytics.terms import Sentence, Status
from metering.reading import MICRO

Family = Literal["certificate", "credit", "allowance"]
Leaving = Literal["retirement", "disposal", "surrender"]
_LEAVING: Mapping[str, Leaving] = {"retirement": "retirement", "disposal": "disposal", "surrender": "surrender"}
KINDS = ("acquisition", "retirement", "disposal", "surrender", "verified_emissions")


@dataclass(frozen=True, slots=True)
class Asset:
    """One kind of unit that can be held, and which vintages may be retired for a year."""

    id: str
    family: Family
    unit: str
    kind: str  # the instrument it is when retired: "certificate", "contract"; else its family
    name: Sentence
    years_before: int  # how much older than the year it is retired for
    valid_months: int | None  # from its generation
    exclusive_with: frozenset[str]
    status: Status
    source: str


@dataclass(frozen=True, slots=True)
class Lot:
    """So many units of one vintage that came in together."""

    id: str
    asset: Asset
    micro: int  # [1e-6 of the asset's unit]
    vintage: int  # year
    month: int | None
    registry: str
    serials: Serials | None
    project: str
    origin: str  # "purchase" | "allocation" | "own"
    factor: str  # [kgCO2/kWh] as printed, of certificates
    renewable: bool
    removal: bool
    quality: Mapping[str, str]
    document: str


@dataclass(frozen=True, slots=True)
class Move:
    """Units that left a lot: retired or surrendered for a year, or sold."""

    id: str
    kind: Leaving
    lot: Lot
    micro: int
    serials: Serials | None
    year: int
    beneficiary: str
    on: date
    document: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What a verifier found for a year [1e-6 tCO2e]."""

    id: str
    year: int
    micro: int
    verifier: str
    document: str


@dataclass(frozen=True, slots=True)
class Refused:
    """An entry that may not count, and why."""

    id: str
    reasons: tuple[Sentence, ...]


@dataclass
class Ledger:
    """What is held and what has left, as far as the entries go."""

    assets: Mapping[str, Asset]
    lots: dict[str, Lot] = field(default_factory=dict)
    moves: list[Move] = field(default_factory=list)
    verified: dict[int, Verified] = field(default_factory=dict)  # the last one of a year
    refused: list[Refused] = field(default_factory=list)

    def left(self, lot: Lot) -> int:
        """What is still free of a lot [1e-6 of its unit]."""
        return lot.micro - sum(m.micro for m in self.moves if m.lot.id == lot.id)

    def retired(self, year: int, family: Family, beneficiary: str | None = None) -> tuple[Move, ...]:
        """What was retired for a year, for one beneficiary or for all."""
        return tuple(
            m
            for m in self.moves
            if m.kind == "retirement" and m.year == year and m.lot.asset.family == family
            and beneficiary in {None, m.beneficiary}
        )  # fmt: skip


def read_ledger(entries: Iterable[Entered], assets: Mapping[str, Asset]) -> Ledger:
    """The ledger that the entries in force make."""
    ledger = Ledger(assets)
    for entry in in_force(entries):
        if entry.kind in KINDS and (reasons := apply(ledger, entry)):
            ledger.refused.append(Refused(entry.id, reasons))
    return ledger


def apply(ledger: Ledger, entry: Entered) -> tuple[Sentence, ...]:
    """Post one entry; nothing is changed where there is a reason against it."""
    try:
        if entry.kind == "acquisition":
            return _acquire(ledger, lot_of(ledger.assets, entry))
        if entry.kind == "verified_emissions":
            return _verify(ledger, entry)
        return _leave(ledger, entry)
    except (KeyError, ValueError) as error:
        return (_unreadable(error),)


def lot_of(assets: Mapping[str, Asset], entry: Entered) -> Lot:
    """The lot an acquisition brings; ValueError for what cannot be read."""
    body = entry.body
    if body["asset"] not in assets:
        raise ValueError(f"unknown asset {body['asset']!r}; one of: {', '.join(assets)}")
    vintage, _, month = str(body["vintage"]).partition("-")
    number = serials.parse(body["serials"]) if body.get("serials") else None
    return Lot(
        entry.id, assets[body["asset"]], int(body["micro"]), int(vintage), int(month) if month else None,
        str(body.get("registry", "")), number, str(body.get("project", "")), str(body.get("origin", "purchase")),
        str(body.get("factor", "0")), bool(body.get("renewable", True)), bool(body.get("removal", False)),
        dict(body.get("quality", {})), str(body.get("document", "")),
    )  # fmt: skip


def _acquire(ledger: Ledger, lot: Lot) -> tuple[Sentence, ...]:
    reasons = tuple(_against_lot(ledger, lot))
    if not reasons:
        ledger.lots[lot.id] = lot
    return reasons


def _against_lot(ledger: Ledger, lot: Lot) -> Iterator[Sentence]:
    if lot.micro <= 0:
        yield Sentence("数量必须为正。", "The amount must be positive.")
    if not lot.document.strip():
        yield Sentence("没有证明文件，不得入账。", "Without a document it is not entered.")
    if lot.serials is None and lot.asset.family != "allowance" and lot.asset.kind != "contract":
        yield Sentence("缺少登记编号区间。", "Its serial numbers are missing.")
    if lot.serials and lot.serials.count * MICRO != lot.micro:
        yield Sentence(
            f"编号区间含{lot.serials.count}个单位，与数量{lot.micro / MICRO:g}不符。",
            f"The serial numbers are {lot.serials.count} units, the amount is {lot.micro / MICRO:g}.",
        )
    for held in ledger.lots.values():
        yield from _double(held, lot)


def _double(held: Lot, lot: Lot) -> Iterator[Sentence]:
    """What is held already, or was issued once for the same generation under another scheme."""
    same = serials.plain(held.registry) == serials.plain(lot.registry)
    if same and held.serials and lot.serials and lot.serials.overlaps(held.serials):
        yield Sentence(
            f"编号{lot.serials}与已入账的{held.id}（{held.serials}）重复。",
            f"Serial numbers {lot.serials} are already held by {held.id} ({held.serials}): no claim is made twice.",
        )
    project = serials.plain(lot.project)
    if project and serials.plain(held.project) == project and held.vintage == lot.vintage and (
        held.asset.id in lot.asset.exclusive_with
    ):  # fmt: skip
        yield Sentence(
            f"项目{lot.project}的{lot.vintage}年电量已以{held.asset.name.zh}入账（{held.id}），不得再计{lot.asset.name.zh}。",
            f"The {lot.vintage} output of {lot.project} is already held as {held.asset.name.en} ({held.id}): "
            f"it cannot be a {lot.asset.name.en} too.",
        )


def _leave(ledger: Ledger, entry: Entered) -> tuple[Sentence, ...]:
    body = entry.body
    lot = ledger.lots.get(str(body["lot"]))
    if lot is None:
        return (Sentence(f"台账中没有批次{body['lot']}。", f"The ledger holds no lot {body['lot']}."),)
    number = serials.parse(body["serials"]) if body.get("serials") else None
    micro = int(body["micro"])
    move = Move(
        entry.id, _LEAVING[entry.kind], lot, micro, number or (lot.serials if micro == lot.micro else None),
        int(body["year"]), str(body.get("beneficiary", "")), date.fromisoformat(body["on"]),
        str(body.get("document", "")), str(body.get("purpose", "")),
    )  # fmt: skip
    reasons = tuple(_against_move(ledger, move))
    if not reasons:
        ledger.moves.append(move)
    return reasons


def _against_move(ledger: Ledger, move: Move) -> Iterator[Sentence]:
    lot = move.lot
    if move.micro <= 0:
        yield Sentence("数量必须为正。", "The amount must be positive.")
    yield from _against_serials(ledger, move)
    if move.micro > ledger.left(lot):
        yield Sentence(
            f"批次{lot.id}只剩{ledger.left(lot) / MICRO:g} {lot.asset.unit}，不足{move.micro / MICRO:g}。",
            f"Only {ledger.left(lot) / MICRO:g} {lot.asset.unit} of lot {lot.id} are left, not {move.micro / MICRO:g}.",
        )
    if move.kind != "disposal":
        yield from _against_use(move)


def _against_serials(ledger: Ledger, move: Move) -> Iterator[Sentence]:
    lot = move.lot
    if lot.serials is None:
        return
    if move.serials is None:
        yield Sentence("须写明编号区间。", f"Say which of {lot.serials} leave.")
        return
    if not move.serials.within(lot.serials):
        yield Sentence(
            f"编号{move.serials}不在批次{lot.id}（{lot.serials}）内。",
            f"Serial numbers {move.serials} are not of lot {lot.id} ({lot.serials}).",
        )
    if move.serials.count * MICRO != move.micro:
        yield Sentence(
            f"编号区间含{move.serials.count}个单位，与数量{move.micro / MICRO:g}不符。",
            f"The serial numbers are {move.serials.count} units, the amount is {move.micro / MICRO:g}.",
        )
    for earlier in ledger.moves:
        if earlier.lot.id == lot.id and earlier.serials and earlier.serials.overlaps(move.serials):
            yield _used(earlier)


def _used(earlier: Move) -> Sentence:
    whom = earlier.beneficiary or "–"
    return Sentence(
        f"编号{earlier.serials}已由{earlier.id}于{earlier.on}为{whom}（{earlier.year}年）使用，不得重复。",
        f"Serial numbers {earlier.serials} were used by {earlier.id} on {earlier.on} for {whom}, {earlier.year}: "
        "nothing is claimed twice.",
    )


def _against_use(move: Move) -> Iterator[Sentence]:
    lot, asset = move.lot, move.lot.asset
    if not move.beneficiary.strip():
        yield Sentence("须写明为谁注销。", "Say for whom it is retired.")
    oldest = move.year - asset.years_before
    if not oldest <= lot.vintage <= move.year:
        allowed = f"{oldest}–{move.year}" if asset.years_before else str(move.year)
        yield Sentence(
            f"{lot.vintage}年的{asset.name.zh}不得用于{move.year}年（允许{allowed}；规则状态：{asset.status}）。",
            f"A {asset.name.en} of {lot.vintage} cannot be used for {move.year} (allowed: {allowed}; "
            f"rule: {asset.status}, {asset.source}).",
        )
    if asset.valid_months is not None and lot.month is not None and _months(lot, move.on) > asset.valid_months:
        yield Sentence(
            f"自{lot.vintage}-{lot.month:02d}起{asset.valid_months}个月的有效期已过（规则状态：{asset.status}）。",
            f"It was valid for {asset.valid_months} months from {lot.vintage}-{lot.month:02d} (rule: {asset.status}).",
        )


def _months(lot: Lot, on: date) -> int:
    return (on.year - lot.vintage) * 12 + on.month - (lot.month or 1)


def _verify(ledger: Ledger, entry: Entered) -> tuple[Sentence, ...]:
    body: Mapping[str, Any] = entry.body
    if int(body["micro"]) < 0 or not str(body.get("document", "")).strip():
        return (Sentence("核查量不得为负，且须有文件。", "A verified amount is not negative and has a document."),)
    who = str(body.get("verifier", ""))
    one = Verified(entry.id, int(body["year"]), int(body["micro"]), who, str(body["document"]))
    ledger.verified[one.year] = one
    return ()


def _unreadable(error: Exception) -> Sentence:
    said = str(error.args[0]) if error.args else str(error)
    return Sentence(f"条目无法读取：{said}", f"The entry cannot be read: {said}")
