"""`zcf orders`: work orders, and the energy and carbon of each; with the idle they close against the meters."""

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zcf.commands.answers import AsJson, _service
from zcf.commands.correcting import EXIT_WRONG, DryRun, Who, Why

if TYPE_CHECKING:
    from metering.store.entries import Entry

app = typer.Typer(no_args_is_help=True, help="Work orders: energy and carbon per product, closing against the meters.")


@app.callback()
def _site(context: typer.Context, site: Annotated[Path, typer.Argument(help="The site file.", metavar="SITE")]) -> None:
    """Work orders: energy and carbon per product, closing against the meters."""
    context.obj = site


@app.command()
def enter(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A YAML file with `work_orders:`.", metavar="FILE")],
    *, who: Who, why: Why, dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Enter a file's work orders, all or none; every fault is told with its line."""
    from analytics.order_files import KIND, read_orders
    from metering.store.entries import Entry

    if not who.strip() or not why.strip():
        print("--who and --why: an entry needs them", file=sys.stderr)
        raise typer.Exit(EXIT_WRONG)
    service, now_ms = _service(context.obj), time.time_ns() // 1_000_000
    site = service.config.site
    bodies = read_orders(file, site.zone, [p.id for p in site.points], service.source.entries.entries())
    names = [f"{KIND}-{body['row']['id']}-{now_ms}" for body in bodies]
    entries = [Entry(n, KIND, who.strip(), why.strip(), now_ms, b) for n, b in zip(names, bodies, strict=True)]
    if not dry_run:
        _write(service.config.store_dir, entries)
    if as_json:
        print(json.dumps({"entries": names, "written": not dry_run}))
    else:
        print(f"{'would enter' if dry_run else 'entered'} {len(names)} work orders")


def _write(store: Path, entries: "list[Entry]") -> None:
    from metering.store.entries import EntriesWriter

    writer = EntriesWriter(store, "zcf orders")
    try:
        for entry in entries:
            writer.append(entry)
    finally:
        writer.close()


@app.command()
def footprint(
    context: typer.Context,
    period: Annotated[str, typer.Option("--period", help="2026-10, 2026-10-03, a..b, today, month")] = "month",
    as_json: AsJson = False,
) -> None:
    """Energy and carbon of each order and each unit, the idle apart."""
    try:
        body = _service(context.obj).orders(period)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--period") from None
    if as_json:
        print(json.dumps(body, ensure_ascii=False))
        return
    for one in body["orders"]:
        each = one["per_unit"]["kg_lb"]
        kg = "–" if one["kg_lb"] is None else f"{one['kg_lb']:,.3f} kgCO2 (LB)"
        print(f"{one['id']}  {one['product']}  {one['units']} units  {one['kwh']:,.3f} kWh  {kg}  "
              f"{'–' if each is None else f'{each:.6f}'} kgCO2 each")  # fmt: skip
    for one in body["sets"]:
        closed = "closes" if one["closes"] else "does not close"
        names, kwh = "+".join(one["points"]), f"{one['metered_kwh']:,.3f} kWh metered, {one['idle_kwh']:,.3f} kWh idle"
        print(f"{names}: {kwh}; {closed}")
    for point in body["not_metered"]:
        print(f"{point}: no energy is known in this period")
