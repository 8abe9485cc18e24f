"""Rules x state x signals x now -> state, events: hold, hysteresis, one key an incident from firing to resolved.

Time is what passed on the monotonic clock; the wall clock only stamps. A stepped clock therefore fires nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal, TypeAlias

Place: TypeAlias = tuple[str, str]  # (rule, subject)
Name: TypeAlias = tuple[str, str]  # (zh, en)


class Severity(StrEnum):
    """How urgent an alert is, from least to most."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for the least."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Rule:
    """What is watched; which of the fields count is said by its kind."""

    id: str
    kind: str
    severity: Severity = Severity.WARNING
    name: Name = ("", "")
    point: str = ""
    quantity: str = ""
    above: float | None = None
    below: float | None = None
    clear: float | None = None  # hysteresis: back on this side of it is well again
    hold_ms: int = 0  # how long it must be bad before it fires
    release_ms: int = 0  # how long it must be well before it is resolved
    after_ms: int = 0  # absence, frozen: how long nothing comes or moves
    per_ms: int = 60_000  # rate: change within this time
    repeat_ms: int = 0  # told again while nobody acknowledges; 0 = told once
    amount: float | None = None  # budget
    measure: str = ""  # budget: energy [kWh], location or market [tCO2]
    window: str = "month"  # budget
    margin: float = 0.0  # verdict: how near its threshold is near, as a share of it
    standard: str = ""


@dataclass(frozen=True, slots=True)
class Signal:
    """What one rule sees of one subject now; bad is None where it cannot be told, and then nothing changes."""

    rule: str
    subject: str
    bad: bool | None
    value: float | None = None
    limit: float | None = None
    unit: str = ""
    members: tuple[str, ...] = ()
    note: Name = ("", "")
    release_ms: int | None = None  # in place of the rule's own


@dataclass(frozen=True, slots=True)
class Incident:
    """One alert from its first moment to its end."""

    key: str
    rule: str
    subject: str
    severity: Severity
    since_ms: int
    fired_ms: int
    value: float | None = None
    limit: float | None = None
    unit: str = ""
    members: tuple[str, ...] = ()
    note: Name = ("", "")
    resolved_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Watch:
    """How long a subject has been bad or well, and its incident while it fires."""

    bad: bool = False
    since_ms: int = 0
    held_ms: int = 0
    well_ms: int = 0
    incident: Incident | None = None
    told: bool = False  # the receivers know of it
    quiet_ms: int = 0  # since they were last told


@dataclass(frozen=True, slots=True)
class State:
    """Everything the alerts remember."""

    watches: Mapping[Place, Watch] = field(default_factory=dict)
    number: int = 0  # of the last incident

    def firing(self) -> list[Incident]:
        """The incidents of now, the oldest first."""
        found = [watch.incident for watch in self.watches.values() if watch.incident]
        return sorted(found, key=lambda one: (one.fired_ms, one.key))

    def fires(self, rule: str, subject: str) -> bool:
        """Whether this one is firing."""
        watch = self.watches.get((rule, subject))
        return watch is not None and watch.incident is not None


@dataclass(frozen=True, slots=True)
class Moment:
    """Now [ms UTC], and what passed on the monotonic clock since the last time [ms]."""

    now_ms: int
    passed_ms: int


Happening = Literal["firing", "repeat", "resolved"]


@dataclass(frozen=True, slots=True)
class Event:
    """Something the receivers are to be told."""

    kind: Happening
    incident: Incident


@dataclass(frozen=True, slots=True)
class Hush:
    """A silence: of one rule, or of one subject of it; empty stands for any."""

    rule: str
    subject: str
    start_ms: int
    end_ms: int

    def covers(self, incident: Incident, now_ms: int) -> bool:
        """Whether it keeps this incident quiet now."""
        same = self.rule in ("", incident.rule) and self.subject in ("", incident.subject)
        return same and self.start_ms <= now_ms < self.end_ms


