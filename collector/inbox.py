"""One topic at work: messages become readings and gaps in one commit, and are acknowledged after it."""

from collections.abc import Callable, Iterable

from collector.committer import Committer
from collector.messages import Message, MessageReader, RejectedError
from collector.recognizer import Arrival, Identity, Recognizer, Silence
from collector.wiring import WiredGroup
from metering.failpoint import failpoint
from metering.reading import GapReason, Lane, Poll, PollGap, Quality, ValueGap

Acknowledge = Callable[[], None]
_KEPT_BYTES = 4_000  # of a message set aside


class Inbox:
    """What becomes of the messages of one device's topic."""

    def __init__(
        self,
        wired: WiredGroup,
        number: int,
        epoch: int,
        committer: Committer,
        expected: int,
        newest_ms: int,
        said: Iterable[bytes] = (),
    ) -> None:
        """`expected`, `newest_ms` and `said` are what the store holds of before."""
        self.topic = wired.topic
        self._wired, self._number, self._epoch, self._committer = wired, number, epoch, committer
        self._reader = MessageReader(wired.wires)
        self._recognizer = Recognizer(expected, newest_ms, map(hash, said))
        self.heard_before = expected > 0 or newest_ms > 0  # a device without numbers has readings all the same

    def take(self, payload: bytes, at_ms: int, done: Acknowledge, *, repeated: bool, queued: bool) -> None:
        """One message: a reading, or known already, or rejected; acknowledged once that is durable."""
        try:
            message = self._reader.read(payload)
        except RejectedError as error:
            self.reject(at_ms, str(error), done, payload)
            return
        arrival = Arrival(at_ms, message.time_ms, message.sequence, hash(message.words), repeated, queued)
        before_ms, expected = self._recognizer.newest_ms, self._recognizer.expected
        identity = self._recognizer.identify(arrival)
        if identity is None:
            self._committer.add(told=done)  # after what was committed the first time
            return
        gaps: tuple[PollGap, ...] = ()
        if identity.missing:
            gaps = (self._gap(expected, identity.missing, before_ms, identity.time_ms, GapReason.SEQ_HOLE),)
        elif identity.silence is not None:
            gaps = (self._hole(identity.silence),)
        self._store(message, identity, gaps, done)

    def halt(self) -> None:
        """Take nothing more: a silence that nothing has made up for is told."""
        silence = self._recognizer.silence()
        if silence is not None:
            self._committer.add(gaps=(self._hole(silence),))

    def reject(self, at_ms: int, why: str, done: Acknowledge, payload: bytes) -> None:
        """A message that is no reading, set aside with its reason, and acknowledged so that it does not come back."""
        self._recognizer.rejected()
        text = payload[:_KEPT_BYTES].decode(errors="backslashreplace")
        row = (self._recognizer.expected, text, why, at_ms)
        self._committer.call(lambda writer: writer.quarantine(f"mqtt {self.topic}", [row]))
        gap = self._gap(self._recognizer.expected, 1, at_ms, at_ms, GapReason.REJECTED, why)
        self._committer.add(gaps=(gap,), told=done)

    def lost(self, start_ms: int, end_ms: int, reason: GapReason) -> None:
        """A span in which messages may have been lost; how many, the next sequence number tells."""
        start_ms = min(start_ms or self._recognizer.newest_ms or end_ms, end_ms)
        self._committer.add(gaps=(self._gap(self._recognizer.expected, 0, start_ms, end_ms, reason),))

    def _store(self, message: Message, identity: Identity, gaps: tuple[PollGap, ...], done: Acknowledge) -> None:
        quality = None
        if identity.quality is not Quality.GOOD:
            quality = bytes([identity.quality]) * len(message.values)
        poll = Poll(
            self._number,
            identity.time_ms,
            self._epoch,
            identity.tick,
            Lane.MESSAGE,
            message.values,
            message.words,
            quality,
        )
        columns = self._wired.group.columns
        absent = [
            ValueGap(columns[i].point, columns[i].quantity, identity.time_ms, GapReason.INVALID_VALUE, why)
            for i, why in message.invalid
        ]
        ledger = ((self._epoch, self._number, Lane.MESSAGE), self._recognizer.expected)
        self._committer.add(polls=(poll,), gaps=gaps, value_gaps=absent, ledger=ledger, told=done)
        failpoint("message-taken")

    def _hole(self, silence: Silence) -> PollGap:
        """Without numbers how many messages are missing is not known: the gap has no ticks."""
        silent_s, usual_s = (silence.end_ms - silence.start_ms) / 1000, silence.usual_ms / 1000
        why = f"no message for {silent_s:.0f} s, where one came every {usual_s:.0f} s"
        expected = self._recognizer.expected
        return self._gap(expected, 0, silence.start_ms, silence.end_ms, GapReason.SEQ_HOLE, why)

    def _gap(self, first: int, ticks: int, start_ms: int, end_ms: int, reason: GapReason, detail: str = "") -> PollGap:
        return PollGap(self._number, self._epoch, Lane.MESSAGE, first, ticks, start_ms, end_ms, reason, None, detail)
