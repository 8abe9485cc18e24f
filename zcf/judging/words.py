"""The judge's own reading of logged words: counters as exact integers in 1e-6 of the unit, by nobody else's code.

The addresses come from the device profiles; how bytes become a number is written a second time here, on purpose.
"""

import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from collector.points import Companion, ModbusPoint
from collector.profile import DeviceProfile
from metering.quantity import Kind, printed_unit, quantity
from metering.reading import INT64_MAX, MICRO, Block
from metering.site import MeteringPoint

Bits = int


@dataclass(frozen=True, slots=True)
class Piece:
    """One number of a poll: where its bytes lie among all words of the poll, and how they are meant."""

    start: int  # [bytes]
    type: str
    words_turned: bool
    bytes_turned: bool
    absent: frozenset[Bits]

    @property
    def size(self) -> int:
        """[bytes]."""
        return width(self.type) // 8

    def bits(self, words: bytes) -> bytes:
        """Its bytes, most significant first."""
        data = words[self.start : self.start + self.size]
        pairs = [data[i : i + 2] for i in range(0, len(data), 2)]
        if self.bytes_turned:
            pairs = [pair[::-1] for pair in pairs]
        return b"".join(pairs[::-1] if self.words_turned else pairs)

    def number(self, words: bytes) -> int | float | None:
        """The number, floats as they are; None where the device says that it has none."""
        plain = not (self.words_turned or self.bytes_turned)
        data = words[self.start : self.start + self.size] if plain else self.bits(words)
        bits = int.from_bytes(data)
        if bits in self.absent:
            return None
        if self.type.startswith("uint"):
            return bits
        if self.type.startswith("int"):
            return int.from_bytes(data, signed=True)
        if self.type.startswith("bcd"):
            return int(data.hex()) if data.hex().isdecimal() else None
        real: float = struct.unpack(">f" if len(data) == 4 else ">d", data)[0]
        return real if math.isfinite(real) else None


@dataclass(frozen=True)
class Register:
    """One counter of a poll group as its metering point shows it: (number x 10^exponent + fraction) x factor + ..."""

    main: Piece
    factor: Fraction  # [unit per count]
    offset: Fraction = Fraction(0)  # [unit]
    exponent: Piece | None = None
    fraction: Piece | None = None
    plus: tuple[tuple[Piece, Fraction], ...] = ()
    magnitude: bool = False
    modulus: Fraction | None = None  # [unit]
    nominal: int = 0

    def micro(self, words: bytes) -> int | None:
        """The reading [1e-6 unit], rounded half to even; None where there is none."""
        number = self.main.number(words)
        if number is None:
            return None
        if self.exponent or self.fraction or self.plus:
            whole = self._together(number, words)
            return None if whole is None else self._checked(whole.numerator, whole.denominator)
        top, bottom = number.as_integer_ratio()
        over, more, under = self._line
        return self._checked(top * over + bottom * more, bottom * under)

    @cached_property
    def _line(self) -> tuple[int, int, int]:
        """Value [1e-6 unit] = (number x first + second) / third, in integers."""
        factor, offset = self.factor * MICRO, self.offset * MICRO
        under = math.lcm(factor.denominator, offset.denominator)
        return int(factor * under), int(offset * under), under

    def _checked(self, top: int, bottom: int) -> int | None:
        """The quotient, halves to the even one; None below zero and beyond 64 bits."""
        if top < 0 and not self.magnitude:
            return None
        whole, rest = divmod(abs(top), bottom)
        whole += 2 * rest > bottom or (2 * rest == bottom and whole % 2 == 1)
        return whole if whole <= INT64_MAX else None

    def _together(self, number: float, words: bytes) -> Fraction | None:
        """A number with its exponent, its fraction and what is added to it [1e-6 unit]."""
        exponent = self.exponent.number(words) if self.exponent else 0
        fraction = self.fraction.number(words) if self.fraction else 0
        if exponent is None or fraction is None or abs(exponent) > 10:
            return None
        total = (Fraction(number) * Fraction(10) ** int(exponent) + Fraction(fraction)) * self.factor + self.offset
        for piece, factor in self.plus:
            more = piece.number(words)
            if more is None:
                return None
            total += Fraction(more) * factor
        return total * MICRO

    def step(self, micro: int) -> Fraction:
        """The smallest change it shows at a value [unit]; for a float register the unit in the last place."""
        scale = abs(self.factor) * Fraction(10) ** self.nominal
        if not self.main.type.startswith("float"):
            return scale * (Fraction(1, 2**24) if self.fraction else 1)
        number = abs(Fraction(micro, MICRO) / scale)
        digits, least = (24, -149) if self.main.type == "float32" else (53, -1074)
        return scale * Fraction(2) ** (max(math.frexp(float(number))[1] - digits, least) if number else least)


