"""The JSON messages of a simulated MQTT device: its profile's pointers, filled with what its node has (pure)."""

import json
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from collector.exact import Value
from collector.points import MqttPoint
from metering.reading import MICRO


class Message:
    """What a device publishes on one topic."""

    def __init__(self, topic: str, points: Iterable[MqttPoint]) -> None:
        self.topic = topic
        self.points = tuple(points)
        self._stamps = {(p.time, p.time_unit) for p in self.points if p.time}
        self._sequences = {p.sequence for p in self.points if p.sequence}

    def payload(self, values: Mapping[str, Value], time_ms: int, sequence: int) -> bytes:
        """The message at an instant; a quantity without a value is left out, as Shelly does."""
        document: dict[str, Any] = {}
        for pointer, unit in self._stamps:
            _put(document, pointer, time_ms if unit == "ms" else time_ms / 1000)
        for pointer in self._sequences:
            _put(document, pointer, sequence)
        for point in self.points:
            if (value := values.get(point.quantity)) is not None:
                _put(document, point.pointer, printed(point, value))
        return json.dumps(document, separators=(",", ":")).encode()


def messages(base: str, points: Iterable[MqttPoint]) -> tuple[Message, ...]:
    """One message a topic, in the profile's order."""
    points = tuple(points)
    topics = dict.fromkeys(p.topic for p in points)
    return tuple(Message(t.replace("{base}", base), [p for p in points if p.topic == t]) for t in topics)


def printed(point: MqttPoint, value: float) -> int | float | str:
    """A value as the device prints it: counters cut to its decimals, gauges rounded."""
    digits: int = 10**point.decimals
    if point.counter:
        count = (Fraction(int(value), MICRO) - point.offset * point.unit_factor) / point.factor * digits
        whole = count.numerator // count.denominator
    else:
        whole = round((value - float(point.offset * point.unit_factor)) / float(point.factor) * float(digits))
    texts = {code: text for text, code in point.codes.items()}
    if whole in texts:
        return texts[whole]
    return whole if point.decimals == 0 else whole / digits


def _put(document: dict[str, Any], pointer: str, value: Any) -> None:
    """Set the value at a JSON pointer (RFC 6901), making the objects on the way."""
    *path, last = (part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/"))
    for part in path:
        document = document.setdefault(part, {})
    document[last] = value
