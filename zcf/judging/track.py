"""One counter as its device told it: readings, where it turned over or was exchanged, the energy between instants."""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from metering.reading import MICRO, SeriesKey
from zcf.judging.words import Register

QUARTER_MS = 900_000
NEAR = 100  # a fall over all but this part of the modulus is a turn of the wheel
REFRESH_MS = 1_000  # registers are refreshed once a second
EVENT_SLACK_MS = 2_000

IN_DEVICE = frozenset({"stuck", "reset", "rollover", "swap", "nan", "zeros", "drift"})  # what the registers show
JUMPS = frozenset({"reset", "swap"})  # after which no register can tell the energy in between
LIES = frozenset({"zeros"})  # what is shown meanwhile is no reading of the wheel

OpenPair = tuple[int, int, int, int]  # before_ms, before_micro, after_ms, after_micro


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was done to a device or a link on purpose."""

    target: str
    kind: str
    start_ms: int
    end_ms: int
    quantities: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Exchanged:
    """A declared exchange: the old meter's last reading and the new one's first [micro]."""

    time_ms: int
    final: int
    start: int


@dataclass
class Track:
    """The readings of one counter series, oldest first [ms UTC, micro]; `first_live` counts those of the history."""

    key: SeriesKey
    device: str
    register: Register | None  # None: printed decimals
    decimal_step: float = 0.0  # [unit] of a printed one
    times: "array[int]" = field(default_factory=lambda: array("q"))
    values: "array[int]" = field(default_factory=lambda: array("q"))
    first_live: int = 0
    cumulated: "array[int]" = field(default_factory=lambda: array("q"))  # energy since the first reading [micro]
    unlisted: list[OpenPair] = field(default_factory=list)  # jumps that nobody owned up to
    cuts: list[OpenPair] = field(default_factory=list)

    def add(self, time_ms: int, micro: int, *, live: bool) -> None:
        """The next reading."""
        self.times.append(time_ms)
        self.values.append(micro)
        self.first_live += not live

    def sort(self) -> None:
        """Readings by time, whatever the order they were stored in."""
        rows = sorted(zip(self.times, self.values, strict=True))
        self.times, self.values = array("q", (t for t, _ in rows)), array("q", (v for _, v in rows))

    def forget(self, events: Iterable[Event]) -> None:
        """Leave out what a device showed while it lied on purpose."""
        spans = [(e.start_ms, e.end_ms + EVENT_SLACK_MS) for e in events if e.kind in LIES and _concerns(e, self)]
        kept = [i for i, t in enumerate(self.times) if not any(a <= t < b for a, b in spans)]
        self.first_live = sum(i < self.first_live for i in kept)
        self.times = array("q", (self.times[i] for i in kept))
        self.values = array("q", (self.values[i] for i in kept))

    def cumulate(self, events: Sequence[Event], listed: Iterable[OpenPair], exchanges: Sequence[Exchanged]) -> None:
        """Add up the energy between readings; between two that no register connects it is nothing."""
        mine = [event for event in events if event.kind in IN_DEVICE and _concerns(event, self)]
        pairs = set(listed)
        total, self.cumulated = 0, array("q", [0] if self.times else [])
        for index in range(1, len(self.times)):
            total += self._between(index - 1, mine, pairs, exchanges)
            self.cumulated.append(total)

    def _between(self, i: int, events: Sequence[Event], listed: set[OpenPair], exchanges: Sequence[Exchanged]) -> int:
        before, after, rise = self.times[i], self.times[i + 1], self.values[i + 1] - self.values[i]
        if not events and not exchanges and rise >= 0:
            return rise
        for one in exchanges:
            if before < one.time_ms <= after:
                return one.final - self.values[i] + self.values[i + 1] - one.start
        pair = (before, self.values[i], after, self.values[i + 1])
        kinds = {e.kind for e in events if before < e.end_ms + EVENT_SLACK_MS and e.start_ms <= after}
        if rise < 0 and (turned := self._turned(rise)) is not None:
            return turned
        if kinds and pair in listed:
            self.cuts.append(pair)
            return 0
        jumped = any(e.kind in JUMPS and before < e.start_ms <= after - REFRESH_MS for e in events)
        if rise < 0 or jumped:
            self.unlisted.append(pair)
            return 0
        return rise

    def _turned(self, rise: int) -> int | None:
        """The energy of a fall that is a turn of the wheel [micro]."""
        modulus = self.register.modulus if self.register else None
        if modulus is None:
            return None
        whole = int(modulus * MICRO)
        return rise + whole if 0 <= rise + whole <= whole // NEAR else None

    def step_micro(self) -> float:
        """The register's smallest change at its last reading [micro]."""
        if self.register is None:
            return self.decimal_step * MICRO
        return float(self.register.step(self.values[-1]) * MICRO)

    def at(self, time_ms: int) -> int:
        """Energy since the first reading, up to an instant [micro]; between readings in proportion, halves up."""
        i = bisect_right(self.times, time_ms) - 1
        if i < 0:
            return 0
        if i == len(self.times) - 1 or self.times[i] == time_ms:
            return self.cumulated[i]
        gap, rise = self.times[i + 1] - self.times[i], self.cumulated[i + 1] - self.cumulated[i]
        return self.cumulated[i] + (2 * rise * (time_ms - self.times[i]) + gap) // (2 * gap)

    def bounds(self, time_ms: int) -> tuple[int, int]:
        """What it may be at an instant: one value, but in a gap of quarter-hours, placed by a profile."""
        i = bisect_right(self.times, time_ms) - 1
        if 0 <= i < len(self.times) - 1 and self.times[i] != time_ms:
            whole = -(-self.times[i] // QUARTER_MS) * QUARTER_MS + QUARTER_MS
            if whole <= self.times[i + 1]:
                return self.cumulated[i], self.cumulated[i + 1]
        return self.at(time_ms), self.at(time_ms)

    def owned(self, pair: OpenPair, events: Iterable[Event]) -> bool:
        """Whether something done to the device on purpose explains an open item."""
        before, _, after, _ = pair
        return any(
            _concerns(e, self) and before < e.end_ms + EVENT_SLACK_MS and e.start_ms <= after + EVENT_SLACK_MS
            for e in events
            if e.kind in IN_DEVICE
        )

    def border(self) -> int:
        """The last history reading on a quarter-hour [index]; -1 without one."""
        i = self.first_live - 1
        while i >= 0 and self.times[i] % QUARTER_MS:
            i -= 1
        return i


def _concerns(event: Event, track: Track) -> bool:
    return event.target == track.device and (not event.quantities or track.key[1] in event.quantities)


def open_pairs(items: Iterable[tuple[SeriesKey, Mapping[str, Mapping[str, int]]]]) -> dict[SeriesKey, set[OpenPair]]:
    """The open items of the results as pairs of readings."""
    found: dict[SeriesKey, set[OpenPair]] = {}
    for key, body in items:
        before, after = body["before"], body["after"]
        pair = (before["time_ms"], before["micro"], after["time_ms"], after["micro"])
        found.setdefault(key, set()).add(pair)
    return found
