"""What is done to the world in a run: each act a fault from beginning to end, on record, healed when it returns."""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable

from tests.harness.fluxfaults import Fault
from tests.harness.plan import QUOTA, SERIAL
from tests.harness.record import now_ms
from tests.harness.stage import Stage

Act = Callable[[Stage, random.Random], Awaitable[None]]
BACK_OFF_S = 90  # a forwarder that was just refused may let the database rest for a minute before it comes again
SELDOM_S = 60  # and a device that has not answered is asked as seldom


async def until(condition: Callable[[], object], seconds: float) -> None:
    """Wait for something that a busy computer makes late; that it did happen is the judge's question."""
    limit = now_ms() + 1000 * seconds
    while now_ms() < limit and not await asyncio.to_thread(condition):
        await asyncio.sleep(0.1)


async def unplugged(stage: Stage, rnd: random.Random) -> None:
    """R4: the adapter is pulled out, and comes back as another terminal under its old name."""
    if stage.line is None:
        return
    async with stage.fault("unplugged", stage.plan.on_link(SERIAL)):
        await asyncio.to_thread(stage.line.unplug)
        await asyncio.sleep(4)
        await asyncio.to_thread(stage.line.replug)


async def cut_link(stage: Stage, rnd: random.Random) -> None:
    """D10: a gateway goes away and comes back."""
    link = rnd.choice(list(stage.proxies)[3:])
    async with stage.fault("cut", stage.plan.on_link(link)):
        await stage.proxies[link].cut()
        await asyncio.sleep(6)
        await stage.proxies[link].listen()


async def kill(stage: Stage, rnd: random.Random) -> None:
    """P2: killed with readings in hand, three times; where the guard can, once in a commit, once behind a slow one."""
    for turn in range(3):
        await asyncio.sleep(2 + rnd.random())
        if turn == 1 and not stage.no_guard:
            stage.resting.set()
            stage.subject.disk.kill_at_sync.set()
            await asyncio.to_thread(stage.subject.buried)
        elif turn == 2 and not stage.no_guard:
            stage.resting.set()
            stage.subject.disk.slow_s = 0.8
            await asyncio.sleep(1.5 + rnd.random() / 2)  # now readings and messages wait behind a commit
            await stage.ended("killed", signal.SIGKILL)
            stage.subject.disk.slow_s = 0
        else:
            await _in_hand(stage)
            await stage.ended("killed", signal.SIGKILL)
        await stage.started()


async def _in_hand(stage: Stage) -> None:
    """Until answers have just been given that no commit can hold yet."""
    before = sum(device.number for device in stage.devices.values())
    for _ in range(400):
        await asyncio.sleep(0.005)
        if sum(device.number for device in stage.devices.values()) > before + 3:
            return


async def stop_and_kill(stage: Stage, rnd: random.Random) -> None:
    """P1: told to stop while the disk is slow, and killed before it has: what was acknowledged must be there."""
    for _ in range(2):
        await asyncio.sleep(2 + rnd.random())
        stage.resting.set()
        stage.subject.disk.slow_s = 0.8
        await asyncio.sleep(1.5 + rnd.random() / 2)  # now messages wait behind a commit
        assert stage.subject.process is not None
        stage.subject.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.4)
        await stage.ended("killed while stopping", signal.SIGKILL)
        stage.subject.disk.slow_s = 0
        await stage.started()


async def restart(stage: Stage, rnd: random.Random) -> None:
    """Stopped in good order, away for a while, started again; a plain publisher has been quiet for long before."""
    plain = [one for one in stage.publishers if one.plan.plain]
    for one in plain:
        one.quiet.set()
    await asyncio.sleep(5)
    await stage.ended("stopped")
    await asyncio.sleep(4)
    await stage.started()
    await asyncio.sleep(3)
    for one in plain:
        one.quiet.clear()


