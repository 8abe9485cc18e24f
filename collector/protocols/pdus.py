"""Requests as pymodbus sends them, and its framing with what is received handed to a gate unread."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType

from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU, ModbusPDU
from pymodbus.pdu.bit_message import ReadCoilsRequest, ReadDiscreteInputsRequest
from pymodbus.pdu.mei_message import ReadDeviceInformationRequest
from pymodbus.pdu.other_message import ReportDeviceIdRequest
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, ReadInputRegistersRequest

from collector.protocols.gate import ALLOWED, ForbiddenFunctionError, Request

BUFFER = 1 << 20  # above what asyncio hands over at once, so that pymodbus drops no byte before we have seen it
Take = Callable[[bytes], int]  # all bytes not yet done with -> how many are done with now

_PDU: Mapping[int, Callable[[Request], ModbusPDU]] = MappingProxyType({
    1: lambda r: ReadCoilsRequest(address=r.address, count=r.count, dev_id=r.unit),
    2: lambda r: ReadDiscreteInputsRequest(address=r.address, count=r.count, dev_id=r.unit),
    3: lambda r: ReadHoldingRegistersRequest(address=r.address, count=r.count, dev_id=r.unit),
    4: lambda r: ReadInputRegistersRequest(address=r.address, count=r.count, dev_id=r.unit),
    17: lambda r: ReportDeviceIdRequest(dev_id=r.unit),
    43: lambda r: ReadDeviceInformationRequest(read_code=r.count, object_id=r.address, dev_id=r.unit),
})  # fmt: skip


def pdu_of(request: Request, tid: int = 0) -> ModbusPDU:
    """The request as pymodbus makes it."""
    pdu = _PDU[request.function](request)
    pdu.transaction_id = tid
    return pdu


def _checked(message: ModbusPDU) -> None:
    """The last place where a function that is not a read is refused, before any byte is made."""
    if message.function_code not in ALLOWED:
        raise ForbiddenFunctionError(f"Modbus function {message.function_code} is refused")


class TcpFramer(FramerSocket):
    """pymodbus's framing of Modbus TCP for what is sent; what is received goes to the gate unread."""

    def __init__(self, received: Take) -> None:
        super().__init__(DecodePDU(is_server=False))
        self._take = received

    def buildFrame(self, message: ModbusPDU) -> bytes:  # noqa: N802 - pymodbus's name
        """The bytes of a request."""
        _checked(message)
        return super().buildFrame(message)

    def handleFrame(self, data: bytes, exp_devid: int, exp_tid: int) -> tuple[int, ModbusPDU | None]:  # noqa: ARG002, N802 - pymodbus's names
        """Hand everything received to the gate; no PDU ever comes back this way."""
        return self._take(data), None


class RtuFramer(FramerRTU):
    """The same for serial lines; `sent` is the last request, which some adapters echo."""

    def __init__(self, received: Take) -> None:
        super().__init__(DecodePDU(is_server=False))
        self._take = received
        self.sent = b""

    def buildFrame(self, message: ModbusPDU) -> bytes:  # noqa: N802 - pymodbus's name
        """The bytes of a request with their CRC."""
        _checked(message)
        self.sent = super().buildFrame(message)
        return self.sent

    def handleFrame(self, data: bytes, exp_devid: int, exp_tid: int) -> tuple[int, ModbusPDU | None]:  # noqa: ARG002, N802 - pymodbus's names
        """Hand everything received to the gate; no PDU ever comes back this way."""
        return self._take(data), None


def tcp_frame(request: Request, tid: int) -> bytes:
    """The bytes of a request over TCP: what pymodbus makes of it once, under its number."""
    return tid.to_bytes(2) + _numberless(request)


@lru_cache(maxsize=4096)  # a gateway asks the same of its devices for years
def _numberless(request: Request) -> bytes:
    return TcpFramer(len).buildFrame(pdu_of(request))[2:]
