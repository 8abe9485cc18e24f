"""The points of a device profile: one quantity each, in registers or in JSON messages, with the checks of one line."""

import re
from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from collector.datatypes import DATA_TYPES, Number, Order
from collector.fields import Field as Register
from collector.fields import Term
from metering.config import Strict
from metering.quantity import Kind, printed_unit, quantity

Words = Literal["big", "little"]
CadenceClass = Literal["power", "energy", "status"]
Status = Literal["confirmed", "single_source", "from_memory"]
Source = Annotated[str, Field(min_length=3)]
Address = Annotated[int, Field(ge=0, le=65535)]


_NUMBER = re.compile(r"-?\d{1,20}(\.\d{1,20}(e-?\d{1,2})?|e-?\d{1,2}|/[1-9]\d{0,19})?")  # bounded: 1e999999999 is none


def _exact(text: Any) -> Fraction:
    if not _NUMBER.fullmatch(str(text)):
        raise ValueError(f"cannot read number {text!r}; write 0.001 or 1/3600")
    return Fraction(str(text))


def _bits(text: Any) -> int:
    if isinstance(text, int) and not isinstance(text, bool):
        return text
    raise ValueError(f"cannot read bit pattern {text!r}; write it as 0xFFFF")


def _quantity(name: Any) -> str:
    return quantity(str(name)).name


def _topic(text: Any) -> str:
    levels = str(text).split("/")
    if levels[0] != "{base}" or len(levels) < 2 or not all(levels) or set("+#") & set(str(text)):
        raise ValueError(f"topic {text!r} must be {{base}}/... without + and #")
    return str(text)


def _pointer(text: Any) -> str:
    if str(text).startswith("/") and all(str(text)[1:].split("/")):
        return str(text)
    raise ValueError(f"cannot read JSON pointer {text!r}; write /name or /outer/inner (RFC 6901)")


def _type(text: Any) -> str:
    if text in DATA_TYPES:
        return str(text)
    raise ValueError(f"unknown data type {text!r}; use one of {', '.join(DATA_TYPES)}")


def _function(code: Any) -> int:
    if code in {5, 6, 15, 16, 22, 23}:
        raise ValueError(f"function code {code} writes; a profile can only read (3 or 4)")
    if code in {1, 2}:
        raise ValueError(f"function code {code} reads single bits, which no quantity is made of; use 3 or 4")
    if code in {3, 4} and not isinstance(code, bool):
        return int(code)
    raise ValueError(f"function code {code!r} reads no registers; use 3 (holding) or 4 (input)")


ORDERS: Mapping[tuple[Words, Words], Order] = MappingProxyType(
    {
        ("big", "big"): "ABCD",
        ("little", "big"): "CDAB",
        ("big", "little"): "BADC",
        ("little", "little"): "DCBA",
    }
)  # (word order, byte order)

Exact = Annotated[Fraction, BeforeValidator(_exact)]
QuantityName = Annotated[str, BeforeValidator(_quantity)]
Topic = Annotated[str, BeforeValidator(_topic)]
Pointer = Annotated[str, BeforeValidator(_pointer)]
Bits = Annotated[int, BeforeValidator(_bits)]
TypeName = Annotated[str, BeforeValidator(_type)]
Function = Annotated[int, BeforeValidator(_function)]


class ScaleFactor(Strict):
    """The register that holds the power of ten of a value (SunSpec `sunssf`)."""

    address: Address
    nominal: int = Field(default=0, ge=-10, le=10)


class Companion(Strict):
    """A further number that is part of a value: its fraction, or a counter to add (`scale` into the printed unit)."""

    address: Address
    type: TypeName
    scale: Exact = Fraction(1)
    word_order: Words | None = None
    byte_order: Words | None = None


class _Measured(Strict):
    """What every point says, whatever the protocol."""

    quantity: QuantityName
    unit: str  # as printed in the manual
    scale: Exact = Fraction(1)  # [printed unit per count]
    offset: Exact = Fraction(0)  # [printed unit]
    sign: Literal[1, -1] = 1  # -1 where the device counts export, discharge or generation as positive
    ct: Literal["primary", "secondary"] = "primary"  # secondary: the meter does not apply the CT ratio
    cadence: CadenceClass = Field(alias="class")
    source: Source
    status: Status

    @model_validator(mode="after")
    def _fits_its_quantity(self) -> Self:
        kept = quantity(self.quantity)
        printed_unit(self.unit, kept)
        if kept.kind is Kind.DELTA:
            raise ValueError(f"{self.quantity} is an amount over a time; a register holds a gauge or a counter")
        if self.scale <= 0:
            raise ValueError("scale must be above zero; a turned sign is `sign: -1`")
        if self.counter and self.sign < 0:
            raise ValueError("a counter has no sign; name the import or the export quantity instead")
        return self

    @property
    def counter(self) -> bool:
        """True where the quantity only rises."""
        return quantity(self.quantity).kind is Kind.COUNTER

    @property
    def unit_factor(self) -> Fraction:
        """[quantity's unit per printed unit], sign included."""
        return self.sign * printed_unit(self.unit, quantity(self.quantity))


