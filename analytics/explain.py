"""One figure walked down: formula, factor, activity, segments, first and last register readings, flags, entries."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from fractions import Fraction
from functools import partial
from typing import Any

from analytics.account import Account
from analytics.balance import BalanceLine
from analytics.descent import Descent
from analytics.documents import energy_document, indicator_document, totals_document
from analytics.factors import Gas, Method
from analytics.flows import EXPORT, IMPORT, MADE
from analytics.indicators import INDICATORS
from analytics.intervals import empty
from analytics.service import FactoryService
from analytics.standing import Standing
from metering.period import Period, year
from metering.quantity import QUANTITIES
from metering.reading import SeriesKey
from metering.site import Role

Document = dict[str, Any]
LB, MB = Method.LOCATION_BASED, Method.MARKET_BASED
TOTALS: dict[str, tuple[int | None, Method | None]] = {
    "scope1": (1, None), "scope2_lb": (2, LB), "scope2_mb": (2, MB), "total_lb": (None, LB), "total_mb": (None, MB),
}  # fmt: skip
ENERGIES: dict[str, tuple[str, tuple[tuple[Role, tuple[str, ...]], ...]]] = {
    "import_kwh": ("sum of the grid meters' import", ((Role.GRID, IMPORT),)),
    "export_kwh": ("sum of the grid meters' export", ((Role.GRID, EXPORT),)),
    "generation_kwh": ("sum of what was generated", ((Role.GENERATION, MADE),)),
    "charge_kwh": ("sum of what the stores took", ((Role.STORAGE, IMPORT),)),
    "discharge_kwh": ("sum of what the stores gave", ((Role.STORAGE, EXPORT),)),
    "self_use_kwh": (
        "generation - min(generation, export), by quarter-hour",
        ((Role.GENERATION, MADE), (Role.GRID, EXPORT)),
    ),
    "consumption_kwh": (
        "import + generation - export + discharge - charge",
        (
            (Role.GRID, IMPORT), (Role.GENERATION, MADE), (Role.GRID, EXPORT),
            (Role.STORAGE, EXPORT), (Role.STORAGE, IMPORT),
        ),
    ),
}  # fmt: skip


MATCH = "match"
SCORES: dict[str, str] = {
    "annual_match": "own generation / use x 100",
    "hourly_match": "sum over hours of min(use, own generation) / use x 100",
    "hourly_match_stored": "sum over hours of min(use, own generation + green energy from the battery) / use x 100",
    "quarter_hourly_match": "sum over quarter-hours of min(use, own generation) / use x 100",
    "cfe_score": "(generation - export + grid share x import) / (use + charge - discharge) x 100",
}


def explain(service: FactoryService, figure: str, period: str) -> Document:
    """A figure of a period down to its readings; LookupError with near names for one there is not."""
    found = service.account(period)
    head = {"figure": figure, "period": {"label": found.period.label, "start_ms": found.period.start_ms,
                                         "end_ms": found.period.end_ms}}  # fmt: skip
    lines = {line.id: line for line in (*found.balance.lines, *found.balance.apart)}
    name, _, gas = figure.partition(".")
    if figure in lines:
        return {**head, "kind": "line", **_line(service, found, lines[figure])}
    if name in TOTALS and gas in {"", *_gases()}:
        return {**head, "kind": "total", **_total(service, found, name, Gas(gas or Gas.CO2_ONLY))}
    if figure in ENERGIES:
        return {**head, "kind": "energy", **_energy(service, found, figure)}
    if name == MATCH and gas in SCORES:
        return {**head, "kind": "match", **_match(service, period, gas)}
    if figure in INDICATORS:
        return {**head, "kind": "indicator", **_indicator(service, found, figure)}
    key = (name, gas)
    if key in found.series:
        return {**Descent(service, found.period).series(key, found.series[key]), **head, "kind": "series"}
    if (told := Standing(service, period, partial(explain, service)).told(figure)) is not None:
        return {**head, **told}
    raise LookupError(_unknown(figure, known(found)))


def known(found: Account) -> list[str]:
    """The figures that can be asked for."""
    scores = (f"{MATCH}.{name}" for name in SCORES)
    lines, series = (line.id for line in found.balance.lines), (".".join(key) for key in found.series)
    return [*TOTALS, *ENERGIES, *scores, *INDICATORS, *lines, *series]


def _gases() -> tuple[str, str]:
    return Gas.CO2_ONLY.value, Gas.CO2E.value


def _unknown(figure: str, names: list[str]) -> str:
    near = get_close_matches(figure, names, 5, 0.4) or [*TOTALS, *ENERGIES]
    return f"there is no figure {figure!r} in this period; near: {', '.join(near)}"


def _total(service: FactoryService, found: Account, name: str, gas: Gas) -> Document:
    scope, method = TOTALS[name]
    lines, why = found.balance.select(gas, scope=scope, method=method), found.balance.unknown(scope)
    return {
        "value": totals_document(found.balance)[name][gas.value], "unit": "kgCO2e" if gas is Gas.CO2E else "kgCO2",
        "reason": None if why is None else why.both(),
        "gas": gas.value, "formula": f"{name} = exactly rounded sum of {len(lines)} lines",
        "lines": [_line(service, found, line) for line in lines],
    }  # fmt: skip


def _energy(service: FactoryService, found: Account, name: str) -> Document:
    formula, parts = ENERGIES[name]
    keys = dict.fromkeys(key for role, names in parts for key in _of_role(found, role, names))
    descent = Descent(service, found.period)
    return {
        "value": energy_document(found.flows)[name], "unit": "kWh", "formula": f"{name} = {formula}",
        "series": [descent.series(key, found.series[key]) for key in keys],
    }  # fmt: skip


def _match(service: FactoryService, period: str, name: str) -> Document:
    """A score of clean electricity against load in time, from hours that are wholly known [%]."""
    told = service.matching(period)
    half = told["uncertainty"]["half"].get(name)
    return {
        "value": None if told[name] is None else 100 * told[name], "unit": "%", "formula": SCORES[name],
        "half": None if half is None else 100 * half, "status": told["uncertainty"]["status"],
        "coverage": told["coverage"], "hours": told["hours"], "grid_cfe": told["grid_cfe"],
        "rests_on": ["generation_kwh", "consumption_kwh", "import_kwh", "export_kwh", "charge_kwh", "discharge_kwh"],
    }  # fmt: skip


def _indicator(service: FactoryService, found: Account, name: str) -> Document:
    """An indicator with its reason, its parts and what it rests on."""
    told = indicator_document(INDICATORS[name](service.inputs(found)))
    formula = (INDICATORS[name].__doc__ or name).partition("\n")[0]
    return {**told, "formula": formula, "rests_on": told["inputs"]}


def _of_role(found: Account, role: Role, names: Iterable[str]) -> Iterator[SeriesKey]:
    """The series of the points at the site's bus, as flows.py counts them: behind a grid meter at the most."""
    inlets = {None, *(p.id for p in found.flows.site.of_role(Role.GRID))}
    for point in found.flows.site.of_role(role):
        if point.parent not in (inlets if role is not Role.GRID else {None}):
            continue
        key = next(((point.id, name) for name in names if (point.id, name) in found.series), None)
        if key is not None:
            yield key


