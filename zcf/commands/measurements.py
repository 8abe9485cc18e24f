"""`zcf bench`: this product's speed beside its alternatives, in one run on this machine; quote the ratios."""

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Measure beside the alternatives, in one run; quote the ratios.")
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")]


@app.command("collect")
def collect(
    devices: Annotated[int, typer.Option("--devices", min=1, max=500, help="Simulated devices.")] = 50,
    values: Annotated[int, typer.Option("--values", min=1, max=60, help="float32 values a device.")] = 60,
    seconds: Annotated[int, typer.Option("--seconds", min=2, help="How long each one runs [s].")] = 20,
    as_json: AsJson = False,
) -> None:
    """Polling: our collector beside pymodbus reading point by point, and block by block."""
    from zcf.bench.collect import compare, show

    found = compare(devices, values, seconds)
    show(found, as_json=as_json)


@app.command("analytics")
def analytics(
    counters: Annotated[int, typer.Option("--counters", min=4, help="Counters.")] = 500,
    days: Annotated[int, typer.Option("--days", min=2, help="Days of quarter-hours.")] = 365,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Rounds; the median counts.")] = 3,
    as_json: AsJson = False,
) -> None:
    """Accounting: a year from disk to a balance, beside pandas and DuckDB on the same data."""
    from zcf.bench.analytics import compare, show

    show(compare(counters, days, rounds), as_json=as_json)


@app.command("store")
def store(
    devices: Annotated[int, typer.Option("--devices", min=1, max=500, help="Devices of ten series each.")] = 50,
    days: Annotated[int, typer.Option("--days", min=1, max=31, help="Days of quarter-hours beforehand.")] = 30,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Rounds; the median counts.")] = 3,
    as_json: AsJson = False,
) -> None:
    """Keeping readings: live writing, a month of every series and the newest values, beside plain SQLite rows."""
    from zcf.bench.store import run, show

    show(run(devices, days, rounds=rounds), as_json=as_json)


@app.command("plan")
def plan(
    profiles: Annotated[list[str] | None, typer.Argument(help="Profiles; all where none is named.")] = None,
    as_json: AsJson = False,
) -> None:
    """Reading a serial line: requests and bus time of a sweep, beside simpler ways to cut the same registers."""
    from zcf.bench.plan import compare, show

    show(compare(profiles or ()), as_json=as_json)
