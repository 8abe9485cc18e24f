"""What may be written over HTTP: entries, acknowledgements and silences, each under the name on the caller's token."""

from http import HTTPStatus
from typing import Annotated, Any, Literal, cast

from fastapi import FastAPI, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from analytics.access import Caller
from analytics.audit import Audit
from analytics.drafting import WrongEntryError
from analytics.entering import acknowledged, corrected, enter, revoked, silenced
from analytics.guard import COOKIE, Guard
from analytics.shapes import EntryShape, told_as
from analytics.tokens import TokenBook
from metering.sitefile import SiteConfig
from metering.store.entries import EntriesReader, Entry

Document = dict[str, Any]
Text = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]*$")]
SESSION_S = 12 * 3600
MOST_ENTRIES = 100_000  # in one answer
# what each kind of correction needs, as `zcf correct` names its options
WORDS = {
    "exchange": ("point", "quantity", "at", "final", "start"), "bad_range": ("point", "quantity", "from", "to"),
    "manual_reading": ("point", "quantity", "at", "value"), "multiplier": ("point", "from", "to", "factor"),
    "direction": ("point", "from", "to"), "reset": ("point", "quantity", "at", "energy"),
    "bill": ("point", "quantity", "from", "to", "value"), "undo": ("entry",), "closing": ("period", "incomplete"),
}  # fmt: skip


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class Correction(_Body):
    """An entry as `zcf correct` takes it; what a kind does not need is refused."""

    kind: Literal[
        "exchange", "bad_range", "manual_reading", "multiplier", "direction", "reset", "bill", "undo", "closing"
    ]
    words: dict[Annotated[str, Field(max_length=16)], Annotated[str, Field(max_length=256)]] = Field(max_length=8)
    why: Text


class Acknowledgement(_Body):
    """Somebody knows of an alert and sees to it."""

    key: Text
    why: Text


class Silence(_Body):
    """A rule, or one subject of it, is to be quiet for a time."""

    rule: Text
    subject: Annotated[str, Field(max_length=256)] = ""
    minutes: Annotated[int, Field(ge=1, le=43_200)]
    why: Text


class Revocation(_Body):
    """A token is to open nothing any more."""

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]
    why: Text


class Session(_Body):
    """A log-in of the page."""

    token: Annotated[str, Field(min_length=1, max_length=128)]


def _caller(request: Request) -> Caller:
    return cast("Caller", request.state.caller)


def _config(request: Request) -> SiteConfig:
    return cast("SiteConfig", request.app.state.service.config)


def _now(request: Request) -> int:
    return cast("int", request.app.state.service.clock())


def told(entry: Entry) -> Document:
    """An entry as it is told; a token's hash is not."""
    body = {key: value for key, value in entry.body.items() if key != "hash"}
    return {"id": entry.id, "kind": entry.kind, "who": entry.who, "why": entry.why, "at_ms": entry.at_ms, "body": body}


def entries(request: Request, newest: Annotated[int, Query(ge=1, le=MOST_ENTRIES)] = MOST_ENTRIES) -> Document:
    """The newest entries, oldest first, which of them are in force, and how many there are in all."""
    from analytics.corrections import in_force

    found = EntriesReader(_config(request).store_dir).entries()
    valid = {entry.id for entry in in_force(found)}
    shown = [{**told(entry), "in_force": entry.id in valid} for entry in found[-newest:]]
    return {"entries": shown, "of": len(found)}


def correct(request: Request, body: Correction) -> Document:
    """Enter a correction; refused with every fault at once, as `zcf correct` refuses it."""
    wanted, given = set(WORDS[body.kind]), set(body.words)
    optional = {"quantity", "energy", "incomplete"}
    if (wanted - optional) - given or given - wanted:
        needs = ", ".join(sorted(wanted))
        raise WrongEntryError([f"words: {body.kind} has {needs}"])
    if body.kind == "closing":
        return told(close(request, body))
    words = {"quantity": "active_energy_import", "energy": "", **body.words}
    return told(corrected(_config(request), _now(request), body.kind, words, (_caller(request).name, body.why)))


