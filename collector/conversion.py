"""From the raw numbers of one poll to the value of one field, compiled to a function (pure)."""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

from collector.datatypes import Number
from collector.exact import Line, Raw, Value, counter_micro
from collector.fields import Field
from metering.reading import MICRO

Convert = Callable[[Sequence[Raw]], Value]
EXPONENTS = range(-10, 11)  # SunSpec: a scale factor is -10..10, and 0x8000 where not implemented

BEYOND = 10**300  # no quantity is as large; float64 ends at 1.8e308


def converter(field: Field, slots: Sequence[int]) -> Convert:
    """The function from raw numbers to the field's value; `slots` tells where each of `field.numbers` is among them."""
    if field.plus or field.fraction:
        return _composite(field, slots)
    if field.exponent:
        return _with_exponent(field, *slots)
    return _plain(field, *slots)


def line(field: Field, exponent: int = 0) -> Line:
    """The field's line; into 1e-6 of the unit for a counter."""
    into = MICRO if field.counter else 1
    return Line.of(field.factor * into * Fraction(10) ** exponent, field.offset * into)


def _scaled(field: Field, exponent: int = 0) -> Callable[[int | float], Value]:
    along = line(field, exponent)
    if not field.counter:
        return along.gauge
    return along.magnitude if field.absolute else along.counter


def _plain(field: Field, slot: int) -> Convert:
    scaled, absent, real = _scaled(field), field.number.absent, field.number.kind.real

    def convert(raw: Sequence[Raw]) -> Value:
        value = raw[slot]
        if value is None or value in absent or (real and not math.isfinite(value)):
            return None
        return scaled(value)

    return convert


def _with_exponent(field: Field, slot: int, exponent_slot: int) -> Convert:
    absent = field.number.absent
    scaled = {exponent: _scaled(field, exponent) for exponent in EXPONENTS}

    def convert(raw: Sequence[Raw]) -> Value:
        value, exponent = raw[slot], raw[exponent_slot]
        if value is None or value in absent or not isinstance(exponent, int) or exponent not in scaled:
            return None
        return scaled[exponent](value)

    return convert


def _composite(field: Field, slots: Sequence[int]) -> Convert:
    factors = [*(field.factor for _ in field.together), *(term.factor for term in field.plus)]
    terms = [(slot, n.absent, f) for slot, n, f in zip(slots, field.numbers, factors, strict=True)]

    def convert(raw: Sequence[Raw]) -> Value:
        total = field.offset
        for slot, absent, factor in terms:
            value = raw[slot]
            if value is None or value in absent or not math.isfinite(value):
                return None
            total += Fraction(value) * factor
        if field.counter:
            return counter_micro(total)
        return float(total) if abs(total) < BEYOND else None

    return convert


def complaint(number: Number, raw: Raw) -> str:
    """Why a raw number is no measurement; empty when it is one."""
    if raw is None:
        return f"register {number.address}: not BCD"
    if not math.isfinite(raw):
        return f"register {number.address}: {raw}"
    if raw in number.absent:
        return f"register {number.address}: {raw} means not available"
    return ""
