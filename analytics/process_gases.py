"""Emissions of processes: carbonates that decompose, and fluorinated gases of etching and cleaning."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

ONE = Fraction(1)


def decomposed(mass: Fraction, components: Mapping[str, Fraction], conversion: Fraction) -> dict[str, Fraction]:
    """The mass of each pure carbonate that decomposed [unit of mass]; GB/T 32151: CAL x I x TR.

    ValueError where the components are more than all of it.
    """
    whole = sum(components.values(), Fraction(0))
    if whole > 1:
        raise ValueError(f"the carbonate components are {float(whole) * 100:g} % of the mass: more than 100 %")
    if not 0 <= conversion <= 1:
        raise ValueError(f"a conversion of {float(conversion) * 100:g} % is not between 0 and 100 %")
    return {name: mass * share * conversion for name, share in components.items()}


@dataclass(frozen=True, slots=True)
class ByProduct:
    """A gas made of another in the chamber: its mass per mass used [1], and how much of it abatement destroys [1]."""

    gas: str
    rate: Fraction
    destruction: Fraction


def fluorinated(
    gas: str, mass: Fraction, *, heel: Fraction, utilisation: Fraction, abated: Fraction, destruction: Fraction,
    by_products: Iterable[ByProduct] = (),
) -> dict[str, Fraction]:  # fmt: skip
    """Each gas that left the stack [unit of mass]; IPCC 2006 vol. 3 ch. 6.

    (1-h) C (1-U) (1-a d) of the gas itself and (1-h) C B (1-a d) of each by-product.
    """
    used = (ONE - heel) * mass
    found = {gas: used * (ONE - utilisation) * (ONE - abated * destruction)}
    for one in by_products:
        made = used * one.rate * (ONE - abated * one.destruction)
        found[one.gas] = found.get(one.gas, Fraction(0)) + made
    return found
