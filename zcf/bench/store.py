"""`zcf bench store`: our store beside plain SQLite rows, interleaved over several rounds; equal answers or none."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from zcf.supervisor import ROOT

LIVE = ("zcf readings", "rows by series", "rows by time")
ALL = ("zcf readings", "zcf chunks", "rows by series", "rows by time")
TASKS = {"write": LIVE, "wide": ALL, "last": LIVE}
TITLES = {
    "write": "live: one durable commit a tick of all devices",
    "wide": "one month of every series as a matrix",
    "last": "the newest value of every series",
}


def run(
    devices: int = 50, days: int = 30, batches: int = 120, rounds: int = 3, folder: Path | None = None
) -> dict[str, Any]:
    """Medians and ratios of writing live, reading a month and the newest values; RuntimeError where answers differ."""
    with tempfile.TemporaryDirectory(prefix="zcf-bench-", dir=folder) as place:
        spec: dict[str, Any] = {"devices": devices, "month": days * 96, "folder": place, "first": 0, "count": days * 96}
        filled = {name: _task(name, "fill", spec) for name in ALL}
        seen: dict[str, dict[str, list[dict[str, Any]]]] = {
            task: {n: [] for n in names} for task, names in TASKS.items()
        }
        for number in range(rounds):
            live = {**spec, "first": spec["month"] + number * batches, "count": batches}
            for task, names in TASKS.items():
                for name in _turn(names, number):
                    seen[task][name].append(_task(name, task, live if task == "write" else spec))
        _check(seen, {name: _task(name, "wide", {**spec, "count": spec["month"] + rounds * batches}) for name in LIVE})
    return {
        "devices": devices, "series": devices * 10, "days": days, "batches": batches, "rounds": rounds,
        "bytes_per_sample": {n: round(f["bytes"] / f["values"], 1) for n, f in filled.items()},
        **{task: _figures(found) for task, found in seen.items()},
    }  # fmt: skip


def _turn(names: tuple[str, ...], number: int) -> tuple[str, ...]:
    """Another one begins each round, so that none always comes after the same."""
    return names[number % len(names) :] + names[: number % len(names)]


def _task(name: str, task: str, spec: dict[str, Any]) -> dict[str, Any]:
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    words = [sys.executable, "-P", "-m", "zcf.bench.stores", name, task, json.dumps(spec)]
    told = subprocess.run(words, env={**os.environ, "PYTHONPATH": paths}, stdout=subprocess.PIPE, check=True)
    answer: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    return answer


def _check(seen: dict[str, dict[str, list[dict[str, Any]]]], after: dict[str, dict[str, Any]]) -> None:
    """Every store must have answered the same, before and after what was written live."""
    for task in ("wide", "last"):
        for number, answers in enumerate(zip(*seen[task].values(), strict=True)):
            if len({answer["digest"] for answer in answers}) != 1:
                raise RuntimeError(f"the stores answer {task!r} of round {number + 1} differently")
    if len({answer["digest"] for answer in after.values()}) != 1:
        raise RuntimeError("the stores hold different readings after writing live")


def _figures(found: dict[str, list[dict[str, Any]]]) -> dict[str, dict[str, float]]:
    rows = {name: _row(rounds) for name, rounds in found.items()}
    ours = rows["zcf readings"]
    for row in rows.values():
        row["time_ratio_to_ours"] = round(row["wall_ms"] / ours["wall_ms"], 2)
        row["cpu_ratio_to_ours"] = round(row["cpu_s_per_million_values"] / ours["cpu_s_per_million_values"], 2)
    return rows


def _row(rounds: list[dict[str, Any]]) -> dict[str, float]:
    wall_s = statistics.median(one["wall_s"] for one in rounds)
    values = rounds[0]["values"]
    row = {
        "wall_ms": round(wall_s * 1000, 2),
        "values_per_s": round(values / wall_s),
        "cpu_s_per_million_values": round(statistics.median(one["cpu_s"] for one in rounds) / values * 1e6, 3),
        "rss_mb": round(statistics.median(one["rss_mb"] for one in rounds), 1),
    }
    if "disk_bytes" in rounds[0]:
        row["disk_bytes_per_sample"] = round(statistics.median(one["disk_bytes"] for one in rounds) / values, 1)
        row["slowest_ms"] = round(statistics.median(one["slowest_ms"] for one in rounds), 1)
    return row


def show(found: dict[str, Any], *, as_json: bool) -> None:
    """The comparison as one JSON object, or as tables."""
    if as_json:
        print(json.dumps(found))
        return
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(
        f"{found['series']} series, {found['days']} days of quarter-hours, median of {found['rounds']} rounds"
    )
    for task, title in TITLES.items():
        table = Table(box=None, header_style="bold", title=title)
        for name in ("store", "ms", "values/s", "x our time", "CPU s per million", "x our CPU", "MB"):
            table.add_column(name, justify="left" if name == "store" else "right")
        for name, row in found[task].items():
            table.add_row(
                name, f"{row['wall_ms']:,.1f}", f"{row['values_per_s']:,}", f"{row['time_ratio_to_ours']:.2f}",
                f"{row['cpu_s_per_million_values']:.2f}", f"{row['cpu_ratio_to_ours']:.2f}", f"{row['rss_mb']:.0f}",
            )  # fmt: skip
        console.print(table)
    sizes = ", ".join(f"{name} {size}" for name, size in found["bytes_per_sample"].items())
    console.print(f"bytes a sample in the file (zcf readings: with the raw words): {sizes}")
