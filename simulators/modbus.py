"""Any Modbus profile as a device on a real TCP socket: pymodbus serves each link, a proxy stands before it."""

import logging
import socket
from collections.abc import Iterable, Mapping, Sequence

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from simulators.device import Registers
from simulators.faults import Fault
from simulators.proxy import Proxy, now_ms
from simulators.truth import TruthLog

_ALL_REGISTERS = 65_536


class Link:
    """The devices behind one gateway, served."""

    def __init__(
        self, name: str, devices: Sequence[Registers], log: TruthLog, faults: Iterable[Fault], start_ms: int
    ) -> None:
        self.name, self._devices, self._log = name, devices, log
        self._faults, self._start_ms = tuple(faults), start_ms
        self._server: ModbusTcpServer | None = None
        self._proxy: Proxy | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; the public port (0 = any free one)."""
        logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # it prints a traceback where a device says no
        server = ModbusTcpServer([*map(_served, self._devices), _absent()], address=("127.0.0.1", 0))
        await server.serve_forever(background=True)
        self._server = server
        units = {d.section.unit: d.section.id for d in self._devices}
        self._proxy = Proxy(self.name, _port(server), units, self._log, self._faults, self._start_ms)
        return await self._proxy.listen(host, port)

    async def stop(self) -> None:
        """Close the sockets."""
        if self._proxy is not None:
            await self._proxy.close()
        if self._server is not None:
            await self._server.shutdown()  # type: ignore[no-untyped-call]


def _port(server: ModbusTcpServer) -> int:
    sockets: Sequence[socket.socket] = getattr(server.transport, "sockets", ())
    return int(sockets[0].getsockname()[1])


def _served(device: Registers) -> SimDevice:
    """A pymodbus device whose registers are worked out when they are asked for."""

    async def action(
        function: int,
        start: int,
        address: int,
        count: int,
        registers: list[int],
        written: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        if written is not None or function not in {3, 4}:
            return ExcCodes.ILLEGAL_FUNCTION
        words = device.words(function, address, count, now_ms())
        if words is None:
            return ExcCodes.ILLEGAL_ADDRESS
        registers[address - start : address - start + count] = words
        return None

    return SimDevice(id=device.section.unit, simdata=list(_space(device)), action=action)


def _space(device: Registers) -> Iterable[SimData]:
    """The union of the regions, whatever their function code, as pymodbus wants it."""
    taken: list[list[int]] = []
    for region in sorted(device.regions, key=lambda r: r.address):
        end = region.address + region.count
        if taken and region.address <= taken[-1][1]:
            taken[-1][1] = max(taken[-1][1], end)
        else:
            taken.append([region.address, end])
    for start, end in taken:
        yield SimData(start, count=end - start, values=0, datatype=DataType.REGISTERS)


def _absent() -> SimDevice:
    """What a gateway says of a unit that is not there."""

    async def action(*_: object) -> ExcCodes | None:
        return ExcCodes.GATEWAY_NO_RESPONSE

    return SimDevice(
        id=0, simdata=[SimData(0, count=_ALL_REGISTERS, values=0, datatype=DataType.REGISTERS)], action=action
    )


def links(
    devices: Mapping[str, Sequence[Registers]], log: TruthLog, faults: Iterable[Fault], start_ms: int
) -> list[Link]:
    """One link a gateway."""
    return [Link(name, some, log, faults, start_ms) for name, some in devices.items()]