def close(request: Request, body: Correction) -> Entry:
    """Ask for a month to be closed; the running service freezes it. `incomplete: yes` closes it though part lacks."""
    from analytics.closing import check_month, closing_entry

    service, by = request.app.state.service, (_caller(request).name, body.why)
    try:
        month = check_month(body.words["period"])
        entry = closing_entry(service, month, *by, _now(request), incomplete=body.words.get("incomplete") == "yes")
    except ValueError as error:
        raise WrongEntryError([f"period: {error}"]) from None
    if entry is None:
        raise WrongEntryError([f"period: nothing changed since {month} was last closed"])
    enter(_config(request), entry, "api")
    return entry


def acknowledge(request: Request, body: Acknowledgement) -> Document:
    """Acknowledge an alert: it is not told again while it fires."""
    firing = {row["key"] for row in request.app.state.service.alerts()["alerts"]}
    if body.key not in firing:
        raise WrongEntryError([f"key: no alert {body.key!r} is firing"])
    return told(acknowledged(_config(request), _now(request), body.key, (_caller(request).name, body.why)))


def silence(request: Request, body: Silence) -> Document:
    """Silence a rule, or one subject of it, for some minutes."""
    rules = {row["id"] for row in request.app.state.service.alerts()["rules"]}
    if body.rule not in rules:
        raise WrongEntryError([f"rule: there is no rule {body.rule!r}"])
    by = (_caller(request).name, body.why)
    return told(silenced(_config(request), _now(request), body.rule, body.subject, body.minutes, by))


def whoami(request: Request) -> Document:
    """Whose token this is, and what it may do."""
    caller = _caller(request)
    return {"name": caller.name, "role": caller.role.value, "token": caller.token or None}


def session(request: Request, body: Session, response: Response) -> Document:
    """Log the page in: the token becomes a cookie that no script can read."""
    guard = cast("Guard", request.app.state.guard)
    caller = guard.checked(request.scope, body.token)
    response.set_cookie(
        COOKIE, body.token, max_age=SESSION_S, httponly=True, samesite="strict", secure=request.url.scheme == "https"
    )
    request.app.state.tell("login", caller.name, token=caller.token)
    return {"name": caller.name, "role": caller.role.value, "token": caller.token}


def leave(response: Response) -> Document:
    """Log the page out: the cookie is taken away; the token itself stays valid until it is revoked."""
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return {}


def tokens(request: Request) -> Document:
    """Every token, without what would open anything."""
    book = cast("TokenBook", request.app.state.book)
    return {"tokens": [token.document(_now(request)) for token in book.tokens().values()]}


def revoke(request: Request, body: Revocation) -> Document:
    """Revoke a token."""
    if body.id not in cast("TokenBook", request.app.state.book).tokens():
        raise WrongEntryError([f"id: there is no token {body.id}"])
    return told(revoked(_config(request), _now(request), body.id, (_caller(request).name, body.why), "api"))


def audit(request: Request) -> Document:
    """The newest lines of the audit log, and whether its chain is whole."""
    log = Audit(_config(request).store_dir)
    return {"lines": log.newest(200), "faults": list(log.faults())}


def add_writing(app: FastAPI) -> None:
    """Everything that needs more than reading."""
    for path, view in (("entries", entries), ("tokens", tokens), ("audit", audit)):
        app.add_api_route(f"/api/v1/{path}", view, methods=["GET"], responses=told_as(path))
    writes: dict[str, Any] = {"entries": correct, "alerts/acknowledge": acknowledge, "alerts/silence": silence,
                              "tokens/revoke": revoke}  # fmt: skip
    for path, write in writes.items():
        told: dict[int | str, Any] = {HTTPStatus.CREATED.value: {"model": EntryShape}}
        app.add_api_route(f"/api/v1/{path}", write, methods=["POST"], status_code=HTTPStatus.CREATED, responses=told)
    app.add_api_route("/api/v1/session", session, methods=["POST"], responses=told_as("whoami"))
    app.add_api_route("/api/v1/session", leave, methods=["DELETE"])
