"""What cannot be true in a file, row by row: always listed, and either kept and marked or not stored; never dropped."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Context, Decimal, localcontext
from typing import Literal

from metering.imports import AllZero, Check, ImportColumn, ImportSection, PowerFactor, Range, SecondsOfDay, Weekday
from metering.period import from_ms
from metering.quantity import Kind, quantity
from metering.reading import INT64_MAX, MICRO
from metering.site import Site
from zcf.import_rows import Row, micro, unit_factor

Treatment = Literal["stored", "questionable", "refused", "absent"]
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
EXACT = Context(prec=120)  # no product below needs more digits
OVERLOAD = Decimal("1.2")  # beyond this times its rated power a point is not believed


@dataclass(frozen=True, slots=True)
class Oddity:
    """One thing in a file that is not as it should be; columns () = every value of the row."""

    line: int
    rule: str
    treatment: Treatment
    message: str
    columns: tuple[str, ...] = field(default=())


def oddities(section: ImportSection, rows: Sequence[Row], site: Site, now_ms: int) -> list[Oddity]:
    """Everything odd in a file, in the order of its lines."""
    found = [*_time_oddities(section, rows, now_ms), *_cell_oddities(section, rows, site)]
    for check in section.checks:
        found += _declared(check, section, rows)
    return sorted(found, key=lambda oddity: oddity.line)


def _time_oddities(section: ImportSection, rows: Sequence[Row], now_ms: int) -> Iterator[Oddity]:
    first: dict[int, Row] = {}
    last: Row | None = None
    for row in rows:
        if row.stamp.fault:
            yield Oddity(row.line, "no_such_time", "refused", row.stamp.fault)
            continue
        if row.stamp.at_ms > now_ms or (row.stamp.end_ms > now_ms and _has_amounts(section)):
            yield Oddity(row.line, "future", "refused", f"{row.stamp.written} has not come yet")
            continue
        if (other := first.setdefault(row.stamp.start_ms, row)) is not row:
            yield from _twice(section, other, row)
            continue
        if last is not None and row.stamp.start_ms < last.stamp.start_ms:
            yield Oddity(row.line, "out_of_order", "stored", f"{row.stamp.written} stands after {last.stamp.written}")
        last = row
    yield from _holes(section, sorted(first.values(), key=lambda row: row.stamp.start_ms))


def _twice(section: ImportSection, first: Row, row: Row) -> Iterator[Oddity]:
    if all(first.number[c.column] == row.number[c.column] for c in section.columns):
        yield Oddity(row.line, "duplicate", "refused", f"{row.stamp.written} repeats line {first.line}")
        return
    yield Oddity(first.line, "duplicate", "questionable", f"line {row.line} has other values for the same time")
    yield Oddity(row.line, "duplicate", "refused", f"{row.stamp.written} contradicts line {first.line}")


def _holes(section: ImportSection, rows: Sequence[Row]) -> Iterator[Oddity]:
    """Spans without a row, and amounts that overlap the one before."""
    end: Row | None = None
    for row in rows:
        if end is not None and row.stamp.start_ms < end.stamp.end_ms and _has_amounts(section):
            yield Oddity(row.line, "overlap", "refused", f"the interval overlaps the one of line {end.line}")
            continue
        if end is not None and row.stamp.start_ms > end.stamp.end_ms:
            span = f"{from_ms(end.stamp.end_ms):%Y-%m-%d %H:%M} .. {from_ms(row.stamp.start_ms):%Y-%m-%d %H:%M} UTC"
            yield Oddity(row.line, "missing", "absent", f"no row for {span}")
        end = row


def _has_amounts(section: ImportSection) -> bool:
    return any(quantity(column.quantity).kind is Kind.DELTA for column in section.columns)


def _cell_oddities(section: ImportSection, rows: Sequence[Row], site: Site) -> Iterator[Oddity]:
    for column in section.columns:
        before: Decimal | None = None
        for row in rows:
            value = row.number[column.column]
            for rule, treatment, message in _cell(column, row, before, site):
                yield Oddity(row.line, rule, treatment, f"{column.column}: {message}", (column.column,))
            before = value if value is not None else before


def _cell(column: ImportColumn, row: Row, before: Decimal | None, site: Site) -> Iterator[tuple[str, Treatment, str]]:
    """What is odd about one cell: (rule, treatment, message)."""
    value, kind = row.number[column.column], quantity(column.quantity).kind
    if value is None:
        yield "absent", "absent", "no value"
    elif kind is Kind.GAUGE:
        return
    elif value < 0:
        yield "negative", "refused", f"{value} is negative"
    elif (amount := micro(value, unit_factor(column))) > INT64_MAX:
        yield "too_large", "refused", f"{value} does not fit"
    elif kind is Kind.COUNTER and before is not None and value < before:
        yield "falls", "stored", f"{value} after {before}; it is settled as a reset or an exchange"
    elif column.quantity == "active_energy" and _overloaded(amount, row, site.point(column.point).rated_power_kw):
        yield "rated_power", "questionable", f"{value} is more than the rated power can bring"


def _overloaded(amount: int, row: Row, rated_kw: float | None) -> bool:
    if rated_kw is None:
        return False
    hours_ms = row.stamp.end_ms - row.stamp.start_ms
    return amount * 3_600_000 > Decimal(str(rated_kw)) * OVERLOAD * MICRO * hours_ms


def _declared(check: Check, section: ImportSection, rows: Sequence[Row]) -> Iterator[Oddity]:
    treatment: Treatment = "refused" if check.treatment == "refuse" else "questionable"
    with localcontext(EXACT):
        for row in rows:
            for columns, message in _failures(check, row):
                mapped = tuple(c.column for c in section.columns if c.column in columns)
                yield Oddity(row.line, str(getattr(check, "rule", "")), treatment, message, mapped)


def _failures(check: Check, row: Row) -> Iterator[tuple[tuple[str, ...], str]]:
    """The columns that fail a check in one row, and how."""
    match check:
        case AllZero(columns=columns):
            if all(row.number[name] == 0 for name in columns):
                yield columns, f"all zero at once: {', '.join(columns)}"
        case Range():
            for name in check.columns:
                value = row.number[name]
                if value is not None and _outside(value, check):
                    yield (name,), f"{name}: {value} is outside {check.min}..{check.max}"
        case PowerFactor():
            yield from _power_factor(check, row)
        case SecondsOfDay() | Weekday():
            yield from _stamp(check, row)


def _stamp(check: SecondsOfDay | Weekday, row: Row) -> Iterator[tuple[tuple[str, ...], str]]:
    moment, said = row.stamp.written, row.text[check.column]
    if isinstance(check, Weekday):
        wrong, meant = said != WEEKDAYS[moment.weekday()], WEEKDAYS[moment.weekday()]
    else:
        seconds = moment.hour * 3600 + moment.minute * 60 + moment.second
        wrong, meant = row.number[check.column] != seconds, str(seconds)
    if wrong:
        yield (), f"{check.column}: {said!r} but {moment} is {meant}"


def _outside(value: Decimal, check: Range) -> bool:
    return (check.min is not None and value < check.min) or (check.max is not None and value > check.max)


def _power_factor(check: PowerFactor, row: Row) -> Iterator[tuple[tuple[str, ...], str]]:
    """100 P / sqrt(P² + Q²) within the tolerance, compared as squares and so exactly; without current undefined."""
    factor, active, reactive = (row.number[name] for name in (check.column, check.active, check.reactive))
    if factor is None or active is None or reactive is None or active == reactive == 0:
        return
    square, whole = 10_000 * active * active, active * active + reactive * reactive
    low, high = max(factor - check.tolerance, Decimal(0)), factor + check.tolerance
    if not low * low * whole <= square <= high * high * whole:
        names = (check.column, check.active, check.reactive)
        yield names, f"{check.column}: {factor} but {active} and {reactive} give {(square / whole).sqrt():.2f}"
