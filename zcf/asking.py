"""`zcf scan`, `zcf read`, `zcf capture`: asking devices by hand, reading alone, at most ten requests a second."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from collector.bustime import BusTime
from collector.connections import Line, gate_of, line_of
from collector.fields import Field, wired
from collector.planner import plan
from collector.profile import DeviceProfile, all_profiles
from collector.protocols.gate import IDENTIFY, Asks, NoAnswerError, Request
from collector.protocols.settings import Settings
from collector.registers import Decoder
from collector.wiring import WiredDevice, WiredLink, wire_site
from metering.config import ConfigError
from metering.reading import Block, GapReason
from metering.site import MeteringPoint
from metering.sitefile import SiteConfig
from zcf.decodings import decodings, remark

PAUSE_S = 0.1  # between requests: ten a second are the most that fragile devices are asked (reliability.md 4.18)
GATEWAY_SAYS = frozenset({0x0A, 0x0B})  # of a unit that is not there
SUNSPEC = bytes.fromhex("53756e53")  # "SunS" at the registers its maps begin with (QUIRKS 3.11)
SUNSPEC_AT = (40_000, 50_000, 0)


@dataclass(frozen=True, slots=True)
class Asker:
    """A gate that asks no faster than it may."""

    gate: Asks
    timeout_s: float

    async def ask(self, request: Request) -> bytes:
        """The data of the answer; NoAnswerError otherwise."""
        try:
            return await self.gate.execute(request, self.timeout_s + self.gate.airtime_s(request))
        finally:
            await asyncio.sleep(PAUSE_S)


@asynccontextmanager
async def asking(line: Line, timeout_s: float) -> AsyncIterator[Asker]:
    """A gate for the length of a block; what it warns of goes to stderr, since stdout holds the answer."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    gate = gate_of(line)
    try:
        yield Asker(gate, timeout_s)
    finally:
        gate.close()


def found_in(config: SiteConfig, device: str) -> tuple[WiredLink, WiredDevice]:
    """A Modbus device of a site file and its link; ConfigError where there is none."""
    for link in wire_site(config):
        for one in link.devices:
            if one.device.id == device and link.link.modbus:
                return link, one
    names = ", ".join(d.id for d in config.file.devices)
    fault = config.document.fault(("devices",), f"no Modbus device {device!r}", f"one of: {names}")
    raise ConfigError([fault])


@dataclass(frozen=True, slots=True)
class Shown:
    """One quantity of a device as it was just read."""

    field: Field
    words: str  # hexadecimal, register by register
    value: int | float | None
    orders: Mapping[str, str]  # byte order -> the number it would be, for people
    note: str


@dataclass(slots=True)
class Seen:
    """What one reading of a device brought."""

    at: datetime
    rows: list[Shown] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    blocks: list[tuple[Block, bytes]] = field(default_factory=list)


def read_device(config: SiteConfig, device: str, timeout_s: float | None = None) -> Seen:
    """Read everything a device's profile names, once."""
    link, one = found_in(config, device)
    points = config.points_of(device)
    return asyncio.run(_read(link, one, points[0] if points else None, timeout_s or one.timeout_s))


async def _read(link: WiredLink, one: WiredDevice, point: MeteringPoint | None, timeout_s: float) -> Seen:
    seen = Seen(datetime.now(UTC))
    bus = BusTime(link.link.character_ms, pause_ms=one.profile.pause_ms)
    profile = one.profile
    async with asking(line_of(link), timeout_s) as asker:
        for block in plan(profile.fields, profile.max_registers, profile.documented, bus.request_cost):
            request = Request(one.device.unit, block.function, block.address, block.count)
            try:
                seen.blocks.append((block, await asker.ask(request)))
            except NoAnswerError as error:
                seen.failures.append(f"{_named(block)}: {_words(error)}")
    seen.rows += _rows(profile, point, seen.blocks)
    return seen


def _rows(
    profile: DeviceProfile, point: MeteringPoint | None, blocks: Sequence[tuple[Block, bytes]]
) -> Iterator[Shown]:
    for own in profile.fields:
        one = wired(own, point.ct_ratio, reversed=point.reversed) if point else own
        try:
            decoder = Decoder([one], [block for block, _ in blocks])
        except ValueError:
            continue  # the block it lies in was refused
        data = [words for _, words in blocks]
        value = decoder.decode(data).values[0]
        raw = b"".join(_raw(number.address, number.kind.words, own.function, blocks) for number in one.numbers)
        first = _raw(one.number.address, one.number.kind.words, own.function, blocks)
        note = remark(one, value, point.rated_power_kw if point else None) if value is not None else ""
        why = "" if value is not None else decoder.explain(data, 0)
        yield Shown(one, raw.hex(" ", 2), value, decodings(one, first), note or why)


def _raw(address: int, words: int, function: int, blocks: Iterable[tuple[Block, bytes]]) -> bytes:
    for block, data in blocks:
        if block.function == function and block.address <= address and address + words <= block.address + block.count:
            start = 2 * (address - block.address)
            return data[start : start + 2 * words]
    return b""


