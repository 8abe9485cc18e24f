"""What a register may plausibly do between two readings: its step and end, the rated power, the integrated power."""

from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from analytics.verdicts import Evidence
from metering.period import QUARTER_MS
from metering.quantity import QUANTITIES
from metering.reading import FLOATS, MICRO, NEVER, Columns, Quality, SeriesInfo, float_step

Int = NDArray[np.int64]
Mask = NDArray[np.bool_]

HEADROOM = Fraction(12, 10)  # a load may exceed its rated power by this much before a jump is doubted (reliability M1)
POWER_FACTOR = 2  # sampled power is weak evidence: it refutes only what is off by more than this
POWER_STEPS = 100  # and by more than this many register steps
STUCK_STEPS = 10  # a register that stood has to have missed more than this many of its steps
LOOK_AHEAD = 20  # readings in which a dip or spike must heal to count as a glitch
NEAR_END = 95  # [%] without a bound, a rollover is believed only this near the register's end
BURST, BURST_STEPS = 1000, 100_000  # without a bound: a rise so many times its neighbours', and so many steps
NEAR_MS, SAMPLES = 300_000, 8  # power readings further apart, or fewer in a pair, are no integral of a factory's load
COVERED = Fraction(9, 10)  # power readings count where they cover this much of the time


class Power:
    """Power readings [kW] of the same point, integrated in integers, so that any window gives the same energy."""

    def __init__(self, readings: Columns, sign: int) -> None:
        keep = readings.quality != Quality.INVALID
        self._times = readings.time_ms[keep].astype(np.int64)
        micro = np.rint(readings.value[keep].astype(np.float64) * MICRO).astype(np.int64)  # as a bundle keeps them
        watts = np.maximum((sign * micro + 500) // 1000, 0)
        self._watts = watts
        gap = np.diff(self._times)
        near = gap <= NEAR_MS  # further apart, nothing is known between
        self._twice = np.concatenate(([0], np.cumsum(np.where(near, (watts[1:] + watts[:-1]) * gap, 0))))
        self._covered = np.concatenate(([0], np.cumsum(np.where(near, gap, 0))))

    def energy(self, before_ms: int, after_ms: int) -> int | None:
        """Energy over [before, after) [micro kWh]; None where too little of it is covered."""
        if len(self._times) < 2 or after_ms <= before_ms:
            return None
        low, high = np.searchsorted(self._times, (before_ms, after_ms), side="right") - 1
        low, high = max(int(low), 0), max(int(high), 0)
        if high - low < SAMPLES:
            return None
        covered = int(self._covered[high] - self._covered[low])
        if covered < COVERED * (after_ms - before_ms):
            return None
        # twice W x ms over [micro kWh]: / 2 / 3.6e9 x 1e6
        told = Fraction(int(self._twice[high] - self._twice[low]), 7200)
        return int(told * (after_ms - before_ms) / covered)

    def floor(self, before_ms: int, after_ms: int) -> int:
        """What the lowest of the power readings over [before, after] makes of that time [micro kWh]."""
        low, high = np.searchsorted(self._times, (before_ms, after_ms), side="right") - 1
        near = self._watts[max(int(low), 0) : int(high) + 1]
        return int(near.min()) * (after_ms - before_ms) // 3600 if len(near) else 0  # W x ms / 3.6e9 x 1e6

    def energies(self, times: Int) -> Int:
        """The same for each pair of neighbouring instants; -1 where nothing is known."""
        index = np.maximum(np.searchsorted(self._times, times, side="right") - 1, 0)
        if len(self._times) < 2:
            return np.full(max(len(times) - 1, 0), -1, np.int64)
        covered, gap = np.diff(self._covered[index]), np.diff(times)
        known = covered >= float(COVERED) * gap
        told = np.diff(self._twice[index]) / 7200 * gap / np.where(covered > 0, covered, 1)
        return np.where(known, told, -1).astype(np.int64)


class Limits:
    """What a register may plausibly do between two readings."""

    def __init__(self, infos: Sequence[SeriesInfo], power: Columns | None = None) -> None:
        self._infos = sorted(infos, key=lambda info: info.valid_from_ms)
        self._since = [info.valid_from_ms for info in self._infos]
        name = self._infos[0].quantity if self._infos else ""
        self.is_energy = name.startswith("active_energy")
        given = power is not None and self.is_energy
        self.power = Power(power, -1 if "_export" in name else 1) if given and power is not None else None
        self.unit = QUANTITIES[name].unit if name in QUANTITIES else ""

        self._fixed = [None if i.data_type in FLOATS else -int(-i.step(0) * MICRO // 1) for i in self._infos]

    def info(self, time_ms: int) -> SeriesInfo | None:
        """What held at an instant; before the first note, the first."""
        return self._infos[self._number(time_ms)] if self._infos else None

    def _number(self, time_ms: int) -> int:
        return max(bisect_right(self._since, time_ms) - 1, 0)

    def modulus(self, time_ms: int) -> int | None:
        """[micro]."""
        info = self.info(time_ms)
        return None if info is None or info.modulus is None else int(info.modulus * MICRO)

    def slack(self, time_ms: int, value: int) -> int:
        """The register's step at a value [micro], rounded up."""
        if not self._infos:
            return 0
        number = self._number(time_ms)
        fixed = self._fixed[number]
        return -int(-self._infos[number].step(value) * MICRO // 1) if fixed is None else fixed

    def slacks(self, times: Int, values: Int) -> Int:
        """The same for many readings; where a float's exponent is in doubt the smaller step, so that screens hold."""
        found, index = np.zeros(len(times), np.int64), self._index(times)
        for number, (info, fixed) in enumerate(zip(self._infos, self._fixed, strict=True)):
            here = index == number
            if here.any():
                found[here] = _ulps(info, values[here]) if fixed is None else fixed
        return found

    def rated_kw(self, time_ms: int) -> float | None:
        """The rated power that bounds this register [kW]; None where none is known."""
        info = self.info(time_ms)
        return None if info is None or not self.is_energy else info.rated_power_kw

    def ratings(self, times: Int) -> NDArray[np.float64]:
        """The rated power at each instant [kW]; infinite where nothing bounds the register."""
        return self._held(times, [i.rated_power_kw if self.is_energy else None for i in self._infos])

    def moduli(self, times: Int) -> NDArray[np.float64]:
        """The end of the register at each instant [micro], rounded; infinite where it has none."""
        return self._held(times, [None if i.modulus is None else float(i.modulus * MICRO) for i in self._infos])

    def _held(self, times: Int, of_each: Sequence[float | None]) -> NDArray[np.float64]:
        if not of_each:
            return np.full(len(times), np.inf)
        return np.array([np.inf if one is None else one for one in of_each], np.float64)[self._index(times)]

    def _index(self, times: Int) -> Int:
        """Which note holds at each instant; before the first, the first."""
        return np.maximum(np.searchsorted(self._since, times, side="right") - 1, 0)

    def most_by_rating(self, times: Int) -> NDArray[np.float64]:
        """The most that the rated power lets the register rise between neighbouring instants [micro], in floats."""
        return self.ratings(times[1:]) * float(HEADROOM) * (np.diff(times) / 3_600_000) * MICRO

    def least_excess(self, times: Int, values: Int) -> Int:
        """Rises up to this are within the steps that power readings leave room for, whatever they are [micro]."""
        return POWER_STEPS * self.slacks(times[1:], values[1:])

    def told(self, before_ms: int, after_ms: int) -> int | None:
        """What the power readings add up to [micro]; None without, or where they are above what the rating allows.

        Readings that the rating refutes have a wrong scale or are of something else: they are no evidence.
        """
        told = None if self.power is None else self.power.energy(before_ms, after_ms)
        rated = self.rated_kw(after_ms)
        if told is None or rated is None:
            return told
        return told if told <= Fraction(rated) * HEADROOM * (after_ms - before_ms) * MICRO / 3_600_000 else None

    def most(self, before_ms: int, after_ms: int, value: int) -> int | None:
        """The most the register can rise between two instants [micro]; None where nothing bounds it.

        Readings closer together than their cadence may be messages that were held up: each tells of a whole cadence.
        """
        rated, step = self.rated_kw(after_ms), self.slack(after_ms, value)
        by_rating = None
        if rated is not None:
            hours = Fraction(max(after_ms - before_ms, self._cadence_ms(after_ms)), 3_600_000)
            by_rating = int(Fraction(rated) * HEADROOM * hours * MICRO) + 2 * step + 1
        if not self._is_long(before_ms, after_ms):
            return by_rating  # in everyday pairs a wrong power scale must not refute the counter
        told = self.told(before_ms, after_ms)
        by_power = None if told is None else self.by_power(told, step)
        return min((x for x in (by_rating, by_power) if x is not None), default=None)

    @staticmethod
    def by_power(told: int, step: int) -> int:
        """The most that power readings which add up to `told` leave room for [micro]."""
        return POWER_FACTOR * told + POWER_STEPS * step + 1

    def least(self, before_ms: int, after_ms: int, value: int) -> int:
        """The least that the power readings let it rise [micro]; 0 without them."""
        told = self.told(before_ms, after_ms)
        return 0 if told is None else max(told // POWER_FACTOR - POWER_STEPS * self.slack(after_ms, value), 0)

    def turns(self, before_ms: int, before: int, after_ms: int, after: int) -> list[int]:
        """How often the register may have passed its end between two readings, by all that is known; two suffice."""
        modulus, rise, slack = self.modulus(after_ms), after - before, self.slack(before_ms, before)
        if modulus is None or -slack <= rise < 0:
            return []
        most = self.most(before_ms, after_ms, modulus)
        if most is None:
            near = before * 100 >= NEAR_END * modulus and after * 100 <= (100 - NEAR_END) * modulus
            return [1] if near else []
        first, told = 0 if rise >= 0 else 1, self.told(before_ms, after_ms)
        if told is not None:
            nearest = max(first, (2 * (told - rise) + modulus) // (2 * modulus))
            if abs(rise + nearest * modulus - told) * 10 <= told and 5 * modulus > told:
                return [nearest]  # the turn before and the next would be off by more than a tenth
            most = min(most, self.by_power(told, slack))
        least = self.least(before_ms, after_ms, modulus)
        return [n for n in range(first, first + 3) if least <= rise + n * modulus <= most][:2]

    def _cadence_ms(self, time_ms: int) -> int:
        info = self.info(time_ms)
        return 0 if info is None else info.cadence_ms

    def _is_long(self, before_ms: int, after_ms: int) -> bool:
        info = self.info(after_ms)
        return info is None or after_ms - before_ms > max(2 * info.cadence_ms, 5000)

    def long(self, times: Int) -> Mask:
        """Pairs of neighbouring readings further apart than twice the cadence, at least 5 s."""
        if not self._infos:
            return np.ones(max(len(times) - 1, 0), bool)
        longest = np.array([max(2 * info.cadence_ms, 5000) for info in self._infos], np.int64)
        return np.asarray(np.diff(times) > longest[self._index(times[1:])], np.bool_)

    def may_have_stuck(self, times: Int, values: Int) -> Mask:
        """Pairs that repeat one value a quarter-hour long, or over a long gap, and whose rating allows ten steps more.

        Power readings refute no others: whatever they say, a pair is judged alike whoever looks at how much of it.
        """
        rest = _rested(times, values, QUARTER_MS) | ((np.diff(values) == 0) & self.long(times))
        found, most = np.zeros(len(rest), bool), self.most_by_rating(times)
        at = np.flatnonzero(rest & np.isfinite(most))
        found[at] = most[at] > STUCK_STEPS * self.slacks(times[at + 1], values[at])
        return found

    def stuck(self, times: Int, values: Int) -> Mask:
        """Readings that repeat the one before although the power readings say that energy flowed all the while.

        Without a rated power nothing vouches for the scale of the power readings: then they do not refute a register.
        """
        same = np.zeros(len(times), bool)
        if self.power is None or len(times) < 2:
            return same
        told = self.power.energies(times)
        may = self.may_have_stuck(times, values) & (told > 0) & (told <= self.most_by_rating(times))
        for index in np.flatnonzero(may).tolist():
            least = STUCK_STEPS * self.slack(int(times[index + 1]), int(values[index]))
            same[index + 1] = told[index] > least and self.power.floor(int(times[index]), int(times[index + 1])) > least
        return same

    def bursts(self, times: Int, values: Int) -> Mask:
        """Rises beyond all proportion to their neighbours, where nothing else bounds the register."""
        rise = np.diff(values)
        rate = np.pad(np.maximum(rise, 0) / np.maximum(np.diff(times), 1), LOOK_AHEAD)
        near = [rate[LOOK_AHEAD + by : len(rate) - LOOK_AHEAD + by] for by in range(-LOOK_AHEAD, LOOK_AHEAD + 1) if by]
        found = (rise > 0) & (rate[LOOK_AHEAD:-LOOK_AHEAD] > BURST * np.max(near, axis=0, initial=0))
        found &= np.isinf(self.ratings(times[1:]))
        found[:2] = found[-2:] = False  # too few neighbours to tell
        for index in np.flatnonzero(found):
            step = self.slack(int(times[index + 1]), int(values[index + 1]))
            found[index] = step > 0 and rise[index] > BURST_STEPS * step
        return np.asarray(found, bool)

    def evidence(self, before_ms: int, after_ms: int, energy: int | None = None) -> Evidence:
        """What a verdict on two readings rests on."""
        rated = self.rated_kw(after_ms) is not None
        return Evidence(self.unit, self.modulus(after_ms), energy, self.told(before_ms, after_ms), rated)


def _rested(times: Int, values: Int, least_ms: int) -> Mask:
    """Pairs that belong to a run of one value of a length or longer."""
    rise = np.diff(values)
    moved = np.flatnonzero(np.concatenate(([True], rise != 0, [True])))  # where runs of equal values begin
    length = times[moved[1:] - 1] - times[moved[:-1]]
    return np.asarray((rise == 0) & np.repeat(length >= least_ms, np.diff(moved))[:-1], np.bool_)


def _ulps(info: SeriesInfo, values: Int) -> Int:
    """Steps of a float register [micro], one power of two at a time."""
    raw = np.abs(values / MICRO / float(info.scale)) * (1 - 1e-9)  # the division may round up to the next power
    exponent = np.where(raw > 0, np.frexp(raw)[1], -NEVER)
    kinds, index = np.unique(exponent, return_inverse=True)
    steps = [-int(-float_step(info.data_type, abs(info.scale), int(one)) * MICRO // 1) for one in kinds]
    return np.array(steps, np.int64)[index]
