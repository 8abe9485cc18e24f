"""MQTT messages: their counters as exact integers, and how many were sent, stored and missed."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from collector.points import MqttPoint
from collector.profile import DeviceProfile
from metering.quantity import Kind, printed_unit, quantity
from metering.reading import INT64_MAX, MICRO, Lane, PollGap, PollGroup
from metering.site import MeteringPoint
from metering.store.readings_reader import Epoch, ReadingsReader
from zcf.judging.truth import Message, pointed
from zcf.judging.words import seen_from

CONNECTING_MS = 2_000  # what is sent while a collector subscribes, or in its last moment, may miss it
UNDER_WAY_MS = 1_000

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Printed:
    """A counter as it stands in a JSON message, or in the list of a message's numbers that is stored of it."""

    pointer: str
    column: int
    factor: Fraction  # [unit per 1 in the message]
    offset: Fraction  # [unit]
    step: Fraction  # the worth of the last printed digit [unit]

    def micro(self, words: bytes) -> int | None:
        """The reading [1e-6 unit], rounded half to even; None where the message holds none."""
        document: Any = json.loads(words, parse_float=str, parse_int=str)
        told = document[self.column] if isinstance(document, list) else pointed(document, self.pointer)
        try:
            micro = round((Fraction(told) * self.factor + self.offset) * MICRO)
        except (TypeError, ValueError):
            return None
        return micro if 0 <= micro <= INT64_MAX else None


def printed_counters(profile: DeviceProfile, point: MeteringPoint, names: Sequence[str]) -> Mapping[str, Printed]:
    """The counters among some quantities of a metering point."""
    by_name = {seen_from(point, p.quantity): p for p in profile.messages}
    return {
        name: _printed(by_name[name], point, column)
        for column, name in enumerate(names)
        if quantity(name).kind is Kind.COUNTER and name in by_name
    }


def pointers_of(profile: DeviceProfile, point: MeteringPoint, names: Sequence[str]) -> tuple[str, ...]:
    """Where each quantity of a metering point stands in its message."""
    by_name = {seen_from(point, p.quantity): p.pointer for p in profile.messages}
    return tuple(by_name[name] for name in names)


def _printed(told: MqttPoint, point: MeteringPoint, column: int) -> Printed:
    unit = printed_unit(told.unit, quantity(told.quantity)) * (point.ct_ratio if told.ct == "secondary" else 1)
    factor = told.scale * unit
    return Printed(told.pointer, column, factor, told.offset * unit, factor / 10**told.decimals)


@dataclass(frozen=True, slots=True)
class Messages:
    """Messages sent to a listening collector, stored, and lost within a gap that says so."""

    sent: int
    stored: int
    gap: int

    @property
    def right(self) -> bool:
        """Whether none was lost without a note, and none invented."""
        return self.sent == self.stored + self.gap

    def body(self) -> dict[str, int]:
        """As JSON."""
        return {"sent": self.sent, "stored": self.stored, "gap": self.gap}


def count_messages(reader: ReadingsReader, unclaimed: Iterable[Message], outages: Iterable[Span]) -> Messages:
    """Messages while a collector listened; `unclaimed` are those that no stored reading came from.

    What a dying broker was given (outages) may have reached nobody, so it is not counted.
    """
    stored = sum(read for (_, lane), (read, _) in reader.counts().items() if lane is Lane.MESSAGE)
    groups, dead = reader.groups(), list(outages)
    gaps = [(groups[gap.group], gap) for gap in reader.gaps(0, 2**62)[0] if gap.lane is Lane.MESSAGE]
    start, stop = _listening(reader.epochs())
    lost = [
        m for m in unclaimed
        if start <= m.time_ms < stop and not any(a <= m.time_ms <= b for a, b in dead)
    ]  # fmt: skip
    noted = sum(any(_says(group, gap, m) for group, gap in gaps) for m in lost)
    return Messages(stored + len(lost), stored, noted)


def _listening(epochs: Sequence[Epoch]) -> Span:
    """From the first subscription to the last stop [ms UTC]; an epoch ends where the next begins."""
    stops = [epoch.stop_ms for epoch in epochs if epoch.stop_ms is not None]
    if not stops:
        return 0, 0
    return epochs[0].start_ms + CONNECTING_MS, max(stops) - UNDER_WAY_MS


def _says(group: PollGroup, gap: PollGap, message: Message) -> bool:
    """Whether a gap speaks of a message: by its number, or by the span in which messages may have been lost."""
    if message.device != group.device or not message.topic.endswith(f"/{group.name}"):
        return False
    by_number = gap.first_tick <= message.sequence < gap.first_tick + gap.ticks
    return by_number or gap.start_ms <= message.time_ms <= gap.end_ms
