"""Can these numbers be trusted: ticks due, read and missed, gaps by reason, open items, the age of every device."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from metering.period import QUARTER_MS
from metering.quantity import quantity
from metering.reading import MICRO, GapReason, Lane, PollGap, PollGroup, SeriesKey
from metering.site import Site

RECENT = 50
Called = Callable[[str], tuple[str, str]]  # a device's name (zh, en)


@dataclass(frozen=True, slots=True)
class Accounted:
    """How many ticks of one poll group the ledger has closed, and when it was last read."""

    group: PollGroup
    ticks: int
    gaps: int
    last_ms: int | None


def accounted_ticks(lane: Lane, next_tick: int, epoch_start_ms: int) -> int:
    """Ticks of an epoch that are closed, from the next open one: cadence ticks from 0, quarters from the epoch."""
    first = epoch_start_ms // QUARTER_MS + 1 if lane is Lane.QUARTER else 0
    return max(0, next_tick - first)


def quality_document(
    site: Site,
    window_ms: tuple[int, int],
    groups: Iterable[Accounted],
    reasons: Mapping[str, int],
    recent: Iterable[tuple[PollGroup, PollGap]],
    open_items: Iterable[tuple[SeriesKey, Mapping[str, Any]]],
    called: Called = lambda device: (device, device),
) -> dict[str, Any]:
    """The page's data view: all ticks of a window with their gaps by reason, and the newest gaps one by one."""
    groups = list(groups)
    due, missed = sum(one.ticks for one in groups), sum(one.gaps for one in groups)
    asleep = min(reasons.get(GapReason.ASLEEP, 0), missed)  # a plant without light is no loss: neither read nor missed
    awake = due - asleep
    return {
        "window_ms": list(window_ms),
        "ticks": {"due": due, "read": due - missed, "gap": missed - asleep, "asleep": asleep},
        "coverage": (due - missed) / awake if awake else None,
        "gaps_by_reason": dict(reasons),
        "recent_gaps": [_gap(group, gap, called) for group, gap in list(recent)[-RECENT:][::-1]],
        "open_items": [_open_item(site, key, body) for key, body in open_items],
        "devices": _devices(groups, called),
    }


def _gap(group: PollGroup, gap: PollGap, called: Called) -> dict[str, Any]:
    return {
        "device": group.device, "name": _both(called(group.device)), "group": group.name,
        "start_ms": gap.start_ms, "end_ms": gap.end_ms, "ticks": gap.ticks, "reason": gap.reason.value,
        "code": gap.code, "detail": gap.detail,
    }  # fmt: skip


_KINDS = {
    "fall": ("计数器回落", "the register fell"),
    "jump": ("计数器跳升超过额定功率", "the register rose more than the rated power allows"),
    "stuck": ("计数器停滞而其间有电量流过", "the register stood still while energy flowed"),
    "clock": ("读数的时间不可信", "the clock of a reading is in doubt"),
}


def open_item_words(kind: str) -> tuple[str, str]:
    """What an open item of a kind is, (zh, en)."""
    return _KINDS.get(kind, (kind, kind))


def _open_item(site: Site, key: SeriesKey, body: Mapping[str, Any]) -> dict[str, Any]:
    point, name = key
    why = body.get("why") or dict(zip(("zh", "en"), open_item_words(body["kind"]), strict=True))
    known = {p.id: p for p in site.points}
    names = (
        {"zh": known[point].name("zh"), "en": known[point].name("en")} if point in known else {"zh": point, "en": point}
    )
    return {
        "point": point, "name": names, "quantity": name, "unit": quantity(name).unit, "kind": body["kind"],
        "before": _reading(body["before"]), "after": _reading(body["after"]), "provisional": body["provisional"],
        "reason": {
            "zh": f"{why['zh'].rstrip('。')}。请登记换表（终止与起始读数）或确认复位；此前两次读数间的电量不计。",
            "en": f"{why['en'].rstrip('.')}. Enter the exchange (final and start reading) or confirm the reset; "
            "until then the energy between the two readings is not counted.",
        },
    }  # fmt: skip


def _reading(body: Mapping[str, int]) -> dict[str, Any]:
    return {"time_ms": body["time_ms"], "value": body["micro"] / MICRO, "micro": body["micro"]}


def _both(name: tuple[str, str]) -> dict[str, str]:
    return {"zh": name[0], "en": name[1]}


def _devices(groups: Iterable[Accounted], called: Called) -> list[dict[str, Any]]:
    devices: dict[str, dict[str, Any]] = {}
    for one in groups:
        row = devices.setdefault(
            one.group.device,
            {
                "id": one.group.device,
                "name": _both(called(one.group.device)),
                "profile": one.group.profile,
                "last_ms": None,
                "read": 0,
                "gap": 0,
            },
        )
        row["read"] += one.ticks - one.gaps
        row["gap"] += one.gaps
        if one.last_ms is not None:
            row["last_ms"] = max(one.last_ms, row["last_ms"] or 0)
    return list(devices.values())