def capture_device(config: SiteConfig, device: str, samples: int, every_s: float) -> list[dict[str, Any]]:
    """What a device answered, register by register, so many times: an image as tests/captures keeps them."""
    link, one = found_in(config, device)
    return asyncio.run(_capture(link, one, samples, every_s))


async def _capture(link: WiredLink, one: WiredDevice, samples: int, every_s: float) -> list[dict[str, Any]]:
    images: list[dict[str, Any]] = []
    for number in range(samples):
        if number:
            await asyncio.sleep(every_s)
        seen = await _read(link, one, None, one.timeout_s)
        if not seen.blocks:
            raise OSError(f"{one.device.id} answers nothing: {'; '.join(seen.failures)}")
        images += [
            {"unit": one.device.unit, "kind": {3: "HR", 4: "IR"}[block.function], "base": block.address,
             "values": [int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2)],
             "at": seen.at.isoformat(timespec="milliseconds"), "profile": one.profile.id}
            for block, data in seen.blocks
        ]  # fmt: skip
    return images


@dataclass(frozen=True, slots=True)
class Answering:
    """A unit that answers: how, what it says of itself, and which profiles read something sound from it."""

    unit: int
    how: str
    identity: str
    profiles: tuple[str, ...]


def line_named(name: str, config: SiteConfig | None, settings: Settings) -> Line:
    """A link of the site file, or host:port, or the path of an adapter; ConfigError where it is none of them."""
    if config is not None and any(link.id == name and link.modbus for link in config.file.links):
        return next(line_of(link) for link in wire_site(config) if link.link.id == name)
    host, _, port = name.rpartition(":")
    if host and port.isdecimal():
        return Line(name, serial=settings.path == "rtu", settings=settings._replace(path="", host=host, port=int(port)),
                    connect_delay_s=0.0)  # fmt: skip
    if name.startswith("/"):
        return Line(name, serial=True, settings=settings._replace(path=name), connect_delay_s=0.0)
    raise ValueError(f"{name!r} is no link of the site file, no host:port and no path of an adapter")


def scan_line(line: Line, units: Iterable[int], timeout_s: float) -> list[Answering]:
    """Ask every unit id for its identification, and those that answer what else they are."""
    return asyncio.run(_scan(line, units, timeout_s))


async def _scan(line: Line, units: Iterable[int], timeout_s: float) -> list[Answering]:
    found = []
    profiles = [p for p in all_profiles() if p.registers]
    async with asking(line, timeout_s) as asker:
        for unit in units:
            there = await _there(asker, unit)
            if there is not None:
                how, identity = there
                found.append(Answering(unit, how, identity, tuple([p async for p in _fitting(asker, unit, profiles)])))
    return found


async def _there(asker: Asker, unit: int) -> tuple[str, str] | None:
    """How a unit answered and what it says of itself; None where nobody is there."""
    for request in (Request(unit, IDENTIFY, 0, 1), Request(unit, 3, 0, 1)):
        try:
            data = await asker.ask(request)
        except NoAnswerError as error:
            if error.reason is GapReason.EXCEPTION and error.code not in GATEWAY_SAYS:
                return f"exception {error.code} to function {request.function}", ""
            if error.reason in {GapReason.CRC, GapReason.BAD_FRAME}:
                return f"{error.reason.value}: {error.detail}", ""
            if error.reason is GapReason.CONNECT or (error.reason is GapReason.LINE_DOWN and not asker.gate.is_open):
                raise OSError(error.detail) from None
            continue
        identity = _identity(data) if request.function == IDENTIFY else ""
        return f"function {request.function}", identity
    return None


def _identity(data: bytes) -> str:
    """The texts of an answer to 43/14, whose first bytes are code, conformity, more, next, count."""
    texts, at = [], 5
    while at + 2 <= len(data):
        size = data[at + 1]
        texts.append(data[at + 2 : at + 2 + size].decode("ascii", "replace").strip("\0 "))
        at += 2 + size
    return " ".join(filter(None, texts))


async def _fitting(asker: Asker, unit: int, profiles: Sequence[DeviceProfile]) -> AsyncIterator[str]:
    """Profiles whose mains frequency reads as one, which wrong registers hardly ever do."""
    for profile in profiles:
        fields = [one for one in profile.fields if one.quantity == "frequency"]
        for one in fields:
            [block] = plan([one])[:1]
            try:
                data = await asker.ask(Request(unit, block.function, block.address, block.count))
            except NoAnswerError:
                continue
            value = Decoder([one], [block]).decode([data]).values[0]
            if value is not None and not remark(one, value, None):
                yield profile.id


def _named(block: Block) -> str:
    return f"function {block.function}, registers {block.address}..{block.address + block.count - 1}"


def _words(error: NoAnswerError) -> str:
    code = f" {error.code}" if error.code is not None else ""
    return f"{error.reason.value}{code} {error.detail}".strip()


def write_json(path: Path, images: Sequence[Mapping[str, Any]]) -> None:
    """A capture as a file, one image a line."""
    import json

    lines = ",\n ".join(json.dumps(image) for image in images)
    path.write_text(f"[{lines}]\n", encoding="utf-8")