def _line(service: FactoryService, found: Account, line: BalanceLine) -> Document:
    body = line.explain()
    per = line.factor.kg_per(line.amount.unit)
    unit = "kgCO2e" if line.factor.gas is Gas.CO2E else "kgCO2"
    exact = line.exact_kg
    return {
        "id": line.id, "value": line.kg, "unit": unit, "scope": line.scope, "category": line.category.value,
        "gas": line.gas.value, "method": line.method.value, "instrument": line.instrument,
        "formula": f"{line.amount.value:,.6f} {line.amount.unit} x {_decimal(per)} {unit}/{line.amount.unit}",
        "exact": {"activity": str(Fraction(line.amount.micro, 10**6)), "factor": str(per), "kg": str(exact)},
        "factor": body["factor"], "match": body["match"], "caution": body["caution"],
        "activity": {**body["amount"], "value": line.amount.value,
                     "series": [_series(service, found, line, key) for key in _keys(found, line)]},
    }  # fmt: skip


def _decimal(value: Fraction) -> str:
    return f"{float(value):.10g}"


def _keys(found: Account, line: BalanceLine) -> list[SeriesKey]:
    """The series a line's activity was metered by."""
    metered = [(a.point, a.quantity) for a in found.flows.activities if a.point == line.point]
    return metered or [key for key in found.series if key[0] == line.point and key[1] in QUANTITIES
                       and QUANTITIES[key[1]].unit == line.amount.unit]  # fmt: skip


def _series(service: FactoryService, found: Account, line: BalanceLine, key: SeriesKey) -> Document:
    """The part of the series that lies in the line's calendar year."""
    span = year(line.year, found.flows.site.zone)
    part = Period(max(found.period.start, span.start), min(found.period.end, span.end), str(line.year))
    return Descent(service, part).series(key, found.series.get(key, empty()))
