"""A TCP converter before a serial line: frames with a CRC and without a number, which it spoils when told to.

Its units answer in order, as on a line: while a late answer is on its way, the later ones of that unit wait behind it.
"""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress

from tests.harness.devices import Device, served
from tests.harness.listener import Listener
from tests.harness.ptyrelay import asked_of, crc16, frame
from tests.harness.record import Record, now_ms

KINDS = ("late", "torn", "broken", "foreign", "stranger", "double", "mute", "bits", "half", "reset")
_REQUEST, _NO_SUCH_REGISTER = 8, 2
_PIECE_S, _BREAK_S, _AGAIN_S = 0.02, 0.35, 0.03
_STRANGER = bytes.fromhex("7fffff7f") * 2  # eight registers' worth is made of it: no device of ours ever says it

Send = Callable[[bytes, bytes, asyncio.StreamWriter], Awaitable[None]]


class Converter(Listener):
    """The meters behind one address, as frames of a serial line; `ill` is what happens to one answer in so many."""

    def __init__(self, link: str, devices: Iterable[Device], record: Record, seed: int, timeout_s: float) -> None:
        super().__init__()
        self.link, self._record, self._timeout_s = link, record, timeout_s
        self._devices = {device.plan.unit: device for device in devices}
        self._random = random.Random(f"{seed} {link}")
        self.ill: dict[str, float] = {}  # kind -> chance
        self.done: Counter[str] = Counter()
        self._turns: dict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while True:
                request = await reader.readexactly(_REQUEST)
                if crc16(request[:-2]) == request[-2:]:
                    self._keep(asyncio.create_task(self._turn(request, writer)))
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self._open.discard(writer)
            with suppress(OSError, RuntimeError):
                writer.close()

    async def _turn(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        async with self._turns[request[0]]:
            answer = self._answer(request)
            if answer is None or writer.is_closing():
                return
            kind = next((kind for kind, chance in self.ill.items() if self._random.random() < chance), "")
            if not kind:
                writer.write(answer)
                return
            self._record.write("converter", t=now_ms(), unit=request[0], kind=kind)
            with suppress(OSError, RuntimeError):
                await getattr(self, f"_{kind}")(request, answer, writer)
            self.done[kind] += 1

    def _answer(self, request: bytes) -> bytes | None:
        unit, function, address, count = asked_of(request)
        if function not in {3, 4}:
            self._record.write("forbidden", t=now_ms(), link=self.link, function=function)
        device = self._devices.get(unit)
        if device is None:
            return None
        words = served(device, self._record, function, address, count)
        if words is None:
            return frame(unit, function | 0x80, bytes([_NO_SUCH_REGISTER]))
        return frame(unit, function, bytes([len(words)]) + words)

    async def _late(self, _: bytes, answer: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(1.4 * self._timeout_s)
        writer.write(answer)

    async def _torn(self, _: bytes, answer: bytes, writer: asyncio.StreamWriter) -> None:
        """In three pieces, as a converter's buffer empties."""
        for place in range(0, len(answer), 8):
            writer.write(answer[place : place + 8])
            await asyncio.sleep(_PIECE_S)

    async def _broken(self, _: bytes, answer: bytes, writer: asyncio.StreamWriter) -> None:
        """In two pieces, the second after more silence than any line has within a frame."""
        writer.write(answer[:7])
        await asyncio.sleep(_BREAK_S)
        writer.write(answer[7:])

    async def _foreign(self, _: bytes, answer: bytes, writer: asyncio.StreamWriter) -> None:
        """Another unit's answer of the same form, instead."""
        writer.write(frame(answer[0] ^ 0x10, answer[1], answer[2:-2]))

    async def _stranger(self, request: bytes, answer: bytes, writer: asyncio.StreamWriter) -> None:
        """A second master has asked the same unit something else, and both answers come."""
        asked = frame(request[0], request[1], (40_000).to_bytes(2, "big") + request[4:6])
        told = (_STRANGER * 32)[: answer[2]]
        writer.write(asked + frame(request[0], request[1], bytes([len(told)]) + told) + answer)

    async def _double(self, _: bytes, answer: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await asyncio.sleep(_AGAIN_S)
        writer.write(answer)

    async def _mute(self, _: bytes, answer: bytes, writer: asyncio.StreamWriter) -> None:
        pass

    async def _bits(self, _: bytes, answer: bytes, writer: asyncio.StreamWriter) -> None:
        spoilt = bytearray(answer)
        spoilt[self._random.randrange(len(answer))] ^= 1 << self._random.randrange(8)
        writer.write(bytes(spoilt))

    async def _half(self, _: bytes, answer: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answer[: len(answer) // 2])
        await asyncio.sleep(_PIECE_S)
        writer.close()

    async def _reset(self, _: bytes, answer: bytes, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()
