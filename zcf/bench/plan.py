"""`zcf bench plan`: requests and bus time of a sweep at 9600 Bd, beside simpler ways to read the same points."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from collector.bustime import BusTime
from collector.fields import Span
from collector.planner import plan
from collector.profile import DeviceProfile, all_profiles
from metering.reading import Block

LATENCY_MS = 20.0  # of the meters compared, as in the table of peers: the term that requests are counted for
LINE = BusTime(10 / 9.6, LATENCY_MS)
METERS = 32


def _each_point(profile: DeviceProfile) -> list[Block]:
    """One request a point, as gateways configured tag by tag do."""
    return [Block(s.function, s.start, s.end - s.start) for field in profile.fields for s in field.spans]


def _touching(profile: DeviceProfile) -> list[Block]:
    """Points that touch share a request, holes are never read."""
    return _joined(profile, 0)


def _inserting(profile: DeviceProfile) -> list[Block]:
    """Holes of up to 16 registers are read too, documented or not: what a fixed `max_insert` does."""
    return _joined(profile, 16)


def _joined(profile: DeviceProfile, hole: int) -> list[Block]:
    blocks: list[Block] = []
    for span in sorted({span for field in profile.fields for span in field.spans}):
        last = blocks[-1] if blocks else None
        if last is not None and _fits(last, span, hole, profile.max_registers):
            blocks[-1] = Block(last.function, last.address, max(span.end - last.address, last.count))
        else:
            blocks.append(Block(span.function, span.start, span.end - span.start))
    return blocks


def _fits(last: Block, span: Span, hole: int, most: int) -> bool:
    near = span.function == last.function and span.start <= last.address + last.count + hole
    return near and span.end - last.address <= most


def _ours(profile: DeviceProfile) -> Sequence[Block]:
    return plan(profile.fields, profile.max_registers, profile.documented, LINE.request_cost)


WAYS: Mapping[str, Callable[[DeviceProfile], Sequence[Block]]] = MappingProxyType(
    {"point by point": _each_point, "touching": _touching, "holes to 16": _inserting, "zcf": _ours}
)


def compare(names: Iterable[str] = ()) -> list[dict[str, Any]]:
    """Every Modbus profile, or the named ones, read in each way."""
    wanted = set(names)
    chosen = [p for p in all_profiles() if p.registers and (not wanted or p.id in wanted)]
    return [
        {"profile": p.id, "points": len(p.registers)}
        | {way: {"requests": len(found := cut(p)), "ms": round(LINE.ms(found), 1)} for way, cut in WAYS.items()}
        for p in chosen
    ]


def show(rows: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """As a table, or as one JSON object."""
    if as_json:
        print(json.dumps({"line": "9600 8N1", "latency_ms": LATENCY_MS, "meters": METERS, "profiles": list(rows)}))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for name in ("profile", "points", *WAYS):
        table.add_column(name, justify="left" if name == "profile" else "right", no_wrap=True)
    for row in rows:
        cells = (f"{row[way]['requests']} · {row[way]['ms']:.0f} ms" for way in WAYS)
        table.add_row(row["profile"], str(row["points"]), *cells)
    Console().print(table)
    print(
        f"Requests and bus time of one sweep at 9600 8N1, {LATENCY_MS:.0f} ms a device's own; {METERS} times for a full"
    )
    print("line. Holes to 16 reads registers that no document describes, which some devices refuse; the others do not.")
