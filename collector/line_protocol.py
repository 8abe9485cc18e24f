"""Polls -> InfluxDB line protocol, made at send: one line a metering point, printed through a template a poll group.

The schema is docs/influxdb-schema.md. Every field is a number: VictoriaMetrics, for one, stores a string as 0.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final

import orjson

from metering.quantity import Kind, quantity
from metering.reading import MICRO, Poll, PollGroup, StoredPoll
from metering.site import MeteringPoint, Role

QUALITY: Final = "_quality"  # <quantity>_quality: an int field beside a value that is not GOOD
UNLISTED: Final = "unlisted"  # the measurement of a point that the site file no longer names

_DOMAINS: Final[Mapping[Role, str]] = {Role.AMBIENT: "weather", Role.PRODUCT: "product"}
_CARRIERS: Final[Mapping[Role, str]] = {Role.AIR: "compressed_air", Role.COOLING: "cold"}  # where it is left at default
# A backslash before a comma, and a control character, are read differently by InfluxDB 1, 2 and VictoriaMetrics.
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\\]")


def plain(text: str) -> str:
    """The text as every store reads it back alike: a backslash becomes a slash, control characters blanks."""
    return _UNSAFE.sub(lambda found: "/" if found[0] == "\\" else " ", text)


def escape(text: str, *, measurement: bool = False) -> str:
    """A measurement, tag value or key as line protocol writes it (InfluxDB v2 reference, "Special characters")."""
    found = plain(text).replace(",", r"\,").replace(" ", r"\ ")
    return found if measurement else found.replace("=", r"\=")


def measurement(point: MeteringPoint | None) -> str:
    """The measurement of a metering point: the domain its role stands for, else its carrier."""
    if point is None:
        return UNLISTED
    carrier = point.carrier if point.carrier != "electricity" else _CARRIERS.get(point.role, "electricity")
    found = plain(_DOMAINS.get(point.role, carrier))
    return found.lstrip("#_ ") or UNLISTED  # "#" opens a comment, "_" is InfluxDB's own


def tags(site: str, point_id: str, point: MeteringPoint | None) -> dict[str, str]:
    """The tags of a metering point, all from the site file and so bounded; empty ones are left out."""
    found = {"point": point_id, "site": site}
    if point is not None:
        found |= {"area": point.area, "end_use": point.end_use, "equipment": point.equipment, "role": point.role.value}
    return {key: text for key in sorted(found) if (text := plain(found[key]).strip())}


def prefix(site: str, point_id: str, point: MeteringPoint | None) -> str:
    """The series part of a metering point's lines."""
    listed = "".join(f",{key}={escape(text)}" for key, text in tags(site, point_id, point).items())
    return escape(measurement(point), measurement=True) + listed


AnyPoll = Poll | StoredPoll
_AT_ONCE: Final = 50  # polls


def _whole(values: tuple[Any, ...]) -> bool:
    """True where every value is there and finite; looking for None one by one would cost more than the sum."""
    try:
        return math.isfinite(sum(values))
    except TypeError:
        return False


class GroupLines:
    """How the polls of one group are printed.

    Every number is the shortest decimal that reads back as the same double, wherever it is read. Of a counter (micro /
    1e6) that is its very decimal, and round(double x 1e6) gives its integer, for |x| < 2**32 [unit].
    """

    def __init__(self, site: str, group: PollGroup, points: Mapping[str, MeteringPoint]) -> None:
        self._names = [column.quantity for column in group.columns]
        self._whole = tuple(quantity(c.quantity).kind is not Kind.GAUGE for c in group.columns)
        self._counters = [index for index, whole in enumerate(self._whole) if whole]
        self._by_point: dict[str, list[int]] = {}
        for index, column in enumerate(group.columns):
            self._by_point.setdefault(column.point, []).append(index)
        self._prefix = {p: prefix(site, p, points.get(p)) for p in self._by_point}
        order = [i for indexes in self._by_point.values() for i in (*indexes, len(group.columns))]
        self._as_given = order == [*range(len(order))] and not self._counters
        self._ordered = itemgetter(*order)
        self.first, *self.others = map(_encoded, self._between())

    def _between(self) -> list[str]:
        """What stands before each number and behind the last, with an empty place for every number."""
        text = [""]
        for point, indexes in self._by_point.items():
            text[-1] += f"{self._prefix[point]} "
            for index in indexes:
                text[-1] += f"{self._names[index]}="
                text += ["", ","]
            text[-1] = " "
            text += ["", "\n"]
        return text

    def lines(self, poll: AnyPoll) -> str:
        """A poll as whole lines, each with its newline; empty where the poll holds no value."""
        return printed([(self, poll)]).decode()

    def numbers(self, poll: AnyPoll) -> Sequence[Any] | None:
        """What stands in the places between `first` and `others`; None where values are missing or doubtful."""
        values: tuple[Any, ...] = poll.values
        if poll.quality is not None or not _whole(values):
            return None
        row = [*values, poll.time_ms]
        if self._as_given:
            return row
        for index in self._counters:
            row[index] /= MICRO
        found: tuple[Any, ...] = self._ordered(row)
        return found

    def sparse(self, poll: AnyPoll) -> Iterator[str]:
        """The lines of a poll without what is missing, and with the grades of what is doubtful."""
        for point, indexes in self._by_point.items():
            fields = [text for i in indexes if (text := self._field(poll, i))]
            if fields:
                yield f"{self._prefix[point]} {','.join(fields)} {poll.time_ms}\n"

    def _field(self, poll: AnyPoll, index: int) -> str:
        value, name = poll.values[index], self._names[index]
        if value is None or not math.isfinite(value):
            return ""
        text = orjson.dumps(value / MICRO if self._whole[index] else value).decode()
        grade = poll.quality[index] if poll.quality else 0
        return f"{name}={text},{name}{QUALITY}={grade}i" if grade else f"{name}={text}"


@lru_cache(maxsize=4096)
def _encoded(text: str) -> bytes:
    """The same object for the same text: thousands of devices have one model's quantities."""
    return text.encode()


def printed(polls: Iterable[tuple[GroupLines, AnyPoll]]) -> bytes:
    """Polls as whole lines; their numbers are printed all at once, which takes half the time."""
    text, numbers = [b""], list[Any]()
    for lines, poll in polls:
        row = lines.numbers(poll)
        if row is None:
            text[-1] += "".join(lines.sparse(poll)).encode()
        else:
            text[-1] += lines.first
            text += lines.others
            numbers += row
    if numbers:
        text[1::2] = orjson.dumps(numbers)[1:-1].split(b",")
    return b"".join(text)


def body(polls: Sequence[tuple[GroupLines, AnyPoll]]) -> bytes:
    """Many polls as they are sent; so many at a time as a processor's cache holds: all at once would take longer."""
    parts = (polls[at : at + _AT_ONCE] for at in range(0, len(polls), _AT_ONCE))
    return b"".join([printed(part) for part in parts])
