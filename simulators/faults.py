"""How devices and lines go wrong, as functions: of true values on what a register shows, of an answer on what arrives.

Nothing here is random: a fault has a start, a length and a stride, so the same file gives the same faults again.
"""

import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, NamedTuple, TypeAlias

from collector.fields import is_signed, other_way

Shown: TypeAlias = Mapping[str, int | float | None]  # quantity -> counters in 1e-6 of the unit, gauges in the unit
Kind = Literal[
    "stuck", "reset", "rollover", "swap", "nan", "zeros", "drift",
    "ct", "reversed",
    "late", "lost", "short", "duplicate", "wrong_unit", "wrong_transaction", "exception", "cut", "down",
]  # fmt: skip

IN_DEVICE = frozenset({"stuck", "reset", "rollover", "swap", "nan", "zeros", "drift"})
LASTING = frozenset({"reset", "rollover", "swap", "drift"})  # a register that jumped stays where it jumped to
ON_LINK = frozenset({"down"})
CONNECTED = frozenset({"ct", "reversed"})  # wrong since the meter was put in, and so in its past too
THROUGH_CTS = ("active_", "reactive_", "apparent_", "current_")  # quantities that current transformers measure
_HEADER = struct.Struct(">HHHBB")  # transaction, protocol, length, unit, function (Modbus TCP guide of 2006)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of one device, or of a link; times count from the plant's start [ms]."""

    target: str
    kind: Kind
    start_ms: int
    length_ms: int
    every: int = 1  # of answers: each n-th one
    delay_ms: int = 0  # of late answers
    code: int = 4  # of an exception
    counter: int = 0  # what a new meter starts at [1e-6 unit]
    quantities: frozenset[str] = frozenset()  # empty: all
    rate: float = 0.0  # of drift: relative error
    factor: Fraction = Fraction(1)  # of ct: what the meter shows of what there is

    def on(self, since_start_ms: int) -> bool:
        """Whether it is at work; what has jumped stays jumped."""
        return self.start_ms <= since_start_ms and (
            self.kind in LASTING or since_start_ms < self.start_ms + self.length_ms
        )

    def touches(self, quantity: str) -> bool:
        """Whether it concerns a quantity."""
        return not self.quantities or quantity in self.quantities


@dataclass(frozen=True, slots=True)
class Connection:
    """How a meter is connected: what its transformers make of the current, and whether they sit the wrong way round."""

    factor: Fraction = Fraction(1)
    reversed: bool = False

    def asked(self, quantity: str) -> tuple[str, Fraction]:
        """Which true quantity a meter so connected shows for this one, and how much of it."""
        factor = self.factor if quantity.startswith(THROUGH_CTS) else Fraction(1)
        if not self.reversed:
            return quantity, factor
        return other_way(quantity), -factor if is_signed(quantity) else factor


RIGHT = Connection()


def connection(faults: Iterable[Fault]) -> Connection:
    """How one meter is connected, by its faults."""
    found = RIGHT
    for fault in faults:
        turned = found.reversed != (fault.kind == "reversed")
        found = Connection(found.factor * fault.factor, turned) if fault.kind in CONNECTED else found
    return found


@dataclass(frozen=True, slots=True)
class Device:
    """What the faults must know of a device: its counters, and where each is back at zero [1e-6 unit]."""

    counters: frozenset[str]
    moduli: Mapping[str, int]


def shown(device: Device, faults: Iterable[Fault], since_start_ms: int, truth: Callable[[int], Shown]) -> Shown:
    """What a device's registers show, from the true values at any time since the plant's start."""
    values = dict(truth(since_start_ms))
    for fault in faults:
        if fault.kind == "rollover":  # the wheel was near its end long before it turns
            values |= _rolled(device, fault, values, truth(fault.start_ms))
        elif fault.on(since_start_ms):
            change = _IN_DEVICE[fault.kind]
            values |= change(device, fault, values, truth(fault.start_ms))
    return values


def rolled(value: int, at_start: int, modulus: int) -> int:
    """A counter whose wheel turns over at the fault's start; before it, the last counts before the turn."""
    return (value - at_start) % modulus


def _concerned(device: Device, fault: Fault, values: Shown) -> list[str]:
    return [q for q in values if q in device.counters and fault.touches(q)]


def _rolled(device: Device, fault: Fault, values: Shown, then: Shown) -> Shown:
    counters = [q for q in _concerned(device, fault, values) if q in device.moduli]
    return {q: rolled(int(values[q] or 0), int(then[q] or 0), device.moduli[q]) for q in counters}


def _stuck(_device: Device, fault: Fault, _values: Shown, then: Shown) -> Shown:
    return {q: value for q, value in then.items() if fault.touches(q)}


