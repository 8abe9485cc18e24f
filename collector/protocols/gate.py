"""What may be asked of a Modbus device, and which bytes count as the answer (pure; MBAP: Modbus TCP guide of 2006)."""

import struct
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from metering.reading import GapReason

READ_BITS = frozenset({1, 2})
READ_WORDS = frozenset({3, 4})
REPORT_ID = 17
IDENTIFY = 43  # only with MEI type 14, read device identification
ALLOWED = READ_BITS | READ_WORDS | {REPORT_ID, IDENTIFY}
MAX_WORDS, MAX_BITS = 125, 2000
_MEI = 14
_START = struct.Struct(">HHHBBB")  # transaction, protocol, length, unit, function, byte count
_HEADER = struct.Struct(">HHHBB")  # transaction, protocol, length, unit, function
_LEAST, _MOST = 3, 254  # unit + function + one byte; the longest PDU is 253 bytes


class ForbiddenFunctionError(ValueError):
    """A Modbus function that is not a read: refused before any byte is made."""


class NoAnswerError(Exception):
    """A request that ended without a usable answer, and why."""

    def __init__(self, reason: GapReason, detail: str = "", code: int | None = None) -> None:
        super().__init__(detail or reason.value)
        self.reason, self.detail, self.code = reason, detail, code


class NoLineError(NoAnswerError):
    """The link itself cannot be opened: nothing behind it can be asked."""


@dataclass(frozen=True, slots=True)
class Request:
    """One read: `count` registers or bits from a 0-based address; for 43/14 the object and the category asked for."""

    unit: int
    function: int
    address: int = 0
    count: int = 0

    def __post_init__(self) -> None:
        if self.function not in ALLOWED:
            raise ForbiddenFunctionError(f"Modbus function {self.function} is refused: only reads {sorted(ALLOWED)}")
        limit = {REPORT_ID: 0, IDENTIFY: 4}.get(self.function, MAX_BITS if self.function in READ_BITS else MAX_WORDS)
        least = 0 if self.function == REPORT_ID else 1
        if not least <= self.count <= limit or not 0 <= self.address <= 0xFFFF or not 0 <= self.unit <= 0xFF:
            raise ValueError(f"{self} is out of range: {least}..{limit} items from 0..65535 of unit 0..255")

    @property
    def length(self) -> int | None:
        """The MBAP length its answer must state; None where the device decides."""
        if self.function in READ_WORDS:
            return 3 + 2 * self.count
        return 3 + (self.count + 7) // 8 if self.function in READ_BITS else None


class Asks(Protocol):
    """A way to a link's devices."""

    @property
    def is_open(self) -> bool:
        """True while the next request needs no opening."""
        ...

    @property
    def opened(self) -> int:
        """How often it was opened."""
        ...

    @property
    def asked_at(self) -> float:
        """When the last request left, on the loop's clock [s]."""
        ...

    def airtime_s(self, request: Request) -> float:
        """How long a request and its answer are under way, beside the time the device takes [s]."""
        ...

    async def open_if_possible(self) -> None:
        """Open ahead of the next request."""
        ...

    async def execute(self, request: Request, timeout_s: float) -> bytes:
        """The data of the one valid answer; NoAnswerError otherwise."""
        ...

    def close(self) -> None:
        """Close; the next request opens again."""
        ...


class Verdict(NamedTuple):
    """What the bytes so far are: the data asked for, or a refusal; `clean` = nothing came beside the answer."""

    data: bytes | None
    refusal: NoAnswerError | None
    clean: bool
    frame: bytes = b""  # the whole answer


def judge(request: Request, tid: int, received: bytes, before: bytes = b"") -> Verdict | None:
    """The one answer to a request out of all bytes since it was sent; None while it may still become one.

    `before` is the answer to the request before: some devices and gateways send it twice, and its number tells.
    """
    if received[:9] == _head(request, tid) and len(received) == 6 + (request.length or 0):
        return Verdict(received[9:], None, clean=True, frame=received)  # as it is nearly always
    copies = 0
    while before and received.startswith(before, copies):
        copies += len(before)
    verdict = None if before and before.startswith(received[copies:]) else _judge(request, tid, received[copies:])
    return verdict._replace(clean=False) if verdict and copies else verdict


def _head(request: Request, tid: int) -> bytes:
    """How the good answer to a read of registers begins; empty for other requests, where the device decides."""
    if request.function not in READ_WORDS:
        return b""
    size = 2 * request.count
    return _START.pack(tid, 0, 3 + size, request.unit, request.function, size)


def _judge(request: Request, tid: int, received: bytes) -> Verdict | None:
    start = struct.pack(">HH", tid, 0)
    if received[:4] != start[: len(received)]:
        return _odd("transaction or protocol id", received)
    if len(received) < _HEADER.size:
        return None
    _, _, length, unit, function = _HEADER.unpack_from(received)
    wrong = _wrong_header(request, length, unit, function)
    if wrong:
        return _odd(wrong, received)
    if len(received) < 6 + length:
        return None
    return _whole(request, received[: 6 + length], received[6 + length :])


def _wrong_header(request: Request, length: int, unit: int, function: int) -> str:
    if unit != request.unit:
        return f"unit {unit} instead of {request.unit}"
    if function == request.function | 0x80:
        return "" if length == _LEAST else f"length {length} of an exception"
    if function != request.function:
        return f"function {function} instead of {request.function}"
    expected = request.length
    if length != expected if expected else not _LEAST <= length <= _MOST:
        return f"length {length}" + (f" instead of {expected}" if expected else "")
    return ""


def _whole(request: Request, frame: bytes, rest: bytes) -> Verdict:
    """A frame with the right header; bytes after it may only repeat it, else nobody knows which one was meant."""
    if rest != (frame * (len(rest) // len(frame) + 1))[: len(rest)]:
        return _odd("other bytes behind the answer", frame + rest)
    if frame[7] & 0x80:
        return Verdict(None, NoAnswerError(GapReason.EXCEPTION, code=frame[8]), not rest, frame)
    if request.function == IDENTIFY and frame[8] != _MEI:
        return _odd("MEI type", frame)
    if request.function != IDENTIFY and frame[8] != len(frame) - 9:
        return _odd(f"byte count {frame[8]} in an answer of {len(frame) - 9}", frame)
    return Verdict(frame[9:], None, not rest, frame)


def _odd(what: str, received: bytes) -> Verdict:
    return Verdict(None, NoAnswerError(GapReason.BAD_FRAME, f"{what}: {received[:24].hex()}"), clean=False)
