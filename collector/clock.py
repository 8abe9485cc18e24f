"""The clock of one epoch: the wall clock at its start, carried on by the monotonic clock, so no step moves a tick."""

import time


class EpochClock:
    """Milliseconds UTC that only ever rise."""

    def __init__(self) -> None:
        self._mono_ns = time.monotonic_ns()
        self.start_ms = time.time_ns() // 1_000_000

    def now_ms(self) -> int:
        """The time [ms UTC]."""
        return self.start_ms + (time.monotonic_ns() - self._mono_ns) // 1_000_000

    def loop_time(self, at_ms: int) -> float:
        """An instant on asyncio's clock, which is the monotonic one [s]."""
        return self._mono_ns / 1e9 + (at_ms - self.start_ms) / 1000

    def stepped_ms(self) -> int:
        """How far the wall clock was set forward (or back, negative) since the epoch began."""
        return time.time_ns() // 1_000_000 - self.now_ms()

    def onward(self, start_ms: int) -> "EpochClock":
        """The clock of the next epoch where the wall clock did not step: this one, from an instant on [ms UTC]."""
        clock = EpochClock()
        clock._mono_ns = self._mono_ns + 1_000_000 * (start_ms - self.start_ms)
        clock.start_ms = start_ms
        return clock