@dataclass(frozen=True, slots=True)
class People:
    """What people said of alerts: keys acknowledged, and silences."""

    acknowledged: frozenset[str] = frozenset()
    hushes: Sequence[Hush] = ()

    def silent(self, incident: Incident, now_ms: int) -> bool:
        """Whether the incident is silenced."""
        return any(hush.covers(incident, now_ms) for hush in self.hushes)


NOBODY = People()


def advance(
    rules: Mapping[str, Rule], state: State, signals: Iterable[Signal], seen: frozenset[str], at: Moment,
    people: People = NOBODY,
) -> tuple[State, list[Event]]:  # fmt: skip
    """One step. `seen` are the rules that were looked at: only their subjects can be gone."""
    watches, number, events = dict(state.watches), state.number, list[Event]()
    now = {(one.rule, one.subject): one for one in signals}
    for place in [*now, *(place for place in state.watches if place not in now)]:
        rule, signal = rules.get(place[0]), now.get(place)
        if signal is None:
            if rule is not None and place[0] not in seen:
                continue
            signal = Signal(*place, bad=False, release_ms=0)
        watch = _timed(watches.get(place, Watch()), signal, at)
        if rule is not None and watch.incident is None and watch.bad and watch.held_ms >= rule.hold_ms:
            number += 1
            watch = replace(watch, incident=_incident(rule, signal, watch, number, at), told=False)
        kept, told = _told(watch, signal, rule, at, people)
        events += told
        if kept is None:
            watches.pop(place, None)
        else:
            watches[place] = kept
    return State(watches, number), events


def _timed(watch: Watch, signal: Signal, at: Moment) -> Watch:
    """The times of a watch moved on; what cannot be told stands still."""
    if signal.bad is None:
        return replace(watch, quiet_ms=watch.quiet_ms + at.passed_ms)
    quiet = watch.quiet_ms + at.passed_ms
    if signal.bad:
        held = watch.held_ms + at.passed_ms if watch.bad else 0
        since = watch.since_ms if watch.bad else at.now_ms
        updated = watch.incident and replace(
            watch.incident, value=signal.value, members=signal.members or watch.incident.members, note=signal.note
        )
        return replace(watch, bad=True, since_ms=since, held_ms=held, well_ms=0, quiet_ms=quiet, incident=updated)
    well = 0 if watch.bad else watch.well_ms + at.passed_ms
    return replace(watch, bad=False, held_ms=0, well_ms=well, quiet_ms=quiet)


def _incident(rule: Rule, signal: Signal, watch: Watch, number: int, at: Moment) -> Incident:
    return Incident(
        f"{rule.id}-{number}", rule.id, signal.subject, rule.severity, watch.since_ms, at.now_ms, signal.value,
        signal.limit, signal.unit, signal.members, signal.note,
    )  # fmt: skip


def _told(
    watch: Watch, signal: Signal, rule: Rule | None, at: Moment, people: People
) -> tuple[Watch | None, list[Event]]:
    """What the receivers are told now, and the watch after it; None = nothing left to remember."""
    incident = watch.incident
    if incident is None:
        return (watch if watch.bad else None), []
    release_ms = signal.release_ms if signal.release_ms is not None else rule.release_ms if rule else 0
    if not watch.bad and signal.bad is not None and watch.well_ms >= release_ms:
        ended = replace(incident, resolved_ms=at.now_ms)
        return None, [Event("resolved", ended)] if watch.told else []
    if people.silent(incident, at.now_ms) or not watch.bad:
        return watch, []
    if not watch.told:
        return replace(watch, told=True, quiet_ms=0), [Event("firing", incident)]
    again = rule is not None and 0 < rule.repeat_ms <= watch.quiet_ms
    if again and incident.key not in people.acknowledged:
        return replace(watch, quiet_ms=0), [Event("repeat", incident)]
    return watch, []
