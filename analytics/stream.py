"""Live values as server-sent events: one look at the service for every stream, and only what changed is sent."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, Protocol

from metering.store import StoreError

Document = dict[str, Any]
ALERTS_S = 2.0  # alerts are looked for every five seconds; a stream need not ask more often [s]
TOLD = ("now_ms", "counts", "alerts")  # of the alerts document; who wants the history asks for it


class Looked(Protocol):
    """What the streams look at."""

    def live(self) -> Document:
        """The live document; StoreError when it cannot be read now."""
        ...

    def alerts(self) -> Document:
        """The alerts document."""
        ...


class Live:
    """The live document for every open stream: one look at the service however many watch, none while nobody does."""

    def __init__(self, service: Looked, look_s: float, beat_s: float) -> None:
        self._service, self._look_s, self._beat_s = service, look_s, beat_s
        self._lock, self._stop = asyncio.Lock(), asyncio.Event()
        self._document: Document = {}
        self._alerts: Document = {}
        self._seen_at = self._asked_at = -max(look_s, ALERTS_S)

    def stop(self) -> None:
        """End every stream; called in the event loop, before the server waits for its connections."""
        self._stop.set()

    async def look(self) -> Document:
        """The newest live document, at most `look_s` old [s]."""
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if now - self._seen_at >= self._look_s:
                self._document = await asyncio.to_thread(self._service.live)
                self._seen_at = asyncio.get_running_loop().time()
            if now - self._asked_at >= ALERTS_S:
                told = await asyncio.to_thread(self._service.alerts)
                self._alerts = {key: told[key] for key in TOLD}
                self._asked_at = now
            return self._document

    async def frames(self) -> AsyncIterator[bytes]:
        """One client's stream: everything first, then what changed; a beat when nothing did."""
        sent: Document = {}
        told: Document = {}
        quiet = 0.0
        yield b"retry: 2000\n\n"
        while not self._stop.is_set():
            frame, sent = await self._news(sent)
            if frame or quiet >= self._beat_s:
                yield frame or _event("beat", {"now_ms": sent.get("now_ms")})
                quiet = 0.0
            if self._alerts.get("alerts", []) != told.get("alerts", []):
                told = self._alerts
                yield _event("alerts", told)
            await self._pause()
            quiet += self._look_s

    async def _news(self, sent: Document) -> tuple[bytes, Document]:
        try:
            document = await self.look()
        except StoreError as error:
            return _event("trouble", {"detail": str(error)}), sent
        points = _changed(sent.get("points", {}), document.get("points", {}))
        if not points and document.get("flow") == sent.get("flow"):
            return b"", document
        return _event("live", {**document, "points": points}), document

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._stop.wait(), self._look_s)
        except TimeoutError:
            return


def _changed(before: Document, now: Document) -> Document:
    """The readings that are new: a stream of a hundred meters must fit through a phone."""
    news = {p: {q: v for q, v in of.items() if before.get(p, {}).get(q) != v} for p, of in now.items()}
    return {p: of for p, of in news.items() if of}


def _event(name: str, document: Document) -> bytes:
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return f"event: {name}\ndata: {text}\n\n".encode()
