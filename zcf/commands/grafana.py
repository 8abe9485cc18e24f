"""`zcf grafana push`: our dashboards into a Grafana that is already there."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from zcf.grafana_push import Body, Step

app = typer.Typer(no_args_is_help=True, help="Dashboards for a Grafana that is already there.")
WHERE = "Where Grafana finds the readings: a site file with `forward:`, or InfluxDB's URL."
GRAFANA = "The Grafana; its token is in ZCF_GRAFANA_TOKEN."


@app.callback()
def _group() -> None:
    """Dashboards for a Grafana that is already there."""


@app.command("push")
def push(
    site_or_url: Annotated[str, typer.Argument(help=WHERE, metavar="SITE_OR_URL", show_default=False)],
    to: Annotated[str, typer.Option("--to", envvar="ZCF_GRAFANA_URL", help=GRAFANA)],
    bucket: Annotated[str, typer.Option("--bucket", help="The bucket of readings; else the site file's.")] = "",
    results: Annotated[str, typer.Option("--results-bucket", help="That of results; else the site file's.")] = "",
    renew_token: Annotated[bool, typer.Option("--renew-token", help="Send ZCF_INFLUX_READ_TOKEN again.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Look, say what would be done, change nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of lines.")] = False,
) -> None:
    """Push folder, data sources and dashboards; a second time nothing is left to do. Alert rules come by file alone."""
    from zcf.grafana_push import Grafana
    from zcf.grafana_push import push as pushed

    sources = _sources(site_or_url, bucket, results)
    grafana = Grafana(to, secret("ZCF_GRAFANA_TOKEN", needed=True))
    token = secret("ZCF_INFLUX_READ_TOKEN", needed=False)
    done: list[Step] = []
    for step in pushed(grafana, sources, token, dry_run=dry_run, renew=renew_token):
        done.append(step)
        if not as_json:
            would = "would be " if dry_run and step.action != "unchanged" else ""
            print(f"{would}{step.action}: {step.kind} {step.uid}")
    if as_json:
        rows = [{"kind": step.kind, "uid": step.uid, "action": step.action} for step in done]
        print(json.dumps({"grafana": grafana.url, "dry_run": dry_run, "steps": rows}))


def secret(name: str, *, needed: bool) -> str:
    """A token out of the environment, or of the file that NAME_FILE names; on the command line all could read it."""
    file = os.environ.get(f"{name}_FILE", "")
    found = Path(file).read_text(encoding="utf-8").strip() if file else os.environ.get(name, "").strip()
    if needed and not found:
        raise OSError(f"no token: put it into {name}, or its file's name into {name}_FILE")
    return found


def _sources(site_or_url: str, bucket: str, results: str) -> "list[Body]":
    from metering.sitefile import load_site
    from zcf.grafana_push import data_sources

    if "://" in site_or_url:
        return data_sources(site_or_url.rstrip("/"), bucket or "readings", results or "results")
    forward = load_site(Path(site_or_url)).file.forward
    if forward is None:
        raise OSError(f"{site_or_url} forwards nothing to InfluxDB: add a `forward:` section, or give InfluxDB's URL")
    return data_sources(forward.url.rstrip("/"), bucket or forward.bucket, results or forward.results_bucket)
