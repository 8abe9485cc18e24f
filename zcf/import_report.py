"""What an import did, for people and as one JSON object; every sum is exact, to the last digit of the file."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from metering.imports import ImportColumn
from metering.reading import MICRO, Reading
from zcf.import_checks import Oddity
from zcf.import_published import PublishedFactor

SHOWN = 20  # oddities of one rule that a person is shown; the JSON holds all


@dataclass(frozen=True, slots=True)
class SeriesSum:
    """One series of a file: its amounts by month and year [unit], and the column's own sum as printed."""

    point: str
    quantity: str
    unit: str
    column: str
    column_unit: str
    column_sum: Decimal
    readings: int
    micro: int | None  # [1e-6 unit]; amounts added up, a counter's last less its first; None for a gauge
    months: Mapping[str, int]  # [1e-6 unit]

    @property
    def years(self) -> dict[str, int]:
        """The months by year [1e-6 unit]."""
        found: dict[str, int] = {}
        for month, amount in self.months.items():
            found[month[:4]] = found.get(month[:4], 0) + amount
        return found


@dataclass(frozen=True, slots=True)
class DeclaredCarbon:
    """The energy times the factor the site declares."""

    factor: str
    value: Decimal
    unit: str
    document: str
    kg: Fraction


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows of a file by what became of them."""

    read: int
    stored: int  # with at least one reading that was new
    unchanged: int  # imported before, the same
    refused: int  # nothing of it stored
    questionable: int  # stored or unchanged, and marked


@dataclass(frozen=True, slots=True)
class ImportReport:
    """Everything an import found and did."""

    file: str
    sha256: str
    section: str
    dry_run: bool
    entry: str | None  # the entry made; None when nothing changed
    rows: Counts
    readings: int  # new ones, stored
    series: tuple[SeriesSum, ...]
    energy: tuple[str, ...]  # the columns that energy_kwh adds up
    oddities: tuple[Oddity, ...]
    notes: tuple[str, ...]
    published: PublishedFactor | None
    carbon: DeclaredCarbon | None

    @property
    def energy_micro(self) -> int:
        """The energy of the file [1e-6 kWh]."""
        return sum(one.micro or 0 for one in self.series if one.column in self.energy)


def units(micro: int) -> Decimal:
    """An integer in 1e-6 as a decimal [unit], without idle zeros."""
    value = Decimal(micro).scaleb(-6)
    return value.quantize(Decimal(1)) if value == value.to_integral_value() else value.normalize()


def number(value: Decimal) -> float | int | str:
    """A decimal as a JSON number that prints with the same digits; beyond 15 of them as text."""
    if value == value.to_integral_value():
        return int(value)
    return float(value) if Decimal(repr(float(value))) == value else format(value, "f")


def series_sum(
    column: ImportColumn, unit: str, column_sum: Decimal, readings: Sequence[Reading], months: Iterable[str]
) -> SeriesSum:
    """The sums of one column's readings, oldest first; `months` names each reading's month for amounts, else empty."""
    by_month: dict[str, int] = {}
    for reading, month in zip(readings, months, strict=False):
        by_month[month] = by_month.get(month, 0) + int(reading.value)
    total: int | None = sum(by_month.values()) if by_month else None
    if total is None and readings and isinstance(readings[0].value, int):
        total = int(readings[-1].value) - int(readings[0].value)
    return SeriesSum(
        column.point, column.quantity, unit, column.column, column.unit, column_sum, len(readings), total, by_month
    )


def document(report: ImportReport) -> dict[str, Any]:
    """The report as one JSON object."""
    months: dict[str, int] = {}
    for one in report.series:
        if one.column in report.energy:
            for month, amount in one.months.items():
                months[month] = months.get(month, 0) + amount
    years: dict[str, int] = {}
    for month, amount in months.items():
        years[month[:4]] = years.get(month[:4], 0) + amount
    return {
        "file": report.file, "sha256": report.sha256, "import": report.section, "dry_run": report.dry_run,
        "changed": report.readings > 0 and not report.dry_run, "entry": report.entry,
        "rows": asdict(report.rows), "readings": report.readings,
        "energy_kwh": number(units(report.energy_micro)), "energy_of": list(report.energy),
        "years": {year: number(units(amount)) for year, amount in years.items()},
        "months": {month: number(units(amount)) for month, amount in months.items()},
        "series": [_series(one) for one in report.series],
        "oddities": [asdict(one) for one in report.oddities], "notes": list(report.notes),
        "published_factor": _published(report.published) if report.published else None,
        "carbon": _carbon(report.carbon) if report.carbon else None,
    }  # fmt: skip


def _series(one: SeriesSum) -> dict[str, Any]:
    return {
        "point": one.point, "quantity": one.quantity, "unit": one.unit, "readings": one.readings,
        "sum": None if one.micro is None else number(units(one.micro)), "micro": one.micro,
        "months": {month: number(units(amount)) for month, amount in one.months.items()},
        "column": one.column, "column_unit": one.column_unit, "column_sum": number(one.column_sum),
    }  # fmt: skip


def _published(found: PublishedFactor) -> dict[str, Any]:
    return {
        "column": found.column, "energy": found.energy, "status": "derived", "unit": found.unit,
        "value": number(found.inferred.value), "low": number(round(found.inferred.low, 12)),
        "high": number(round(found.inferred.high, 12)), "rows": found.inferred.rows,
        "contradicting": len(found.inferred.contradicting), "reported_kg": number(_exact(found.reported_kg)),
        "by_factor_kg": number(_exact(found.by_factor_kg)),
    }  # fmt: skip


def _exact(value: Fraction) -> Decimal:
    return units(round(value * MICRO))


def _carbon(found: DeclaredCarbon) -> dict[str, Any]:
    return {
        "factor": found.factor, "value": number(found.value), "unit": found.unit, "status": "declared",
        "document": found.document, "kg": number(_exact(found.kg)),
    }  # fmt: skip


def lines(report: ImportReport) -> Iterator[str]:
    """The report for a person."""
    rows = report.rows
    yield f"{report.file} (import {report.section}): {rows.read} rows"
    yield from (f"  {note}" for note in report.notes)
    for one in report.series:
        total = "" if one.micro is None else f": {units(one.micro)} {one.unit}"
        yield f"  {one.column} -> {one.point}/{one.quantity}, {one.readings} readings{total}"
    yield from _oddity_lines(report.oddities)
    if report.published is not None:
        found = report.published.inferred
        yield (
            f"{report.published.column} implies {found.value} {report.published.unit} (derived; every factor from "
            f"{found.low:.6f} to {found.high:.6f} explains {found.rows} rows, {len(found.contradicting)} contradict it)"
        )
    if report.carbon is not None:
        kg = units(round(report.carbon.kg * MICRO))
        yield f"{kg} kgCO2 with {report.carbon.value} {report.carbon.unit} ({report.carbon.factor}, declared)"
    yield _outcome(report)


def _oddity_lines(oddities: Sequence[Oddity]) -> Iterator[str]:
    rules: dict[tuple[str, str], list[Oddity]] = {}
    for oddity in oddities:
        rules.setdefault((oddity.rule, oddity.treatment), []).append(oddity)
    for (rule, treatment), found in rules.items():
        yield f"{rule}: {len(found)} {treatment}"
        yield from (f"  line {one.line}: {one.message}" for one in found[:SHOWN])
        if len(found) > SHOWN:
            yield f"  and {len(found) - SHOWN} more; --json lists all"


def _outcome(report: ImportReport) -> str:
    rows = report.rows
    if report.dry_run:
        return f"nothing written (dry run): {report.readings} readings would be new, {rows.unchanged} rows are known"
    if report.entry is None:
        return f"nothing changed: {rows.unchanged} rows were imported before, {rows.refused} are refused"
    stored = f"{report.readings} readings of {rows.stored} rows stored as {report.entry}"
    return f"{stored}; {rows.unchanged} rows unchanged, {rows.refused} refused, {rows.questionable} questionable"
