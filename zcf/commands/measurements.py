"""`zcf bench`: this product's speed beside its alternatives, in one run on this machine; quote the ratios."""

from typing import Annotated, Any

import typer

app = typer.Typer(no_args_is_help=True, help="Measure beside the alternatives, in one run; quote the ratios.")
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")]


def _peer(option: str, program: str) -> Any:
    """The option that names the program of another collector."""
    variable = "ZCF_BENCH_" + option.removeprefix("--").replace("-", "_").upper()
    return typer.Option(option, envvar=variable, help=f"The program {program}, to be measured in the same run.")


@app.command("collect")
def collect(
    devices: Annotated[int | None, typer.Option("--devices", min=1, max=500, help="Simulated devices (50).")] = None,
    values: Annotated[int | None, typer.Option("--values", min=1, max=1000, help="float32 a connection (100).")] = None,
    seconds: Annotated[int, typer.Option("--seconds", min=2, help="How long each one is measured [s].")] = 20,
    ceiling: Annotated[
        bool | None,
        typer.Option("--ceiling/--no-ceiling", help="Then 500 x 30 and 100,000 contiguous (if no size is asked)."),
    ] = None,
    thingsboard: Annotated[str, _peer("--thingsboard", "thingsboard-gateway")] = "",
    node_red: Annotated[str, _peer("--node-red", "node-red")] = "",
    telegraf: Annotated[str, _peer("--telegraf", "telegraf")] = "",
    as_json: AsJson = False,
) -> None:
    """Polling: our collector beside pymodbus, by point and by block, and other collectors; 50 x 100, then ceilings."""
    from zcf.bench.collect import CEILING, FACING, compare, show
    from zcf.bench.contestants import CONTESTANTS

    programs = {"ThingsBoard gateway": thingsboard, "Node-RED": node_red, "Telegraf": telegraf}
    peers = {name: program for name, program in programs.items() if program}
    show(compare(devices or 50, values or 100, seconds, CONTESTANTS, peers), as_json=as_json)
    more = devices is None and values is None if ceiling is None else ceiling
    for many, wide in CEILING if more else ():
        show(compare(many, wide, seconds, FACING), as_json=as_json)


@app.command("deliver")
def deliver(
    polls: Annotated[int, typer.Option("--polls", min=2000, help="Polls of sixty values.")] = 20_000,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Rounds; the median counts.")] = 3,
    as_json: AsJson = False,
) -> None:
    """Sending on: line protocol and the uplink into VictoriaMetrics, beside Point and WriteApi batching."""
    from zcf.bench.deliver import compare, show

    show(compare(polls, rounds), as_json=as_json)


@app.command("decode")
def decode(
    polls: Annotated[int, typer.Option("--polls", min=20, help="Polls of sixty values.")] = 20_000,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Rounds; the median counts.")] = 3,
    as_json: AsJson = False,
) -> None:
    """Decoding: registers to scaled values, beside pymodbus's convert_from_registers."""
    from zcf.bench.decode import compare, show

    show(compare(polls, rounds), as_json=as_json)


@app.command("analytics")
def analytics(
    counters: Annotated[int, typer.Option("--counters", min=4, help="Counters.")] = 500,
    days: Annotated[int, typer.Option("--days", min=2, help="Days of quarter-hours.")] = 365,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Rounds; the median counts.")] = 3,
    influx: Annotated[str, typer.Option("--influx", help="URL of an InfluxDB 2 to have the same year from.")] = "",
    token: Annotated[
        str, typer.Option("--token", envvar="ZCF_INFLUX_TOKEN", help="Its token, which may read and write the bucket.")
    ] = "",
    org: Annotated[str, typer.Option("--org", help="Its organisation.")] = "zcf",
    bucket: Annotated[str, typer.Option("--bucket", help="A bucket of the bench's own that keeps for ever.")] = "bench",
    as_json: AsJson = False,
) -> None:
    """Accounting: a year from disk, or from InfluxDB, to a balance, beside pandas and DuckDB on the same data."""
    import os

    from zcf.bench.analytics import Bucket, compare, show

    os.environ["ZCF_INFLUX_TOKEN"] = token  # not on the command lines of the contestants
    show(compare(counters, days, rounds, Bucket(influx, org, bucket) if influx else None), as_json=as_json)


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
    sweep: Annotated[bool, typer.Option("--sweep", help="Read 32 meters on a line of 9600 Bd, for a minute.")] = False,
    as_json: AsJson = False,
) -> None:
    """Reading a serial line: requests and bus time of a sweep, beside simpler ways to cut the same registers."""
    from zcf.bench.plan import compare, show

    if sweep:
        from zcf.bench import sweep as swept

        swept.show(swept.measure(), as_json=as_json)
        return
    show(compare(profiles or ()), as_json=as_json)


@app.command("page")
def page(
    clients: Annotated[int, typer.Option("--clients", min=1, max=90, help="Clients, each asking every 5 s.")] = 50,
    days: Annotated[int, typer.Option("--days", min=1, max=400, help="Days of simulated history.")] = 2,
    seconds: Annotated[int, typer.Option("--seconds", min=5, help="How long without the clients, and with [s].")] = 30,
    as_json: AsJson = False,
) -> None:
    """The page: first paint, layout shift, API answers, live updates, the collector's ticks, on a demo of its own."""
    from zcf.bench.page import compare, show

    show(compare(clients, days, seconds), as_json=as_json)
