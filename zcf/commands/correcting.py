"""`zcf correct`: what people know of a meter, entered with who and why; the readings stay as they are."""

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zcf.commands.answers import AsJson
from zcf.commands.entering import DryRun, Who, Why, about_a_site, refused

if TYPE_CHECKING:
    from metering.sitefile import SiteConfig
    from metering.store.entries import Entry
    from zcf.correction_effect import Change, Effect

app = about_a_site("Correct a meter's figures by an entry; a later entry can undo it.")

Point = Annotated[str, typer.Option("--point", help="The metering point.")]
Register = Annotated[str, typer.Option("--quantity", help="The register.")]
At = Annotated[str, typer.Option("--at", help="When: 2026-10-03T14:30 by the site's clock, or with an offset.")]
From = Annotated[str, typer.Option("--from", help="From when on.")]
To = Annotated[str, typer.Option("--to", help="Until when.")]
Value = Annotated[str, typer.Option("--value", help="In the register's unit.")]
ENERGY = "active_energy_import"


@app.command()
def exchange(
    context: typer.Context, *, point: Point, at: At,
    final: Annotated[str, typer.Option("--final", help="What the old meter showed last.")],
    start: Annotated[str, typer.Option("--start", help="What the new meter showed first.")],
    who: Who, why: Why, quantity: Register = ENERGY, dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """A meter was changed for another."""
    words = {"point": point, "quantity": quantity, "at": at, "final": final, "start": start}
    _enter(context, "exchange", words, (who, why), dry_run=dry_run, as_json=as_json)


@app.command("bad-range")
def bad_range(
    context: typer.Context, *, point: Point, start: From, end: To, who: Who, why: Why,
    quantity: Register = ENERGY, dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Readings of a span are wrong and are set aside."""
    words = {"point": point, "quantity": quantity, "from": start, "to": end}
    _enter(context, "bad_range", words, (who, why), dry_run=dry_run, as_json=as_json)


@app.command()
def manual(
    context: typer.Context, *, point: Point, at: At, value: Value, who: Who, why: Why,
    quantity: Register = ENERGY, dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """What a person read off the meter."""
    words = {"point": point, "quantity": quantity, "at": at, "value": value}
    _enter(context, "manual_reading", words, (who, why), dry_run=dry_run, as_json=as_json)


@app.command()
def multiplier(
    context: typer.Context, *, point: Point, start: From, end: To,
    factor: Annotated[str, typer.Option("--factor", help="Energy = register x this: 1.1 or 11/10.")],
    who: Who, why: Why, dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """The register counted wrongly by a factor: a wrong CT, a wrong pulse value."""
    words = {"point": point, "from": start, "to": end, "factor": factor}
    _enter(context, "multiplier", words, (who, why), dry_run=dry_run, as_json=as_json)


@app.command()
def direction(
    context: typer.Context, *, point: Point, start: From, end: To, who: Who, why: Why,
    dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """The meter sat the wrong way round: import and export change places."""
    words = {"point": point, "from": start, "to": end}
    _enter(context, "direction", words, (who, why), dry_run=dry_run, as_json=as_json)


@app.command()
def reset(
    context: typer.Context, *, point: Point, at: At, who: Who, why: Why, quantity: Register = ENERGY,
    energy: Annotated[str, typer.Option("--energy", help="The energy between the readings, if it is known.")] = "",
    dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """A register began anew between two readings; without its energy the item stays open, explained."""
    words = {"point": point, "quantity": quantity, "at": at, "energy": energy}
    _enter(context, "reset", words, (who, why), dry_run=dry_run, as_json=as_json)


@app.command()
def bill(
    context: typer.Context, *, point: Point, start: From, end: To, value: Value, who: Who, why: Why,
    quantity: Register = ENERGY, dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """What a supplier billed; shown beside the meter's figure, never in place of it."""
    words = {"point": point, "quantity": quantity, "from": start, "to": end, "value": value}
    _enter(context, "bill", words, (who, why), dry_run=dry_run, as_json=as_json)


@app.command()
def undo(
    context: typer.Context, *, entry: Annotated[str, typer.Option("--entry", help="The entry's name.")],
    who: Who, why: Why, dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Undo an entry by another; both stay."""
    _enter(context, "undo", {"entry": entry}, (who, why), dry_run=dry_run, as_json=as_json)


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """Every entry, and which are undone."""
    from analytics.corrections import in_force
    from metering.sitefile import load_site
    from metering.store.entries import EntriesReader

    config = load_site(context.obj)
    entries = EntriesReader(config.store_dir).entries()
    valid = {one.id for one in in_force(entries)}
    told = [{**_entry(one), "in_force": one.id in valid} for one in entries]
    if as_json:
        print(json.dumps({"entries": told}, ensure_ascii=False))
    for one in [] if as_json else told:
        undone = "" if one["in_force"] else " (undone)"
        print(f"{one['id']}{undone}  {_clock(config, one['at_ms'])}  {one['who']}: {one['why']}")
        print(f"    {_said(config, one['body'])[:400]}")


def _said(config: "SiteConfig", body: Mapping[str, Any]) -> str:
    """What an entry holds, as people read it: instants by the site's clock, amounts in the register's unit."""
    from metering.quantity import QUANTITIES
    from metering.reading import MICRO

    unit = QUANTITIES[body["quantity"]].unit if body.get("quantity") in QUANTITIES else ""
    told = []
    for name, value in body.items():
        if name.endswith("_ms") and isinstance(value, int):
            told.append(f"{name[:-3]} {_clock(config, value)}")
        elif name.endswith("micro") and isinstance(value, int):
            told.append(f"{name[:-6] or 'value'} {value / MICRO:,.3f} {unit}".rstrip())
        elif value not in ("", None):
            shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
            told.append(f"{name} {shown}")
    return ", ".join(told)


def _enter(
    context: typer.Context, kind: str, words: dict[str, str], by: tuple[str, str], *, dry_run: bool, as_json: bool
) -> None:
    from metering.sitefile import load_site
    from zcf.correcting import Draft, WrongEntryError
    from zcf.correction_effect import effect, write

    config = load_site(context.obj)
    try:
        entry = Draft(config, time.time_ns() // 1_000_000).entry(kind, words, *by)
    except WrongEntryError as error:
        raise refused(error.faults) from None
    found = effect(config, entry)
    if not dry_run:
        write(config, entry)
    _show(config, entry, found, dry_run=dry_run, as_json=as_json)


def _show(config: "SiteConfig", entry: "Entry", found: "Effect", *, dry_run: bool, as_json: bool) -> None:
    changes = [_change(one) for one in found.changes]
    items = {"before": found.open_before, "after": found.open_after}
    if as_json:
        body = {"entry": _entry(entry), "written": not dry_run, "changes": changes, "open_items": items}
        body |= {"metered_micro": found.metered_micro} if entry.kind == "bill" else {}
        print(json.dumps(body, ensure_ascii=False))
        return
    print(f"{'would enter' if dry_run else 'entered'} {entry.id}: {entry.kind} by {entry.who}: {entry.why}")
    for one in changes:
        span = f"{_clock(config, one['start_ms'])} .. {_clock(config, one['end_ms'])}"
        print(f"{one['point']} {one['quantity']}  {span}")
        print(f"    {one['before']:,.3f} -> {one['after']:,.3f} {one['unit']} ({one['after'] - one['before']:+,.3f})")
    if entry.kind == "bill":
        print(f"    {_beside_meter(entry, found)}")
    else:
        print(f"open items there: {items['before']} -> {items['after']}")


def _beside_meter(entry: "Entry", found: "Effect") -> str:
    """What was billed and what was metered over the same time."""
    from metering.quantity import quantity
    from metering.reading import MICRO

    unit, billed = quantity(entry.body["quantity"]).unit, entry.body["micro"]
    if found.metered_micro is None:
        return f"billed {billed / MICRO:,.3f} {unit}; not all of that time is metered"
    apart = billed - found.metered_micro
    share = f" ({100 * apart / found.metered_micro:+.2f} %)" if found.metered_micro else ""
    return (
        f"billed {billed / MICRO:,.3f}, metered {found.metered_micro / MICRO:,.3f} {unit}:"
        f" {apart / MICRO:+,.3f}{share}; no figure moves"
    )


def _entry(entry: "Entry") -> dict[str, Any]:
    return {
        "id": entry.id, "kind": entry.kind, "who": entry.who, "why": entry.why, "at_ms": entry.at_ms,
        "body": dict(entry.body),
    }  # fmt: skip


def _change(one: "Change") -> dict[str, Any]:
    from metering.quantity import quantity
    from metering.reading import MICRO

    return {
        "point": one.point, "quantity": one.quantity, "unit": quantity(one.quantity).unit,
        "start_ms": one.start_ms, "end_ms": one.end_ms, "before": one.before_micro / MICRO,
        "after": one.after_micro / MICRO, "before_micro": one.before_micro, "after_micro": one.after_micro,
    }  # fmt: skip


def _clock(config: "SiteConfig", time_ms: int) -> str:
    from metering.period import from_ms

    return from_ms(time_ms).astimezone(config.zone).isoformat(" ", "minutes")
