"""What an indicator is made of: one frozen set of inputs, and one result with its reason, its scale and its status."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from analytics.balance import Balance
from analytics.factors import EmissionFactor, FactorTable, Gas, Refusal
from analytics.flows import Flow, Flows
from analytics.measures import Measure
from analytics.targets import Target
from analytics.terms import Sentence, Status, joined, weakest
from metering.period import fiscal_year, from_ms, year
from metering.reading import SeriesKey
from metering.site import MeteringPoint, Role

Float = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Gauge:
    """The mean of a gauge in each quarter-hour of the grid, and where it is known."""

    mean: Float
    known: Mask


@dataclass(frozen=True, slots=True)
class Order:
    """So many units of one recipe made at one metering point's equipment over [start, end)."""

    id: str
    recipe: str
    point: str
    start_ms: int
    end_ms: int
    amount: float  # [unit]


@dataclass(frozen=True, slots=True)
class LeakTest:
    """A test without production: how long the compressor loaded and idled [min]."""

    on: date
    load_min: float
    unload_min: float
    document: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the site declares with a document, until it expires."""

    key: str
    value: bool | float
    document: str
    valid_from: date
    expires: date | None = None
    who: str = ""
    sha256: str = ""  # of the document's file; "" where only its name is declared
    entry: str = ""  # the entry that brought it; "" when it stands in the site file

    def holds(self, today: date) -> bool:
        """Whether it is in force on a day."""
        return self.valid_from <= today and (self.expires is None or today < self.expires)


@dataclass(frozen=True, slots=True)
class Inputs:
    """Everything that the indicators of one site and period are computed from."""

    flows: Flows
    balance: Balance
    table: FactorTable
    today: date
    gauges: Mapping[SeriesKey, Gauge] = field(default_factory=dict)
    orders: tuple[Order, ...] = ()
    leak_tests: tuple[LeakTest, ...] = ()
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    targets: tuple[Target, ...] = ()
    facts: Mapping[str, float] = field(default_factory=dict)  # declared numbers of the site file
    origins: Mapping[SeriesKey, str] = field(default_factory=dict)  # live | history | import
    uncertainty: Mapping[str, float] = field(default_factory=dict)  # what -> half 95 % interval [%], assumed
    night: tuple[int, int] = (22, 6)  # local hours, [from, to)
    idle: Mask | None = None  # the quarter-hours outside all shifts; None without shifts
    measures: tuple[Measure, ...] = ()  # what the site could do, as it declares it
    prices: Mapping[str, float] = field(default_factory=dict)  # of one unit, by carrier [currency]

    def role(self, role: Role) -> tuple[MeteringPoint, ...]:
        """The points of one role."""
        return self.flows.site.of_role(role)

    def using(self, *end_uses: str) -> list[MeteringPoint]:
        """The highest electricity points of some end uses: a point whose parent already counts is left out."""
        site = self.flows.site
        named = {p.id for p in site.points if p.end_use in end_uses and p.carrier == "electricity"}
        return [p for p in site.points if p.id in named and p.parent not in named]

    def through(self, points: Iterable[MeteringPoint]) -> list[Flow]:
        """The flows of those points that have one."""
        return [self.flows.points[p.id] for p in points if p.id in self.flows.points]

    @property
    def year(self) -> int:
        """The site's calendar year that the period ends in."""
        return from_ms(max(self.flows.end_ms - 1, 0)).astimezone(self.flows.site.zone).year

    @property
    def full_year(self) -> bool:
        """Does the period cover one whole calendar or fiscal year of the site."""
        if not len(self.flows.start_ms):
            return False
        start, end, site = int(self.flows.start_ms[0]), self.flows.end_ms, self.flows.site
        spans = (year(self.year, site.zone), fiscal_year(self.year, site.fiscal_year_start, site.zone))
        return any((s.start_ms, s.end_ms) == (start, end) for s in spans)


@dataclass(frozen=True, slots=True)
class Scale:
    """What one unit of an indicator is worth physically, so that a gap can be said in kWh or tCO2."""

    amount: float
    unit: str


@dataclass(frozen=True, slots=True)
class Indicator:
    """One measure of performance; None with a reason where it cannot be determined."""

    id: str
    value: float | None
    unit: str
    reason: Sentence | None = None  # why there is no value
    inputs: tuple[str, ...] = ()  # what it rests on: points, lines, facts
    status: Status = Status.NONE  # the weakest factor or declaration it rests on
    scale: Scale | None = None
    coverage: float = 1.0  # share of the period that is known
    doubt: Sentence | None = None  # why the value cannot be judged by
    parts: Mapping[str, float] = field(default_factory=dict)
    note: Sentence | None = None  # what must be said beside the value


Function = Callable[[Inputs], Indicator]


def unknown(id_: str, unit: str, zh: str, en: str, inputs: Iterable[str] = ()) -> Indicator:
    """An indicator that cannot be determined, and why."""
    return Indicator(id_, None, unit, Sentence(zh, en), tuple(inputs))


