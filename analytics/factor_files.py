"""data/factors/*.yaml, gwp.yaml and regions.yaml -> a FactorTable; every fault of every file at once, with its line."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, Field, ValidationError

from analytics.factor_checks import wrong_checks, wrong_units
from analytics.factors import EmissionFactor, FactorTable, Gas, Method, Parameter
from analytics.fuels import Gwp, table_factors
from analytics.regions import Region, RegionTable
from analytics.supersession import follows, in_effect, question
from analytics.terms import Status
from metering.config import ConfigError, Document, Fault, Strict, read, validate
from metering.sitefile import DeclaredFactor

DATA = Path(__file__).parent / "data"
Report = Literal["AR4", "AR5", "AR6"]
OWN_REGION = "SITE"
T = TypeVar("T", bound=Strict)


def _printed(value: Any) -> Any:
    """Numbers are quoted in the files: only a string keeps the digits as printed."""
    if value is None:
        return value
    if not isinstance(value, str):
        raise ValueError(f"write the value in quotes, with the digits as printed: {value!r}")
    try:
        if not Decimal(value).is_finite():
            raise ValueError(f"{value!r} is not a finite number")
    except InvalidOperation:
        raise ValueError(f"{value!r} is not a decimal number") from None
    return value


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) else value


Printed = Annotated[str, BeforeValidator(_printed)]
Text = Annotated[str, BeforeValidator(_text)]


class BothNames(Strict):
    """A name in both languages."""

    zh: str
    en: str


class Sheet(Strict):
    """One dated document and its rows; `defaults` are merged into every row."""

    document: str
    title: BothNames
    issuer: str = ""
    published: date | None = None
    supersedes: str = ""
    url: str = ""
    sources: dict[str, str]
    defaults: dict[str, Any] = Field(default_factory=dict)
    rows: tuple[dict[str, Any], ...] = Field(min_length=1)


class FactorRow(Strict):
    """One printed number of a factor file."""

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]*$")
    activity: str = Field(min_length=1)
    param: str = "factor"
    country: str = ""
    region: str
    year: int | None = Field(default=None, ge=1990, le=2100)
    value: Printed | None
    unit: str = Field(min_length=1)
    gas: Gas
    method: Method
    status: Status
    source: str
    page: Text = ""
    url: str = ""
    name: BothNames = BothNames(zh="", en="")
    note: str = ""
    heating_value: Literal["", "net", "gross"] = ""


class GwpRow(Strict):
    """One global warming potential."""

    gas: str
    report: Report
    year: int
    value: Printed
    unit: Literal["kgCO2e/kg"]
    status: Status
    source: str
    kyoto: bool = True
    note: str = ""


class RegionRow(Strict):
    """One region and the one around it."""

    key: str
    parent: str | None = None
    zh: str
    en: str
    status: Status
    source: str
    note: str = ""


def load_table(
    data: Path = DATA, *, gwp: Report = "AR6", declared: Iterable[EmissionFactor] = (), more: Iterable[Path] = (),
    own: Iterable[Path] = (),
) -> FactorTable:  # fmt: skip
    """The factors of a data directory with one set of GWPs, and the site's declared ones; ConfigError otherwise.

    `more` are further dated files, such as one not yet in the directory; `own` are files of the site itself.
    """
    regions, gwps = load_regions(data / "regions.yaml"), load_gwps(data / "gwp.yaml")
    rows = load_rows([*sorted((data / "factors").glob("*.yaml")), *more], regions, own)
    return FactorTable((*table_factors(rows, gwps, gwp), *declared), regions, rows)


def load_rows(files: Iterable[Path], regions: RegionTable, own: Iterable[Path] = ()) -> tuple[Parameter, ...]:
    """The printed numbers of several factor files; rows without a value, or answered anew by a later document, go."""
    mine = tuple(own)
    faults: list[Fault] = []
    placed: list[tuple[Parameter, Fault]] = []
    supersedes: dict[str, str] = {}
    for file in (*files, *mine):
        try:
            placed += _placed(file, regions, faults, supersedes, own=file in mine)
        except ConfigError as error:
            faults += error.faults
    faults += _overlaps(placed, supersedes)
    faults += wrong_units(placed)
    faults += wrong_checks([row for row, _ in placed], {row.id: where for row, where in placed})
    if faults:
        raise ConfigError(faults)
    return in_effect((row for row, _ in placed), supersedes)


def load_gwps(file: Path) -> tuple[Gwp, ...]:
    """The global warming potentials."""
    rows, sources = _strict_rows(file, GwpRow), validate(read(file), Sheet).sources
    return tuple(
        Gwp(r.gas, r.report, r.year, r.value, r.status, sources.get(r.source, r.source), r.kyoto, r.note) for r in rows
    )


def load_regions(file: Path) -> RegionTable:
    """The regions; a parent must be a region of the file."""
    rows = _strict_rows(file, RegionRow)
    keys = {r.key for r in rows}
    orphans = [r.key for r in rows if r.parent is not None and r.parent not in keys]
    if orphans:
        raise ConfigError(
            [Fault(str(file), 1, f"regions without their parent: {', '.join(orphans)}", "add the parent")]
        )
    return RegionTable(Region(r.key, r.parent, r.zh, r.en, r.status, r.source, r.note) for r in rows)


def declared_factors(rows: Iterable[DeclaredFactor]) -> tuple[EmissionFactor, ...]:
    """The factors of a site file, status `declared`; valid from the year they begin in."""
    return tuple(_declared(row) for row in rows)


def _declared(row: DeclaredFactor) -> EmissionFactor:
    parameter = Parameter(
        row.id, row.activity, "factor", OWN_REGION, row.valid_from.year, format(row.value, "f"), row.unit, Gas(row.gas),
        Method(row.method), Status.DECLARED, row.document, row.document, row.page,
    )  # fmt: skip
    return EmissionFactor.of(parameter, last_year=row.valid_to.year if row.valid_to else None)


def _placed(
    file: Path, regions: RegionTable, faults: list[Fault], supersedes: dict[str, str], *, own: bool = False
) -> Iterator[tuple[Parameter, Fault]]:
    document = read(file)
    sheet = validate(document, Sheet)
    if own:
        sheet = sheet.model_copy(update={"defaults": {"region": OWN_REGION, "status": "declared", **sheet.defaults}})
    if sheet.supersedes:
        supersedes[sheet.document] = sheet.supersedes
    for index, row in merged(document, sheet, FactorRow, faults):
        where = document.fault(("rows", index), "")
        if own:
            faults += _unsourced(document, index, sheet, row)
        if row.region not in regions.regions and not (own and row.region == OWN_REGION):
            faults.append(
                document.fault(("rows", index, "region"), f"unknown region {row.region!r}", "see regions.yaml")
            )
        if row.value is not None:
            yield _parameter(sheet, row, row.value), where


def _unsourced(document: Document, index: int, sheet: Sheet, row: FactorRow) -> Iterator[Fault]:
    """A row of the site's own is declared, unless it says where it was read and for which region it was printed."""
    if row.status is Status.DECLARED:
        return
    if not (row.page or row.url or sheet.url):
        mend = "give page: or url:, or leave status: out, then it is declared"
        said = f"status {row.status.value!r} without a page or an address where it was read"
        yield document.fault(("rows", index, "status"), said, mend)
    if row.region == OWN_REGION:
        mend = "give region:, as in regions.yaml"
        yield document.fault(("rows", index, "region"), "a published row is for a region", mend)


