"""`zcf import`: a CSV file into entries.db, exactly, at most once, with everything odd in it said."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal, localcontext
from fractions import Fraction
from pathlib import Path

from metering.config import ConfigError, Fault
from metering.imports import ImportColumn, ImportSection
from metering.period import from_ms
from metering.quantity import Kind, quantity
from metering.reading import MICRO, Quality, Reading, SeriesInfo
from metering.site import Role
from metering.sitefile import SiteConfig
from metering.store import StoreError
from metering.store.entries import EntriesReader, Entry, entering
from zcf.import_checks import EXACT, Oddity, oddities
from zcf.import_published import PublishedFactor, published_factor
from zcf.import_report import Counts, DeclaredCarbon, ImportReport, SeriesSum, series_sum
from zcf.import_rows import Row, micro, read_rows, unit_factor
from zcf.import_store import Cell, Difference, difference
from zcf.import_table import Table, read_table
from zcf.import_time import labels

KG_PER_KWH = ("kgCO2/kWh", "kgCO2e/kWh")


@dataclass(frozen=True, slots=True)
class Content:
    """A file read and checked, before the store is asked."""

    section: ImportSection
    table: Table
    rows: Sequence[Row]
    oddities: tuple[Oddity, ...]
    cells: tuple[Cell, ...]
    published: PublishedFactor | None


def import_file(config: SiteConfig, path: Path, *, who: str, why: str, dry_run: bool, now_ms: int) -> ImportReport:
    """Import one file; ConfigError with every fault of it, and then the store is as it was."""
    content = read_content(config, path, now_ms)
    found = difference(EntriesReader(config.store_dir), content.cells)
    if dry_run or not found.new:
        return _report(config, content, found, None, dry_run=dry_run)
    with entering(config.store_dir, f"zcf import {path.name}") as writer:
        reader = EntriesReader(config.store_dir)
        found = difference(reader, content.cells)  # again: only now nobody else can write
        if not found.new:
            return _report(config, content, found, None, dry_run=False)
        entry = _entry(content, found, path, Entry(_entry_id(content.table, reader), "import", who, why, now_ms, {}))
        writer.append(entry, [cell.reading for cell in found.new], _infos(config, content))
        if difference(reader, content.cells).new:
            raise StoreError(f"{path}: not all readings arrived in {reader.path}")
    return _report(config, content, found, entry.id, dry_run=False)


def read_content(config: SiteConfig, path: Path, now_ms: int) -> Content:
    """A file as its section of the site file declares it; ConfigError with every fault otherwise."""
    if not config.file.imports:
        message = "the site file describes no import"
        raise ConfigError([Fault(str(config.path), 1, message, "add imports: with time_column, columns ...")])
    section, table = read_table(path, config.file.imports)
    rows = read_rows(table, section, config.zone)
    found = oddities(section, rows, config.site, now_ms)
    published, wrong = published_factor(section, rows)
    table = replace(table, notes=(*table.notes, *_notes(rows)))
    found = sorted([*found, *wrong], key=lambda oddity: oddity.line)
    return Content(section, table, rows, tuple(found), tuple(_cells(section, rows, found)), published)


def _notes(rows: Sequence[Row]) -> Iterator[str]:
    if closing := sum(row.stamp.closes for row in rows):
        yield f"{closing} stamps of 00:00 close the date they name, as declared"
    if rows[0].line > rows[-1].line:
        yield "the newest row stands first"


def _cells(section: ImportSection, rows: Sequence[Row], found: Iterable[Oddity]) -> Iterable[Cell]:
    """The readings of every row in time order: none of what is refused, what is questionable marked."""
    treated: dict[tuple[int, str], set[str]] = {}
    for oddity in found:
        for name in oddity.columns or tuple(c.column for c in section.columns):
            treated.setdefault((oddity.line, name), set()).add(oddity.treatment)
    for row in sorted(rows, key=lambda row: row.stamp.start_ms):
        for column in section.columns:
            treatments = treated.get((row.line, column.column), set())
            value = row.number[column.column]
            if value is not None and "refused" not in treatments:
                grade = Quality.QUESTIONABLE if "questionable" in treatments else Quality.GOOD
                yield Cell(row.line, column.column, _reading(column, row, value, grade))


def _reading(column: ImportColumn, row: Row, value: Decimal, grade: Quality) -> Reading:
    kind, factor = quantity(column.quantity).kind, unit_factor(column)
    if kind is Kind.GAUGE:
        real = float(Fraction(value) * factor)
        return Reading(column.point, column.quantity, row.stamp.at_ms, real, grade)
    amount = micro(value, factor)
    if kind is Kind.COUNTER:
        return Reading(column.point, column.quantity, row.stamp.at_ms, amount, grade)
    return Reading(column.point, column.quantity, row.stamp.start_ms, amount, grade, row.stamp.end_ms)


def _infos(config: SiteConfig, content: Content) -> list[SeriesInfo]:
    """What analytics must know of each imported series: the step is the last digit printed."""
    section = content.section
    since: dict[str, int] = {}
    for cell in content.cells:
        since.setdefault(cell.column, cell.reading.time_ms)
    digest = hashlib.sha256(section.model_dump_json().encode()).hexdigest()
    cadence = section.interval if isinstance(section.interval, int) else 86_400_000
    infos = []
    for column in section.columns:
        if column.column not in since:
            continue
        point = config.site.point(column.point)
        infos.append(SeriesInfo(
            column.point, column.quantity, since[column.column], "import", section.id, digest, "", "decimal",
            _step(content, column), None, point.ct_ratio, point.rated_power_kw, cadence, point.meter_class, "import",
        ))  # fmt: skip
    return infos


def _step(content: Content, column: ImportColumn) -> Fraction:
    numbers = (row.number[column.column] for row in content.rows)
    places = min((int(n.as_tuple().exponent) for n in numbers if n is not None), default=0)
    return Fraction(10) ** min(places, 0) * unit_factor(column)


def _entry_id(table: Table, reader: EntriesReader) -> str:
    """A name of the file's own; the same file again (with another mapping) gets the next number."""
    taken = sum(1 for entry in reader.entries("import") if entry.body.get("sha256") == table.sha256)
    return f"import-{table.sha256[:16]}" + (f"-{taken + 1}" if taken else "")


