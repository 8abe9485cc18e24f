"""What the contestants talk to: fast Modbus TCP devices, one port each, and an HTTP sink that always says 204."""

import asyncio
import json
import math
import struct
import sys
from functools import partial

_HEAD = struct.Struct(">HHHBBHH")  # transaction, protocol, length, unit, function, address, count
_ANSWER = struct.Struct(">HHHBBB")
REGISTERS = 2048


def image(device: int) -> bytes:
    """The registers of one device: float32 values that differ by device and place."""
    values = (100 + 50 * math.sin(device + place) for place in range(REGISTERS // 2))
    return b"".join(struct.pack(">f", value) for value in values)


class Device(asyncio.Protocol):
    """One connection to one device."""

    def __init__(self, registers: bytes) -> None:
        self._registers, self._rest = registers, b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = transport if isinstance(transport, asyncio.Transport) else None

    def data_received(self, data: bytes) -> None:
        """Answer every whole request."""
        self._rest += data
        answers = []
        while len(self._rest) >= _HEAD.size:
            transaction, _, _, unit, function, address, count = _HEAD.unpack_from(self._rest)
            self._rest = self._rest[_HEAD.size :]
            body = self._registers[2 * address : 2 * (address + count)]
            answers.append(_ANSWER.pack(transaction, 0, 3 + len(body), unit, function, len(body)) + body)
        if self._transport is not None and answers:
            self._transport.write(b"".join(answers))


class Sink(asyncio.Protocol):
    """HTTP that takes bodies of any size and answers 204."""

    def __init__(self) -> None:
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = transport if isinstance(transport, asyncio.Transport) else None

    def data_received(self, data: bytes) -> None:
        """Answer every request whose body has arrived."""
        self._rest += data
        while (end := self._rest.find(b"\r\n\r\n")) >= 0:
            length = _length(self._rest[:end])
            if len(self._rest) < end + 4 + length:
                return
            self._rest = self._rest[end + 4 + length :]
            if self._transport is not None:
                self._transport.write(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n")


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


async def _serve(devices: int) -> None:
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(partial(Device, image(i)), "127.0.0.1", 0) for i in range(devices)]
    sink = await loop.create_server(Sink, "127.0.0.1", 0)
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    print(json.dumps({"devices": ports, "sink": sink.sockets[0].getsockname()[1]}), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)  # until whoever started it closes the pipe


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