def _from_zero(device: Device, fault: Fault, values: Shown, then: Shown) -> Shown:
    return {q: int(values[q] or 0) - int(then[q] or 0) for q in _concerned(device, fault, values)}


def _swapped(device: Device, fault: Fault, values: Shown, then: Shown) -> Shown:
    first = {
        "active_energy_import",
        "gas_volume",
        "heat_energy",
        "air_volume",
        "cooling_energy",
        "active_energy_export",
    }
    fresh = _from_zero(device, fault, values, then)
    return {q: int(value or 0) + (fault.counter if q in first else 0) for q, value in fresh.items()}


def _nothing(_device: Device, fault: Fault, values: Shown, _then: Shown) -> Shown:
    return {q: None for q in values if fault.touches(q)}


def _zeros(device: Device, fault: Fault, values: Shown, _then: Shown) -> Shown:
    return dict.fromkeys(_concerned(device, fault, values), 0)


def _drifted(device: Device, fault: Fault, values: Shown, then: Shown) -> Shown:
    moved = _from_zero(device, fault, values, then)
    return {q: int(then[q] or 0) + int(int(value or 0) * (1 + fault.rate)) for q, value in moved.items()}


_IN_DEVICE: Mapping[str, Callable[[Device, Fault, Shown, Shown], Shown]] = {
    "stuck": _stuck, "reset": _from_zero, "swap": _swapped, "nan": _nothing, "zeros": _zeros, "drift": _drifted,
}  # fmt: skip


class Sent(NamedTuple):
    """One thing that leaves towards the client."""

    delay_ms: int
    frame: bytes
    fault: str | None
    close: bool = False  # and then the connection ends


def answers(frame: bytes, fault: Fault | None) -> tuple[Sent, ...]:
    """What arrives in place of one good answer."""
    if fault is None:
        return (Sent(0, frame, None),)
    return _ON_ANSWER[fault.kind](frame, fault)


def _late(frame: bytes, fault: Fault) -> tuple[Sent, ...]:
    return (Sent(fault.delay_ms, frame, "late"),)


def _lost(_frame: bytes, _fault: Fault) -> tuple[Sent, ...]:
    return (Sent(0, b"", "lost"),)


def _short(frame: bytes, _fault: Fault) -> tuple[Sent, ...]:
    """One register fewer than asked, in a frame that is whole."""
    tid, pid, length, unit, function = _HEADER.unpack_from(frame)
    if function & 0x80 or frame[8] < 4:
        return (Sent(0, frame, None),)
    return (Sent(0, _HEADER.pack(tid, pid, length - 2, unit, function) + bytes([frame[8] - 2]) + frame[9:-2], "short"),)


def _duplicate(frame: bytes, _fault: Fault) -> tuple[Sent, ...]:
    return (Sent(0, frame, "duplicate"), Sent(0, frame, "duplicate"))


def _wrong_unit(frame: bytes, _fault: Fault) -> tuple[Sent, ...]:
    return (Sent(0, frame[:6] + bytes([frame[6] % 247 + 1]) + frame[7:], "wrong_unit"),)


def _wrong_transaction(frame: bytes, _fault: Fault) -> tuple[Sent, ...]:
    return (Sent(0, bytes([frame[0] ^ 0x40]) + frame[1:], "wrong_transaction"),)


def _exception(frame: bytes, fault: Fault) -> tuple[Sent, ...]:
    tid, pid, _, unit, function = _HEADER.unpack_from(frame)
    return (Sent(0, _HEADER.pack(tid, pid, 3, unit, function | 0x80) + bytes([fault.code]), "exception"),)


def _cut(frame: bytes, _fault: Fault) -> tuple[Sent, ...]:
    return (Sent(0, frame[: len(frame) // 2], "cut", close=True),)


_ON_ANSWER: Mapping[str, Callable[[bytes, Fault], tuple[Sent, ...]]] = {
    "late": _late, "lost": _lost, "short": _short, "duplicate": _duplicate, "wrong_unit": _wrong_unit,
    "wrong_transaction": _wrong_transaction, "exception": _exception, "cut": _cut,
}  # fmt: skip


class Line:
    """Which answers of a device or a link go wrong: keeps count, so that every n-th one does."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self._faults = tuple(f for f in faults if f.kind in _ON_ANSWER)
        self._seen = dict.fromkeys(range(len(self._faults)), 0)

    def next(self, target: str, since_start_ms: int) -> Fault | None:
        """The fault of the next answer of a device, if it has one."""
        for index, fault in enumerate(self._faults):
            if fault.target == target and fault.on(since_start_ms):
                self._seen[index] += 1
                if self._seen[index] % fault.every == 0:
                    return fault
        return None
