"""The factor behind rounded CO2: found again whatever it was, and no more sharply than the rounding allows."""

from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from zcf.import_factor import infer

energies = st.lists(st.integers(100, 20_000).map(lambda n: Decimal(n).scaleb(-2)), min_size=5, max_size=60)
factors = st.integers(500, 9_000).map(lambda n: Decimal(n).scaleb(-4))


def rounded(energy: Decimal, factor: Decimal) -> Decimal:
    return (energy * factor).quantize(Decimal("0.1"), ROUND_HALF_EVEN)


def test_golden():
    pairs = [(Decimal(10), Decimal("4.6")), (Decimal(100), Decimal("45.8")), (Decimal(1000), Decimal("458.5"))]
    found = infer(pairs)
    assert found is not None
    assert (found.value, found.low, found.high) == (Decimal("0.4585"), Decimal("0.45845"), Decimal("0.4585"))
    assert found.contradicting == ()


@given(energies, factors)
def test_the_true_factor_lies_in_the_range_and_every_row_agrees(found_energies, factor):
    pairs = [(energy, rounded(energy, factor)) for energy in found_energies]
    found = infer(pairs)
    if found is None:
        assert all(co2 <= Decimal("0.05") for _, co2 in pairs) or max(co2 for _, co2 in pairs) <= Decimal("0.1")
        return
    assert found.low <= factor <= found.high
    assert found.low <= found.value <= found.high
    assert found.contradicting == ()


@given(energies, factors)
def test_the_ratio_of_units_only_scales(found_energies, factor):
    pairs = [(energy, rounded(energy, factor)) for energy in found_energies]
    one, thousand = infer(pairs), infer(pairs, Fraction(1000))
    assert (one is None) == (thousand is None)
    if one is not None and thousand is not None:
        assert abs(thousand.low - 1000 * one.low) < Decimal("1e-20")


def test_rows_that_contradict_the_others_are_named():
    pairs = [(Decimal(n), Decimal(n) / 2) for n in range(10, 60)] + [
        (Decimal(80), Decimal(0)),
        (Decimal(0), Decimal(3)),
    ]
    found = infer(pairs)
    assert found is not None
    assert (found.value, found.contradicting) == (Decimal("0.5"), (50, 51))


def test_a_column_without_a_factor_gives_none():
    assert infer([]) is None
    assert infer([(Decimal(n), Decimal(0)) for n in range(1, 9)]) is None
    assert infer([(Decimal(n), Decimal(n % 7)) for n in range(1, 99)]) is None
