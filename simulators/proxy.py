"""Between the devices of a link and whoever asks them: passes frames on, spoils answers where told, logs them."""

import asyncio
import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from simulators.faults import Fault, Line, Sent, answers
from simulators.truth import TruthLog

_HEAD = struct.Struct(">HHH")  # transaction, protocol, length
_READ = struct.Struct(">BBHH")  # unit, function, address, count


def now_ms() -> int:
    """The wall clock [ms UTC]."""
    return time.time_ns() // 1_000_000


@dataclass
class Proxy:
    """The public end of one link."""

    link: str
    upstream_port: int
    devices: Mapping[int, str]  # unit -> device
    log: TruthLog
    faults: tuple[Fault, ...] = ()
    start_ms: int = 0
    clock: Callable[[], int] = now_ms
    _line: Line = field(init=False)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _server: asyncio.Server | None = None

    def __post_init__(self) -> None:
        self._line = Line(self.faults)

    async def listen(self, host: str, port: int) -> int:
        """Open the public port (0 = any free one) and return it."""
        self._server = await asyncio.start_server(self._serve, host, port)
        self._keep(asyncio.create_task(self._watch()))
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Close the port and every connection."""
        for task in tuple(self._tasks):
            task.cancel()
        if self._server is not None:
            self._server.close()
        for writer in tuple(self._open):
            writer.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._keep(task)
        if self._down():
            writer.close()
            return
        self._open.add(writer)
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.upstream_port)
        try:
            while not writer.is_closing():
                request = await _frame(reader)
                up_writer.write(request)
                await self._answer(request, await _frame(up_reader), writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone
        finally:
            self._open.discard(writer)
            up_writer.close()
            writer.close()

    async def _answer(self, request: bytes, answer: bytes, writer: asyncio.StreamWriter) -> None:
        device = self.devices.get(request[6], "")
        fault = self._line.next(device, self.clock() - self.start_ms) if device else None
        for sent in answers(answer, fault):
            if sent.delay_ms:
                self._keep(asyncio.create_task(self._later(request, sent, writer)))
            else:
                self._send(request, sent, writer)
        await writer.drain()

    async def _later(self, request: bytes, sent: Sent, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(sent.delay_ms / 1000)
        self._send(request, sent, writer)

    def _send(self, request: bytes, sent: Sent, writer: asyncio.StreamWriter) -> None:
        """Log what leaves, then let it leave."""
        gone = writer.is_closing()
        self.log.write(self._line_of(request, sent) | ({"gone": True} if gone else {}))
        if sent.frame and not gone:
            writer.write(sent.frame)
        if sent.close:
            writer.close()

    def _line_of(self, request: bytes, sent: Sent) -> dict[str, Any]:
        unit, function, address, count = _READ.unpack(request[6:12].ljust(6, b"\0"))
        line: dict[str, Any] = {
            "t": self.clock(), "device": self.devices.get(unit, ""), "unit": unit, "fc": function, "addr": address,
            "count": count, "words": sent.frame[9:].hex(), "fault": sent.fault,
        }  # fmt: skip
        if len(sent.frame) > 8 and sent.frame[7] & 0x80:
            line |= {"words": "", "exception": sent.frame[8]}
        return line

    def _down(self) -> bool:
        since = self.clock() - self.start_ms
        return any(f.kind == "down" and f.target == self.link and f.on(since) for f in self.faults)

    async def _watch(self) -> None:
        """Close what is open when the link goes down."""
        while any(f.kind == "down" and f.target == self.link for f in self.faults):
            if self._down():
                for writer in tuple(self._open):
                    writer.close()
            await asyncio.sleep(0.1)

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _frame(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(_HEAD.size)
    return head + await reader.readexactly(_HEAD.unpack(head)[2])
