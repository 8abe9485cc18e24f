"""One poll group at work: its readings with rising times, its missed ticks joined into gaps, its ledger."""

from collections.abc import Iterable
from typing import NamedTuple

from collector.committer import Committer
from collector.holding import Holding, Level, level_of
from collector.pending import Held, questionable
from collector.plausible import Silence
from collector.schedule import Track
from collector.wiring import Wire, WiredGroup
from metering.failpoint import failpoint
from metering.reading import GapReason, Poll, ValueGap

_JOIN_MS = 10_000  # missed ticks of one cause are written at the latest after so long
_ALL_ZERO = "every register is zero: no frequency, no voltage, no energy"


class Cause(NamedTuple):
    """Why a tick has no reading."""

    reason: GapReason
    code: int | None = None
    detail: str = ""


class Run(NamedTuple):
    """Missed ticks not yet written."""

    first: int
    ticks: int
    cause: Cause


class Feed:
    """What becomes of the due ticks of one polled group, in the order they were due."""

    def __init__(
        self,
        wired: WiredGroup,
        number: int,
        epoch: int,
        tracks: Iterable[Track],
        committer: Committer | Held,
        after_ms: int,
        silence: Silence | None = None,
    ) -> None:
        """`silence` is what the feeds of one device share."""
        self.wired, self.number = wired, number
        self.decoder = wired.decoder
        self.next_ticks = {track: track.first for track in tracks}  # what no gap and no reading accounts for yet
        self._epoch, self._committer = epoch, committer
        self._last_ms = after_ms
        self._runs: dict[Track, Run] = {}
        self.values: tuple[int | float | None, ...] = ()  # of the last poll
        self.quantities = tuple(column.quantity for column in wired.group.columns)
        self._silence = silence or Silence()
        self._holding = Holding([_level(wire) for wire in wired.wires])
        self.phase_ms = 0  # how long after its ticks it is read
        self.certain = True  # whether the clock is; where it is not, every value says so

    def reading(self, track: Track, tick: int, time_ms: int, words: list[bytes]) -> None:
        """A tick was answered: decode and queue its reading; its time rises by at least 1 ms."""
        if self._committer.full:
            self.missed(track, tick, 1, Cause(GapReason.STORE_FULL))
            return
        if self._silence.broken(self.number, self.quantities, words):
            self.missed(track, tick, 1, Cause(GapReason.INVALID_VALUE, None, _ALL_ZERO))
            return
        if self._runs:
            self._write_run(track)
        self._last_ms = time_ms = max(time_ms, self._last_ms + 1)
        values, invalid = self.decoder.decode(words)
        failpoint("poll-read")
        grades = self._holding.grade(time_ms, values)
        if not self.certain:
            grades = questionable(grades, len(values))
        self.next_ticks[track] = tick + 1
        self.values = values
        self._committer.add(
            polls=(Poll(self.number, time_ms, self._epoch, tick, track.lane, values, b"".join(words), grades),),
            value_gaps=[self._absent(words, index, reason, time_ms) for index, reason in invalid],
            ledger=((self._epoch, self.number, track.lane), tick + 1),
        )
        failpoint("poll-queued")

    def missed(self, track: Track, first: int, ticks: int, cause: Cause) -> None:
        """Ticks ended without a reading; those of one cause are joined for a while."""
        run = self._runs.get(track)
        if run is not None and run.cause[:2] == cause[:2]:
            self._runs[track] = run = Run(run.first, run.ticks + ticks, run.cause)
        else:
            self._write_run(track)
            self._runs[track] = run = Run(first, ticks, cause)
        self.next_ticks[track] = first + ticks
        if run.ticks * track.period_ms >= _JOIN_MS:
            self._write_run(track)

    def flush(self) -> None:
        """Queue every gap that is not yet written."""
        for track in list(self._runs):
            self._write_run(track)

    def _write_run(self, track: Track) -> None:
        run = self._runs.pop(track, None)
        if run is not None:
            gap = track.gap(self._epoch, run.first, run.ticks, *run.cause)
            ledger = ((self._epoch, self.number, track.lane), run.first + run.ticks)
            self._committer.add(gaps=(gap,), ledger=ledger)

    def _absent(self, words: list[bytes], index: int, reason: GapReason, time_ms: int) -> ValueGap:
        column = self.wired.group.columns[index]
        return ValueGap(column.point, column.quantity, time_ms, reason, self.decoder.explain(words, index))


def _level(wire: Wire) -> Level | None:
    """What a counter is watched by; gauges may do as they like."""
    if not wire.field.counter:
        return None
    return level_of(wire.field.quantity, wire.point.rated_power_kw, wire.field.data_type, wire.scale)
