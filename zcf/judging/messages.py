"""MQTT messages: their counters as exact integers, and how many were sent, stored and missed."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from collector.points import MqttPoint
from collector.profile import DeviceProfile
from metering.quantity import Kind, printed_unit, quantity
from metering.reading import INT64_MAX, MICRO, Lane
from metering.site import MeteringPoint
from metering.store.readings_reader import Epoch, ReadingsReader
from zcf.judging.truth import Message, pointed
from zcf.judging.words import seen_from

CONNECTING_MS = 2_000  # what is sent while a collector subscribes, or in its last moment, may miss it
UNDER_WAY_MS = 1_000


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
    """Messages sent to a listening collector, stored, and noted as missed."""

    sent: int
    stored: int
    gap: int

    @property
    def right(self) -> bool:
        """Whether none was lost without a note, and none invented."""
        return self.stored <= self.sent <= self.stored + self.gap

    def body(self) -> dict[str, int]:
        """As JSON."""
        return {"sent": self.sent, "stored": self.stored, "gap": self.gap}


def count_messages(reader: ReadingsReader, sent: Sequence[Message], unclaimed: Sequence[Message]) -> Messages:
    """Messages while a collector listened; `unclaimed` are those that no stored reading came from."""
    counts = [pair for (_, lane), pair in reader.counts().items() if lane is Lane.MESSAGE]
    spans = list(_listening(reader.epochs()))
    lost = sum(any(a <= m.time_ms < b for a, b in spans) for m in unclaimed)
    return Messages(len(sent) - len(unclaimed) + lost, sum(read for read, _ in counts), sum(gap for _, gap in counts))


def _listening(epochs: Sequence[Epoch]) -> Iterator[tuple[int, int]]:
    """When a message could not but arrive [ms UTC]."""
    for epoch in epochs:
        if epoch.stop_ms is not None:
            yield epoch.start_ms + CONNECTING_MS, epoch.stop_ms - UNDER_WAY_MS
