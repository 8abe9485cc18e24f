"""What a printed number cannot be: a parameter in a unit that no formula multiplies, a factor its own parts refute."""

import re
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction

from analytics.factors import Parameter
from analytics.fuels import table_factors
from metering.config import Fault

# What a fuel's parameters are multiplied in; TJ/Gg is GJ/t. 389.31 GJ/1e4Nm3 read as TJ, or 15.3 tC/TJ read as tC/GJ,
# would be wrong by a thousand and look like a number.
_UNITS = {
    "ncv": re.compile(r"GJ/.+|TJ/Gg"), "carbon_content": re.compile(r"tC/GJ"), "oxidation": re.compile("ratio"),
    "co2_per_energy": re.compile(r"kgCO2/TJ"), "ch4_per_energy": re.compile(r"kgCH4/TJ"),
    "n2o_per_energy": re.compile(r"kgN2O/TJ"),
}  # fmt: skip


def wrong_units(placed: Iterable[tuple[Parameter, Fault]]) -> Iterator[Fault]:
    """Parameters in a unit that the formula does not multiply."""
    for row, where in placed:
        wanted = _UNITS.get(row.param)
        if wanted is not None and not wanted.fullmatch(row.unit):
            units = wanted.pattern.replace(".+", "unit").replace("|", " or ")
            mend = f"convert it: {row.param} is multiplied in {units}"
            yield Fault(where.file, where.line, f"{row.id}: {row.param} in {row.unit}", mend)
        if row.param == "oxidation" and not 0 <= row.exact <= 1:
            yield Fault(where.file, where.line, f"{row.id}: oxidation {row.printed}", "a share between 0 and 1")


def wrong_checks(rows: list[Parameter], where: Mapping[str, Fault]) -> Iterator[Fault]:
    """A `derived_ef` that its own parameters do not give, to its last printed digit."""
    made = {f.id: f for f in table_factors(rows, (), "AR6") if f.formula}
    for row in rows:
        factor = made.get(f"{row.document}/{row.activity}")
        if row.param != "derived_ef" or factor is None:
            continue
        digits = len(row.printed.partition(".")[2])
        if abs(factor.exact - row.exact) > Fraction(1, 2 * 10**digits):
            at = where[row.id]
            yield Fault(
                at.file,
                at.line,
                f"{row.id}: {row.printed} but its parameters give {float(factor.exact):.{digits + 2}f}",
            )
