"""What electricity costs: 尖峰平谷 bands by season, day and hour, and the demand charge; exact in Decimal.

Energies are integers in 1e-6 kWh, prices decimals as the contract prints them; nothing is rounded before it is shown.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from analytics.calendar import ALL_DAYS, DayKind, LocalTime, WorkCalendar, day_of, in_hours, local_time, of_kind
from analytics.grid import Flow, Int
from analytics.intervals import Flag
from analytics.terms import Sentence, Status
from metering.period import QUARTER_MS

_EXACT = Context(prec=60)
_CENT = Decimal("0.01")


class Band(StrEnum):
    """Parts of the day with one price: 尖 峰 平 谷 深谷."""

    SHARP = "sharp"
    PEAK = "peak"
    FLAT = "flat"
    VALLEY = "valley"
    DEEP = "deep"


BANDS = tuple(Band)


@dataclass(frozen=True, slots=True)
class Hours:
    """[start, end) in minutes of the local day that fall in one band; an end not after the start is past midnight."""

    band: Band
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Season:
    """The bands of some months and kinds of day; hours not named are flat."""

    hours: tuple[Hours, ...]
    months: frozenset[int] = frozenset(range(1, 13))
    days: frozenset[DayKind] = ALL_DAYS


@dataclass(frozen=True, slots=True)
class Prices:
    """What was agreed from one day on, to the day before `valid_to`."""

    energy: Mapping[Band, Decimal]  # [currency/kWh]
    valid_from: date
    valid_to: date | None = None
    demand: Decimal | None = None  # [currency/kW and month], of the highest quarter-hour
    capacity: Decimal | None = None  # [currency/kVA and month], of the transformers
    export: Decimal | None = None  # [currency/kWh], paid for what is fed in

    def hold(self, day: date) -> bool:
        """Whether they are in force on a day."""
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)


@dataclass(frozen=True, slots=True)
class Tariff:
    """A contract: the first season that fits a day decides; the status is that of the declaration."""

    seasons: tuple[Season, ...]
    prices: tuple[Prices, ...]
    currency: str = "CNY"
    document: str = ""
    capacity_kva: Decimal = Decimal(0)
    demand_limit_kw: Decimal | None = None  # warned before this is reached
    status: Status = Status.DECLARED

    def prices_on(self, day: date) -> Prices | None:
        """The prices of a day; the last that begin, where two hold."""
        held = [p for p in self.prices if p.hold(day)]
        return max(held, key=lambda p: p.valid_from, default=None)


@dataclass(frozen=True, slots=True)
class Line:
    """Energy of one month, band and price."""

    month: str  # "2026-10"
    band: Band
    micro: int  # [1e-6 kWh]
    price: Decimal | None  # [currency/kWh]
    amount: Decimal | None  # [currency], exact
    lacking: int  # quarter-hours of it that are not known


@dataclass(frozen=True, slots=True)
class Demand:
    """The demand charge of one month; a month not over yet has the peak so far."""

    month: str
    peak_kw: Decimal
    at_ms: int  # start of that quarter-hour
    price: Decimal | None
    amount: Decimal | None  # [currency]
    capacity: Decimal | None  # [currency], of the transformers


@dataclass(frozen=True, slots=True)
class Cost:
    """What the electricity of a period costs, line by line."""

    currency: str
    lines: tuple[Line, ...]
    demand: tuple[Demand, ...]
    earned: Decimal | None  # for what was fed in [currency]; None where no price is agreed
    status: Status
    document: str
    faults: tuple[Sentence, ...] = field(default=())

    @property
    def energy(self) -> Decimal:
        """[currency]."""
        return add(line.amount for line in self.lines)

    @property
    def total(self) -> Decimal:
        """Energy, demand and capacity [currency]; what is fed in stays beside it."""
        return add([self.energy, *(d.amount for d in self.demand), *(d.capacity for d in self.demand)])

    @property
    def complete(self) -> bool:
        """Every quarter-hour known and priced."""
        return not self.faults

    def band(self, band: Band) -> tuple[int, Decimal]:
        """Energy [1e-6 kWh] and cost [currency] of one band."""
        mine = [line for line in self.lines if line.band is band]
        return sum(line.micro for line in mine), add(line.amount for line in mine)


def add(amounts: Iterable[Decimal | None]) -> Decimal:
    """The exact sum; what is not known counts nothing and is told elsewhere."""
    total = Decimal(0)
    for one in amounts:
        total = _EXACT.add(total, one or Decimal(0))
    return total


def shown(amount: Decimal) -> Decimal:
    """An amount as a bill shows it, half up to cents."""
    return amount.quantize(_CENT, ROUND_HALF_UP)


def times(micro: int, price: Decimal) -> Decimal:
    """Energy [1e-6 unit] at a price per unit, exactly."""
    return _EXACT.multiply(Decimal(micro).scaleb(-6, _EXACT), price)


def bands(tariff: Tariff, calendar: WorkCalendar, start_ms: Int) -> NDArray[np.int8]:
    """The band of each quarter-hour, an index into BANDS, by the site's own clock at its start."""
    local = local_time(start_ms, calendar.zone)
    found = np.full(len(start_ms), BANDS.index(Band.FLAT), np.int8)
    open_ = np.ones(len(start_ms), np.bool_)
    for season in tariff.seasons:
        months = np.isin(local.month % 12 + 1, sorted(season.months))
        mine = open_ & months & of_kind(calendar, local.day, season.days)
        open_ &= ~mine
        for hours in season.hours:
            found[mine & in_hours(local.minute, hours.start, hours.end)] = BANDS.index(hours.band)
    return found


