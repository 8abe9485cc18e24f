"""One Modbus link at work: its devices read in passes over one connection, a dead one never at the others' cost."""

import asyncio
import secrets
from collections.abc import Callable

import structlog

from collector.clock import EpochClock
from collector.feed import Cause, Feed
from collector.nameplates import Plates, Told
from collector.notify import Pulse
from collector.protocols.gate import Asks, NoAnswerError, NoLineError, Request
from collector.refusal import PATIENCE, REFUSALS, Inquiry, Learned
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
from collector.unit import Unit, firmware_of
from collector.wiring import WiredLink
from metering.reading import Block, GapReason

_STALL_MS = 250  # later than this after a timer was due, the process itself was held up
_LONGEST_MS = 5_000  # a poll takes no longer, or than its device's timeout where that is longer
_MARGIN_MS = 50
_CONNECT_S = 3.0  # a connection takes no longer
_GUESS_MS = 10.0  # how long a request takes, until answers tell
_UNIT_AWAY = frozenset({0x0A, 0x0B})  # a gateway's word for a unit that does not answer (Modbus exception codes)


def _longest_turn_s(wired: WiredLink, units: list[Unit]) -> float:
    """A connection, its delay and an answer, all as late as they may be, twice; and some more [s]."""
    return 2 * (_CONNECT_S + wired.connect_delay_s + max((unit.wired.timeout_s for unit in units), default=0)) + 5


class ModbusLink:
    """Reads everything behind one gateway or on one serial line, one request at a time."""

    def __init__(
        self,
        wired: WiredLink,
        units: list[Unit],
        gate: Asks,
        clock: EpochClock,
        learned: Callable[[Learned], None] = lambda _learned: None,
        told: Told = lambda _device, _serial, _texts: None,
    ) -> None:
        """`learned` is told what a device refuses, `told` what it says of itself."""
        self.units, self._gate, self._clock, self._learned = units, gate, clock, learned
        self._wired, self._plates, self._delay_s = wired, Plates(units, told), wired.connect_delay_s
        self._longest_wait_ms = ADAPTER_WAIT_MS if wired.link.type == "rtu" else LINK_WAIT_MS
        self._dead_wait_ms = LINE_UNIT_WAIT_MS if wired.link.serial else UNIT_WAIT_MS
        self._log = structlog.get_logger("link").bind(link=wired.link.id)
        self._owner = {number: unit for unit in units for number in unit.feeds}
        feeds = {number: feed for unit in units for number, feed in unit.feeds.items()}
        phases = {number: feed.phase_ms for number, feed in feeds.items()}
        self._timetable = Timetable([track for feed in feeds.values() for track in feed.next_ticks], phases)
        self._patience = Patience()
        self._cause = Cause(GapReason.CONNECT)
        self._behind: dict[int, int] = {}  # groups of suspect units -> how long they stand behind the others [ms]
        self._usual_ms = {number: _GUESS_MS * len(asked) for unit in units for number, asked in unit.requests.items()}
        self._drops = 0  # connections the other end closed since the last good answer
        self._stalled_ms = self._turns = 0
        self._quiet_until = 0.0
        self._reopening: asyncio.Task[None] | None = None
        self._nap: asyncio.Future[None] | None = None
        self._halt_ms: int | None = None
        self._asked: Request | None = None
        self._longest_s = _longest_turn_s(wired, units)

    @property
    def pulse(self) -> Pulse:
        """How far it has got, for the watchdog."""
        napping = self._nap is not None and not self._nap.done()
        late = self._timetable.next_ms() + _LONGEST_MS < self._clock.now_ms()
        return Pulse(f"poll {self._wired.link.id}", self._turns, late or not napping, self._longest_s)

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
                elif not await self._plates.asked(self._gate, now_ms, self._timetable.next_ms() - now_ms):
                    await self._rest(self._timetable.next_ms())
        finally:
            if self._reopening is not None:
                self._reopening.cancel()

    def halt(self, at_ms: int) -> None:
        """Read nothing that is due from this instant on [ms UTC]."""
        self._halt_ms = at_ms
        self._timetable.hasten()
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
        if due.track.group in unit.inquiries:
            await self._inquire(unit, feed, due)
            return
        try:
            words = await self._read(unit, due, min(feed.wired.group.cadence_ms / 1000, limit_s))
        except NoAnswerError as error:
            self._failed(unit, error, 1000 * (loop.time() - started))
            self._refused(unit, due.track.group, error)
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
            self._asked = request
            words.append(await self._gate.execute(request, timeout_s))
            self._turns += 1
            took_s = loop.time() - self._gate.asked_at
            if unit.refusals:
                unit.refusals.pop(request, None)
            if took_s > timeout_s + _STALL_MS / 1000:
                return None
            unit.answered(took_s, self._clock.now_ms())
            for number, asked in unit.requests.items():
                self._usual_ms[number] = 1000 * unit.usual_s * len(asked)
            self._quiet_until = loop.time() + unit.wired.profile.pause_ms / 1000
        return words

    def _refused(self, unit: Unit, group: int, error: NoAnswerError) -> None:
        """Look into a request that a device has refused several times; what else it is asked goes on."""
        if error.reason is not GapReason.EXCEPTION or error.code not in REFUSALS or self._asked is None:
            return
        unit.refusals[self._asked] += 1
        if unit.refusals[self._asked] == PATIENCE:
            asked = self._asked
            block = Block(asked.function, asked.address, asked.count)
            spans = (span for wire in unit.feeds[group].wired.wires for span in wire.field.spans)
            self._log.error(
                "request_refused", device=unit.name, code=error.code, first=asked.address, count=asked.count
            )
            unit.inquiries[group] = Inquiry(spans, block)

    async def _inquire(self, unit: Unit, feed: Feed, due: Due) -> None:
        """Spend a tick on one small request of the inquiry; the tick is a gap, as it has been before."""
        inquiry = unit.inquiries[due.track.group]
        block = inquiry.next()
        if block is not None:
            request = Request(unit.wired.device.unit, block.function, block.address, block.count)
            try:
                await self._gate.execute(request, unit.wired.timeout_s + self._gate.airtime_s(request))
                inquiry.told(accepted=True)
            except NoAnswerError as error:
                if error.reason is GapReason.EXCEPTION and error.code in REFUSALS:
                    inquiry.told(accepted=False)
        self._turns += 1
        feed.missed(due.track, due.tick, 1, Cause(GapReason.EXCEPTION, 2, "finding out which registers it refuses"))
        if inquiry.next() is None:
            del unit.inquiries[due.track.group]
            if inquiry.answered:  # a device that refuses everything is ill, not peculiar
                profile, firmware = unit.wired.profile, await firmware_of(unit, self._gate)
                self._learned(Learned(profile.id, profile.hash, firmware, (unit.name,), *inquiry.learned()))

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
        shortest_ms, silent_ms = min(others, default=None), unit.silent_ms(now_ms)
        wait_ms = unit_wait_ms(unit.patience.failures, cost_ms, shortest_ms, self._dead_wait_ms, silent_ms)
        unit.patience.failed(now_ms, wait_ms)
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


async def wind_down(links: list[ModbusLink], tasks: list["asyncio.Task[None]"], stop_ms: int, finish_s: float) -> None:
    """Let what was due before the stop be read, for a moment; then break it off."""
    for link in links:
        link.halt(stop_ms)
    if tasks:
        await asyncio.wait(tasks, timeout=finish_s)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _wake(nap: "asyncio.Future[None]") -> None:
    if not nap.done():
        nap.set_result(None)
