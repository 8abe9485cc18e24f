"""`zcf check`: what a site file asks of every link: requests, bus time, values and disk a day, and whether it fits."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from analytics.flows import FUEL
from analytics.fuel_paths import PATHS, FuelUse, on_two_paths, two_paths_sentence
from collector.bustime import BusTime
from collector.epochs import phases_of
from collector.wiring import WiredDevice, WiredGroup, WiredLink, wire_site
from metering.config import ConfigError, Fault
from metering.quantity import quantity
from metering.site import Role
from metering.sitefile import SiteConfig

DAY_MS = 86_400_000
QUARTERS_A_DAY = 96

SERIAL = BusTime(10 / 9.6)  # a line at 9600 8N1, as it may lie behind a gateway
# A stored poll: 8 bytes a value, 2 a register, and what SQLite adds for the row and its index (measured on the demo).
ROW_BYTES = 48
MESSAGE_BYTES = 250  # a JSON message is kept as it came
# What the disk takes: a commit writes 21 kB of pages, each row six times over, to the log and again when that is folded
# into the file (measured over /proc/self/io, 2000 commits of 1, 5 and 30 polls: 21.2, 23.6, 35.6 kB).
COMMIT_BYTES, ROW_WRITES = 21_000, 6
BUSY = 0.7  # beyond this share a link has no room for an answer that fails


@dataclass(frozen=True, slots=True)
class GroupLoad:
    """What one poll group costs."""

    device: str
    name: str
    cadence_ms: int
    requests: int
    registers: int
    values: int
    bus_ms: float  # of one sweep, on the line as the site file tells it
    serial_ms: float
    polls_a_day: float
    bytes_a_day: float


@dataclass(frozen=True, slots=True)
class LinkLoad:
    """What one link carries, and whether its cadences fit."""

    id: str
    type: str
    where: str
    devices: int
    groups: tuple[GroupLoad, ...]

    @property
    def share(self) -> float:
        """The part of the time that the link is busy: the line it names, else devices that are asked directly [1]."""
        return sum(g.bus_ms / g.cadence_ms for g in self.groups)

    @property
    def serial_share(self) -> float:
        """The same with a 9600 Bd line behind the gateway [1]."""
        return sum(g.serial_ms / g.cadence_ms for g in self.groups)

    @property
    def sweep_ms(self) -> float:
        """How long it takes to read everything once [ms]."""
        return sum(g.bus_ms for g in self.groups)

    @property
    def shortest_factor(self) -> int:
        """By how much every cadence must be lengthened so that the link has room for an answer that fails."""
        return math.ceil(self.share / BUSY)

    def body(self) -> dict[str, Any]:
        """As JSON; of an MQTT link only what a day brings."""
        polled = self.type != "mqtt"
        return {
            "id": self.id, "type": self.type, "where": self.where, "devices": self.devices, "groups": len(self.groups),
            "requests_per_sweep": sum(g.requests for g in self.groups) if polled else None,
            "sweep_ms": round(self.sweep_ms, 1) if polled else None,
            "bus_share": round(self.share, 4) if polled else None,
            "bus_share_9600": round(self.serial_share, 4) if polled else None,
            "fits": self.share <= 1.0 if polled else True,
            "fits_9600": self.serial_share <= 1.0 if polled else None,
            "values_per_day": round(sum(g.polls_a_day * g.values for g in self.groups)),
            "disk_bytes_per_day": round(sum(g.bytes_a_day for g in self.groups)),
        }  # fmt: skip


def loads(config: SiteConfig) -> tuple[LinkLoad, ...]:
    """The load of every link; ConfigError with all faults of the site file and of the profiles it names."""
    return tuple(_link(link) for link in wire_site(config))


def refuse_overload(config: SiteConfig, found: Iterable[LinkLoad]) -> None:
    """ConfigError naming every link whose cadences cannot be kept, and what to do."""
    lines = {link.id: index for index, link in enumerate(config.file.links)}
    faults = [_overload(config, lines[load.id], load) for load in found if load.type != "mqtt" and load.share > 1]
    if faults:
        raise ConfigError(faults)


def _overload(config: SiteConfig, index: int, load: LinkLoad) -> Fault:
    requests = sum(g.requests for g in load.groups)
    message = (
        f"{load.devices} devices ask for {requests} requests, {load.sweep_ms / 1000:.1f} s of bus time a sweep: "
        f"busy {load.share:.0%} of the time, more than there is"
    )
    mend = f"make `every` of its devices {load.shortest_factor} times as long, raise the baud rate, or split the line"
    return config.document.fault(("links", index), message, mend)


def refuse_two_paths(config: SiteConfig) -> None:
    """ConfigError naming the later of two meters that count one fuel by paths which exclude each other."""
    places = {point.id: index for index, point in enumerate(config.file.points)}
    mend = "name the quantities that count under `quantities:`, or take the second meter's role away"
    faults = []
    for a, b in on_two_paths(_fuel_uses(config)):
        at = max(places[use.where.partition(".")[0]] for use in (a, b))
        faults.append(config.document.fault(("points", at), two_paths_sentence(a, b).en, mend))
    if faults:
        raise ConfigError(faults)


def _fuel_uses(config: SiteConfig) -> Iterator[FuelUse]:
    """By which path each register of the boundary's fuel meters counts."""
    read = [c for link in wire_site(config) for device in link.devices for g in device.groups for c in g.group.columns]
    series = {(c.point, c.quantity) for c in read}
    series |= {(c.point, c.quantity) for section in config.file.imports for c in section.columns}
    for point in config.site.boundary():
        names = [q for q in FUEL if point.role is Role.FUEL and (point.id, q) in series]
        paths = {PATHS[quantity(q).unit]: q for q in reversed(names) if quantity(q).unit in PATHS}
        for path, name in paths.items():
            yield FuelUse(point.activity or point.carrier, path, f"{point.id}.{name}", 0, 1)


