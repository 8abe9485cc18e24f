"""K9: what a commit writes is bounded, so that a memory card lasts: one sync, its rows, and a few pages beside them."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from metering.reading import Column, Lane, Poll, PollGroup
from metering.store.readings import ReadingsWriter, writing
from tests.metering.store.works import START_MS

COLUMNS = ("active_power", "voltage_l1", "voltage_l2", "voltage_l3", "current_l1", "current_l2", "current_l3",
           "frequency", "power_factor", "active_energy_import")  # fmt: skip
PAGE, BESIDE = 4_120, 12  # bytes of a page in the log; pages of a commit that are not its rows': indexes, ledger, state


def written() -> int:
    """What this process has handed to the kernel to write, whatever the file system counts [bytes]."""
    io = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(io["wchar"])


def commits(writer: ReadingsWriter, devices: int, number: int) -> Iterator[int]:
    """One commit a second of every device; how many bytes of values and words each brings."""
    chance, epoch = random.Random(9), writer.open_epoch(START_MS)
    columns = [tuple(Column(f"p{n}", name) for name in COLUMNS) for n in range(devices)]
    groups = [writer.group(PollGroup(f"d{n}", "all", c, (), 1000, False, "p", "h")) for n, c in enumerate(columns)]
    for tick in range(number):
        polls = [
            Poll(group, START_MS + 1000 * tick + n, epoch, tick, Lane.CADENCE,
                 (*(chance.random() for _ in COLUMNS[1:]), chance.randrange(10**12)), chance.randbytes(40))
            for n, group in enumerate(groups)
        ]  # fmt: skip
        writer.commit(polls, ledger={(epoch, group, Lane.CADENCE): tick + 1 for group in groups})
        yield devices * (8 * len(COLUMNS) + 40)


@pytest.mark.parametrize("devices", [10, 200])
def test_k9_a_commit_writes_its_rows_thrice_at_most_and_a_dozen_pages(tmp_path: Path, devices: int) -> None:
    """Once into the log, once into the file; the rest is what a page is larger than what is new in it.

    Three bytes a byte, as the catalogue asks, where a commit brings some pages of rows; of fewer the dozen count.
    """
    with writing(tmp_path, "test") as writer:
        beginning = list(commits(writer, devices, 20))
        before, count = written(), 60
        brought = sum(commits(writer, devices, count))
        took = written() - before
    print(f"{devices} devices: {took / brought:.1f} bytes written a byte, {took / count / 1000:.0f} kB a commit")
    assert beginning
    assert took <= 3 * brought + count * BESIDE * PAGE
