"""Acts of the long run: the process frozen, told to reload, the database slow, rolled back, away; a wheel that turns
over while nobody looks; and, where we may, a real file system that goes dark and a real disk that fills up.
"""

import asyncio
import os
import random
import signal
import subprocess
import sys

from tests.harness.record import now_ms
from tests.harness.stage import Stage
from tests.harness.subject import ROOT


async def frozen(stage: Stage, rnd: random.Random) -> None:
    """C8: the process stands still for six seconds, as a paused virtual machine does."""
    async with stage.fault("frozen", stage.everybody()):
        os.kill(stage.subject.pid, signal.SIGSTOP)
        await asyncio.sleep(6)
        os.kill(stage.subject.pid, signal.SIGCONT)
        await asyncio.sleep(1)


async def reloads(stage: Stage, rnd: random.Random) -> None:
    """K13: told to read its site file again, five times in a row; nothing in it changed."""
    for _ in range(5):
        os.kill(stage.subject.pid, signal.SIGHUP)
        await asyncio.sleep(0.5)
    stage.record.write("reload", t=now_ms())


async def slow_sink(stage: Stage, rnd: random.Random) -> None:
    """T14: every write takes two seconds."""
    async with stage.fault("sink"):
        stage.flux.delay_s = 2.0
        await asyncio.sleep(8)
        stage.flux.delay_s = 0.0


async def sink_away(stage: Stage, rnd: random.Random) -> None:
    """N1: nobody listens at the database's address."""
    async with stage.fault("sink"):
        await asyncio.to_thread(stage.flux.stop)
        await asyncio.sleep(6)
        await asyncio.to_thread(stage.flux.start)
        await stage.delivering()


async def rolled_back(stage: Stage, rnd: random.Random) -> None:
    """T9: the database is restored from an older backup; `zcf resync` sends what is missing."""
    async with stage.fault("rolled"):
        await stage.delivering()
        await asyncio.to_thread(stage.flux.roll_back, 12)
        await asyncio.sleep(65)  # what is minutes old is compared; the newest may still be on its way
        words = [sys.executable, "-P", "-m", "zcf", "resync", str(stage.subject.site), "--json"]
        tokens = {"ZCF_INFLUX_TOKEN": stage.flux.write_token, "ZCF_INFLUX_READ_TOKEN": stage.flux.read_token}
        environment = {**os.environ, **tokens, "PYTHONPATH": str(ROOT)}
        done = await asyncio.to_thread(
            subprocess.run, words, env=environment, capture_output=True, text=True, cwd=ROOT, check=False
        )
        said = {"code": done.returncode, "said": done.stdout, "err": done.stderr[-300:]}
        stage.record.write("resync", t=now_ms(), **said)


async def over_the_end(stage: Stage, rnd: random.Random) -> None:
    """M1, M4: a counter turns over while the collector is away."""
    device = stage.devices[stage.plan.meters[3].name]
    await stage.ended("stopped")
    await asyncio.sleep(8)
    rest = 2**32 - device.shown[0] + rnd.randrange(5, 40)
    if 0 < rest < 1000:  # what 500 kW can count in that time
        device.shown[0] += rest
        device.true[0] += rest
        stage.record.write("turned", t=now_ms(), d=device.name)
    await stage.started()
    await asyncio.sleep(6)


async def dark(stage: Stage, rnd: random.Random) -> None:
    """K5, privileged: a real ext4 shuts down under the writer (its twin: the guard's power cut)."""
    if stage.disk_image is None:
        return
    await asyncio.sleep(3 + rnd.random())
    stage.resting.set()
    await asyncio.to_thread(stage.disk_image.shut_down)
    await stage.ended("killed", signal.SIGKILL)
    await asyncio.to_thread(stage.disk_image.mount_again)
    stage.record.write("dark", t=now_ms())
    await stage.started()


async def crowded(stage: Stage, rnd: random.Random) -> None:
    """K2, privileged: another program fills the file system (its twin: the guard's full disk)."""
    if stage.disk_image is None:
        return
    async with stage.fault("full", stage.everybody()):
        await asyncio.to_thread(stage.disk_image.fill)
        await asyncio.sleep(8)
        stage.disk_image.free()
        await asyncio.sleep(1)
    stage.record.write("crowded", t=now_ms())
