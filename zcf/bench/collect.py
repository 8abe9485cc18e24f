"""`zcf bench collect`: the collector beside the obvious alternatives, one after the other on the same devices."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from metering.quantity import QUANTITIES, Kind
from zcf.bench.bars import of_collecting
from zcf.bench.contestants import CONTESTANTS, READY_S
from zcf.bench.peers import PEERS, run_peer
from zcf.supervisor import ROOT

GAUGES = tuple(q for q in QUANTITIES.values() if q.kind is Kind.GAUGE)[:60]  # a device has one of each
UNITS = 30  # behind one connection at the most
US, FORWARDING = "zcf collect", "zcf collect, forwarding"
CEILING = ((500, 30), (100, 1000))  # devices x values: many small ones, then 100,000 contiguous values a second
FACING = (US, FORWARDING, "pymodbus by block")  # point by point keeps up with neither


def compare(
    devices: int,
    values: int,
    seconds: int,
    names: Iterable[str] = CONTESTANTS,
    peers: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Any]:
    """What each contestant used to read so many devices of so many float32 once a second; `peers`: their programs."""
    units_of(values)
    found: dict[str, dict[str, Any]] = {}
    why: dict[str, str] = {}
    with world(devices) as (ports, sink), tempfile.TemporaryDirectory(prefix="zcf-bench-") as folder:
        site = write_site(Path(folder) / "store-only", ports, values)
        forwarding = write_site(Path(folder) / "forwarding", ports, values, sink)
        spec = {"ports": ports, "sink": sink, "site": str(site), "forwarding_site": str(forwarding), "values": values,
                "seconds": seconds}  # fmt: skip
        for name in names:
            used, why[name] = run_contestant(name, spec)
            if not why[name]:
                found[name] = _figures(used, devices * values)
        for name, program in peers.items():
            used, why[name] = run_peer(name, program, ports, values, seconds)
            if not why[name]:
                found[name] = _figures(used, devices * values)
    _set_beside_ours(found)
    return {
        "devices": devices, "values_per_device": values, "seconds": seconds, "contestants": found,
        "not_measured": {name: reason for name, reason in why.items() if reason} | not_measured(peers),
    }  # fmt: skip


def _set_beside_ours(found: Mapping[str, dict[str, Any]]) -> None:
    """Each contestant's processor time over ours, without forwarding and with it; None where ours was not measured."""
    for against, key in ((US, "cpu_ratio_to_ours"), (FORWARDING, "cpu_ratio_to_ours_forwarding")):
        ours = found[against]["cpu_s_per_million_values"] if against in found else None
        for row in found.values():
            row[key] = round(row["cpu_s_per_million_values"] / ours, 2) if ours else None


def not_measured(given: Container[str] = ()) -> dict[str, str]:
    """Other collectors whose programs nobody gave."""
    return {
        name: f"install {peer.package} and give its program by {peer.option}"
        for name, peer in PEERS.items()
        if name not in given
    }


def _figures(used: dict[str, Any], due_per_s: int) -> dict[str, Any]:
    return {
        "start_s": round(used.get("start_s", 0.0), 1),
        "values": used["values"],
        "values_per_s": round(used["values"] / used["wall_s"]),
        "due_share": round(used["values"] / used["wall_s"] / due_per_s, 3),
        "cpu_s_per_million_values": round(used["cpu_s"] / max(used["values"], 1) * 1e6, 2),
        "cpu_share": round(used["cpu_s"] / used["wall_s"], 4),
        "rss_mb": round(used["rss_mb"], 1),
        "jitter_p99_ms": used.get("jitter_p99_ms"),
    }


def environment() -> dict[str, str]:
    """What a contestant finds around it: this tree, and no store of anybody's."""
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    kept = {name: value for name, value in os.environ.items() if name != "ZCF_STORE"}
    return {**kept, "PYTHONPATH": paths, "ZCF_INFLUX_TOKEN": "the sink asks for none"}


@contextmanager
def world(devices: int) -> Iterator[tuple[list[int], str]]:
    """Simulated devices and a sink in a process of their own, so that they cost the contestants nothing."""
    words = [sys.executable, "-P", "-m", "zcf.bench.world", str(devices)]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment())
    try:
        told = json.loads(process.stdout.readline() if process.stdout else "{}")
        yield told["devices"], f"http://127.0.0.1:{told['sink']}"
    finally:
        process.terminate()
        process.communicate()


