"""Modbus TCP devices that can lie: own asyncio servers, so that no library's idea of Modbus is tested against itself.

Register n of unit u always holds (u * 1000 + n) % 65536, so words of another block or unit are recognised at once.
"""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

HEADER = struct.Struct(">HHHB")


def words(unit: int, address: int, count: int) -> bytes:
    """The true registers of a unit."""
    return b"".join(((unit * 1000 + address + i) % 65536).to_bytes(2, "big") for i in range(count))


@dataclass(frozen=True)
class Ask:
    """One request as it arrived."""

    number: int  # 0-based over the life of the device
    connection: int
    tid: int
    unit: int
    function: int
    address: int
    count: int

    def adu(self, pdu: bytes, *, tid: int | None = None, unit: int | None = None, length: int | None = None) -> bytes:
        """A frame around a PDU; whatever is not given is right."""
        header = HEADER.pack(
            self.tid if tid is None else tid,
            0,
            len(pdu) + 1 if length is None else length,
            self.unit if unit is None else unit,
        )
        return header + pdu

    def pdu(self, count: int | None = None, function: int | None = None) -> bytes:
        """The true answer, or one of another length or function."""
        data = words(self.unit, self.address, self.count if count is None else count)
        return bytes([self.function if function is None else function, len(data)]) + data

    def exception(self, code: int) -> bytes:
        """An exception answer."""
        return self.adu(bytes([self.function | 0x80, code]))

    @property
    def honest(self) -> bytes:
        """The whole true answer."""
        return self.adu(self.pdu())


Manner = Callable[[Ask, asyncio.StreamWriter], Awaitable[None]]


async def honest(ask: Ask, writer: asyncio.StreamWriter) -> None:
    """Answers what was asked."""
    writer.write(ask.honest)


def at(wrong: set[int], lie: Manner) -> Manner:
    """Lies at the numbered requests, is honest at all others."""

    async def manner(ask: Ask, writer: asyncio.StreamWriter) -> None:
        await (lie if ask.number in wrong else honest)(ask, writer)

    return manner


def says(make: Callable[[Ask], bytes]) -> Manner:
    """Answers at once with what `make` makes."""

    async def manner(ask: Ask, writer: asyncio.StreamWriter) -> None:
        writer.write(make(ask))

    return manner


def late(delay_s: float, make: Callable[[Ask], bytes]) -> Manner:
    """Answers after a delay, reading on meanwhile: the next request may be there already."""

    async def manner(ask: Ask, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(delay_s)
        writer.write(make(ask))

    return manner


def in_pieces(size: int, pause_s: float = 0.0) -> Manner:
    """Sends the honest answer a few bytes at a time."""

    async def manner(ask: Ask, writer: asyncio.StreamWriter) -> None:
        for start in range(0, len(ask.honest), size):
            writer.write(ask.honest[start : start + size])
            await writer.drain()
            await asyncio.sleep(pause_s)

    return manner


def half_then_close(keep: int) -> Manner:
    """Sends the first bytes of an answer and hangs up."""

    async def manner(ask: Ask, writer: asyncio.StreamWriter) -> None:
        writer.write(ask.honest[:keep])
        await writer.drain()
        writer.close()

    return manner


async def mute(ask: Ask, writer: asyncio.StreamWriter) -> None:
    """Never answers."""


@dataclass
class Device:
    """A device on a port of its own."""

    manner: Manner = honest
    port: int = 0
    asks: list[Ask] = field(default_factory=list)
    connections: int = 0
    open_now: int = 0
    most_open: int = 0
    raw: bytearray = field(default_factory=bytearray)  # everything any client ever sent
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection; answers run beside each other, as in a device with several buffers."""
        self.connections += 1
        self.open_now += 1
        self.most_open = max(self.most_open, self.open_now)
        self.writers.append(writer)
        connection = self.connections
        try:
            async for ask in self._asks(reader, connection):
                self.asks.append(ask)
                task = asyncio.create_task(self._answer(ask, writer))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open_now -= 1
            writer.close()

    async def _answer(self, ask: Ask, writer: asyncio.StreamWriter) -> None:
        if not writer.is_closing():
            await self.manner(ask, writer)

    async def _asks(self, reader: asyncio.StreamReader, connection: int) -> AsyncIterator[Ask]:
        while True:
            header = await reader.readexactly(7)
            tid, _, length, unit = HEADER.unpack(header)
            body = await reader.readexactly(length - 1)
            self.raw += header + body
            address, count = struct.unpack(">HH", body[1:5]) if len(body) >= 5 else (0, 0)
            yield Ask(len(self.asks), connection, tid, unit, body[0], address, count)


@asynccontextmanager
async def device(manner: Manner = honest, port: int = 0) -> AsyncIterator[Device]:
    """A running device."""
    one = Device(manner)
    server = await asyncio.start_server(one.serve, "127.0.0.1", port)
    one.port = server.sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        server.close()
        for task in list(one._tasks):
            task.cancel()
        for writer in one.writers:
            writer.close()
        await asyncio.sleep(0)


def numbers(data: bytes) -> Iterator[int]:
    """The registers in an answer's data."""
    return (int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2))
