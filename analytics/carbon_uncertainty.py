"""How sure a total of emissions is: meters, factors and records, each cause that lines share kept together.

GUM eq. 16 with r = 1 inside a cause and r = 0 between causes; classes and transformers are rectangles ±a, factors and
records are normal with their half 95 % interval. The interval is that of the sum, by inverting its characteristic
function; above 30 % it is that of a Monte Carlo of the products (GUM Supplement 1). What certificates cover is certain
by number: an error of the import meter falls on the remainder, so that a market-based zero has an interval too.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from analytics.balance import SCOPES, Balance
from analytics.factors import FactorTable, Gas, Method, Refusal
from analytics.flows import Flows
from analytics.lines import BalanceLine, Category
from analytics.postings import remainder_factor
from analytics.terms import Sentence, Status, weakest
from analytics.uncertainty import Share, Uncertainty, half_interval, total
from metering.site import Role

Document = dict[str, Any]
Shape = Literal["rectangle", "normal"]
NORMAL_95 = 1.959964  # half 95 % interval of a normal, in standard deviations
LINEAR_UP_TO = 30.0  # [%]; methods of IPCC 2006 vol. 1 ch. 3, approach 1
DRAWS, SEED = 40_000, 20_261_001
TIERS = {"measured": "sub_meter", "invoice": "invoice", "calculated": "estimate", "estimated": "estimate"}


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause of error: all that names it errs together."""

    kind: str  # "class" | "ct" | "placed" | "factor" | "record"
    group: str  # the meter, the factor, the record
    shape: Shape
    status: Status


