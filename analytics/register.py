"""The register of measures: what each is to save, what it did save by its baseline, and which count the same energy.

A day counts when all its quarter-hours are known. The baseline are the days before a measure was done, the reporting
days are those after it; drivers are what the site names: units made, heating and cooling degrees, workdays.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np

from analytics.calendar import DayKind, WorkCalendar, local_time
from analytics.grid import Flow, Int
from analytics.indicator_inputs import Inputs, Mask
from analytics.indicators_equipment import air_made
from analytics.indicators_products import finished
from analytics.measures import Measure
from analytics.savings import Float, Saving, fit, saved
from analytics.terms import Sentence
from metering.reading import MICRO

EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Row:
    """One measure: verified by a saving with its interval, or why not; and what else counts the same energy."""

    measure: Measure
    verified: Saving | None
    why: Sentence | None
    overlaps: tuple[str, ...]
    unit: str  # of the energy at its metering point
    where: Sentence  # its metering point


@dataclass(frozen=True, slots=True, eq=False)
class Days:
    """Local days of the period, and what is known of each."""

    number: Int  # since 1970
    cell: Int  # of each quarter-hour, the place of its day
    whole: Int  # quarter-hours of each day

    def sums(self, flow: Flow) -> tuple[Float, Int]:
        """The energy of each day, and how many of its quarter-hours are known [unit]."""
        energy, size = np.where(flow.known, flow.energy, 0) / MICRO, len(self.number)
        total = np.bincount(self.cell, weights=energy, minlength=size).astype(np.float64)
        return total, np.bincount(self.cell, weights=flow.known, minlength=size).astype(np.int64)


def register(inputs: Inputs, calendar: WorkCalendar) -> tuple[Row, ...]:
    """Every measure of the site, in the order of the file."""
    return tuple(
        Row(m, *_verified(m, inputs, calendar), _overlaps(m, inputs), *_place(m, inputs)) for m in inputs.measures
    )


def _place(measure: Measure, inputs: Inputs) -> tuple[str, Sentence]:
    """The unit and the name of the metering point that a measure is verified at."""
    flow = inputs.flows.points.get(measure.point)
    point = next((p for p in inputs.flows.site.points if p.id == measure.point), None)
    name = Sentence(point.name("zh"), point.name("en")) if point else Sentence(measure.point, measure.point)
    return flow.unit if flow else "", name


def _verified(measure: Measure, inputs: Inputs, calendar: WorkCalendar) -> tuple[Saving | None, Sentence | None]:
    flow = inputs.flows.points.get(measure.point)
    if measure.done is None:
        return None, Sentence("尚未实施。", "Not done yet.")
    if flow is None:
        return None, Sentence("没有指明或没有数据的测点。", "No metering point is named, or it has no data.")
    days = _days(inputs)
    energy, known = days.sums(flow)
    drivers: dict[str, Float] = {}
    good = known == days.whole
    for name in measure.drivers:
        found = DRIVERS[name](days, inputs, calendar)
        if found is None:
            return None, Sentence(f"没有驱动因素数据：{name}。", f"There is no {name} to explain it by.")
        drivers[name], seen = found
        good &= seen
    done = (measure.done - EPOCH).days
    before, after = good & (days.number < done), good & (days.number > done)
    baseline = fit(energy[before], {name: one[before] for name, one in drivers.items()})
    if isinstance(baseline, Sentence):
        return None, baseline
    if not after.any():
        return None, Sentence("实施后没有完整的一天。", "No whole day is known since it was done.")
    return saved(baseline, energy[after], {name: one[after] for name, one in drivers.items()}), None


def _days(inputs: Inputs) -> Days:
    local = local_time(inputs.flows.start_ms, inputs.flows.site.zone)
    number, cell = np.unique(local.day, return_inverse=True)
    cells = np.bincount(cell, minlength=len(number))
    if len(cells):
        cells[[0, -1]] = np.maximum(cells[[0, -1]], 96)  # a day begun late or broken off is not whole
    return Days(number, np.asarray(cell, np.int64), np.asarray(cells, np.int64))


Explained = tuple[Float, Mask]  # a driver's value a day, and where it is known
Driver = Callable[[Days, Inputs, WorkCalendar], Explained | None]


def _production(days: Days, inputs: Inputs, _: WorkCalendar) -> Explained | None:
    point = finished(inputs)
    flow = inputs.flows.points.get(point.id) if point else None
    if flow is None:
        return None
    made, known = days.sums(flow)
    return made, known == days.whole


def _temperature(days: Days, inputs: Inputs) -> Explained | None:
    gauges = [g for (_, name), g in inputs.gauges.items() if name == "ambient_temperature" and g.known.any()]
    if not gauges:
        return None
    known = np.bincount(days.cell, weights=gauges[0].known, minlength=len(days.number))
    total = np.bincount(days.cell, weights=np.where(gauges[0].known, gauges[0].mean, 0), minlength=len(days.number))
    return total / np.maximum(known, 1), known >= days.whole / 2


def _degrees(sign: int, fact: str) -> Driver:
    def of(days: Days, inputs: Inputs, _: WorkCalendar) -> Explained | None:
        found, base = _temperature(days, inputs), inputs.facts.get(fact)
        return None if found is None or base is None else (np.maximum(0.0, sign * (found[0] - base)), found[1])

    return of


def _air(days: Days, inputs: Inputs, _: WorkCalendar) -> Explained | None:
    flow = air_made(inputs)
    if flow is None:
        return None
    volume, known = days.sums(flow)
    return volume, known == days.whole


def _workdays(days: Days, _: Inputs, calendar: WorkCalendar) -> Explained | None:
    kinds = [calendar.kind(EPOCH + timedelta(days=int(n))) for n in days.number]
    work = np.array([kind is DayKind.WORKDAY for kind in kinds])
    return work.astype(np.float64), np.ones(len(work), np.bool_)


DRIVERS: Mapping[str, Driver] = {
    "production": _production, "workdays": _workdays, "air_volume": _air,
    "heating_degrees": _degrees(-1, "heating_base_c"), "cooling_degrees": _degrees(1, "cooling_base_c"),
}  # fmt: skip


def _overlaps(measure: Measure, inputs: Inputs) -> tuple[str, ...]:
    """Other measures that are done and save at the same meter, above or below it, or that exclude each other."""
    if measure.done is None:
        return ()
    mine = _line(measure.point, inputs)
    return tuple(
        other.id for other in inputs.measures
        if other.id != measure.id and other.done is not None
        and (other.point in mine or measure.point in _line(other.point, inputs)
             or other.id in measure.excludes or measure.id in other.excludes)
    )  # fmt: skip


def _line(point: str, inputs: Inputs) -> set[str]:
    """A metering point and those above it."""
    known = {p.id: p.parent for p in inputs.flows.site.points}
    found: set[str] = set()
    while point in known and point not in found:
        found.add(point)
        point = known[point] or ""
    return found


def register_document(rows: tuple[Row, ...]) -> dict[str, Any]:
    """The register; a saving stands with its interval, its statistics and its days, or why there is none."""
    return {"measures": [_row(row) for row in rows]}


def _row(row: Row) -> dict[str, Any]:
    one = row.measure
    return {
        "id": one.id, "name": one.name.both(), "effect": one.effect.value, "declared": one.saving, "unit": one.unit,
        "cost": one.cost, "price": one.price, "done": one.done.isoformat() if one.done else None,
        "point": one.point, "where": row.where.both(), "option": one.option, "document": one.document,
        "overlaps": list(row.overlaps), "why": row.why.both() if row.why else None,
        "verified": None if row.verified is None else _saving(row.verified, row.unit),
    }  # fmt: skip


def _saving(found: Saving, unit: str) -> dict[str, Any]:
    base, yearly = found.baseline, 365 / found.days
    return {
        "saved": found.value, "half": found.half, "confidence": found.confidence, "unit": unit,
        "days": found.days, "per_year": found.value * yearly, "half_per_year": found.half * yearly,
        "certain": found.certain, "predicted": found.predicted, "observed": found.observed,
        "outside": dict(found.outside), "baseline_days": base.days, "cv_rmse": base.cv_rmse, "nmbe": base.nmbe,
        "autocorrelation": base.autocorrelation, "drivers": list(base.drivers),
        "coefficients": list(base.coefficients), "specific": found.specific and list(found.specific),
    }  # fmt: skip