class ModbusPoint(_Measured):
    """One quantity in the registers of a device."""

    fc: Function
    address: Address  # 0-based PDU address, whatever the manual prints
    type: TypeName
    word_order: Words | None = None
    byte_order: Words | None = None
    sentinel: tuple[Bits, ...] = ()  # bit patterns that mean "not available", beside the type's own
    modulus: Literal["auto"] | Exact | None = "auto"  # where a counter is back at zero [printed unit]
    negative: Literal["invalid", "abs"] = "invalid"
    scale_factor: ScaleFactor | None = None
    fraction: Companion | None = None
    plus: tuple[Companion, ...] = ()

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if not self.counter and (self.negative == "abs" or self.fraction or self.modulus not in {"auto", None}):
            raise ValueError(f"negative, fraction and modulus belong to counters; {self.quantity} is a gauge")
        if sum(map(bool, (self.scale_factor, self.fraction, self.plus))) > 1:
            raise ValueError("scale_factor, fraction and plus exclude each other")
        if self.negative == "abs" and (self.fraction or self.plus):
            raise ValueError("negative: abs does not go with fraction or plus")
        if self.fraction and not DATA_TYPES[self.fraction.type].real:
            raise ValueError("a fraction is a float32 or float64 register")
        if self.address + DATA_TYPES[self.type].words > 65536:
            raise ValueError(f"a {self.type} does not fit at address {self.address}")
        bits = 16 * DATA_TYPES[self.type].words
        if any(not 0 <= pattern < 2**bits for pattern in self.sentinel):
            raise ValueError(f"a sentinel of {self.type} has at most {bits} bits")
        return self

    def field(self, word_order: Words, byte_order: Words) -> Register:
        """The point as it lies in registers, given the profile's orders."""

        def number(part: ModbusPoint | Companion, sentinels: tuple[int, ...] = ()) -> Number:
            order = ORDERS[part.word_order or word_order, part.byte_order or byte_order]
            return Number(part.address, part.type, order, sentinels)

        factor = self.scale * self.unit_factor
        return Register(
            self.quantity,
            self.counter,
            self.fc,
            number(self, self.sentinel),
            factor,
            self.offset * self.unit_factor,
            self._modulus(),
            exponent=Number(self.scale_factor.address, "int16") if self.scale_factor else None,
            nominal=self.scale_factor.nominal if self.scale_factor else 0,
            fraction=number(self.fraction) if self.fraction else None,
            plus=tuple(Term(number(part), part.scale * self.unit_factor) for part in self.plus),
            secondary=self.ct == "secondary",
            absolute=self.negative == "abs",
        )

    def _modulus(self) -> Fraction | None:
        """Where the counter is back at zero [quantity's unit]; None for sums, 64-bit and float registers."""
        if self.modulus != "auto":
            return None if self.modulus is None else self.modulus * self.unit_factor
        counts = DATA_TYPES[self.type].counts
        if not self.counter or self.plus or counts is None:
            return None
        nominal = self.scale_factor.nominal if self.scale_factor else 0
        return counts * self.scale * self.unit_factor * Fraction(10) ** nominal


class MqttPoint(_Measured):
    """One quantity in the JSON messages of a device."""

    topic: Topic
    pointer: Pointer
    codes: dict[str, int] = Field(default_factory=dict)  # text -> number, for a status told in words
    decimals: int = Field(default=3, ge=0, le=12)  # digits after the point in the message: the step of a counter
    time: Pointer | None = None  # the device's own time stamp
    time_unit: Literal["ms", "s"] = "ms"
    sequence: Pointer | None = None  # the device's own message number

    @property
    def factor(self) -> Fraction:
        """[quantity's unit per 1 in the message]."""
        return self.scale * self.unit_factor
