"""Which messages of a topic are new readings, when they were made, and how many never came (pure)."""

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from metering.reading import Quality

SKEW_MS = 60_000  # a device's clock further off than this is not believed
QUEUED_MS = 7 * 86_400_000  # but after a connection brokers deliver what they kept: so old may a message then be
_REMEMBERED = 512
_REGULAR = 16  # intervals by which it is judged whether messages come regularly
_SILENT = 3  # periods without a message are a silence
_MOST_MISSING = 1_000_000  # a larger jump of the sequence number is a restart of the device, not a loss


class Silence(NamedTuple):
    """A span without a message where messages come regularly."""

    start_ms: int  # of the last message before it
    end_ms: int
    usual_ms: int  # how often messages come


class Identity(NamedTuple):
    """What makes a message a reading of its own."""

    time_ms: int
    tick: int
    quality: Quality
    missing: int  # messages that never came, between the last one and this
    silence: Silence | None = None  # without numbers: a silence before, of which the messages are not merely late


class Arrival(NamedTuple):
    """A message as it came: what the device says of itself, and the circumstances."""

    at_ms: int
    device_ms: int | None
    sequence: int | None
    digest: int
    repeated: bool  # flagged by the broker as sent before
    queued: bool  # came soon after a connection, so perhaps out of the broker's queue


class Recognizer:
    """Knows one topic's recent messages: by sequence number, else by the device's time, else by payload."""

    def __init__(self, expected: int = 0, newest_ms: int = 0, digests: Iterable[int] = ()) -> None:
        self.expected = expected  # the next sequence number; 0 = none seen yet
        self.newest_ms = newest_ms
        self._floor = expected
        self._rejected = 0  # unreadable messages since the last good one: their numbers are holes noted already
        self._numbers: deque[int] = deque(maxlen=_REMEMBERED)
        self._times: deque[int] = deque(maxlen=_REMEMBERED)
        self._digests: deque[int] = deque(digests, maxlen=_REMEMBERED)
        self._intervals: deque[int] = deque(maxlen=_REGULAR)
        self._silence: Silence | None = None  # not told yet: what was held up on its way comes in a burst behind it
        self._owed = 0  # messages by which it would be made up for

    def rejected(self) -> None:
        """Note a message that could not be read."""
        self._rejected += 1

    def identify(self, arrival: Arrival) -> Identity | None:
        """What a message is known by from now on; None where it was here before."""
        time_ms, quality = self._time(arrival)
        if self._known(arrival, time_ms, quality):
            return None
        missing = self._missing(arrival.sequence)
        time_ms = self._free(time_ms, believed=arrival.device_ms is not None and quality is Quality.GOOD)
        silence = self._regular(time_ms) if arrival.sequence is None else None
        self._remember(arrival, time_ms)
        return Identity(time_ms, arrival.sequence or 0, quality, missing, silence)

    def silence(self) -> Silence | None:
        """The silence that is not told yet; from now on it is."""
        silence, self._silence = self._silence, None
        return silence

    def _regular(self, time_ms: int) -> Silence | None:
        """A silence, told once a message in its turn shows that those before it are not merely late.

        After a pause of the process, of the network or of the broker all that was held up comes at once.
        """
        interval = time_ms - self.newest_ms if self.newest_ms else 0
        if self._silence is not None and interval < self._silence.usual_ms / 2:
            self._owed -= 1
            self._silence = self._silence if self._owed else None
            return None
        told, usual_ms = self.silence(), self._usual_ms()
        if usual_ms and interval > _SILENT * usual_ms:
            self._silence = Silence(self.newest_ms, time_ms, usual_ms)
            self._owed = round(interval / usual_ms) - 1
        if interval > 0:
            self._intervals.append(interval)
        return told

    def _usual_ms(self) -> int:
        """How often messages come; 0 where they do not come regularly."""
        seen = sorted(self._intervals)
        usual = seen[len(seen) // 2] if len(seen) == _REGULAR else 0
        return usual if usual and seen[_REGULAR // 8] > 0.7 * usual and seen[-_REGULAR // 8 - 1] < 1.3 * usual else 0

    def _time(self, arrival: Arrival) -> tuple[int, Quality]:
        if arrival.device_ms is None:
            return arrival.at_ms, Quality.GOOD
        oldest = QUEUED_MS if arrival.queued else SKEW_MS
        if -SKEW_MS <= arrival.at_ms - arrival.device_ms <= oldest:
            return arrival.device_ms, Quality.GOOD
        return arrival.at_ms, Quality.QUESTIONABLE

    def _known(self, arrival: Arrival, time_ms: int, quality: Quality) -> bool:
        number = arrival.sequence
        if number is not None:
            before = number < self._floor or number < self.expected - _REMEMBERED
            return number in self._numbers or (arrival.repeated and before)
        if arrival.device_ms is not None and quality is Quality.GOOD:
            return time_ms in self._times
        return arrival.repeated and arrival.digest in self._digests

    def _missing(self, number: int | None) -> int:
        """How many numbers were skipped; one that falls is a late message, or a device that began anew."""
        if number is None:
            return 0
        first, rejected = self.expected == 0, self._rejected
        skipped = number - self.expected
        if skipped < 0 and number > min(self._numbers, default=number):
            return 0
        self.expected, self._rejected = number + 1, 0
        return 0 if first or not 0 <= skipped <= _MOST_MISSING else max(0, skipped - rejected)

    def _free(self, time_ms: int, *, believed: bool) -> int:
        """A time no other reading of the topic has; the device's own may be older than the newest."""
        if not believed:
            time_ms = max(time_ms, self.newest_ms + 1)
        while time_ms in self._times:
            time_ms += 1
        return time_ms

    def _remember(self, arrival: Arrival, time_ms: int) -> None:
        if arrival.sequence is not None:
            self._numbers.append(arrival.sequence)
        self._times.append(time_ms)
        self._digests.append(arrival.digest)
        self.newest_ms = max(self.newest_ms, time_ms)
