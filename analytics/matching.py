"""Clean electricity against load in time: annual match, hourly match, CFE score, by the hour of the site's clock.

Excess of one hour is never carried to another; only storage moves energy. Hours that are not wholly known are left out
of both sums and lower the coverage; they are never filled. Google's CFE score, constraint 2 of tza-google-cfe.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from analytics.balance import Balance
from analytics.battery import Charging, Colours, colours, halves, round_trip
from analytics.factors import Gas, Method
from analytics.flows import Flows
from analytics.grid import Int, Mask
from analytics.lines import Category
from analytics.terms import Sentence, Status
from metering.period import QUARTER_MS, from_ms

Float = NDArray[np.float64]
Document = dict[str, Any]
DAY_MS, HOUR_MS = 86_400_000, 3_600_000


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """Energy per step of time [kWh], known where `known`."""

    load: Float
    clean: Float  # generated on site
    excess: Float  # of it exported
    imported: Float
    charge: Float
    discharge: Float
    stored_green: Float  # green energy that came out of the battery
    known: Mask

    @property
    def asked(self) -> int:
        """Steps in the span."""
        return len(self.known)

    @property
    def coverage(self) -> float:
        """The share of steps that are known [1]."""
        return float(self.known.mean()) if self.asked else 0.0


@dataclass(frozen=True, slots=True)
class Scores:
    """The three numbers, and the match with the battery's green energy; None where nothing is known or used."""

    annual_match: float | None
    hourly_match: float | None
    hourly_match_stored: float | None
    cfe_score: float | None


def scores(of: Steps, grid_cfe: float = 0.0) -> Scores:
    """Over the known steps; `grid_cfe` is the carbon-free share of the grid [1]."""
    k = of.known
    load, clean = of.load[k], of.clean[k]
    used = float(load.sum())
    supply = np.minimum(load, clean + of.stored_green[k])
    # Demand + charge − discharge = clean − excess + import
    whole = used + float(of.charge[k].sum()) - float(of.discharge[k].sum())
    free = float((clean - np.minimum(clean, of.excess[k])).sum()) + grid_cfe * float(of.imported[k].sum())
    return Scores(
        _ratio(float(clean.sum()), used), _ratio(float(np.minimum(load, clean).sum()), used),
        _ratio(float(supply.sum()), used), _ratio(free, whole),
    )  # fmt: skip


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """The match of a span by quarter-hours and by the site's hours."""

    quarters: Steps
    hours: Steps
    starts: Int  # of the hours, by the site's clock as if it were UTC [ms]
    colours: Colours | None
    efficiency: float | None
    efficiency_status: Status


def matched(flows: Flows, kg_per_kwh: float = 0.0, efficiency: float | None = None) -> Matched:
    """The match of the flows; a battery's efficiency is declared, else what came out per what went in."""
    taken, given = _kwh(flows.charge.energy), _kwh(flows.discharge.energy)
    status = Status.DECLARED if efficiency is not None else Status.DERIVED
    trip = efficiency if efficiency is not None else round_trip(taken, given)
    tracked = None
    if trip:
        tracked = colours(_charging(flows, taken, given, kg_per_kwh), *halves(trip))
    quarters = Steps(
        _kwh(flows.consumption.energy), _kwh(flows.generation.energy), _kwh(flows.grid_export.energy),
        _kwh(flows.grid_import.energy), taken, given,
        np.zeros(len(taken)) if tracked is None else tracked.green,
        flows.consumption.known & flows.generation.known,
    )  # fmt: skip
    hours, starts = by_hour(quarters, local_ms(flows.start_ms, flows.site.zone))
    return Matched(quarters, hours, starts, tracked, trip, status if trip else Status.NONE)


def _kwh(micro: Int) -> Float:
    return np.asarray(micro / 10**6, np.float64)


def _charging(flows: Flows, taken: Float, given: Float, kg_per_kwh: float) -> Charging:
    """What charged the battery is mixed as the site's supply of that quarter-hour was."""
    own, bought = _kwh(flows.self_use.energy), _kwh(flows.grid_import.energy)
    supply = own + bought
    share = np.divide(own, supply, out=np.zeros_like(own), where=supply > 0)
    return Charging(taken, given, share, np.full(len(taken), kg_per_kwh))