async def power_cut(stage: Stage, rnd: random.Random) -> None:
    """K5: dark at any moment; what was not synced is gone."""
    if stage.no_guard:
        return
    await asyncio.sleep(3 + rnd.random())
    await _in_hand(stage)
    stage.resting.set()
    await asyncio.to_thread(stage.subject.power_cut)
    await stage.started()


async def full_disk(stage: Stage, rnd: random.Random) -> None:
    """K1: no byte more can be written, then there is room again."""
    if stage.no_guard:
        return
    async with stage.fault("full", stage.everybody()):
        before = stage.subject.disk.hits["full"]
        stage.subject.disk.full = True
        await asyncio.sleep(6)
        await until(lambda: stage.subject.disk.hits["full"] > before, SELDOM_S)
        stage.subject.disk.full = False
        await asyncio.sleep(1)


async def slow_disk(stage: Stage, rnd: random.Random) -> None:
    """K8: every fsync takes as long as a worn card's."""
    if stage.no_guard:
        return
    before = stage.subject.disk.hits["slow"]
    stage.subject.disk.slow_s = 0.4
    await asyncio.sleep(6)
    await until(lambda: stage.subject.disk.hits["slow"] > before, SELDOM_S)
    stage.subject.disk.slow_s = 0


async def sync_fails(stage: Stage, rnd: random.Random) -> None:
    """K3: fsync says EIO for a moment."""
    if stage.no_guard:
        return
    async with stage.fault("eio", stage.everybody()):
        before = stage.subject.disk.hits["broken"]
        stage.subject.disk.broken = True
        await asyncio.sleep(1.5)
        await until(lambda: stage.subject.disk.hits["broken"] > before, SELDOM_S)
        stage.subject.disk.broken = False
        await asyncio.sleep(6)


async def portal(stage: Stage, rnd: random.Random) -> None:
    """N7: somebody else answers 200 in the database's place."""
    async with stage.fault("pause"):
        before = stage.flux.writes.count(200)
        stage.flux.always = Fault(200, body="<html>log in</html>")
        await asyncio.sleep(4)
        await until(lambda: stage.flux.writes.count(200) > before, BACK_OFF_S)
        stage.flux.always = None


async def no_bucket(stage: Stage, rnd: random.Random) -> None:
    """T3: the bucket is gone for a while."""
    async with stage.fault("pause"):
        before = stage.flux.writes.count(404)
        stage.flux.always = Fault(404, body='{"code": "not found", "message": "bucket not found"}')
        await asyncio.sleep(4)
        await until(lambda: stage.flux.writes.count(404) > before, BACK_OFF_S)
        stage.flux.always = None


async def busy_sink(stage: Stage, rnd: random.Random) -> None:
    """T1, T2: 429 and 503 with and without a word on when to come back; answers lost after applying."""
    async with stage.fault("sink"):
        for planned in (Fault(429, {"Retry-After": "1"}), Fault(503, {"Retry-After": "soon"})):
            before = stage.flux.writes.count(planned.status)
            stage.flux.always = planned
            await asyncio.sleep(2)
            await until(lambda: stage.flux.writes.count(planned.status) > before, BACK_OFF_S)  # noqa: B023 - at once
        stage.flux.always = None
        stage.flux.faults.extend([Fault(apply=True, drop=True), Fault(500, apply=True)])
        await until(lambda: not stage.flux.faults, BACK_OFF_S)
    await stage.delivering()


async def poison_lines(stage: Stage, rnd: random.Random) -> None:
    """T5: one line of a batch is bad; the others must get through, and it must be kept apart."""
    async with stage.fault("sink"):
        honest = [meter.name for meter in stage.plan.meters if meter.tid == "honest"]  # the other is never read
        victim, before = rnd.choice(honest), await asyncio.to_thread(_quarantined, stage)
        stage.flux.bad_words = (f"point=p_{victim} ", f"point=p_{victim},")
        await until(lambda: _quarantined(stage) > before, BACK_OFF_S)
        stage.flux.bad_words = ()
    await stage.delivering()


