"""Exact arithmetic between raw numbers and values: counters as int64 in 1e-6 of the unit, gauges as floats (pure)."""

import math
from fractions import Fraction
from typing import NamedTuple

from metering.reading import INT64_MAX, MICRO

Raw = int | float | None
Value = int | float | None


def half_even(numerator: int, denominator: int) -> int:
    """The quotient rounded to the nearest integer, halves to the even one; the denominator is positive."""
    quotient, rest = divmod(numerator, denominator)
    doubled = 2 * rest
    return quotient + (doubled > denominator or (doubled == denominator and quotient & 1))


def counter_micro(value: Fraction) -> int | None:
    """A counter in 1e-6 of its unit; None when it is negative or does not fit int64."""
    micro = half_even(value.numerator * MICRO, value.denominator)
    return micro if value >= 0 and micro <= INT64_MAX else None


class Line(NamedTuple):
    """The straight line value = (raw x a + b) / d in integers: what a scale, a unit and ratios amount to."""

    a: int
    b: int
    d: int

    @classmethod
    def of(cls, factor: Fraction, offset: Fraction = Fraction(0)) -> "Line":
        """The line raw x factor + offset."""
        d = math.lcm(factor.denominator, offset.denominator)
        return cls(int(factor * d), int(offset * d), d)

    def gauge(self, raw: float) -> float | None:
        """The value, correctly rounded for integer registers; None where it is infinite."""
        value = (raw * self.a + self.b) / self.d
        return value if math.isfinite(value) else None

    def counter(self, raw: float) -> int | None:
        """The value of a line into 1e-6 of the unit, rounded half to even; None below zero or beyond int64."""
        numerator, denominator = raw.as_integer_ratio()
        product = numerator * self.a + denominator * self.b
        if product < 0:
            return None
        micro = half_even(product, denominator * self.d)
        return micro if micro <= INT64_MAX else None

    def magnitude(self, raw: float) -> int | None:
        """As `counter`, for devices that count downwards from zero."""
        return self.counter(abs(raw))

    def counts(self, value: float) -> float:
        """The raw number that shows this value, unrounded."""
        return (value * self.d - self.b) / self.a

    def floor(self, micro: int) -> int:
        """The largest integer that `counter` turns into no more than this."""
        raw = (2 * (micro * self.d - self.b) + self.d) // (2 * self.a)
        return raw - (half_even(raw * self.a + self.b, self.d) > micro)
