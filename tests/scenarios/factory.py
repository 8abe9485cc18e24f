"""A main meter whose energy is known, what its register showed, and how far a settlement is from the truth."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from analytics.intervals import Flag, Settlement, settle
from analytics.segments import Exchange
from metering.period import QUARTER_MS
from metering.reading import MICRO, Columns, Quality, SeriesInfo

MINUTE = 60_000
START = 1_762_704_000_000  # Monday 2025-11-10 00:00 in Shanghai is 16:00 UTC the day before; here Monday 00:00 +08:00
STEP = 10_000  # the register shows 0.01 kWh [micro]
HOUR = 60  # [readings]
FLAGGED = Flag.PLACED | Flag.BREAK | Flag.JUDGED | Flag.PARTIAL | Flag.STUCK


def kwh(value: float) -> int:
    """[kWh] -> [micro], to the register's step."""
    return round(value * 100) * STEP


def load_kw(minute: int) -> int:
    """90 kW at night, 500 kW on two shifts (06:00-22:00) of Monday to Saturday: 7 days are about 46 000 kWh."""
    day, hour = divmod(minute // HOUR, 24)
    return 90 + (320 if 6 <= hour < 22 and day % 7 < 6 else 0)


@dataclass(frozen=True)
class Meter:
    """True energy since the start, and what was read, minute by minute."""

    time_ms: np.ndarray
    true: np.ndarray  # [micro], on the register's step
    shown: np.ndarray  # [micro]
    quality: np.ndarray
    power: np.ndarray  # [kW]

    @staticmethod
    def running(days: float = 1, first: float = 480_000, load: Callable[[int], float] = load_kw) -> "Meter":
        """A sound meter that shows `first` [kWh] at the start."""
        minutes = np.arange(int(days * 24 * HOUR) + 1)
        power = np.array([load(int(m)) for m in minutes], float)
        exact = np.concatenate(([0], np.cumsum(power[:-1]) / 60))
        true = np.floor(exact * 100 + 1e-6).astype(np.int64) * STEP
        none = np.zeros(len(minutes), np.uint8)
        return Meter(START + minutes * MINUTE, true, true + kwh(first), none, power)

    def shows(self, start: int, end: int, value: "float | np.ndarray") -> "Meter":
        """Readings start..end-1 show something else: a value [kWh], or the true energy since `start` plus offset."""
        shown = self.shown.copy()
        shown[start:end] = kwh(value) if isinstance(value, int | float) else value[start:end]
        return replace(self, shown=shown)

    def moved(self, start: int, by: float, end: int | None = None) -> "Meter":
        """From a reading on, the register shows so much more [kWh]."""
        shown = self.shown.copy()
        shown[start:end] += kwh(by)
        return replace(self, shown=shown)

    def swapped(self, start: int, first: float) -> "Meter":
        """From a reading on, another register counts on from `first` [kWh]."""
        return self.moved(start, first - self.shown[start] / MICRO)

    def turning(self, end: float) -> "Meter":
        """A register that begins again at 0 past its end [kWh]."""
        return replace(self, shown=self.shown % kwh(end))

    def without(self, start: int, end: int) -> "Meter":
        """Readings start..end-1 never came."""
        keep = np.ones(len(self.time_ms), bool)
        keep[start:end] = False
        cut = (self.time_ms, self.true, self.shown, self.quality)
        time_ms, true, shown, quality = (part[keep] for part in cut)
        return Meter(time_ms, true, shown, quality, self.power)

    def held(self, start: int, end: int) -> "Meter":
        """Messages start..end-1 came together, 50 ms apart, when the last of them was due."""
        time_ms = self.time_ms.copy()
        time_ms[start:end] = time_ms[end - 1] + np.arange(end - start) * 50
        return replace(self, time_ms=time_ms)

    def every(self, minutes: int) -> "Meter":
        """Only every n-th reading."""
        cut = slice(None, None, minutes)
        return Meter(self.time_ms[cut], self.true[cut], self.shown[cut], self.quality[cut], self.power)

    def invalid(self, start: int, end: int) -> "Meter":
        """Readings that the collector could not represent, or knew for a sentinel."""
        quality, shown = self.quality.copy(), self.shown.copy()
        quality[start:end], shown[start:end] = Quality.INVALID, 0
        return replace(self, quality=quality, shown=shown)

    @property
    def columns(self) -> Columns:
        """As analytics reads it."""
        return Columns(self.time_ms, self.shown, self.quality)


@dataclass(frozen=True)
class Scenario:
    """What happened, what was read, and what must come out of it."""

    id: str
    story: str
    meter: Meter
    verdicts: tuple[str, ...] = ()  # in order
    opens: tuple[tuple[str, float, float], ...] = ()  # kind, reading before and after [kWh]
    affected: tuple[int, int] | None = None  # minutes: each quarter-hour in it must be flagged or absent
    peers: tuple[str, ...] = ()
    rated_kw: float | None = 500.0
    modulus: float | None = None
    with_power: bool = False
    exchanges: tuple[Exchange, ...] = ()
    note: str = ""
    minutes: int = 1  # cadence
    data_type: str = "uint32"
    placed: bool = False  # some energy must be marked as placed
    many: frozenset[str] | None = None  # in place of `verdicts`: any number of these

    def infos(self) -> list[SeriesInfo]:
        """What is known of the register."""
        modulus = None if self.modulus is None else Fraction(self.modulus)
        return [
            SeriesInfo(
                "main", "active_energy_import", 0, "meter", "made-up", "h", "", self.data_type, Fraction(1, 100),
                modulus, Fraction(1), self.rated_kw, self.minutes * MINUTE, "0.5S",
            )
        ]  # fmt: skip

    def power(self) -> Columns | None:
        """The power readings of the point, one a minute, if it has them [kW]."""
        if not self.with_power:
            return None
        power = self.meter.power
        times = START + np.arange(len(power)) * MINUTE
        return Columns(times, power, np.zeros(len(power), np.uint8))

    def settled(self) -> Settlement:
        """What the product makes of it."""
        return settle(self.meter.columns, self.infos(), self.exchanges, self.power())


@dataclass(frozen=True)
class Outcome:
    """How far a settlement is from the truth [micro]."""

    error: int  # inside segments
    open_energy: int  # true energy between the readings of open items
    unflagged_wrong: int  # quarter-hours without any flag that differ from the truth


def outcome(scenario: Scenario, found: Settlement) -> Outcome:
    """Segments, intervals and what stays open, against the truth."""
    meter = scenario.meter
    true_at = dict(zip(meter.time_ms.tolist(), meter.true.tolist(), strict=True))
    ends = [(int(one.time_ms[0]), int(one.time_ms[-1])) for one in found.segments]
    if scenario.exchanges:
        ends = [(ends[0][0], ends[-1][1])]
    told = int(found.intervals.energy.sum()) + int(found.tail.energy.sum())
    true = sum(true_at[b] - true_at[a] for a, b in ends)
    between = sum(true_at[item.after_ms] - true_at[item.before_ms] for item in found.open_items)
    return Outcome(told - true, between, sum(1 for _ in _wrong(found, true_at)))


def _wrong(found: Settlement, true_at: dict[int, int]) -> Iterator[int]:
    rows = zip(
        *(c.tolist() for c in (found.intervals.start_ms, found.intervals.energy, found.intervals.flags)), strict=True
    )
    for start, energy, flags in rows:
        end = start + QUARTER_MS
        if not flags and start in true_at and end in true_at and energy != true_at[end] - true_at[start]:
            yield start


def unmarked(scenario: Scenario, found: Settlement) -> list[int]:
    """Quarter-hours that the event touched and that carry energy without a flag [minutes since the start]."""
    if scenario.affected is None:
        return []
    low, high = (START + minute * MINUTE for minute in scenario.affected)
    cut = found.intervals.within(low // QUARTER_MS * QUARTER_MS, high)
    return [(int(s) - START) // MINUTE for s, f in zip(cut.start_ms, cut.flags, strict=True) if not f & FLAGGED]
