"""plant.yaml as checked models: the works, and which device shows which node on which link."""

from collections.abc import Iterator
from datetime import date, datetime
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field

from metering.config import ConfigError, Document, Fault, Strict, read, validate
from metering.sitefile import Duration, Identifier, Ratio, Text
from simulators.shapes import uniform
from simulators.works import Calendar, Kind, Node, Place, Works

_EPOCH = date(1970, 1, 1)
_ZERO = np.zeros(1, dtype=np.int64)


def _day(value: Any) -> int:
    day = value if isinstance(value, date) else date.fromisoformat(str(value))
    return ((day.date() if isinstance(day, datetime) else day) - _EPOCH).days


def _shift(value: Any) -> tuple[int, int]:
    start, end = (tuple(int(part) for part in one.split(":")) for one in str(value).split("-"))
    return start[0] * 3600 + start[1] * 60, end[0] * 3600 + end[1] * 60


def _offset(value: Any) -> int:
    return round(float(str(value).removesuffix("h")) * 3600)


Day = Annotated[int, BeforeValidator(_day)]
Shift = Annotated[tuple[int, int], BeforeValidator(_shift)]


class PlaceSection(Strict):
    """Where the works stand."""

    latitude: float = Field(ge=-66, le=66)
    longitude: float = Field(ge=-180, le=180)
    utc_offset: Annotated[int, BeforeValidator(_offset)]  # [s]


class CalendarSection(Strict):
    """When people work; days that differ from their weekday."""

    shifts: tuple[Shift, ...]
    holidays: tuple[Day, ...] = ()
    makeup_workdays: tuple[Day, ...] = ()


class NodeSection(Strict):
    """One thing that a meter can be put on."""

    id: Identifier
    kind: Kind
    parent: str | None = None
    rating: float = Field(default=0, ge=0)
    pf: float = Field(default=0.95, gt=0, le=1)
    voltage: float = Field(default=400, gt=0)
    line: int = 0
    recipe: Literal["", "sac", "lts"] = ""
    source: Literal["", "boiler", "compressors"] = ""
    capacity: float = Field(default=0, ge=0)
    variable: bool = False
    azimuth: float = 0
    tilt: float = 10
    commissioned: Day = 0
    losses: float = Field(default=0, ge=0, lt=0.2)
    retrofitted: Day = 0
    improvement: float = Field(default=0, ge=0, lt=1)
    base: dict[str, float] = Field(default_factory=dict)

    def freeze(self, seed: int) -> Node:
        """The node; a meter without a stated reading has been there for half a year to three."""
        hours = 1500 + 6000 * float(uniform(seed, f"base:{self.id}", _ZERO)[0])
        shown = {"active_energy_import": 0.4, "reactive_energy_import": 0.12} if self.rating else {}
        base = {name: round(self.rating * hours * share) for name, share in shown.items()}
        return Node(**{**self.model_dump(), "base": base | self.base})


class LinkSection(Strict):
    """One gateway that Modbus devices hang on, or the broker."""

    id: Identifier
    type: Literal["tcp", "mqtt"]
    host: str = "127.0.0.1"
    port: int = Field(ge=0, le=65535)


class DeviceSection(Strict):
    """One simulated device: a profile that shows a node."""

    id: Identifier
    profile: str
    link: str
    node: str
    unit: int = Field(default=1, ge=0, le=255)
    base: str = ""  # MQTT topic prefix
    every: Duration = 5000  # between MQTT messages
    serial: Text = ""
    ct_ratio: Ratio = Fraction(1)  # of the transformers a meter counts behind
    reversed: bool = False  # its transformers are mounted the other way round


class PlantFile(Strict):
    """The whole of plant.yaml."""

    seed: int = Field(ge=0)
    place: PlaceSection
    anchor: Day
    start_ms: int | None = None  # when faults begin to count; written by `zcf demo`
    calendar: CalendarSection
    nodes: tuple[NodeSection, ...]
    links: tuple[LinkSection, ...] = ()
    devices: tuple[DeviceSection, ...] = ()

    def freeze(self) -> Works:
        """The works."""
        place, calendar = self.place, self.calendar
        return Works(
            self.seed,
            Place(place.latitude, place.longitude, place.utc_offset),
            Calendar(calendar.shifts, frozenset(calendar.holidays), frozenset(calendar.makeup_workdays)),
            self.anchor,
            tuple(node.freeze(self.seed) for node in self.nodes),
        )

    def link(self, link_id: str) -> LinkSection:
        """The link of that id."""
        return next(link for link in self.links if link.id == link_id)

    def on(self, link_id: str) -> tuple[DeviceSection, ...]:
        """The devices of a link."""
        return tuple(d for d in self.devices if d.link == link_id)


def load_plant(path: Path) -> PlantFile:
    """Read and check a plant file; ConfigError with every fault at once."""
    document = read(path)
    file = validate(document, PlantFile)
    faults = [*_tree_faults(document, file), *_device_faults(document, file)]
    if faults:
        raise ConfigError(faults)
    return file


def _tree_faults(document: Document, file: PlantFile) -> Iterator[Fault]:
    ids = [node.id for node in file.nodes]
    for index, node in enumerate(file.nodes):
        if node.id in ids[:index]:
            yield document.fault(("nodes", index), f"node {node.id!r} is declared twice", "give each its own id")
        if node.parent is not None and node.parent not in ids[:index]:
            message = f"parent {node.parent!r} is not a node above"
            yield document.fault(("nodes", index), message, "name a node further up")
        if node.kind == "heat" and not node.source:
            yield document.fault(("nodes", index), "a heat meter needs a source", "write source: boiler or compressors")


def _device_faults(document: Document, file: PlantFile) -> Iterator[Fault]:
    nodes, links = {node.id for node in file.nodes}, {link.id: link for link in file.links}
    taken: dict[tuple[str, object], str] = {}
    for index, device in enumerate(file.devices):
        if device.node not in nodes:
            yield document.fault(("devices", index, "node"), f"no node {device.node!r}", "name a node of this file")
        if device.link not in links:
            yield document.fault(("devices", index, "link"), f"no link {device.link!r}", f"one of: {', '.join(links)}")
            continue
        place = device.unit if links[device.link].type == "tcp" else device.base
        if (other := taken.setdefault((device.link, place), device.id)) != device.id:
            message = f"{place!r} on {device.link!r} is already {other!r}"
            yield document.fault(("devices", index), message, "give it its own")
