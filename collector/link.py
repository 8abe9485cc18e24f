"""One Modbus link at work: its devices read in passes over one connection, a dead one never at the others' cost."""

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any

import structlog

from collector.clock import EpochClock
from collector.feed import Cause, Feed
from collector.notify import Pulse
from collector.protocols.gate import NoAnswerError, NoLineError, Request
from collector.protocols.line import LineGate
from collector.protocols.modbus import Gate
from collector.schedule import (
    ADAPTER_WAIT_MS,
    LINE_UNIT_WAIT_MS,
    LINK_WAIT_MS,
    QUARTER_MS,
    UNIT_WAIT_MS,
    Due,
    Patience,
    Timetable,
    link_wait_ms,
    unit_wait_ms,
)
from collector.sleep import is_silence, may_be_dark, powers_of, produced_nothing
from collector.wiring import WiredDevice, WiredGroup, WiredLink
from metering.reading import GapReason

_STALL_MS = 250  # later than this after a timer was due, the process itself was held up
_LONGEST_MS = 5_000  # a poll takes no longer, or than its device's timeout where that is longer
_MARGIN_MS = 50
_CONNECT_S = 3.0  # a connection takes no longer
_GUESS_MS = 10.0  # how long a request takes, until answers tell
_UNIT_AWAY = frozenset({0x0A, 0x0B})  # a gateway's word for a unit that does not answer (Modbus exception codes)
_SHORTEST_S = 0.1  # no answer is waited for less than this, however short of time the link is
_TRUSTED_S = 0.4  # and of a unit that has just answered no less than this: a busy computer holds either end up so long


class Unit:
    """One device: its feeds by group number, and how much patience is left with it."""

    def __init__(self, wired: WiredDevice, feeds: Mapping[int, Feed]) -> None:
        self.wired, self.feeds = wired, feeds
        self.name = wired.device.id
        self.patience = Patience()
        self.cause = Cause(GapReason.TIMEOUT)
        self.shortest_ms = min((feed.wired.group.cadence_ms for feed in feeds.values()), default=QUARTER_MS)
        self.usual_s = 0.0  # how long its answers take, the slow ones remembered; 0 = none yet
        self._told_ms: dict[GapReason, int] = {}
        self._owed = False
        self.requests = {number: _requests(wired.device.unit, feed.wired) for number, feed in feeds.items()}

    def seen(self, cause: Cause, now_ms: int) -> Cause:
        """Why a tick has no reading: a plant that fell silent in the dark without producing is asleep."""
        zone = self.wired.sleeps_in
        if zone is None or not is_silence(cause.reason, cause.code) or not may_be_dark(now_ms, zone):
            return cause
        rated = [one.point.rated_power_kw or 0.0 for group in self.wired.groups for one in group.wires]
        powers = [one for feed in self.feeds.values() for one in powers_of(feed.quantities, feed.values)]
        if not produced_nothing(powers, max(rated, default=0.0)):
            return cause
        return Cause(GapReason.ASLEEP, None, f"{cause.reason.value}: {cause.detail}".rstrip(": "))

    def answered(self, took_s: float) -> None:
        """Note how long an answer took."""
        self.usual_s = max(took_s, 0.95 * self.usual_s + 0.05 * took_s)

    def least_s(self) -> float:
        """How long an answer must be waited for, even where the link has no time left [s]."""
        trusted = self.usual_s and not self.patience.failures
        shortest = _TRUSTED_S if trusted else _SHORTEST_S
        return min(self.wired.timeout_s, max(shortest, 4 * self.usual_s or self.wired.timeout_s / 4))

    def tell(self, log: Any, now_ms: int) -> None:
        """Log a failure, each cause at most once a minute."""
        if now_ms - self._told_ms.get(self.cause.reason, 0) >= 60_000:
            self._told_ms[self.cause.reason] = now_ms
            reason, code, detail = self.cause
            log.warning("device_silent", device=self.name, reason=reason.value, code=code, detail=detail)
            self._owed = True

    def tell_back(self, log: Any) -> None:
        """Log that it answers again, where its failure was logged."""
        if self._owed:
            log.info("device_answers", device=self.name)
            self._owed = False


def _requests(unit: int, wired: WiredGroup) -> tuple[Request, ...]:
    return tuple(Request(unit, block.function, block.address, block.count) for block in wired.group.blocks)


