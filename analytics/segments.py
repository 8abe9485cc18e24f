"""Register readings -> segments: rollover added, declared exchanges honoured, glitches set aside, doubt left open."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from analytics.limits import BURST, LOOK_AHEAD, POWER_FACTOR, Limits
from analytics.terms import Sentence
from analytics.verdicts import Judged, Verdict, explain
from metering.reading import Columns, Quality, SeriesInfo

__all__ = ["LOOK_AHEAD", "Exchange", "OpenItem", "Segment", "Segments", "segments"]

Int = NDArray[np.int64]
Mask = NDArray[np.bool_]

SMALL_STEPS = 32  # a fall of no more steps than this that heals is a dip
TEN_YEARS_MS = 3653 * 86_400_000


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

    kind: str  # "fall" | "jump" | "stuck" | "clock"
    before_ms: int
    before_micro: int
    after_ms: int
    after_micro: int
    provisional: bool  # too few readings since to be sure
    verdict: str = ""  # analytics.verdicts.Verdict
    why: Sentence = field(default_factory=lambda: Sentence("", ""))


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
    """A series cut into segments, what stayed open between them, and what was judged on the way."""

    segments: tuple[Segment, ...]
    open_items: tuple[OpenItem, ...]
    set_aside: Int = field(default_factory=lambda: np.empty(0, np.int64))  # times of glitches [ms UTC]
    judged: tuple[Judged, ...] = ()


def segments(
    readings: Columns, infos: Sequence[SeriesInfo], exchanges: Sequence[Exchange] = (), power: Columns | None = None
) -> Segments:
    """Cut one series of register readings [micro] into segments within which differences are energy.

    `power` are power readings of the same point [kW]; they weigh where the register leaves doubt.
    """
    keep = readings.quality != Quality.INVALID
    times, values = readings.time_ms[keep].astype(np.int64), readings.value[keep].astype(np.int64)
    if len(times) == 0:
        return Segments((), ())
    limits = Limits(infos, power)
    stood = limits.stuck(times, values)
    cutter = _Cutter(times[~stood], values[~stood], limits, sorted(exchanges, key=lambda e: e.time_ms))
    cutter.stood = np.diff(np.append(np.flatnonzero(~stood), len(times))) > 1
    cutter.run()
    aside = np.sort(np.append(times[stood], np.array(cutter.aside, np.int64)))
    return Segments(tuple(cutter.done), tuple(cutter.items), aside, tuple(cutter.judged))


class _Cutter:
    """Walks the doubtful places only; everything between them is taken as it stands."""

    def __init__(self, times: Int, values: Int, limits: Limits, exchanges: Sequence[Exchange]) -> None:
        self.times, self.values, self.limits, self.exchanges = times, values, limits, exchanges
        self.offset = np.zeros(len(times), np.int64)
        self.good, self.stood = np.ones(len(times), bool), np.zeros(len(times), bool)
        self.bursts = np.zeros(max(len(times) - 1, 0), bool)
        self.done: list[Segment] = []
        self.items: list[OpenItem] = []
        self.aside: list[int] = []
        self.judged: list[Judged] = []
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
        """Pairs (i, i+1) that fall, rise or last too much, stood still under load, or hold a declared exchange."""
        rise, gap = np.diff(self.values), np.diff(self.times)
        self.bursts = self.limits.bursts(self.times, self.values)
        doubtful = (rise < 0) | self.bursts | self.stood[:-1] | (gap > TEN_YEARS_MS)
        # a cheap float screen, generous by one part in a thousand; the exact test follows on the few that remain
        most = self.limits.most_by_rating(self.times) * 0.999
        doubtful |= rise > most
        doubtful |= np.isfinite(most) & (rise + self.limits.moduli(self.times[1:]) * 0.999 < most)  # time to go round
        if self.limits.power is not None:
            told = self.limits.power.energies(self.times)
            refuted = rise > POWER_FACTOR * told + self.limits.least_excess(self.times, self.values)
            doubtful |= (told >= 0) & refuted & self.limits.long(self.times)
        for exchange in self.exchanges:
            index = int(np.searchsorted(self.times, exchange.time_ms, side="right")) - 1
            if 0 <= index < len(doubtful):
                doubtful[index] = True
        return np.asarray(doubtful, bool)

    def _settle(self, i: int) -> int:
        """Judge the pair (i, i + 1); the first index that may be doubted next."""
        exchange = self._exchange(i)
        if exchange is not None:
            self._finish(i + 1, (exchange.time_ms, exchange.final_micro))
            self.start, self.opening = i + 1, (exchange.time_ms, exchange.start_micro)
            return i + 1
        if self.times[i + 1] - self.times[i] > TEN_YEARS_MS:
            return self._leave_open(i, Verdict.CLOCK_DOUBT)
        turns = self._turns(i)
        if len(turns) > 1:
            return self._leave_open(i, Verdict.ROLLOVER_DOUBT)
        if turns and turns[0] > 0:
            return self._roll_over(i, turns[0])
        if self._is_plausible(i, i + 1):
            return self._accept(i)
        return self._set_aside(i) or self._leave_open(i, self._suspect(i))

    def _exchange(self, index: int) -> Exchange | None:
        for exchange in self.exchanges:
            if self.times[index] <= exchange.time_ms < self.times[index + 1]:
                return exchange
        return None

    def _most(self, i: int, j: int) -> int | None:
        return self.limits.most(int(self.times[i]), int(self.times[j]), int(self.values[j]))

    def _slack(self, i: int) -> int:
        return self.limits.slack(int(self.times[i]), int(self.values[i]))

    def _rise(self, i: int, j: int) -> int:
        return int(self.values[j]) - int(self.values[i])

    def _is_plausible(self, i: int, j: int) -> bool:
        """Whether the register may have gone from reading i to reading j without passing its end."""
        rise, most = self._rise(i, j), self._most(i, j)
        refuted = j == i + 1 and bool(self.bursts[i])
        return -self._slack(i) <= rise and not refuted and (most is None or rise <= most)

    def _turns(self, i: int) -> list[int]:
        return self.limits.turns(*self._pair(i, i + 1))

    def _roll_over(self, i: int, turns: int) -> int:
        modulus = self.limits.modulus(int(self.times[i + 1])) or 0
        self.offset[i + 1 :] += turns * modulus
        return self._note(i, i + 1, Verdict.ROLLOVER, self._rise(i, i + 1) + turns * modulus)

    def _accept(self, i: int) -> int:
        """A plausible pair that was looked at: noise of the last digit, or a register that stood and caught up."""
        if self.stood[i]:
            least = self.limits.least(int(self.times[i]), int(self.times[i + 1]), int(self.values[i + 1]))
            if self._rise(i, i + 1) < least:
                return self._leave_open(i, Verdict.STUCK)
            return self._note(i, i + 1, Verdict.CAUGHT_UP)
        if self._rise(i, i + 1) < 0:
            return self._noise(i)
        return i + 1

    def _noise(self, i: int) -> int:
        """A fall within the resolution: held at its old value where the next readings take it back."""
        healed = next((j for j in self._following(i) if self._rise(i, j) >= 0 and self._is_plausible(i, j)), i + 1)
        return self._drop(i, i + 1, healed, Verdict.NOISE)

    def _following(self, i: int) -> range:
        return range(i + 2, min(i + 2 + LOOK_AHEAD, len(self.times)))

    def _set_aside(self, i: int) -> int | None:
        """Readings near i that the others refute are dropped; the index to go on from, None where doubt remains.

        A fall of a few digits that nothing refutes is let stand: no other register shows so nearly the same.
        """
        small = 0 < -self._rise(i, i + 1) <= SMALL_STEPS * self._slack(i)
        verdict = Verdict.HEALED_DIP if small else Verdict.GLITCH
        for k in range(i - 1, max(i - LOOK_AHEAD, self.start) - 1, -1):
            if self.good[k] and self._stood_still(k, i):
                return self._drop(k, k + 1, i + 1, Verdict.CAUGHT_UP)
        for j in self._following(i):
            if self._goes_on(i, j):
                both = self._is_bounded(j) and self._is_plausible(i + 1, j) and self._may_be_reset(i)
                return None if both else self._drop(i, i + 1, j, verdict)
        for k in range(i - 1, max(i - LOOK_AHEAD, self.start) - 1, -1):
            if self.good[k] and self._was_peak(k, i):
                return self._drop(k, k + 1, i + 1, verdict)
        return self._note(i, i + 1, Verdict.NOISE) if small else None

    def _goes_on(self, i: int, j: int) -> bool:
        """Whether the register goes on from i at j, leaving out what is between."""
        if not self._is_plausible(i, j):
            return False
        if self.bursts[i]:
            return 0 <= self._rise(i, j) * BURST <= self._rise(i, i + 1)
        fell = -self._rise(i, i + 1)
        # where nothing bounds the rise, it must come back at once: a register that began again climbs step by step
        return self._is_bounded(j) or fell <= SMALL_STEPS * self._slack(i) or 2 * self._rise(j - 1, j) >= fell

    def _is_bounded(self, j: int) -> bool:
        return self.limits.rated_kw(int(self.times[j])) is not None

    def _may_be_reset(self, i: int) -> bool:
        """Whether i + 1 can be a register that began again at zero after i; a rise beyond the bound may be a swap."""
        most = self._most(i, i + 1)
        return self._rise(i, i + 1) > 0 or most is None or int(self.values[i + 1]) <= most

    def _stood_still(self, k: int, i: int) -> bool:
        """Whether k..i repeat one value that i + 1 then makes up for."""
        return self._rise(i, i + 1) > 0 and self._rise(k, i) == 0 and self._is_plausible(k, i + 1)

    def _was_peak(self, k: int, i: int) -> bool:
        """Whether k+1..i stood out above a register that goes on from k at i + 1."""
        fell = -self._rise(i, i + 1)
        if fell < 0 or not self._is_plausible(k, i + 1) or (self._is_bounded(i + 1) and self._may_be_reset(i)):
            return False
        small = fell <= SMALL_STEPS * self._slack(i)
        return small or self._is_bounded(i + 1) or self._rise(k, i + 1) * 10 <= self._rise(k, i)

    def _drop(self, before: int, first: int, after: int, verdict: Verdict) -> int:
        """Set readings first..after-1 aside; `before` and `after` are the good ones on either side."""
        self.good[first:after] = False
        self.aside += self.times[first:after].tolist()
        shown = before if verdict is Verdict.CAUGHT_UP else max(first - 1, before)
        return max(self._note(shown, after, verdict, at=first), after)

    def _suspect(self, i: int) -> Verdict:
        if self._rise(i, i + 1) >= 0:
            return Verdict.SWAP_DOUBT
        most = self._most(i, i + 1)
        low = int(self.values[i + 1]) * 100 <= int(self.values[i]) if most is None else self._may_be_reset(i)
        return Verdict.RESET_DOUBT if low else Verdict.SWAP_DOUBT

    def _pair(self, i: int, j: int) -> tuple[int, int, int, int]:
        return int(self.times[i]), int(self.values[i]), int(self.times[j]), int(self.values[j])

    def _why(self, i: int, j: int, verdict: Verdict, energy: int | None = None, at: int | None = None) -> Sentence:
        before_ms, before, after_ms, after = self._pair(i, j)
        shown = after if at is None or verdict is Verdict.CAUGHT_UP else int(self.values[at])
        return explain(verdict, before, shown, self.limits.evidence(before_ms, after_ms, energy))

    def _note(self, i: int, j: int, verdict: Verdict, energy: int | None = None, at: int | None = None) -> int:
        self.judged.append(Judged(verdict, *self._pair(i, j), self._why(i, j, verdict, energy, at)))
        return j

    def _leave_open(self, i: int, verdict: Verdict) -> int:
        kind = "fall" if self.values[i + 1] < self.values[i] else "jump"
        kind = {Verdict.STUCK: "stuck", Verdict.CLOCK_DOUBT: "clock"}.get(verdict, kind)
        soon = len(self.times) - i - 1 <= LOOK_AHEAD
        why = self._why(i, i + 1, verdict)
        self.items.append(OpenItem(kind, *self._pair(i, i + 1), soon, verdict.value, why))
        self.judged.append(Judged(verdict, *self._pair(i, i + 1), why))
        self._finish(i + 1, None)
        self.start, self.opening = i + 1, None
        return i + 1

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
