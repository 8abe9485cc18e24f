"""Register readings -> segments: rollover added, declared exchanges honoured, glitches set aside, doubt left open."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from metering.reading import MICRO, Columns, Quality, SeriesInfo

Int = NDArray[np.int64]
Mask = NDArray[np.bool_]

HEADROOM = Fraction(12, 10)  # a load may exceed its rated power by this much before a jump is doubted (reliability M1)
LOOK_AHEAD = 4  # readings in which a dip or spike must heal to count as a glitch
NEAR_END = Fraction(95, 100)  # without a rated power, a rollover is believed only this near the register's end


@dataclass(frozen=True, slots=True)
class Exchange:
    """A declared change of meter: what the old one showed last, what the new one showed first [micro]."""

    time_ms: int
    final_micro: int
    start_micro: int
    entry: str = ""


@dataclass(frozen=True, slots=True)
class OpenItem:
    """Energy between two readings that no register can tell: shown with both, never guessed."""

    kind: str  # "fall" | "jump" | "glitch"
    before_ms: int
    before_micro: int
    after_ms: int
    after_micro: int
    provisional: bool  # too few readings since to be sure


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of readings on one register; `value` has rollovers added, so its differences are energy [micro]."""

    time_ms: Int
    value: Int

    @property
    def energy_micro(self) -> int:
        """Last minus first [micro]."""
        return int(self.value[-1]) - int(self.value[0])


@dataclass(frozen=True, slots=True)
class Segments:
    """A series cut into segments, and what stayed open between them."""

    segments: tuple[Segment, ...]
    open_items: tuple[OpenItem, ...]
    set_aside: Int = field(default_factory=lambda: np.empty(0, np.int64))  # times of glitches [ms UTC]