class ModbusLink:
    """Reads everything behind one gateway or on one serial line, one request at a time."""

    def __init__(self, wired: WiredLink, units: list[Unit], gate: Gate | LineGate, clock: EpochClock) -> None:
        self.units, self._gate, self._clock = units, gate, clock
        self._delay_s = wired.connect_delay_s
        self._longest_wait_ms = ADAPTER_WAIT_MS if wired.link.type == "rtu" else LINK_WAIT_MS
        self._dead_wait_ms = LINE_UNIT_WAIT_MS if wired.link.serial else UNIT_WAIT_MS
        self._name = wired.link.id
        self._log = structlog.get_logger("link").bind(link=wired.link.id)
        self._owner = {number: unit for unit in units for number in unit.feeds}
        feeds = [feed for unit in units for feed in unit.feeds.values()]
        self._timetable = Timetable(track for feed in feeds for track in feed.next_ticks)
        self._patience = Patience()
        self._cause = Cause(GapReason.CONNECT)
        self._behind: dict[int, int] = {}  # groups of suspect units -> how long they stand behind the others [ms]
        self._usual_ms = {number: _GUESS_MS * len(asked) for unit in units for number, asked in unit.requests.items()}
        self._drops = 0  # connections the other end closed since the last good answer
        self._stalled_ms = 0
        self._quiet_until = 0.0
        self._reopening: asyncio.Task[None] | None = None
        self._nap: asyncio.Future[None] | None = None
        self._halt_ms: int | None = None
        self._turns = 0
        # one request of each kind of wait: connection, its delay, the answer; then the same once more
        self._longest_s = 2 * (_CONNECT_S + self._delay_s + max((u.wired.timeout_s for u in units), default=0)) + 5

    @property
    def pulse(self) -> Pulse:
        """How far it has got, for the watchdog."""
        napping = self._nap is not None and not self._nap.done()
        late = self._timetable.next_ms() + _LONGEST_MS < self._clock.now_ms()
        return Pulse(f"poll {self._name}", self._turns, late or not napping, self._longest_s)

    async def run(self) -> None:
        """Read what is due until halted, and what was due before that; every picked tick ends in its feed."""
        try:
            while True:
                now_ms = self._clock.now_ms()
                due = self._timetable.pick(now_ms if self._halt_ms is None else self._halt_ms - 1, self._behind)
                self._turns += 1
                if due is not None:
                    await self._turn(due)
                elif self._halt_ms is not None:
                    return
                else:
                    await self._rest(self._timetable.next_ms())
        finally:
            if self._reopening is not None:
                self._reopening.cancel()

    def halt(self, at_ms: int) -> None:
        """Read nothing that is due from this instant on [ms UTC]."""
        self._halt_ms = at_ms
        if self._nap is not None and not self._nap.done():
            self._nap.set_result(None)

    async def _rest(self, until_ms: int) -> None:
        loop = asyncio.get_running_loop()
        self._nap = nap = loop.create_future()
        timer = loop.call_at(self._clock.loop_time(until_ms), _wake, nap)
        try:
            await nap
        finally:
            timer.cancel()
        now_ms = self._clock.now_ms()
        if now_ms - until_ms > _STALL_MS:
            self._stalled_ms = now_ms

    async def _turn(self, due: Due) -> None:
        """One picked tick: poll it, or note why not."""
        unit = self._owner[due.track.group]
        feed = unit.feeds[due.track.group]
        if due.missed:
            feed.missed(due.track, due.tick - due.missed, due.missed, self._late(unit, due))
        now_ms = self._clock.now_ms()
        if self._patience.until_ms > now_ms:
            feed.missed(due.track, due.tick, 1, unit.seen(self._cause, now_ms))
        elif unit.patience.until_ms > now_ms or self._spoils_quarter(unit, now_ms):
            feed.missed(due.track, due.tick, 1, unit.cause)
        else:
            await self._poll(unit, feed, due)

    def _late(self, unit: Unit, due: Due) -> Cause:
        """Why ticks passed unread: the process was held up, the unit itself was slow, or the link was busy."""
        if self._stalled_ms >= due.track.due_ms(due.tick - due.missed):
            return Cause(GapReason.SCHEDULER_LATE)
        if self._patience.failures:
            return unit.seen(self._cause, self._clock.now_ms())
        if unit.patience.failures:
            return unit.cause
        return Cause(GapReason.OVERRUN)

    def _spoils_quarter(self, unit: Unit, now_ms: int) -> bool:
        """True where trying a suspect unit now might make the others late for the quarter-hour."""
        alone = len(self.units) == 1 or not unit.patience.failures
        return not alone and 0 < -now_ms % QUARTER_MS < 1000 * unit.wired.timeout_s

    async def _poll(self, unit: Unit, feed: Feed, due: Due) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        limit_s = max(_LONGEST_MS / 1000, unit.wired.timeout_s)
        try:
            words = await self._read(unit, due, min(feed.wired.group.cadence_ms / 1000, limit_s))
        except NoAnswerError as error:
            self._failed(unit, error, 1000 * (loop.time() - started))
            cause = Cause(error.reason, error.code, error.detail)
            feed.missed(due.track, due.tick, 1, unit.seen(cause, self._clock.now_ms()))
            return
        if words is None:
            self._stalled_ms = self._clock.now_ms()
            feed.missed(due.track, due.tick, 1, Cause(GapReason.SCHEDULER_LATE))
            return
        self._succeeded(unit)
        feed.reading(due.track, due.tick, self._clock.now_ms(), words)

    async def _read(self, unit: Unit, due: Due, budget_s: float) -> list[bytes] | None:
        """All blocks of one poll; None where the process was held up, so that nobody knows when an answer came."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + budget_s
        words = []
        for request in unit.requests[due.track.group]:
            if self._quiet_until > loop.time():
                await asyncio.sleep(self._quiet_until - loop.time())
            timeout_s = min(self._timeout_s(unit) + self._gate.airtime_s(request), deadline - loop.time())
            if timeout_s <= 0:
                raise NoAnswerError(GapReason.OVERRUN, f"the blocks before took {budget_s:g} s")
            words.append(await self._gate.execute(request, timeout_s))
            self._turns += 1
            took_s = loop.time() - self._gate.asked_at
            if took_s > timeout_s + _STALL_MS / 1000:
                return None
            unit.answered(took_s)
            self._usual_ms.update({number: 1000 * unit.usual_s * len(asked) for number, asked in unit.requests.items()})
            self._quiet_until = loop.time() + unit.wired.profile.pause_ms / 1000
        return words

    def _timeout_s(self, unit: Unit) -> float:
        """Its timeout, or less where others behind the same link would miss their ticks for it [s]."""
        if len(self.units) == 1:
            return unit.wired.timeout_s
        spare_ms = self._timetable.spare_ms(self._clock.now_ms(), unit.feeds, self._usual_ms)
        spare_s = (spare_ms - _MARGIN_MS) / 1000 - self._delay_s
        return min(unit.wired.timeout_s, max(spare_s, unit.least_s()))

    def _failed(self, unit: Unit, error: NoAnswerError, cost_ms: float) -> None:
        cause = Cause(error.reason, error.code, error.detail)
        self._drops += error.reason is GapReason.LINE_DOWN
        if isinstance(error, NoLineError) or self._drops > len(self.units):
            self._link_failed(cause)
            return
        self._connected()
        now_ms = self._clock.now_ms()
        unit.cause = unit.seen(cause, now_ms)
        unit.tell(self._log, now_ms)
        if error.reason is GapReason.EXCEPTION and error.code not in _UNIT_AWAY:
            return  # it is there and says no to this block: its other groups go on
        others = [other.shortest_ms for other in self.units if other is not unit]
        if not self._gate.is_open:
            cost_ms += 1000 * self._delay_s
            self._reopening = asyncio.create_task(self._gate.open_if_possible())  # so that its delay passes meanwhile
        unit.patience.failed(
            now_ms, unit_wait_ms(unit.patience.failures, cost_ms, min(others, default=None), self._dead_wait_ms)
        )
        self._behind.update(dict.fromkeys(unit.feeds, unit.shortest_ms))

    def _link_failed(self, cause: Cause) -> None:
        if not self._patience.failures:
            self._log.warning("link_down", reason=cause.reason.value, detail=cause.detail)
        self._cause = cause
        chance = secrets.randbelow(1000) / 1000
        self._patience.failed(
            self._clock.now_ms(), link_wait_ms(self._patience.failures, chance, self._longest_wait_ms)
        )

    def _connected(self) -> None:
        if self._patience.failures:
            self._log.info("link_up", failures=self._patience.failures)
            self._patience.succeeded()

    def _succeeded(self, unit: Unit) -> None:
        self._drops = 0
        self._connected()
        if unit.patience.failures:
            unit.patience.succeeded()
            for number in unit.feeds:
                self._behind.pop(number, None)
        unit.tell_back(self._log)


def _wake(nap: "asyncio.Future[None]") -> None:
    if not nap.done():
        nap.set_result(None)
