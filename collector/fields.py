"""One quantity as it lies in a device's registers, and as its metering point sees it (pure)."""

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from collector.datatypes import Number

FRACTION_STEP = Fraction(1, 2**24)  # largest ulp of a float32 below 1 (IEEE 754)


class Term(NamedTuple):
    """A number and what one of its counts is worth [unit]."""

    number: Number
    factor: Fraction


class Span(NamedTuple):
    """Registers [start, end) under one function code that must come from one answer."""

    function: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Field:
    """One quantity in a device: value = (number x 10**exponent [+ fraction]) x factor + other terms + offset."""

    quantity: str
    counter: bool
    function: int
    number: Number
    factor: Fraction  # [unit per count]; sign, unit conversion and ratios included
    offset: Fraction = Fraction(0)  # [unit]
    modulus: Fraction | None = None  # [unit]
    exponent: Number | None = None  # its int16 is the power of ten of `number` (SunSpec scale factor)
    nominal: int = 0  # the exponent taken where none was read: step, simulation
    fraction: Number | None = None  # added to `number` before scaling; read in the same request
    plus: tuple[Term, ...] = ()  # independent counters added to the value
    secondary: bool = False  # behind a CT whose ratio the meter does not apply
    absolute: bool = False  # some devices count export downwards from zero

    @property
    def together(self) -> tuple[Number, ...]:
        """The numbers that make sense only from one answer."""
        return tuple(n for n in (self.number, self.exponent, self.fraction) if n is not None)

    @property
    def numbers(self) -> tuple[Number, ...]:
        """Every number it is made of."""
        return (*self.together, *(term.number for term in self.plus))

    @property
    def spans(self) -> tuple[Span, ...]:
        """What must be read, each span in one request: a torn pair is a wrong number."""
        whole = self.together
        hull = Span(self.function, min(n.address for n in whole), max(n.end for n in whole))
        return (hull, *(Span(self.function, t.number.address, t.number.end) for t in self.plus))

    @property
    def scale(self) -> Fraction:
        """The smallest change an integer register shows, or what 1 in a float register is worth [unit]."""
        main = abs(self.factor) * Fraction(10) ** self.nominal * (FRACTION_STEP if self.fraction else 1)
        return min([main, *(abs(term.factor) for term in self.plus)])

    @property
    def data_type(self) -> str:
        """The type as SeriesInfo names it; an integer with a fraction steps by `scale`, so it is not named a float."""
        return f"{self.number.type}+{self.fraction.type}" if self.fraction else self.number.type


_SWAPPED = ("active_energy_", "reactive_energy_")
_SIGNED = frozenset({"active_power", "reactive_power", "active_power_demand"})


@lru_cache(maxsize=8192)  # a hundred meters of a model share their fields
def wired(field: Field, ct_ratio: Fraction = Fraction(1), *, reversed: bool = False) -> Field:
    """The field as seen from its metering point: CT ratio applied where the meter does not, a reversed CT undone."""
    ratio = ct_ratio if field.secondary else Fraction(1)
    mirrored = ratio * (-1 if reversed and is_signed(field.quantity) else 1)
    return replace(
        field,
        quantity=other_way(field.quantity) if reversed else field.quantity,
        factor=field.factor * mirrored,
        offset=field.offset * mirrored,
        modulus=None if field.modulus is None else field.modulus * ratio,
        plus=tuple(Term(number, factor * mirrored) for number, factor in field.plus),
        secondary=False,
    )


def is_signed(quantity: str) -> bool:
    """Whether a quantity changes its sign with the direction."""
    return (quantity[:-3] if quantity.endswith(("_l1", "_l2", "_l3")) else quantity) in _SIGNED


def other_way(quantity: str) -> str:
    """What a register counts once its meter sits the other way round."""
    if not quantity.startswith(_SWAPPED):
        return quantity
    if "_import" in quantity:
        return quantity.replace("_import", "_export")
    return quantity.replace("_export", "_import")
