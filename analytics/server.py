"""The HTTP server around the page: one address, an orderly end, nothing said about itself."""

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from analytics.stream import Live

HEAD_S, BODY_S = 10.0, 30.0  # for the head of a request, and for the rest of it [s]
MOST_BY_ADDRESS = 20  # connections
AT_HOME = frozenset({"127.0.0.1", "::1"})  # the machine itself, and a proxy there with all of its readers
Ready = Callable[[str, Callable[[], None]], None]


class _Server(uvicorn.Server):
    """Says when it listens, and ends the streams before it waits for them."""

    def __init__(self, config: uvicorn.Config, live: Live, listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._live, self._listening = live, listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._listening()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._live.stop()
        await super().shutdown(sockets)


class _Timed(H11Protocol):
    """Hangs up on whoever takes too long to say what they want (slowloris), and on a crowd from one address."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._allow(HEAD_S)
        if self._crowds():
            transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._deadline is None:  # the head of a later request on the same connection
            self._allow(HEAD_S)
        super().data_received(data)

    def handle_events(self) -> None:
        before: object = self.cycle
        super().handle_events()
        cycle: Any = self.cycle
        if cycle is None or cycle.response_complete:
            return
        if not cycle.more_body:
            self._allow(None)
        elif cycle is not before:
            self._allow(BODY_S)

    def connection_lost(self, exc: Exception | None) -> None:
        self._allow(None)
        super().connection_lost(exc)

    def _allow(self, seconds: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self.transport.abort)

    def _crowds(self) -> bool:
        mine = self.client and self.client[0]
        others: Any = self.connections
        same = sum(one.client is not None and one.client[0] == mine for one in others)
        return mine not in AT_HOME and same > MOST_BY_ADDRESS


def serve(
    app: FastAPI, host: str = "127.0.0.1", port: int = 0, ready: Ready | None = None,
    tls: tuple[Path, Path] | None = None,
) -> None:  # fmt: skip
    """Answer until SIGTERM, SIGINT or `stop`, then return; `ready(url, stop)` is called once it listens.

    Port 0 takes a free one; `tls` is (certificate, key). OSError when the address is taken.
    """
    listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    config = uvicorn.Config(
        app, server_header=False, access_log=False, log_config=None, lifespan="off", ws="none", limit_concurrency=100,
        timeout_keep_alive=30, timeout_graceful_shutdown=3, h11_max_incomplete_event_size=16_384, http=_Timed,
        ssl_certfile=tls[0] if tls else None, ssl_keyfile=tls[1] if tls else None,
    )  # fmt: skip

    def stop() -> None:
        server.should_exit = True

    def listening() -> None:
        name = f"[{host}]" if ":" in host else host
        if ready is not None:
            ready(f"http{'s' if tls else ''}://{name}:{listener.getsockname()[1]}", stop)

    server = _Server(config, app.state.live, listening)
    with listener, _signals_end_here():
        server.run([listener])


@contextmanager
def _signals_end_here() -> Iterator[None]:
    """Uvicorn raises the signal that stopped it once more; the caller still has a store to close."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {each: signal.signal(each, lambda *_: None) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
