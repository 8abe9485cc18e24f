"""site.yaml + profiles -> poll groups: which registers and messages of which device fill which metering point."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from types import MappingProxyType
from typing import Literal
from zoneinfo import ZoneInfo

from collector.bustime import BusTime
from collector.datatypes import Number
from collector.fields import Field, Span, wired
from collector.planner import plan
from collector.points import MqttPoint
from collector.profile import DeviceProfile, load_profile
from collector.protocols.settings import Settings
from collector.registers import Decoder, shared_decoder
from collector.sleep import CATEGORIES
from metering.config import ConfigError, Fault
from metering.reading import Block, Column, PollGroup, SeriesInfo
from metering.site import MeteringPoint
from metering.sitefile import DEFAULT_BAUD, Device, Link, SiteConfig

CADENCE_MS: Mapping[str, int] = MappingProxyType({"power": 5_000, "energy": 60_000, "status": 60_000})  # unless `every`
_JSON = Number(0, "int64")  # stands for a number in a message, which has no register

Origin = Literal["live", "history"]


@dataclass(frozen=True, slots=True)
class Wire:
    """One series: the metering point, and the field or message point it comes from, as seen from there."""

    point: MeteringPoint
    field: Field
    cadence: str
    message: MqttPoint | None = None

    @property
    def part(self) -> str:
        """What it shares a group with: registers of one cadence class, or what one message holds."""
        return self.message.topic if self.message else self.cadence

    @property
    def column(self) -> Column:
        """Its column in the stored group."""
        return Column(self.point.id, self.field.quantity)

    @property
    def scale(self) -> Fraction:
        """[unit per raw count]; of a message, the unit's worth of the last printed digit."""
        return self.field.scale * (Fraction(1, 10**self.message.decimals) if self.message else 1)


