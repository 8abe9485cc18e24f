"""The collector: one task a Modbus link, one session an MQTT broker, one thread that commits; epoch after epoch."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping

import structlog

from collector.clock import STEP_MS, EpochClock, StepWatch
from collector.committer import Committer
from collector.connections import Line, at_work, changed_devices, gate_of, line_of
from collector.epochs import Epoch, close_epoch, open_epoch, phases_of, tracks_of
from collector.feed import Cause, Feed
from collector.inbox import Inbox
from collector.link import ModbusLink, wind_down
from collector.nameplates import Identities
from collector.notify import Pulse
from collector.pending import BORN_MS, HOLD_S, Held, Span, cadence_only, commit_span, is_set
from collector.plausible import Silence
from collector.protocols.gate import Asks
from collector.protocols.mqtt import MqttSession
from collector.refusal import Learned
from collector.replanning import joined, load_known, replanned, save_known
from collector.unit import Unit
from collector.wiring import WiredLink
from metering.reading import GapReason

_OPEN_S = 2.0  # how long the first reads wait for connections
_WATCH_S = 0.5
_FINISH_S = 1.0  # how long polls at work may go on after a stop
_CHANGE_S = 0.25  # and at least after a new wiring, where they may go on for their cadence
_CLOSE_S = 1.0
_GOODBYE_S = 0.5


class Collector:
    """Reads everything a site's links reach into one store, until told to stop."""

    def __init__(self, links: Iterable[WiredLink], committer: Committer, name: str) -> None:
        self._plain = self._wired = at_work(links)  # as the site file has them, and as devices let us
        self._known: tuple[Learned, ...] = ()
        self._phases: Mapping[tuple[str, str], int] = {}  # how long after its ticks a group is read [ms]
        self._learning: set[asyncio.Task[tuple[str, ...]]] = set()
        self._committer, self._name = committer, name
        self._identities = Identities(committer)
        self._gates: dict[Line, Asks] = {}
        self._opening: set[asyncio.Task[None]] = set()
        self._links: list[ModbusLink] = []
        self._sessions: list[MqttSession] = []
        self._next: tuple[WiredLink, ...] | None = None
        self._rewire, self._rewired = asyncio.Event(), asyncio.Event()
        self._log = structlog.get_logger("collector")

    async def run(self, stop: asyncio.Event, ready: Callable[[], None] = lambda: None) -> None:
        """Collect until `stop` is set; `ready` is called when the first epoch's reads begin."""
        self._known = await asyncio.wrap_future(self._committer.call(lambda writer: load_known(writer.path.parent)))
        self._wired = at_work(replanned(self._plain, self._known))
        await self._open(self._wired)
        clock = EpochClock()
        why: GapReason | None = None
        try:
            if not is_set(clock.start_ms, await self._newest_ms()):
                clock, why = await self._run_pending(stop, ready, clock), GapReason.TIME_UNCERTAIN
                ready = _nothing
            while not stop.is_set():
                stop_ms, why = await self._run_epoch(stop, ready, why, clock)
                clock = clock.onward(stop_ms) if why is GapReason.MAINTENANCE else EpochClock()
                ready = _nothing
        finally:
            for task in (*self._opening, *self._learning):
                task.cancel()
            for gate in self._gates.values():
                gate.close()

    async def rewire(self, links: Iterable[WiredLink]) -> tuple[str, ...]:
        """Go on with these links, in a new epoch; the devices that changed, none of which: nothing happens.

        The new connections are made while the old reads go on; links that stay keep theirs.
        """
        self._plain = at_work(links)
        wired = at_work(replanned(self._plain, self._known))
        changed = changed_devices(self._wired, wired)
        if changed:
            await self._open(wired)
            self._next = wired
            self._rewired.clear()
            self._rewire.set()
            await self._rewired.wait()
        return changed

    def _learned(self, new: Learned) -> None:
        """A device has shown what it refuses: remember it, and read all of its model otherwise from now on."""
        self._known = known = joined(self._known, new)
        self._log.warning("learned", profile=new.profile, firmware=new.firmware, cuts=new.cuts, refused=new.refused)
        self._committer.call(lambda writer: save_known(writer.path.parent, known))
        task = asyncio.create_task(self.rewire(self._plain))
        self._learning.add(task)
        task.add_done_callback(self._learning.discard)

    def faults(self) -> list[str]:
        """What keeps it from reading and will not mend by itself."""
        found = [fault for session in self._sessions for fault in session.faults()]
        return found + self._identities.faults()

    def pulses(self) -> Iterator[Pulse]:
        """How far each loop has got, for the watchdog."""
        yield self._committer.pulse
        for link in self._links:
            yield link.pulse

    async def _open(self, links: Iterable[WiredLink]) -> None:
        """Connect ahead, else the first tick of a slow connection would cost its neighbours theirs.

        Not where the old wiring still holds the address: many devices take one connection alone.
        """
        taken = {line.address for line in self._gates}
        opening = set()
        for line in (line_of(wired) for wired in links if wired.link.modbus):
            if line not in self._gates:
                self._gates[line] = gate_of(line)
                if line.address not in taken:
                    opening.add(asyncio.create_task(self._gates[line].open_if_possible()))
        if opening:
            _, self._opening = await asyncio.wait(opening, timeout=_OPEN_S)

    def _adopt(self) -> None:
        """What was asked for becomes what is; connections that nobody uses any more are closed."""
        if self._next is not None:
            self._wired, self._next = self._next, None
            used = {line_of(wired) for wired in self._wired}
            for line in self._gates.keys() - used:
                self._gates.pop(line).close()
        self._phases = phases_of(self._wired)
        self._rewire.clear()

    async def _run_epoch(
        self, stop: asyncio.Event, ready: Callable[[], None], why_down: GapReason | None, clock: EpochClock
    ) -> tuple[int, GapReason]:
        """One span in which the schedule is fixed; when it ended, and why another one begins."""
        self._adopt()
        epoch = await self._begin(clock, why_down)
        self._links = [
            self._link(wired, epoch, clock, changing=why_down is GapReason.MAINTENANCE)
            for wired in self._wired
            if wired.link.modbus
        ]
        self._sessions = sessions = [self._session(w, epoch, clock) for w in self._wired if not w.link.modbus]
        tasks = [asyncio.create_task(link.run()) for link in self._links]
        for session in sessions:
            session.start()
        ready()
        self._rewired.set()
        why = GapReason.COLLECTOR_DOWN_CLEAN
        try:
            why = await self._watch(stop, tasks, sessions, clock)
        finally:
            stop_ms = clock.now_ms()
            for session in sessions:
                session.halt()
            await wind_down(self._links, tasks, stop_ms, self._finish_s(why))
            await self._close(epoch, stop_ms, why)
            await asyncio.gather(*(asyncio.to_thread(session.close, _GOODBYE_S) for session in sessions))
        return stop_ms, why

    async def _newest_ms(self) -> int:
        times = await asyncio.wrap_future(self._committer.call(lambda writer: writer.newest_times()))
        return max(times.values(), default=0)

    async def _run_pending(self, stop: asyncio.Event, ready: Callable[[], None], clock: EpochClock) -> EpochClock:
        """Read under a clock that is not set until it is, or for a while; then the readings get their times."""
        self._adopt()
        self._log.error("clock_not_set", now_ms=clock.start_ms)
        groups = tuple(g for link in self._wired if link.link.modbus for device in link.devices for g in device.groups)
        numbering = self._committer.call(lambda writer: {g.group: writer.group(g.group) for g in groups})
        numbers = await asyncio.wrap_future(numbering)
        held, epoch = Held(), Epoch(0, clock.start_ms, numbers, {}, {})
        self._links = [self._link(w, epoch, clock, held=held) for w in self._wired if w.link.modbus]
        tasks = [asyncio.create_task(link.run()) for link in self._links]
        ready()
        newest_ms = await self._newest_ms()
        await self._until_set(stop, tasks, clock, newest_ms)
        stop_ms, shift_ms = clock.now_ms(), clock.stepped_ms()
        await wind_down(self._links, tasks, stop_ms, _FINISH_S)
        certain = is_set(stop_ms + shift_ms, newest_ms)
        if not certain:  # it goes on from the last time there was
            shift_ms = max(newest_ms + 1, BORN_MS) - epoch.start_ms
        feeds = [feed for link in self._links for unit in link.units for feed in unit.feeds.values()]
        for feed in feeds:
            feed.flush()
        ticks = {track: tick for feed in feeds for track, tick in feed.next_ticks.items()}
        span = Span(held, groups, ticks, epoch.start_ms, stop_ms)
        writing = self._committer.call(lambda writer: commit_span(writer, span, shift_ms, None, certain=certain))
        await asyncio.wrap_future(writing)
        self._log.warning("clock_set" if certain else "clock_still_not_set", by_ms=shift_ms, polls=len(held.polls))
        return EpochClock() if certain else EpochClock(stop_ms + shift_ms)

    async def _until_set(
        self, stop: asyncio.Event, tasks: list["asyncio.Task[None]"], clock: EpochClock, newest_ms: int
    ) -> None:
        until_ms = clock.start_ms + int(1000 * HOLD_S)
        while not stop.is_set() and clock.now_ms() < until_ms:
            if is_set(clock.now_ms() + clock.stepped_ms(), newest_ms) and clock.stepped_ms() > STEP_MS:
                return
            for task in tasks:
                if task.done():
                    task.result()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _WATCH_S)

    def _finish_s(self, why: GapReason) -> float:
        """How long polls at work may go on; at a new wiring the other links wait for them [s]."""
        if why is not GapReason.MAINTENANCE:
            return _FINISH_S
        cadences = (unit.shortest_ms / 1000 for link in self._links for unit in link.units)
        return min(_FINISH_S, max(_CHANGE_S, min(cadences, default=_CHANGE_S)))

    async def _begin(self, clock: EpochClock, why_down: GapReason | None) -> Epoch:
        groups = [group for link in self._wired for device in link.devices for group in device.groups]
        opening = self._committer.call(lambda writer: open_epoch(writer, groups, clock.start_ms, why_down))
        epoch = await asyncio.wrap_future(opening)
        if (ahead_ms := max(epoch.newest_ms.values(), default=0) - epoch.start_ms) > STEP_MS:
            self._log.error("clock_behind_the_newest_reading", by_ms=ahead_ms)
        self._log.info("collecting", epoch=epoch.id, links=len(self._wired), groups=len(groups))
        return epoch

    def _link(
        self, wired: WiredLink, epoch: Epoch, clock: EpochClock, *, changing: bool = False, held: Held | None = None
    ) -> ModbusLink:
        units = []
        for device in wired.devices:
            feeds, silence, name = {}, Silence(), device.device.id
            for group in device.groups:
                number = epoch.numbers[group.group]
                due = tracks_of(group, number, epoch.start_ms)
                due = due if held is None else cadence_only(due)
                tracks = [track.from_newest(clock.now_ms()) for track in due] if changing else due
                newest_ms = epoch.newest_ms.get(number, 0)
                feed = Feed(group, number, epoch.id, tracks, held or self._committer, newest_ms, silence)
                feed.certain, feed.phase_ms = clock.certain, self._phases.get((name, group.group.name), 0)
                for track, whole in zip(tracks, due, strict=True):
                    if track.first > whole.first:  # the changeover took so long
                        feed.missed(track, whole.first, track.first - whole.first, Cause(GapReason.MAINTENANCE))
                feeds[number] = feed
            units.append(Unit(device, feeds))
        told = self._identities.told
        return ModbusLink(wired, units, self._gates[line_of(wired)], clock, self._learned, told)

    def _session(self, wired: WiredLink, epoch: Epoch, clock: EpochClock) -> MqttSession:
        inboxes = []
        for device in wired.devices:
            for group in device.groups:
                number = epoch.numbers[group.group]
                before = (epoch.sequences[number], epoch.newest_ms.get(number, 0), epoch.said.get(number, ()))
                inboxes.append(Inbox(group, number, epoch.id, self._committer, *before))
        return MqttSession(wired.link, f"zcf-{self._name}-{wired.link.id}", inboxes, clock, self._committer)

    async def _watch(
        self, stop: asyncio.Event, tasks: list["asyncio.Task[None]"], sessions: list[MqttSession], clock: EpochClock
    ) -> GapReason:
        """Until something ends the epoch; what.

        That is a stop, a new wiring, the clock set forward; a task or thread that ends by itself ends the collector.
        """
        words, steps = {asyncio.create_task(e.wait()) for e in (stop, self._rewire)}, StepWatch(certain=clock.certain)
        try:
            while True:
                done, _ = await asyncio.wait({*words, *tasks}, timeout=_WATCH_S, return_when=asyncio.FIRST_COMPLETED)
                for task in set(tasks) & done:
                    task.result()
                if not self._committer.alive or not all(session.alive for session in sessions):
                    raise RuntimeError("the committing thread or a broker's thread has ended")
                if stop.is_set():
                    return GapReason.COLLECTOR_DOWN_CLEAN
                if self._rewire.is_set():
                    return GapReason.MAINTENANCE
                step_ms = clock.stepped_ms()
                if steps.believed(step_ms, asyncio.get_running_loop().time()):
                    self._log.warning("clock_set_forward", by_ms=step_ms)
                    return GapReason.TIME_UNCERTAIN
        finally:
            for word in words:
                word.cancel()

    async def _close(self, epoch: Epoch, stop_ms: int, why: GapReason) -> None:
        feeds = [feed for link in self._links for unit in link.units for feed in unit.feeds.values()]
        for feed in feeds:
            feed.flush()
        next_ticks = {track: tick for feed in feeds for track, tick in feed.next_ticks.items()}
        reason = why if why is GapReason.MAINTENANCE else GapReason.COLLECTOR_DOWN_CLEAN
        closing = self._committer.call(lambda writer: close_epoch(writer, epoch, next_ticks, stop_ms, reason))
        try:
            await asyncio.wait_for(asyncio.wrap_future(closing), _CLOSE_S)
        except TimeoutError:
            self._log.error("epoch_not_closed", epoch=epoch.id)


def _nothing() -> None:
    pass
