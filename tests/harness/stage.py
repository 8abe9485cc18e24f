"""Everything of one run put together: meters behind proxies, a broker, a database's double, the product, watchers."""

import asyncio
import http.client
import json
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from tests.harness import devices, diskimage, guard, publishers, serial
from tests.harness.chaos import Proxy
from tests.harness.converter import Converter
from tests.harness.fakeflux import FakeFlux
from tests.harness.plan import CONVERTER, QUOTA, SERIAL, TIMEOUT_S, Plan, write_site
from tests.harness.ports import free_port
from tests.harness.ptyrelay import PtyLine
from tests.harness.record import Record, at_ms, now_ms
from tests.harness.subject import ROOT, Subject, figures
from tests.harness.witness import Witness

_BEAT_S, _LOOK_S = 0.02, 0.5
_LATE_MS, _STALL_MS = 10, 60


class Stage:
    """One run's world; acts change it, and each change is on record."""

    def __init__(self, folder: Path, plan: Plan, mosquitto: str, mutant: str = "", *, image: bool = False) -> None:
        self.folder, self.plan = folder, plan
        self.record = Record(folder)
        self.devices = {meter.name: devices.Device(meter, plan.seed) for meter in plan.meters}
        self.servers: list[devices.Server] = []
        self.proxies: dict[str, Proxy] = {}
        self.broker = publishers.Broker(mosquitto, folder / "broker")
        self.flux = FakeFlux()
        self.no_guard = guard.available()
        found = diskimage.mounted(folder / "disk.img", folder / "store") if image else "not asked for"
        self.disk_image, self.no_image = (None, found) if isinstance(found, str) else (found, "")
        self.witness = Witness(folder / "store")
        self.line: PtyLine | None = None
        self.converter: Converter | None = None
        self.tasks: list[asyncio.Task[None]] = []
        self._mutant, self._base = mutant, 0
        self.resting = asyncio.Event()  # nobody looks into the store or expects the collector to live

    async def open(self) -> None:
        for link in dict.fromkeys(meter.link for meter in self.plan.meters):
            await self._connect(link, [self.devices[name] for name in self.plan.on_link(link)])
        self.broker.start()
        self.plan.mqtt_port, self.plan.sink, self.plan.metrics_port = self.broker.port, self.flux.url, free_port()
        self.plan.save(self.folder)
        site = write_site(self.folder, self.plan)
        token = self.flux.write_token
        if self.plan.crowded:
            words = [sys.executable, "-m", "tests.harness.prefill", str(self.folder / "store"), str(QUOTA - 150_000)]
            subprocess.run(words, check=True, cwd=ROOT, capture_output=True)
        self.subject = Subject(site, token, self.record, guarded=not self.no_guard, mutant=self._mutant)
        self.publishers = [
            publishers.Device(one, self.broker.port, self.record, self.plan.seed) for one in self.plan.publishers
        ]
        self.resting.set()
        self.tasks = [asyncio.create_task(one) for one in (self._beat(), self._watch())]
        await self.started()
        publishers.each(self.publishers, publishers.Device.start)

    async def _connect(self, link: str, mine: list[devices.Device]) -> None:
        """Put meters behind a link."""
        if link == SERIAL:
            self.line = serial.made(mine, self.record, self.folder / "rs485").__enter__()
            self.plan.serial = str(self.folder / "rs485")
            return
        if link == CONVERTER:
            self.converter = Converter(link, mine, self.record, self.plan.seed, TIMEOUT_S)
            self.plan.converter = await self.converter.listen()
            return
        server = devices.Server(link, mine, self.record)
        self.servers.append(server)
        proxy = Proxy(link, await server.listen(), self.record, self.plan.seed, TIMEOUT_S)
        self.proxies[link], self.plan.links[link] = proxy, await proxy.listen()

    async def started(self, *, moved_clock: bool = False) -> None:
        """Start the collector without stopping the world meanwhile."""
        self._base = await asyncio.to_thread(self.witness.reads)
        await asyncio.to_thread(self.subject.start, moved_clock=moved_clock)
        self.witness.again()
        self.resting.clear()

    async def ended(self, how: str, number: int = 15) -> float:
        """End the collector."""
        self.resting.set()
        return await asyncio.to_thread(self.subject.end, how, number)

    @asynccontextmanager
    async def fault(self, kind: str, targets: Iterable[str] = ()) -> AsyncIterator[None]:
        """On record: what is wrong with whom, from when to when."""
        start_ms = now_ms()
        try:
            yield
        finally:
            self.record.write("fault", kind=kind, targets=list(targets), start=start_ms, end=now_ms())

    async def _beat(self) -> None:
        """How late this computer wakes us: what a stalled machine does is nobody's fault."""
        due = now_ms()
        while True:
            await asyncio.sleep(_BEAT_S)
            late_ms = now_ms() - due - 1000 * _BEAT_S
            if late_ms > _LATE_MS:
                self.record.write("beat", t=due, late=late_ms)
            if late_ms > _STALL_MS:
                self.record.write("stall", start=due, end=now_ms())
            due = now_ms()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            if self.resting.is_set():
                continue
            if not self.subject.alive:
                self.subject.buried()
                await self.started()
                continue
            await asyncio.to_thread(self._sample)

    def _sample(self) -> None:
        read = self.witness.look()
        try:
            sizes = self.subject.sizes()
            seen = {"applied": len(self.flux.applied), "read": read, "used": self.witness.used}
            self.record.write("sample", t=now_ms(), pid=self.subject.pid, **seen, **sizes)
        except OSError:
            return
        self.record.flush()

    def metrics(self) -> dict[str, float]:
        """/metrics now; empty where nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.plan.metrics_port}/metrics", timeout=5) as answer:
                return figures(answer.read().decode())
        except (OSError, http.client.HTTPException):
            return {}

    async def scrape(self) -> None:
        """/metrics between two counts of the store: what it says must lie between them."""
        before = await asyncio.to_thread(self.witness.count)
        told = await asyncio.to_thread(self.metrics)
        after = await asyncio.to_thread(self.witness.count)
        keys = sorted(before.keys() | after.keys())
        counts = [[*key, before.get(key, 0), after.get(key, 0)] for key in keys]
        self.record.write("metrics", t=now_ms(), told=told, counts=counts, base=self._base)

    async def delivering(self, seconds: float = 45) -> bool:
        """Wait until the database has been sent something new."""
        before, until = len(self.flux.applied), now_ms() + 1000 * seconds
        while now_ms() < until and len(self.flux.applied) == before:
            await asyncio.sleep(0.1)
        return len(self.flux.applied) > before

    async def drained(self, seconds: float) -> bool:
        """Wait until the sink has everything and no message waits for its PUBACK."""
        until, few = (
            now_ms() + 1000 * seconds,
            5 * len(self.devices),
        )  # what was just read is noted with the next commit
        while now_ms() < until:
            pending = (await asyncio.to_thread(self.metrics)).get("zcf_forward_pending_polls", few + 1)
            if pending <= few and not any(one.waiting for one in self.publishers):
                return True
            await asyncio.sleep(0.3)
        return False

    async def close(self) -> None:
        """Stop what was started, and write down what the database holds."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        if self.subject.alive:
            await self.ended("the end")
        publishers.each(self.publishers, publishers.Device.close)
        self.broker.kill()
        for one in filter(None, (*self.servers, *self.proxies.values(), self.converter)):
            one.close()
        if self.line is not None:
            await asyncio.to_thread(self.line.__exit__)
            for due, done in self.line.held_up:
                self.record.write("held_up", start=at_ms(due), end=at_ms(done))
        self._dump_sink()
        self.flux.stop()
        if self.disk_image is not None:
            await asyncio.to_thread(self._unmount, self.disk_image)
        hits, counts = dict(self.subject.disk.hits), dict(self.subject.disk.counts)
        spoilt = {link: dict(proxy.done) for link, proxy in self.proxies.items()}
        torn = dict(self.converter.done) if self.converter is not None else {}
        told = {"disk": hits, "calls": counts, "proxies": spoilt, "converter": torn}
        self.record.write("world", **told, guard=self.no_guard, looks=self.witness.looks)
        seen = [[group, time_ms, crc] for (group, time_ms), crc in self.witness.seen.items()]
        (self.folder / "witness.json").write_text(json.dumps(seen))
        self.record.close()

    def _unmount(self, image: diskimage.DiskImage) -> None:
        image.close(self.folder / "kept")
        (self.folder / "store").rmdir()
        (self.folder / "kept").rename(self.folder / "store")

    def everybody(self) -> list[str]:
        return [*self.devices, *(one.plan.name for one in self.publishers)]

    def _dump_sink(self) -> None:
        for one in self.flux.applied:
            tags = dict(one.series[1])
            value = float(one.value)
            self.record.write("sink", p=tags.get("point", ""), f=one.field, t=one.time_ns, v=value, w=one.write)
        held = [[dict(s[1]).get("point", ""), f, t, float(v)] for (s, f, t), v in self.flux.rows().items()]
        (self.folder / "held.json").write_text(json.dumps(held))
        (self.folder / "statuses.json").write_text(json.dumps(self.flux.writes))
