"""site.yaml: what one factory is and how it is reached, as frozen models; its checks name the line and the mend."""

import os
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails

from metering.alerting import AlertSection, ReceiverSection
from metering.config import ConfigError, Document, Strict, read, validate, without_faults
from metering.fields import Duration, Identifier, Name, Named, Number, Ratio, Size, Text, Zone
from metering.hours import ShiftSection, TariffSection
from metering.imports import ImportSection
from metering.site import MeteringPoint, Role, Site
from metering.sitechecks import cross_faults, declared

__all__ = [
    "DeclaredFactor", "Device", "Duration", "ForwardSection", "GridSection", "Identifier", "Link", "MetricsSection",
    "Name", "Named", "Point", "Ratio", "SiteConfig", "SiteFile", "SiteSection", "StoreSection", "Text", "load_site",
]  # fmt: skip

DEFAULT_BAUD = 9600  # what most meters' manuals name as delivered


class GridSection(Strict):
    """Where the electricity comes from: decides the emission factors."""

    country: str = "CN"
    region: str = ""
    province: str = ""


class SiteSection(Strict):
    """Who and where the factory is."""

    id: Identifier
    name: Named = Name()
    timezone: Zone
    grid: GridSection = GridSection()
    fiscal_year_start: int = Field(default=1, ge=1, le=12)
    currency: str = "CNY"
    languages: tuple[str, ...] = ("zh", "en")


class StoreSection(Strict):
    """Where readings are kept."""

    path: str = "store"
    commit: Duration = 250
    quota: Size = Field(default=4 * 10**9, ge=10**7)  # [bytes] the readings may take


class ForwardSection(Strict):
    """The InfluxDB 2 that readings are forwarded to; the token comes from ZCF_INFLUX_TOKEN or ZCF_INFLUX_TOKEN_FILE."""

    url: str
    org: str = "zcf"
    bucket: str = "readings"
    results_bucket: str = "results"
    gzip: Literal["auto", "always", "never"] = "auto"  # auto: not to this computer, where it costs and spares nothing


class MetricsSection(Strict):
    """Where the collector answers /metrics and /healthz: on this machine alone, whoever else wants it needs a proxy."""

    host: Literal["127.0.0.1", "::1", "localhost"] = "127.0.0.1"
    port: int = Field(default=9109, ge=1, le=65535)


class Link(Strict):
    """One connection: a Modbus TCP gateway, a serial line here or behind a TCP converter, or an MQTT broker."""

    id: Identifier
    name: Named = Name()  # for people; without one they read its id
    type: Literal["tcp", "rtu", "rtu-over-tcp", "mqtt"]
    host: str = "127.0.0.1"
    port: int = Field(default=0, ge=1, le=65535)
    path: str = ""  # of rtu: the adapter, best by a name that stays: /dev/serial/by-id/...
    baud: int | None = Field(default=None, ge=300, le=1_000_000)  # of a serial line, also of one behind a gateway
    parity: Literal["N", "E", "O"] = "N"
    stop_bits: Literal[1, 2] = 1
    transaction_ids: Literal["honest", "constant"] = "honest"  # of tcp: constant where answers do not carry them
    timeout: Duration = 1000
    connect_delay: Duration | None = None
    version: Literal["3.1.1", "5"] = "3.1.1"
    client_id: str = ""
    user: str = ""  # of an MQTT broker; its password is in password_file or ZCF_MQTT_PASSWORD, never here
    password_file: str = ""
    tls: bool = False  # by the system's authorities, or the one whose certificate `ca` names
    ca: str = ""

    @property
    def modbus(self) -> bool:
        """True where devices are asked."""
        return self.type != "mqtt"

    @property
    def serial(self) -> bool:
        """True where frames are those of a serial line, without numbers."""
        return self.type in {"rtu", "rtu-over-tcp"}

    @property
    def where(self) -> str:
        """What it reaches, for people."""
        return self.path if self.type == "rtu" else f"{self.host}:{self.port}"

    @property
    def character_ms(self) -> float | None:
        """How long a character takes on its serial line: start, 8 bits, parity, stop; None where there is none [ms]."""
        if not self.serial and self.baud is None:
            return None
        return 1000 * (9 + (self.parity != "N") + self.stop_bits) / (self.baud or DEFAULT_BAUD)

    @model_validator(mode="after")
    def _is_reachable(self) -> Self:
        missing = "path" if self.type == "rtu" else "port"
        if missing not in self.model_fields_set or not getattr(self, missing):
            faults = [InitErrorDetails(type="missing", loc=(missing,), input={})]
            raise ValidationError.from_exception_data("link", faults)
        if self.type == "mqtt" and self.baud:
            raise ValueError("a broker has no baud rate; remove the key")
        return self


class Device(Strict):
    """One device on a link, read through a profile."""

    id: Identifier
    name: Named = Name()  # for people; without one it is called after its points
    profile: str
    link: str
    unit: int = Field(default=1, ge=0, le=255)
    base: str = ""  # MQTT topic prefix
    serial: Text = ""  # of its nameplate; a device that tells another one is told as another meter
    every: dict[str, Duration] = Field(default_factory=dict)  # cadence class -> period; very many reads take turns


