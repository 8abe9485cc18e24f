"""`zcf check` and `zcf devices`: before the first reading."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from zcf.check import LinkLoad

SiteFile = Annotated[Path, typer.Argument(help="The site file.", metavar="SITE", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object instead of tables.")]


def check(site: SiteFile, as_json: AsJson = False) -> None:
    """Check a site file and everything it names: every fault at once with file:line, and the load of each link."""
    from analytics.factor_files import declared_factors, load_table
    from metering.sitefile import load_site
    from zcf.check import flash_bytes, loads, refuse_overload

    config = load_site(site)
    found = loads(config)
    load_table(declared=declared_factors(config.file.factors))
    refuse_overload(config, found)
    if as_json:
        body = {"site": config.site.id, "points": len(config.site.points), "devices": len(config.file.devices)}
        body["flash_bytes_per_day"] = round(flash_bytes(config, found))
        print(json.dumps({"ok": True, **body, "links": [load.body() for load in found]}, ensure_ascii=False))
        return
    _show_loads(found)
    values, size = (sum(load.body()[key] for load in found) for key in ("values_per_day", "disk_bytes_per_day"))
    print(f"{site}: no fault. {len(config.file.devices)} devices, {len(config.site.points)} metering points,")
    print(f"{values:,} values and about {size / 1e6:,.0f} MB a day, for which the flash takes at most about")
    print(f"{flash_bytes(config, found) / 1e9:,.1f} GB of writes (store.commit {config.file.store.commit} ms).")


def _show_loads(found: "tuple[LinkLoad, ...]") -> None:
    from rich.console import Console
    from rich.table import Table

    from zcf.check import advice

    table = Table(box=None, header_style="bold")
    table.add_column("link", no_wrap=True)
    for name in ("devices", "requests", "sweep ms", "busy", "if 9600 Bd", "values/day", "MB/day"):
        table.add_column(name, justify="right", no_wrap=True)
    for load in found:
        told = load.body()
        polled = load.type != "mqtt"
        table.add_row(
            load.id, str(load.devices), str(told["requests_per_sweep"]) if polled else "–",
            f"{told['sweep_ms']:.0f}" if polled else "–", f"{load.share:.0%}" if polled else "–",
            f"{load.serial_share:.0%}" if polled else "–", f"{told['values_per_day']:,}",
            f"{told['disk_bytes_per_day'] / 1e6:.1f}",
        )  # fmt: skip
    Console().print(table)
    for load in found:
        if said := advice(load):
            print(f"{load.id} ({load.where}): {said}")


def devices(as_json: AsJson = False) -> None:
    """List the device profiles at hand, and how well each one is proved."""
    from collector.profile import all_profiles

    profiles = all_profiles()
    if as_json:
        rows = [
            {"id": p.id, "manufacturer": p.manufacturer, "model": p.model, "category": p.category,
             "protocol": p.protocol, "points": len(p.points), "proof": p.proof.kind, "evidence": p.proof.evidence}
            for p in profiles
        ]  # fmt: skip
        print(json.dumps({"profiles": rows}, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for name in ("profile", "device", "category", "protocol", "points", "proof"):
        table.add_column(name, justify="right" if name == "points" else "left", no_wrap=True)
    for p in profiles:
        table.add_row(p.id, f"{p.manufacturer} {p.model}", p.category, p.protocol, str(len(p.points)), p.proof.kind)
    Console().print(table)


COMMANDS = {"check": check, "devices": devices}
