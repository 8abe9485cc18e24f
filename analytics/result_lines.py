"""Results as InfluxDB line protocol: energy a quarter-hour, carbon a day, verdicts; numbers and no strings (pure)."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from metering.reading import MICRO, SeriesKey
from metering.site import Site

_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\\]")
OUTCOMES = {"NOT_MET": 0, "MET": 1, "UNDETERMINED": 2}


def escaped(text: str) -> str:
    """A tag value (InfluxDB v2 reference, "Special characters"); control characters become blanks."""
    plain = _UNSAFE.sub(lambda found: "/" if found[0] == "\\" else " ", text).strip()
    return plain.replace(",", r"\,").replace(" ", r"\ ").replace("=", r"\=")


def _head(measurement: str, tags: Mapping[str, str]) -> str:
    return measurement + "".join(f",{key}={escaped(tags[key])}" for key in sorted(tags) if tags[key].strip())


def energy_lines(site: Site, key: SeriesKey, rows: Any) -> Iterator[str]:
    """The settled quarter-hours of one series [unit of its register]; `placed` is the estimated part."""
    known = next((point for point in site.points if point.id == key[0]), None)
    tags = {"site": site.id, "point": key[0]}
    if known is not None:
        tags |= {"role": known.role.value, "carrier": known.carrier, "end_use": known.end_use, "area": known.area}
    head = _head("energy", tags)
    columns = (rows.start_ms, rows.energy, rows.placed, rows.flags)
    for start, energy, placed, flags in zip(*(column.tolist() for column in columns), strict=True):
        name = key[1]
        fields = f"{name}={energy / MICRO:.6f},{name}_placed={placed / MICRO:.6f},{name}_flags={flags}i"
        yield f"{head} {fields} {start}"


def carbon_line(site: str, gas: str, totals: Any, at_ms: int) -> str:
    """The carbon of one site-local day [kg], location- and market-based, in as far as it is known; no offset in it."""
    fields = {
        "scope1_kg": totals.scope1, "scope2_lb_kg": totals.scope2_location, "scope2_mb_kg": totals.scope2_market,
        "total_lb_kg": totals.gross_location, "total_mb_kg": totals.gross_market,
    }  # fmt: skip
    shown = ",".join(f"{name}={value:.17g}" for name, value in fields.items() if value is not None)
    return f"{_head('carbon', {'site': site, 'gas': gas})} {shown} {at_ms}" if shown else ""


def verdict_lines(site: str, standard: str, verdicts: Iterable[Mapping[str, Any]], at_ms: int) -> Iterator[str]:
    """The verdicts of a standard: outcome 0 not met, 1 met, 2 undetermined; value and threshold where there are."""
    for row in verdicts:
        head = _head("verdict", {"site": site, "standard": standard, "criterion": row["id"]})
        numbers = {"value": row["value"], "threshold": row["threshold"]}
        shown = [f"{k}={v:.17g}" for k, v in numbers.items() if isinstance(v, int | float) and math.isfinite(v)]
        outcome = f"outcome={OUTCOMES[row['outcome']]}i"
        yield f"{head} {','.join([outcome, *shown])} {at_ms}"
