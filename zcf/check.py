"""`zcf check`: what a site file asks of every link: requests, bus time, values and disk a day, and whether it fits."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from collector.wiring import WiredDevice, WiredGroup, WiredLink, wire_site
from metering.reading import Block
from metering.sitefile import SiteConfig

DAY_MS = 86_400_000
QUARTERS_A_DAY = 96

# Modbus TCP straight to the device: the wire costs nothing, the device thinks (typical of meters' manuals: 5..20 ms).
TCP_REQUEST_MS = 20.0
# Behind a gateway at 9600 8N1 (Modbus over serial line V1.02, 2.5.1): 10 bits a character, 3.5 characters of silence.
CHARACTER_MS = 10 / 9.6
SERIAL_LATENCY_MS = 30.0
OVERHEAD_CHARACTERS = 8 + 5 + 2 * 3.5  # request, the answer's frame, silences

# A stored poll: 8 bytes a value, 2 a register, and what SQLite adds for the row and its index (measured on the demo).
ROW_BYTES = 48
MESSAGE_BYTES = 250  # a JSON message is kept as it came
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
    tcp_ms: float  # of one sweep
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
    def tcp_share(self) -> float:
        """The part of the time that the link is busy, devices being asked directly [1]."""
        return sum(g.tcp_ms / g.cadence_ms for g in self.groups)

    @property
    def serial_share(self) -> float:
        """The same with a 9600 Bd line behind the gateway [1]."""
        return sum(g.serial_ms / g.cadence_ms for g in self.groups)

    def body(self) -> dict[str, Any]:
        """As JSON; of an MQTT link only what a day brings."""
        polled = self.type != "mqtt"
        return {
            "id": self.id, "type": self.type, "where": self.where, "devices": self.devices, "groups": len(self.groups),
            "requests_per_sweep": sum(g.requests for g in self.groups) if polled else None,
            "sweep_ms": round(sum(g.tcp_ms for g in self.groups), 1) if polled else None,
            "bus_share": round(self.tcp_share, 4) if polled else None,
            "bus_share_9600": round(self.serial_share, 4) if polled else None,
            "fits": self.tcp_share <= 1.0 if polled else True,
            "fits_9600": self.serial_share <= 1.0 if polled else None,
            "values_per_day": round(sum(g.polls_a_day * g.values for g in self.groups)),
            "disk_bytes_per_day": round(sum(g.bytes_a_day for g in self.groups)),
        }  # fmt: skip


def loads(config: SiteConfig) -> tuple[LinkLoad, ...]:
    """The load of every link; ConfigError with all faults of the site file and of the profiles it names."""
    return tuple(_link(link) for link in wire_site(config))


def _link(link: WiredLink) -> LinkLoad:
    groups = tuple(load for device in link.devices for load in _groups(device))
    where = link.link.where
    return LinkLoad(link.link.id, link.link.type, where, len(link.devices), groups)


def _groups(device: WiredDevice) -> Iterator[GroupLoad]:
    return (_group(device, wired) for wired in device.groups)


def _group(device: WiredDevice, wired: WiredGroup) -> GroupLoad:
    group = wired.group
    registers = sum(block.count for block in group.blocks)
    polls = DAY_MS / group.cadence_ms + (QUARTERS_A_DAY if group.quarter else 0)
    row = ROW_BYTES + 8 * len(group.columns) + (2 * registers if group.blocks else MESSAGE_BYTES)
    pause = device.profile.pause_ms
    return GroupLoad(
        group.device, group.name, group.cadence_ms, len(group.blocks), registers, len(group.columns),
        sum(TCP_REQUEST_MS + pause for _ in group.blocks), sum(serial_ms(block) + pause for block in group.blocks),
        polls, polls * row,
    )  # fmt: skip


def serial_ms(block: Block) -> float:
    """The time one request and its answer take on a 9600 Bd line [ms]."""
    return (OVERHEAD_CHARACTERS + 2 * block.count) * CHARACTER_MS + SERIAL_LATENCY_MS


def advice(load: LinkLoad) -> str:
    """In one sentence, what to know about a link; empty when there is nothing."""
    if load.type == "mqtt":
        return ""
    if load.tcp_share > 1:
        return "does not fit: lengthen `every`, or split the devices over two links"
    if load.tcp_share > BUSY:
        return f"{load.tcp_share:.0%} busy: no room for an answer that fails"
    if load.serial_share > 1:
        return "fits over TCP; a 9600 Bd line behind a gateway would be too slow"
    return ""
