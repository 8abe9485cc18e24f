"""The alerts of one site, step by step: look, advance, and put what the receivers are to be told into the outbox."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace

from analytics.alert_document import dump_state, load_incident, load_state
from analytics.alert_look import Look
from analytics.alert_people import spoken
from analytics.alert_rules import rules_of
from analytics.alert_words import sentence, title
from analytics.alerts import Event, Incident, Moment, Name, Rule, Severity, Signal, State, advance
from analytics.corrections import in_force
from analytics.service import FactoryService
from analytics.silence import Heard
from metering.alerting import ReceiverSection
from metering.store.alertbook import Letter, OutboxWriter, alert_record

KEEP_EVERY_MS = 600_000  # how old the kept silences may be
Monotonic = Callable[[], float]


class Alarms:
    """Rules, state and outbox of a site; `once` is called every few seconds by the one writer's process."""

    def __init__(
        self, service: FactoryService, outbox: OutboxWriter, monotonic: Monotonic = time.monotonic,
        more: Sequence[tuple[Rule, Signal]] = (),
    ) -> None:  # fmt: skip
        self.service, self.outbox, self._monotonic = service, outbox, monotonic
        self._more = more  # what the server knows of itself
        self.rules = rules_of(service.config) | {rule.id: rule for rule, _ in more}
        self.look = Look(service, rules_of(service.config))
        kept = alert_record(service.config.store_dir).state or {}
        self.state = load_state(kept)
        self.look.heard = {device: Heard(*times) for device, times in kept.get("heard", {}).items()}
        self.look.was_met = dict(kept.get("met", {}))
        self.look.seen = int(kept.get("seen", 0))
        self._at: float | None = None
        self._kept_at = float("-inf")
        self._beats = {r.id: 0.0 for r in service.config.file.receivers if r.heartbeat}
        self._met = dict(self.look.was_met)

    def once(self) -> list[Event]:
        """One step; the events of it lie in the outbox when it returns."""
        now_ms, at = self.service.clock(), self._monotonic()
        passed_ms = 0 if self._at is None else round((at - self._at) * 1000)
        self._at = at
        entries = in_force(self.service.source.entries.entries())
        signals = [*self.look.signals(self.state, now_ms, passed_ms), *(signal for _, signal in self._more)]
        seen = frozenset(self.rules)
        after, events = advance(
            self.rules, self.state, signals, seen, Moment(now_ms, passed_ms), spoken(entries).people
        )
        over = _ended(self.state, after, now_ms)
        over += [one for one in self.look.late(now_ms) if not self._known(one)]
        if events or over or _told(self.state) != _told(after) or self._due(at):
            letters = [letter for event in events for letter in self._letters(event, now_ms)]
            self._keep(after, over, letters, at)
        self.state = after
        self.service.alerts_looked_ms = now_ms
        self._beat(at, now_ms)
        return events

    def _known(self, late: Incident) -> bool:
        """Whether an incident of then tells of this one already: after a restart readings are met a second time."""
        told = [*self.state.firing(), *map(load_incident, alert_record(self.service.config.store_dir).over)]
        mine = [one for one in told if (one.rule, one.subject) == (late.rule, late.subject)]
        until_ms = late.resolved_ms or late.since_ms
        return any(one.since_ms <= until_ms and late.since_ms <= (one.resolved_ms or until_ms) for one in mine)

    def _due(self, at: float) -> bool:
        return self._met != self.look.was_met or (at - self._kept_at) * 1000 >= KEEP_EVERY_MS

    def _keep(self, after: State, over: Iterable[Incident], letters: Iterable[Letter], at: float) -> None:
        heard = {device: [one.time_ms, one.silent_ms] for device, one in self.look.heard.items()}
        body = dump_state(after) | {"heard": heard, "met": self.look.was_met, "seen": self.look.seen}
        self.outbox.keep(body, [asdict(one) for one in over], letters)
        self._kept_at, self._met = at, dict(self.look.was_met)

    def _letters(self, event: Event, now_ms: int) -> Iterable[Letter]:
        rule = self.rules.get(event.incident.rule)
        for receiver in self.service.config.file.receivers:
            if _wants(receiver, event.incident):
                head = title(event.kind, rule, self._site())
                said = sentence(event.incident, rule, self.service.names)
                one = 0 if receiver.language == "zh" else 1
                yield Letter(receiver.id, event.incident.key, event.kind, now_ms, head[one], said[one])

    def _beat(self, at: float, now_ms: int) -> None:
        """Dead-man heartbeats: whoever does not hear one knows that nobody watches any more."""
        for receiver in self.service.config.file.receivers:
            if receiver.id in self._beats and at >= self._beats[receiver.id]:
                self._beats[receiver.id] = at + receiver.heartbeat / 1000
                one, firing = (0 if receiver.language == "zh" else 1), len(self.state.firing())
                head = title("heartbeat", None, self._site())
                said = (f"监测在运行；当前告警 {firing} 条", f"monitoring runs; {firing} alerts firing")
                letter = Letter(receiver.id, f"heartbeat-{receiver.id}", "heartbeat", now_ms, head[one], said[one])
                self.outbox.put([letter])

    def _site(self) -> Name:
        site = self.service.config.site
        return (site.name("zh"), site.name("en"))


def _wants(receiver: ReceiverSection, incident: Incident) -> bool:
    chosen = not receiver.alerts or incident.rule in receiver.alerts
    return chosen and incident.severity.rank >= Severity(receiver.severity).rank


def _told(state: State) -> set[tuple[str, bool]]:
    return {(watch.incident.key, watch.told) for watch in state.watches.values() if watch.incident}


def _ended(before: State, after: State, now_ms: int) -> list[Incident]:
    """Incidents that are over, also those nobody was told of."""
    firing = {one.key for one in after.firing()}
    return [replace(one, resolved_ms=now_ms) for one in before.firing() if one.key not in firing]
