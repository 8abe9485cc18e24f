"""The collector: one task a Modbus link, one session an MQTT broker, one thread that commits; epoch after epoch."""

import asyncio
from collections.abc import Callable, Iterable, Mapping

import structlog

from collector.clock import EpochClock
from collector.committer import Committer
from collector.epochs import Epoch, close_epoch, open_epoch, tracks_of
from collector.feed import Feed
from collector.inbox import Inbox
from collector.link import ModbusLink, Unit
from collector.protocols.modbus import Gate
from collector.protocols.mqtt import MqttSession
from collector.wiring import WiredLink
from metering.reading import GapReason

_OPEN_S = 2.0  # how long the first reads wait for connections
_WATCH_S = 0.5
_FINISH_S = 1.0  # how long polls at work may go on after a stop
_CLOSE_S = 1.0
_GOODBYE_S = 0.5
_STEP_MS = 1_000  # the wall clock set forward by more than this begins a new epoch


class Collector:
    """Reads everything a site's links reach into one store, until told to stop."""

    def __init__(self, links: Iterable[WiredLink], committer: Committer, name: str) -> None:
        self._wired = [link for link in links if any(device.groups for device in link.devices)]
        self._committer, self._name = committer, name
        self._log = structlog.get_logger("collector")

    async def run(self, stop: asyncio.Event, ready: Callable[[], None] = lambda: None) -> None:
        """Collect until `stop` is set; `ready` is called when the first epoch's reads begin."""
        gates = {wired.link.id: _gate(wired) for wired in self._wired if wired.link.type == "tcp"}
        opening = {asyncio.create_task(gate.open_if_possible()) for gate in gates.values()}
        if opening:  # else the first tick of a slow connection would cost its neighbours theirs
            await asyncio.wait(opening, timeout=_OPEN_S)
        why_down: GapReason | None = None
        try:
            while not stop.is_set():
                await self._run_epoch(gates, stop, ready, why_down)
                why_down = GapReason.TIME_UNCERTAIN
        finally:
            for task in opening:
                task.cancel()
            for gate in gates.values():
                gate.close()

    async def _run_epoch(
        self, gates: Mapping[str, Gate], stop: asyncio.Event, ready: Callable[[], None], why_down: GapReason | None
    ) -> None:
        clock = EpochClock()
        groups = [group for link in self._wired for device in link.devices for group in device.groups]
        opening = self._committer.call(lambda writer: open_epoch(writer, groups, clock.start_ms, why_down))
        epoch = await asyncio.wrap_future(opening)
        links = [
            self._link(wired, gates[wired.link.id], epoch, clock) for wired in self._wired if wired.link.type == "tcp"
        ]
        sessions = [self._session(wired, epoch, clock) for wired in self._wired if wired.link.type == "mqtt"]
        tasks = [asyncio.create_task(link.run()) for link in links]
        for session in sessions:
            session.start()
        if (ahead_ms := max(epoch.newest_ms.values(), default=0) - epoch.start_ms) > _STEP_MS:
            self._log.error("clock_behind_the_newest_reading", by_ms=ahead_ms)
        self._log.info("collecting", epoch=epoch.id, links=len(self._wired), groups=len(groups))
        ready()
        try:
            await self._watch(stop, tasks, sessions, clock)
        finally:
            stop_ms = clock.now_ms()
            for session in sessions:
                session.halt()
            await _wind_down(links, tasks, stop_ms)
            await self._close(epoch, links, stop_ms)
            await asyncio.gather(*(asyncio.to_thread(session.close, _GOODBYE_S) for session in sessions))

    def _link(self, wired: WiredLink, gate: Gate, epoch: Epoch, clock: EpochClock) -> ModbusLink:
        units = []
        for device in wired.devices:
            feeds = {}
            for group in device.groups:
                number = epoch.numbers[group.group]
                tracks = tracks_of(group, number, epoch.start_ms)
                feeds[number] = Feed(group, number, epoch.id, tracks, self._committer, epoch.newest_ms.get(number, 0))
            units.append(Unit(device, feeds))
        return ModbusLink(wired, units, gate, clock)

    def _session(self, wired: WiredLink, epoch: Epoch, clock: EpochClock) -> MqttSession:
        inboxes = []
        for device in wired.devices:
            for group in device.groups:
                number = epoch.numbers[group.group]
                expected = epoch.sequences[number]
                inboxes.append(
                    Inbox(group, number, epoch.id, self._committer, expected, epoch.newest_ms.get(number, 0))
                )
        return MqttSession(wired.link, f"zcf-{self._name}-{wired.link.id}", inboxes, clock, self._committer)

    async def _watch(
        self, stop: asyncio.Event, tasks: list["asyncio.Task[None]"], sessions: list[MqttSession], clock: EpochClock
    ) -> None:
        """Until stopped or the clock was set forward; a task or thread that ends by itself ends the collector."""
        stopped = asyncio.create_task(stop.wait())
        try:
            while True:
                done, _ = await asyncio.wait({stopped, *tasks}, timeout=_WATCH_S, return_when=asyncio.FIRST_COMPLETED)
                for task in done - {stopped}:
                    task.result()
                if not self._committer.alive or not all(session.alive for session in sessions):
                    raise RuntimeError("the committing thread or a broker's thread has ended")
                if stopped in done:
                    return
                if (step_ms := clock.stepped_ms()) > _STEP_MS:
                    self._log.warning("clock_set_forward", by_ms=step_ms)
                    return
        finally:
            stopped.cancel()

    async def _close(self, epoch: Epoch, links: list[ModbusLink], stop_ms: int) -> None:
        feeds = [feed for link in links for unit in link.units for feed in unit.feeds.values()]
        for feed in feeds:
            feed.flush()
        next_ticks = {track: tick for feed in feeds for track, tick in feed.next_ticks.items()}
        closing = self._committer.call(
            lambda writer: close_epoch(writer, epoch.id, epoch.start_ms, next_ticks, stop_ms)
        )
        try:
            await asyncio.wait_for(asyncio.wrap_future(closing), _CLOSE_S)
        except TimeoutError:
            self._log.error("epoch_not_closed", epoch=epoch.id)


async def _wind_down(links: list[ModbusLink], tasks: list["asyncio.Task[None]"], stop_ms: int) -> None:
    """Let what was due before the stop be read, for a moment; then break it off."""
    for link in links:
        link.halt(stop_ms)
    if tasks:
        await asyncio.wait(tasks, timeout=_FINISH_S)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _gate(wired: WiredLink) -> Gate:
    return Gate(wired.link.host, wired.link.port, connect_delay_s=wired.connect_delay_s)