def _parameter(sheet: Sheet, row: FactorRow, value: str) -> Parameter:
    return Parameter(
        row.id, row.activity, row.param, row.region, row.year, value, row.unit, row.gas, row.method, row.status,
        sheet.document, sheet.sources[row.source], row.page, row.url or sheet.url, row.name.zh, row.name.en, row.note,
        row.heating_value,
    )  # fmt: skip


def merged(document: Document, sheet: Sheet, model: type[T], faults: list[Fault]) -> Iterator[tuple[int, T]]:
    """The rows of a sheet with its defaults, validated one by one; faults go to the list."""
    for index, row in enumerate(sheet.rows):
        try:
            made = model.model_validate({**sheet.defaults, **row})
        except ValidationError as error:
            faults += [_row_fault(document, index, one) for one in error.errors(include_url=False)]
            continue
        source = getattr(made, "source", "")
        if source not in sheet.sources:
            faults.append(
                document.fault(
                    ("rows", index), f"source {source!r} is not under sources:", "describe the document there"
                )
            )
            continue
        yield index, made


def _row_fault(document: Document, index: int, error: Mapping[str, Any]) -> Fault:
    path: list[int | str] = ["rows", index, *(str(part) for part in error["loc"])]
    return document.fault(path, str(error["msg"]).removeprefix("Value error, "))


def _strict_rows(file: Path, model: type[T]) -> list[T]:
    document = read(file)
    faults: list[Fault] = []
    rows = [row for _, row in merged(document, validate(document, Sheet), model, faults)]
    if faults:
        raise ConfigError(faults)
    return rows


def _overlaps(placed: Iterable[tuple[Parameter, Fault]], supersedes: Mapping[str, str]) -> Iterator[Fault]:
    """Two rows that would answer the same question: nobody could say which one was used."""
    ids: dict[str, Fault] = {}
    keys: dict[tuple[object, ...], Parameter] = {}
    for row, where in placed:
        if other := ids.get(row.id):
            yield Fault(
                where.file, where.line, f"id {row.id!r} is already at {other.file}:{other.line}", "give it its own"
            )
        ids.setdefault(row.id, where)
        key = (*question(row), "" if row.param == "factor" else row.document)
        first = keys.setdefault(key, row)
        if first.id != row.id and not _in_turn(first.document, row.document, supersedes):
            mend = "same activity, region, year, gas and method; does its document supersede the other?"
            yield Fault(where.file, where.line, f"{row.id!r} overlaps {first.id!r}", mend)


def _in_turn(one: str, other: str, supersedes: Mapping[str, str]) -> bool:
    return follows(one, other, supersedes) or follows(other, one, supersedes)
