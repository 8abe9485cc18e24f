"""Counters that fall or jump are held as doubtful until two further readings confirm the new level (pure).

A meter that restarts shows zeros and then its old value again; a torn read shows a jump that the next one takes back.
What is doubtful keeps its value and is marked QUESTIONABLE; what it means is judged later, from the readings around it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from metering.reading import MICRO, Quality, register_step

CONFIRMATIONS = 2  # further readings that agree with a new level before it counts
_HEADROOM = 1.2  # a feeder may run above its rated power for a while
_UNUSUAL = 50  # without a rated power: a rise so many times as fast as the fastest so far is doubtful
_KNOWN = 10  # rises seen before the fastest of them means anything
_SLACK_STEPS = 2  # a register may show so many steps more than was used
_MS_AN_HOUR = 3_600_000


@dataclass(slots=True)
class Level:
    """What one counter is believed to show, and what it claims to show."""

    rated_per_ms: float  # [micro/ms]; infinite where no rated power is known
    data_type: str
    scale: Fraction
    value: int | None = None  # [micro]
    time_ms: int = 0
    claim: int = 0
    claim_ms: int = 0
    agreed: int = -1  # readings after the first that agree with the claim; -1 = no claim
    pace: float = 0.0  # the fastest accepted rise [micro/ms]
    rises: int = 0

    def doubtful(self, time_ms: int, value: int) -> bool:
        """Take one reading; whether it must be doubted."""
        if self.value is None or self._follows(self.value, self.time_ms, value, time_ms, self._most()):
            self._accept(time_ms, value)
            return False
        claimed = 2 * self._pace_of(self.value, self.time_ms, self.claim, self.claim_ms)
        if self.agreed >= 0 and self._follows(self.claim, self.claim_ms, value, time_ms, max(self._most(), claimed)):
            self.agreed += 1
            if self.agreed >= CONFIRMATIONS:
                self._confirm(time_ms, value)
                return False
        else:
            self.agreed = 0
        self.claim, self.claim_ms = value, time_ms
        return True

    def _most(self) -> float:
        """The fastest rise that nobody need doubt [micro/ms]."""
        if self.rated_per_ms < float("inf"):
            return max(self.rated_per_ms, self.pace)
        return _UNUSUAL * self.pace if self.rises >= _KNOWN else self.rated_per_ms

    def _follows(self, before: int, before_ms: int, value: int, time_ms: int, most: float) -> bool:
        rise = value - before
        if rise <= 0:
            return rise == 0
        slack = _SLACK_STEPS * float(register_step(self.data_type, self.scale, value) * MICRO)
        return rise <= most * (time_ms - before_ms) + slack

    def _pace_of(self, before: int, before_ms: int, value: int, time_ms: int) -> float:
        return max(value - before, 0) / max(time_ms - before_ms, 1)

    def _accept(self, time_ms: int, value: int) -> None:
        if self.value is not None and value > self.value:
            self.rises += 1
            self.pace = max(self.pace, self._pace_of(self.value, self.time_ms, value, time_ms))
        self.value, self.time_ms, self.agreed = value, time_ms, -1

    def _confirm(self, time_ms: int, value: int) -> None:
        self.pace = max(self.pace, self._pace_of(self.claim, self.claim_ms, value, time_ms))
        self.value, self.time_ms, self.agreed = value, time_ms, -1


class Holding:
    """The counters of one poll group."""

    def __init__(self, levels: Sequence[Level | None]) -> None:
        """One level a column, None for gauges."""
        self._levels = tuple((i, level) for i, level in enumerate(levels) if level is not None)
        self._columns = len(levels)

    def grade(self, time_ms: int, values: Sequence[float | None]) -> bytes | None:
        """One Quality byte a column, or None where all are good."""
        doubted = [
            i for i, level in self._levels if values[i] is not None and level.doubtful(time_ms, int(values[i] or 0))
        ]
        if not doubted:
            return None
        grades = bytearray([Quality.GOOD] * self._columns)
        for i in doubted:
            grades[i] = Quality.QUESTIONABLE
        return bytes(grades)


def level_of(quantity: str, rated_power_kw: float | None, data_type: str, scale: Fraction) -> Level:
    """The level of one counter of a metering point; its rated power bounds active energy alone."""
    bounded = rated_power_kw is not None and quantity.startswith("active_energy_")
    per_ms = _HEADROOM * (rated_power_kw or 0.0) * MICRO / _MS_AN_HOUR
    return Level(per_ms if bounded else float("inf"), data_type, scale)