def local_ms(start_ms: Int, zone: ZoneInfo) -> Int:
    """Instants by the site's clock as if it were UTC [ms]; the zone is asked once a day, but where it changes."""
    moved = start_ms.copy()
    for day in np.unique(start_ms // DAY_MS):
        here = np.flatnonzero(start_ms // DAY_MS == day)
        first, last = (_offset(int(start_ms[i]), zone) for i in (here[0], here[-1]))
        moved[here] += first if first == last else np.array([_offset(int(t), zone) for t in start_ms[here]])
    return moved


def _offset(time_ms: int, zone: ZoneInfo) -> int:
    found = from_ms(time_ms).astimezone(zone).utcoffset() or timedelta()
    return int(found.total_seconds() * 1000)


def by_hour(of: Steps, local: Int) -> tuple[Steps, Int]:
    """Sums over the hours of a clock; an hour is known where each of its quarters is there and known."""
    hours, index, count = np.unique(local // HOUR_MS, return_inverse=True, return_counts=True)
    size = len(hours)

    def summed(values: Float) -> Float:
        return np.bincount(index, weights=values, minlength=size).astype(np.float64)

    whole = (summed(of.known.astype(np.float64)) == count) & (count % 4 == 0)
    made = Steps(
        summed(of.load), summed(of.clean), summed(of.excess), summed(of.imported), summed(of.charge),
        summed(of.discharge), summed(of.stored_green), whole,
    )  # fmt: skip
    return made, hours * HOUR_MS


def heat_map(of: Matched) -> Document:
    """Hour x day of the site's clock: matched share, load and clean energy [kWh]; null where not known."""
    days = np.unique(of.starts // DAY_MS)
    rows = np.searchsorted(days, of.starts // DAY_MS)
    columns = (of.starts % DAY_MS) // HOUR_MS
    supply = np.minimum(of.hours.load, of.hours.clean + of.hours.stored_green)
    share = np.divide(supply, of.hours.load, out=np.ones_like(supply), where=of.hours.load > 0)

    def table(values: Float) -> list[list[float | None]]:
        cells = np.full((len(days), 24), np.nan)
        known = of.hours.known
        cells[rows[known], columns[known]] = values[known]
        return [[None if np.isnan(x) else round(x, 6) for x in row] for row in cells.tolist()]

    return {
        "days": [(date(1970, 1, 1) + timedelta(days=int(d))).isoformat() for d in days],
        "match": table(share), "load_kwh": table(of.hours.load), "clean_kwh": table(of.hours.clean),
    }  # fmt: skip


def grid_kg_per_kwh(balance: Balance) -> float:
    """What a bought kilowatt-hour carries, location-based [kgCO2/kWh]; 0 where nothing was bought."""
    lines = balance.select(Gas.CO2_ONLY, scope=2, method=Method.LOCATION_BASED)
    bought = [line for line in lines if line.category is Category.PURCHASED_ELECTRICITY]
    kwh = sum(line.amount.value for line in bought)
    return sum(line.kg for line in bought) / kwh if kwh else 0.0


LOCAL_ONLY = Sentence("未计电网零碳份额（仅厂内）。", "The grid's carbon-free share is not counted: local only.")


def _declared(percent: float) -> Sentence:
    return Sentence(
        f"电网零碳份额按声明的{percent:g}%。", f"The grid's carbon-free share is {percent:g} %, as declared."
    )  # fmt: skip


def matching_document(of: Matched, grid_cfe: float | None) -> Document:
    """Scores by hour and by quarter-hour, coverage, the battery's colours and the heat map."""
    said = LOCAL_ONLY if grid_cfe is None else _declared(grid_cfe * 100)
    hours, quarters = (scores(one, grid_cfe or 0.0) for one in (of.hours, of.quarters))
    return {
        "annual_match": hours.annual_match, "hourly_match": hours.hourly_match,
        "hourly_match_stored": hours.hourly_match_stored, "cfe_score": hours.cfe_score,
        "quarter_hourly_match": quarters.hourly_match, "coverage": of.hours.coverage,
        "hours": {"asked": of.hours.asked, "known": int(of.hours.known.sum())},
        "grid_cfe": {"value": grid_cfe, "status": (Status.DECLARED if grid_cfe is not None else Status.NONE).value,
                     **said.both()},
        "denominator": "demand + charge - discharge", "clean": "on-site generation", "profiled": False,
        "battery": _battery(of), "heat_map": heat_map(of), "step_ms": QUARTER_MS,
    }  # fmt: skip


def _battery(of: Matched) -> Document | None:
    tracked = of.colours
    if tracked is None:
        return None
    return {
        "charge_kwh": float(of.quarters.charge.sum()), "discharge_kwh": float(of.quarters.discharge.sum()),
        "round_trip": of.efficiency, "round_trip_status": of.efficiency_status.value,
        "green_kwh": float(tracked.green.sum()), "carried_kg": float(tracked.kg.sum()),
        "unknown_kwh": float(tracked.unknown.sum()), "coverage": tracked.coverage,
        "stored_kwh": tracked.stored, "stored_green_kwh": tracked.stored_green, "stored_kg": tracked.stored_kg,
    }  # fmt: skip
