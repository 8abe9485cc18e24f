"""Closing a month: its balance frozen with fingerprints of all it rests on, and what later changes made of it."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from analytics import fingerprint
from analytics.account import Account
from analytics.corrections import in_force
from analytics.documents import balance_document
from analytics.factor_files import DATA
from analytics.factors import Gas
from analytics.held import NoResults, Recorder
from analytics.service import FactoryService
from analytics.settlement import around
from metering.period import Period
from metering.reading import SeriesKey
from metering.sitefile import SiteConfig
from metering.store.columns import bracketed
from metering.store.entries import Entry
from metering.store.results import ResultsReader, ResultsWriter
from metering.store.source import StoreSource

Document = dict[str, Any]
FORMAT = 1
INDEX = "closings"  # mark: period -> [{"number", "entry", "document"}]
# kinds that change no figure by themselves
ASIDE = frozenset({"closing", "undo", "import", "acknowledgement", "silence"})
_RECKONED = {  # what of a site file a balance rests on
    "site", "devices", "points", "imports", "factors", "factor_files", "remainder", "gwp", "export_treatment",
    "instruments",
}  # fmt: skip
STARTS, ENDS = ("start_ms", "time_ms", "before_ms"), ("end_ms", "time_ms", "after_ms")


class NotReadyError(ValueError):
    """A month that cannot be closed as complete; the message says why."""


def recorded(service: FactoryService, at_ms: int) -> tuple[FactoryService, Recorder]:
    """The same site computed from its readings alone, as of an instant; and what was read for it."""
    recorder = Recorder(StoreSource(service.config.store_dir))
    return service.over(recorder, NoResults(), lambda: at_ms), recorder


def known_document(service: FactoryService, period: str, at_ms: int) -> Document:
    """A month as it is known now: its balance on both gas bases and the fingerprints of all it rests on."""
    fresh, recorder = recorded(service, at_ms)
    found = fresh.account(period)
    balance = fresh.balance(period)
    e_lines = balance_document(found.flows, found.balance, Gas.CO2E)["lines"]
    return {
        "format": FORMAT, "site": fresh.config.site.id, "period": balance["period"], "balance": balance,
        "lines_co2e": e_lines, "hashes": _hashes(fresh, found, recorder),
        "open_items": items_within(service, found.period), "incomplete": list(shortcomings(found, balance, at_ms)),
    }  # fmt: skip


def items_within(service: FactoryService, period: Period) -> list[Document]:
    """Energy that no register can tell, in a period."""
    return [
        {"series": "|".join(key), **item}
        for key, item in service.results.open_items()
        if item["before"]["time_ms"] < period.end_ms and item["after"]["time_ms"] >= period.start_ms
    ]


def _hashes(service: FactoryService, found: Account, recorder: Recorder) -> Document:
    used = {line.factor.id: line.explain()["factor"] for line in found.balance.lines}
    return {
        "readings": dict(_readings(found, recorder)),
        "entries": {e.id: fingerprint.of_json(fingerprint.entry_body(e)) for e in effective(recorder, found.period)},
        "factors": {name: fingerprint.of_json(body) for name, body in sorted(used.items())},
        "criteria": fingerprint.of_files(DATA / "criteria", "*.yaml"),
        "site": _site_hash(service.config),
        "code": fingerprint.code(),
    }


def _site_hash(config: SiteConfig) -> str:
    """Of what the site file itself says and a balance rests on: a new release that knows more keys changes nothing."""
    return fingerprint.of_json(config.file.model_dump(mode="json", include=_RECKONED, exclude_unset=True))


def _readings(found: Account, recorder: Recorder) -> Iterator[tuple[str, Document]]:
    period = found.period
    for key in sorted(found.series):
        columns = bracketed(recorder.columns[key], period.start_ms, period.end_ms)
        sha = fingerprint.of_readings(columns, recorder.notes.get(key, ()))
        yield "|".join(key), {"sha256": sha, "count": len(columns)}


def effective(source: StoreSource, period: Period) -> list[Entry]:
    """The entries in force that can touch a period: not undone, and overlapping it where they bear dates."""
    found = [e for e in in_force(source.entries.entries()) if e.kind not in ASIDE]
    known = set(source.series())
    return [e for e in found if _touches(e, period) or _reaches(source, e, period, known)]


def _reaches(source: StoreSource, entry: Entry, period: Period, known: Collection[SeriesKey]) -> bool:
    """Whether what was read off at an instant lies in a gap over an edge of the period."""
    at, key = entry.body.get("time_ms"), (entry.body.get("point", ""), entry.body.get("quantity", ""))
    if at is None or key not in known:
        return False
    first, last = around(source, key, period.start_ms, period.end_ms)
    return bool(first <= at <= last)


def _touches(entry: Entry, period: Period) -> bool:
    starts = [entry.body[name] for name in STARTS if isinstance(entry.body.get(name), int)]
    ends = [entry.body[name] for name in ENDS if isinstance(entry.body.get(name), int)]
    return (not starts or min(starts) < period.end_ms) and (not ends or max(ends) >= period.start_ms)


def shortcomings(found: Account, balance: Mapping[str, Any], at_ms: int) -> Iterator[str]:
    """Why a month cannot be called complete."""
    if found.period.end_ms > at_ms:
        yield f"the period {found.period.label} is not over yet"
    elif balance["provisional"]:
        yield "not every quarter-hour is settled: a later reading is missing at a boundary meter"
    provisional = sum(line.amount.provisional for line in found.balance.lines)
    if provisional:
        yield "part of the energy is provisional"
    yield from (f"{fault['where']}: {fault['en']}" for fault in balance["faults"] if fault["incomplete"])


def figures(document: Mapping[str, Any]) -> Document:
    """What was stated: totals, energies, and every line with its kilograms and activity."""
    balance = document["balance"]
    lines = {line["id"]: {"kg": line["kg"], "micro": line["activity"]["micro"], "factor": line["factor"]["id"]}
             for line in (*balance["lines"], *document["lines_co2e"])}  # fmt: skip
    return {"totals": balance["totals"], "energy": balance["energy"], "lines": lines}


def state(document: Mapping[str, Any]) -> str:
    """The fingerprint of a month's figures and of all they rest on; two closings of one state say the same."""
    return fingerprint.of_json([figures(document), document["hashes"], document["incomplete"]])


