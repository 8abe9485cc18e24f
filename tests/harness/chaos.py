"""A proxy before each link that knows Modbus: it can make answers late, double, foreign, short, torn, or keep them."""

import asyncio
import random
import struct
from collections import Counter
from contextlib import suppress

from tests.harness.listener import Listener
from tests.harness.ports import free_port
from tests.harness.record import Record, now_ms

KINDS = ("late", "double", "mute", "reset", "flip", "slice", "short", "foreign", "half", "busy", "stray")
FIRST_S, STEP_S = 0.0, 0.003


class Proxy(Listener):
    """The public end of one link; `ill` is what happens to its answers now, to one in so many."""

    def __init__(self, link: str, upstream: int, record: Record, seed: int, timeout_s: float) -> None:
        super().__init__(free_port())  # it listens there again after a cut
        self.link, self.upstream, self._record = link, upstream, record
        self._random = random.Random(f"{seed} {link}")
        self._timeout_s = timeout_s
        self.ill: dict[str, float] = {}  # kind -> chance
        self.units: frozenset[int] = frozenset()  # only these; empty = all
        self.up = True
        self.done: Counter[str] = Counter()
        self.connects = 0

    async def cut(self) -> None:
        """The link goes down: nobody listens, what was open is cut."""
        self.close()
        self.done["cut"] += 1

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        self.connects += 1
        upstream: asyncio.StreamWriter | None = None
        try:
            up_reader, upstream = await asyncio.open_connection("127.0.0.1", self.upstream)
            while True:
                request = await _frame(reader)
                upstream.write(request)
                answer = await asyncio.wait_for(_frame(up_reader), 2)
                await self._pass(request, answer, writer)
        except (asyncio.IncompleteReadError, OSError, TimeoutError):
            pass
        finally:
            self._open.discard(writer)
            for one in filter(None, (writer, upstream)):
                with suppress(OSError, RuntimeError):
                    one.close()

    def _choose(self, request: bytes) -> str:
        if self.units and request[6] not in self.units:
            return ""
        return next((kind for kind, chance in self.ill.items() if self._random.random() < chance), "")

    async def _pass(self, request: bytes, answer: bytes, writer: asyncio.StreamWriter) -> None:
        kind = self._choose(request)
        if not kind:
            writer.write(answer)
            return
        self.done[kind] += 1
        self._record.write("proxy", t=now_ms(), link=self.link, unit=request[6], kind=kind)
        await getattr(self, f"_{kind}")(answer, writer)

    async def _late(self, answer: bytes, writer: asyncio.StreamWriter) -> None:
        self._keep(asyncio.create_task(self._send_later(answer, writer)))

    async def _send_later(self, answer: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(1.4 * self._timeout_s)
        self._record.write("late", t=now_ms(), link=self.link, gone=writer.is_closing())
        if not writer.is_closing():
            writer.write(answer)

    async def _double(self, answer: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answer + answer)

    async def _mute(self, answer: bytes, writer: asyncio.StreamWriter) -> None:
        pass

    async def _reset(self, answer: bytes, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async def _flip(self, answer: bytes, writer: asyncio.StreamWriter) -> None:
        """One bit of the header; a bit of the data would be found by TCP's own checksum, and by nobody else."""
        place = self._random.randrange(9)
        spoilt = bytearray(answer)
        spoilt[place] ^= 1 << self._random.randrange(8)
        writer.write(bytes(spoilt))

    async def _slice(self, answer: bytes, writer: asyncio.StreamWriter) -> None:
        for place in range(len(answer)):
            writer.write(answer[place : place + 1])
            await asyncio.sleep(STEP_S)

    async def _short(self, answer: bytes, writer: asyncio.StreamWriter) -> None:
        body = answer[9:-4]
        writer.write(answer[:4] + struct.pack(">HBBB", 3 + len(body), answer[6], answer[7], len(body)) + body)

    async def _foreign(self, answer: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answer[:6] + bytes([answer[6] ^ 0x10]) + answer[7:])

    async def _half(self, answer: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answer[: len(answer) // 2])
        await asyncio.sleep(0.01)
        writer.close()

    async def _busy(self, answer: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answer[:4] + struct.pack(">HBBB", 3, answer[6], answer[7] | 0x80, 6))

    async def _stray(self, answer: bytes, writer: asyncio.StreamWriter) -> None:
        """The answer, and a moment later one that nobody asked for."""
        writer.write(answer)
        await asyncio.sleep(0.05)
        with suppress(OSError, RuntimeError):
            writer.write(answer)


async def _frame(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(6)
    return head + await reader.readexactly(struct.unpack(">HHH", head)[2])