def incomplete(id_: str, unit: str, inputs: Inputs) -> Indicator | None:
    """UNDETERMINED with the faults, where the balance lacks something; None where it is whole."""
    if not len(inputs.flows.start_ms):
        return unknown(id_, unit, "该期间没有数据。", "There is no data in this period.")
    faults = [f for f in inputs.balance.faults if f.incomplete]
    if not faults:
        return None
    more = (
        Sentence(f"（另有{len(faults) - 1}项）", f"({len(faults) - 1} more)") if len(faults) > 1 else Sentence("", "")
    )
    return Indicator(id_, None, unit, faults[0].sentence + more, tuple(f.point for f in faults))


def known_together(*flows: Flow) -> Mask:
    """The quarter-hours in which all flows are known."""
    mask = np.ones(len(flows[0].energy), np.bool_)
    for flow in flows:
        mask &= flow.known
    return mask


def covered(mask: Mask) -> float:
    """The known share of the grid [1]."""
    return float(mask.mean()) if len(mask) else 0.0


def percent(part: float, whole: float) -> float:
    """A share, rounded once [%]: exactly 29 % is 29 and a whole is 100, so that no threshold is missed by a ulp."""
    return float(100 * Fraction(part) / Fraction(whole))


def energy(flow: Flow, mask: Mask | None = None) -> float:
    """The energy of the chosen quarter-hours [unit of the flow]."""
    return micro(flow, mask) / 10**6


def micro(flow: Flow, mask: Mask | None = None) -> int:
    """The energy of the chosen quarter-hours, exactly [1e-6 of unit]."""
    return int((flow.energy if mask is None else flow.energy[mask]).sum())


def ratio(id_: str, part: Flow, whole: Flow, *, inputs: Iterable[str] = (), status: Status = Status.NONE) -> Indicator:
    """One flow as a share of another, over what is known of both [%]."""
    mask = known_together(part, whole)
    total = energy(whole, mask)
    if total <= 0:
        return unknown(id_, "%", "分母为零或未知。", "Nothing to divide by: the whole is zero or not known.", inputs)
    return Indicator(
        id_,
        percent(micro(part, mask), micro(whole, mask)),
        "%",
        None,
        tuple(inputs),
        status,
        Scale(total / 100, part.unit),
        covered(mask),
    )


def local_hours(inputs: Inputs) -> NDArray[np.int64]:
    """The site's local hour of day at the start of each quarter-hour."""
    starts, zone = inputs.flows.start_ms, inputs.flows.site.zone
    hours, index = np.unique(starts // 3_600_000, return_inverse=True)
    offsets = np.array([_offset_ms(int(h) * 3_600_000, zone) for h in hours], np.int64)
    return np.asarray((starts + offsets[index]) % 86_400_000 // 3_600_000, np.int64)


def _offset_ms(ms: int, zone: object) -> int:
    offset = from_ms(ms).astimezone(zone).utcoffset()  # type: ignore[arg-type]
    return 0 if offset is None else round(offset.total_seconds() * 1000)


def at_night(inputs: Inputs) -> Mask:
    """The quarter-hours of the site's night."""
    begin, end = inputs.night
    hour = local_hours(inputs)
    inside = (hour >= begin) | (hour < end) if begin > end else (hour >= begin) & (hour < end)
    return np.asarray(inside, np.bool_)


def hourly(values: Float | NDArray[np.int64], inputs: Inputs) -> Float:
    """Quarter-hour values added up to UTC hours."""
    hours, index = np.unique(inputs.flows.start_ms // 3_600_000, return_inverse=True)
    return np.asarray(np.bincount(index, weights=values.astype(np.float64), minlength=len(hours)), np.float64)


def coal_equivalent(inputs: Inputs, activity: str, micro: int, unit: str) -> tuple[float, EmissionFactor] | Sentence:
    """An amount in tonnes of coal equivalent [tce] (GB/T 2589), electricity at the equivalent value."""
    chain = inputs.balance.settings.chain or ("WORLD",)
    found = inputs.table.find(f"standard_coal.{activity}", chain, inputs.year, gas=Gas.NONE, unit=unit)
    if isinstance(found, Refusal):
        return found.sentence
    return float(found[0].kg_per(unit) * micro / 10**6) / 1000, found[0]


@dataclass(frozen=True, slots=True)
class Coal:
    """The site's comprehensive energy [tce], and what of it is electricity."""

    total: float
    electricity: float
    per_kwh: float  # [tce/kWh]
    status: Status
    parts: Mapping[str, float]


def comprehensive_energy(inputs: Inputs) -> Coal | Sentence:
    """Electricity used, fuels and bought heat in coal equivalent; self-used generation counts, export does not."""
    use = inputs.flows.site_use.total()
    entries = [("electricity", use.micro, "kWh")]
    for one in inputs.flows.activities:
        if not one.activity.startswith("electricity."):
            amount = one.flow.total()
            entries.append(("heat" if one.activity.startswith("heat.") else one.activity, amount.micro, amount.unit))
    results = [coal_equivalent(inputs, *entry) for entry in entries]
    refused = [r for r in results if isinstance(r, Sentence)]
    if refused:
        return joined(refused[:1])
    good = [r for r in results if not isinstance(r, Sentence)]
    parts: dict[str, float] = {}
    for (name, _, _), (tce, _) in zip(entries, good, strict=True):
        parts[name] = parts.get(name, 0.0) + tce
    per_kwh = float(good[0][1].kg_per("kWh")) / 1000
    return Coal(sum(parts.values()), good[0][0], per_kwh, weakest(f.status for _, f in good), parts)