class Point(Strict):
    """One metering point of the tree."""

    id: Identifier
    role: Role
    carrier: str = "electricity"
    parent: str | None = None
    device: str | None = None
    quantities: tuple[str, ...] = ()
    name: Named = Name()
    meter_class: Text = Field(default="1", alias="class")
    ct_ratio: Ratio = Fraction(1)
    rated_power: float | None = Field(default=None, gt=0)  # [kW]
    reversed: bool = False
    commissioned: date | None = None
    area: str = ""
    equipment: str = ""
    end_use: str = ""
    activity: str = ""

    def freeze(self) -> MeteringPoint:
        """The noun the other rooms use."""
        return MeteringPoint(
            self.id, self.role, self.carrier, self.parent, self.device, self.quantities, self.name.zh, self.name.en,
            self.meter_class, self.ct_ratio, self.rated_power, self.reversed, self.commissioned, self.area,
            self.equipment, self.end_use, self.activity,
        )  # fmt: skip


OwnFile = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*){0,2}\.yaml$")]


class DeclaredFactor(Strict):
    """An emission factor the site itself declares (status `declared`)."""

    id: Identifier
    activity: str
    value: Annotated[Number, Field(ge=0)]
    unit: str
    gas: Literal["co2_only", "co2e", "none"] = "co2_only"  # none: a coal equivalent, no emission
    method: str = "location_based"
    valid_from: date
    valid_to: date | None = None
    document: str
    page: Text = ""

    @model_validator(mode="after")
    def _in_order(self) -> "DeclaredFactor":
        if self.valid_to is not None and self.valid_to < self.valid_from:
            raise ValueError(f"valid_to {self.valid_to} is before valid_from {self.valid_from}; swap the two")
        return self


class SiteFile(Strict):
    """The whole of site.yaml."""

    site: SiteSection
    store: StoreSection = StoreSection()
    forward: ForwardSection | None = None
    metrics: MetricsSection | None = None
    alerts: tuple[AlertSection, ...] | None = None  # none written: what every site should know of
    receivers: tuple[ReceiverSection, ...] = ()
    links: tuple[Link, ...] = ()
    devices: tuple[Device, ...] = ()
    points: tuple[Point, ...] = ()
    imports: tuple[ImportSection, ...] = ()
    factors: tuple[DeclaredFactor, ...] = ()
    factor_files: tuple[OwnFile, ...] = ()  # dated factor files of the site's own, below the folder of this file
    remainder: Literal["excluding_market_traded_non_fossil", "average"] = "excluding_market_traded_non_fossil"
    gwp: Literal["AR4", "AR5", "AR6"] = "AR6"  # one report for the whole inventory
    export_treatment: Literal["none", "cn_subtract"] = "none"  # shown beside the totals, never inside them
    standards: tuple[str, ...] = ()
    tariff: TariffSection | None = None
    shifts: tuple[ShiftSection, ...] = ()
    holidays: tuple[date, ...] = ()
    workdays: tuple[date, ...] = ()  # weekends or holidays that are worked to make up for others
    facts: dict[str, float] = Field(default_factory=dict)  # declared numbers: added_value, floor_area ...
    evidence: tuple[dict[str, Any], ...] = ()
    instruments: tuple[dict[str, Any], ...] = ()
    targets: tuple[dict[str, Any], ...] = ()
    measures: tuple[dict[str, Any], ...] = ()  # what could be done, what it costs and saves

    def freeze(self) -> Site:
        """The noun the other rooms use."""
        section = self.site
        return Site(
            section.id, section.name.zh, section.name.en, section.timezone, section.grid.country, section.grid.region,
            section.grid.province, section.fiscal_year_start, tuple(p.freeze() for p in self.points),
        )  # fmt: skip


class SiteConfig:
    """A checked site.yaml: the models, the frozen Site, and where its store lies."""

    def __init__(self, path: Path, document: Document, file: SiteFile) -> None:
        self.path, self.document, self.file = path, document, file
        self.site: Site = file.freeze()

    @property
    def zone(self) -> ZoneInfo:
        """The site's time zone."""
        return self.site.zone

    @property
    def store_dir(self) -> Path:
        """The store's directory; ZCF_STORE overrides the file."""
        return Path(os.environ.get("ZCF_STORE") or self.path.parent / self.file.store.path)

    @property
    def factor_files(self) -> tuple[Path, ...]:
        """The site's own factor files."""
        return tuple(self.path.parent / name for name in self.file.factor_files)

    def points_of(self, device_id: str) -> tuple[MeteringPoint, ...]:
        """The metering points one device serves."""
        return tuple(p for p in self.site.points if p.device == device_id)


def load_site(path: Path) -> SiteConfig:
    """Read and check a site file; ConfigError with every fault at once, of its parts and between the sound ones."""
    document = read(path)
    try:
        file = validate(document, SiteFile)
    except ConfigError as error:
        rest = without_faults(document, SiteFile, {"site": {"id": "site", "timezone": "UTC"}})
        more = cross_faults(rest, SiteFile.model_validate(rest.data), declared(document)) if rest else ()
        raise ConfigError(sorted({*error.faults, *more}, key=lambda fault: fault.line)) from None
    faults = list(cross_faults(document, file, {}))
    if faults:
        raise ConfigError(faults)
    return SiteConfig(path, document, file)
