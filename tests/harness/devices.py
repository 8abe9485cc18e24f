"""Modbus TCP devices whose truth is integers: each answer is unlike any other and lies in the log before it leaves."""

import asyncio
import random
import struct

from tests.harness.plan import Meter
from tests.harness.record import Record, now_ms

_HEAD = struct.Struct(">HHHBBHH")  # transaction, protocol, length, unit, function, address, count


class Device:
    """One meter: counters that rise with every answer, gauges made of the answer's number."""

    def __init__(self, plan: Meter, seed: int) -> None:
        self.plan, self.name = plan, plan.name
        self._random = random.Random(f"{seed} {plan.name}")
        self.number = 0
        self.true = [0, 0, 0]  # what was counted since the start [counts]
        self.shown = list(plan.start)  # what the registers show, before they turn over

    def words(self, function: int, address: int, count: int) -> bytes | None:
        """The registers asked for; None where there are none."""
        self.number += 1
        area = self._area(function, address, count)
        if area is None:
            return None
        first, data = area
        return data[2 * (address - first) : 2 * (address - first + count)]

    def _area(self, function: int, address: int, count: int) -> tuple[int, bytes] | None:
        for first, end, make in ((0, 8, self._gauges), (600, 608, self._more), (100, 108, self._energy)):
            if function == 3 and first <= address and address + count <= end:
                return first, make()
        return None

    def _gauges(self) -> bytes:
        n = self.number
        frequency = struct.pack(">f", 50 + (n % 64) / 128)
        voltages = struct.pack(">hh", 2300 + n % 50, 2310 - n % 40)
        return struct.pack(">I", n) + voltages + frequency[2:] + frequency[:2] + struct.pack(">i", -n)

    def _more(self) -> bytes:
        return struct.pack(">Iiii", self.number, 1000 + self.number % 5000, -self.number, 7)

    def _energy(self) -> bytes:
        for index in range(3):
            step = self._random.randrange(1, 9)
            self.true[index] += step
            self.shown[index] += step
        imported, exported, reactive = self.shown
        return struct.pack(">IQI", imported % 2**32, exported % 2**64, reactive % 2**32)

    def reset(self, index: int) -> None:
        """A counter begins again near zero, as after a change of its board."""
        self.shown[index] = self._random.randrange(1, 50)


def served(device: Device, record: Record, function: int, address: int, count: int) -> bytes | None:
    """The registers a device gives, on record before they leave."""
    words = device.words(function, address, count)
    if words is not None:
        counted = {"true": list(device.true)} if address < 108 and address + count > 100 else {}
        record.write("truth", t=now_ms(), d=device.name, fc=function, a=address, c=count, w=words.hex(), **counted)
    return words


class Server:
    """The devices behind one address, honest to the byte; what goes wrong is the proxy's work."""

    def __init__(self, link: str, devices: list[Device], record: Record) -> None:
        self.link, self._record = link, record
        self._devices = {device.plan.unit: device for device in devices}
        self._server: asyncio.Server | None = None

    async def listen(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    def close(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readexactly(_HEAD.size)
                if (answer := self._answer(head)) is not None:
                    writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _answer(self, head: bytes) -> bytes | None:
        tid, _, _, unit, function, address, count = _HEAD.unpack(head)
        device = self._devices.get(unit)
        if function not in {3, 4}:
            self._record.write("forbidden", t=now_ms(), link=self.link, function=function)
        if device is None:
            return None
        words = served(device, self._record, function, address, count)
        tid = tid if device.plan.tid == "honest" else 0
        if words is None:
            return struct.pack(">HHHBBB", tid, 0, 3, unit, function | 0x80, 2)
        return struct.pack(">HHHBBB", tid, 0, 3 + len(words), unit, function, len(words)) + words
