"""Doubles of the store's tests: a poll group, polls of it, and programs that write, read or die in other processes."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from metering.reading import Block, Column, Lane, Poll, PollGroup, SeriesInfo

ROOT = Path(__file__).resolve().parents[3]
GRID, POWER = ("grid", "active_energy_import"), ("grid", "active_power")


def group(*columns: tuple[str, str], name: str = "energy", cadence_ms: int = 1000) -> PollGroup:
    made = tuple(Column(*column) for column in columns or (GRID, POWER))
    return PollGroup("meter", name, made, (Block(3, 0, 4),), cadence_ms, quarter=True, profile="p", profile_hash="h")


def poll(
    number: int, time_ms: int, *values: float | None, lane: Lane = Lane.CADENCE, quality: bytes | None = None
) -> Poll:
    return Poll(number, time_ms, 1, time_ms, lane, values, b"\x00\x01", quality)


def info(valid_from_ms: int = 0, *, scale: Fraction = Fraction(1, 100), serial: str = "") -> SeriesInfo:
    return SeriesInfo(
        *GRID, valid_from_ms, "meter", "p", "h", serial, "uint32", scale, Fraction(2**32, 100), Fraction(200, 5), 630.0,
        60_000, "0.5S",
    )  # fmt: skip


Run = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def run() -> Iterator[Run]:
    """Start a piece of Python in another process; whatever still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str, *arguments: object) -> "subprocess.Popen[str]":
        child = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        started.append(child)
        return child

    yield start
    for child in started:
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            with contextlib.suppress(OSError):
                pipe.close()


# Commits one poll after the other and says each seq only after its commit returned; "x" on stdin ends it cleanly.
WRITER = """
import select, sys
from pathlib import Path
from metering.store.readings import ReadingsWriter
from tests.metering.store.conftest import group, poll
writer = ReadingsWriter(Path(sys.argv[1]), "zcf collect")
number = writer.group(group())
n = writer.last_seq
while not select.select([sys.stdin], [], [], 0.002)[0]:
    n += 1
    print(writer.commit([poll(number, n * 1000, n * 10, n / 2)]), flush=True)
writer.close()
print("closed", flush=True)
"""


def acknowledged(child: "subprocess.Popen[str]", at_least: int) -> int:
    """Wait for so many commits."""
    assert child.stdout is not None
    last = 0
    while last < at_least:
        last = int(child.stdout.readline())
    return last


def rest(child: "subprocess.Popen[str]", tell: str = "") -> list[str]:
    """Tell a program to end, and what it still said, what lies in our own buffer included."""
    assert child.stdin is not None
    assert child.stdout is not None
    if tell:
        child.stdin.write(tell)
    if child.poll() is None:
        child.stdin.close()
    said = child.stdout.read().split()
    child.wait()
    return said


def files(store: Path) -> dict[str, bytes]:
    """Every file of a store and its bytes."""
    return {str(path.relative_to(store)): path.read_bytes() for path in sorted(store.rglob("*")) if path.is_file()}
