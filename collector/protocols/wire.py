"""One opened serial line, here or behind a TCP converter: bytes in and out over pymodbus's transport, and silence."""

import asyncio
import fcntl
import logging
import termios
import threading
from collections.abc import Callable
from contextlib import suppress

from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.transport.serialtransport import SerialTransport

from collector.protocols.gate import NoAnswerError, NoLineError, Request
from collector.protocols.host import Host
from collector.protocols.pdus import BUFFER, RtuFramer, pdu_of
from collector.protocols.rtu import without_echo
from collector.protocols.settings import Settings
from metering.reading import GapReason

_MOST = 4096  # bytes kept while nothing among them is an answer
_ROUGH_S, _FINE_S = 0.0015, 0.001  # timers come up to 1 ms late: the end of a silence is met by turning the loop
_FAST_BAUD, _FAST_SILENCE_S = 19_200, 0.00175  # Modbus over serial line V1.02, 2.5.1.1


class LineWire:
    """An open line; `received` is what came since the last request, without our own echo."""

    def __init__(self, settings: Settings) -> None:
        logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # what goes wrong here is said once, as a gap
        self._settings = settings
        self._client = self._made()
        self._framer = RtuFramer(self._take)
        self._client.ctx.framer = self._framer
        self._client.ctx.max_buffer_size = BUFFER
        fast = settings.baud > _FAST_BAUD
        self.silence_s = _FAST_SILENCE_S if fast else 3.5 * settings.character_s
        self.received = b""
        self.heard_at = 0.0  # when the last byte came, on the loop's clock [s]
        self.usable, self.dirty, self.echoes = False, False, False
        self.why = "not opened"
        self.overdue: tuple[int, float, Callable[[int, float], None]] | None = None
        self._awaiting: asyncio.Future[None] | None = None

    def _made(self) -> AsyncModbusSerialClient | AsyncModbusTcpClient:
        s = self._settings
        if s.remote:
            return AsyncModbusTcpClient(s.host, port=s.port, retries=0, reconnect_delay=0, trace_connect=self._moved)
        return AsyncModbusSerialClient(
            s.path, baudrate=s.baud, parity=s.parity, stopbits=s.stop_bits, retries=0, reconnect_delay=0,
            trace_connect=self._moved,
        )  # fmt: skip

    async def open(self, host: Host, timeout_s: float) -> None:
        """Open it; NoLineError with the system's words otherwise. The event loop never waits for an adapter."""
        reason = GapReason.CONNECT if self._settings.remote else GapReason.LINE_DOWN
        try:
            async with asyncio.timeout(timeout_s):
                if self._settings.remote:
                    await host.connect(self._client.ctx.handle_new_connection, timeout_s)
                else:
                    await self._open_adapter()
        except (OSError, ValueError, termios.error) as error:  # TimeoutError is an OSError
            words = getattr(error, "strerror", None) or str(error) or f"not open within {timeout_s:g} s"
            raise NoLineError(reason, f"{self._settings.where}: {words}") from None
        self.heard_at = asyncio.get_running_loop().time()

    async def _open_adapter(self) -> None:
        """Pymodbus's serial transport, made in a thread of its own, since the system may keep its maker waiting."""
        loop = asyncio.get_running_loop()
        made: asyncio.Future[SerialTransport] = loop.create_future()
        given_up = threading.Event()
        threading.Thread(target=self._make, args=(loop, made, given_up), daemon=True, name="open-line").start()
        try:
            transport = await made
        except asyncio.CancelledError:
            given_up.set()
            raise
        transport.setup()
        await asyncio.sleep(0)  # pymodbus tells the connection in the loop's next turn

    def _make(
        self, loop: asyncio.AbstractEventLoop, made: "asyncio.Future[SerialTransport]", given_up: threading.Event
    ) -> None:
        s = self._settings
        try:
            transport = SerialTransport(loop, self._client.ctx, s.path, s.baud, 8, s.parity, s.stop_bits, 0)
            port = transport.sync_serial
            fcntl.ioctl(port.fileno(), termios.TIOCEXCL)  # pyserial's own lock binds only those who ask for it
            port.reset_input_buffer()
        except Exception as error:  # noqa: BLE001 - told to whoever waits
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_fail, made, error)
            return
        if given_up.is_set():
            port.close()
            return
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_give, made, transport)

    def send(self, request: Request) -> None:
        """Put a request on the line; forgets what came before."""
        if not self.usable:
            raise NoAnswerError(GapReason.LINE_DOWN, self.why)
        self.forget()
        self.overdue = None
        self._client.ctx.pdu_send(pdu_of(request))

    @property
    def stuck(self) -> bool:
        """True where the adapter has not taken what was to be sent."""
        port = getattr(self._client.ctx.transport, "sync_serial", None)
        with suppress(OSError, termios.error):
            return bool(port is not None and port.out_waiting)
        return False

    async def more(self, until: float) -> None:
        """Wait for more bytes, the end of the connection, or an instant of the loop's clock."""
        loop = asyncio.get_running_loop()
        self._awaiting = awaiting = loop.create_future()
        timer = loop.call_at(until, _wake, awaiting)
        try:
            await awaiting
        finally:
            timer.cancel()
            self._awaiting = None

    async def look(self) -> None:
        """Take what the system holds already: who had to wait for a processor is late himself, not the line."""
        for _ in range(2):  # the loop asks the system in its next turn, and hands out what came in the one after
            await asyncio.sleep(0)

    async def quiet(self, seconds: float, at_most: float) -> bool:
        """Wait until nothing has come for so long; False when that took longer than allowed."""
        loop = asyncio.get_running_loop()
        last = loop.time() + at_most + seconds
        while self.usable and (rest := self.heard_at + seconds - loop.time()) > 0:
            if loop.time() >= last:
                return False
            if rest > _ROUGH_S:
                await self.more(loop.time() + rest - _FINE_S)
            else:
                await asyncio.sleep(0)
        return True

    def forget(self) -> None:
        """What was received is done with."""
        self.received = b""

    def close(self) -> None:
        """Close it for good; output that an adapter does not take is thrown away, else closing would wait for it."""
        self.usable = False
        port = getattr(self._client.ctx.transport, "sync_serial", None)
        if port is not None:
            with suppress(OSError, termios.error):
                port.reset_output_buffer()
        with suppress(OSError, termios.error):
            self._client.close()
        self._wake()

    def _moved(self, connected: bool) -> None:  # noqa: FBT001 - pymodbus calls it so
        self.usable = connected
        self.why = "" if connected else "the line is gone"
        self._wake()

    def _take(self, buffer: bytes) -> int:
        """Keep what came; pymodbus need not."""
        self.heard_at = asyncio.get_running_loop().time()
        if self.overdue is not None:
            unit, asked_at, tell = self.overdue
            self.overdue = None
            tell(unit, self.heard_at - asked_at)
        self.received = (self.received + buffer)[-_MOST:]
        rest, echoed = without_echo(self.received, self._framer.sent)
        self.echoes = self.echoes or echoed
        if echoed:
            self.received, self._framer.sent = rest, b""
        self._wake()
        return len(buffer)

    def _wake(self) -> None:
        if self._awaiting is not None:
            _wake(self._awaiting)


def _wake(awaiting: "asyncio.Future[None]") -> None:
    if not awaiting.done():
        awaiting.set_result(None)


def _give(made: "asyncio.Future[SerialTransport]", transport: SerialTransport) -> None:
    if made.done():
        transport.sync_serial.close()
    else:
        made.set_result(transport)


def _fail(made: "asyncio.Future[SerialTransport]", error: Exception) -> None:
    if not made.done():
        made.set_exception(error)
