"""A publisher's own CO2 column beside its energy column: the factor it implies, and the rows that contradict it."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction

from metering.imports import ImportColumn, ImportSection
from metering.quantity import quantity
from zcf.import_checks import EXACT, Oddity
from zcf.import_factor import InferredFactor, infer
from zcf.import_rows import Row, unit_factor

Known = tuple[Row, Decimal, Decimal]  # a row, its energy, its CO2, both as printed


@dataclass(frozen=True, slots=True)
class PublishedFactor:
    """The factor a publisher's CO2 column implies [kgCO2/unit of energy], and what the column adds up to beside it."""

    column: str
    energy: str
    unit: str
    inferred: InferredFactor
    reported_kg: Fraction
    by_factor_kg: Fraction


def published_factor(section: ImportSection, rows: Sequence[Row]) -> tuple[PublishedFactor | None, list[Oddity]]:
    """The factor behind a publisher's CO2 column, and the rows that contradict it."""
    for column in section.columns:
        energy = next((c for c in section.columns if (c.point, c.quantity) == (column.point, column.factor_of)), None)
        if energy is not None:
            return _factor(column, energy, rows)
    return None, []


def _factor(
    column: ImportColumn, energy: ImportColumn, rows: Sequence[Row]
) -> tuple[PublishedFactor | None, list[Oddity]]:
    pairs = [(row, row.number[energy.column], row.number[column.column]) for row in rows]
    known: list[Known] = [(row, e, c) for row, e, c in pairs if e is not None and c is not None]
    kg, amount = unit_factor(column), unit_factor(energy)
    found = infer([(e, c) for _, e, c in known], kg / amount)
    if found is None:
        return None, []
    wrong = [
        Oddity(known[i][0].line, "factor", "questionable", _contradiction(column, energy, known[i]), (column.column,))
        for i in found.contradicting
    ]
    with localcontext(EXACT):
        reported = Fraction(sum((c for _, _, c in known), Decimal(0))) * kg
        by_factor = Fraction(sum((e for _, e, _ in known), Decimal(0))) * amount * Fraction(found.value)
    unit = f"kgCO2/{quantity(energy.quantity).unit}"
    return PublishedFactor(column.column, energy.column, unit, found, reported, by_factor), wrong


def _contradiction(column: ImportColumn, energy: ImportColumn, known: Known) -> str:
    return f"{column.column}: {known[2]} {column.unit} at {known[1]} {energy.unit} contradicts the factor of the others"
