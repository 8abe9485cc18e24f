"""Rows of text -> rows of exact numbers at instants; a cell that cannot be read is a fault with its line."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache
from zoneinfo import ZoneInfo

from metering.config import ConfigError, Fault
from metering.imports import ImportColumn, ImportSection
from metering.quantity import printed_unit, quantity
from metering.reading import MICRO
from zcf.import_table import Table, listed
from zcf.import_time import Clock, Stamp, midnight_fault

NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,2})?")
WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its line, its stamp, its numbers as printed (None where the file has none), and all its text."""

    line: int
    stamp: Stamp
    number: Mapping[str, Decimal | None]
    text: Mapping[str, str]


def micro(value: Decimal, factor: Fraction) -> int:
    """A printed value x unit factor as an integer in 1e-6 of the quantity's unit, rounded half to even."""
    top, bottom = value.as_integer_ratio()
    whole, rest = divmod(top * factor.numerator * MICRO, bottom * factor.denominator)
    twice = 2 * rest - bottom * factor.denominator
    return whole + (1 if twice > 0 or (twice == 0 and whole % 2) else 0)


def unit_factor(column: ImportColumn) -> Fraction:
    """The factor from the unit a column is printed in to its quantity's unit."""
    return _factor(column.unit, column.quantity)


@cache
def _factor(unit: str, name: str) -> Fraction:
    return printed_unit(unit, quantity(name))


def read_rows(table: Table, section: ImportSection, zone: ZoneInfo) -> list[Row]:
    """Every row of a table as numbers; ConfigError with every fault otherwise."""
    faults: list[tuple[str, Fault]] = _unit_faults(table, section)
    clock = Clock(section, zone)
    numbers = [name for name in section.value_columns if name not in _text_columns(section)]
    rows: list[Row] = []
    for line, cells in _oldest_first(table, section, clock):
        text = {name: cells[place] for name, place in table.column.items()}
        stamp = _stamp(table.file, line, clock, _written(table, section, cells), faults)
        number = {name: _number(table.file, line, name, text[name], section, faults) for name in numbers}
        if stamp is not None:
            rows.append(Row(line, stamp, number, text))
    faults += _midnight_faults(table.file, section, rows)
    if faults:
        raise ConfigError(listed(faults))
    return rows


def _oldest_first(table: Table, section: ImportSection, clock: Clock) -> Sequence[tuple[int, list[str]]]:
    stamps = [_written(table, section, cells) for _, cells in table.rows]
    return table.rows[::-1] if clock.runs_back(stamps) else table.rows


def _written(table: Table, section: ImportSection, cells: list[str]) -> str:
    return " ".join(cells[table.column[name]] for name in section.time_columns)


def _text_columns(section: ImportSection) -> set[str]:
    return {check.column for check in section.checks if check.rule == "weekday"}


def _stamp(file: str, line: int, clock: Clock, text: str, faults: list[tuple[str, Fault]]) -> Stamp | None:
    try:
        return clock.read(text)
    except (ValueError, OverflowError) as error:
        mend = f"declare time_format as the file writes it ({clock.section.id}), or mend the line"
        faults.append(("time", Fault(file, line, str(error), mend)))
        return None


def _number(
    file: str, line: int, name: str, text: str, section: ImportSection, faults: list[tuple[str, Fault]]
) -> Decimal | None:
    if text in section.absent:
        return None
    written = text.replace(",", ".") if section.decimal == "," else text
    if (section.decimal == "," and "." in text) or not NUMBER.fullmatch(written):
        mend = "mend the cell, or list what stands for no value under absent:"
        faults.append(("number", Fault(file, line, f"{name}: {text!r} is not a number", mend)))
        return None
    return Decimal(written)


def _midnight_faults(file: str, section: ImportSection, rows: list[Row]) -> list[tuple[str, Fault]]:
    stamps = [None, *(row.stamp.written for row in rows), None]
    other = "end_of_day" if section.midnight == "as_written" else "as_written"
    return [
        ("midnight", Fault(file, row.line, why, f"declare midnight: {other}"))
        for row, before, after in zip(rows, stamps[:-2], stamps[2:], strict=True)
        if (why := midnight_fault(section, before, row.stamp.written, after))
    ]


def _unit_faults(table: Table, section: ImportSection) -> list[tuple[str, Fault]]:
    """Columns whose own header names another unit than the site file declares."""
    faults = []
    for column in section.columns:
        named = [word for word in WORD.findall(column.column) if _same_kind(word, column) is not None]
        said = [word for word in named if _same_kind(word, column) == unit_factor(column)]
        if named and not said and column.header_unit == "right":
            message = f"the header says {column.column!r}, {section.id} declares unit {column.unit!r}"
            mend = f"declare unit: {_spelt(named[-1])}; where the header is wrong: header_unit: wrong"
            faults.append(("unit", Fault(table.file, section.header_line, message, mend)))
    return faults


def _same_kind(word: str, column: ImportColumn) -> Fraction | None:
    try:
        return printed_unit(_spelt(word), quantity(column.quantity))
    except ValueError:
        return None


def _spelt(word: str) -> str:
    """A unit out of a header as our tables spell it: kVarh and KWH are written by people in a hurry."""
    for unit in ("Wh", "kWh", "MWh", "varh", "kvarh", "kVAh", "kW", "MW", "kvar", "kVA", "GJ", "MJ", "m3", "kg"):
        if word == unit or (len(word) > 2 and word.lower() == unit.lower()):
            return unit
    return word
