"""Modbus RTU over pymodbus's transport, on a serial adapter or through a TCP converter: one request at a time.

A serial frame has no number, so an answer that comes late looks like the answer to the next request (pymodbus 3.16.1
takes it for that, and goes on one answer behind for ever: PR 2636, libmodbus 451). Here a request that was given up
leaves a debt: the line must first fall silent, and the next request to that unit must be one of another length.
"""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace

import structlog

from collector.protocols.gate import READ_WORDS, NoAnswerError, Request, Verdict
from collector.protocols.host import Host
from collector.protocols.rtu import answer_size, failure, search
from collector.protocols.settings import Settings
from collector.protocols.wire import LineWire
from metering.reading import GapReason

_DRAIN_S = (0.05, 1.0)  # a given-up line is listened to at least and at most so long
_DRAINS = 2.0  # a line that does not fall silent for so long carries noise or another master
_PAUSE_S = (0.1, 0.25)  # silence within an answer that means no more will come: on an adapter, through a converter
_REQUEST_BYTES = 8
_HUNG_S, _HUNG_TRIES = 10.0, 3  # no byte for so long over so many requests: the adapter itself may hang
_CONNECT_S = 3.0
_OVERDUE_S = 2.0  # where no other length can be asked for, an old answer is given so long, at no cost to the line
_DEBT_S = 30.0  # an answer that has not come after so long never comes
_TELL_S = 60.0

Kind = tuple[int, int | None]  # (function, length): all that tells one answer of a unit from another


class _AlikeError(NoAnswerError):
    """An answer that may be the one before, sent again."""


@dataclass(slots=True)
class _Standing:
    """What a unit is known for."""

    longest_s: float = 0.0  # its longest answer time, late ones too
    owes: dict[Kind, float] = field(default_factory=dict)  # answers that may still come; when each was asked for
    before: bytes = b""  # its last answer, which some converters send twice
    said: dict[Request, bytes] = field(default_factory=dict)  # its last answer to each question


