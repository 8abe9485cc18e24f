"""Other whole collectors for `zcf bench collect`: told to read the same points as often, and counted where they send.

None is installed here; whoever has one gives its program. Each runs in a folder of its own, calls nobody outside this
machine, and counts by the values that arrive and the processor time of all its processes.
"""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from zcf.bench.contestants import READY_S, WARM_UP_S
from zcf.bench.peer_files import node_red, telegraf, thingsboard
from zcf.bench.receivers import Receivers, receiving

_END_S = 10.0  # to end in good order
_NOBODY = "http://127.0.0.1:9"  # where their own calls home, for updates and packages, end


@dataclass(frozen=True, slots=True)
class Peer:
    """One other collector: where it comes from, and how it is told what to read."""

    option: str
    package: str
    files: Callable[[Path, list[int], int, Receivers], list[str]]  # written into the folder; the words of its start


PEERS: Mapping[str, Peer] = MappingProxyType({
    "ThingsBoard gateway": Peer("--thingsboard", "thingsboard-gateway", thingsboard),
    "Node-RED": Peer("--node-red", "node-red and node-red-contrib-modbus", node_red),
    "Telegraf": Peer("--telegraf", "telegraf", telegraf),
})  # fmt: skip


def run_peer(name: str, program: str, ports: list[int], values: int, seconds: int) -> tuple[dict[str, Any], str]:
    """What one of them used, or why it could not be measured."""
    with tempfile.TemporaryDirectory(prefix="zcf-peer-") as home, receiving() as receivers:
        folder = Path(home)
        words = PEERS[name].files(folder, ports, values, receivers)
        began = time.monotonic()
        try:
            with _started([program, *words], folder) as process:
                if why := _ready(process, receivers, values * len(ports), folder / "said.txt"):
                    return {}, why
                start_s = time.monotonic() - began
                time.sleep(WARM_UP_S)
                return {**_measured(process.pid, receivers, seconds), "start_s": start_s}, ""
        except OSError as error:
            return {}, f"{program}: {error.strerror}"


def _ready(process: "subprocess.Popen[bytes]", receivers: Receivers, values: int, said: Path) -> str:
    """Wait until a second's worth of values has come; why none ever will."""
    until = time.monotonic() + READY_S
    while receivers.taken.values < values:
        if process.poll() is not None or time.monotonic() > until:
            last = (said.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["it said nothing"])[-1]
            ended = f"it ended with {process.returncode}" if process.returncode is not None else f"not in {READY_S} s"
            return f"{ended}: {receivers.taken.values} values had come; {last[:200]}"
        time.sleep(0.1)
    return ""


def _measured(session: int, receivers: Receivers, seconds: int) -> dict[str, Any]:
    cpu_s, values, began = _used(session)[0], receivers.taken.values, time.monotonic()
    time.sleep(seconds)
    after_s, rss_mb = _used(session)
    came, wall_s = receivers.taken.values - values, time.monotonic() - began
    return {"values": came, "cpu_s": after_s - cpu_s, "wall_s": wall_s, "rss_mb": rss_mb}


@contextmanager
def _started(words: list[str], folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process in a session of its own; at the end the whole session is."""
    quiet = {"HTTP_PROXY": _NOBODY, "HTTPS_PROXY": _NOBODY, "https_proxy": _NOBODY, "NO_PROXY": "127.0.0.1,localhost",
             "no_proxy": "127.0.0.1,localhost", "PIP_NO_INDEX": "1", "TB_GW_CONFIG_DIR": str(folder)}  # fmt: skip
    with (folder / "said.txt").open("wb") as said:
        process = subprocess.Popen(
            words, cwd=folder, env={**os.environ, **quiet}, stdout=said, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, number)
                process.wait(_END_S)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue
        process.wait()


def _used(session: int) -> tuple[float, float]:
    """Processor time and memory of all processes of a session, ended children included [s, MB] (proc(5), stat)."""
    ticks = pages = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:  # gone meanwhile
            continue
        if int(fields[3]) == session:
            ticks += sum(int(field) for field in fields[11:15])
            pages += int(fields[21])
    return ticks / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE") / 2**20