@dataclass(frozen=True, slots=True)
class Term:
    """One line: its kilograms, how far each cause may move them [1], and what falls on the remainder beside [kg]."""

    id: str
    kg: float
    relative: Mapping[Cause, float]
    beside: Mapping[Cause, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Interval:
    """A total with its 95 % interval [kg]."""

    value: float
    low: float
    high: float
    causes: Mapping[Cause, float]  # the most each may move the total [kg]
    how: Literal["numeric", "monte_carlo", "one_sided"]
    lacking: int  # quarter-hours not known, which no interval covers

    @property
    def half(self) -> float:
        """Half the interval [kg]."""
        return (self.high - self.low) / 2

    @property
    def percent(self) -> float | None:
        """Half the interval as a share of the total [%]; None of zero."""
        return 100 * self.half / abs(self.value) if self.value else None

    @property
    def status(self) -> Status:
        """The weakest figure it rests on."""
        return weakest(cause.status for cause in self.causes)


class Judge:
    """The terms of one balance."""

    def __init__(self, flows: Flows, balance: Balance, table: FactorTable, defaults: Mapping[str, float]) -> None:
        self.flows, self.balance, self.table, self.defaults = flows, balance, table, defaults
        site = {p.id: p for p in flows.site.points}
        read = {p.id: flows.points[p.id] for p in site.values() if p.role is Role.GENERATION and p.id in flows.points}
        read |= {a.point: a.flow for a in flows.activities}
        self.meters = {name: total(name, [Share(site[name], 1, flow)]) for name, flow in read.items()}

    def term(self, line: BalanceLine) -> Term:
        """One line by itself."""
        covered = line.method is Method.MARKET_BASED and bool(line.instrument)
        causes = {} if covered else dict(self._amount(line))
        return Term(line.id, line.kg, causes | dict(self._factor(line)))

    def _amount(self, line: BalanceLine) -> Iterator[tuple[Cause, float]]:
        meter = self.meters.get(line.point)
        if line.tier or meter is None:
            name = "refrigerant_balance" if line.category is Category.FUGITIVE else TIERS.get(line.tier, "estimate")
            status = Status.DECLARED if line.percent is not None else Status.ASSUMED
            percent = line.percent if line.percent is not None else self.defaults[name]
            yield Cause("record", line.point, "normal", status), percent / 100
            return
        for cause, limit in _meter(meter):
            yield cause, limit / abs(meter.value) if meter.micro else 0.0

    def _factor(self, line: BalanceLine) -> Iterator[tuple[Cause, float]]:
        activity = line.factor.activity
        if line.instrument or activity.startswith("gwp."):
            return
        name = "grid_factor" if activity.startswith("electricity.") else "fuel_factor"
        yield Cause("factor", line.factor.id, "normal", Status.ASSUMED), self.defaults[name] / 100

    def terms(self, lines: Iterable[BalanceLine], gas: Gas) -> list[Term]:
        """The lines of one total; what a certificate covers moves the remainder when the meter errs."""
        found = [self.term(line) for line in lines if not line.instrument]
        return found + list(self._remainders([line for line in lines if line.instrument], gas))

    def _remainders(self, covered: Sequence[BalanceLine], gas: Gas) -> Iterator[Term]:
        for line in covered:
            meter = self.meters.get(line.point)
            kg = line.amount.value * self._rest(line, gas)
            beside = {c: limit / abs(meter.value) * kg for c, limit in _meter(meter)} if meter and meter.micro else {}
            yield Term(line.id, line.kg, dict(self._factor(line)), beside)

    def _rest(self, line: BalanceLine, gas: Gas) -> float:
        """What a kilowatt-hour more would carry [kg/kWh]."""
        found = remainder_factor(self.table, self.balance.settings, line.year, "electricity.grid", gas)
        return 0.0 if isinstance(found, Refusal) else float(found[0].kg_per("kWh"))

    def spare_kg(self, lines: Sequence[BalanceLine], gas: Gas) -> float:
        """What certificates beyond the need would still cover [kg at the remainder's factor]."""
        years = {line.year: line for line in lines if line.instrument}
        held = {c.id: c.amount.value for c in self.balance.columns if c.kind == "certificate" and c.amount is not None}
        used = sum(line.amount.value for line in lines if line.instrument)
        return max(0.0, sum(held.values()) - used) * max((self._rest(x, gas) for x in years.values()), default=0.0)


def _meter(meter: Uncertainty) -> Iterator[tuple[Cause, float]]:
    for part in meter.parts:
        yield Cause(part.cause, part.group, "rectangle", part.status), part.limit


def interval(terms: Sequence[Term], lacking: int = 0) -> Interval:
    """The 95 % interval of a sum of terms; never below zero where no term is."""
    value = math.fsum(t.kg for t in terms)
    causes = _causes(terms)
    half = half_of(causes)
    if value and 100 * half / abs(value) > LINEAR_UP_TO:
        low, high = np.quantile(simulated(terms), (0.025, 0.975)).tolist()
        return Interval(value, low, high, causes, "monte_carlo", lacking)
    return Interval(value, value - half, value + half, causes, "numeric", lacking)


def of_zero(one: Interval, spare_kg: float) -> Interval:
    """A total that certificates bring to zero: nothing below; above, what the meter may have missed less the spare."""
    return Interval(one.value, 0.0, max(0.0, one.half - spare_kg), one.causes, "one_sided", one.lacking)


def _causes(terms: Iterable[Term]) -> dict[Cause, float]:
    """How far each cause may move the sum [kg]: what shares it adds before it is squared."""
    found: dict[Cause, float] = {}
    for term in terms:
        for cause, share in term.relative.items():
            found[cause] = found.get(cause, 0.0) + term.kg * share
        for cause, kg in term.beside.items():
            found[cause] = found.get(cause, 0.0) + kg
    return {cause: abs(kg) for cause, kg in found.items() if kg}


def half_of(causes: Mapping[Cause, float]) -> float:
    """Half the 95 % interval of the sum of independent causes [kg]."""
    rectangles = [kg for cause, kg in causes.items() if cause.shape == "rectangle"]
    sigma = math.sqrt(math.fsum((kg / NORMAL_95) ** 2 for cause, kg in causes.items() if cause.shape == "normal"))
    return half_interval(rectangles, sigma=sigma)


def simulated(terms: Sequence[Term], draws: int = DRAWS, seed: int = SEED) -> Any:
    """Sums of the products drawn anew with every cause's error, the same at every call [kg]."""
    random = np.random.default_rng(seed)
    causes = sorted({c for t in terms for c in (*t.relative, *t.beside)}, key=lambda c: (c.kind, c.group))
    error = {c: random.uniform(-1, 1, draws) if c.shape == "rectangle" else random.normal(0, 1 / NORMAL_95, draws)
             for c in causes}  # fmt: skip
    found = np.zeros(draws)
    for term in terms:
        product = np.full(draws, term.kg)
        for cause, share in term.relative.items():
            product = product * (1 + share * error[cause])
        found += product + sum((kg * error[cause] for cause, kg in term.beside.items()), np.zeros(draws))
    return found


def rating(percent: float | None, limits: Mapping[str, float]) -> str:
    """High, good, fair or poor (GHG Protocol uncertainty tool; its limits are from memory)."""
    if percent is None:
        return ""
    steps = ("high", "good", "fair")
    return next((name for name in steps if percent <= limits[f"rating_{name}"]), "poor")


def totals_uncertainty(
    flows: Flows, balance: Balance, table: FactorTable, defaults: Mapping[str, float]
) -> dict[str, dict[str, Interval]]:
    """Scopes and gross totals, by name and gas basis."""
    judge = Judge(flows, balance, table, defaults)
    return intervals_of(judge)


def intervals_of(judge: Judge) -> dict[str, dict[str, Interval]]:
    """The same of a judge at hand."""
    lb, mb = Method.LOCATION_BASED, Method.MARKET_BASED
    wanted = {
        "scope1": (1, lb), "scope2_lb": (2, lb), "scope2_mb": (2, mb), "total_lb": (None, lb), "total_mb": (None, mb),
    }  # fmt: skip
    return {
        name: {gas.value: _total(judge, judge.balance.select(gas, scope=scope, method=method), gas)
               for gas in (Gas.CO2_ONLY, Gas.CO2E)}
        for name, (scope, method) in wanted.items()
    }  # fmt: skip


def _total(judge: Judge, lines: Sequence[BalanceLine], gas: Gas) -> Interval:
    lacking = max((line.amount.lacking for line in lines), default=0)
    found = interval(judge.terms(lines, gas), lacking)
    if found.value == 0 and any(line.instrument for line in lines):
        return of_zero(found, judge.spare_kg(lines, gas))
    return found


def with_uncertainty(body: Document, judge: Judge, found: Mapping[str, Mapping[str, Interval]]) -> Document:
    """A balance document whose lines and totals say how sure they are; figures at six digits, as sure as they are."""
    terms = {line.id: judge.term(line) for line in (*judge.balance.lines, *judge.balance.apart)}
    told = {id_: _line(interval([term]), judge.defaults) for id_, term in terms.items()}
    lines = [{**line, "uncertainty": told.get(line["id"])} for line in body["lines"]]
    apart = {**body["apart"], "lines": [{**x, "uncertainty": told.get(x["id"])} for x in body["apart"]["lines"]]}
    unknown = {name: judge.balance.unknown(SCOPES[name]) for name in found}
    totals = {
        name: {gas: _untold(why) if (why := unknown[name]) else interval_document(one, judge.defaults)
               for gas, one in of.items()}
        for name, of in found.items()
    }  # fmt: skip
    shown = {line["id"] for line in lines}
    others = {line.id: told[line.id] for line in judge.balance.lines if line.id not in shown}  # of the other gas basis
    return {**body, "lines": lines, "apart": apart, "uncertainty": totals, "other_intervals": others}


def _untold(why: Sentence) -> Document:
    """What is not known has no interval either."""
    none = dict.fromkeys(("kg", "low_kg", "high_kg", "half_kg", "percent"))
    return {**none, "rating": "", "how": "", "lacking": 0, "status": Status.NONE.value, "causes": [], **why.both()}


def _line(one: Interval, limits: Mapping[str, float]) -> Document:
    body = interval_document(one, limits)
    return {name: body[name] for name in ("half_kg", "percent", "rating", "how", "status", "causes")}


def _digits(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}")


def interval_document(one: Interval, limits: Mapping[str, float]) -> Document:
    """A total with its interval, its rating and its causes, largest first [kg]."""
    causes = sorted(one.causes.items(), key=lambda pair: -pair[1])
    body = {
        "kg": one.value, "low_kg": _digits(one.low), "high_kg": _digits(one.high), "half_kg": _digits(one.half),
        "percent": _digits(one.percent),
        "rating": rating(one.percent, limits), "how": one.how, "lacking": one.lacking, "status": one.status.value,
        "causes": [{"kind": c.kind, "group": c.group, "kg": _digits(kg), "status": c.status.value} for c, kg in causes],
    }  # fmt: skip
    return body | _said(one).both()


def _said(one: Interval) -> Sentence:
    if one.how == "one_sided":
        return Sentence(
            f"0 tCO2，95%区间 0 … {one.high / 1000:.3f} t（计量误差由剩余部分承担）。",
            f"0 tCO2, 95 % interval 0 … {one.high / 1000:.3f} t: what the meter may have missed is not covered.",
        )
    return Sentence(
        f"{one.value / 1000:.3f} t ± {one.half / 1000:.3f} t（95%）。",
        f"{one.value / 1000:.3f} t ± {one.half / 1000:.3f} t (95 %).",
    )
