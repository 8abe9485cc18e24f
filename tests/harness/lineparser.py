"""A strict line protocol parser of its own, after the InfluxDB v2 reference; what it does not know it refuses."""

import re
from dataclasses import dataclass

Scalar = float | int | str | bool
Series = tuple[str, tuple[tuple[str, str], ...]]  # (measurement, sorted tags)

KEY = r"(?:\\[,= ]|[^,= \\\n\r])+"
NAME = r"(?![#_])(?:\\[, ]|[^, \\\n\r])+"
NUMBER = r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
VALUE = rf'(?:-?\d+i|{NUMBER}|true|false|"(?:\\["\\]|[^"\\\n\r])*")'
TAG = re.compile(rf",({KEY})=({KEY})")
FIELD = re.compile(rf"(?:^|,)({KEY})=({VALUE})")
LINE = re.compile(rf"({NAME})((?:,{KEY}={KEY})*) ({KEY}={VALUE}(?:,{KEY}={VALUE})*) (-?\d+)")
ESCAPED = re.compile(r"\\([,= ])")


@dataclass(frozen=True)
class Point:
    """One line."""

    series: Series
    fields: dict[str, Scalar]
    time: int


class BadLineError(ValueError):
    """A line that is not line protocol."""


def parse(line: str) -> Point:
    """One line without its newline."""
    found = LINE.fullmatch(line)
    if not found:
        raise BadLineError(f"unable to parse '{line}': not line protocol with a timestamp")
    tags = [(unescape(k), unescape(v)) for k, v in TAG.findall(found[2])]
    fields = [(unescape(k), scalar(v)) for k, v in FIELD.findall(found[3])]
    for kind, pairs in (("tag", tags), ("field", fields)):
        if len({key for key, _ in pairs}) != len(pairs):
            raise BadLineError(f"unable to parse '{line}': duplicate {kind}s")
    if any(key == "time" for key, _ in tags + fields):
        raise BadLineError(f"unable to parse '{line}': \"time\" is reserved")
    return Point((unescape(found[1]), tuple(sorted(tags))), dict(fields), int(found[4]))


def unescape(text: str) -> str:
    """The text that was escaped."""
    return ESCAPED.sub(r"\1", text)


def scalar(text: str) -> Scalar:
    """A field value."""
    match text[-1]:
        case "i":
            return int(text[:-1])
        case '"':
            return re.sub(r"\\(.)", r"\1", text[1:-1])
        case "e":
            return text == "true"
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise BadLineError(f"unable to parse '{text}': out of range")
    return value


def type_name(value: Scalar) -> str:
    """InfluxDB's name for a value's type."""
    return {bool: "boolean", int: "integer", str: "string", float: "float"}[type(value)]
