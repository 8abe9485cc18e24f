"""Meter tree, cost, indicators and corrections of the electronics works, in the shape the page is promised."""

from collections.abc import Mapping
from typing import Any

from metering.period import Period

Document = dict[str, Any]
AREAS = {"smt": ("reflow", "placement"), "air": ("compressor_1", "compressor_2")}
NAMES = {
    "bus": ("母线", "Bus"), "reflow": ("回流焊", "Reflow ovens"), "placement": ("贴片机", "Placement lines"),
    "compressor_1": ("1 号空压机", "Compressor 1"), "compressor_2": ("2 号空压机", "Compressor 2"),
}  # fmt: skip
RATIOS = {  # id: (value, unit)
    "annual_match": (31.4, "%"), "hourly_match": (24.9, "%"), "cfe_score": (26.1, "%"), "pv_yield": (3.42, "kWh/kW"),
    "pv_performance_ratio": (0.884, "1"), "self_use_rate": (90.8, "%"), "compressor_load_ratio": (81.2, "%"),
    "compressor_specific_power": (6.31, "kW/(m³/min)"), "night_air_share": (17.5, "%"),
}  # fmt: skip


def named(words: tuple[str, str]) -> Document:
    return {"zh": words[0], "en": words[1]}


def period(asked: Period) -> Document:
    return {"label": asked.label, "start_ms": asked.start_ms, "end_ms": asked.end_ms}


def uncertainty(kg: Mapping[str, Any]) -> Document:
    """The 95 % interval of each total, by gas."""
    return {name: {gas: _interval(value) for gas, value in of.items()} for name, of in kg.items()}


def _interval(kg: float) -> Document:
    cause = {"kind": "factor", "group": "MEE47", "kg": kg * 0.045, "status": "assumed"}
    return {
        "kg": kg, "low_kg": kg * 0.952, "high_kg": kg * 1.048, "half_kg": kg * 0.048, "percent": 4.8, "rating": "high",
        "how": "sum", "lacking": 0, "status": "assumed", "causes": [cause, {**cause, "kind": "class", "kg": kg * 0.01}],
    }  # fmt: skip


def tree(asked: Period, kwh: Mapping[str, float], names: Mapping[str, tuple[str, str]]) -> Document:
    """What the sources gave, what the loads took, two machines in two of them, and what no meter saw."""
    words = {**names, **NAMES}
    links = [_link(p, "bus", kwh[p]) for p in ("grid", "pv_1", "pv_2") if kwh.get(p)]
    loads = {p: v for p, v in kwh.items() if p in names and p not in {"grid", "pv_1", "pv_2", "battery"} and v > 0}
    links += [_link("bus", p, v) for p, v in loads.items()]
    links += [_link("bus", "bus:rest", 0.018 * sum(loads.values()))]
    links += [
        _link(a, m, loads[a] * share) for a, ms in AREAS.items() for m, share in zip(ms, (0.61, 0.37), strict=True)
    ]
    links += [_link(a, f"{a}:rest", loads[a] * 0.02) for a in AREAS]
    ends = dict.fromkeys(end for link in links for end in (link["source"], link["target"]))
    nodes = [
        {"id": e, "kind": "bus" if e == "bus" else "rest" if ":" in e else "point", "point": None if ":" in e else e,
         "name": named(words.get(e.partition(":")[0], (e, e)))}
        for e in ends
    ]  # fmt: skip
    return {
        "site": "tianjin", "period": period(asked), "settled_until_ms": asked.start_ms, "provisional": True,
        "nodes": [_node("grid", named(words["grid"]), 0.021), _node("smt", named(words["smt"]), 0.004)],
        "fit": {"chi2": 20.1, "freedom": 30, "limit": 59.7, "consistent": True, "suspects": [], "meters": []},
        "sankey": {"unit": "kWh", "lacking": ["office"], "nodes": nodes, "links": links},
        "cost": _cost(asked, kwh["grid"]), "uncertainty": {}, "areas": [],
    }  # fmt: skip


def _link(source: str, target: str, value: float) -> Document:
    return {"source": source, "target": target, "value": value, "micro": round(value * 1e6)}


def _node(name: str, words: Document, left: float) -> Document:
    return {
        "node": name, "name": words, "depth": 0 if name == "grid" else 1, "unit": "kWh", "parent": None,
        "children": ["smt", "air"], "rest_point": None, "inflow": 11_000.0, "metered": 11_000.0 * (1 - left),
        "residual": 11_000.0 * left, "residual_micro": 0, "percent": 100 * left, "tolerance": 88.0,
        "within": left < 0.008, "status": "assumed", "known": 90, "cells": 96, "suspects": [], "adjusted": {},
        "zh": "差额为线损或未计量负荷。", "en": "Lost, or passes no meter.",
    }  # fmt: skip


def _cost(asked: Period, kwh: float) -> Document:
    bands = {"peak": 1.02, "flat": 0.64, "valley": 0.31}
    lines = [
        {"month": "2026-11", "band": b, "kwh": kwh / 3, "micro": round(kwh / 3 * 1e6), "price": str(p),
         "amount": f"{kwh / 3 * p:.4f}", "lacking": 0}
        for b, p in bands.items()
    ]  # fmt: skip
    total = sum(float(line["amount"]) for line in lines) + 18_000
    peak = {
        "month": "2026-11",
        "peak_kw": 468.75,
        "at_ms": asked.start_ms,
        "price": "38.4",
        "amount": "18000",
        "capacity": None,
    }
    return {
        "currency": "CNY", "status": "declared", "document": "contract 2026-031", "complete": True,
        "total": f"{total:.2f}", "total_exact": f"{total:.4f}", "energy": "0", "earned": "3.77", "faults": [],
        "bands": [{"band": x["band"], "kwh": x["kwh"], "amount": f"{float(x['amount']):.2f}"} for x in lines],
        "lines": lines, "demand": [peak],
    }  # fmt: skip


def indicators(asked: Period) -> Document:
    """Every ratio of the cards; heat recovery is one that cannot be told."""
    made = {name: _indicator(name, value, unit, None) for name, (value, unit) in RATIOS.items()}
    why = named(("没有余热计量。", "No recovered heat is metered."))
    return {
        "period": period(asked),
        "indicators": {**made, "heat_recovery_share": _indicator("heat_recovery_share", None, "%", why)},
    }


def _indicator(name: str, value: float | None, unit: str, why: Document | None) -> Document:
    return {
        "id": name, "value": value, "unit": unit, "status": "none", "reason": why, "doubt": None, "note": None,
        "coverage": 0.994, "parts": {}, "inputs": ["generation"], "scale": None,
    }  # fmt: skip


def entries(now: int) -> list[Document]:
    """A meter that was exchanged, and a bill beside what the meter says."""
    span = {"start_ms": now - 9 * 86_400_000, "end_ms": now - 8 * 86_400_000, "at_ms": now - 7 * 86_400_000}
    one = {**span, "id": "e-1", "kind": "exchange", "who": "Wang Fang", "why": "display broken", "point": "smt",
           "quantities": ["active_energy_import"]}  # fmt: skip
    return [one, {**one, "id": "e-2", "kind": "bill", "who": "Li Wei", "why": "bill of October", "point": "grid",
                  "billed": 351_200.0, "metered": 351_204.5, "unit": "kWh"}]  # fmt: skip
