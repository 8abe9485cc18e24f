"""P1, K13, P8: stopped and told to reload a hundred times under load, every tick stays accounted for."""

import asyncio
import json
import random
import signal
import sqlite3
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from metering.reading import GapReason
from metering.store.readings_reader import ReadingsReader
from tests.collector.doubles import Device, device
from tests.collector.sites import accounted, due_by_contract
from tests.collector.test_agent import reads, until
from tests.collector.test_daemon import ROOT, running
from tests.collector.test_reload import due_by_ledger, ended, site

TIMES, LINKS = 100, ("a", "b", "c", "d")
# Each life is a fork of a process that has loaded everything, so that a hundred of them take a minute, not five.
LIVES = """
import json, os, random, signal, sys, time, traceback
from pathlib import Path
from collector.daemon import run

chance = random.Random(int(sys.argv[2]))
for life in range(int(sys.argv[3])):
    hears, tells = os.pipe()
    pid = os.fork()
    if not pid:
        code = 70
        try:
            code = run(Path(sys.argv[1]), lambda: os.write(tells, b"."))
        except BaseException:
            traceback.print_exc()
        os._exit(code)
    os.close(tells)
    os.read(hears, 1)
    os.close(hears)
    time.sleep(chance.uniform(0, 0.4))
    asked = time.monotonic()
    os.kill(pid, signal.SIGTERM)
    if life % 3 == 0:
        time.sleep(chance.uniform(0, 0.1))
        try:
            os.kill(pid, signal.SIGTERM)  # somebody is impatient
        except ProcessLookupError:
            pass
    _, status = os.waitpid(pid, 0)
    print(json.dumps([os.waitstatus_to_exitcode(status), time.monotonic() - asked]), flush=True)
"""


async def meters(stack: AsyncExitStack) -> dict[str, Device]:
    return {name: await stack.enter_async_context(device()) for name in LINKS}


@pytest.mark.long
async def test_p1_p5_p8_stopped_a_hundred_times_at_any_moment_it_ends_with_zero_and_loses_no_tick(
    tmp_path: Path,
) -> None:
    async with AsyncExitStack() as stack:
        ports: dict[str, tuple[int, ...]] = dict.fromkeys(LINKS, (1, 2, 3))
        config = site(tmp_path, ports, await meters(stack))
        words = [sys.executable, "-c", LIVES, str(config.path), "7", str(TIMES)]
        with (tmp_path / "collect.log").open("wb") as log:
            lives = await asyncio.create_subprocess_exec(*words, cwd=ROOT, stdout=subprocess.PIPE, stderr=log)
            said, _ = await asyncio.wait_for(lives.communicate(), 600)
    told = [json.loads(line) for line in said.splitlines()]
    took = sorted(seconds for _, seconds in told)
    print(f"stopped {len(told)} times: median {took[len(took) // 2]:.2f} s, longest {took[-1]:.2f} s")
    assert [code for code, _ in told] == [0] * TIMES, (tmp_path / "collect.log").read_text()[-3000:]
    assert took[len(took) // 2] <= 5
    assert took[-1] <= 15  # on a computer that has no time for us
    reader = ReadingsReader(config.store_dir)
    assert [epoch.clean for epoch in reader.epochs()] == [True] * TIMES
    assert accounted(reader) == due_by_contract(reader)
    for one, after in zip(reader.epochs(), reader.epochs()[1:], strict=False):
        assert one.stop_ms == after.start_ms  # what was due in between is a gap of the one before
    with sqlite3.connect(f"file:{config.store_dir}/readings/readings.db?mode=ro", uri=True) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        twice = "SELECT count(*) FROM (SELECT 1 FROM poll GROUP BY epoch, grp, lane, tick HAVING count(*) > 1)"
        assert db.execute(twice).fetchone() == (0,)


def lost(reader: ReadingsReader, name: str) -> int:
    """Ticks of a device that changes of the site file have cost."""
    gaps = (gap for gap in reader.gaps(0, 2**60)[0] if gap.reason is GapReason.MAINTENANCE)
    return sum(gap.ticks for gap in gaps if reader.groups()[gap.group].device == name)


@pytest.mark.long
async def test_k13_told_to_reload_a_hundred_times_what_did_not_change_keeps_its_connection(tmp_path: Path) -> None:
    chance = random.Random(13)
    async with AsyncExitStack() as stack:
        found = await meters(stack)
        few: dict[str, tuple[int, ...]] = dict.fromkeys(LINKS[:3], (1, 2))
        config = site(tmp_path, few, found, timeout_s=2.0)
        small = config.path.read_text()
        site(tmp_path, few | {"d": (1, 2)}, found, timeout_s=2.0)
        large = config.path.read_text()
        reader = ReadingsReader(config.store_dir)
        with running(config.path) as daemon:
            await until(lambda: reads(reader, "d-2") >= 2, 60)
            inode = (config.store_dir / "readings" / "readings.db").stat().st_ino
            for turn in range(TIMES):
                part = config.path.with_suffix(".part")
                part.write_text(large if turn % 2 else small)
                part.replace(config.path)
                daemon.process.send_signal(signal.SIGHUP)
                await asyncio.sleep(chance.uniform(0.02, 0.4))  # some while the one before is still at work
            before = reads(reader, "d-1")
            await until(lambda: reads(reader, "d-1") >= before + 5, 60)  # the last word was the large one
            assert daemon.end(signal.SIGTERM) == 0
        lines = [json.loads(line) for line in daemon.log.read_text().splitlines()]
    reloads = [line["devices"] for line in lines if line["event"] == "reloaded"]
    assert len(reloads) >= TIMES // 4
    assert {name for devices in reloads for name in devices} <= {"d-1", "d-2"}
    opened = max(found[name].connections for name in LINKS[:3])
    print(f"reloaded {len(reloads)} times, {len(reader.epochs())} epochs, {opened} connections of what did not change")
    assert opened < len(reader.epochs()) / 2  # one, but for requests that a busy computer has broken off
    assert ended(reader) == due_by_ledger(reader)
    assert (config.store_dir / "readings" / "readings.db").stat().st_ino == inode
    assert lost(reader, "a-1") <= 2 * 2 * len(reader.epochs())  # at most one tick of each of its two groups at an end
