"""activities.yaml -> entries, and entries -> what the balance posts; every fault of a file at once, with its line."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from analytics.activity_rows import Activity, ActivityFile, Fuel, SupplierAnswer
from analytics.corrections import Entered, in_force
from analytics.factors import Refusal
from analytics.fuel_paths import FuelUse, on_two_paths, two_paths_sentence
from analytics.recorded import Recorded
from analytics.recorder import Recorder
from analytics.scope3 import Supplier
from metering.config import ConfigError, Document, Fault, read, validate

KIND = "activity"


@dataclass(frozen=True, slots=True)
class Beside:
    """What a new file is held against: the site's regions, what is entered, and the fuels that meters count."""

    chain: tuple[str, ...]
    held: Sequence[Entered] = ()
    metered: Sequence[FuelUse] = ()


def read_file(path: Path, recorder: Recorder, beside: Beside) -> list[dict[str, Any]]:
    """The rows of a file as entry bodies; ConfigError with every fault at its line, those between rows too."""
    document = read(path)
    rows = validate(document, ActivityFile).activities
    faults = list(_row_faults(document, rows, recorder, beside.chain))
    if not rows:
        faults.append(document.fault(("activities",), "there is no record in it", "add one"))
    if not faults:
        faults += _between(document, rows, recorder, beside)
    if faults:
        raise ConfigError(sorted(faults, key=lambda fault: fault.line))
    return [body_of(row, recorder) for row in rows]


def _row_faults(
    document: Document, rows: Sequence[Activity], recorder: Recorder, chain: Sequence[str]
) -> Iterator[Fault]:
    for index, row in enumerate(rows):
        try:
            for one in recorder.postings(row):
                if said := _without_factor(one, row, recorder, chain):
                    yield document.fault(("activities", index), said, "bring a factor or parameters of its own")
        except ValueError as error:
            yield document.fault(("activities", index), str(error))


def _without_factor(one: Recorded, row: Activity, recorder: Recorder, chain: Sequence[str]) -> str:
    found = recorder.table.find(one.activity, chain, row.start.year, gas=one.bases[0], unit=one.unit)
    if one.factor is not None:
        return ""
    if isinstance(found, Refusal):
        return found.sentence.en
    billed, by = (row.heating_value if isinstance(row, Fuel) else None), found[0].heating_value
    if billed and by and billed != by:
        return f"the heat is by {billed} calorific value, {found[0].id} by {by}: about a tenth apart for a gas"
    return ""


def body_of(row: Activity, recorder: Recorder) -> dict[str, Any]:
    """What is kept of a row: as it was written, with its span [ms UTC]."""
    start, end = recorder.span(row)
    return {"row": json.loads(row.model_dump_json(by_alias=True, exclude_unset=True)), "start_ms": start, "end_ms": end}


def _between(document: Document, rows: Sequence[Activity], recorder: Recorder, beside: Beside) -> Iterator[Fault]:
    """A name used twice, and a fuel on two paths, in the file, beside what is entered and beside the meters."""
    places = {row.id: index for index, row in reversed(list(enumerate(rows)))}
    before = {row.id for row in rows_of(beside.held)}
    for index, row in enumerate(rows):
        if places[row.id] != index or row.id in before:
            where = "is entered already: undo that entry first" if row.id in before else "is in the file twice"
            yield document.fault(("activities", index, "id"), f"{row.id!r} {where}", "give each record its own id")
    uses = [*beside.metered, *_uses(recorder, rows_of(beside.held)), *_uses(recorder, rows)]
    for one, other in on_two_paths(uses):
        at = places.get(other.where, places.get(one.where))
        if at is not None:
            yield document.fault(("activities", at), two_paths_sentence(one, other).en)


def _uses(recorder: Recorder, rows: Iterable[Activity]) -> list[FuelUse]:
    return [p.use for row in rows for p in recorder.postings(row) if p.use is not None]


def rows_of(entries: Iterable[Entered]) -> list[Activity]:
    """The recorded rows in force."""
    kept = [e.body["row"] for e in in_force(entries) if e.kind == KIND]
    return list(ActivityFile.model_validate({"activities": kept}).activities) if kept else []


def recorded_of(entries: Iterable[Entered], recorder: Recorder) -> tuple[Recorded, ...]:
    """What the entries in force post."""
    return tuple(p for row in rows_of(entries) for p in recorder.postings(row))


def suppliers_of(entries: Iterable[Entered]) -> tuple[Supplier, ...]:
    """The suppliers' questionnaires in force."""
    return tuple(
        Supplier(r.id, r.name, Fraction(r.spend), None if r.tonnes is None else Fraction(r.tonnes), r.document)
        for r in rows_of(entries)
        if isinstance(r, SupplierAnswer)
    )
