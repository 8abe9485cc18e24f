"""`zcf match`: clean electricity against load by the hour, and what the battery gave back."""

import json
from typing import Annotated, Any

import typer

from zcf.commands.answers import AsJson, SiteFile, _service, readable_period


def match(
    site: SiteFile,
    period: Annotated[
        str, typer.Option("--period", help="2026, 2026-10, 2026-10-03, FY2026, a..b, today, month")
    ] = "month",
    as_json: AsJson = False,
) -> None:
    """Annual match, hourly match and CFE score of a period; --json also holds the hour x day heat map."""
    with readable_period():
        document = _service(site).matching(period)
    if as_json:
        print(json.dumps(document, ensure_ascii=False))
    else:
        _show(document)


def _show(document: dict[str, Any]) -> None:
    print(f"{document['site']} · {document['period']['label']}")
    for name in ("annual_match", "hourly_match", "hourly_match_stored", "quarter_hourly_match", "cfe_score"):
        value = document[name]
        print(f"{name:>22} {'–' if value is None else f'{value:8.2%}'}")
    hours = document["hours"]
    print(f"{'coverage':>22} {document['coverage']:8.2%}  ({hours['known']} of {hours['asked']} hours)")
    print(document["grid_cfe"]["en"])
    if stored := document["battery"]:
        print(f"battery: {stored['discharge_kwh']:,.1f} of {stored['charge_kwh']:,.1f} kWh came out, "
              f"{stored['green_kwh']:,.1f} kWh of it green, {stored['carried_kg']:,.1f} kgCO2 carried, "
              f"{stored['unknown_kwh']:,.1f} kWh of no known colour")  # fmt: skip


COMMANDS = {"match": match}
