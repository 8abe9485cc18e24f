"""`zcf ledger`: green power, certificates, credits and allowances; what is claimed twice is refused with the reason."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zcf.commands.answers import AsJson, _service
from zcf.commands.entering import DryRun, Who, Why, about_a_site, refused

if TYPE_CHECKING:
    from metering.store.entries import Entry

app = about_a_site("Green power, certificates, credits, allowances: held, retired for whom.")

Lot = Annotated[str, typer.Option("--lot", help="The lot it leaves: the name `list` shows.")]
Amount = Annotated[str, typer.Option("--amount", help="MWh or tCO2e; else counted from the serials.")]
SerialRange = Annotated[str, typer.Option("--serials", help="FIRST..LAST, as the registry prints them.")]
ForYear = Annotated[str, typer.Option("--year", help="The year it is for.")]
Paper = Annotated[str, typer.Option("--document", help="The document that shows it.")]
On = Annotated[str, typer.Option("--on", help="The day; today where none is given.")]
Purpose = Annotated[str, typer.Option("--purpose", help="What for: own use, a product, a compliance year.")]


@app.command()
def acquire(
    context: typer.Context, *,
    asset: Annotated[str, typer.Option("--asset", help="green_power, gec, irec, rec, ccer, vcu, ..., allowance")],
    vintage: Annotated[str, typer.Option("--vintage", help="When it was generated: 2026 or 2026-03.")],
    document: Paper, who: Who, why: Why, amount: Amount = "", number: SerialRange = "",
    registry: Annotated[str, typer.Option("--registry", help="Where it is registered.")] = "",
    project: Annotated[str, typer.Option("--project", help="The plant or project it comes from.")] = "",
    origin: Annotated[str, typer.Option("--origin", help="purchase, allocation or own")] = "purchase",
    factor: Annotated[str, typer.Option("--factor", help="kgCO2/kWh, of certificates and green power.")] = "0",
    quality: Annotated[str, typer.Option("--quality", help="same_market=met,... of the eight criteria.")] = "",
    renewable: bool = True, removal: bool = False, dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Units came in: bought, allocated, or of the own plant."""
    words = {
        "asset": asset, "vintage": vintage, "document": document, "amount": amount, "serials": number,
        "registry": registry, "project": project, "origin": origin, "factor": factor, "quality": quality,
        "renewable": "yes" if renewable else "no", "removal": "yes" if removal else "no",
    }  # fmt: skip
    _enter(context, "acquisition", words, (who, why), dry_run=dry_run, as_json=as_json)