def cost(tariff: Tariff, calendar: WorkCalendar, start_ms: Int, bought: Flow, sold: Flow | None = None) -> Cost:
    """What the electricity bought over a grid of quarter-hours costs [1e-6 kWh -> currency]."""
    local = local_time(start_ms, calendar.zone)
    names = bands(tariff, calendar, start_ms)
    price_of = _price_numbers(tariff, local)
    lines = tuple(_lines(tariff, local, names, price_of, bought))
    faults = tuple(_faults(lines))
    return Cost(
        tariff.currency, lines, tuple(_demands(tariff, local, start_ms, bought)),
        None if sold is None else _earned(tariff, price_of, sold), tariff.status, tariff.document, faults,
    )  # fmt: skip


def _price_numbers(tariff: Tariff, local: LocalTime) -> NDArray[np.int64]:
    """Per quarter-hour, the index of the prices in force; −1 for none."""
    days, index = np.unique(local.day, return_inverse=True)
    held = [tariff.prices_on(day_of(int(day))) for day in days]
    numbers = np.array([-1 if p is None else tariff.prices.index(p) for p in held], np.int64)
    return numbers[index] if len(days) else np.zeros(0, np.int64)


def _lines(
    tariff: Tariff, local: LocalTime, names: NDArray[np.int8], price_of: NDArray[np.int64], bought: Flow
) -> Iterator[Line]:
    keys = np.stack([local.month, price_of, names.astype(np.int64)])
    for month, number, name in np.unique(keys, axis=1).T.tolist():
        mine = (local.month == month) & (price_of == number) & (names == name)
        micro, lacking = int(bought.energy[mine].sum()), int(np.count_nonzero(~bought.known[mine]))
        price = tariff.prices[number].energy.get(BANDS[name]) if number >= 0 else None
        yield Line(_month(month), BANDS[name], micro, price, None if price is None else times(micro, price), lacking)


def _month(number: int) -> str:
    return f"{1970 + number // 12:04}-{number % 12 + 1:02}"


