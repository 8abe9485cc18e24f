"""How a site file describes the CSV files it imports: columns, stamps and quirks, all declared and none guessed."""

import codecs
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from metering.config import Document, Fault, Strict
from metering.fields import Identifier, Number, Zone, duration_ms
from metering.quantity import Kind, printed_unit, quantity

INTERVALS = ("day", "month", "year")


def _several(names: Any) -> Any:
    return [names] if isinstance(names, str) else names


def _interval(text: Any) -> int | str:
    return text if text in INTERVALS else duration_ms(text)


def _encoding(name: str) -> str:
    try:
        codecs.lookup(name)
    except LookupError:
        raise ValueError(f"unknown encoding {name!r}; use utf-8-sig, gb18030, cp1252 ...") from None
    return name


def _time_format(text: str) -> str:
    if "%" not in text:
        raise ValueError(f"time_format {text!r} names no part of a time; write such as %d/%m/%Y %H:%M")
    return text


Names = Annotated[tuple[str, ...], BeforeValidator(_several), Field(min_length=1)]
Interval = Annotated[int | str, BeforeValidator(_interval)]


class ImportColumn(Strict):
    """One column of a file: which series it fills, in which unit."""

    column: str
    point: Identifier
    quantity: str
    unit: str
    factor_of: str = ""  # for co2_reported: the quantity whose factor the column implies
    header_unit: Literal["right", "wrong"] = "right"  # "wrong": the file's own header names another unit than it holds


class Check(Strict):
    """A rule for rows that cannot be true; `questionable` ones are kept and marked, `refuse`d ones are not stored."""

    treatment: Literal["questionable", "refuse"] = "questionable"
    why: str = ""


class AllZero(Check):
    """Rows in which all of these columns are zero at once."""

    rule: Literal["all_zero"]
    columns: Names


class Range(Check):
    """Values outside [min, max], in the unit of the column."""

    rule: Literal["range"]
    columns: Names
    min: Number | None = None
    max: Number | None = None


class PowerFactor(Check):
    """A power factor [%] that differs from 100 P / sqrt(P² + Q²) of its own row by more than the tolerance [%]."""

    rule: Literal["power_factor"]
    column: str
    active: str
    reactive: str
    tolerance: Annotated[Number, Field(ge=0)]


class SecondsOfDay(Check):
    """A column that repeats the time of day of the stamp as written [s]."""

    rule: Literal["seconds_of_day"]
    column: str


class Weekday(Check):
    """A column that repeats the English day of the week of the stamp as written."""

    rule: Literal["weekday"]
    column: str


AnyCheck = Annotated[AllZero | Range | PowerFactor | SecondsOfDay | Weekday, Field(discriminator="rule")]


def checked_columns(check: Check) -> tuple[str, ...]:
    """The columns a check looks at."""
    match check:
        case AllZero() | Range():
            return check.columns
        case PowerFactor():
            return (check.column, check.active, check.reactive)
        case SecondsOfDay() | Weekday():
            return (check.column,)
    return ()


class ImportSection(Strict):
    """How to read one kind of CSV file; what is odd in it is declared, never guessed."""

    id: Identifier = "file"
    encoding: Annotated[str, AfterValidator(_encoding)] = "utf-8-sig"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    decimal: Literal[".", ","] = "."
    header_line: int = Field(default=1, ge=1)
    absent: tuple[str, ...] = ("",)  # what the file writes where it has no value
    timezone: Zone = ""  # of the stamps; empty = the site's
    time_columns: Names = Field(alias="time_column")  # several are joined by a blank
    time_format: Annotated[str, AfterValidator(_time_format)]  # as in Python's strptime
    interval: Interval  # [ms]; or "day", "month", "year": a calendar interval, named by any instant in it
    stamp: Literal["start", "end"] = "end"
    midnight: Literal["as_written", "end_of_day"] = "as_written"  # end_of_day: 00:00 of a date closes that date
    columns: Annotated[tuple[ImportColumn, ...], Field(min_length=1)]
    ignore: tuple[str, ...] = ()
    checks: tuple[AnyCheck, ...] = ()

    @property
    def value_columns(self) -> tuple[str, ...]:
        """The columns whose values are used: mapped, or looked at by a check."""
        checked = [name for check in self.checks for name in checked_columns(check)]
        return tuple(dict.fromkeys([*(c.column for c in self.columns), *checked]))

    @model_validator(mode="after")
    def _stamp_names_it(self) -> "ImportSection":
        if isinstance(self.interval, str) and self.stamp == "end":
            raise ValueError(f"with `interval: {self.interval}` the stamp names it; write `stamp: start`")
        return self


def import_faults(
    document: Document, sections: Sequence[ImportSection], points: frozenset[str], faulty: frozenset[str] | None
) -> Iterator[Fault]:
    """What is wrong with the imports of a site file beyond their shape; `faulty` points (None: any) are there too."""
    for one, times in Counter(section.id for section in sections).items():
        if times > 1:
            last = max(i for i, section in enumerate(sections) if section.id == one)
            yield document.fault(("imports", last), f"{one!r} is declared {times} times", "give each import its own id")
    for number, section in enumerate(sections):
        taken: dict[tuple[str, str], str] = {}
        for index, column in enumerate(section.columns):
            known = {*points, *(faulty if faulty is not None else [column.point])}
            yield from _column_faults(document, ("imports", number, "columns", index), column, known)
            yield from _factor_faults(document, ("imports", number, "columns", index), column, section)
            other = taken.setdefault((column.point, column.quantity), column.column)
            if other != column.column:
                message = f"{column.point}/{column.quantity} is filled from {other!r} already"
                yield document.fault(("imports", number, "columns", index), message, "one column a series")


def _column_faults(
    document: Document, where: tuple[str | int, ...], column: ImportColumn, points: set[str]
) -> Iterator[Fault]:
    if column.point not in points:
        yield document.fault((*where, "point"), f"no metering point {column.point!r}", "declare it under points:")
    try:
        kept = quantity(column.quantity)
    except ValueError as error:
        yield document.fault((*where, "quantity"), str(error), "see docs for the table of quantities")
        return
    try:
        printed_unit(column.unit, kept)
    except ValueError as error:
        yield document.fault((*where, "unit"), str(error), "write the unit that the column is printed in")


def _factor_faults(
    document: Document, where: tuple[str | int, ...], column: ImportColumn, section: ImportSection
) -> Iterator[Fault]:
    if not column.factor_of:
        return
    beside = {c.quantity for c in section.columns if c.point == column.point and c is not column}
    amounts = {q for q in beside if _kind(q) is Kind.DELTA}
    if _kind(column.quantity) is not Kind.DELTA or column.factor_of not in amounts:
        message = f"no amount {column.factor_of!r} of {column.point!r} is imported beside it"
        yield document.fault((*where, "factor_of"), message, f"one of: {', '.join(sorted(amounts)) or 'none'}")


def _kind(name: str) -> Kind | None:
    try:
        return quantity(name).kind
    except ValueError:
        return None