def closings(results: ResultsReader, period: str) -> list[Document]:
    """The closings of a month, oldest first, as they were frozen."""
    index = (results.mark(INDEX) or {}).get(period, [])
    return [results.mark(_name(period, one["number"])) for one in index]


def _name(period: str, number: int) -> str:
    return f"closing/{period}/{number}"


def _is_month(text: object) -> bool:
    return isinstance(text, str) and re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", text) is not None


def check_month(text: str) -> str:
    """A calendar month as it is closed; ValueError otherwise."""
    if not _is_month(text):
        raise ValueError(f"{text!r} is not a month: write 2026-10")
    return text


def freeze_pending(service: FactoryService, writer: ResultsWriter) -> int:
    """Freeze the months whose closing was entered and is not frozen yet; how many."""
    if not service.source.entries.entries("closing"):
        return 0
    wanted = [
        e for e in in_force(service.source.entries.entries()) if e.kind == "closing" and _is_month(e.body.get("period"))
    ]
    index = {period: list(done) for period, done in (service.results.mark(INDEX) or {}).items()}
    done = {one["entry"] for of in index.values() for one in of}
    pending = [entry for entry in wanted if entry.id not in done]
    for entry in pending:
        period = str(entry.body["period"])
        before = index.setdefault(period, [])
        document = frozen(service, entry, len(before) + 1)
        before.append({"number": len(before) + 1, "entry": entry.id, "document": fingerprint.of_json(document)})
        writer.write({}, 0, {}, {_name(period, len(before)): document, INDEX: index})
    return len(pending)


def frozen(service: FactoryService, entry: Entry, number: int) -> Document:
    """The document of one closing; it says so where it is not what was seen when the closing was entered."""
    document = known_document(service, str(entry.body["period"]), entry.at_ms)
    seen = entry.body.get("state", "")
    return {
        **document, "number": number, "as_seen": seen in {"", state(document)},
        "entry": {"id": entry.id, "who": entry.who, "why": entry.why, "at_ms": entry.at_ms},
    }  # fmt: skip


def closing_entry(
    service: FactoryService, period: str, who: str, why: str, now_ms: int, *, incomplete: bool
) -> Entry | None:
    """The entry that asks for a closing; None where nothing changed since the last, NotReadyError where it may not."""
    known = known_document(service, check_month(period), now_ms)
    if known["incomplete"] and not incomplete:
        raise NotReadyError("; ".join(known["incomplete"]))
    before = closings(service.results, period)
    if before and state(before[-1]) == state(known):
        return None
    body = {"period": period, "incomplete": bool(known["incomplete"]), "state": state(known)}
    return Entry(f"closing-{period}-{now_ms}", "closing", who, why, now_ms, body)
