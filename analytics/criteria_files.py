"""data/criteria/*.yaml -> Standards, and data/uncertainty.yaml; every fault of every file at once, with its line."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import Field

from analytics.factor_files import DATA, BothNames, Printed, Sheet, merged
from analytics.indicators import INDICATORS
from analytics.standards import Criterion, Dimension, Editions, Kind, Op, Role, Standard, Threshold
from analytics.terms import Sentence, Status
from metering.config import ConfigError, Document, Fault, Strict, read, validate


class ThresholdRow(Strict):
    """One limit."""

    op: Op
    value: bool | Printed
    status: Status
    role: Role = "pass"
    note: str = ""
    year: int | None = Field(default=None, ge=2000, le=2100)
    tce_from: Printed | None = None
    tce_to: Printed | None = None
    indicator: str = ""
    evidence: str = ""
    unit: str = ""


class CriterionRow(Strict):
    """One criterion."""

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]*$")
    dimension: str
    name: BothNames
    kind: Kind
    formula: str = Field(min_length=1)
    unit: str
    indicator: str
    evidence: str = ""
    thresholds: tuple[ThresholdRow, ...] = ()
    weight: Printed | None = None
    weight_status: Status
    scoring: str = ""
    sources: tuple[str, ...] = Field(min_length=1)
    note: str = ""
    claim_only: bool = False
    needs_year: bool = False
    requires: tuple[str, ...] = ()


class DimensionRow(Strict):
    """One chapter."""

    id: str
    name: BothNames
    weight: Printed | None = None
    weight_status: Status


class Completeness(Strict):
    """How much interpolation a verdict bears."""

    max_estimated: Printed
    status: Status


class StandardFile(Strict):
    """One document of criteria."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_]*$")
    name: BothNames
    valid_from: date
    kind: Literal["model", "scheme", "ladder"]
    level: Literal["factory", "park", "company"]
    status: Status
    note: str = ""
    note_zh: str = ""
    supersedes: str = ""
    completeness: Completeness
    sources: dict[str, str]
    dimensions: tuple[DimensionRow, ...] = Field(min_length=1)
    criteria: tuple[CriterionRow, ...] = Field(min_length=1)


class UncertaintyRow(Strict):
    """One default uncertainty."""

    id: str
    value: Printed
    unit: Literal["%"]
    status: Status
    source: str


def load_standards(data: Path = DATA) -> Mapping[str, Standard]:
    """The newest edition of every standard of a data directory; ConfigError with all faults otherwise."""
    return {id_: editions[-1] for id_, editions in load_editions(data).items()}


def load_editions(data: Path = DATA) -> Editions:
    """Every edition of every standard by id, oldest first: a changed text is a new dated file, the old one stays."""
    faults: list[Fault] = []
    made: dict[str, list[Standard]] = {}
    for file in sorted((data / "criteria").glob("*.yaml")):
        try:
            standard = load_standard(file)
        except ConfigError as error:
            faults += error.faults
            continue
        if standard.valid_from in {one.valid_from for one in made.get(standard.id, [])}:
            said = f"standard {standard.id!r} is declared twice from {standard.valid_from}"
            faults.append(Fault(str(file), 1, said, "give it its own id, or the day its text came into force"))
        made.setdefault(standard.id, []).append(standard)
    if faults:
        raise ConfigError(faults)
    return {id_: tuple(sorted(each, key=lambda s: s.valid_from)) for id_, each in made.items()}


def load_standard(file: Path) -> Standard:
    """One standard; ConfigError with every fault of the file otherwise."""
    document = read(file)
    sheet = validate(document, StandardFile)
    faults = list(_faults(document, sheet))
    if faults:
        raise ConfigError(faults)
    return Standard(
        sheet.id, _said(sheet.name), sheet.valid_from, sheet.kind, sheet.level, sheet.status,
        tuple(Dimension(d.id, _said(d.name), _float(d.weight), d.weight_status) for d in sheet.dimensions),
        tuple(_criterion(c) for c in sheet.criteria), sheet.sources, sheet.note,
        float(sheet.completeness.max_estimated), sheet.supersedes, sheet.note_zh,
    )  # fmt: skip


