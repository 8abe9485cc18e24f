"""The few InfluxQL statements the product asks, answered from a double's rows; any other statement is an error."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.harness.lineparser import Scalar, Series, type_name

Rows = Mapping[Series, Mapping[str, Mapping[int, Scalar]]]  # series -> field -> time [ns] -> value

IDENTIFIER = r'"((?:[^"\\\n]|\\["\\])+)"'
SELECT = re.compile(
    rf"SELECT (?:(first|last)\({IDENTIFIER}\)|{IDENTIFIER}), {IDENTIFIER} FROM /\.\+/ WHERE (.+) GROUP BY \"point\""
)
COUNTED = re.compile(
    rf"SELECT count\({IDENTIFIER}\), min\({IDENTIFIER}\), max\({IDENTIFIER}\) FROM /\.\+/ WHERE (.+) "
    r'GROUP BY "point", time\((\d+)ms\) fill\(none\)'
)
EQUAL = re.compile(rf"{IDENTIFIER} = \$(\w+)")
TIME = re.compile(r"time (>=|<|>) (-?\d+)ms")
MS = 1_000_000


def answer(rows: Rows, text: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """The body of /query for statements divided by semicolons, times as epoch=ms."""
    return {"results": [{"statement_id": n, **_one(rows, s.strip(), params)} for n, s in enumerate(text.split(";"))]}


def _one(rows: Rows, statement: str, params: Mapping[str, Any]) -> dict[str, Any]:
    try:
        if statement == "SHOW FIELD KEYS":
            series = list(_field_keys(rows))
        elif found := COUNTED.fullmatch(statement):
            series = list(_counted(rows, found, _conditions(found[4], params)))
        elif found := SELECT.fullmatch(statement):
            series = list(_select(rows, found, _conditions(found[5], params)))
        else:
            raise ValueError(f"error parsing query: found {statement[:40]}, expected what the product asks")
    except (ValueError, KeyError) as error:
        return {"error": str(error)}
    return {"series": series} if series else {}


def _field_keys(rows: Rows) -> Iterator[dict[str, Any]]:
    found: dict[str, dict[str, str]] = {}
    for (measurement, _), fields in rows.items():
        for name, values in fields.items():
            found.setdefault(measurement, {})[name] = type_name(next(iter(values.values())))
    for measurement, types in sorted(found.items()):
        values = [list(item) for item in sorted(types.items())]
        yield {"name": measurement, "columns": ["fieldKey", "fieldType"], "values": values}


class Conditions:
    """A parsed WHERE: tags that must be equal (any of several values), and a span of time."""

    def __init__(self) -> None:
        self.tags: dict[str, set[str]] = {}
        self.low, self.high = -(2**63), 2**63

    def take(self, series: Series) -> bool:
        """Whether a series is meant."""
        tags = dict(series[1])
        return all(tags.get(key) in values for key, values in self.tags.items())


def _conditions(text: str, params: Mapping[str, Any]) -> Conditions:
    found = Conditions()
    for part in text.split(" AND "):
        if time := TIME.fullmatch(part):
            limit = int(time[2]) * MS
            if time[1] == "<":
                found.high = min(found.high, limit)
            else:
                found.low = max(found.low, limit + (time[1] == ">"))
            continue
        for choice in part.removeprefix("(").removesuffix(")").split(" OR "):
            equal = EQUAL.fullmatch(choice)
            if not equal:
                raise ValueError(f"error parsing query: {choice}")
            found.tags.setdefault(equal[1], set()).add(params[equal[2]])
    return found


def _select(rows: Rows, statement: re.Match[str], wanted: Conditions) -> Iterator[dict[str, Any]]:
    selector, field, beside = statement[1], statement[2] or statement[3], statement[4]
    grouped: dict[tuple[str, str], list[list[Any]]] = {}
    for series, fields in rows.items():
        values, others = fields.get(field, {}), fields.get(beside, {})
        times = values.keys() if selector else values.keys() | others.keys()
        span = [time for time in times if wanted.low <= time < wanted.high]
        if span and wanted.take(series):
            group = grouped.setdefault((series[0], dict(series[1]).get("point", "")), [])
            group += [[time // MS, values.get(time), others.get(time)] for time in span]
    columns = ["time", selector or field, beside]
    for (measurement, point), found in sorted(grouped.items()):
        found.sort(key=lambda row: row[0])
        chosen = {"first": found[:1], "last": found[-1:], None: found}[selector]
        yield {"name": measurement, "tags": {"point": point}, "columns": columns, "values": chosen}


def _counted(rows: Rows, statement: re.Match[str], wanted: Conditions) -> Iterator[dict[str, Any]]:
    field, step = statement[1], int(statement[5]) * MS
    grouped: dict[tuple[str, str], dict[int, list[Scalar]]] = {}
    for series, fields in rows.items():
        for time, value in fields.get(field, {}).items():
            if wanted.low <= time < wanted.high and wanted.take(series):
                windows = grouped.setdefault((series[0], dict(series[1]).get("point", "")), {})
                windows.setdefault(time - time % step, []).append(value)
    for (measurement, point), windows in sorted(grouped.items()):
        numbers = {start: [float(v) for v in found] for start, found in windows.items()}
        values = [[start // MS, len(found), min(found), max(found)] for start, found in sorted(numbers.items())]
        yield {
            "name": measurement,
            "tags": {"point": point},
            "columns": ["time", "count", "min", "max"],
            "values": values,
        }
