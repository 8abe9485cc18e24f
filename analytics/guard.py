"""The door of the API: no secret in a URL, a token with a role for everything, limits; refused unless allowed.

At the machine itself reading needs no token (docs/decisions/0010): where the server listens on loopback alone, the
request names loopback as its host (no DNS rebinding) and came through no proxy.
"""

import ipaddress
import time
from collections.abc import Callable, Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from analytics.access import LOCAL, PUBLIC, RULES, Caller
from analytics.throttle import BY_ADDRESS, BY_TOKEN, Buckets, Failures

MOST_BODY, MOST_HEAD = 1_000_000, 16_384
COOKIE = "zcf_session"
ELSEWHERE = "the documents are listed in /api/v1/openapi.json, the page is at /"
_SECRETS = frozenset({"token", "access_token", "api_key", "apikey", "auth", "authorization", "password", "secret"})
_PROXIED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")

Problem = Callable[..., Response]


class Book(Protocol):
    """Who shows a token."""

    def caller(self, shown: str) -> Caller | None:
        """The caller, or None."""
        ...


class Refusal(Exception):  # noqa: N818 - a refusal is an answer
    """What the door says instead of letting somebody in."""

    def __init__(self, status: int, detail: str, mend: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.mend, self.headers = status, detail, mend, headers or {}


class Guard:
    """Stands before the routes of an application."""

    def __init__(
        self, app: ASGIApp, *, book: Book | None, local_reading: bool, problem: Problem,
        state: Any, monotonic: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._app, self._book, self._local, self._problem = app, book, local_reading, problem
        self._tell = state.tell
        state.guard = self
        self._buckets = Buckets(monotonic)
        self._by_address, self._by_token = Failures(monotonic, *BY_ADDRESS), Failures(monotonic, *BY_TOKEN)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Judge, then pass on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            self._judge(scope)
            await self._app(scope, _limited(scope, receive), send)
        except Refusal as refusal:
            answer = self._problem(refusal.status, refusal.detail, refusal.mend)
            answer.headers.update(refusal.headers)
            await answer(scope, receive, send)

    def _judge(self, scope: Scope) -> None:
        if {b"transfer-encoding", b"content-length"} <= {name for name, _ in scope["headers"]}:  # RFC 9112, 6.1
            raise Refusal(400, "a length and chunks in one request", "send one of them", {"connection": "close"})
        if _head_of(scope) > MOST_HEAD:  # the server's own limit is of heads that come in parts
            raise Refusal(431, "the head of the request is larger than 16 kB", "send less", {"connection": "close"})
        named = {name.lower() for name, _ in parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)}
        if named & _SECRETS:
            raise Refusal(
                400, "a secret in a URL ends up in logs", "send it as Authorization: Bearer ...; make a new one"
            )
        place = _place(scope)
        if place is None or place in PUBLIC:
            self._pace(scope, "")
            return
        caller = self._caller(scope)
        self._pace(scope, caller.token)
        if place not in RULES or not caller.may(*place):
            raise Refusal(403, f"{caller.role.value} may not do this", "ask somebody whose token may")
        scope.setdefault("state", {})["caller"] = caller

    def _caller(self, scope: Scope) -> Caller:
        headers = Headers(scope=scope)
        shown, by_cookie = shown_token(headers)
        if not shown:
            if self._local and scope["method"] in ("GET", "HEAD") and _at_the_machine(scope, headers):
                return LOCAL
            raise Refusal(401, "this needs a token", "send Authorization: Bearer ..., or log in at /login.html",
                          {"www-authenticate": "Bearer"})  # fmt: skip
        if by_cookie and scope["method"] not in ("GET", "HEAD"):
            _same_origin(headers)
        return self.checked(scope, shown)

    def checked(self, scope: Scope, shown: str) -> Caller:
        """The caller who shows a token; Refusal, and the failure counted, when it opens nothing."""
        address, number = _address(scope), shown.removeprefix("zcf_").partition("_")[0][:16]
        wait = max(self._by_address.wait_s(address), self._by_token.wait_s(number))
        if wait:
            raise Refusal(429, "too many failed log-ins", "wait, then try again", {"retry-after": str(int(wait) + 1)})
        caller = self._book.caller(shown) if self._book else None
        if caller is None:
            self._by_address.add(address)
            self._by_token.add(number)
            self._tell("login.failed", address, token=number if number.isalnum() else "")
            raise Refusal(401, "the token is unknown, expired or revoked", "make one with `zcf token make`",
                          {"www-authenticate": "Bearer"})  # fmt: skip
        return caller

    def _pace(self, scope: Scope, token: str) -> None:
        if not scope["path"].startswith("/api/"):
            return
        wait = self._buckets.wait_s(token or _address(scope))
        if wait:
            raise Refusal(429, "too many requests", "20 a second, 60 at once", {"retry-after": str(int(wait) + 1)})


def shown_token(headers: Headers) -> tuple[str, bool]:
    """The token of a request, and whether it came as a cookie; empty for none."""
    kind, _, shown = headers.get("authorization", "").partition(" ")
    if kind:
        return (shown.strip() or "-") if kind.lower() == "bearer" else "-", False
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return "", False
    return (cookie.value, True) if cookie else ("", False)


def _place(scope: Scope) -> tuple[str, str] | None:
    """Method and route; None for the files of the page. What the API does not list by itself is not there."""
    near = False
    for route in scope["app"].routes:
        if isinstance(route, Route) and (match := route.matches(scope)[0]) is not Match.NONE:
            if match is Match.FULL:
                return scope["method"], route.path
            near = True
    if near:
        raise Refusal(405, "Method Not Allowed", ELSEWHERE)
    if scope["path"].lower().startswith("/api"):
        raise Refusal(404, "Not Found", ELSEWHERE)
    return None


def _head_of(scope: Scope) -> int:
    """About how large the head of a request was [bytes]."""
    headers = sum(len(name) + len(value) + 4 for name, value in scope["headers"])
    return len(scope.get("raw_path") or b"") + len(scope["query_string"]) + headers


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _at_the_machine(scope: Scope, headers: Headers) -> bool:
    host = urlsplit("//" + headers.get("host", "")).hostname or ""
    return _loopback(_address(scope)) and _loopback(host) and not any(name in headers for name in _PROXIED)


def _loopback(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _same_origin(headers: Headers) -> None:
    origin = urlsplit(headers.get("origin", "")).netloc
    if not origin or origin != headers.get("host"):
        raise Refusal(403, "this came from another page", "do it on the page itself, or send the token as a header")


def _limited(scope: Scope, receive: Receive) -> Receive:
    """The body, up to a megabyte; Refusal beyond."""
    told = Headers(scope=scope).get("content-length", "0")
    if not told.isdigit() or int(told) > MOST_BODY:
        raise Refusal(413, "the body is larger than 1 MB", "send less")
    size = 0

    async def counted() -> Message:
        nonlocal size
        message: Message = await receive()
        size += len(message.get("body", b""))
        if size > MOST_BODY:
            raise ClientDisconnect
        return message

    return counted
