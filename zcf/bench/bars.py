"""What the benches are measured by: the least ratio to each neighbour, and whether it was reached."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

COLLECTOR: Final[Mapping[str, float]] = MappingProxyType(
    {"ThingsBoard gateway": 20, "pymodbus by block": 8, "Node-RED": 2, "Telegraf": 1}
)
LINE_PROTOCOL, UPLINK, DECODE = 50.0, 20.0, 25.0
SWEEP_PERCENT: Final = 3.0
CEILING_VALUES, CEILING_MB, CEILING_MS = 100_000, 150.0, 50.0  # a second, on one core; p99 of what reads were late
_ALL: Final = 0.99  # of the values due


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: what it is about, what was measured, what is asked, and whether that is reached."""

    what: str
    measured: str
    asked: str
    met: bool

    def __str__(self) -> str:
        return f"{'met   ' if self.met else 'MISSED'}  {self.what}: {self.measured} (bar: {self.asked})"


def at_least(what: str, ratio: float, least: float) -> Bar:
    """A neighbour's cost over ours."""
    return Bar(what, f"{ratio:.1f} times", f"{least:g}", ratio >= least)


def of_collecting(found: Mapping[str, Any]) -> list[Bar]:
    """The bars of `zcf bench collect`: the whole collector beside its neighbours, or how much it can read at all."""
    rows, due = found["contestants"], found["devices"] * found["values_per_device"]
    if due >= CEILING_VALUES:
        return [bar for name, row in rows.items() if name.startswith("zcf") for bar in _ceiling(name, row)]
    sides = {name: rows[name]["cpu_ratio_to_ours_forwarding"] for name in COLLECTOR if name in rows}
    return [at_least(f"CPU of {name} over ours with forwarding", ratio, COLLECTOR[name])
            for name, ratio in sides.items() if ratio is not None]  # fmt: skip


def _ceiling(name: str, row: Mapping[str, Any]) -> Iterable[Bar]:
    late_ms = row["jitter_p99_ms"]
    share = f"{row['values_per_s']:,} values/s, {row['cpu_share']:.0%} of a core"
    reached = row["due_share"] >= _ALL and row["cpu_share"] <= 1
    yield Bar(f"{name}: ceiling", share, f"{CEILING_VALUES:,} on one core", reached)
    yield Bar(f"{name}: memory", f"{row['rss_mb']:.0f} MB", f"{CEILING_MB:g} MB", row["rss_mb"] <= CEILING_MB)
    if late_ms is not None:
        yield Bar(f"{name}: late, p99", f"{late_ms:.0f} ms", f"{CEILING_MS:g} ms", late_ms <= CEILING_MS)
