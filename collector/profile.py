"""Device profiles: what one device model measures and where, as YAML files; no device is reached from here."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from collector.fields import Field as Register
from collector.fields import Span
from collector.points import Address, Function, ModbusPoint, MqttPoint, Source, Words
from metering.config import ConfigError, Fault, Strict, load

PROFILES = Path(__file__).parent / "profiles"

Identifier = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{2,63}$")]
Category = Literal["meter", "inverter", "battery", "compressor", "gas", "air", "heat", "weather", "production"]


class Proof(Strict):
    """How it is known that the profile is right, strongest first, and where that can be looked up."""

    kind: Literal["captured", "cross_read", "documented", "single_source"]
    evidence: Source


class Area(Strict):
    """Registers first..last that the device's documents describe, so that one request may run across them."""

    fc: Function
    first: Address
    last: Address


class Nameplate(Strict):
    """Registers that hold text about the device itself."""

    name: Literal["manufacturer", "model", "serial", "firmware"]
    fc: Function
    address: Address
    words: int = Field(ge=1, le=32)
    source: Source


def _protocol_of(point: Any) -> str:
    return "mqtt" if isinstance(point, MqttPoint) or (isinstance(point, dict) and "topic" in point) else "modbus"


AnyPoint = Annotated[
    Annotated[ModbusPoint, Tag("modbus")] | Annotated[MqttPoint, Tag("mqtt")], Discriminator(_protocol_of)
]


class DeviceProfile(Strict):
    """One device model: how it is asked, what it answers, and how well that is known."""

    id: Identifier
    manufacturer: str
    model: str
    category: Category
    protocol: Literal["modbus", "mqtt"]
    word_order: Words = "big"
    byte_order: Words = "big"
    max_registers: int = Field(default=125, ge=1, le=125)
    unit_id: int = Field(default=1, ge=0, le=255)
    connect_delay_s: float = Field(default=0, ge=0, le=60)
    timeout_s: float = Field(default=1, gt=0, le=60)
    pause_ms: int = Field(default=0, ge=0, le=10_000)
    areas: tuple[Area, ...] = ()  # documented registers beside those of the points
    nameplate: tuple[Nameplate, ...] = ()
    points: tuple[AnyPoint, ...]
    proof: Proof
    sources: tuple[Source, ...] = Field(min_length=1)
    caveats: tuple[str, ...] = ()

    @property
    def registers(self) -> tuple[ModbusPoint, ...]:
        """The points read over Modbus."""
        return tuple(p for p in self.points if isinstance(p, ModbusPoint))

    @property
    def messages(self) -> tuple[MqttPoint, ...]:
        """The points heard over MQTT."""
        return tuple(p for p in self.points if isinstance(p, MqttPoint))

    @cached_property
    def fields(self) -> tuple[Register, ...]:
        """The Modbus points as they lie in registers, in the file's order."""
        return tuple(point.field(self.word_order, self.byte_order) for point in self.registers)

    @property
    def documented(self) -> tuple[Span, ...]:
        """The registers that may be read even where no value of ours lies."""
        areas = (Span(area.fc, area.first, area.last + 1) for area in self.areas)
        return (*(span for field in self.fields for span in field.spans), *areas)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of what the file says, whatever its layout and comments."""
        said = self.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()

    @model_validator(mode="after")
    def _points_go_together(self) -> Self:
        faults = [*_repeated(self), *_foreign(self), *_too_wide(self), *_overlaps(self), *_unproven(self)]
        if faults:
            raise ValidationError.from_exception_data("profile", faults)
        return self


def _fault(message: str, *where: str | int) -> InitErrorDetails:
    escaped = message.replace("{", "{{").replace("}", "}}")
    return InitErrorDetails(type=PydanticCustomError("profile", escaped), loc=where, input=None)


def _repeated(profile: DeviceProfile) -> Iterator[InitErrorDetails]:
    seen = Counter[str]()
    if not profile.points:
        yield _fault("a profile needs at least one point", "points")
    for index, point in enumerate(profile.points):
        seen[point.quantity] += 1
        if seen[point.quantity] > 1:
            yield _fault(f"{point.quantity} is declared twice; a device has one of each", "points", index)


def _foreign(profile: DeviceProfile) -> Iterator[InitErrorDetails]:
    for index, point in enumerate(profile.points):
        if _protocol_of(point) != profile.protocol:
            yield _fault(f"this point is not {profile.protocol}: registers have fc, messages a topic", "points", index)


def _too_wide(profile: DeviceProfile) -> Iterator[InitErrorDetails]:
    for index, field in enumerate(profile.fields):
        if any(span.end - span.start > profile.max_registers for span in field.spans):
            message = f"{field.quantity} needs more than {profile.max_registers} registers in one request"
            yield _fault(message, "points", index)


def _overlaps(profile: DeviceProfile) -> Iterator[InitErrorDetails]:
    """Two numbers in one function code may share all of their registers as the same type, or none."""
    taken: dict[tuple[int, int], tuple[int, str, str]] = {}
    for index, field in enumerate(profile.fields):
        for number in field.numbers:
            same = (number.address, number.type, number.order)
            registers = [(field.function, address) for address in range(number.address, number.end)]
            if any(taken.setdefault(register, same) != same for register in registers):
                message = f"register {number.address} overlaps another point's as a different number"
                yield _fault(message, "points", index)


def _unproven(profile: DeviceProfile) -> Iterator[InitErrorDetails]:
    if profile.proof.kind == "documented" and len(profile.sources) < 2:
        yield _fault("documented means two independent sources; this file names one", "proof", "kind")
    if profile.proof.kind == "single_source" and any(p.status == "confirmed" for p in profile.points):
        yield _fault("a single source confirms no point; mark them single_source", "proof", "kind")


def load_profile(profile_id: str, extra_dir: Path | None = None) -> DeviceProfile:
    """The profile of that id, a user's own before ours; ConfigError with every fault of its file."""
    for directory in filter(None, (extra_dir, PROFILES)):
        for path in sorted(directory.rglob("*.yaml")):
            if path.stem == profile_id:
                return _loaded(path)
    known = ", ".join(sorted(path.stem for path in PROFILES.rglob("*.yaml")))
    raise ConfigError([Fault(profile_id, 1, f"no device profile {profile_id!r}", f"use one of: {known}")])


def all_profiles(directory: Path = PROFILES) -> tuple[DeviceProfile, ...]:
    """Every profile below a directory, by category and id; ConfigError with the faults of all of them."""
    faults: list[Fault] = []
    found: list[DeviceProfile] = []
    for path in sorted(directory.rglob("*.yaml")):
        try:
            found.append(_loaded(path))
        except ConfigError as error:
            faults.extend(error.faults)
    if faults:
        raise ConfigError(faults)
    return tuple(found)


def _loaded(path: Path) -> DeviceProfile:
    profile = load(path, DeviceProfile)
    if profile.id != path.stem:
        raise ConfigError(
            [Fault(str(path), 1, f"id {profile.id!r} is not the file's name", f"name it {profile.id}.yaml")]
        )
    return profile
