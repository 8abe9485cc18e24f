"""The page's alerts: what fires now, what was, which rules watch, and whether the receivers can be reached."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from analytics.alert_words import KINDS, Names, sentence, subject_name
from analytics.alerts import Hush, Incident, Name, People, Rule, Severity, State, Watch

Document = dict[str, Any]
STALE_MS = 60_000  # an engine that has not looked for longer says nothing of now


@dataclass(frozen=True, slots=True)
class Said:
    """An acknowledgement or a silence, as somebody entered it."""

    who: str
    why: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Post:
    """How it stands with one receiver."""

    id: str
    channel: str
    waiting: int
    last_sent_ms: int | None
    failing: str


def both(name: Name) -> dict[str, str]:
    """A name in both languages."""
    return {"zh": name[0] or name[1], "en": name[1] or name[0]}


@dataclass(frozen=True, slots=True)
class Book:
    """Everything the document is made of."""

    rules: Mapping[str, Rule]
    state: State
    looked_ms: int | None
    history: Sequence[Incident]
    people: People
    said: Mapping[str, Said]
    hushed: Sequence[tuple[Hush, Said]]
    posts: Iterable[Post]
    names: Names


def alerts_document(book: Book, now_ms: int) -> Document:
    """The alerts of now, urgent and new first; then the history, newest first."""
    firing = sorted(book.state.firing(), key=lambda one: (-one.severity.rank, -one.fired_ms))
    rows = [_row(one, book, now_ms) for one in firing]
    looked = book.looked_ms
    return {
        "now_ms": now_ms,
        "looked_ms": looked,
        "stale": looked is None or now_ms - looked > STALE_MS,
        "counts": _counts(rows),
        "alerts": rows,
        "history": [_row(one, book, now_ms) for one in book.history],
        "rules": [_rule(rule, book) for rule in book.rules.values()],
        "receivers": [asdict(post) for post in book.posts],
        "silences": [
            {"rule": hush.rule, "subject": hush.subject, "start_ms": hush.start_ms, "end_ms": hush.end_ms,
             "name": both(subject_name(hush.subject, book.names)) if hush.subject else None,
             "who": said.who, "why": said.why}
            for hush, said in book.hushed if hush.end_ms > now_ms
        ],
    }  # fmt: skip


def _counts(rows: Sequence[Document]) -> dict[str, int]:
    found = {severity.value: 0 for severity in Severity}
    for row in rows:
        found[row["severity"]] += 1
    told = {"acknowledged": "acknowledged", "silenced": "silenced"}
    return {"firing": len(rows), **found, **{name: sum(bool(r[key]) for r in rows) for name, key in told.items()}}


def _row(one: Incident, book: Book, now_ms: int) -> Document:
    rule, said = book.rules.get(one.rule), book.said.get(one.key)
    kind = rule.kind if rule else ""
    name = rule.name if rule and any(rule.name) else KINDS.get(kind, (one.rule, one.rule))
    return {
        "key": one.key, "rule": one.rule, "kind": kind, "name": both(name), "severity": one.severity.value,
        "state": "firing" if one.resolved_ms is None else "resolved",
        "subject": {"id": one.subject, "name": both(subject_name(one.subject, book.names))},
        "text": both(sentence(one, rule, book.names)),
        "since_ms": one.since_ms, "fired_ms": one.fired_ms, "resolved_ms": one.resolved_ms,
        "value": one.value, "limit": one.limit, "unit": one.unit,
        "members": [{"id": id_, "name": both(book.names("device", id_))} for id_ in one.members],
        "acknowledged": None if said is None else asdict(said),
        "silenced": one.resolved_ms is None and book.people.silent(one, now_ms),
    }  # fmt: skip


def _rule(rule: Rule, book: Book) -> Document:
    mine = [watch for (name, _), watch in book.state.watches.items() if name == rule.id]
    firing = sum(watch.incident is not None for watch in mine)
    kind = KINDS.get(rule.kind, (rule.kind, rule.kind))
    return {
        "id": rule.id, "kind": rule.kind, "name": both(rule.name if any(rule.name) else kind),
        "severity": rule.severity.value, "firing": firing, "pending": len(mine) - firing,
        "point": rule.point or None, "quantity": rule.quantity or None, "about": both(_about(rule, book)),
    }  # fmt: skip


def _about(rule: Rule, book: Book) -> Name:
    """The point and the quantity a rule is about, as people call them; empty where it is about more."""
    told = [book.names(kind, id_) for kind, id_ in (("point", rule.point), ("quantity", rule.quantity)) if id_]
    return (" · ".join(zh for zh, _ in told), " · ".join(en for _, en in told))


def dump_state(state: State) -> Document:
    """What fires and who was told, as it is kept; how long something has been pending is not."""
    return {"number": state.number, "watches": [
        [*place, {"incident": dump_incident(watch.incident), "told": watch.told, "since_ms": watch.since_ms}]
        for place, watch in state.watches.items() if watch.incident
    ]}  # fmt: skip


def load_state(body: Mapping[str, Any] | None) -> State:
    """The state as it was kept; what fired still fires until it is seen well."""
    watches = {
        (rule, subject): Watch(
            bad=True, since_ms=kept["since_ms"], incident=load_incident(kept["incident"]), told=kept["told"]
        )
        for rule, subject, kept in (body or {}).get("watches", [])
    }
    return State(watches, (body or {}).get("number", 0))


def dump_incident(incident: Incident | None) -> Document | None:
    """An incident as JSON."""
    return None if incident is None else asdict(incident)


def load_incident(body: Mapping[str, Any]) -> Incident:
    """An incident out of JSON."""
    more = {"severity": Severity(body["severity"]), "members": tuple(body["members"]), "note": tuple(body["note"])}
    return Incident(**{**body, **more})
