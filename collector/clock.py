"""The clock of one epoch: the wall clock at its start, carried on by the monotonic clock, so no step moves a tick."""

import time
from typing import Final

STEP_MS: Final = 1_000  # the wall clock set forward by more than this begins a new epoch
LEAP_MS: Final = 600_000  # by more than this it is believed only when it stays so: a time server may be wrong
CONFIRM_S: Final = 600.0
_LOOKS: Final = 5  # of them the one that took the least counts


def _both() -> tuple[int, int]:
    """Both clocks at one instant, monotonic and wall [ns]: who is put aside between two looks pairs them wrongly."""
    looks = []
    for _ in range(_LOOKS):
        before, wall, after = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
        looks.append((after - before, before, wall))
    _, mono, wall = min(looks)
    return mono, wall


class EpochClock:
    """Milliseconds UTC that only ever rise."""

    def __init__(self, start_ms: int | None = None) -> None:
        """`start_ms` instead of the wall clock where that is not set."""
        self._mono_ns, wall_ns = _both()
        self.certain = start_ms is None
        self.start_ms = wall_ns // 1_000_000 if start_ms is None else start_ms

    def now_ms(self) -> int:
        """The time [ms UTC]."""
        return self.start_ms + (time.monotonic_ns() - self._mono_ns) // 1_000_000

    def loop_time(self, at_ms: int) -> float:
        """An instant on asyncio's clock, which is the monotonic one [s]."""
        return self._mono_ns / 1e9 + (at_ms - self.start_ms) / 1000

    def stepped_ms(self) -> int:
        """How far the wall clock was set forward (or back, negative) since the epoch began."""
        mono_ns, wall_ns = _both()
        return wall_ns // 1_000_000 - self.start_ms - (mono_ns - self._mono_ns) // 1_000_000

    def onward(self, start_ms: int) -> "EpochClock":
        """The clock of the next epoch where the wall clock did not step: this one, from an instant on [ms UTC]."""
        clock = EpochClock()
        clock._mono_ns = self._mono_ns + 1_000_000 * (start_ms - self.start_ms)
        clock.start_ms, clock.certain = start_ms, self.certain
        return clock


class StepWatch:
    """Which steps of the wall clock are believed: small ones at once, large ones when they stay."""

    def __init__(self, *, certain: bool = True) -> None:
        """Where the clock was not certain before, whatever sets it is believed."""
        self._confirm_s = CONFIRM_S if certain else 0.0
        self._leapt_s: float | None = None

    def believed(self, step_ms: int, now_s: float) -> bool:
        """Whether a new epoch should begin; `now_s` is monotonic [s]."""
        if step_ms <= LEAP_MS:
            self._leapt_s = None
            return step_ms > STEP_MS
        if self._leapt_s is None:
            self._leapt_s = now_s
        return now_s - self._leapt_s >= self._confirm_s
