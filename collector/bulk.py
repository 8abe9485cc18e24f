"""All gauges of one poll at once, where nothing about them is special: the same numbers in less time (pure)."""

import math
from collections.abc import Callable, Iterable, Sequence
from operator import add, itemgetter, mul, truediv
from types import MappingProxyType
from typing import Any, Final

from collector.conversion import Convert, line
from collector.exact import Raw, Value
from collector.fields import Field

_EXACT = 2**53  # integers up to here are floats without loss
Step = tuple[Callable[[Any, Any], Any], tuple[float, ...]]


class Bulk:
    """The columns of a group as rows of factors; the few that are no plain gauges are converted one by one."""

    def __init__(self, fields: Sequence[Field], slots: Sequence[Sequence[int]], converts: Sequence[Convert]) -> None:
        plain = [_is_plain(field) for field in fields]
        self._steps = tuple(_step(operation, factors) for operation, factors in _steps(fields))
        self._others = tuple((i, converts[i]) for i, good in enumerate(plain) if not good)
        order = [some[0] for some in slots]
        places = {slot for some in slots for slot in some}
        self._pick: Any = None if order == [*range(len(places))] else itemgetter(*order)
        absent = [frozenset(a for a in field.number.absent if not _is_nan(a)) for field in fields]
        # a float's own "not available" is NaN, which shows in the sum; of it only further patterns are looked for
        looked = [i for i, field in enumerate(fields) if not field.number.kind.real or len(absent[i]) > 1]
        self._absent = frozenset().union(*(absent[i] for i in looked))
        self._looked: Any = itemgetter(*looked, *looked[:1]) if looked else None

    def values(self, raw: Sequence[Raw]) -> tuple[Value, ...] | None:
        """The values in column order; None where one might be absent, which the column's own converter then decides."""
        numbers: Any = raw if self._pick is None else self._pick(raw)
        if self._looked is not None and not self._absent.isdisjoint(self._looked(numbers)):
            return None
        for step in self._steps:
            numbers = step(numbers)
        found: tuple[Any, ...] = tuple(numbers)
        if not math.isfinite(sum(found)):  # an infinity or NaN anywhere shows in the sum
            return None
        return self._with_others(found, raw) if self._others else found

    def _with_others(self, found: Sequence[Value], raw: Sequence[Raw]) -> tuple[Value, ...] | None:
        whole = list(found)
        for index, convert in self._others:
            whole[index] = value = convert(raw)
            if value is None:
                return None
        return tuple(whole)


def bulk(fields: Sequence[Field], slots: Sequence[Sequence[int]], converts: Sequence[Convert]) -> Bulk | None:
    """The bulk form of a group; None where there is too little to gain."""
    return Bulk(fields, slots, converts) if sum(map(_is_plain, fields)) > 1 else None


def _steps(fields: Iterable[Field]) -> Iterable[Step]:
    """What is done to every raw number: x a, + b, / d, where some column needs it; the last makes it a float."""
    rows = [(_is_plain(field), field.number.kind.real, line(field)) for field in fields]
    for operation, name, nothing in ((mul, "a", 1), (add, "b", 0), (truediv, "d", 1)):
        factors = [(getattr(along, name) if plain else nothing, real) for plain, real, along in rows]
        whole = operation is truediv and not all(real for _, real, _ in rows)
        if whole or any(factor != nothing for factor, _ in factors):
            yield operation, tuple(float(f) if real and abs(f) < _EXACT else f for f, real in factors)


def _step(operation: Callable[[Any, Any], Any], factors: tuple[float, ...]) -> Callable[[Any], Any]:
    """One operation on all numbers; written out where the factor is one and the same, which is a sixth faster."""
    if len({(type(factor), factor) for factor in factors}) > 1:
        return lambda numbers: map(operation, numbers, factors)
    return _WITH_ONE[operation](factors[0])


def _times(factor: float) -> Callable[[Any], Any]:
    return lambda numbers: [number * factor for number in numbers]


def _plus(term: float) -> Callable[[Any], Any]:
    return lambda numbers: [number + term for number in numbers]


def _over(divisor: float) -> Callable[[Any], Any]:
    return lambda numbers: [number / divisor for number in numbers]


_WITH_ONE: Final = MappingProxyType({mul: _times, add: _plus, truediv: _over})


def _is_plain(field: Field) -> bool:
    return not (field.counter or field.plus or field.fraction or field.exponent)


def _is_nan(raw: Raw) -> bool:
    return isinstance(raw, float) and math.isnan(raw)
