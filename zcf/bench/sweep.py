"""`zcf bench plan --sweep`: 32 DTSU666 on one line of 9600 Bd: a sweep as read, beside the least the line allows.

Beside it a bare loop asks the same on the same line, with nothing to decode, store or schedule: what it takes beyond
the least is what this computer's own lateness costs anybody.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import tty
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from collector.agent import Collector
from collector.bustime import BusTime
from collector.committer import committing
from collector.profile import load_profile
from collector.wiring import wire_site
from metering.sitefile import load_site
from metering.store.readings import writing
from zcf.bench.bars import SWEEP_PERCENT, Bar
from zcf.bench.line import BITS, wait_until
from zcf.bench.plan import LATENCY_MS, METERS

PROFILE, BAUD, PERIOD_S, SWEEPS = "chint-dtsu666", 9600, 20, 3
_SILENCE = 3.5  # characters before a request

Asked = list[tuple[float, str, float]]  # (arrived [s], request, how late its answer was handed over [s])


class Line:
    """The line's process: where it is, and in the end what it was asked."""

    def __init__(self) -> None:
        words = [sys.executable, "-m", "zcf.bench.line", str(BAUD), str(LATENCY_MS / 1000)]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.path = self._process.stdout.readline().strip() if self._process.stdout is not None else ""

    def asked(self) -> Asked:
        """End it; everything it was asked."""
        out, _ = self._process.communicate()
        return [(at, request, late) for at, request, late in json.loads(out)]


@contextmanager
def _site(path: str) -> Iterator[Path]:
    """A site file over the line, in a folder of its own."""
    every = f"{{power: {PERIOD_S}s, energy: {PERIOD_S}s, status: {PERIOD_S}s}}"
    devices = "".join(
        f"  - {{id: m{n}, profile: {PROFILE}, link: bus, unit: {n}, every: {every}}}\n" for n in range(1, METERS + 1)
    )
    points = "".join(f"  - {{id: p{n}, role: load, parent: p1, device: m{n}}}\n" for n in range(2, METERS + 1))
    with tempfile.TemporaryDirectory(prefix="zcf-sweep-") as folder:
        site = Path(folder) / "site.yaml"
        site.write_text(
            "site: {id: bench, timezone: Etc/UTC}\nstore: {path: store}\n"
            f"links: [{{id: bus, type: rtu, path: {path}, baud: {BAUD}}}]\ndevices:\n{devices}points:\n"
            f"  - {{id: p1, role: grid, device: m1}}\n{points}"
        )
        yield site


def least_s() -> float:
    """The bus time of the best plan: what one sweep of all meters takes at least [s]."""
    line = BusTime(1000 * BITS / BAUD, LATENCY_MS)
    with _site("/dev/null") as site:
        [link] = wire_site(load_site(site))
    blocks = [block for device in link.devices for wired in device.groups for block in wired.group.blocks]
    # one silence a request: the one before the answer lies in the device's own time
    return (line.ms(blocks) - len(blocks) * _SILENCE * 1000 * BITS / BAUD) / 1000


async def _collect(site: Path, seconds: float) -> None:
    config = load_site(site)
    with writing(config.store_dir, "zcf bench plan") as writer, committing(writer, 1.0) as committer:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(seconds, stop.set)
        await Collector(wire_site(config), committer, "bench").run(stop)


def bare(path: str, requests: Sequence[str], times: int) -> None:
    """Ask the same in a loop that does nothing else."""
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(fd)
    for request in [bytes.fromhex(one) for one in requests] * times:
        os.write(fd, request)
        got, size = b"", 5 + 2 * int.from_bytes(request[4:6], "big")
        while len(got) < size:
            got += os.read(fd, 256)
        wait_until(time.monotonic() + _SILENCE * BITS / BAUD)
    os.close(fd)


def _sweeps(asked: Asked, size: int) -> tuple[list[float], list[float]]:
    """How long each sweep took, its last answer with it, and how late the line itself was in all [s]."""
    parts = [asked[at : at + size] for at in range(0, len(asked) - size + 1, size)]
    return [_took(part) for part in parts], [sum(late for _, _, late in part) for part in parts]


def _took(part: Asked) -> float:
    (first, _, _), (last, request, late) = part[0], part[-1]
    characters = 8 + 5 + 2 * int(request[8:12], 16)
    return last - first + characters * BITS / BAUD + LATENCY_MS / 1000 + late


def measure() -> dict[str, Any]:
    """Sweeps by the collector, then as many by the bare loop, on a line of their own each."""
    ours = Line()
    with _site(ours.path) as site:
        asyncio.run(_collect(site, PERIOD_S * SWEEPS - 2))
    asked, size = ours.asked(), len(_requests())
    took, late = _sweeps(asked[: size * SWEEPS], size)
    other = Line()
    bare(other.path, [request for _, request, _ in asked[:size]], SWEEPS)
    plain, _ = _sweeps(other.asked(), size)
    return {"meters": METERS, "requests": size, "least_s": round(least_s(), 3), "zcf_s": took, "bare_s": plain,
            "late_s": late}  # fmt: skip


def _requests() -> list[int]:
    with _site("/dev/null") as site:
        [link] = wire_site(load_site(site))
    return [0 for device in link.devices for wired in device.groups for _ in wired.group.blocks]


def show(found: dict[str, Any], *, as_json: bool) -> None:
    """As three lines, or as one JSON object."""
    if as_json:
        print(json.dumps(found))
        return
    least, ours, plain = found["least_s"], median(found["zcf_s"]), median(found["bare_s"])
    print(f"{METERS} {load_profile(PROFILE).model} on one line of {BAUD} Bd, {found['requests']} requests a sweep:")
    print(f"  least  {least:.3f} s")
    print(f"  zcf    {ours:.3f} s  {100 * (ours / least - 1):+.1f} %   sweeps {_list(found['zcf_s'])}")
    print(f"  bare   {plain:.3f} s  {100 * (plain / least - 1):+.1f} %   sweeps {_list(found['bare_s'])}")
    more = 100 * (ours / least - 1)
    print(Bar("a sweep over the least", f"{more:+.1f} %", f"{SWEEP_PERCENT:g} %", more <= SWEEP_PERCENT))
    line_ms = 1000 * median(found["late_s"])
    print("The bare loop decodes and keeps nothing: what it takes more than the least is this computer's lateness,")
    print(f"of which the line's own is {line_ms:.0f} ms a sweep.")


def _list(seconds: Sequence[float]) -> str:
    return " ".join(f"{one:.3f}" for one in seconds)
