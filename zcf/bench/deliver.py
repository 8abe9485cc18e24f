"""`zcf bench deliver`: printing line protocol and sending it on, beside influxdb-client's Point and batching."""

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from zcf.bench.bars import LINE_PROTOCOL, UPLINK, at_least
from zcf.bench.collect import environment, world
from zcf.bench.senders import SENDERS
from zcf.bench.turns import in_turn, median

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/usr/sbin"
STORE = "VictoriaMetrics"
NO_STORE = "a sink that always says 204, for want of the program victoria-metrics"
US, PRINT_US = "zcf, from the store", "zcf, printing"
THEM, PRINT_THEM = "WriteApi batching", "Point.to_line_protocol"
PRINTING, SENDING = "line protocol, CPU per value", "uplink, CPU per value"
BARS = MappingProxyType({PRINTING: LINE_PROTOCOL, SENDING: UPLINK})


def compare(polls: int, rounds: int) -> dict[str, Any]:
    """What each sender used for so many polls of sixty values; medians of rounds, in turn."""
    with tempfile.TemporaryDirectory(prefix="zcf-bench-") as folder, database(Path(folder)) as (url, what):
        spec = {"folder": folder, "url": url, "polls": polls}
        _run("fill", spec)
        found = in_turn(SENDERS, rounds, lambda name, number: _run(name, {**spec, "round": number}))
    rows = {name: _figures(runs) for name, runs in found.items()}
    return {
        "polls": polls, "rounds": rounds, "into": what, "senders": rows,
        "ratios": {
            PRINTING: _over(rows, PRINT_THEM, PRINT_US, "cpu_ns_per_value"),
            SENDING: _over(rows, THEM, US, "cpu_ns_per_value"),
            "uplink, values/s": _over(rows, US, THEM, "values_per_s"),
        },
    }  # fmt: skip


def _over(rows: dict[str, dict[str, float]], above: str, below: str, what: str) -> float:
    return round(rows[above][what] / rows[below][what], 1)


def _figures(runs: list[dict[str, Any]]) -> dict[str, float]:
    return {
        "values": runs[0]["values"],
        "values_per_s": round(median([one["values"] / one["wall_s"] for one in runs])),
        "cpu_ns_per_value": round(median([one["cpu_s"] / one["values"] * 1e9 for one in runs])),
        "rss_mb": round(max(one["rss_mb"] for one in runs), 1),
    }


def _run(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    words = [sys.executable, "-P", "-m", "zcf.bench.senders", name, json.dumps(spec)]
    told = subprocess.run(words, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    answer: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    return answer


@contextmanager
def database(folder: Path) -> Iterator[tuple[str, str]]:
    """A real VictoriaMetrics where there is one, else the sink that always says 204."""
    program = shutil.which("victoria-metrics") or shutil.which("victoria-metrics", path=SYSTEM_PATH)
    if program is None:
        with world(0) as (_, sink):
            yield sink, NO_STORE
        return
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = int(found.getsockname()[1])
    words = [program, f"-storageDataPath={folder / 'vm'}", f"-httpListenAddr=127.0.0.1:{port}", "-retentionPeriod=100y"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}", STORE
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise OSError("VictoriaMetrics does not listen")


def show(found: dict[str, Any], *, as_json: bool) -> None:
    """The comparison as one JSON object, or as a table."""
    if as_json:
        print(json.dumps(found))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold", title=f"{found['polls']} polls of 60 values into {found['into']}")
    table.add_column("sender", no_wrap=True)
    for name in ("values", "values/s", "CPU ns per value", "MB"):
        table.add_column(name, justify="right")
    for name, row in found["senders"].items():
        table.add_row(name, *(f"{row[key]:,.0f}" for key in ("values", "values_per_s", "cpu_ns_per_value", "rss_mb")))
    console = Console()
    console.print(table)
    ratios = dict(found["ratios"])
    for name, least in BARS.items():
        console.print(str(at_least(name, ratios.pop(name), least)), markup=False, highlight=False)
    for name, ratio in ratios.items():
        console.print(f"{name}: {ratio} times")
