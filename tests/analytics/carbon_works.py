"""A small factory with one meter of each kind, and series of constant or given energy for it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np

from analytics.balance import Balance, Settings, balance
from analytics.criteria import Criterion, Dimension, Standard, Threshold, Verdict, judge
from analytics.factor_files import load_table
from analytics.factors import EmissionFactor, FactorTable, Gas, Method, Parameter
from analytics.flows import Flows, flows
from analytics.indicators import INDICATORS, Evidence, Inputs
from analytics.intervals import Intervals
from analytics.market import QUALITY_CRITERIA, Answer, Instrument, InstrumentKind
from analytics.terms import Sentence, Status
from metering.period import QUARTER_MS
from metering.site import MeteringPoint, Role, Site

TABLE = load_table()
TIANJIN = TABLE.regions.chain("CN", "华北", "天津")
START = 1_790_784_000_000  # 2026-09-30T16:00Z, midnight of 1 October in Shanghai
TODAY = date(2026, 11, 21)
MICRO = 10**6

POINTS = (
    MeteringPoint("grid", Role.GRID, device="m1", name_zh="关口表", name_en="grid meter", meter_class="0.5S"),
    MeteringPoint("pv", Role.GENERATION, device="inv", rated_power_kw=100.0),
    MeteringPoint("battery", Role.STORAGE, device="bat"),
    MeteringPoint("gas", Role.FUEL, "natural_gas", device="g", activity="natural_gas"),
    MeteringPoint("heat", Role.HEAT, "heat", device="h"),
    MeteringPoint("smt", Role.LOAD, parent="grid", device="m2", area="smt", meter_class="1"),
    MeteringPoint("test", Role.LOAD, parent="grid", device="m3", area="test", meter_class="1"),
)
SITE = Site("works", "工厂", "Works", "Asia/Shanghai", "CN", "华北", "天津", 1, POINTS)
EACH = {  # kWh, m³ or GJ in every quarter-hour
    ("grid", "active_energy_import"): 10.0,
    ("grid", "active_energy_export"): 1.0,
    ("pv", "active_energy_export"): 3.0,
    ("battery", "active_energy_import"): 0.5,
    ("battery", "active_energy_export"): 0.25,
    ("gas", "gas_volume"): 2.0,
    ("heat", "heat_energy"): 0.1,
    ("smt", "active_energy_import"): 7.0,
    ("test", "active_energy_import"): 4.7,
}


def series(each: float | Sequence[float], cells: int = 96, start: int = START, *, flag: int = 0) -> Intervals:
    """Quarter-hours of so much energy each [unit]."""
    values = np.round(np.broadcast_to(np.asarray(each, float), (cells,)) * MICRO).astype(np.int64)
    starts = start + QUARTER_MS * np.arange(cells, dtype=np.int64)
    return Intervals(starts, values, np.zeros(cells, np.int64), np.full(cells, flag, np.uint8))


def all_series(cells: int = 96, start: int = START, **changes: float) -> dict[tuple[str, str], Intervals]:
    """The series of the works; a keyword `point__quantity` changes one."""
    named = EACH | {tuple(name.split("__")): value for name, value in changes.items()}
    return {key: series(value, cells, start) for key, value in named.items()}


def works_flows(
    site: Site = SITE, cells: int = 96, start: int = START, given: Mapping[tuple[str, str], Intervals] | None = None
) -> Flows:
    """The flows of the works over so many quarter-hours."""
    return flows(site, all_series(cells, start) if given is None else given, start, start + cells * QUARTER_MS)


def works_balance(flow: Flows, **settings: object) -> Balance:
    """Its balance, at Tianjin unless told otherwise."""
    return balance(flow, TABLE, Settings(**({"chain": TIANJIN} | settings)))  # type: ignore[arg-type]


def inputs(
    flow: Flows | None = None, table: FactorTable = TABLE, settings: Settings | None = None, **more: object
) -> Inputs:
    """The inputs of its indicators."""
    flow = works_flows() if flow is None else flow
    made = balance(flow, table, settings or Settings(TIANJIN))
    return Inputs(flow, made, table, TODAY, **more)  # type: ignore[arg-type]


def with_points(*points: MeteringPoint, without: Sequence[str] = ()) -> Site:
    """The works with other or more points."""
    named = {p.id: p for p in POINTS if p.id not in without} | {p.id: p for p in points}
    return replace(SITE, points=tuple(named.values()))


def factor(
    value: str, unit: str = "kgCO2/kWh", activity: str = "electricity.grid", *, region: str = "SITE", year: int = 2018,
    gas: Gas = Gas.CO2_ONLY, method: Method = Method.LOCATION_BASED, status: Status = Status.DECLARED, id_: str = "own",
) -> EmissionFactor:  # fmt: skip
    """One factor of a test."""
    return EmissionFactor.of(
        Parameter(id_, activity, "factor", region, year, value, unit, gas, method, status, "a document", "a document")
    )


def table(*factors: EmissionFactor) -> FactorTable:
    """The shipped factors and more."""
    return FactorTable((*TABLE.factors, *factors), TABLE.regions, TABLE.parameters)


def certificate(kwh: float, *, id_: str = "gec-1", year: int = 2026, serial: str = "", **answers: Answer) -> Instrument:
    """A renewable certificate that meets all eight criteria unless told otherwise."""
    given = dict.fromkeys(QUALITY_CRITERIA, Answer.MET) | answers
    zero = factor("0", year=year, method=Method.MARKET_BASED, id_=id_)
    return Instrument(
        id_, InstrumentKind.CERTIFICATE, round(kwh * MICRO), year, zero, renewable=True, answers=given, registry="GEC",
        serial=serial or id_, document="certificate",
    )  # fmt: skip


def value(name: str, of: Inputs | None = None, **more: object) -> float:
    """The value of an indicator that must have one."""
    found = INDICATORS[name](of or inputs(**more))
    assert found.value is not None, found.reason
    return found.value


def reason(name: str, of: Inputs) -> str:
    """Why an indicator has no value, in English."""
    found = INDICATORS[name](of)
    assert found.value is None
    assert found.reason is not None
    assert found.reason.zh
    return found.reason.en


def steps(*pairs: tuple[float, int]) -> list[float]:
    """So much in so many quarter-hours, one after the other."""
    return [one for amount, times in pairs for one in [amount] * times]


def standard(*thresholds: Threshold, indicator: str = "self_use_rate", **more: Any) -> Standard:
    """A standard of one criterion."""
    fields = {"kind": "scored", "evidence": ""} | more
    unit = "bool" if indicator == "declared" else "%"
    one = Criterion(
        "X-1", "all", Sentence("甲", "The thing"), formula="x", unit=unit, indicator=indicator,
        weight_status=Status.NONE, sources=("DOC",), thresholds=thresholds, **fields,
    )  # fmt: skip
    chapter = Dimension("all", Sentence("全部", "All"), None, Status.NONE)
    return Standard(
        "x",
        Sentence("标准", "Standard"),
        date(2026, 1, 1),
        "model",
        "factory",
        Status.ASSUMED,
        (chapter,),
        (one,),
        {"DOC": "d"},
    )


def verdict(of: Standard, given_: Inputs | None = None, **more: Any) -> Verdict:
    """What a standard of one criterion says."""
    [one] = judge(of, given_ or inputs(), **more).verdicts
    return one


def at_least(value: float, status: Status = Status.FOUND, **more: Any) -> Threshold:
    """A floor."""
    return Threshold(">=", value, status, **more)


def proof(
    value: bool | float = True, *, begins: date = date(2026, 1, 1), ends: date | None = None
) -> dict[str, Evidence]:
    return {"paper": Evidence("paper", value, "certificate 7", begins, ends, "somebody")}
