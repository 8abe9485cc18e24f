"""`zcf ledger`: one entry drafted from a person's words and held against the ledger as it is."""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any

from analytics import serials
from analytics.holdings import above_consumption
from analytics.ledger import Ledger, apply, read_ledger
from analytics.market import QUALITY_CRITERIA, Answer
from analytics.service import FactoryService
from analytics.site_settings import own_names
from analytics.terms import Sentence
from metering.period import from_ms, year
from metering.reading import MICRO
from metering.store.entries import Entry
from zcf.correcting import WrongEntryError

Words = Mapping[str, str]


class LedgerDraft:
    """Reads the words of one entry; what is wrong with them is collected, not raised one by one."""

    def __init__(self, service: FactoryService) -> None:
        self.service, self.config = service, service.config
        self.now_ms = service.clock()
        self.entries: list[Entry] = service.source.entries.entries()
        self.ledger: Ledger = read_ledger(self.entries, service.assets)
        self.faults: list[str] = []

    def entry(self, kind: str, words: Words, who: str, why: str) -> Entry:
        """The entry; WrongEntryError with every fault at once."""
        for name, text in (("--who", who), ("--why", why)):
            if not text.strip():
                self.faults.append(f"{name}: an entry needs it")
        body = _BODIES[kind](self, words)
        seq = max((one.seq for one in self.entries), default=0) + 1
        name = f"{kind}-{from_ms(self.now_ms):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        made = Entry(name, kind, who.strip(), why.strip(), self.now_ms, body, seq)
        if not self.faults:
            self.faults += [f"refused: {reason.en}" for reason in self._against(made)]
        if self.faults:
            raise WrongEntryError(self.faults)
        return made

    def _against(self, entry: Entry) -> list[Sentence]:
        found = list(apply(replace(self.ledger, moves=list(self.ledger.moves), lots=dict(self.ledger.lots)), entry))
        lot = self.ledger.lots.get(str(entry.body.get("lot")))
        names = own_names(self.config)
        mine = entry.body.get("beneficiary") in names
        if entry.kind == "retirement" and lot is not None and lot.asset.family == "certificate" and mine:
            number, micro = int(entry.body["year"]), int(entry.body["micro"])
            above = above_consumption(self.ledger, number, names, micro, bought(self.service, number))
            found += [above] if above else []
        return found

    def micro(self, option: str, text: str) -> int:
        """A positive decimal number as micro-units, exactly."""
        try:
            found = Fraction(text) * MICRO
        except (ValueError, ZeroDivisionError):
            self.faults.append(f"{option}: {text!r} is not a number")
            return 0
        if found.denominator != 1 or not 0 <= found < 2**62:
            self.faults.append(f"{option}: {text} must be a positive number, no finer than a millionth")
        return int(found)

    def amount(self, words: Words) -> tuple[int, str]:
        """What was said of amount and serial numbers: either gives the other [1e-6 of the unit]."""
        text = words["serials"]
        try:
            number = serials.parse(text) if text else None
        except ValueError as error:
            self.faults.append(f"--serials: {error}")
            return 0, ""
        if words["amount"]:
            return self.micro("--amount", words["amount"]), str(number or "")
        if number is None:
            self.faults.append("--amount: say how much, or which --serials")
            return 0, ""
        return number.count * MICRO, str(number)

    def day(self, option: str, text: str) -> str:
        """A date that is not in the future; today where none is given."""
        today = from_ms(self.now_ms).astimezone(self.config.zone).date()
        try:
            found = date.fromisoformat(text) if text else today
        except ValueError:
            self.faults.append(f"{option}: {text!r} is not a date; write 2026-10-03")
            return today.isoformat()
        if found > today:
            self.faults.append(f"{option}: {text} lies in the future")
        return found.isoformat()

    def year(self, text: str) -> dict[str, int]:
        """A calendar year of the site, with its span [ms UTC]."""
        try:
            span = year(int(text), self.config.zone)
        except (ValueError, OverflowError):
            self.faults.append(f"--year: {text!r} is not a year; write 2026")
            return {"year": 0}
        return {"year": int(text), "start_ms": span.start_ms, "end_ms": span.end_ms}


def _acquisition(draft: LedgerDraft, words: Words) -> dict[str, Any]:
    if words["asset"] not in draft.service.assets:
        draft.faults.append(f"--asset: {words['asset']!r} is none of {', '.join(draft.service.assets)}")
    micro, number = draft.amount(words)
    try:
        text = words["vintage"]
        vintage = date.fromisoformat(f"{text}-01" if "-" in text else f"{text}-01-01")
    except ValueError:
        draft.faults.append(f"--vintage: {words['vintage']!r} is neither 2026 nor 2026-03")
        vintage = date(1990, 1, 1)
    if vintage > from_ms(draft.now_ms).astimezone(draft.config.zone).date() and words["origin"] != "allocation":
        draft.faults.append(f"--vintage: {words['vintage']} lies in the future: nothing was generated then")
    body = {name: words[name] for name in ("asset", "registry", "project", "origin", "document", "vintage", "factor")}
    flags = {"renewable": words["renewable"] == "yes", "removal": words["removal"] == "yes"}
    return {**body, **flags, "micro": micro, "serials": number, "quality": _quality(draft, words["quality"])}


def _quality(draft: LedgerDraft, text: str) -> dict[str, str]:
    """`name=met` or `name=not_applicable`, separated by commas; what is not named is not met."""
    found: dict[str, str] = {}
    for part in filter(None, (one.strip() for one in text.split(","))):
        name, _, answer = part.partition("=")
        if name not in QUALITY_CRITERIA or (answer or "met") not in set(Answer):
            draft.faults.append(f"--quality: {part!r}; write name=met with one of {', '.join(QUALITY_CRITERIA)}")
        else:
            found[name] = answer or "met"
    return found


def _leaving(draft: LedgerDraft, words: Words) -> dict[str, Any]:
    lot = draft.ledger.lots.get(words["lot"])
    if lot is None:
        known = ", ".join(draft.ledger.lots) or "none yet"
        draft.faults.append(f"--lot: the ledger holds no {words['lot']!r}; its lots: {known}")
    given = dict(words)
    if lot is not None and not words["amount"] and not words["serials"]:
        given["amount"], given["serials"] = str(Fraction(lot.micro, MICRO)), str(lot.serials or "")  # all of it
    micro, number = draft.amount(given)
    return {
        "lot": words["lot"], "micro": micro, "serials": number, **draft.year(words["year"]),
        "beneficiary": words["beneficiary"] or draft.config.site.id, "on": draft.day("--on", words["on"]),
        "document": words["document"], "purpose": words["purpose"],
    }  # fmt: skip


def _verified(draft: LedgerDraft, words: Words) -> dict[str, Any]:
    return {
        **draft.year(words["year"]), "micro": draft.micro("--amount", words["amount"]),
        "verifier": words["verifier"], "document": words["document"],
    }  # fmt: skip


_BODIES = {
    "acquisition": _acquisition, "retirement": _leaving, "disposal": _leaving, "surrender": _leaving,
    "verified_emissions": _verified,
}  # fmt: skip


def bought(service: FactoryService, number: int) -> int:
    """The electricity bought in a year, as far as it is known now [1e-6 kWh]."""
    found = service.account(str(number)).flows
    return sum(a.flow.total().micro for a in found.activities if a.activity.startswith("electricity."))