def turns_ms(config: SiteConfig) -> int:
    """How long after their ticks the last reads are made, where they are too many to be made at once; else 0 [ms]."""
    return max(phases_of(wire_site(config)).values(), default=0)


def flash_bytes(config: SiteConfig, found: Iterable[LinkLoad]) -> float:
    """What a day of commits writes to the disk or the flash at most [bytes]."""
    commits = DAY_MS / config.file.store.commit
    polls = sum(g.polls_a_day for load in found for g in load.groups)
    rows = sum(g.bytes_a_day for load in found for g in load.groups)
    return ROW_WRITES * rows + min(commits, polls) * COMMIT_BYTES


def _link(link: WiredLink) -> LinkLoad:
    groups = tuple(load for device in link.devices for load in _groups(device, link.link.character_ms))
    where = link.link.where
    return LinkLoad(link.link.id, link.link.type, where, len(link.devices), groups)


def _groups(device: WiredDevice, character_ms: float | None) -> Iterator[GroupLoad]:
    return (_group(device, wired, character_ms) for wired in device.groups)


def _group(device: WiredDevice, wired: WiredGroup, character_ms: float | None) -> GroupLoad:
    group = wired.group
    registers = sum(block.count for block in group.blocks)
    polls = DAY_MS / group.cadence_ms + (QUARTERS_A_DAY if group.quarter else 0)
    row = ROW_BYTES + 8 * len(group.columns) + (2 * registers if group.blocks else MESSAGE_BYTES)
    pause = device.profile.pause_ms
    bus = BusTime(character_ms, pause_ms=pause)
    return GroupLoad(
        group.device, group.name, group.cadence_ms, len(group.blocks), registers, len(group.columns),
        bus.ms(group.blocks), replace(SERIAL, pause_ms=pause).ms(group.blocks), polls, polls * row,
    )  # fmt: skip


def advice(load: LinkLoad) -> str:
    """In one sentence, what to know about a link; empty when there is nothing."""
    if load.type == "mqtt":
        return ""
    if load.share > 1:
        return f"does not fit: make `every` {load.shortest_factor} times as long, or split the devices over two links"
    if load.share > BUSY:
        return f"{load.share:.0%} busy: no room for an answer that fails"
    if load.serial_share > 1 and load.type == "tcp":
        return "fits over TCP; a 9600 Bd line behind a gateway would be too slow"
    return ""
