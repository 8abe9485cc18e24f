"""The process: it says when it listens, stops when told, and does not outlive its parent."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulators.prepare import with_ports
from tests.harness.ports import free_port

ROOT = Path(__file__).parents[2]
PROGRAM = """
import asyncio, sys
from pathlib import Path
from simulators.serve import run
asyncio.run(run(Path(sys.argv[1]), None, Path(sys.argv[2])))
"""
PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1], *sys.argv[2:]], stdout=subprocess.PIPE, text=True)
print(child.pid, flush=True)
print(child.stdout.readline(), end="", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def plant(tmp_path: Path) -> Path:
    text = (ROOT / "deploy/example/plant.yaml").read_text()
    path = tmp_path / "plant.yaml"
    path.write_text(with_ports(text, {name: free_port() for name in links(text)}))
    return path


def links(text: str) -> list[str]:
    return [
        line.split("id: ")[1].split(",")[0] for line in text.splitlines() if "type: tcp" in line or "type: mqtt" in line
    ]


def started(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", *words], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


@pytest.fixture
def serving(plant: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    child = started(PROGRAM, str(plant), str(tmp_path / "truth"))
    yield child
    child.kill()
    child.communicate()


def test_it_says_which_ports_listen_and_stops_on_sigterm(serving: subprocess.Popen[str], tmp_path: Path) -> None:
    said = json.loads(serving.stdout.readline())
    assert said["ready"] is True
    for port in said["links"].values():
        socket.create_connection(("127.0.0.1", port), timeout=30).close()
    assert sorted(p.stem for p in (tmp_path / "truth").glob("*.jsonl")) == sorted(said["links"])
    serving.send_signal(signal.SIGTERM)
    assert serving.wait(60) == 0


def test_it_dies_with_its_parent(plant: Path, tmp_path: Path) -> None:
    parent = started(PARENT, PROGRAM, str(plant), str(tmp_path / "truth"))
    child = int(parent.stdout.readline())
    assert json.loads(parent.stdout.readline())["ready"]
    parent.kill()
    parent.communicate()
    for _ in range(600):
        if not alive(child):
            return
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    pytest.fail("the child outlived its parent")


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
