"""Which registers a device refuses, found out by halving a refused request, one small request a tick (pure).

A block across a hole is refused whole although both its ends can be read (QUIRKS 2.1: Siemens, Huawei, Lovato). What
was found holds for every device of that model and firmware, and is kept with the readings.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from collector.fields import Span
from metering.reading import Block

REFUSALS = frozenset({2, 3})  # illegal data address, illegal data value: Modbus application protocol 7
PATIENCE = 3  # refusals of the same request before it is looked into


@dataclass(frozen=True, slots=True)
class Learned:
    """What is known of a model: requests must not run across a cut, and refused registers are not asked for."""

    profile: str
    profile_hash: str
    firmware: str = ""  # "" where the model does not tell
    devices: tuple[str, ...] = ()  # that showed it
    cuts: tuple[tuple[int, int], ...] = ()  # (function, address): a request ends before it or starts at it
    refused: tuple[Span, ...] = ()

    def holds_for(self, profile: str, profile_hash: str, device: str) -> bool:
        """Whether it is known of this device."""
        same = (profile, profile_hash) == (self.profile, self.profile_hash)
        return same and (not self.firmware or device in self.devices)

    def with_more(self, other: "Learned") -> "Learned":
        """Both together."""
        return Learned(
            self.profile, self.profile_hash, self.firmware, tuple(sorted({*self.devices, *other.devices})),
            tuple(sorted({*self.cuts, *other.cuts})), tuple(sorted({*self.refused, *other.refused})),
        )  # fmt: skip


class Inquiry:
    """Finds the largest runs of a refused block's values that the device does answer."""

    def __init__(self, spans: Iterable[Span], block: Block) -> None:
        """`spans` are the values in the block, each of which must be read whole."""
        inside = {s for s in spans if s.function == block.function and block.address <= s.start
                  and s.end <= block.address + block.count}  # fmt: skip
        self._spans = sorted(
            s for s in inside if not any(o != s and o.start <= s.start and s.end <= o.end for o in inside)
        )
        count = len(self._spans)
        self._refused_runs = {(0, count)}
        self._todo = [(0, count // 2), (count // 2, count)] if count > 1 else []
        self._runs: list[tuple[int, int]] = []
        self.refused: list[Span] = list(self._spans) if count == 1 else []

    @property
    def answered(self) -> bool:
        """True where anything at all was answered."""
        return bool(self._runs)

    def next(self) -> Block | None:
        """The request to try now; None when all is known."""
        run = self._run()
        if run is None:
            return None
        first, last = self._spans[run[0]], self._spans[run[1] - 1]
        return Block(first.function, first.start, last.end - first.start)

    def told(self, *, accepted: bool) -> None:
        """Take what the device said to the last request."""
        run = self._run()
        if run is None:
            return
        joining = not self._todo
        if not joining:
            self._todo.remove(run)
        if accepted:
            self._runs = sorted([r for r in self._runs if not (run[0] <= r[0] and r[1] <= run[1])] + [run])
        else:
            self._refused_runs.add(run)
            if not joining:
                self._halve(run)

    def learned(self) -> tuple[tuple[tuple[int, int], ...], tuple[Span, ...]]:
        """The cuts and the refused registers."""
        starts = [self._spans[run[0]] for run in self._runs[1:]]
        return tuple((span.function, span.start) for span in starts), tuple(sorted(self.refused))

    def _halve(self, run: tuple[int, int]) -> None:
        first, last = run
        if last - first == 1:
            self.refused.append(self._spans[first])
            return
        middle = (first + last) // 2
        self._todo += [(first, middle), (middle, last)]

    def _run(self) -> tuple[int, int] | None:
        """What to try: first the halves, then whether neighbours can be read together after all."""
        if self._todo:
            return self._todo[0]
        for left, right in pairwise(self._runs):
            joined = (left[0], right[1])
            if left[1] == right[0] and joined not in self._refused_runs:
                return joined
        return None


def _holds(outer: Span, inner: Span) -> bool:
    return outer != inner and outer.start <= inner.start and inner.end <= outer.end


def cut_areas(areas: Iterable[Span], cuts: Sequence[tuple[int, int]]) -> tuple[Span, ...]:
    """Areas split where no request may run across."""
    found = []
    for area in areas:
        at = sorted({c for function, c in cuts if function == area.function and area.start < c < area.end})
        bounds = [area.start, *at, area.end]
        found += [Span(area.function, a, b) for a, b in pairwise(bounds)]
    return tuple(found)
