"""Which connections a wiring needs, and what differs between two wirings."""

from collections.abc import Iterable
from typing import NamedTuple

from collector.protocols.gate import Asks
from collector.protocols.line import LineGate
from collector.protocols.modbus import Gate
from collector.protocols.numberless import NumberlessGate
from collector.protocols.settings import Settings
from collector.wiring import WiredLink


class Line(NamedTuple):
    """What makes a connection what it is."""

    link: str
    serial: bool
    settings: Settings
    connect_delay_s: float

    @property
    def address(self) -> tuple[str, str, int]:
        """Where it goes."""
        return (self.settings.path, self.settings.host, self.settings.port)


def line_of(wired: WiredLink) -> Line:
    """The connection a link needs."""
    return Line(wired.link.id, wired.link.serial, wired.settings, wired.connect_delay_s)


def gate_of(line: Line) -> Asks:
    """What asks through a connection."""
    if line.serial:
        return LineGate(line.settings, connect_delay_s=line.connect_delay_s)
    settings = line.settings
    gate = Gate(settings.host, settings.port, connect_delay_s=line.connect_delay_s, numbered=settings.numbered)
    return gate if settings.numbered else NumberlessGate(gate)


def at_work(links: Iterable[WiredLink]) -> tuple[WiredLink, ...]:
    """The links that have something to read."""
    return tuple(link for link in links if any(device.groups for device in link.devices))


def changed_devices(before: Iterable[WiredLink], after: Iterable[WiredLink]) -> tuple[str, ...]:
    """The devices that are new, gone, or not read as before."""
    old = {device.device.id: (wired.link, device) for wired in before for device in wired.devices}
    new = {device.device.id: (wired.link, device) for wired in after for device in wired.devices}
    return tuple(sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name)))
