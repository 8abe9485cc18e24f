"""The emission factor behind a publisher's rounded CO2 column: every factor that all its roundings allow."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, localcontext
from fractions import Fraction

# Bounds of 28 digits order as the exact quotients do: two that differ, differ by 1/(e1 x e2) at least.
WORK = Context(prec=28)
Bounds = tuple[Decimal, Decimal]
SHARE = Fraction(9, 10)  # fewer rows than this agreeing is no factor


@dataclass(frozen=True, slots=True)
class InferredFactor:
    """A factor that most rows agree on [unit of CO2 / unit of energy]: its range, and the shortest number in it."""

    value: Decimal
    low: Decimal
    high: Decimal
    rows: int  # that bound it
    contradicting: tuple[int, ...]  # indices of the pairs


def infer(pairs: Sequence[tuple[Decimal, Decimal]], ratio: Fraction = Fraction(1)) -> InferredFactor | None:
    """The factor in (energy, CO2 rounded to its last digit) pairs, times the ratio of their units; None without one."""
    half = Decimal(1).scaleb(min((int(co2.as_tuple().exponent) for _, co2 in pairs), default=0)) / 2
    with localcontext(WORK):
        bounds = [_bounds(energy, co2, half, ratio) for energy, co2 in pairs]
        found = _most_common([b for b in bounds if b is not None])
        if found is None or found[2] < SHARE * len(pairs):
            return None
        low, high, _ = found
        if low <= 0:  # a column of zeros says nothing
            return None
        value = _shortest(low, high)
    wrong = tuple(
        i for i, (b, (_, co2)) in enumerate(zip(bounds, pairs, strict=True)) if not _agrees(b, co2, half, value)
    )
    return InferredFactor(value, low, high, found[2], wrong)


def _bounds(energy: Decimal, co2: Decimal, half: Decimal, ratio: Fraction) -> Bounds | None:
    """The factors that round to this CO2 at this energy; None where there is no energy to tell."""
    if energy <= 0:
        return None
    bottom = energy * ratio.denominator
    return max((co2 - half) * ratio.numerator / bottom, Decimal(0)), (co2 + half) * ratio.numerator / bottom


def _agrees(bounds: Bounds | None, co2: Decimal, half: Decimal, value: Decimal) -> bool:
    return co2 <= half if bounds is None else bounds[0] <= value <= bounds[1]


def _most_common(bounds: Sequence[Bounds]) -> tuple[Decimal, Decimal, int] | None:
    """The span that lies in the most of the closed ranges, and in how many."""
    ends = sorted([(low, 0) for low, _ in bounds] + [(high, 1) for _, high in bounds])
    best: tuple[Decimal, Decimal, int] | None = None
    inside = 0
    for place, (at, closes) in enumerate(ends):
        if closes:
            inside -= 1
            continue
        inside += 1
        after, closing = ends[place + 1]
        if closing and (best is None or inside > best[2]):
            best = (at, after, inside)
    return best


def _shortest(low: Decimal, high: Decimal) -> Decimal:
    """The number with the fewest decimals in [low, high]; of several the one nearest the middle."""
    for places in range(28):
        unit = Decimal(1).scaleb(-places)
        first, last = low.quantize(unit, ROUND_CEILING), high.quantize(unit, ROUND_FLOOR)
        if first <= last:
            return min(max(((low + high) / 2).quantize(unit), first), last)
    return low
