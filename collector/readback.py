"""Reads back what a sink holds of what it acknowledged, and sends again what is not there.

204 is no proof: servers acknowledge what they then reject, and a database restored from a backup has forgotten. Hours
are compared by count, least and most of every series; where they differ, minutes are; where those do, readings are.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from collector.courier import BadLine, Courier
from collector.line_protocol import escape
from collector.parcel import Press
from metering.reading import MICRO, PollGroup, SeriesKey, StoredPoll
from metering.site import Site
from metering.store.outbox import Outbox
from metering.store.readings_reader import ReadingsReader
from metering.store.summary import Summaries, Summary, joined

HOUR_MS: Final = 3_600_000
MINUTE_MS: Final = 60_000
_SAMPLE: Final = 50  # series: whoever writes under our name writes most of them
NOT_THERE: Final = "acknowledged with 204 twice, and not there"

Missing = set[tuple[SeriesKey, int]]
log = structlog.get_logger(__name__)


class Remote(Protocol):
    """A sink as its readers see it."""

    def summaries(self, start_ms: int, end_ms: int, step_ms: int) -> Summaries:
        """Every series in windows of a length."""
        ...

    def values(self, keys: Iterable[SeriesKey], start_ms: int, end_ms: int) -> dict[SeriesKey, dict[int, int | float]]:
        """Times and values of some series."""
        ...


@dataclass(frozen=True, slots=True)
class Found:
    """A window that was not as it should be: readings that were missing or other ones, and what became of them."""

    start_ms: int
    missing: int  # [readings]
    resent: int  # [polls]
    set_aside: int  # [lines]


class Readback:
    """Compares one sink with the store it was filled from."""

    def __init__(
        self,
        site: Site,
        reader: ReadingsReader,
        outbox: Outbox,
        remote: Remote,
        courier: Courier,
        quarantine: Callable[[list[BadLine]], object] | None = None,
        pause: Callable[[], object] = lambda: None,
    ) -> None:
        """`pause` is called between pages, so that others get to work."""
        self._reader, self._outbox, self._remote, self._courier = reader, outbox, remote, courier
        self._quarantine, self._pause = quarantine, pause
        self._groups: dict[int, PollGroup] = {}
        self._press = Press(site, self._each_group)
        self._aside: frozenset[tuple[int, str]] = frozenset()
        self._known: dict[int, tuple[object, dict[SeriesKey, Summary]]] = {}  # hour -> what it was made of, summaries

    def check(self, start_ms: int, end_ms: int, *, mend: bool = True) -> list[Found]:
        """The hours of [start_ms, end_ms) that were not as they should be; mended, unless only looked at."""
        first, last = start_ms - start_ms % HOUR_MS, end_ms - end_ms % HOUR_MS
        self._groups, self._aside = self._reader.groups(), self._outbox.set_aside()
        theirs = self._remote.summaries(first, last, HOUR_MS) if last > first else {}
        self._known = {hour: known for hour, known in self._known.items() if hour >= first}
        found = []
        for hour in range(first, last, HOUR_MS):
            ours, moving = self._ours(hour)
            if (ours and moving) or differing(ours, theirs.get(hour, {})):
                found += list(self._hour(hour, mend=mend))
        return found

    def strangers(self, start_ms: int, end_ms: int) -> tuple[SeriesKey, ...]:
        """Series of ours that somebody else writes too: the sink holds readings of the span that were never read here.

        Of no more than so many of those read here in the span, the first by name.
        """
        self._groups = self._reader.groups()
        keys = sorted(self._times(start_ms, end_ms))[:_SAMPLE]
        there = self._remote.values(keys, start_ms, end_ms) if keys else {}
        here = self._times(start_ms, end_ms)  # after the look: whatever the sink has of ours is here
        return tuple(key for key in keys if there.get(key, {}).keys() - here[key])

    def _times(self, start_ms: int, end_ms: int) -> dict[SeriesKey, set[int]]:
        """When each series was read."""
        found: dict[SeriesKey, set[int]] = {}
        for poll in self._outbox.polls(start_ms, end_ms):
            for column in self._groups[poll.group].columns:
                found.setdefault(column.key, set()).add(poll.time_ms)
        return found

    def send_again(self, start_ms: int, end_ms: int) -> tuple[int, list[BadLine]]:
        """Send every poll of a span once more; how many, and which lines are bad."""
        self._groups = self._reader.groups()
        sent, bad = 0, list[BadLine]()
        for batch in self._batches(self._outbox.polls(start_ms, end_ms)):
            bad += self._send(batch)
            sent += len(batch)
        return sent, bad

    def _ours(self, hour: int) -> tuple[dict[SeriesKey, Summary], bool]:
        """What the sink should hold of an hour, remembered until the hour changes; whether more is on its way there."""
        made_of = (self._outbox.mark(hour, hour + HOUR_MS), len(self._aside))
        if hour in self._known and self._known[hour][0] == made_of:
            return self._known[hour][1], False
        waiting = list[int]()
        found = joined(self._parts(hour, hour + HOUR_MS, HOUR_MS, waiting)).get(hour, {})
        if not waiting:
            self._known[hour] = (made_of, found)
        return found, bool(waiting)

    def _each_group(self) -> Iterable[tuple[int, PollGroup]]:
        return self._groups.items()

    def _parts(
        self, start_ms: int, end_ms: int, step_ms: int, waiting: list[int]
    ) -> Iterator[tuple[int, SeriesKey, Summary]]:
        for poll in self._due(start_ms, end_ms, waiting):
            window = poll.time_ms - poll.time_ms % step_ms
            yield from ((window, key, Summary(1, value, value)) for key, value in self._held(poll))

    def _due(self, start_ms: int, end_ms: int, waiting: list[int]) -> Iterator[StoredPoll]:
        """The polls of a span that the sink has acknowledged; times of the others, which it may have got by now."""
        delivered = self._outbox.delivered()
        for number, poll in enumerate(self._outbox.polls(start_ms, end_ms)):
            if number % 500 == 499:
                self._pause()
            if poll.seq in delivered:
                yield poll
            else:
                waiting.append(poll.time_ms)

    def _held(self, poll: StoredPoll) -> Iterator[tuple[SeriesKey, int | float]]:
        """The readings of a poll that were sent, but for lines set aside."""
        for column, value in zip(self._groups[poll.group].columns, poll.values, strict=True):
            if value is not None and abs(value) != float("inf") and (poll.seq, escape(column.point)) not in self._aside:
                # a counter beyond 2**32 of its unit comes back as the nearest double
                yield column.key, round(value / MICRO * MICRO) if isinstance(value, int) else value

    def _hour(self, hour: int, *, mend: bool) -> Iterator[Found]:
        """Theirs first: what is delivered meanwhile then seems to be missing, where else it would stand for others."""
        theirs = self._remote.summaries(hour, hour + HOUR_MS, MINUTE_MS)
        waiting = list[int]()
        ours = joined(self._parts(hour, hour + HOUR_MS, MINUTE_MS, waiting))
        moving = {time_ms - time_ms % MINUTE_MS for time_ms in waiting}  # counts of such a minute prove nothing
        for minute in sorted(ours):
            keys = set(ours[minute]) if minute in moving else differing(ours[minute], theirs.get(minute, {}))
            missing = self._missing(minute, keys) if keys else set()
            if missing:
                yield self._mended(minute, missing) if mend else Found(minute, len(missing), 0, 0)

    def _missing(self, minute: int, keys: set[SeriesKey]) -> Missing:
        """Readings, acknowledged before the look, that are not there, or others."""
        due = {
            (key, poll.time_ms): value
            for poll in self._due(minute, minute + MINUTE_MS, [])
            for key, value in self._held(poll)
            if key in keys
        }
        there = self._remote.values(keys, minute, minute + MINUTE_MS)
        return {(key, time_ms) for (key, time_ms), value in due.items() if there.get(key, {}).get(time_ms) != value}

    def _mended(self, minute: int, missing: Missing) -> Found:
        """Send again what is missing; what is not there even then is set aside with its line."""
        polls = [p for p in self._due(minute, minute + MINUTE_MS, []) if self._concerned(p, missing)]
        bad = [line for batch in self._batches(polls) for line in self._send(batch)]
        refused = {(seq, line) for seq, line, _, _ in bad}
        lost = self._missing(minute, {key for key, _ in missing})
        bad += [
            (poll.seq, line, NOT_THERE, self._courier.now_ms())
            for poll in polls
            for line in self._lines_of(poll, lost)
            if (poll.seq, line) not in refused
        ]
        if bad and self._quarantine is not None:
            self._quarantine(bad)
            self._aside |= self._outbox.set_aside()
        found = Found(minute, len(missing), len(polls), len(bad))
        log.warning("readback_sent_again", missing=found.missing, polls=found.resent, set_aside=found.set_aside)
        return found

    def _concerned(self, poll: StoredPoll, missing: Missing) -> bool:
        return any((column.key, poll.time_ms) in missing for column in self._groups[poll.group].columns)

    def _lines_of(self, poll: StoredPoll, missing: Missing) -> Iterator[str]:
        """The lines of a poll that hold a missing reading."""
        points = {key[0] for key, time_ms in missing if time_ms == poll.time_ms}
        for line in (whole.rstrip("\n") for whole in self._press.lines(poll)):
            if any(f",point={escape(point)}," in line for point in points):
                yield line

    def _batches(self, polls: Iterable[StoredPoll]) -> Iterator[list[StoredPoll]]:
        batch = list[StoredPoll]()
        for poll in polls:
            batch.append(poll)
            if len(batch) >= self._courier.batch:
                yield batch
                batch = []
                self._pause()
        if batch:
            yield batch

    def _send(self, batch: list[StoredPoll]) -> list[BadLine]:
        return self._courier.carry(self._press.parcel([(poll.seq, poll) for poll in batch]), None)


def differing(ours: dict[SeriesKey, Summary], theirs: dict[SeriesKey, Summary]) -> set[SeriesKey]:
    """Series of which the sink holds less than it should, or others; what it holds more is not ours to mend."""
    return {
        key for key, one in ours.items()
        if (other := theirs.get(key)) is None or other.count < one.count or (other.count == one.count and other != one)
    }  # fmt: skip
