"""Modbus TCP over pymodbus: one connection a link, one outstanding request, re-opened after anything odd.

pymodbus opens the connection and makes the requests; its own reading of answers is replaced, because it takes late,
short and foreign ones for the answer asked for (pymodbus 3.16.1; PR 2636, issues 538, 1509, 2709, 2777).
"""

import asyncio
import logging
import secrets
from contextlib import suppress
from typing import Any

from pymodbus.client import AsyncModbusTcpClient

from collector.protocols.gate import NoAnswerError, NoLineError, Request, Verdict, judge
from collector.protocols.host import Host
from collector.protocols.pdus import BUFFER, TcpFramer, tcp_frame
from metering.reading import GapReason

_CONNECT_S = 3.0


class Gate:
    """The one way to a link's devices: asks reads, answers with the bytes asked for or says why there are none."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        connect_delay_s: float = 0.0,
        connect_timeout_s: float = _CONNECT_S,
        numbered: bool = True,
    ) -> None:
        """`numbered` devices answer with the number of the request; others need a NumberlessGate around this one."""
        self._host, self._numbered = Host(host, port), numbered
        self._where = (host, port)
        self._delay_s, self._timeout_s = connect_delay_s, connect_timeout_s
        self._wire: _Wire | None = None
        self._lock = asyncio.Lock()
        # Goes on across connections: a gateway that sends an old answer into a new one is found out by its number.
        self._tid = secrets.randbelow(0xFFFF)
        self.opened = 0  # connections made
        self.asked_at = 0.0  # when the last request left, on the loop's clock [s]

    @property
    def is_open(self) -> bool:
        """True while the next request needs no new connection."""
        return self._wire is not None and self._wire.usable

    def airtime_s(self, request: Request) -> float:  # noqa: ARG002 - where it is long it depends on the request
        """How long a request and its answer are under way, beside the time the device takes: on TCP nothing."""
        return 0.0

    async def open_if_possible(self) -> None:
        """Connect ahead of the next request, which will tell where that fails."""
        with suppress(NoAnswerError):
            async with self._lock:
                await self._ready()

    async def execute(self, request: Request, timeout_s: float) -> bytes:
        """The data of the one valid answer; NoAnswerError otherwise, and after anything odd a new connection."""
        async with self._lock:
            reused = self.is_open
            try:
                return await self._ask(request, timeout_s)
            except NoAnswerError as error:
                # A connection that the other end had closed while idle is no fault of the device: ask once more.
                if not reused or error.reason is not GapReason.LINE_DOWN:
                    raise
            return await self._ask(request, timeout_s)

    async def _ask(self, request: Request, timeout_s: float) -> bytes:
        wire = await self._ready()
        self._tid = self._tid % 0xFFFF + 1
        self.asked_at = asyncio.get_running_loop().time()
        try:
            return await wire.ask(request, self._tid, timeout_s)
        finally:
            if not wire.usable:
                self.close()

    async def _ready(self) -> "_Wire":
        if self._wire is not None and self._wire.usable:
            return self._wire
        self.close()
        wire = _Wire(*self._where, numbered=self._numbered)
        try:
            await wire.open(self._host, self._timeout_s)
            self._wire = wire
            self.opened += 1
            if self._delay_s:
                await asyncio.sleep(self._delay_s)
        except BaseException:
            wire.spoil("opening was broken off")
            raise
        return wire

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._wire is not None:
            self._wire.spoil("closed")
            self._wire = None


class _Wire:
    """One TCP connection; the first odd byte, timeout or broken-off request spoils it for good."""

    def __init__(self, host: str, port: int, *, numbered: bool) -> None:
        self._numbered = numbered
        logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # what goes wrong here is said once, as a gap
        self._client = AsyncModbusTcpClient(host, port=port, retries=0, reconnect_delay=0, trace_connect=self._moved)
        self._client.ctx.framer = TcpFramer(self._received)
        # what came is judged here at once: its own way to the framer keeps a dump of the last frames of all devices
        self._client.ctx.data_received = self._heard  # type: ignore[method-assign]
        self._where = f"{host}:{port}"
        self._asked: tuple[Request, int] | None = None
        self._answer: asyncio.Future[bytes] | None = None
        self._begun = False
        self._before = self._rest = b""
        self.usable = False

    async def open(self, host: Host, timeout_s: float) -> None:
        """Connect; NoAnswerError(connect) with the system's words otherwise."""
        try:
            async with asyncio.timeout(timeout_s):
                await host.connect(self._client.ctx.handle_new_connection, timeout_s)
        except OSError as error:  # TimeoutError is one
            words = error.strerror or str(error) or f"no connection within {timeout_s:g} s"
            raise NoLineError(GapReason.CONNECT, f"{self._where}: {words}") from None

    async def ask(self, request: Request, tid: int, timeout_s: float) -> bytes:
        """Send one request and wait for its answer."""
        if not self.usable:
            raise NoAnswerError(GapReason.LINE_DOWN, "closed by the other end")
        loop = asyncio.get_running_loop()
        self._asked, self._answer, self._begun = (request, tid), loop.create_future(), False
        timer = loop.call_later(timeout_s, self._fail, GapReason.TIMEOUT, f"no answer within {timeout_s:g} s")
        try:
            self._say(tcp_frame(request, tid))
            return await self._answer
        except asyncio.CancelledError:
            self.spoil("request broken off")
            raise
        finally:
            timer.cancel()
            self._asked = self._answer = None

    def spoil(self, why: str) -> None:
        """Close for good; a waiting request is told."""
        self.usable = False
        self._client.close()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(NoAnswerError(GapReason.LINE_DOWN, why))

    def _moved(self, connected: bool) -> None:  # noqa: FBT001 - pymodbus calls it so
        self.usable = connected
        if not connected:
            half = self._begun
            self._fail(
                GapReason.BAD_FRAME if half else GapReason.LINE_DOWN,
                "closed in the middle of an answer" if half else "closed by the other end",
            )

    def _fail(self, reason: GapReason, detail: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(NoAnswerError(reason, detail))
        self.spoil(detail)

    def _say(self, frame: bytes) -> None:
        self._rest = b""
        transport: Any = self._client.ctx.transport
        if transport is None:
            raise NoAnswerError(GapReason.LINE_DOWN, "closed by the other end")
        transport.write(frame)

    def _heard(self, data: bytes) -> None:
        """What came since the request, joined; a flood is no answer."""
        buffer = self._rest + data if self._rest else data
        if len(buffer) > BUFFER:
            self._fail(GapReason.BAD_FRAME, f"more than {BUFFER} bytes for one answer")
            return
        self._rest = buffer[self._received(buffer) :]

    def _received(self, buffer: bytes) -> int:
        """Judge all bytes since the request; says how many are done with."""
        if self._asked is None or self._answer is None or self._answer.done():
            self.spoil("bytes that nobody asked for")
            return len(buffer)
        self._begun = True
        request, tid = self._asked
        if self._numbered:
            verdict = judge(request, tid, buffer, self._before)
        else:
            verdict = judge(request, int.from_bytes(buffer[:2], "big"), buffer) if len(buffer) > 1 else None
        if verdict is None:
            return 0
        self._settle(self._answer, verdict)
        return len(buffer)

    def _settle(self, answer: "asyncio.Future[bytes]", verdict: Verdict) -> None:
        self._before = verdict.frame
        if verdict.data is not None:
            answer.set_result(verdict.data)
        elif verdict.refusal is not None:
            answer.set_exception(verdict.refusal)
        if not verdict.clean:
            self.spoil("odd bytes")
