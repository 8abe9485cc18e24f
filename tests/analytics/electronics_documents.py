"""Balance, verdicts and data quality of the electronics works, in the shape that the page is promised."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

from metering.period import Period

Document = dict[str, Any]
WRITTEN: Document = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
GAPS = {"timeout": 42, "exception": 6, "line_down": 210, "collector_down_clean": 64, "bad_frame": 3}


def lines(days: float) -> list[Document]:
    """The lines of so many days, all alike."""
    rows = deepcopy(WRITTEN["lines_of_a_day"])
    for row in rows:
        amount = row["activity"]["value"] * days
        row["activity"] |= {"value": amount, "micro": round(amount * 1e6)}
        row["kg"] = amount * row["factor"]["value"]
    return rows


def totals(rows: list[Document]) -> Document:
    """Sums by scope and method [kg]."""
    kg = {method: sum(row["kg"] for row in rows if row["method"] == method) for method in ("-", "LB", "MB")}
    amounts = {
        "scope1": kg["-"], "scope2_lb": kg["LB"], "scope2_mb": kg["MB"],
        "total_lb": kg["-"] + kg["LB"], "total_mb": kg["-"] + kg["MB"],
    }  # fmt: skip
    return {name: {"co2_only": value, "co2e": value * 1.0021} for name, value in amounts.items()}


def balance(asked: Period, now: int, days: float) -> Document:
    """A period of which so many days have passed."""
    rows = lines(days) if days else []
    bought, made, sold = 11_873.456789 * days, 4_212.25 * days, 388.5 * days
    return {
        "period": {"label": asked.label, "start_ms": asked.start_ms, "end_ms": asked.end_ms},
        "settled_until_ms": min(now - now % 900_000 - 1_800_000, asked.end_ms),
        "provisional": asked.end_ms > now,
        "energy": {
            "import_kwh": bought, "export_kwh": sold, "generation_kwh": made, "self_use_kwh": made - sold,
            "consumption_kwh": bought + made - sold, "placed_share": 0.013,
        },
        "lines": rows,
        "totals": totals(rows),
        "faults": WRITTEN["faults"] if days > 2 else [],
        "beside": {
            "export_kwh": sold, "offsets_kg": 12_000.0, "certificates_kwh": 3_000.0 * days, "avoided_kg": sold * 0.5306,
        },
    }  # fmt: skip


def score(standard: str | None) -> Document:
    """The verdicts; both standards have the same ones here."""
    document = deepcopy(WRITTEN["score"])
    chosen = [s for s in document["standards"] if s["id"] == (standard or document["standards"][0]["id"])]
    if not chosen:
        raise LookupError(standard)
    document["standard"] |= chosen[0]
    return document


def quality(now: int, points: list[str]) -> Document:
    """One device for each point, the last of them silent, and a weather station that never answered."""
    devices = [
        {"id": f"meter-{p}", "profile": "eastron-sdm630", "last_ms": now - 400 - 900 * i, "read": 86_400, "gap": 7 * i}
        for i, p in enumerate(points)
    ]
    devices[-1] |= {"last_ms": now - 5_400_000, "read": 61_204, "gap": 25_196}
    devices.append({"id": "weather", "profile": "generic-weather", "last_ms": None, "read": 0, "gap": 0})
    recent = [
        {"device": "meter-office", "reason": "line_down", "start_ms": now - 5_400_000, "end_ms": None, "ticks": 210},
        {"device": "meter-smt", "reason": "crc", "start_ms": now - 9_000_000, "end_ms": now - 8_958_000, "ticks": 7},
    ]
    gap, due = sum(GAPS.values()), 1_123_200
    return {
        "window_ms": [now - 86_400_000, now],
        "ticks": {"due": due, "read": due - gap, "gap": gap},
        "gaps_by_reason": GAPS,
        "recent_gaps": recent,
        "open_items": [_open_item(now)],
        "coverage": 1 - gap / due,
        "devices": devices,
    }


def _open_item(now: int) -> Document:
    item = deepcopy(WRITTEN["open_item"])
    for side in ("before", "after"):
        item[side]["time_ms"] = now - item[side].pop("ago_ms")
    return item


def alerts(now: int) -> Document:
    """A dead link with its members, a limit passed that somebody knows of, and one that is over."""
    heads = {"rule": "", "members": [], "value": None, "limit": None, "unit": "", "acknowledged": None,
             "silenced": False, "state": "firing", "resolved_ms": None}  # fmt: skip
    dead = heads | {
        "key": "no_data-41", "rule": "no_data", "kind": "absence", "severity": "critical",
        "name": {"zh": "无数据", "en": "no data"},
        "subject": {"id": "link:smt_hall", "name": {"zh": "链路 贴片车间", "en": "link SMT hall"}},
        "text": {"zh": "链路 贴片车间 整体无应答 4 分钟：2 台设备（贴片车间、1 号线回流焊）",
                 "en": "link SMT hall has been silent for 4 min: 2 devices (SMT workshop, Reflow oven 1)"},
        "since_ms": now - 240_000, "fired_ms": now - 120_000, "members": [
            {"id": "m_smt", "name": {"zh": "贴片车间", "en": "SMT workshop"}},
            {"id": "m_reflow_1", "name": {"zh": "1 号线回流焊", "en": "Reflow oven 1"}},
        ], "value": 240.0,
        "limit": 120.0, "unit": "s",
    }  # fmt: skip
    high = heads | {
        "key": "grid_high-40", "rule": "grid_high", "kind": "threshold", "severity": "warning",
        "name": {"zh": "进线功率偏高", "en": "grid power high"},
        "subject": {
            "id": "point:grid/active_power", "name": {"zh": "10 kV 进线 有功功率", "en": "grid, Active power"},
        },
        "text": {"zh": "10 kV 进线 有功功率 越限：1240 kW（限值 1200 kW）",
                 "en": "grid, Active power, limit passed: 1240 kW (limit 1200 kW)"},
        "since_ms": now - 3_600_000, "fired_ms": now - 3_480_000, "value": 1240.0, "limit": 1200.0, "unit": "kW",
        "acknowledged": {"who": "Li", "why": "chiller test until noon", "at_ms": now - 3_000_000},
    }  # fmt: skip
    over = high | {"key": "grid_high-39", "state": "resolved", "resolved_ms": now - 80_000_000, "acknowledged": None,
                   "since_ms": now - 84_000_000, "fired_ms": now - 83_880_000}  # fmt: skip
    counts = {"firing": 2, "info": 0, "warning": 1, "critical": 1, "acknowledged": 1, "silenced": 0}
    rules = [
        {"id": row["rule"], "kind": row["kind"], "name": row["name"], "severity": row["severity"], "firing": 1,
         "pending": 0, "point": None, "quantity": None, "about": {"zh": "", "en": ""}}
        for row in (dead, high)
    ]  # fmt: skip
    receivers = [{"id": "shift", "channel": "wecom", "waiting": 1, "last_sent_ms": now - 118_000, "failing": ""}]
    return {
        "now_ms": now, "looked_ms": now - 2_000, "stale": False, "counts": counts, "alerts": [dead, high],
        "history": [over], "rules": rules, "receivers": receivers, "silences": [],
    }  # fmt: skip