def _entry(content: Content, found: Difference, path: Path, blank: Entry) -> Entry:
    body = {
        "file": path.name, "sha256": content.table.sha256, "import": content.section.id,
        "rows": asdict(_counts(content, found)), "readings": len(found.new), "notes": list(content.table.notes),
        "oddities": [asdict(oddity) for oddity in (*content.oddities, *found.against)],
    }  # fmt: skip
    return replace(blank, body=body)


def _counts(content: Content, found: Difference) -> Counts:
    stored = {cell.line for cell in found.new}
    unchanged = {cell.line for cell in found.same} - stored
    kept = [*found.new, *found.same]
    marked = {cell.line for cell in kept if cell.reading.quality is Quality.QUESTIONABLE}
    read = len(content.rows)
    return Counts(read, len(stored), len(unchanged), read - len(stored) - len(unchanged), len(marked))


def _report(
    config: SiteConfig, content: Content, found: Difference, entry: str | None, *, dry_run: bool
) -> ImportReport:
    kept = {(cell.line, cell.column) for cell in (*found.new, *found.same)}
    series = tuple(_sum(config, content, column, kept) for column in content.section.columns)
    energy = _energy_columns(config, content.section)
    micros = sum(one.micro or 0 for one in series if one.column in energy)
    return ImportReport(
        content.table.file, content.table.sha256, content.section.id, dry_run, entry, _counts(content, found),
        len(found.new), series, energy, (*content.oddities, *found.against), content.table.notes, content.published,
        _carbon(config, content, micros),
    )  # fmt: skip


def _sum(config: SiteConfig, content: Content, column: ImportColumn, kept: set[tuple[int, str]]) -> SeriesSum:
    cells = [c for c in content.cells if c.column == column.column and (c.line, c.column) in kept]
    readings = [cell.reading for cell in cells]
    kind = quantity(column.quantity).kind
    months = labels((r.time_ms for r in readings), config.zone) if kind is Kind.DELTA else ()
    numbers = (row.number[column.column] for row in content.rows)
    with localcontext(EXACT):
        printed = sum((n for n in numbers if n is not None), Decimal(0))
    return series_sum(column, quantity(column.quantity).unit, printed, readings, months)


def _energy_columns(config: SiteConfig, section: ImportSection) -> tuple[str, ...]:
    """The columns that energy_kwh adds up: bought electricity, and where none is bought all electricity."""
    found = [c for c in section.columns if c.quantity in ("active_energy", "active_energy_import")]
    bought = [c for c in found if config.site.point(c.point).role is Role.GRID]
    return tuple(c.column for c in bought or found)


def _carbon(config: SiteConfig, content: Content, energy_micro: int) -> DeclaredCarbon | None:
    """The energy times the factor that the site declares for grid electricity over the whole file."""
    starts = [cell.reading.time_ms for cell in content.cells]
    if not starts:
        return None
    first, last = (from_ms(ms).astimezone(config.zone).date() for ms in (min(starts), max(starts)))
    for factor in config.file.factors:
        until = factor.valid_to or last
        fits = factor.activity == "electricity.grid" and factor.unit in KG_PER_KWH
        if fits and factor.valid_from <= first <= last <= until:
            kg = Fraction(factor.value) * Fraction(energy_micro, MICRO)
            return DeclaredCarbon(factor.id, factor.value, factor.unit, factor.document, kg)
    return None