class LineGate:
    """The one way to the devices on a serial line: asks reads, answers with the bytes asked for or says why not."""

    def __init__(self, settings: Settings, *, connect_delay_s: float = 0.0) -> None:
        self._settings, self._delay_s = settings, connect_delay_s
        self._host = Host(settings.host, settings.port)
        self._wire: LineWire | None = None
        self._lock = asyncio.Lock()
        self._units: dict[int, _Standing] = {}
        self._log = structlog.get_logger("line").bind(line=settings.where)
        self._told: dict[str, float] = {}
        self._good = 0
        self._silent, self._heard_at = 0, 0.0
        self.opened = 0
        self.asked_at = 0.0
        self.late = self.foreign = 0  # answers after their time; bytes of nobody we asked

    @property
    def is_open(self) -> bool:
        """True while the next request needs no opening."""
        return self._wire is not None and self._wire.usable

    def airtime_s(self, request: Request) -> float:
        """How long a request, its answer and the silence between take on the wire, beside the device's own time [s]."""
        return (_REQUEST_BYTES + answer_size(request) + 3.5) * self._settings.character_s

    async def open_if_possible(self) -> None:
        """Open ahead of the next request, which will tell where that fails."""
        with suppress(NoAnswerError):
            async with self._lock:
                await self._ready()

    async def execute(self, request: Request, timeout_s: float) -> bytes:
        """The data of the one valid answer; NoAnswerError otherwise."""
        async with self._lock:
            standing = self._units.setdefault(request.unit, _Standing())
            wire = await self._ready()
            await self._fall_silent(wire)
            standing.owes = {kind: at for kind, at in standing.owes.items() if _now() - at < _DEBT_S}
            if kind_of(request) in standing.owes:
                await self._settle(wire, request, standing, timeout_s)
            try:
                return await self._ask(wire, request, standing, timeout_s)
            except _AlikeError:  # sent twice by a converter, or two blocks that hold the same: asked again, it counts
                await self._fall_silent(wire)
                await self._settle(wire, request, standing, timeout_s)
            return await self._ask(wire, request, standing, timeout_s, again=True)

    def close(self) -> None:
        """Close the line; the next request opens it again."""
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    async def _ready(self) -> LineWire:
        if self._wire is not None and self._wire.usable:
            return self._wire
        self.close()
        wire = LineWire(self._settings)
        try:
            await wire.open(self._host, _CONNECT_S)
            self._wire = wire
            self.opened += 1
            self._silent, self._heard_at = 0, _now()
            await asyncio.sleep(self._delay_s)
        except BaseException:
            wire.close()
            raise
        return wire

    async def _fall_silent(self, wire: LineWire) -> None:
        """Wait until the line has been quiet: 3.5 characters, after anything odd as long as a late answer may take."""
        quiet_s = wire.silence_s
        if wire.dirty:
            longest = max((one.longest_s for one in self._units.values() if one.owes), default=0.0)
            quiet_s = min(max(_DRAIN_S[0], 1.5 * longest), _DRAIN_S[1])
            await wire.look()
        silent = await wire.quiet(quiet_s, _DRAINS)
        if wire.received:
            self._stray(len(wire.received))
        wire.forget()
        if not silent:
            raise NoAnswerError(GapReason.CRC, "the line does not fall silent: noise, or another master")

    async def _settle(self, wire: LineWire, request: Request, standing: _Standing, timeout_s: float) -> None:
        """Ask for something of another length first: whatever comes of an older request fails the count check."""
        probe = next((one for one in probes(request) if kind_of(one) not in standing.owes), None)
        if probe is None:
            if _now() - max(standing.owes.values()) < _OVERDUE_S + standing.longest_s:
                raise NoAnswerError(GapReason.TIMEOUT, "an answer that was given up may still come")
            standing.owes.clear()
            return
        with suppress(NoAnswerError):
            await self._ask(wire, probe, standing, timeout_s)
        if kind_of(request) in standing.owes:
            raise NoAnswerError(GapReason.TIMEOUT, "still no answer after one that came late or not at all")
        await self._fall_silent(wire)

    async def _ask(
        self, wire: LineWire, request: Request, standing: _Standing, timeout_s: float, *, again: bool = False
    ) -> bytes:
        self.asked_at = _now()
        try:
            wire.send(request)
            verdict = await self._listen(wire, request, standing, timeout_s, again=again)
        except BaseException:
            wire.dirty = True
            standing.owes[kind_of(request)] = self.asked_at
            raise
        self._answered(wire, request, standing, verdict)
        if verdict.refusal is not None:
            raise verdict.refusal
        return verdict.data or b""

    def _answered(self, wire: LineWire, request: Request, standing: _Standing, verdict: Verdict) -> None:
        """An answer settles what older requests left open, since a device answers in order; an exception may be old."""
        self._good, self._silent, self._heard_at = self._good + 1, 0, wire.heard_at
        standing.longest_s = max(0.95 * standing.longest_s, self._heard_at - self.asked_at)
        if standing.owes and not verdict.clean:
            self._late(request.unit, self._heard_at - min(standing.owes.values()))
        refused = verdict.refusal is not None
        standing.owes = {kind_of(request): _now()} if refused and standing.owes else {}
        standing.before = standing.said[request] = verdict.frame
        wire.dirty = not verdict.clean
        if wire.dirty:
            self._stray(len(wire.received) - len(verdict.frame))
        wire.forget()

    async def _listen(
        self, wire: LineWire, request: Request, standing: _Standing, timeout_s: float, *, again: bool
    ) -> Verdict:
        """The answer, waited for until its time is over or the line has fallen silent after something else."""
        until = self.asked_at + timeout_s
        pause_s = max(_PAUSE_S[self._settings.remote], 1.5 * standing.longest_s, 20 * self._settings.character_s)
        looked = False
        while True:
            verdict = search(request, wire.received)
            if verdict is not None:
                if self._repeated(request, verdict, standing) and not again:
                    raise _AlikeError(GapReason.BAD_FRAME, "to the byte the last answer, which was to another question")
                if verdict.refusal is not None and verdict.refusal.reason is not GapReason.EXCEPTION:
                    raise verdict.refusal
                return verdict
            limit = min(until, wire.heard_at + pause_s) if wire.received else until
            if not wire.usable:
                raise NoAnswerError(GapReason.LINE_DOWN, "the adapter is gone" if wire.received == b"" else wire.why)
            late = _now() >= limit
            if late and looked:
                raise self._given_up(wire, request, standing, timeout_s)
            looked = late
            await (wire.look() if late else wire.more(limit))

    def _repeated(self, request: Request, verdict: Verdict, standing: _Standing) -> bool:
        """True where this answer is to the byte the unit's last one, and not what it last said to this question."""
        return verdict.frame == standing.before and verdict.frame != standing.said.get(request)

    def _given_up(self, wire: LineWire, request: Request, standing: _Standing, timeout_s: float) -> NoAnswerError:
        error = failure(request, wire.received)
        if wire.received:
            self._silent, self._heard_at = 0, _now()
            if error.reason is GapReason.BAD_FRAME:
                self._stray(len(wire.received))
            if not self._good:
                error = NoAnswerError(error.reason, f"{error.detail}; nothing ever was sound here: baud, parity?")
            return error
        self._silent += 1
        wire.overdue = (request.unit, self.asked_at, self._late)
        if wire.stuck or (self._silent >= _HUNG_TRIES and _now() - self._heard_at > _HUNG_S):
            self._tell("adapter_hangs", silent=self._silent)
            self.close()
        hint = f"; its last answer took {standing.longest_s:.2g} s" if standing.longest_s > timeout_s else ""
        return NoAnswerError(GapReason.TIMEOUT, f"no answer within {timeout_s:.3g} s{hint}")

    def _late(self, unit: int, took_s: float) -> None:
        """Bytes came for a request already given up: remember how long that unit may take."""
        self.late += 1
        standing = self._units[unit]
        standing.longest_s = max(standing.longest_s, min(took_s, 10.0))

    def _stray(self, count: int) -> None:
        self.foreign += max(count, 0)
        self._tell("stray_bytes", count=self.foreign, why="noise, a late answer, or another master on the line")

    def _tell(self, event: str, **facts: object) -> None:
        if _now() - self._told.get(event, -_TELL_S) >= _TELL_S:
            self._told[event] = _now()
            self._log.warning(event, **facts)


def kind_of(request: Request) -> Kind:
    """What tells its answer from others of the unit."""
    return (request.function, request.length)


def probes(request: Request) -> Iterator[Request]:
    """Requests of the same registers whose answers have other lengths."""
    step, most = (1, request.count) if request.function in READ_WORDS else (8, request.count)
    counts = [*range(most - step, 0, -step), most + step]
    return (replace(request, count=count) for count in counts if request.count)


def _now() -> float:
    return asyncio.get_running_loop().time()
