"""What an alert says, in Chinese and English, written apart; plain text without any template language."""

import math
import re
from collections.abc import Callable, Mapping

from analytics.alerts import Incident, Name, Rule

Names = Callable[[str, str], Name]  # (kind: point, device, link, quantity; id) -> (zh, en)

# Names come from files, devices and topics: no line break may open a header, no control character a terminal.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]+")
LONGEST = 256
SHOWN_MEMBERS = 10

KINDS: Mapping[str, Name] = {
    "threshold": ("越限", "limit passed"), "rate": ("变化过快", "changes too fast"), "absence": ("无数据", "no data"),
    "frozen": ("数值不变", "value does not move"), "budget": ("预算消耗过快", "budget burns too fast"),
    "demand": ("需量将超限", "peak demand"), "verdict": ("达标有风险", "criterion at risk"),
    "open_item": ("待处理项", "open item"), "data_quality": ("数据质量", "data quality"),
    "exposure": ("访问未加密", "open without encryption"),
}  # fmt: skip
WINDOWS: Mapping[str, Name] = {"month": ("本月", "this month"), "year": ("本年", "this year")}
STATES: Mapping[str, Name] = {
    "firing": ("告警", "ALERT"), "repeat": ("仍未恢复", "STILL FIRING"), "resolved": ("已恢复", "RESOLVED"),
    "heartbeat": ("心跳", "HEARTBEAT"), "digest": ("汇总", "DIGEST"),
}  # fmt: skip


BARE = frozenset({"1", "count", "level"})  # units that nobody writes


def clean(text: str) -> str:
    """One line of at most 256 characters without control or direction characters."""
    return _CONTROL.sub(" ", text).strip()[:LONGEST]


def number(value: float | None) -> str:
    """Four significant digits, all whole ones; a dash where nothing is known."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def span(seconds: float | None) -> Name:
    """A length of time as people say it."""
    if seconds is None:
        return ("–", "–")
    for size, zh, en in ((86400, "天", "d"), (3600, "小时", "h"), (60, "分钟", "min")):
        if seconds >= size:
            return (f"{seconds / size:.3g} {zh}", f"{seconds / size:.3g} {en}")
    return (f"{seconds:.0f} 秒", f"{seconds:.0f} s")


def subject_name(subject: str, names: Names) -> Name:
    """What an alert is about, as people call it."""
    kind, _, rest = subject.partition(":")
    if subject == "site":
        return ("全厂", "the whole site")
    if kind == "point":
        point, _, name = rest.partition("/")
        zh, en = names("point", point)
        told = names("quantity", name.partition("@")[0])
        return (clean(f"{zh} {told[0]}"), clean(", ".join(filter(None, (en, told[1])))))
    if kind == "budget":
        return WINDOWS.get(rest, (rest, rest))
    heads = {"device": ("设备", "device"), "link": ("链路", "link"), "host": ("网关", "gateway"),
             "criterion": ("指标", "criterion")}  # fmt: skip
    zh, en = heads.get(kind, ("", ""))
    called = names(kind, rest)
    return (clean(f"{zh} {called[0]}"), clean(f"{en} {called[1]}"))


def sentence(incident: Incident, rule: Rule | None, names: Names) -> Name:
    """What is wrong, in one sentence."""
    kind = rule.kind if rule else ""
    zh, en = subject_name(incident.subject, names)
    if kind == "absence":
        return _absence(incident, zh, en, names)
    if kind == "frozen":
        long = span(incident.value)
        return (f"{zh} 已 {long[0]} 没有变化", f"{en} has not moved for {long[1]}")
    if kind == "open_item":
        return (clean(f"{zh}：{incident.note[0]}"), clean(f"{en}: {incident.note[1]}"))
    if kind == "verdict":
        zh, en = incident.note if any(incident.note) else (zh, en)
    shown, limit = (_amount(value, incident.unit, kind) for value in (incident.value, incident.limit))
    head = KINDS.get(kind, ("", ""))
    if kind == "budget":
        return (
            clean(f"{zh}{head[0]}：照此将达 {shown}（限值 {limit}）"),
            clean(f"{head[1].capitalize()} {en}: {shown} at this pace (limit {limit})"),
        )
    return (clean(f"{zh} {head[0]}：{shown}（限值 {limit}）"), clean(f"{en}, {head[1]}: {shown} (limit {limit})"))


def _amount(value: float | None, unit: str, kind: str) -> str:
    """A value with its unit; a share of polls is a percentage, never rounded up to all of them."""
    if kind == "data_quality" and value is not None:
        return f"{math.floor(round(value * 10_000, 6)) / 100:g} %"
    return f"{number(value)} {'' if unit in BARE else unit}".rstrip()


def _absence(incident: Incident, zh: str, en: str, names: Names) -> Name:
    long, count = span(incident.value), len(incident.members)
    if not count:
        return (f"{zh} 已 {long[0]} 没有读数", f"{en} has not been read for {long[1]}")
    told = [names("device", one) for one in incident.members[:SHOWN_MEMBERS]]
    more = " …" if count > SHOWN_MEMBERS else ""
    shown = ("、".join(clean(one[0]) for one in told) + more, ", ".join(clean(one[1]) for one in told) + more)
    return (
        f"{zh} 整体无应答 {long[0]}：{count} 台设备（{shown[0]}）",
        f"{en} has been silent for {long[1]}: {count} devices ({shown[1]})",
    )


def title(happening: str, rule: Rule | None, site: Name) -> Name:
    """The head of a message."""
    state, what = STATES[happening], KINDS.get(rule.kind if rule else "", ("", ""))
    named = rule.name if rule and any(rule.name) else what
    return (
        clean(f"[{state[0]}] {site[0]} · {named[0] or named[1]}"),
        clean(f"[{state[1]}] {site[1]} · {named[1] or named[0]}"),
    )
