"""`zcf influx init`: buckets, mappings and tokens in an InfluxDB 2 that is already there."""

import json
import time
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="What our InfluxDB 2 needs to have.")

Site = Annotated[Path, typer.Argument(help="The site file, with `forward:`.", metavar="SITE", show_default=False)]
Secrets = Annotated[Path, typer.Option("--secrets", help="Folder for the tokens, a file a role, mode 0600.")]
Retention = Annotated[int, typer.Option("--retention", min=0, help="Days that readings are kept; 0 = for ever.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Look, say what would be done, change nothing.")]
Renew = Annotated[bool, typer.Option("--renew-tokens", help="Take our tokens away and make new ones.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object instead of lines.")]


@app.callback()
def _group() -> None:
    """What our InfluxDB 2 needs to have."""


@app.command("init")
def init(
    site: Site, secrets: Secrets = Path("secrets"), retention: Retention = 0,
    dry_run: DryRun = False, renew_tokens: Renew = False, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Make buckets, DBRP mappings and one token a role; the admin's token is in ZCF_INFLUX_ADMIN_TOKEN or its _FILE."""
    from metering.sitefile import load_site
    from metering.store.readings_reader import ReadingsReader
    from zcf.commands.grafana import secret
    from zcf.influx_api import InfluxApi
    from zcf.influx_init import Init, Step

    config = load_site(site)
    section = config.file.forward
    if section is None:
        raise OSError(f"{site} has no section `forward`: it says where InfluxDB is, and the names of the buckets")
    api = InfluxApi(section.url, secret("ZCF_INFLUX_ADMIN_TOKEN", needed=True))
    oldest_ms = ReadingsReader(config.store_dir).first_ms()
    made = Init(api, section, config.site.id, secrets, dry_run=dry_run, renew=renew_tokens)
    steps: list[Step] = []
    for step in made.run(retention * 86_400, oldest_ms / 1000 if oldest_ms is not None else None, time.time()):
        steps.append(step)
        if not as_json:
            would = "would be " if dry_run and step.action in {"created", "changed"} else ""
            print(f"{would}{step.action}: {step.kind} {step.name}" + (f" ({step.note})" if step.note else ""))
    if as_json:
        rows = [{"kind": s.kind, "name": s.name, "action": s.action, "note": s.note} for s in steps]
        print(json.dumps({"influxdb": api.url, "dry_run": dry_run, "steps": rows}))
    raise typer.Exit(code=1 if any(step.action == "fault" for step in steps) else 0)
