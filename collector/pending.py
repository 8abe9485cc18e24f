"""Reading with a clock that is not set: into memory, under the clock of the moment; the true times come when it is."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from collector.epochs import close_epoch, open_epoch
from collector.schedule import Track, quarters
from collector.wiring import WiredGroup
from metering.reading import GapReason, Lane, Poll, PollGap, Quality, ValueGap
from metering.store.readings import LedgerKey, ReadingsWriter

BORN_MS: Final = 1_767_225_600_000  # 2026-01-01 UTC: no clock that is set can be before this program was written
BEHIND_MS: Final = 60_000  # a clock further than this behind the newest reading is not set
MOST_HELD: Final = 50_000  # polls; beyond, ticks end as store_full
HOLD_S: Final = 600.0  # a clock that nobody sets in so long is not waited for


def is_set(now_ms: int, newest_ms: int) -> bool:
    """Whether a wall clock can be true, given the newest reading in the store."""
    return now_ms >= BORN_MS and now_ms >= newest_ms - BEHIND_MS


class Held:
    """Takes what a Committer takes from feeds, and keeps it until the time is known."""

    def __init__(self) -> None:
        self.polls: list[Poll] = []
        self.gaps: list[PollGap] = []
        self.value_gaps: list[ValueGap] = []

    @property
    def full(self) -> bool:
        """True while no more polls can be kept in memory."""
        return len(self.polls) >= MOST_HELD

    def add(
        self,
        *,
        polls: Iterable[Poll] = (),
        gaps: Iterable[PollGap] = (),
        value_gaps: Iterable[ValueGap] = (),
        ledger: tuple[LedgerKey, int] | None = None,  # noqa: ARG002 - made anew when the true epoch is known
        told: Callable[[], None] | None = None,  # noqa: ARG002 - messages stay with the broker meanwhile
    ) -> None:
        """Keep what belongs together."""
        self.polls += polls
        self.gaps += gaps
        self.value_gaps += value_gaps


class Span(NamedTuple):
    """A span that was read under a clock not set: what was read, its ticks, its start and stop by that clock."""

    held: Held
    groups: tuple[WiredGroup, ...]
    next_ticks: Mapping[Track, int]
    start_ms: int
    stop_ms: int


def commit_span(
    writer: ReadingsWriter, span: Span, shift_ms: int, why_down: GapReason | None, *, certain: bool
) -> None:
    """Write a span as an epoch of its own, at its true times; where they are not known every value says so."""
    epoch = open_epoch(writer, span.groups, span.start_ms + shift_ms, why_down)
    held = span.held
    polls = [_moved(poll, epoch.id, shift_ms, certain=certain) for poll in held.polls]
    gaps = [
        replace(gap, epoch=epoch.id, start_ms=gap.start_ms + shift_ms, end_ms=gap.end_ms + shift_ms)
        for gap in held.gaps
    ]
    absent = [replace(gap, time_ms=gap.time_ms + shift_ms) for gap in held.value_gaps]
    writer.commit(polls, gaps, absent)
    ticks = {track._replace(origin_ms=track.origin_ms + shift_ms): tick for track, tick in span.next_ticks.items()}
    with_quarters = {track.group for track in ticks if writer.group_of(track.group).quarter}
    for number in with_quarters:  # nobody knew when a quarter-hour was
        track = quarters(number, epoch.start_ms)
        ticks[track] = track.first
    close_epoch(writer, epoch, ticks, span.stop_ms + shift_ms, GapReason.TIME_UNCERTAIN)


def _moved(poll: Poll, epoch: int, shift_ms: int, *, certain: bool) -> Poll:
    quality = poll.quality if certain else questionable(poll.quality, len(poll.values))
    return replace(poll, epoch=epoch, time_ms=poll.time_ms + shift_ms, quality=quality)


def questionable(grades: bytes | None, count: int) -> bytes:
    """The grades of a poll whose time nobody knows: none is good."""
    return bytes(max(grade, Quality.QUESTIONABLE) for grade in grades or bytes(count))


def cadence_only(tracks: Iterable[Track]) -> tuple[Track, ...]:
    """The tracks that need no wall clock."""
    return tuple(track for track in tracks if track.lane is Lane.CADENCE)
