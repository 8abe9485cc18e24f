"""Lines of some polls to one sink, sent as a batch; a refused batch is halved until its bad lines stand alone."""

from collections.abc import Callable
from typing import Final, Protocol

from collector.delivery import Answer, Verdict, dropped, reason, verdict
from collector.parcel import Line, Parcel

BATCH_POLLS: Final = 500
MOST_BAD: Final = 20  # more bad lines in a batch than this may be a bad setting: it is kept, and tried again later

BadLine = tuple[int, str, str, int]  # (seq, line, reason, at_ms)


class Sink(Protocol):
    """Where readings go."""

    name: str

    def send(self, body: bytes) -> Answer:
        """Write a body of line protocol with times in ms; never raises for what the server or the network does."""
        ...

    def close(self) -> None:
        """Drop the connections; the next send makes new ones."""
        ...


class Interrupted(Exception):  # noqa: N818 - the server's answer ends a batch, nothing failed here
    """The server takes nothing now."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.detail)
        self.answer = answer


class Refused(Interrupted):
    """The server takes other batches, but not this one."""


class Courier:
    """Carries batches to a sink; knows how large a batch gets through, and whether anything ever did."""

    def __init__(self, sink: Sink, now_ms: Callable[[], int]) -> None:
        self.sink, self.now_ms = sink, now_ms
        self.batch = BATCH_POLLS  # [polls]
        self.turns = 0  # answers seen
        self._taken = False

    def carry(self, parcel: Parcel, most_bad: int | None = MOST_BAD) -> list[BadLine]:
        """Send some polls; the bad lines are returned, the others are stored.

        Refused where more are bad than `most_bad` (None = however many), or where the sink has not taken one line yet.
        """
        answer = self._send(parcel.body)
        if answer is None:
            return []
        bad: list[BadLine] = []
        self._isolate(parcel.lines(), answer, bad, most_bad)
        if not self._taken:
            raise Refused(answer)
        return bad

    def _isolate(self, lines: list[Line], answer: Answer, bad: list[BadLine], most_bad: int | None) -> None:
        """Halve what was not taken until the bad lines stand alone; the good ones are taken on the way."""
        self._taken = self._taken or 0 < dropped(answer) < len(lines)
        if len(lines) == 1 or dropped(answer) == len(lines):
            if most_bad is not None and len(bad) + len(lines) > most_bad and not _too_old(answer):
                raise Refused(answer)
            bad += [(seq, line.rstrip("\n"), reason(answer), self.now_ms()) for seq, line in lines]
            return
        middle = len(lines) // 2
        for half in (lines[:middle], lines[middle:]):
            again = self._send("".join(line for _, line in half).encode())
            if again is not None:
                self._isolate(half, again, bad, most_bad)

    def _send(self, body: bytes) -> Answer | None:
        """None where all was taken, the answer where it must be halved; Interrupted where the server takes nothing."""
        answer = self.sink.send(body) if body else Answer(204)
        self.turns += 1
        match verdict(answer):
            case Verdict.DELIVERED:
                self._taken = self._taken or bool(body)
                self.batch = min(self.batch + self.batch // 4 + 1, BATCH_POLLS)
                return None
            case Verdict.TOO_LARGE:
                self.batch = max(self.batch // 2, 1)
                return answer
            case Verdict.REJECTED:
                return answer
        if answer.timed_out:  # on a thin line a smaller batch gets through where a larger one timed out
            self.batch = max(self.batch // 2, 1)
        raise Interrupted(answer)


def _too_old(answer: Answer) -> bool:
    """True for lines beyond the bucket's retention: a whole batch of a backlog may be, and no setting mends it."""
    return reason(answer).startswith("retention")