class _Limits:
    """What a register may plausibly do between two readings."""

    def __init__(self, infos: Sequence[SeriesInfo]) -> None:
        self._infos = sorted(infos, key=lambda info: info.valid_from_ms)

    def info(self, time_ms: int) -> SeriesInfo | None:
        """What held at an instant; before the first note, the first."""
        found = [info for info in self._infos if info.valid_from_ms <= time_ms]
        return found[-1] if found else (self._infos[0] if self._infos else None)

    def ratings(self, times: Int) -> NDArray[np.float64]:
        """The rated power at each instant [kW]; infinite where none is known."""
        if not self._infos:
            return np.full(len(times), np.inf)
        rated = np.array([np.inf if i.rated_power_kw is None else i.rated_power_kw for i in self._infos])
        index = np.searchsorted([i.valid_from_ms for i in self._infos], times, side="right") - 1
        return np.asarray(rated[np.maximum(index, 0)], np.float64)

    def modulus(self, time_ms: int) -> int | None:
        """[micro]."""
        info = self.info(time_ms)
        return None if info is None or info.modulus is None else int(info.modulus * MICRO)

    def slack(self, time_ms: int, value: int) -> int:
        """The register's step at a value [micro], rounded up."""
        info = self.info(time_ms)
        return 0 if info is None else -int(-info.step(value) * MICRO // 1)

    def most(self, before_ms: int, after_ms: int, value: int) -> int | None:
        """The most a register of energy can rise between two instants [micro]; None where no rating is known."""
        info = self.info(after_ms)
        if info is None or info.rated_power_kw is None or not info.quantity.startswith("active_energy"):
            return None
        hours = Fraction(after_ms - before_ms, 3_600_000)
        rated = Fraction(info.rated_power_kw) * HEADROOM * hours * MICRO
        return int(rated) + 2 * self.slack(after_ms, value) + 1


def segments(readings: Columns, infos: Sequence[SeriesInfo], exchanges: Sequence[Exchange] = ()) -> Segments:
    """Cut one series of register readings [micro] into segments within which differences are energy."""
    keep = readings.quality != Quality.INVALID
    times, values = readings.time_ms[keep].astype(np.int64), readings.value[keep].astype(np.int64)
    if len(times) == 0:
        return Segments((), ())
    limits = _Limits(infos)
    cutter = _Cutter(times, values, limits, sorted(exchanges, key=lambda e: e.time_ms))
    cutter.run()
    return Segments(tuple(cutter.done), tuple(cutter.items), np.array(cutter.aside, np.int64))


class _Cutter:
    """Walks the doubtful places only; everything between them is taken as it stands."""

    def __init__(self, times: Int, values: Int, limits: _Limits, exchanges: Sequence[Exchange]) -> None:
        self.times, self.values, self.limits, self.exchanges = times, values, limits, exchanges
        self.offset = np.zeros(len(times), np.int64)
        self.good = np.ones(len(times), bool)
        self.done: list[Segment] = []
        self.items: list[OpenItem] = []
        self.aside: list[int] = []
        self.start = 0
        self.opening: tuple[int, int] | None = None  # declared start of the running segment

    def run(self) -> None:
        """Find the doubtful places and settle each."""
        skip_to = 0
        for index in np.flatnonzero(self._doubtful()):
            if index >= skip_to:
                skip_to = self._settle(int(index))
        self._finish(len(self.times), None)

    def _doubtful(self) -> Mask:
        """Pairs (i, i+1) that fall, rise more than the rating allows, or hold a declared exchange between them."""
        rise = np.diff(self.values)
        doubtful = rise < 0
        # a cheap float screen, generous by one part in a thousand; the exact test follows on the few that remain
        hours = np.diff(self.times) / 3_600_000
        doubtful |= rise > self.limits.ratings(self.times[1:]) * float(HEADROOM) * hours * MICRO * 0.999
        for exchange in self.exchanges:
            index = int(np.searchsorted(self.times, exchange.time_ms, side="right")) - 1
            if 0 <= index < len(doubtful):
                doubtful[index] = True
        return np.asarray(doubtful, bool)

    def _settle(self, index: int) -> int:
        """Judge the pair (index, index + 1); the first index that may be doubted next."""
        exchange = self._exchange(index)
        if exchange is not None:
            self._finish(index + 1, (exchange.time_ms, exchange.final_micro))
            self.start, self.opening = index + 1, (exchange.time_ms, exchange.start_micro)
            return index + 1
        if self._is_plausible(index, index + 1):
            return index + 1
        if self._is_rollover(index):
            self.offset[index + 1 :] += self.limits.modulus(int(self.times[index + 1])) or 0
            return index + 1
        healed = self._heals(index)
        if healed is not None:
            self.good[index + 1 : healed] = False
            self.aside += self.times[index + 1 : healed].tolist()
            return healed
        self._leave_open(index)
        return index + 1

    def _exchange(self, index: int) -> Exchange | None:
        for exchange in self.exchanges:
            if self.times[index] <= exchange.time_ms < self.times[index + 1]:
                return exchange
        return None

    def _is_plausible(self, i: int, j: int) -> bool:
        before_ms, after_ms = int(self.times[i]), int(self.times[j])
        rise = int(self.values[j]) - int(self.values[i])
        most = self.limits.most(before_ms, after_ms, int(self.values[j]))
        return -self.limits.slack(after_ms, int(self.values[i])) <= rise and (most is None or rise <= most)

    def _is_rollover(self, i: int) -> bool:
        before_ms, after_ms = int(self.times[i]), int(self.times[i + 1])
        modulus = self.limits.modulus(after_ms)
        rise = int(self.values[i + 1]) - int(self.values[i])
        if modulus is None or rise >= 0:
            return False
        most = self.limits.most(before_ms, after_ms, modulus)
        if most is not None:
            return rise + modulus <= most
        return bool(self.values[i] >= NEAR_END * modulus and self.values[i + 1] <= (1 - NEAR_END) * modulus)

    def _heals(self, i: int) -> int | None:
        """The index at which a dip or spike is over and the register goes on from reading i; None if it never is.

        Where the rating also allows the register to have run on from i + 1 (a reset near zero), both stories fit:
        that is doubt, not a glitch.
        """
        for j in range(i + 2, min(i + 2 + LOOK_AHEAD, len(self.times))):
            if self._is_plausible(i, j):
                return None if self._is_rated(j) and self._is_plausible(i + 1, j) else j
        return None

    def _is_rated(self, j: int) -> bool:
        time_ms = int(self.times[j])
        return self.limits.most(time_ms, time_ms, int(self.values[j])) is not None

    def _leave_open(self, i: int) -> None:
        kind = "fall" if self.values[i + 1] < self.values[i] else "jump"
        before, after = (int(self.times[i]), int(self.values[i])), (int(self.times[i + 1]), int(self.values[i + 1]))
        self.items.append(OpenItem(kind, *before, *after, provisional=len(self.times) - i - 1 <= LOOK_AHEAD))
        self._finish(i + 1, None)
        self.start, self.opening = i + 1, None

    def _finish(self, end: int, closing: tuple[int, int] | None) -> None:
        """Close the running segment before index `end`, with a declared final reading if there is one."""
        good = self.good[self.start : end]
        times = self.times[self.start : end][good]
        values = (self.values + self.offset)[self.start : end][good]
        if self.opening is not None:
            first = self.opening[1] + int(self.offset[self.start])
            times, values = np.insert(times, 0, self.opening[0]), np.insert(values, 0, first)
        if closing is not None and len(values):
            # the declared final reading is of the bare register: the rollovers so far belong to it too
            final = closing[1] + int(self.offset[end - 1])
            times, values = np.append(times, closing[0]), np.append(values, final)
        if len(times):
            self.done.append(Segment(times, values))
