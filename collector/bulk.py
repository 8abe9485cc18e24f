"""All gauges of one poll at once, where nothing about them is special: the same numbers in less time (pure).

A loop over sixty columns costs more than the arithmetic in it, so a group's arithmetic is written out as one
expression, column by column, and compiled once.
"""

import math
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from collector.conversion import Convert, line
from collector.exact import Raw, Value
from collector.fields import Field

_EXACT = 2**53  # integers up to here are floats without loss


class Bulk:
    """The columns of a group as one expression; the few that are no plain gauges are converted one by one."""

    def __init__(self, fields: Sequence[Field], slots: Sequence[Sequence[int]], converts: Sequence[Convert]) -> None:
        plain = [_is_plain(field) for field in fields]
        self._all = _compiled(fields, slots)
        self._others = tuple((i, converts[i]) for i, good in enumerate(plain) if not good)
        absent = [frozenset(a for a in field.number.absent if not _is_nan(a)) for field in fields]
        # a float's own "not available" is NaN, which shows in the sum; of it only further patterns are looked for
        looked = [i for i, field in enumerate(fields) if not field.number.kind.real or len(absent[i]) > 1]
        self._absent = frozenset().union(*(absent[i] for i in looked))
        places = [slots[i][0] for i in looked]
        self._looked: Any = itemgetter(*places, *places[:1]) if looked else None

    def values(self, raw: Sequence[Raw]) -> tuple[Value, ...] | None:
        """The values in column order; None where one might be absent, which the column's own converter then decides."""
        if self._looked is not None and not self._absent.isdisjoint(self._looked(raw)):
            return None
        found = self._all(*raw)
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


def _compiled(fields: Sequence[Field], slots: Sequence[Sequence[int]]) -> Callable[..., tuple[Any, ...]]:
    """Raw numbers -> the plain columns' values, and 0.0 in the place of every other column."""
    places = 1 + max(slot for some in slots for slot in some)
    takes = ", ".join(f"r{place}" for place in range(places))
    both = zip(fields, slots, strict=True)
    columns = [_written(field, some[0]) if _is_plain(field) else "0.0" for field, some in both]
    made: Callable[..., tuple[Any, ...]] = eval(f"lambda {takes}: ({', '.join(columns)},)", {})  # noqa: S307 - ours
    return made


def _written(field: Field, place: int) -> str:
    """One column as `exact.Line.gauge` reckons it, without the steps that change nothing."""
    along, real = line(field), field.number.kind.real
    a, b, d = (repr(float(term) if real and abs(term) < _EXACT else term) for term in along)
    text = f"r{place}"
    if along.a != 1:
        text += f" * {a}"
    if along.b:
        text = f"({text} + {b})"
    return text if real and along.d == 1 else f"{text} / {d}"  # the division also makes an integer a float


def _is_plain(field: Field) -> bool:
    return not (field.counter or field.plus or field.fraction or field.exponent)


def _is_nan(raw: Raw) -> bool:
    return isinstance(raw, float) and math.isnan(raw)
