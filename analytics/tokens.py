"""Tokens of the API: 256 random bits, shown once and kept as a hash; each is an entry, so is its revocation."""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from analytics.access import Caller, Role
from metering.store.entries import EntriesReader, Entry

MADE, REVOKED = "token", "token_revoked"
PREFIX = "zcf_"
LOOK_S = 1.0  # a revocation takes effect within this [s]


@dataclass(frozen=True, slots=True)
class Token:
    """What is kept of a token."""

    id: str
    name: str
    role: Role
    digest: str
    made_ms: int
    expires_ms: int
    views: frozenset[str] = frozenset()
    revoked_ms: int | None = None

    def valid(self, now_ms: int) -> bool:
        """Whether it opens anything now."""
        return self.revoked_ms is None and now_ms < self.expires_ms

    def document(self, now_ms: int) -> dict[str, Any]:
        """What may be told of it: neither the token nor its hash."""
        return {
            "id": self.id, "name": self.name, "role": self.role.value, "made_ms": self.made_ms,
            "expires_ms": self.expires_ms, "revoked_ms": self.revoked_ms, "views": sorted(self.views),
            "valid": self.valid(now_ms),
        }  # fmt: skip


def digest(secret: str) -> str:
    """SHA-256 is enough for 256 random bits: there is nothing to guess that a slow hash would slow down."""
    return hashlib.sha256(secret.encode()).hexdigest()


def make(name: str, role: Role, expires_ms: int, views: Iterable[str] = ()) -> tuple[str, Mapping[str, Any]]:
    """A new token as it is shown once, and the body of its entry."""
    number, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
    body = {"id": number, "name": name, "role": role.value, "hash": digest(secret), "expires_ms": expires_ms,
            "views": sorted(views)}  # fmt: skip
    return f"{PREFIX}{number}_{secret}", body


def tokens_of(entries: Iterable[Entry]) -> dict[str, Token]:
    """Every token, by id. An undone revocation stays a revocation."""
    found: dict[str, Token] = {}
    gone: dict[str, int] = {}
    for entry in entries:
        body = entry.body
        if entry.kind == MADE:
            found[body["id"]] = Token(
                body["id"], body["name"], Role(body["role"]), body["hash"], entry.at_ms, body["expires_ms"],
                frozenset(body["views"]),
            )  # fmt: skip
        elif entry.kind == REVOKED:
            gone.setdefault(str(body["id"]), entry.at_ms)
    return {
        name: one if name not in gone else Token(
            one.id, one.name, one.role, one.digest, one.made_ms, one.expires_ms, one.views, gone[name]
        )
        for name, one in found.items()
    }  # fmt: skip


class TokenBook:
    """The tokens of a store, looked up again at most once a second."""

    def __init__(self, entries: EntriesReader, clock: Callable[[], int]) -> None:
        self._entries, self._clock = entries, clock
        self._tokens: dict[str, Token] = {}
        self._looked = float("-inf")

    def tokens(self) -> dict[str, Token]:
        """Every token by id."""
        if time.monotonic() - self._looked >= LOOK_S:
            kinds = (entry for kind in (MADE, REVOKED) for entry in self._entries.entries(kind))
            self._tokens, self._looked = tokens_of(kinds), time.monotonic()
        return self._tokens

    def caller(self, shown: str) -> Caller | None:
        """Who shows this token; None for one that is unknown, wrong, expired or revoked."""
        number, _, secret = shown.removeprefix(PREFIX).partition("_")
        token = self.tokens().get(number)
        same = hmac.compare_digest(token.digest if token else digest(""), digest(secret))
        if token is None or not same or not secret or not token.valid(self._clock()):
            return None
        return Caller(token.name, token.role, token.id, token.views)
