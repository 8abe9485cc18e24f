"""`zcf close`, `zcf explain`, `zcf report --bundle`, `zcf verify`: books that are closed, and checked by others."""

import json
import sys
import time
from collections.abc import Mapping
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zcf.commands.answers import AsJson, Language, SiteFile, _service, readable_period

if TYPE_CHECKING:
    from analytics.service import FactoryService
    from metering.store.entries import Entry

Month = Annotated[str, typer.Argument(help="The month: 2026-10.", metavar="MONTH", show_default=False)]
SpanOf = Annotated[str, typer.Option("--period", help="2026, 2026-10, 2026-10-03, FY2026, a..b, today, month")]
PATIENCE_S = 60.0  # how long the running service may take to freeze a month


def close(
    site: SiteFile,
    month: Month,
    who: Annotated[str, typer.Option("--who", help="Who closes it; else the user's name.")] = "",
    why: Annotated[str, typer.Option("--why", help="Why it is closed.")] = "month closed",
    incomplete: Annotated[bool, typer.Option("--incomplete", help="Close it though something is missing.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Close nothing: as issued beside as known now.")] = False,
    as_json: AsJson = False,
) -> None:
    """Close a month: freeze its balance with fingerprints of all it rests on; or show what changed since."""
    from analytics.closing import NotReadyError, check_month

    service = _service(site)
    try:
        check_month(month)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="MONTH") from None
    if diff:
        _tell(_difference(service, month), as_json=as_json)
        return
    try:
        document = _close(service, month, who or _user(), why, incomplete=incomplete)
    except NotReadyError as error:
        print(f"zcf: {month} cannot be closed: {error}; --incomplete closes it all the same, and says so",
              file=sys.stderr)  # fmt: skip
        raise typer.Exit(1) from None
    _tell(document, as_json=as_json)


def _close(service: "FactoryService", month: str, who: str, why: str, *, incomplete: bool) -> dict[str, Any]:
    from analytics.closing import closing_entry, closings
    from metering.store.entries import entering

    _freeze(service)  # what was asked for earlier and not frozen yet
    entry = closing_entry(service, month, who, why, service.clock(), incomplete=incomplete)
    if entry is None:
        last = closings(service.results, month)[-1]
        return {"closed": False, "nothing_changed": True, **_short(last)}
    with entering(service.config.store_dir, "zcf close") as writer:
        writer.append(entry)
    found = _wait(service, month, entry)
    return {"closed": found is not None, "nothing_changed": False, **_short(found or {"entry": {"id": entry.id}})}


def _freeze(service: "FactoryService") -> bool:
    """Freeze what was asked for, unless the running service holds the results and will do it."""
    from analytics.closing import freeze_pending
    from metering.store import StoreLockedError
    from metering.store.results import ResultsWriter

    try:
        writer = ResultsWriter(service.config.store_dir, "zcf close")
    except StoreLockedError:
        return False
    try:
        freeze_pending(service, writer)
    finally:
        writer.close()
    return True


def _wait(service: "FactoryService", month: str, entry: "Entry") -> dict[str, Any] | None:
    from analytics.closing import closings

    until = time.monotonic() + PATIENCE_S
    while True:
        mine = _freeze(service)
        found = [one for one in closings(service.results, month) if one["entry"]["id"] == entry.id]
        if found or mine or time.monotonic() > until:
            return found[0] if found else None
        time.sleep(1)


def _short(document: Mapping[str, Any]) -> dict[str, Any]:
    """A closing without its lines."""
    names = ("site", "period", "number", "entry", "incomplete", "as_seen", "hashes")
    return {name: document[name] for name in names if name in document} | {
        "totals": document["balance"]["totals"] if "balance" in document else None
    }


def _difference(service: "FactoryService", month: str) -> dict[str, Any]:
    from analytics.closing import closings, known_document
    from analytics.restatement import restatement

    found = closings(service.results, month)
    if not found:
        raise typer.BadParameter(f"{month} was never closed", param_hint="MONTH")
    entries = service.source.entries.entries()
    bills = {entry.id for entry in entries if entry.kind == "bill"}
    document = restatement(found[-1], known_document(service, month, service.clock()), bills)
    entered = {entry.id: {"who": entry.who, "why": entry.why} for entry in entries}
    document["why"]["entries"] = [one | entered.get(one["id"], {}) for one in document["why"]["entries"]]
    return document


def _tell(document: dict[str, Any], *, as_json: bool) -> None:
    from zcf.commands.papers import show_closing, show_restatement

    if as_json:
        print(json.dumps(document, ensure_ascii=False))
    elif "why" in document:
        show_restatement(document)
    else:
        show_closing(document)
    if document.get("closed") is False and not document["nothing_changed"]:
        print("zcf: entered, but not frozen yet: the running service will do it", file=sys.stderr)
        raise typer.Exit(1)


def _user() -> str:
    try:
        return getuser()
    except (KeyError, OSError):  # a process without a user of its own
        return "unknown"


def explain(
    site: SiteFile,
    figure: Annotated[str, typer.Argument(help="scope1, total_mb.co2e, a line's id, import_kwh, POINT.QUANTITY")],
    period: SpanOf = "month",
    lang: Language = "en",
    as_json: AsJson = False,
) -> None:
    """Walk one figure down: formula, factor, activity, register readings, entries, what is open."""
    from analytics import explain as walking

    try:
        with readable_period():
            document = walking.explain(_service(site), figure, period)
    except LookupError as error:
        raise typer.BadParameter(str(error.args[0]), param_hint="FIGURE") from None
    if as_json:
        print(json.dumps(document, ensure_ascii=False))
    else:
        from zcf.commands.papers import show_explanation

        show_explanation(document, lang)


def verify(
    file: Annotated[Path, typer.Argument(help="The bundle.", metavar="FILE", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Check a bundle from itself alone: every byte of it, and every figure computed again, bit for bit."""
    from zcf.verifier import verify as verified

    found = verified(file)
    document = found.document()
    if as_json:
        print(json.dumps(document, ensure_ascii=False))
    else:
        from zcf.commands.papers import show_verification

        show_verification(document)
    raise typer.Exit(0 if found.passed else 1)


COMMANDS = {"close": close, "explain": explain, "verify": verify}
