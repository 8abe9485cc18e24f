"""What a sink's answer means, how long to wait after it, and which polls are still to be sent; no input, no output."""

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum, auto

RETRY_AFTER_S = (1.0, 600.0)  # the least and the most of a server's Retry-After that is honoured
BACK_OFF_S = (0.5, 30.0)
PAUSE_S = 60.0
_DROPPED = re.compile(r"\bdropped=(\d+)")
_RETENTION = re.compile(r"retention (policy|period)")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said to one write; status 0 = it did not answer."""

    status: int
    detail: str = ""
    retry_after: str = ""
    timed_out: bool = False


def dropped(answer: Answer) -> int:
    """How many lines a partial write left out, where the server counts them; the others are stored."""
    found = _DROPPED.search(answer.detail)
    return int(found[1]) if found else 0


def reason(answer: Answer) -> str:
    """Why a line was refused, beginning with the word people look for where it is too old for the bucket."""
    kind = "retention: " if _RETENTION.search(answer.detail) else ""
    return f"{kind}{answer.status} {answer.detail}"


class Verdict(Enum):
    """What an answer means for the readings sent."""

    DELIVERED = auto()
    RETRY = auto()  # the server is ill or busy: the same again, later
    PAUSE = auto()  # a person must mend something; keep everything and look once a minute
    REJECTED = auto()  # some line is bad
    TOO_LARGE = auto()


def verdict(answer: Answer) -> Verdict:
    """204 and nothing else is delivery: a captive portal says 200; after a 301 the token would go elsewhere."""
    match answer.status:
        case 204:
            return Verdict.DELIVERED
        case 400 | 422:
            return Verdict.REJECTED
        case 500 if "partial write" in answer.detail:  # a field type conflict in some builds of InfluxDB 2
            return Verdict.REJECTED
        case 413:
            return Verdict.TOO_LARGE
        case 0 | 408 | 429:
            return Verdict.RETRY
        case status if status >= 500:
            return Verdict.RETRY
    return Verdict.PAUSE


def asked_wait(retry_after: str, now_s: float) -> float | None:
    """A Retry-After header as seconds within the limits honoured (RFC 9110, 10.2.3); None where it says nothing."""
    try:
        seconds = float(int(retry_after))
    except ValueError:
        try:
            seconds = parsedate_to_datetime(retry_after).timestamp() - now_s
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(seconds, RETRY_AFTER_S[0]), RETRY_AFTER_S[1])


class BackOff:
    """Waits that double while a server stays away, each with jitter so that many gateways do not come back at once."""

    def __init__(self) -> None:
        self._failures = 0
        self._random = random.SystemRandom()

    def reset(self) -> None:
        """The server took something."""
        self._failures = 0

    def wait(self, answer: Answer, now_s: float) -> float:
        """How long to leave the server alone after this answer [s]."""
        if verdict(answer) is Verdict.PAUSE:
            return PAUSE_S
        asked = asked_wait(answer.retry_after, now_s)
        if asked is not None:
            return min(asked * self._random.uniform(1.0, 1.1), RETRY_AFTER_S[1])
        longest: float = min(BACK_OFF_S[0] * 2 ** min(self._failures, 10), BACK_OFF_S[1])
        self._failures += 1
        return longest * self._random.uniform(0.5, 1.0)


class Pending:
    """Which sequence numbers a sink still has to get: what is new, and behind it the holes, oldest first.

    A hole opens where so much has gathered that the newest readings would wait for all of it.
    """

    def __init__(self, delivered: Iterable[tuple[int, int]]) -> None:
        self.live = 0  # everything up to here is delivered or lies in a hole
        self.holes: list[tuple[int, int]] = []
        for first, last in sorted(delivered):
            if first > self.live + 1:
                self.holes.append((self.live + 1, first - 1))
            self.live = max(self.live, last)

    def advance(self, head: int, tail: int) -> None:
        """The store now goes up to `head`: all but its last `tail` polls become a hole where there are more."""
        if head - self.live > tail:
            self._open(self.live + 1, head - tail)
            self.live = head - tail

    def postpone(self, first: int, last: int) -> None:
        """Try this range again after every other one."""
        self.take(first, last)
        self.holes.append((first, last))

    def take(self, first: int, last: int) -> None:
        """A range is delivered; it starts where the live lane or a hole starts."""
        if first == self.live + 1:
            self.live = last
            return
        cut = ((last + 1, high) if low == first else (low, high) for low, high in self.holes)
        self.holes = [(low, high) for low, high in cut if low <= high]

    def count(self, head: int) -> int:
        """How many sequence numbers are not delivered."""
        return head - self.live + sum(high - low + 1 for low, high in self.holes)

    def _open(self, first: int, last: int) -> None:
        if self.holes and self.holes[-1][1] + 1 == first:
            first = self.holes.pop()[0]
        self.holes.append((first, last))