def run_contestant(name: str, spec: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """What a contestant used, or why it could not be measured."""
    words = [sys.executable, "-P", "-m", "zcf.bench.contestants", name, json.dumps(spec)]
    limit_s = spec.get("seconds", 0) + 2 * READY_S
    try:
        told = subprocess.run(words, env=environment(), capture_output=True, text=True, timeout=limit_s, check=False)
    except subprocess.TimeoutExpired:
        return {}, f"it had not ended after {limit_s} s"
    if told.returncode:
        last = (told.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return {}, f"it ended with {told.returncode}: {last}"
    used: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    return used, "" if used["values"] else "it read nothing while it was measured"


def units_of(values: int) -> int:
    """How many units behind one connection share so many values: as few as hold them in equal parts."""
    for units in range(1, UNITS + 1):
        if values % units == 0 and values // units <= len(GAUGES):
            return units
    raise ValueError(f"{values} values: at most {len(GAUGES)}, or up to {UNITS} equal parts of at most so many")


def write_site(folder: Path, ports: list[int], values: int, sink: str = "") -> Path:
    """A site file over the simulated devices, and the profile they share; with a sink, readings go on to it."""
    (folder / "profiles").mkdir(parents=True)
    units = units_of(values)
    points = "\n".join(
        f'  - {{quantity: {q.name}, fc: 3, address: {2 * i}, type: float32, unit: "{q.unit}", scale: 0.5, class: power,'
        " source: made up for the bench, status: single_source}"
        for i, q in enumerate(GAUGES[: values // units])
    )
    (folder / "profiles" / "bench-device.yaml").write_text(
        "id: bench-device\nmanufacturer: none\nmodel: bench\ncategory: meter\nprotocol: modbus\n"
        f"points:\n{points}\nproof: {{kind: single_source, evidence: made up}}\nsources: [zcf bench collect]\n",
        encoding="utf-8",
    )
    links = "\n".join(f"  - {{id: l{i}, type: tcp, port: {port}}}" for i, port in enumerate(ports))
    pairs = [(i, unit) for i in range(len(ports)) for unit in range(1, units + 1)]
    devices = "\n".join(
        f"  - {{id: d{i}u{u}, profile: bench-device, link: l{i}, unit: {u}, every: {{power: 1s}}}}" for i, u in pairs
    )
    tree = "\n".join(f"  - {{id: p{i}u{u}, role: grid, device: d{i}u{u}}}" for i, u in pairs)
    forward = f"forward: {{url: '{sink}'}}\n" if sink else ""
    site = folder / "site.yaml"
    head = f"site: {{id: bench, timezone: Asia/Shanghai}}\n{forward}"
    site.write_text(f"{head}links:\n{links}\ndevices:\n{devices}\npoints:\n{tree}\n", encoding="utf-8")
    return site


def show(found: dict[str, Any], *, as_json: bool) -> None:
    """The comparison as one JSON object, or as a table."""
    if as_json:
        print(json.dumps(found), flush=True)
        return
    from rich.console import Console
    from rich.table import Table

    title = f"{found['devices']} devices x {found['values_per_device']} float32, once a second, {found['seconds']} s"
    table = Table(box=None, header_style="bold", title=title)
    table.add_column("contestant", no_wrap=True)
    for name in ("values/s", "of due", "CPU s per million", "x ours", "x ours forwarding", "MB", "p99 late ms"):
        table.add_column(name, justify="right", min_width=6)
    for name, row in found["contestants"].items():
        table.add_row(
            name, f"{row['values_per_s']:,}", f"{row['due_share']:.0%}", f"{row['cpu_s_per_million_values']:.2f}",
            _number(row["cpu_ratio_to_ours"]), _number(row["cpu_ratio_to_ours_forwarding"]), f"{row['rss_mb']:.0f}",
            _number(row["jitter_p99_ms"]),
        )  # fmt: skip
    console = Console()
    console.print(table)
    for bar in of_collecting(found):
        console.print(str(bar), markup=False, highlight=False)
    for name, why in found["not_measured"].items():
        console.print(f"{name}: not measured; {why}")


def _number(number: float | None) -> str:
    return "-" if number is None else f"{number:.1f}"