@app.command()
def retire(
    context: typer.Context, *, lot: Lot, year: ForYear, who: Who, why: Why, amount: Amount = "",
    number: SerialRange = "", document: Paper = "", on: On = "", purpose: Purpose = "",
    beneficiary: Annotated[str, typer.Option("--for", help="For whom; else this site.")] = "",
    dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Units were retired for a year; what is for this site enters its market-based balance or its offsets."""
    words = _leaving(lot, year, amount, number, document, on, purpose, beneficiary)
    _enter(context, "retirement", words, (who, why), dry_run=dry_run, as_json=as_json)


@app.command()
def surrender(
    context: typer.Context, *, lot: Lot, year: ForYear, who: Who, why: Why, amount: Amount = "",
    number: SerialRange = "", document: Paper = "", on: On = "", dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Allowances were surrendered for a compliance year."""
    words = _leaving(lot, year, amount, number, document, on, "compliance", "")
    _enter(context, "surrender", words, (who, why), dry_run=dry_run, as_json=as_json)


@app.command()
def dispose(
    context: typer.Context, *, lot: Lot, year: ForYear, who: Who, why: Why, amount: Amount = "",
    number: SerialRange = "", document: Paper = "", on: On = "", purpose: Purpose = "sold",
    dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Units were sold or handed on."""
    words = _leaving(lot, year, amount, number, document, on, purpose, "")
    _enter(context, "disposal", words, (who, why), dry_run=dry_run, as_json=as_json)


@app.command()
def verified(
    context: typer.Context, *, year: ForYear, document: Paper, who: Who, why: Why,
    amount: Annotated[str, typer.Option("--amount", help="tCO2e")],
    verifier: Annotated[str, typer.Option("--verifier", help="Who verified it.")] = "",
    dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """A verifier's figure for a compliance year."""
    words = {"year": year, "amount": amount, "document": document, "verifier": verifier}
    _enter(context, "verified_emissions", words, (who, why), dry_run=dry_run, as_json=as_json)


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """Every lot, what left it for whom, and what was refused and why."""
    from analytics.holdings import ledger_document

    body = ledger_document(_service(context.obj).ledger())
    if as_json:
        print(json.dumps(body, ensure_ascii=False))
        return
    for lot in body["lots"]:
        print(f"{lot['id']}  {lot['name']['en']} {lot['vintage']}  {lot['left']:g} of {lot['amount']:g} {lot['unit']}  "
              f"{lot['registry']} {lot['serials']}")  # fmt: skip
        for move in lot["moves"]:
            whom = move["beneficiary"] or "–"
            print(f"    {move['on']} {move['kind']} {move['amount']:g} {move['serials']} for {whom}, {move['year']} "
                  f"({move['id']})")  # fmt: skip
    for one in body["refused"]:
        print(f"refused {one['id']}: {' '.join(reason['en'] for reason in one['reasons'])}")


@app.command()
def position(
    context: typer.Context,
    year: ForYear,
    basis: Annotated[str, typer.Option("--basis", help="What is covered: scope1 or gross_location.")] = "scope1",
    emissions: Annotated[str, typer.Option("--emissions", help="Expected tCO2e in place of the forecast.")] = "",
    as_json: AsJson = False,
) -> None:
    """The allowances of a compliance year: held, needed, short."""
    from analytics.position_book import BASES, position_of

    if basis not in BASES:
        raise typer.BadParameter(f"{basis!r} is neither scope1 nor gross_location", param_hint="--basis")
    try:
        body = position_of(_service(context.obj), int(year), basis, emissions)
    except (ValueError, ZeroDivisionError) as error:
        raise typer.BadParameter(str(error)) from None
    if as_json:
        print(json.dumps(body, ensure_ascii=False))
        return
    for name in ("allocated", "bought", "sold", "surrendered", "free"):
        print(f"{name:>12} {body[name]:14,.3f} t")
    needed = body["obligation"]
    print(f"{'obligation':>12} {needed['value']:14,.3f} t  {needed['en']}" if needed else "obligation not known yet")
    print(f"{'gap':>12} {body['gap']:14,.3f} t" if body["gap"] is not None else "gap not known yet")


def _leaving(
    lot: str, year: str, amount: str, number: str, document: str, on: str, purpose: str, beneficiary: str
) -> dict[str, str]:
    return {
        "lot": lot, "year": year, "amount": amount, "serials": number, "document": document, "on": on,
        "purpose": purpose, "beneficiary": beneficiary,
    }  # fmt: skip


def _enter(
    context: typer.Context, kind: str, words: dict[str, str], by: tuple[str, str], *, dry_run: bool, as_json: bool
) -> None:
    from zcf.correcting import WrongEntryError
    from zcf.correction_effect import write
    from zcf.ledgering import LedgerDraft

    service = _service(context.obj)
    try:
        entry = LedgerDraft(service).entry(kind, words, *by)
    except WrongEntryError as error:
        raise refused(error.faults) from None
    if not dry_run:
        write(service.config, entry)
    body = _document(entry, written=not dry_run)
    print(json.dumps(body, ensure_ascii=False) if as_json else f"{'would enter' if dry_run else 'entered'} {entry.id}")


def _document(entry: "Entry", *, written: bool) -> dict[str, Any]:
    told = {"id": entry.id, "kind": entry.kind, "who": entry.who, "why": entry.why, "at_ms": entry.at_ms}
    return {"entry": {**told, "body": dict(entry.body)}, "written": written}
