"""JSON messages -> values: limits, pointers, exact numbers (pure)."""

import json
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any, NamedTuple

from collector.exact import Value, counter_micro
from collector.wiring import Wire

MAX_BYTES = 256_000
MAX_DEPTH = 16
_MAX_DIGITS = 40  # of a number; 1e999999999 is nine bytes and a gigabyte as a fraction
_ABSENT = object()


class RejectedError(ValueError):
    """A message that cannot be used, and why."""


class _Number(str):
    """A JSON number as it was printed; a JSON string is a plain str."""

    __slots__ = ()


def parse(payload: bytes) -> Any:
    """A JSON document whose numbers are still text; RejectedError beyond the limits."""
    if len(payload) > MAX_BYTES:
        raise RejectedError(f"{len(payload)} bytes, more than {MAX_BYTES}")
    try:
        document = json.loads(
            payload.decode(), parse_float=_number, parse_int=_number, parse_constant=_refuse, object_pairs_hook=_object
        )
    except RecursionError:
        raise RejectedError(f"deeper than {MAX_DEPTH} levels") from None
    except UnicodeDecodeError as error:
        raise RejectedError(f"not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise RejectedError(f"not JSON: {error.msg} at {error.pos}") from None
    if payload.count(b"{") + payload.count(b"[") > MAX_DEPTH and _depth(document) > MAX_DEPTH:
        raise RejectedError(f"deeper than {MAX_DEPTH} levels")
    return document


def _number(text: str) -> _Number:
    _, _, exponent = text.lower().partition("e")
    if len(text) > _MAX_DIGITS or (exponent and abs(int(exponent)) > _MAX_DIGITS):
        raise RejectedError(f"the number {text[:_MAX_DIGITS]} is out of range")
    return _Number(text)


def _refuse(constant: str) -> Any:
    raise RejectedError(f"{constant} is no JSON number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise RejectedError("a key stands twice in one object")
    return found


def _depth(node: Any) -> int:
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else None
    return 0 if inner is None else 1 + max(map(_depth, inner), default=0)


def pointed(document: Any, pointer: str) -> Any:
    """What a JSON pointer (RFC 6901) leads to; a marker where it leads nowhere."""
    for part in pointer[1:].split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict):
            document = document.get(key, _ABSENT)
        elif isinstance(document, list) and key.isdecimal() and int(key) < len(document):
            document = document[int(key)]
        else:
            return _ABSENT
    return document


class Message(NamedTuple):
    """What one message says: values by column, complaints, numbers as printed, the device's time and number."""

    values: tuple[Value, ...]
    invalid: tuple[tuple[int, str], ...]
    words: bytes
    time_ms: int | None
    sequence: int | None


class MessageReader:
    """The compiled form of one topic: from payload to values."""

    def __init__(self, wires: Iterable[Wire]) -> None:
        points = [(wire, wire.message) for wire in wires if wire.message is not None]
        self._columns = [(point.pointer, point.codes, _converter(wire)) for wire, point in points]
        stamps = [(point.time, 1 if point.time_unit == "ms" else 1000) for _, point in points if point.time]
        self._stamp = stamps[0] if stamps else None
        self._sequence = next((point.sequence for _, point in points if point.sequence), None)

    def read(self, payload: bytes) -> Message:
        """The message in a payload; RejectedError where it holds nothing usable."""
        document = parse(payload)
        raw = [pointed(document, pointer) for pointer, _, _ in self._columns]
        if all(value is _ABSENT for value in raw):
            raise RejectedError("none of the device's values is in the message")
        values: list[Value] = []
        invalid: list[tuple[int, str]] = []
        for index, (value, (pointer, codes, convert)) in enumerate(zip(raw, self._columns, strict=True)):
            number, complaint = _as_number(value, codes)
            converted = None if number is None else convert(number)
            values.append(converted)
            if converted is None:
                invalid.append((index, f"{pointer}: {complaint or f'{value} is negative or too large'}"))
        words = json.dumps([None if v is _ABSENT else v for v in raw], separators=(",", ":")).encode()
        return Message(tuple(values), tuple(invalid), words, self._time(document), self._number(document))

    def _time(self, document: Any) -> int | None:
        if self._stamp is None:
            return None
        pointer, factor = self._stamp
        text = pointed(document, pointer)
        return int(Fraction(text) * factor) if isinstance(text, _Number) else None

    def _number(self, document: Any) -> int | None:
        text = pointed(document, self._sequence) if self._sequence else None
        return int(text) if isinstance(text, _Number) and text.isdecimal() and int(text) < 2**62 else None


def _converter(wire: Wire) -> Callable[[Fraction], Value]:
    factor, offset = wire.field.factor, wire.field.offset
    if wire.field.counter:
        return lambda number: counter_micro(number * factor + offset)
    return lambda number: float(number * factor + offset)


def _as_number(value: Any, codes: dict[str, int]) -> tuple[Fraction | None, str]:
    """A JSON value as a number, or why it is none."""
    if isinstance(value, _Number):
        return Fraction(value), ""
    if isinstance(value, str):
        return (Fraction(codes[value]), "") if value in codes else (None, f"the text {value[:40]!r} is no number")
    if value is _ABSENT:
        return None, "not in the message"
    return None, "null" if value is None else f"a {type(value).__name__} is no number"
