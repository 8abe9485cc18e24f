"""`zcf evidence`: what no meter can know, declared by a document with its hash, from a day on and until it expires."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from zcf.commands.answers import AsJson, _service
from zcf.commands.entering import DryRun, Who, Why, about_a_site, refused

app = about_a_site("Declare clauses and numbers by a document; they hold until it expires.")


@app.command()
def declare(
    context: typer.Context, *,
    key: Annotated[str, typer.Option("--key", help="What it proves: `zcf evidence SITE keys` lists them.")],
    value: Annotated[str, typer.Option("--value", help="yes, no, or a number.")],
    document: Annotated[str, typer.Option("--document", help="The file; its SHA-256 is kept.")],
    who: Who, why: Why,
    start: Annotated[str, typer.Option("--from", help="From when on; today where none is given.")] = "",
    expires: Annotated[str, typer.Option("--expires", help="The first day it no longer holds: 2027-02-28.")] = "",
    dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Enter one piece of evidence; `zcf correct SITE undo` takes it back."""
    from zcf.correcting import WrongEntryError
    from zcf.correction_effect import write
    from zcf.evidencing import EvidenceDraft

    service = _service(context.obj)
    words = {"key": key, "value": value, "document": document, "from": start, "expires": expires}
    try:
        entry = EvidenceDraft(service).entry(words, who, why)
    except WrongEntryError as error:
        raise refused(error.faults) from None
    if not dry_run:
        write(service.config, entry)
    told = {"id": entry.id, "kind": entry.kind, "who": entry.who, "why": entry.why, "at_ms": entry.at_ms}
    if as_json:
        print(json.dumps({"entry": {**told, "body": dict(entry.body)}, "written": not dry_run}, ensure_ascii=False))
    else:
        until = entry.body["expires"] or "without end"
        print(f"{'would enter' if dry_run else 'entered'} {entry.id}: {key} = {value}, until {until}")


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """Everything declared: in force, not yet, or expired; and the days it still holds."""
    from analytics.documents import proof_document
    from metering.period import from_ms
    from zcf.evidencing import declared, state_of

    service = _service(context.obj)
    today = from_ms(service.clock()).astimezone(service.config.zone).date()
    rows: list[dict[str, Any]] = []
    for proof in declared(service):
        left = (proof.expires - today).days if proof.expires else None
        rows.append({**proof_document(proof), "state": state_of(proof, today), "days_left": left})
    if as_json:
        print(json.dumps({"evidence": rows}, ensure_ascii=False))
        return
    for row in rows:
        holds = f"{row['days_left']} days left" if row["state"] == "in force" and row["expires"] else row["state"]
        print(f"{row['key']:32} {row['value']!s:>8}  {holds:14} {row['document']}  {row['sha256'][:12]}")


@app.command()
def keys(context: typer.Context, as_json: AsJson = False) -> None:
    """Every key that a criterion asks for, with its unit."""
    from zcf.evidencing import keys_of

    known = dict(sorted(keys_of(_service(context.obj)).items()))
    print(json.dumps(known, ensure_ascii=False) if as_json else "\n".join(f"{k:36} {u}" for k, u in known.items()))


@app.command()
def check(
    context: typer.Context, folder: Annotated[Path, typer.Argument(help="Where the documents lie.")],
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Hold the files of a folder against the hashes; 1 when one was altered or is missing."""
    from zcf.evidencing import compared, declared

    told = compared(declared(_service(context.obj)), folder)
    print(json.dumps(told, ensure_ascii=False) if as_json else "\n".join(f"{v:14} {k}" for k, v in told.items()))
    if {"altered", "missing"} & set(told.values()):
        raise typer.Exit(1)
