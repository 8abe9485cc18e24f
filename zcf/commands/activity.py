"""`zcf activity`: fuels, gases, steam, freight, suppliers: what no meter tells; checked whole, then entered."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zcf.commands.answers import AsJson, _service
from zcf.commands.entering import DryRun, Who, Why, about_a_site, append, named

if TYPE_CHECKING:
    from analytics.service import FactoryService
    from metering.store.entries import Entry

app = about_a_site("Activities that no meter tells: fuels, gases, steam, freight, suppliers.")


@app.command()
def enter(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A YAML file with `activities:`.", metavar="FILE")],
    *, who: Who, why: Why, dry_run: DryRun = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Enter a file's records, all or none; every fault is told with its line."""
    by = named(who, why)
    service = _service(context.obj)
    entries = _drafted(service, file, *by)
    if not dry_run:
        append(service.config.store_dir, "zcf activity", entries)
    told = [{"id": e.id, "record": e.body["row"]["id"], "body": dict(e.body)} for e in entries]
    if as_json:
        print(json.dumps({"entries": told, "written": not dry_run}, ensure_ascii=False))
        return
    for one in told:
        print(f"{'would enter' if dry_run else 'entered'} {one['record']} ({one['id']})")


def _drafted(service: "FactoryService", file: Path, who: str, why: str) -> list["Entry"]:
    from analytics.activity_files import KIND, Beside, read_file
    from metering.store.entries import Entry

    now_ms = time.time_ns() // 1_000_000
    held = service.source.entries.entries()
    beside = Beside(service.settings.chain, held, metered_fuels(service, now_ms))
    bodies = read_file(file, service.recorder, beside)
    return [Entry(f"{KIND}-{body['row']['id']}-{now_ms}", KIND, who, why, now_ms, body) for body in bodies]


def metered_fuels(service: "FactoryService", now_ms: int) -> list[Any]:
    """The fuels that meters of the site count, for all time up to now."""
    from analytics.flows import FUEL
    from analytics.fuel_paths import PATHS, FuelUse
    from metering.quantity import quantity
    from metering.site import Role

    here = {p.id: p for p in service.config.site.boundary() if p.role is Role.FUEL}
    return [
        FuelUse(here[point].activity or here[point].carrier, PATHS[quantity(name).unit], point, 0, now_ms)
        for point, name in service.source.series()
        if point in here and name in FUEL and quantity(name).unit in PATHS
    ]


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """Every record in force, what it posts, and how much of the spend suppliers answered for."""
    from analytics.activity_files import recorded_of, rows_of, suppliers_of
    from analytics.scope3 import coverage

    service = _service(context.obj)
    entries = service.source.entries.entries()
    body: dict[str, Any] = {
        "records": [json.loads(row.model_dump_json(by_alias=True, exclude_unset=True)) for row in rows_of(entries)],
        "postings": [
            {"id": r.id, "category": r.category.value, "scope": r.category.scope, "amount": r.micro / 10**6,
             "unit": r.unit, "tier": r.tier, "how": r.how.both()}
            for r in recorded_of(entries, service.recorder)
        ],
        "suppliers": coverage(suppliers_of(entries)),
    }  # fmt: skip
    if as_json:
        print(json.dumps(body, ensure_ascii=False))
        return
    for one in body["postings"]:
        scope = one["scope"] or "–"
        print(f"{one['id']}  scope {scope} {one['category']}  {one['amount']:,.3f} {one['unit']}  {one['tier']}")
    print(body["suppliers"]["en"])


__all__ = ["app", "metered_fuels"]