def _faults(lines: Sequence[Line]) -> Iterator[Sentence]:
    for line in lines:
        if line.price is None:
            yield Sentence(
                f"{line.month} {line.band}：没有有效电价。", f"{line.month} {line.band}: no price is in force."
            )
        if line.lacking:
            yield Sentence(
                f"{line.month} {line.band}：{line.lacking}个15分钟电量未知，未计费。",
                f"{line.month} {line.band}: {line.lacking} quarter-hours are not known and not charged.",
            )


def _demands(tariff: Tariff, local: LocalTime, start_ms: Int, bought: Flow) -> Iterator[Demand]:
    """The highest quarter-hour of each local month; one that lacks readings cannot be it."""
    for month in np.unique(local.month).tolist():
        mine = np.flatnonzero((local.month == month) & bought.known)
        if not len(mine):
            continue
        top = int(mine[np.argmax(bought.energy[mine])])
        peak = Decimal(int(bought.energy[top]) * 4).scaleb(-6, _EXACT)
        prices = tariff.prices_on(day_of(int(local.day[mine[-1]])))
        price = prices.demand if prices else None
        fixed = prices.capacity if prices else None
        yield Demand(
            _month(month), peak, int(start_ms[top]), price, None if price is None else _EXACT.multiply(peak, price),
            None if fixed is None else _EXACT.multiply(tariff.capacity_kva, fixed),
        )  # fmt: skip


def _earned(tariff: Tariff, price_of: NDArray[np.int64], sold: Flow) -> Decimal | None:
    """What is paid for what was fed in."""
    if all(p.export is None for p in tariff.prices):
        return None
    given = ((p.export, int(sold.energy[price_of == n].sum())) for n, p in enumerate(tariff.prices))
    return add(times(micro, price) for price, micro in given if price is not None)


def rolling_peak(time_ms: Int, micro: Int, window_ms: int = QUARTER_MS) -> tuple[float, int] | None:
    """The highest mean power over any window between register readings [kW], and when it ends [ms UTC].

    Between readings the register runs straight, so the highest window begins or ends at a reading.
    """
    if len(time_ms) < 2 or time_ms[-1] - time_ms[0] < window_ms:
        return None
    ends = np.unique(np.concatenate([time_ms, time_ms + window_ms]))
    ends = ends[(ends >= time_ms[0] + window_ms) & (ends <= time_ms[-1])]
    rising = (micro - micro[0]).astype(np.float64)
    moved = np.interp(ends, time_ms, rising) - np.interp(ends - window_ms, time_ms, rising)
    top = int(np.argmax(moved))
    return float(moved[top]) / 10**6 * 3_600_000 / window_ms, int(ends[top])


@dataclass(frozen=True, slots=True)
class PeakWatch:
    """Whether the running quarter-hour is about to become the month's peak, or to pass the limit [kW]."""

    expected_kw: float
    month_peak_kw: float
    limit_kw: float | None

    @property
    def new_peak(self) -> bool:
        """It would set the demand charge."""
        return self.expected_kw > self.month_peak_kw

    @property
    def over_limit(self) -> bool:
        """It would pass the declared limit."""
        return self.limit_kw is not None and self.expected_kw > self.limit_kw


def peak_watch(
    tariff: Tariff, start_ms: Int, bought: Flow, now_ms: int, power_kw: float, month_peak_kw: float
) -> PeakWatch:
    """What the running quarter-hour ends at if the power stays as it is."""
    begun = now_ms // QUARTER_MS * QUARTER_MS
    running = np.flatnonzero(start_ms == begun)
    known = len(running) and not bought.flags[running[0]] & Flag.MISSING
    used = int(bought.energy[running[0]]) / 10**6 if known else power_kw * (now_ms - begun) / 3_600_000
    left = (begun + QUARTER_MS - now_ms) / 3_600_000
    limit = None if tariff.demand_limit_kw is None else float(tariff.demand_limit_kw)
    return PeakWatch((used + max(power_kw, 0.0) * left) * 4, month_peak_kw, limit)
