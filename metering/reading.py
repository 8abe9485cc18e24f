"""Readings, their quality, and gaps with a reason from one closed list; what is known of a register (SeriesInfo)."""

import math
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MICRO = 10**6  # counters and amounts (COUNTER, DELTA) are int64 in 1e-6 of the unit
INT64_MAX = 2**63 - 1
SILENCE_MS, TOGETHER = 5000, 3  # held up: so many messages or more at once, behind a silence at least so long

SeriesKey: TypeAlias = tuple[str, str]  # (metering point id, quantity name)


class Quality(IntEnum):
    """Validity of a value (IEC 61850-7-3), worst last so that max() keeps the worst."""

    GOOD = 0
    SUBSTITUTED = 1  # computed, or entered by a person
    QUESTIONABLE = 2  # out of range, stale, after a reset
    INVALID = 3  # kept for the record, never used


class Lane(IntEnum):
    """Why a poll was due."""

    CADENCE = 0
    QUARTER = 1  # the extra read after a UTC quarter-hour
    MESSAGE = 2  # pushed by the device
    HISTORY = 3  # simulated history, written before the collector started


class GapReason(StrEnum):
    """Why a due reading is absent; the closed list."""

    TIMEOUT = "timeout"
    BAD_FRAME = "bad_frame"
    CRC = "crc"
    EXCEPTION = "exception"
    LINE_DOWN = "line_down"
    CONNECT = "connect"
    OVERRUN = "overrun"
    SCHEDULER_LATE = "scheduler_late"
    DISABLED = "disabled"
    MAINTENANCE = "maintenance"
    ASLEEP = "asleep"
    SESSION_LOST = "session_lost"
    BROKER_LOSS = "broker_loss"
    SEQ_HOLE = "seq_hole"
    STORE_FULL = "store_full"
    CORRUPT = "corrupt"
    COLLECTOR_DOWN_CLEAN = "collector_down_clean"
    COLLECTOR_DOWN_UNCLEAN = "collector_down_unclean"
    TIME_UNCERTAIN = "time_uncertain"
    INVALID_VALUE = "invalid_value"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of one quantity at one metering point; counters and amounts are integers in 1e-6 of the unit."""

    point: str
    quantity: str
    time_ms: int  # when the answer arrived [ms UTC]; for a DELTA the start of [time_ms, end_ms)
    value: int | float
    quality: Quality = Quality.GOOD
    end_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Columns:
    """One series over a range, oldest first: times [ms UTC], values (int64 micro, or float64 for gauges), qualities."""

    time_ms: "NDArray[np.int64]"
    value: "NDArray[np.int64] | NDArray[np.float64]"
    quality: "NDArray[np.uint8]"
    end_ms: "NDArray[np.int64] | None" = None  # only for amounts: each is over [time_ms, end_ms)

    def __len__(self) -> int:
        return len(self.time_ms)


@dataclass(frozen=True, slots=True)
class Column:
    """One series of a poll group."""

    point: str
    quantity: str

    @property
    def key(self) -> SeriesKey:
        """(point, quantity)."""
        return (self.point, self.quantity)


@dataclass(frozen=True, slots=True)
class Block:
    """One request: function code, 0-based PDU address, number of registers."""

    function: int
    address: int
    count: int


@dataclass(frozen=True, slots=True)
class PollGroup:
    """The points of one device that are read together, in storage order."""

    device: str
    name: str
    columns: tuple[Column, ...]
    blocks: tuple[Block, ...]
    cadence_ms: int
    quarter: bool  # one extra read after each UTC quarter-hour
    profile: str
    profile_hash: str


@dataclass(frozen=True, slots=True)
class Poll:
    """The answer to one due tick: values in column order (None = absent, a ValueGap says why) and the raw words."""

    group: int
    time_ms: int
    epoch: int
    tick: int
    lane: Lane
    values: tuple[int | float | None, ...]
    words: bytes
    quality: bytes | None = None  # one Quality byte a column; None = all GOOD


@dataclass(frozen=True, slots=True)
class StoredPoll:
    """One poll as it lies in the store: what forwarding sends and the judge checks."""

    seq: int
    group: int
    time_ms: int
    epoch: int
    tick: int
    lane: Lane
    values: tuple[int | float | None, ...]
    words: bytes
    quality: bytes | None = None  # one Quality byte a column; None = all GOOD


@dataclass(frozen=True, slots=True)
class PollGap:
    """Consecutive due ticks of one group that ended without a reading."""

    group: int
    epoch: int
    lane: Lane
    first_tick: int
    ticks: int
    start_ms: int
    end_ms: int
    reason: GapReason
    code: int | None = None  # Modbus exception number
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ValueGap:
    """One value that an otherwise good answer did not hold."""

    point: str
    quantity: str
    time_ms: int
    reason: GapReason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class SeriesInfo:
    """What analytics must know of the register behind a series, valid from a time on."""

    point: str
    quantity: str
    valid_from_ms: int
    device: str
    profile: str
    profile_hash: str
    serial: str
    data_type: str  # collector.registers data type: "uint32", "float32", ...
    scale: Fraction  # [unit per raw count], unit conversion and ratios included
    modulus: Fraction | None  # [unit]; None for 64-bit and float registers
    ct_ratio: Fraction
    rated_power_kw: float | None
    cadence_ms: int
    meter_class: str
    origin: Literal["live", "history", "import"] = "live"

    @property
    def key(self) -> SeriesKey:
        """(point, quantity)."""
        return (self.point, self.quantity)

    def step(self, value_micro: int) -> Fraction:
        """The smallest change the register can show at this value [unit]; for float registers the ulp (IEEE 754)."""
        return register_step(self.data_type, self.scale, value_micro)


FLOATS = frozenset({"float32", "float64"})
NEVER = 10_000  # an exponent beyond all floats: its negative is that of zero


def register_step(data_type: str, scale: Fraction, value_micro: int) -> Fraction:
    """Smallest change of a register at a value [unit]: the scale, or for floats the unit in the last place x scale."""
    scale = abs(scale)
    if data_type not in FLOATS or scale == 0:
        return scale
    raw = abs(Fraction(value_micro, MICRO) / scale)
    return float_step(data_type, scale, math.frexp(float(raw))[1] if raw else -NEVER)


def float_step(data_type: str, scale: Fraction, exponent: int) -> Fraction:
    """The unit in the last place of a float register whose value has an exponent as of frexp, x scale (IEEE 754)."""
    bits, smallest = (24, -149) if data_type == "float32" else (53, -1074)
    return scale * Fraction(2) ** max(exponent - bits, smallest)
