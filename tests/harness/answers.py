"""Acts on what devices answer: late, short, torn, somebody else's; over TCP, on the serial line, by a converter."""

import asyncio
import random

from tests.harness.acts import SELDOM_S, until
from tests.harness.converter import KINDS
from tests.harness.plan import CONVERTER, SERIAL, TIMEOUT_S
from tests.harness.ptyrelay import flips
from tests.harness.record import now_ms
from tests.harness.stage import Stage

BAD_TCP = ("late", "double", "mute", "reset", "flip", "slice", "short", "foreign", "half", "busy", "stray")


async def spoilt_answers(stage: Stage, rnd: random.Random) -> None:
    """D1-D10: every way an answer can be wrong, each on links of its own for a while, then on others."""
    links = list(stage.proxies)
    rnd.shuffle(links)
    await asyncio.gather(*(_spoil(stage, link, BAD_TCP[n % len(BAD_TCP)], 8) for n, link in enumerate(links)))


async def late_answers(stage: Stage, rnd: random.Random) -> None:
    """D2, D3: single answers later than the timeout, on every link, the one without transaction numbers too."""
    await asyncio.gather(*(_spoil(stage, link, "late", 8) for link in stage.proxies))


async def short_answers(stage: Stage, rnd: random.Random) -> None:
    """D4: fewer registers than asked for, in a frame that is whole."""
    await asyncio.gather(*(_spoil(stage, link, "short", 4) for link in stage.proxies))


async def _spoil(stage: Stage, link: str, kind: str, seconds: float) -> None:
    """For a while, and until it has happened twice: who was refused before may ask seldom."""
    proxy = stage.proxies[link]
    async with stage.fault(kind, stage.plan.on_link(link)):
        before = proxy.done[kind]
        proxy.ill = {kind: 0.4}
        await asyncio.sleep(seconds)
        if stage.plan.honest(link):  # the other device is hardly asked at all
            await until(lambda: proxy.done[kind] >= before + 2, SELDOM_S)
        proxy.ill = {}
        await asyncio.sleep(0.7)


async def line_trouble(stage: Stage, rnd: random.Random) -> None:
    """R1, R2: on the serial line single answers later than the timeout, then bits that turn over."""
    if stage.line is None:
        return
    late: list[bytes] = []
    turned: list[bytes] = []
    flipping = flips(stage.plan.seed, 2e-3)

    def delay(request: bytes) -> float:
        if rnd.random() >= 0.3:
            return 0.0
        late.append(request)
        return 1.4 * TIMEOUT_S

    def garble(data: bytes) -> bytes:
        if (other := flipping(data)) != data:
            turned.append(other)
        return other

    async with stage.fault("rtu late", stage.plan.on_link(SERIAL)):
        stage.line.delay = delay
        await asyncio.sleep(8)
        await until(lambda: len(late) >= 3, SELDOM_S)
        stage.line.delay = lambda _: 0.0
        await asyncio.sleep(1)
    stage.record.write("rtu", t=now_ms(), asked=len(stage.line.asked), late=len(late))
    async with stage.fault("rtu bits", stage.plan.on_link(SERIAL)):
        stage.line.garble = garble
        await asyncio.sleep(6)
        await until(lambda: len(turned) >= 5, SELDOM_S)
        stage.line.garble = lambda data: data
        await asyncio.sleep(0.5)


async def converter_trouble(stage: Stage, rnd: random.Random) -> None:
    """R1, R2, R7 over TCP: frames without numbers, late, torn, of another unit, of another master, twice, spoilt."""
    converter = stage.converter
    if converter is None:
        return
    async with stage.fault("rtu over tcp", stage.plan.on_link(CONVERTER)):
        before = dict(converter.done)
        converter.ill = dict.fromkeys(KINDS, 0.06)
        await asyncio.sleep(8)
        for kind in KINDS:  # what chance has not brought is brought alone
            converter.ill = converter.ill if converter.done[kind] > before.get(kind, 0) else {kind: 0.5}
            await until(lambda kind=kind: converter.done[kind] > before.get(kind, 0), SELDOM_S)
        converter.ill = {}
        await asyncio.sleep(0.7)
