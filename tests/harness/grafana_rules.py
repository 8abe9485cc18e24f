"""What Grafana's alerting makes of InfluxDB's answer to a rule: read in its source, not run.

Sources (versions of about 10 to 12): pkg/tsdb/influxdb/influxql/buffered/response_parser.go (a frame a series and
column, labelled by the tags alone), pkg/expr/converter.go, pkg/expr/mathexp/reduce.go, and
pkg/services/ngalert/eval/eval.go.
"""

import math
import operator
from collections.abc import Mapping, Sequence
from typing import Any

Labels = tuple[tuple[str, str], ...]
LIMITS = {"gt": operator.gt, "lt": operator.lt}
NOTHING: Labels = ()


def states(rule: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[Labels, str]:
    """Labels -> Normal, Alerting, NoData or Error, before the rule's own words for the last two."""
    _query, reduction, threshold = (part["model"] for part in rule["data"])
    found = [
        (labels(series), reduced(reduction["reducer"], [row[at] for row in series["values"]]))
        for series in answer.get("series", [])
        for at, column in enumerate(series["columns"])
        if column != "time"
    ]
    if "error" in answer or len({instance for instance, _ in found}) < len(found):
        return {NOTHING: "Error"}  # "frame cannot uniquely be identified by its labels"
    (condition,) = threshold["conditions"]
    beyond, (limit,) = LIMITS[condition["evaluator"]["type"]], condition["evaluator"]["params"]
    judged = {i: "NoData" if n is None else "Alerting" if beyond(n, limit) else "Normal" for i, n in found}
    return judged or {NOTHING: "NoData"}


def labels(series: Mapping[str, Any]) -> Labels:
    return tuple(sorted(series.get("tags", {}).items()))


def reduced(reducer: str, values: Sequence[float | None]) -> float | None:
    """One number of a series, in the strict mode: the last one as it is, a sum over an absent one is no number."""
    if reducer == "last":
        return values[-1]
    assert reducer == "sum"
    return sum(math.nan if value is None else value for value in values)
