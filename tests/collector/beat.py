"""How late this computer wakes the loop that the collector and its doubles share: what that costs is nobody's fault."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from metering.reading import GapReason, PollGap
from metering.store.readings_reader import ReadingsReader

BEAT_S, LATE_S, NEAR_MS = 0.01, 0.04, 500
HELD_UP = {GapReason.OVERRUN, GapReason.SCHEDULER_LATE, GapReason.TIMEOUT, GapReason.LINE_DOWN}


class Beat:
    """Spans in which the loop stood still [ms UTC]."""

    def __init__(self) -> None:
        self.stalls: list[tuple[float, float]] = []

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(BEAT_S)
            late_s, now_ms = time.monotonic() - before - BEAT_S, time.time() * 1000
            if late_s > LATE_S:
                self.stalls.append((now_ms - 1000 * late_s, now_ms))

    def stalled(self, start_ms: float, end_ms: float) -> bool:
        """Whether the loop stood still in or near a span."""
        return any(a <= end_ms + NEAR_MS and start_ms - NEAR_MS <= b for a, b in self.stalls)

    def excuses(self, gap: PollGap) -> bool:
        """Whether a gap may be this computer's doing."""
        return gap.reason in HELD_UP and self.stalled(gap.start_ms, gap.end_ms)

    def lost(self, reader: ReadingsReader, device: str, since_ms: int = 0) -> Counter[GapReason]:
        """A device's ticks without a reading, less those that a loop standing still explains."""
        groups, found = reader.groups(), Counter[GapReason]()
        for gap in reader.gaps(since_ms, 2**60)[0]:
            if groups[gap.group].device == device and not self.excuses(gap):
                found[gap.reason] += gap.ticks
        return +found


@asynccontextmanager
async def beating() -> AsyncIterator[Beat]:
    """A beat for the length of a block."""
    beat = Beat()
    task = asyncio.create_task(beat.run())
    try:
        yield beat
    finally:
        task.cancel()
