"""`zcf orders`: work orders, and the energy and carbon of each; with the idle they close against the meters."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zcf.commands.answers import AsJson, _service, readable_period
from zcf.commands.entering import DryRun, Who, Why, about_a_site, append, named

if TYPE_CHECKING:
    pass

app = about_a_site("Work orders: energy and carbon per product, closing against the meters.")


@app.command()
def enter(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A YAML file with `work_orders:`.", metavar="FILE")],
    *, who: Who, why: Why, dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Enter a file's work orders, all or none; every fault is told with its line."""
    from analytics.order_files import KIND, read_orders
    from metering.store.entries import Entry

    by = named(who, why)
    service, now_ms = _service(context.obj), time.time_ns() // 1_000_000
    site = service.config.site
    bodies = read_orders(file, site.zone, [p.id for p in site.points], service.source.entries.entries())
    names = [f"{KIND}-{body['row']['id']}-{now_ms}" for body in bodies]
    entries = [Entry(name, KIND, *by, now_ms, body) for name, body in zip(names, bodies, strict=True)]
    if not dry_run:
        append(service.config.store_dir, "zcf orders", entries)
    if as_json:
        print(json.dumps({"entries": names, "written": not dry_run}))
    else:
        print(f"{'would enter' if dry_run else 'entered'} {len(names)} work orders")


@app.command()
def footprint(
    context: typer.Context,
    period: Annotated[str, typer.Option("--period", help="2026-10, 2026-10-03, a..b, today, month")] = "month",
    as_json: AsJson = False,
) -> None:
    """Energy and carbon of each order and each unit, the idle apart."""
    with readable_period():
        body = _service(context.obj).orders(period)
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