@dataclass(frozen=True, slots=True)
class WiredGroup:
    """One poll group: what the store knows of it, and how its answers become values."""

    group: PollGroup
    wires: tuple[Wire, ...]
    serial: str
    topic: str = ""  # of a message, with the device's base

    @property
    def decoder(self) -> Decoder:
        """The compiled decoder of its registers."""
        return shared_decoder(tuple(wire.field for wire in self.wires), self.group.blocks)

    def infos(self, since_ms: int, origin: Origin = "live") -> tuple[SeriesInfo, ...]:
        """What analytics must know of each of its series, valid from a time on [ms UTC]."""
        return tuple(self._info(wire, since_ms, origin) for wire in self.wires)

    def _info(self, wire: Wire, since_ms: int, origin: Origin) -> SeriesInfo:
        group, point = self.group, wire.point
        return SeriesInfo(
            point.id, wire.field.quantity, since_ms, group.device, group.profile, group.profile_hash, self.serial,
            "decimal" if wire.message else wire.field.data_type, wire.scale, wire.field.modulus, point.ct_ratio,
            point.rated_power_kw, group.cadence_ms, point.meter_class, origin,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class WiredDevice:
    """One device: how it is addressed, and its groups."""

    device: Device
    profile: DeviceProfile
    timeout_s: float
    groups: tuple[WiredGroup, ...]
    sleeps_in: ZoneInfo | None = None  # of a plant that goes to sleep at night: the site's time zone


@dataclass(frozen=True, slots=True)
class WiredLink:
    """One link and the devices behind it."""

    link: Link
    devices: tuple[WiredDevice, ...]

    @property
    def settings(self) -> Settings:
        """How it is reached, and how its serial line speaks."""
        link = self.link
        if link.type == "rtu":
            return Settings(link.path, "", 0, link.baud or DEFAULT_BAUD, link.parity, link.stop_bits)
        numbered = link.transaction_ids == "honest"
        return Settings("", link.host, link.port, link.baud or DEFAULT_BAUD, link.parity, link.stop_bits, numbered)

    @property
    def connect_delay_s(self) -> float:
        """How long its devices need between connection and first request."""
        if self.link.connect_delay is not None:
            return self.link.connect_delay / 1000
        return max((d.profile.connect_delay_s for d in self.devices), default=0.0)


def wire_site(config: SiteConfig) -> tuple[WiredLink, ...]:
    """Every link of a site with its devices and groups; ConfigError with all faults of site file and profiles."""
    faults: list[Fault] = []
    profiles = _profiles(config, faults)
    links = {link.id: link for link in config.file.links}
    wired_devices: dict[str, list[WiredDevice]] = {link: [] for link in links}
    for index, device in enumerate(config.file.devices):
        profile = profiles.get(device.profile)
        if profile is None:
            continue
        found = list(_device_faults(config, index, device, profile, links[device.link]))
        faults += found
        if not found:
            wired_devices[device.link].append(_device(config, device, profile, links[device.link]))
    if faults:
        raise ConfigError(faults)
    return tuple(WiredLink(links[name], tuple(devices)) for name, devices in wired_devices.items())


def _profiles(config: SiteConfig, faults: list[Fault]) -> dict[str, DeviceProfile]:
    """The profiles the devices name; one that cannot be used is told once, one that is not there at each device."""
    found: dict[str, DeviceProfile] = {}
    for name in dict.fromkeys(device.profile for device in config.file.devices):
        try:
            found[name] = load_profile(name, config.path.parent / "profiles")
        except ConfigError as error:
            faults += (_at_device(config, name, fault) for fault in error.faults)
    return found


def _at_device(config: SiteConfig, profile: str, fault: Fault) -> Fault:
    if fault.file != profile:
        return fault
    index = next(i for i, device in enumerate(config.file.devices) if device.profile == profile)
    return config.document.fault(("devices", index, "profile"), fault.message, fault.mend)


def _device_faults(
    config: SiteConfig, index: int, device: Device, profile: DeviceProfile, link: Link
) -> Iterator[Fault]:
    protocol = "modbus" if link.modbus else "mqtt"
    where = ("devices", index)
    if profile.protocol != protocol:
        message = f"profile {profile.id!r} speaks {profile.protocol}, link {link.id!r} is {link.type}"
        yield config.document.fault((*where, "link"), message, "put the device on a link of its protocol")
    for name in device.every:
        if name not in CADENCE_MS:
            mend = f"one of: {', '.join(CADENCE_MS)}"
            yield config.document.fault((*where, "every", name), f"no cadence class {name!r}", mend)
    yield from _quantity_faults(config, device, profile)


def _quantity_faults(config: SiteConfig, device: Device, profile: DeviceProfile) -> Iterator[Fault]:
    for index, point in enumerate(config.site.points):
        if point.device != device.id:
            continue
        measured = {wire.field.quantity for wire in _wires(point, profile)}
        for name in point.quantities:
            if name not in measured:
                message = f"{profile.id} does not measure {name!r}"
                mend = f"one of: {', '.join(sorted(measured))}"
                yield config.document.fault(("points", index, "quantities"), message, mend)


def _wires(point: MeteringPoint, profile: DeviceProfile) -> Iterator[Wire]:
    """Everything a profile measures, as seen from a metering point."""
    for register, field in zip(profile.registers, profile.fields, strict=True):
        yield Wire(point, wired(field, point.ct_ratio, reversed=point.reversed), register.cadence)
    for message in profile.messages:
        offset = message.offset * message.unit_factor
        field = Field(message.quantity, message.counter, 0, _JSON, message.factor, offset)
        field = wired(replace(field, secondary=message.ct == "secondary"), point.ct_ratio, reversed=point.reversed)
        yield Wire(point, field, message.cadence, message)


def _device(config: SiteConfig, device: Device, profile: DeviceProfile, link: Link) -> WiredDevice:
    timeout_s = link.timeout / 1000 if "timeout" in link.model_fields_set else profile.timeout_s
    parts: dict[str, list[Wire]] = {name: [] for name in CADENCE_MS} if profile.protocol == "modbus" else {}
    for point in config.points_of(device.id):
        for wire in _wires(point, profile):
            if not point.quantities or wire.field.quantity in point.quantities:
                parts.setdefault(wire.part, []).append(wire)
    bus = BusTime(link.character_ms, pause_ms=profile.pause_ms)
    groups = tuple(_group(device, profile, part, tuple(wires), bus) for part, wires in parts.items() if wires)
    sleeps_in = config.zone if profile.category in CATEGORIES and link.modbus else None
    return WiredDevice(device, profile, timeout_s, groups, sleeps_in)


@lru_cache(maxsize=1024)
def _planned(
    fields: tuple[Field, ...], most: int, documented: tuple[Span, ...], request_cost: float
) -> tuple[Block, ...]:
    return plan(fields, most, documented, request_cost)


def _group(device: Device, profile: DeviceProfile, part: str, wires: tuple[Wire, ...], bus: BusTime) -> WiredGroup:
    blocks: tuple[Block, ...] = ()
    topic = ""
    if profile.protocol == "mqtt":
        topic = part.replace("{base}", device.base)
    else:
        fields = tuple(wire.field for wire in wires)
        blocks = _planned(fields, profile.max_registers, profile.documented, bus.request_cost)
    cadence_ms = min(device.every.get(wire.cadence, CADENCE_MS[wire.cadence]) for wire in wires)
    group = PollGroup(
        device.id, part.removeprefix("{base}/"), tuple(wire.column for wire in wires), blocks, cadence_ms,
        bool(blocks) and any(wire.field.counter for wire in wires), profile.id, profile.hash,
    )  # fmt: skip
    return WiredGroup(group, wires, device.serial, topic)
