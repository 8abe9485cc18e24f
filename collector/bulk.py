"""All gauges of one poll at once, where nothing about them is special: the same numbers, a tenth of the time (pure)."""

import math
from collections.abc import Sequence
from operator import add, itemgetter, mul, truediv
from typing import Any

from collector.conversion import Convert, line
from collector.exact import Raw, Value
from collector.fields import Field


class Bulk:
    """The columns of a group as three rows of factors; the few that are no plain gauges are converted one by one."""

    def __init__(self, fields: Sequence[Field], slots: Sequence[Sequence[int]], converts: Sequence[Convert]) -> None:
        plain = [_is_plain(field) for field in fields]
        lines = [line(field) if good else None for field, good in zip(fields, plain, strict=True)]
        self._a = tuple(along.a if along else 1 for along in lines)
        self._d = tuple(along.d if along else 1 for along in lines)
        self._b = tuple(along.b if along else 0 for along in lines)
        self._others = tuple((i, converts[i]) for i, good in enumerate(plain) if not good)
        order = tuple(some[0] for some in slots)
        self._pick: Any = None if order == tuple(range(len(order))) else itemgetter(*order)
        self._absent = frozenset(a for field in fields for a in field.number.absent if not _is_nan(a))

    def values(self, raw: Sequence[Raw]) -> tuple[Value, ...] | None:
        """The values in column order; None where one might be absent, which the column's own converter then decides."""
        if not self._absent.isdisjoint(raw):
            return None
        numbers: Any = raw if self._pick is None else self._pick(raw)
        found: list[Any] = list(map(truediv, map(add, map(mul, numbers, self._a), self._b), self._d))
        if not math.isfinite(sum(found)):  # an infinity or NaN anywhere shows in the sum
            return None
        for index, convert in self._others:
            found[index] = convert(raw)
        return None if None in found else tuple(found)


def bulk(fields: Sequence[Field], slots: Sequence[Sequence[int]], converts: Sequence[Convert]) -> Bulk | None:
    """The bulk form of a group; None where there is too little to gain."""
    return Bulk(fields, slots, converts) if sum(map(_is_plain, fields)) > 1 else None


def _is_plain(field: Field) -> bool:
    return not (field.counter or field.plus or field.fraction or field.exponent)


def _is_nan(raw: Raw) -> bool:
    return isinstance(raw, float) and math.isnan(raw)