def width(type_: str) -> int:
    """Bits of a data type."""
    return int("".join(c for c in type_ if c.isdecimal()))


def registers(
    profile: DeviceProfile, point: MeteringPoint, names: Sequence[str], blocks: Sequence[Block]
) -> Mapping[str, Register]:
    """The counters among some quantities of a metering point, where these blocks hold them."""
    by_name = {seen_from(point, p.quantity): p for p in profile.registers}
    places = dict(_places(blocks))
    return {
        name: _register(profile, point, by_name[name], places)
        for name in names
        if quantity(name).kind is Kind.COUNTER and name in by_name
    }


def seen_from(point: MeteringPoint, name: str) -> str:
    """What a point calls a quantity of its device: behind a reversed CT import is export."""
    if not point.reversed or not name.startswith(("active_energy", "reactive_energy")):
        return name
    swap = {"import": "export", "export": "import"}
    return "_".join(swap.get(part, part) for part in name.split("_"))


def _places(blocks: Sequence[Block]) -> Iterator[tuple[tuple[int, int], int]]:
    """(function, address) -> byte offset in the words of a poll."""
    offset = 0
    for block in blocks:
        for index in range(block.count):
            yield (block.function, block.address + index), offset + 2 * index
        offset += 2 * block.count


def _register(
    profile: DeviceProfile, point: MeteringPoint, told: ModbusPoint, places: Mapping[tuple[int, int], int]
) -> Register:
    unit = printed_unit(told.unit, quantity(told.quantity)) * (point.ct_ratio if told.ct == "secondary" else 1)

    def piece(part: ModbusPoint | Companion, *sentinels: int) -> Piece:
        absent = frozenset({*sentinels, _own_sentinel(part.type)} - {-1})
        words, data = part.word_order or profile.word_order, part.byte_order or profile.byte_order
        return Piece(places[told.fc, part.address], part.type, words == "little", data == "little", absent)

    power = told.scale_factor
    exponent = None
    if power is not None:
        exponent = Piece(places[told.fc, power.address], "int16", words_turned=False, bytes_turned=False,
                         absent=frozenset({0x8000}))  # fmt: skip
    nominal = power.nominal if power else 0
    return Register(
        piece(told, *told.sentinel), told.scale * unit, told.offset * unit, exponent,
        piece(told.fraction) if told.fraction else None,
        tuple((piece(part), part.scale * unit) for part in told.plus), told.negative == "abs",
        _modulus(told, unit, nominal), nominal,
    )  # fmt: skip


def _own_sentinel(type_: str) -> Bits:
    """The bit pattern a type itself keeps for "not available" (SunSpec); floats say it with any NaN."""
    if type_.startswith(("uint", "bcd", "bitfield")):
        return (1 << width(type_)) - 1
    return 1 << (width(type_) - 1) if type_.startswith("int") else -1


def _modulus(told: ModbusPoint, unit: Fraction, nominal: int) -> Fraction | None:
    """Where the register is back at zero [unit]."""
    if told.modulus is None:
        return None
    if isinstance(told.modulus, Fraction):
        return told.modulus * unit
    counts = {"uint16": 2**16, "int16": 2**15, "uint32": 2**32, "int32": 2**31, "bcd32": 10**8, "bcd48": 10**12}
    if told.plus or told.type not in counts:
        return None
    return counts[told.type] * told.scale * unit * Fraction(10) ** nominal
