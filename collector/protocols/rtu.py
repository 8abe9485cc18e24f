"""Which bytes on a serial line are the answer to a request (pure; Modbus over serial line V1.02, 2.5.1 and 6.2.2).

A serial frame has no number: only unit, function, length and CRC tell whose it is. Everything else on the line - our
own echo, noise, answers that come late, a second master's traffic - is named here and never becomes the answer.
"""

from collections.abc import Iterator
from typing import NamedTuple

from collector.protocols.gate import IDENTIFY, REPORT_ID, NoAnswerError, Request, Verdict
from metering.reading import GapReason

_LEAST, _MOST = 4, 256  # unit, function, CRC; the longest frame of a serial line
_REQUEST_SIZE = 8  # unit, function, address, count, CRC
_READS = range(1, 5)
_MEI = 14


def _table() -> Iterator[int]:
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
        yield crc


_CRC = tuple(_table())


def crc16(data: bytes) -> bytes:
    """The CRC of a frame, low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC[(crc ^ byte) & 0xFF]
    return crc.to_bytes(2, "little")


class Heard(NamedTuple):
    """One whole frame among the bytes: where it starts and ends, and whether it can be the answer."""

    start: int
    end: int
    answer: bool
    what: str  # how it differs from the answer, for people


def answer_size(request: Request) -> int:
    """How many bytes its answer has on the line; where the device decides, a guess [bytes]."""
    return request.length + 2 if request.length else 64


def without_echo(received: bytes, sent: bytes) -> tuple[bytes, bool]:
    """What was received beside our own request, and whether that was heard back; nothing while it may still be it."""
    if sent and received.startswith(sent):
        return received[len(sent) :], True
    return (b"", False) if sent.startswith(received) else (received, False)


def frames(request: Request, received: bytes) -> Iterator[Heard]:
    """Every whole frame in what was received, noise between them left out."""
    start = 0
    while start + _LEAST <= len(received):
        heard = _frame_at(request, received, start)
        if heard is not None:
            yield heard
        start = heard.end if heard is not None else start + 1


def search(request: Request, received: bytes) -> Verdict | None:
    """The one answer among the bytes received since a request; None while it may still come.

    Of two different answers, or after another master has asked the same unit, nobody knows which one is meant.
    """
    answer: bytes | None = None
    asked_too = False
    for heard in frames(request, received):
        frame = received[heard.start : heard.end]
        if heard.answer and answer is not None and frame != answer:
            return _refused("two different answers", received)
        if heard.answer:
            answer = frame
        asked_too = asked_too or (heard.what == "another request" and frame[0] == request.unit)
    if answer is None:
        return None
    if asked_too:
        return _refused("another master has asked this unit", received)
    return _answered(answer, clean=answer == received)


def failure(request: Request, received: bytes) -> NoAnswerError:
    """Why what came until the line fell silent is no answer."""
    if not received:
        return NoAnswerError(GapReason.TIMEOUT, "no answer")
    strange = [heard.what for heard in frames(request, received) if not heard.answer]
    if strange:
        return NoAnswerError(GapReason.BAD_FRAME, f"{', '.join(dict.fromkeys(strange))}: {received[:24].hex()}")
    return NoAnswerError(GapReason.CRC, f"{len(received)} bytes without a sound frame: {received[:24].hex()}")


def _answered(frame: bytes, *, clean: bool) -> Verdict:
    if frame[1] & 0x80:
        return Verdict(None, NoAnswerError(GapReason.EXCEPTION, code=frame[2]), clean, frame)
    return Verdict(frame[3:-2], None, clean, frame)


def _refused(what: str, received: bytes) -> Verdict:
    return Verdict(None, NoAnswerError(GapReason.BAD_FRAME, f"{what}: {received[:24].hex()}"), clean=False)


def _frame_at(request: Request, received: bytes, start: int) -> Heard | None:
    """The frame that starts here, if one does: the answer first, then whatever else a line carries."""
    for size, what in _sizes(request, received[start:]):
        end = start + size
        if _LEAST <= size <= _MOST and end <= len(received) and _sound(received[start:end]):
            return Heard(start, end, not what, what)
    return None


def _sound(frame: bytes) -> bool:
    return crc16(frame[:-2]) == frame[-2:]


def _sizes(request: Request, data: bytes) -> Iterator[tuple[int, str]]:
    """How long a frame that begins so may be, and how it differs from the answer."""
    unit, function = data[0], data[1]
    plain = function & 0x7F
    strange = "" if unit == request.unit else f"unit {unit} instead of {request.unit}"
    if function & 0x80:
        yield 5, strange or ("" if plain == request.function else f"exception of function {plain}")
    elif function == IDENTIFY:
        yield _identity_size(data), strange or _unlike(request, function)
    elif plain in _READS or plain == REPORT_ID:
        size = 5 + data[2]
        expected = request.length + 2 if request.length else size
        short = "" if size == expected else f"{size} bytes instead of {expected}"
        yield size, strange or _unlike(request, function) or short
    if plain in _READS:
        yield _REQUEST_SIZE, "another request"


def _unlike(request: Request, function: int) -> str:
    return "" if function == request.function else f"function {function} instead of {request.function}"


def _identity_size(data: bytes) -> int:
    """The length of an answer to 43/14: a count of objects, each with its length; 0 while it is not whole."""
    if len(data) < 8 or data[2] != _MEI:
        return 0
    size = 8
    for _ in range(data[7]):
        if size + 2 > len(data):
            return 0
        size += 2 + data[size + 1]
    return size + 2
