"""The newest polls as they were made durable: whoever sends them on need not read them back from the store."""

import threading
from collections import deque
from collections.abc import Sequence
from typing import Final

from metering.reading import Poll

MOST_VALUES: Final = 150_000  # a second and a half of the most that is read; older ones are in the store


class Recent:
    """What the last commits wrote, in order of sequence number; put by one thread, taken by others."""

    def __init__(self, most_values: int = MOST_VALUES) -> None:
        self._lock = threading.Lock()
        self._most_values, self._values = most_values, 0
        self._kept: deque[tuple[int, Sequence[Poll]]] = deque()  # (number of the first one, polls)
        self.last_seq = 0  # of the last commit; 0 before the first

    def put(self, last_seq: int, polls: Sequence[Poll], *, known: bool) -> None:
        """Note a commit; where it is not `known` which of its polls were written, only the store tells."""
        with self._lock:
            if known and polls:
                self._kept.append((last_seq - len(polls) + 1, polls))
                self._values += _values(polls)
            while self._kept and self._values > self._most_values:
                self._values -= _values(self._kept.popleft()[1])
            self.last_seq = last_seq

    def between(self, first: int, last: int) -> list[tuple[int, Poll]] | None:
        """The polls of [first, last] with their numbers; None where not every one of them is kept."""
        with self._lock:
            kept = [(low, polls) for low, polls in self._kept if low <= last and low + len(polls) > first]
        found: list[tuple[int, Poll]] = []
        for low, polls in kept:
            cut = polls[max(first - low, 0) : last - low + 1]
            found += enumerate(cut, max(first, low))
        return found if len(found) == last - first + 1 else None


def _values(polls: Sequence[Poll]) -> int:
    return sum(len(poll.values) for poll in polls)
