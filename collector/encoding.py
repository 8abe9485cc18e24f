"""From a value to the raw numbers a device would show, compiled to a function: the simulator's half (pure)."""

from collections.abc import Callable, Sequence
from fractions import Fraction

from collector.conversion import EXPONENTS, Convert, line
from collector.datatypes import Number
from collector.exact import Line, Raw, Value
from collector.fields import Field

Encode = Callable[[float, list[Raw]], None]  # sets the raw numbers of one field


def encoder(field: Field, slots: Sequence[int], convert: Convert) -> Encode:
    """The function that writes a value among the raw numbers, as a device's registers would show it."""
    if field.fraction:
        return _with_fraction(field, slots, convert)
    if field.exponent:
        return _with_exponent(field, *slots)
    show, slot = _shower(field, 0), slots[0]

    def encode(value: float, raw: list[Raw]) -> None:
        raw[slot] = show(value)

    return encode


def exponent_for(field: Field) -> Callable[[float], int]:
    """The function from a value to the least exponent, the nominal one or more, under which a gauge fits."""
    if field.counter:
        return lambda _value: field.nominal
    lines = [(e, line(field, e)) for e in EXPONENTS if e >= field.nominal]
    low, high = field.number.kind.low, field.number.kind.high

    def needed(value: float) -> int:
        return next((e for e, along in lines if not (c := along.counts(value)) or low < c < high), EXPONENTS[-1])

    return needed


def _shower(field: Field, exponent: int) -> Callable[[float], int | float]:
    """Value -> raw number: counters as an index wheel that has not yet turned, gauges to the nearest."""
    along, number = line(field, exponent), field.number
    if number.kind.real:
        return _real_counter(along, number) if field.counter else _real_gauge(along, number)
    low, high, absent = number.kind.low, number.kind.high, number.absent

    def show(value: float) -> int:
        raw = along.floor(int(value)) if field.counter else round(along.counts(value))
        raw = min(max(raw, low), high)
        return _clear(raw, absent) if raw in absent else raw

    return show


def _real_gauge(along: Line, number: Number) -> Callable[[float], float]:
    low, high = float(number.kind.low), float(number.kind.high)
    return lambda value: min(max(along.counts(value), low), high)


def _real_counter(along: Line, number: Number) -> Callable[[float], float]:
    """The largest float of the register's precision that decodes to no more than the counter."""
    kind = number.kind

    def show(value: float) -> float:
        near = min(max(along.counts(int(value)), 0.0), float(kind.high))
        return kind.largest(near, along.counter, int(value))

    return show


def _clear(raw: int, absent: frozenset[Raw]) -> int:
    """The nearest number towards zero that does not mean "not available"; zero stays."""
    while raw in absent and raw:
        raw -= 1 if raw > 0 else -1
    return raw


def _with_exponent(field: Field, slot: int, exponent_slot: int) -> Encode:
    show = {exponent: _shower(field, exponent) for exponent in EXPONENTS}

    def encode(value: float, raw: list[Raw]) -> None:
        raw[slot] = show[int(raw[exponent_slot] or 0)](value)

    return encode


def _with_fraction(field: Field, slots: Sequence[int], convert: Convert) -> Encode:
    along, (slot, fraction_slot), high = line(field), slots, field.number.kind.high
    kind = field.fraction.kind if field.fraction else field.number.kind

    def encode(value: float, raw: list[Raw]) -> None:
        exact = Fraction(int(value) * along.d - along.b, along.a)
        whole = min(max(int(exact), 0), high)
        raw[slot] = whole

        def shown(fraction: float) -> Value:
            raw[fraction_slot] = fraction
            return convert(raw)

        raw[fraction_slot] = kind.largest(float(exact - whole), shown, int(value))

    return encode
