"""Claims, targets and the self-test of the electronics works, in the shape that the page is promised."""

from typing import Any

Document = dict[str, Any]


def named(zh: str, en: str) -> Document:
    return {"zh": zh, "en": en}


def _condition(name: str, outcome: str, zh: str, en: str, *, holds: bool) -> Document:
    reason = named("依据台账。", "From the ledger.")
    return {"id": name, "name": named(zh, en), "outcome": outcome, "holds": holds, "reason": reason}


def claims() -> Document:
    """One label that may be claimed, one that lacks what is not met, not known, and met on an assumed limit."""
    green = _condition("Q-1", "MET", "绿电占比", "Green share of electricity", holds=True)
    rest = [
        _condition("Q-2", "NOT_MET", "残余排放抵销", "Residual emissions offset", holds=False),
        _condition("Q-3", "UNDETERMINED", "第三方核查", "Third-party assurance", holds=False),
        _condition("Q-4", "MET", "直接减排", "Direct reduction", holds=False),
    ]
    says = (
        named("可以声明“绿电工厂”。", '"Green-power works" may be claimed.'),
        named("不得声明“零碳工厂”。", '"Zero-carbon factory" is refused.'),
    )
    ladder = [
        ("green", "绿电工厂", "Green-power works", [green], True),
        ("zero", "零碳工厂", "Zero-carbon factory", [green, *rest], False),
    ]
    return {
        "year": 2026, "whole_year": False,
        "claims": [
            {"id": name, "name": named(zh, en), "granted": granted, "says": said, "conditions": conditions}
            for (name, zh, en, conditions, granted), said in zip(ladder, says, strict=True)
        ],
    }  # fmt: skip


def targets() -> Document:
    """One target: on track by its own path, off by the line, and a month of which nothing is known."""
    share = {"value": 31.4, "unit": "%", "reason": None}
    unknown = {"value": None, "unit": "%", "reason": named("没有购电记录。", "No purchase is recorded.")}
    shares = {"renewable_share_physical": share, "renewable_share_contractual": unknown}
    base = {"base_year": 2024, "base_t": 4550.0, "base_declared_t": 4310.0, "year": 2030, "target_t": 2275.0}
    rule = {"share_percent": 5.6, "threshold_percent": 5.0, "document": "base-year policy"}
    own, line = _path(3800.0, "达标。", "On track."), _path(3100.0, "偏离。", "Off track by 90 t.")
    return {
        "year": 2026, "today": "2026-11-21", "rate_percent_a_year": 4.2,
        "targets": [{"id": "half_by_2030", **base, "recalculation": rule | named("已重算。", "Recalculated."),
                     "paths": {"own": own, "sbti": line}}],
        "fiscal_year": {"label": "FY2027", "start_ms": 0, "end_ms": 1, "to_date": shares,
                        "known": {"period": "2026-11", **shares}},
    }  # fmt: skip


def _path(allowed: float, zh: str, en: str) -> Document:
    months = [_month(number, allowed / 12, None if number == 3 else 280.0 + 5 * number) for number in range(1, 12)]
    over = sum(month["over_t"] or 0 for month in months)
    return {"allowed_t": allowed, "over_t": over, "on_track": over <= 0, "months": months, **named(zh, en)}


def _month(number: int, allowed: float, actual: float | None) -> Document:
    why = named("该月数据不完整。", "A part of the month is not known.") if actual is None else None
    over = None if actual is None else actual - allowed
    return {
        "label": f"2026-{number:02}",
        "days": 30.0,
        "allowed_t": allowed,
        "actual_t": actual,
        "over_t": over,
        "why": why,
    }


def selftest() -> Document:
    """Thirteen rows, ten of which work."""
    words = (named("52 个测点可查。", "52 points can be asked for."), named("台账为空。", "The ledger is empty."))
    rows = [
        {
            "id": f"f{number}",
            "name": named(f"功能 {number}", f"Function {number}"),
            "works": number > 3,
            **words[number <= 3],
        }
        for number in range(1, 14)
    ]
    return {"works": 10, "of": 13, "functions": rows}
