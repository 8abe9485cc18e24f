"""What rules see in readings and figures: threshold, rate, frozen, budget, demand, verdict, open item, data quality."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from analytics.alerts import Name, Rule, Signal, State
from metering.reading import SeriesKey

STALE_CADENCES = 3
LEAST_FRESH_MS = 60_000


@dataclass(frozen=True, slots=True)
class Value:
    """The newest value of a series [unit], and how often it is read [ms]."""

    time_ms: int
    value: float
    cadence_ms: int
    unit: str = ""
    counts: bool = False  # a register that only rises

    def fresh(self, now_ms: int) -> bool:
        """Is it of now? What is older, or of the future, says nothing about now."""
        return abs(now_ms - self.time_ms) <= max(LEAST_FRESH_MS, STALE_CADENCES * self.cadence_ms)


@dataclass(frozen=True, slots=True)
class Trace:
    """What is remembered of a series: its value, for how long it has not moved [ms], and where a rate began."""

    time_ms: int
    value: float
    same_ms: int
    anchor_ms: int
    anchor: float
    rate: float | None = None  # [unit per the rule's time]


def traced(before: Trace | None, now: Value, per_ms: int) -> Trace:
    """The trace moved on by the newest value; only readings that came move it."""
    if before is None or now.time_ms < before.time_ms:
        return Trace(now.time_ms, now.value, 0, now.time_ms, now.value)
    if now.time_ms == before.time_ms:
        return before
    same = before.same_ms + now.time_ms - before.time_ms if now.value == before.value else 0
    span = now.time_ms - before.anchor_ms
    if span < per_ms:
        return Trace(now.time_ms, now.value, same, before.anchor_ms, before.anchor, before.rate)
    rate = (now.value - before.anchor) * per_ms / span if span <= 3 * max(per_ms, now.cadence_ms) else None
    return Trace(now.time_ms, now.value, same, now.time_ms, now.value, rate)


def beyond(rule: Rule, value: float, *, firing: bool) -> tuple[bool, float]:
    """Whether a value is on the bad side, with hysteresis while it fires; and the limit it is held against."""
    upper = rule.above is not None and (rule.below is None or value > rule.below)
    limit = rule.above if upper and rule.above is not None else rule.below if rule.below is not None else 0.0
    line = rule.clear if firing and rule.clear is not None else limit
    return (value > line if upper else value < line), limit


def value_signals(
    rule: Rule, values: Mapping[SeriesKey, Value], traces: Mapping[SeriesKey, Trace], state: State, now_ms: int
) -> Iterator[Signal]:
    """Threshold and rate of one series; frozen of one, or of every one of a point."""
    if rule.kind == "frozen":
        yield from _frozen(rule, values, traces, now_ms)
        return
    key = (rule.point, rule.quantity)
    subject = f"point:{rule.point}/{rule.quantity}"
    found = values.get(key)
    unit = found.unit if found else ""
    value = None if found is None else traces[key].rate if rule.kind == "rate" and key in traces else found.value
    if found is None or value is None or not found.fresh(now_ms):
        yield Signal(rule.id, subject, None, unit=unit)
        return
    shown = abs(value) if rule.kind == "rate" else value
    bad, limit = beyond(rule, shown, firing=state.fires(rule.id, subject))
    yield Signal(rule.id, subject, bad, shown, limit, unit)


def _frozen(
    rule: Rule, values: Mapping[SeriesKey, Value], traces: Mapping[SeriesKey, Trace], now_ms: int
) -> Iterator[Signal]:
    """A gauge that never moves, a counter that stands still while there is power; at rest, zero is no fault."""
    for (point, name), found in values.items():
        if rule.point not in ("", point) or rule.quantity not in ("", name) or (point, name) not in traces:
            continue
        power = values.get((point, "active_power"))
        moving = found.value != 0 if not found.counts else power is not None and power.value != 0
        trace, subject = traces[point, name], f"point:{point}/{name}"
        if not found.fresh(now_ms):
            yield Signal(rule.id, subject, None)
        else:
            bad = moving and trace.same_ms >= rule.after_ms
            yield Signal(rule.id, subject, bad, trace.same_ms / 1000, rule.after_ms / 1000, "s")


@dataclass(frozen=True, slots=True)
class Figure:
    """One number a rule is about, made by the service."""

    value: float | None
    limit: float | None
    unit: str
    note: Name = ("", "")


def budget_signal(rule: Rule, used: Figure, elapsed: float) -> Signal:
    """Burn: what the window comes to if it goes on like this, against its budget; `elapsed` is its share so far."""
    subject = f"budget:{rule.window}"
    if used.value is None or rule.amount is None or elapsed <= 0:
        return Signal(rule.id, subject, None, unit=used.unit)
    will_be = used.value / elapsed
    bad = used.value > rule.amount or (elapsed >= LEAST_ELAPSED and will_be > rule.amount)
    return Signal(rule.id, subject, bad, will_be, rule.amount, used.unit, note=used.note)


LEAST_ELAPSED = 0.1  # a forecast from less of the window than this is noise


def figure_signal(rule: Rule, subject: str, figure: Figure, state: State) -> Signal:
    """Demand and data quality: a figure against its limit, with the rule's hysteresis."""
    if figure.value is None or figure.limit is None:
        return Signal(rule.id, subject, None, unit=figure.unit)
    upper = rule.kind == "demand"
    line = rule.clear if state.fires(rule.id, subject) and rule.clear is not None else figure.limit
    bad = figure.value > line if upper else figure.value < line
    return Signal(rule.id, subject, bad, figure.value, figure.limit, figure.unit, note=figure.note)


@dataclass(frozen=True, slots=True)
class Judged:
    """One verdict as the alerts see it."""

    criterion: str
    outcome: str  # MET, NOT_MET, UNDETERMINED
    value: float | None
    threshold: float | None
    op: str
    unit: str = ""
    name: Name = ("", "")


def verdict_signals(rule: Rule, verdicts: Iterable[Judged], was_met: Mapping[str, bool]) -> Iterator[Signal]:
    """At risk: met but near its threshold, or met before and no longer; what never was met is no alert."""
    for one in verdicts:
        near = one.outcome == "MET" and _margin(one) < rule.margin
        lost = one.outcome != "MET" and was_met.get(one.criterion, False)
        subject = f"criterion:{rule.standard}/{one.criterion}"
        yield Signal(rule.id, subject, near or lost, one.value, one.threshold, one.unit, note=one.name)


def _margin(one: Judged) -> float:
    """How far from its threshold, as a share of it; what is met or not and nothing between is far."""
    if one.value is None or not one.threshold or one.op == "==":
        return 1.0
    return abs(one.value - one.threshold) / abs(one.threshold)


def met(before: Mapping[str, bool], verdicts: Iterable[Judged]) -> dict[str, bool]:
    """Which criteria were ever met."""
    return {**before, **{one.criterion: True for one in verdicts if one.outcome == "MET"}}


def open_item_signals(rule: Rule, items: Iterable[tuple[SeriesKey, int, Name]]) -> Iterator[Signal]:
    """One signal an open item; when it is explained it is gone."""
    for (point, name), before_ms, note in items:
        yield Signal(rule.id, f"point:{point}/{name}@{before_ms}", bad=True, note=note)