def load_uncertainty(file: Path = DATA / "uncertainty.yaml") -> Mapping[str, float]:
    """Default half widths of 95 % intervals by what they are of [%]."""
    document = read(file)
    faults: list[Fault] = []
    rows = [row for _, row in merged(document, validate(document, Sheet), UncertaintyRow, faults)]
    if faults:
        raise ConfigError(faults)
    return {row.id: float(row.value) for row in rows}


def _criterion(row: CriterionRow) -> Criterion:
    return Criterion(
        row.id, row.dimension, _said(row.name), row.kind, row.formula, row.unit, row.indicator, row.weight_status,
        row.sources, tuple(_threshold(t) for t in row.thresholds), row.evidence, _float(row.weight), row.scoring,
        row.note, row.claim_only, row.needs_year, row.requires,
    )  # fmt: skip


def _threshold(row: ThresholdRow) -> Threshold:
    value = row.value if isinstance(row.value, bool) else float(row.value)
    return Threshold(
        row.op, value, row.status, row.role, row.note, row.year, _float(row.tce_from), _float(row.tce_to),
        row.indicator, row.evidence, row.unit,
    )  # fmt: skip


def _said(name: BothNames) -> Sentence:
    return Sentence(name.zh, name.en)


def _float(value: str | None) -> float | None:
    return None if value is None else float(value)


def _faults(document: Document, sheet: StandardFile) -> Iterator[Fault]:
    dimensions = {d.id for d in sheet.dimensions}
    seen: set[str] = set()
    for index, row in enumerate(sheet.criteria):
        where: tuple[int | str, ...] = ("criteria", index)
        if row.id in seen:
            yield document.fault((*where, "id"), f"criterion {row.id!r} is declared twice", "give each its own id")
        seen.add(row.id)
        if row.dimension not in dimensions:
            yield document.fault(
                (*where, "dimension"), f"no dimension {row.dimension!r}", f"one of: {', '.join(dimensions)}"
            )
        for source in row.sources:
            if source not in sheet.sources:
                yield document.fault(
                    (*where, "sources"), f"source {source!r} is not under sources:", "describe it there"
                )
        yield from _indicator_faults(document, where, [row.indicator, *row.requires], row.evidence)
        yield from _threshold_faults(document, where, row)


def _indicator_faults(
    document: Document, where: tuple[int | str, ...], names: Iterable[str], evidence: str
) -> Iterator[Fault]:
    for name in names:
        if name == "declared" and not evidence:
            yield document.fault(where, "a declared criterion names its evidence", "add evidence: some_key")
        elif name != "declared" and name not in INDICATORS:
            yield document.fault((*where, "indicator"), f"unknown indicator {name!r}", "see analytics/indicators.py")


def _threshold_faults(document: Document, where: tuple[int | str, ...], row: CriterionRow) -> Iterator[Fault]:
    for index, one in enumerate(row.thresholds):
        at = (*where, "thresholds", index)
        if one.status is Status.NONE:
            yield document.fault(
                (*at, "status"), "a threshold has a status", "found, second_hand, borrowed, ... assumed"
            )
        if one.indicator:
            yield from _indicator_faults(document, at, [one.indicator], one.evidence)
    if row.weight is not None and row.weight_status is Status.NONE:
        yield document.fault((*where, "weight_status"), "a weight has a status", "assumed, unless a source gives it")
    base, lead = ([t for t in row.thresholds if t.role == role] for role in ("base", "lead"))
    if base and lead and _wrong_way(base[0], lead[0]):
        yield document.fault((*where, "thresholds"), "the lead threshold is easier than the base one", "swap them")


def _wrong_way(base: ThresholdRow, lead: ThresholdRow) -> bool:
    easier = Decimal(str(lead.value)) - Decimal(str(base.value))
    return easier < 0 if base.op == ">=" else easier > 0
