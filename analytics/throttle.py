"""How often one may ask: a bucket of requests a caller, and failed log-ins counted by address and by token."""

from collections import OrderedDict, deque
from collections.abc import Callable

RATE, BURST = 20.0, 60.0  # requests a second, and at once
MOST_KNOWN = 1_000  # callers remembered; the one longest unseen is forgotten first
BY_ADDRESS, BY_TOKEN = (10, 60.0), (20, 3_600.0)  # failures, within [s]


class Buckets:
    """A token bucket for each caller."""

    def __init__(self, monotonic: Callable[[], float], rate: float = RATE, burst: float = BURST) -> None:
        self._monotonic, self._rate, self._burst = monotonic, rate, burst
        self._held: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, caller: str) -> float:
        """0 when the request may pass, which it then has; else how long until one may [s]."""
        now = self._monotonic()
        left, at = self._held.pop(caller, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._rate)
        passes = left >= 1
        self._held[caller] = (left - 1 if passes else left, now)
        while len(self._held) > MOST_KNOWN:
            self._held.popitem(last=False)
        return 0.0 if passes else (1 - left) / self._rate


class Failures:
    """Failed log-ins within a window; too many, and even a good token has to wait."""

    def __init__(self, monotonic: Callable[[], float], most: int, within_s: float) -> None:
        self._monotonic, self._most, self._within = monotonic, most, within_s
        self._known: OrderedDict[str, deque[float]] = OrderedDict()

    def add(self, who: str) -> None:
        """One more."""
        times = self._known.pop(who, deque(maxlen=self._most))
        times.append(self._monotonic())
        self._known[who] = times
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)

    def wait_s(self, who: str) -> float:
        """How long this one has to wait [s]; 0 for not at all."""
        times = self._known.get(who)
        if times is None or len(times) < self._most:
            return 0.0
        return max(0.0, times[0] + self._within - self._monotonic())
