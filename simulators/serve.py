"""The simulated works as a process: every device on its socket or topic, until it is told to stop."""

import asyncio
import ctypes
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from collector.profile import DeviceProfile, load_profile
from simulators.config import DeviceSection, LinkSection, PlantFile, load_plant
from simulators.device import Moments, Registers, Source
from simulators.faultfile import load_faults
from simulators.faults import Fault
from simulators.modbus import Link
from simulators.mqtt import BrokerLink, Talker
from simulators.plant import Plant
from simulators.proxy import now_ms
from simulators.truth import TruthLog

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Simulation:
    """Everything that listens: one link a gateway, one broker."""

    def __init__(self, file: PlantFile, faults: Sequence[Fault], truth_dir: Path, home: Path | None = None) -> None:
        self._file, self._faults, self._truth_dir = file, tuple(faults), truth_dir
        self._start_ms = now_ms() if file.start_ms is None else file.start_ms
        self._moments = Moments(Plant(file.freeze()))
        self._moments.at(now_ms())  # the days since the anchor, worked out before anyone asks
        names = {device.profile for device in file.devices}
        extra = None if home is None else home / "profiles"
        self._profiles = {name: load_profile(name, extra) for name in names}
        self._started: list[Link | BrokerLink] = []
        self._logs: list[TruthLog] = []

    async def start(self) -> dict[str, int]:
        """Listen everywhere; link id -> port."""
        ports: dict[str, int] = {}
        for section in self._file.links:
            link = self._link(section)
            ports[section.id] = await link.start(section.host, section.port)
            self._started.append(link)
        return ports

    async def stop(self) -> None:
        """Close everything that listens."""
        for link in self._started:
            await link.stop()
        for log in self._logs:
            log.close()

    def _link(self, section: LinkSection) -> Link | BrokerLink:
        log = TruthLog(self._truth_dir / f"{section.id}.jsonl")
        self._logs.append(log)
        devices = self._file.on(section.id)
        if section.type == "mqtt":
            return BrokerLink(section.id, [Talker(d, self._profile(d), self._source(d)) for d in devices], log)
        images = [Registers(d, self._profile(d), self._source(d)) for d in devices]
        return Link(section.id, images, log, self._faults, self._start_ms)

    def _profile(self, device: DeviceSection) -> DeviceProfile:
        return self._profiles[device.profile]

    def _source(self, device: DeviceSection) -> Source:
        mine = [f for f in self._faults if f.target == device.id]
        return Source(device, self._profile(device), self._moments, mine, self._start_ms)


async def run(plant_path: Path, faults_path: Path | None, truth_dir: Path) -> None:
    """Serve a plant until SIGTERM or SIGINT, or until the parent dies; says so in one line when all sockets listen."""
    die_with_parent()
    file = load_plant(plant_path)
    faults = () if faults_path is None else load_faults(faults_path, file)
    simulation = Simulation(file, faults, truth_dir, plant_path.parent)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    try:
        ports = await simulation.start()
        sys.stdout.write(json.dumps({"ready": True, "links": ports}) + "\n")
        sys.stdout.flush()
        await stopped.wait()
    finally:
        await simulation.stop()


def die_with_parent() -> None:
    """Ask the kernel for a SIGTERM when the parent ends; a child of `zcf demo` must not outlive it (prctl(2))."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
