"""The newest readings as the page's first view: values by point, and the flow of power this second."""

from collections.abc import Iterable, Mapping
from typing import Any

from metering.quantity import Kind, quantity
from metering.reading import MICRO, Reading, SeriesInfo, SeriesKey
from metering.site import MeteringPoint, Role, Site

STALE_PERIODS = 3  # a value older than this many of its own periods is shown as stale
LEAST_STALE_MS = 10_000

# Readings are import-positive at every point; the flow counts what a source gives.
_SIGN = {Role.GENERATION: -1.0}


def live_document(
    site: Site, latest: Mapping[SeriesKey, Reading], infos: Mapping[SeriesKey, list[SeriesInfo]], now_ms: int
) -> dict[str, Any]:
    """Values by point and quantity, and the flow [kW]: sources count positive into the site, storage as it charges."""
    points: dict[str, dict[str, Any]] = {}
    for (point, name), reading in sorted(latest.items()):
        points.setdefault(point, {})[name] = _value(reading)
    nodes = [_node(point, site, latest, infos, now_ms) for point in shown(site)]
    return {"now_ms": now_ms, "points": points, "flow": {"nodes": nodes, "balance": _balance(nodes)}}


def _value(reading: Reading) -> dict[str, Any]:
    kept = quantity(reading.quantity)
    value = reading.value if kept.kind is Kind.GAUGE else reading.value / MICRO
    return {"value": value, "unit": kept.unit, "time_ms": reading.time_ms, "quality": int(reading.quality)}


def shown(site: Site) -> list[MeteringPoint]:
    """The nodes of the flow: sources and storage on the bus, and the first level of the tree below the grid meter."""
    bus = {p.id for p in site.of_role(Role.GRID)}
    on_bus = [p for p in site.points if p.parent is None or p.parent in bus]
    wanted = {Role.GRID, Role.GENERATION, Role.STORAGE, Role.LOAD}
    return [p for p in on_bus if p.role in wanted and p.carrier == "electricity"]


def _node(
    point: MeteringPoint,
    site: Site,
    latest: Mapping[SeriesKey, Reading],
    infos: Mapping[SeriesKey, list[SeriesInfo]],
    now_ms: int,
) -> dict[str, Any]:
    power = latest.get((point.id, "active_power")) or _of_children(point, site, latest)
    charge = latest.get((point.id, "state_of_charge"))
    known = infos.get((point.id, "active_power"), [])
    limit = max(LEAST_STALE_MS, STALE_PERIODS * known[-1].cadence_ms if known else 0)
    return {
        "id": point.id, "role": point.role.value, "name": {"zh": point.name("zh"), "en": point.name("en")},
        "kw": None if power is None else _SIGN.get(point.role, 1.0) * power.value,
        "time_ms": None if power is None else power.time_ms,
        "stale": power is None or now_ms - power.time_ms > limit,
        "soc": None if charge is None else charge.value,
    }  # fmt: skip


def _of_children(point: MeteringPoint, site: Site, latest: Mapping[SeriesKey, Reading]) -> Reading | None:
    """A point without a meter of its own is the sum of its children where all of them are known."""
    if point.device is not None:
        return None
    parts = [latest.get((child.id, "active_power")) for child in site.children(point.id)]
    known = [part for part in parts if part is not None]
    if not parts or len(known) < len(parts):
        return None
    return Reading(point.id, "active_power", min(p.time_ms for p in known), sum(p.value for p in known))


def _balance(nodes: Iterable[Mapping[str, Any]]) -> dict[str, float | None]:
    grid, made, stored = (_sum(nodes, role) for role in (Role.GRID, Role.GENERATION, Role.STORAGE))
    if grid is None or made is None or stored is None:
        keys = ("grid_import_kw", "grid_export_kw", "generation_kw", "charge_kw", "discharge_kw", "consumption_kw")
        return dict.fromkeys((*keys, "self_share"))
    used = grid + made - stored
    own, bought = max(made, 0.0) + max(-stored, 0.0), max(grid, 0.0)
    return {
        "grid_import_kw": max(grid, 0.0), "grid_export_kw": max(-grid, 0.0), "generation_kw": made,
        "charge_kw": max(stored, 0.0), "discharge_kw": max(-stored, 0.0), "consumption_kw": used,
        "self_share": own / (own + bought) if own + bought > 0 else None,
    }  # fmt: skip


def _sum(nodes: Iterable[Mapping[str, Any]], role: Role) -> float | None:
    """The power of one role [kW]; None when part of it is unknown or stale."""
    mine = [node for node in nodes if node["role"] == role.value]
    if any(node["kw"] is None or node["stale"] for node in mine):
        return None
    return float(sum(node["kw"] for node in mine))
