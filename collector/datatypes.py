"""The data types devices use for numbers in 16-bit registers, and the bytes of one number in each (pure)."""

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from collector.exact import Raw, Value

Order = Literal["ABCD", "CDAB", "BADC", "DCBA"]


@dataclass(frozen=True, slots=True)
class DataType:
    """A number's form on the wire; `sentinels` are the bit patterns that mean "not available" whatever the device."""

    name: str
    words: int
    code: str  # struct code, big-endian; "" for BCD
    low: int
    high: int
    sentinels: tuple[int, ...]
    counts: int | None = None  # a counter of this type is back at zero after so many counts; None = never

    @property
    def real(self) -> bool:
        """True for floating point."""
        return self.code in {"f", "d"}

    def pack(self, raw: float) -> bytes:
        """The bytes of a number that fits, most significant first."""
        if not self.code:
            return bytes.fromhex(f"{raw:0{4 * self.words}d}")
        return struct.pack(">" + self.code, raw)

    def unpack(self, data: bytes) -> Raw:
        """The number in these bytes, most significant first; None where BCD digits are none."""
        if self.code:
            raw: int | float = struct.unpack(">" + self.code, data)[0]
            return raw
        digits = data.hex()
        return int(digits) if digits.isdecimal() else None

    def pattern(self, bits: int) -> bytes:
        """A bit pattern as bytes, most significant first."""
        return bits.to_bytes(2 * self.words)

    def largest(self, near: float, shown: Callable[[float], Value], limit: int) -> float:
        """The largest float of this type beside `near` that is shown as no more than the limit; not below zero."""
        bits = int.from_bytes(self.pack(max(near, 0.0)))
        if bits and not self._within(bits, shown, limit):
            bits -= 1
        elif (shown(self._real(bits)) or 0) < limit and self._within(bits + 1, shown, limit):
            bits += 1
        return self._real(bits)

    def _within(self, bits: int, shown: Callable[[float], Value], limit: int) -> bool:
        value = shown(self._real(bits)) if self._real(bits) <= self.high else None
        return value is not None and value <= limit

    def _real(self, bits: int) -> float:
        return float(struct.unpack(">" + self.code, self.pattern(bits))[0])


def _types() -> Iterator[DataType]:
    for bits, code in ((16, "h"), (32, "i"), (64, "q")):
        half, words, small = 2 ** (bits - 1), bits // 16, bits < 64
        top = 2 * half - 1
        yield DataType(f"uint{bits}", words, code.upper(), 0, top, (top,), top + 1 if small else None)
        yield DataType(f"int{bits}", words, code, -half, half - 1, (half,), half if small else None)
    for name, words, code, highest in (("float32", 2, "f", "7f7fffff"), ("float64", 4, "d", "7fefffffffffffff")):
        high = int(struct.unpack(">" + code, bytes.fromhex(highest))[0])
        yield DataType(name, words, code, -high, high, (0x7FC0 << (16 * words - 16),))  # a quiet NaN, as any other NaN
    yield DataType("bcd32", 2, "", 0, 10**8 - 1, (2**32 - 1,), 10**8)
    yield DataType("bcd48", 3, "", 0, 10**12 - 1, (2**48 - 1,), 10**12)
    yield DataType("bitfield16", 1, "H", 0, 65535, (65535,))
    yield DataType("low8", 1, "xB", 0, 255, (255,))  # the low byte of a register whose high byte says something else


DATA_TYPES: Mapping[str, DataType] = MappingProxyType({t.name: t for t in _types()})


def arranged(data: bytes, order: Order) -> bytes:
    """Bytes between most-significant-first and a device's order; its own inverse (A is the most significant byte)."""
    words = [data[i : i + 2] for i in range(0, len(data), 2)]
    if order in {"BADC", "DCBA"}:
        words = [word[::-1] for word in words]
    return b"".join(words[::-1] if order in {"CDAB", "DCBA"} else words)


@dataclass(frozen=True, slots=True)
class Number:
    """One number in the registers of a device; `sentinels` are further bit patterns that mean "not available"."""

    address: int  # 0-based PDU address
    type: str
    order: Order = "ABCD"
    sentinels: tuple[int, ...] = ()

    @property
    def kind(self) -> DataType:
        """Its data type."""
        return DATA_TYPES[self.type]

    @property
    def end(self) -> int:
        """The first address after it."""
        return self.address + self.kind.words

    @property
    def direct(self) -> bool:
        """True where one struct code reads it as it lies."""
        return self.order == "ABCD" and bool(self.kind.code)

    @property
    def absent(self) -> frozenset[Raw]:
        """The raw numbers that mean "not available", compared before any scaling."""
        patterns = (*self.kind.sentinels, *self.sentinels)
        return frozenset({None, *(self.kind.unpack(self.kind.pattern(bits)) for bits in patterns)})

    @property
    def shown_absent(self) -> Raw:
        """What a device shows where it has no value; None for BCD, whose sentinel is no number."""
        return self.kind.unpack(self.bytes_of(None))

    def bytes_of(self, raw: Raw) -> bytes:
        """The bytes of a raw number, most significant first; of the sentinel for None."""
        patterns = self.sentinels or self.kind.sentinels
        return self.kind.pattern(patterns[0]) if raw is None else self.kind.pack(raw)