def _quarantined(stage: Stage) -> float:
    return stage.metrics().get("zcf_forward_quarantined_lines_total", 0)


async def partial_write(stage: Stage, rnd: random.Random) -> None:
    """T6: one field has another type in the database: it takes the others and says 422."""
    async with stage.fault("sink"):
        kept, before = dict(stage.flux._types), stage.flux.writes.count(422)
        live = stage.flux.applied[-1]  # a series that is still written: old readings may be the first of all
        stage.flux._types.update({key: "integer" for key in kept if key[1:] == (live.series[0], live.field)})
        await until(lambda: stage.flux.writes.count(422) > before, BACK_OFF_S)
        stage.flux._types.update(kept)
    await stage.delivering()


async def clock_steps(stage: Stage, rnd: random.Random) -> None:
    """C3: two hours back, one hour forth, and right again, while it runs."""
    await stage.ended("stopped")
    stage.subject.clock.write_text("0")
    await stage.started(moved_clock=True)
    for offset_ms, seconds in ((-7_200_000, 7), (3_600_000, 7), (0, 4)):
        await asyncio.sleep(2)
        stage.record.write("clock", t=now_ms(), offset=offset_ms)
        stage.subject.clock.write_text(str(offset_ms))
        await asyncio.sleep(seconds)
    await stage.ended("stopped")
    await stage.started()


async def clock_back(stage: Stage, rnd: random.Random) -> None:
    """C3: two hours back while it runs."""
    await stage.ended("stopped")
    stage.subject.clock.write_text("0")
    await stage.started(moved_clock=True)
    await asyncio.sleep(3)
    stage.record.write("clock", t=now_ms(), offset=-7_200_000)
    stage.subject.clock.write_text("-7200000")
    await asyncio.sleep(15)  # longer than a device may take to be read again
    await stage.ended("stopped")
    await stage.started()


async def broker_dies(stage: Stage, rnd: random.Random) -> None:
    """B2: the broker is killed and started again; then it loses its disk, and with it our session."""
    for forget in (False, True):
        await asyncio.sleep(11)  # connections that end sooner, one after the other, are taken for a fight over a name
        async with stage.fault("broker", [one.plan.name for one in stage.publishers]):
            for one in stage.publishers:
                one.quiet.set()
            await asyncio.sleep(1.5 if forget else 0.3)
            await asyncio.to_thread(stage.broker.kill)
            if forget:
                stage.broker.forget()
            await asyncio.sleep(1)
            await asyncio.to_thread(stage.broker.start)
            await asyncio.sleep(4)
            for one in stage.publishers:
                one.quiet.clear()


async def poison_messages(stage: Stage, rnd: random.Random) -> None:
    """B9: messages that are no JSON."""
    async with stage.fault("poison", [one.plan.name for one in stage.publishers]):
        for one in stage.publishers[1:3]:
            one.poison = 2
        await asyncio.sleep(3)
        await until(lambda: not any(one.poison for one in stage.publishers), SELDOM_S)


async def resets(stage: Stage, rnd: random.Random) -> None:
    """M2: two counters begin again near zero; not those near the end of their wheel, where that is how a turn looks."""
    for name in rnd.sample(list(stage.devices)[4:], 2):
        stage.record.write("reset", t=now_ms(), d=name, index=0)
        stage.devices[name].reset(0)
    await asyncio.sleep(8)


async def calm(stage: Stage, rnd: random.Random) -> None:
    """Nothing happens: what is good must be told from what is not."""
    await asyncio.sleep(13)


async def filling(stage: Stage, rnd: random.Random) -> None:
    """K2: readings go on until the store has passed its quota, or somebody has made room in it."""
    await asyncio.sleep(8)
    await until(lambda: not 0.9 * QUOTA < stage.witness.used <= QUOTA, SELDOM_S)
