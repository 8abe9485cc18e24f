"""One packed row per poll: columns as little-endian int64 (counters, amounts) or float64 (gauges)."""

import json
import math
import struct
from collections.abc import Sequence
from functools import lru_cache
from sys import intern
from typing import TYPE_CHECKING

from metering.quantity import Kind, quantity
from metering.reading import Block, Column, PollGroup

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ABSENT = -(2**63)  # an int64 column without a value; a float64 column is then NaN
_NAN = math.nan


class Packing:
    """The layout of one poll group's values."""

    def __init__(self, group: PollGroup) -> None:
        self.integer = tuple(quantity(c.quantity).kind is not Kind.GAUGE for c in group.columns)
        self._struct = struct.Struct("<" + "".join("q" if whole else "d" for whole in self.integer))
        self._absent = tuple(ABSENT if whole else _NAN for whole in self.integer)
        self.size = self._struct.size
        self._gauges = not any(self.integer)

    def pack(self, values: Sequence[int | float | None]) -> bytes:
        """Values in column order, None for an absent one."""
        try:
            return self._struct.pack(*values)
        except struct.error:  # None is no number; looking for it each time costs more than the packing
            if None not in values:
                raise
            return self._struct.pack(*(a if v is None else v for v, a in zip(values, self._absent, strict=True)))

    def unpack(self, packed: bytes) -> tuple[int | float | None, ...]:
        """The inverse of pack."""
        raw = self._struct.unpack(packed)
        if self._gauges and math.isfinite(sum(raw)):  # nothing is absent: an absent gauge is NaN
            return raw
        return tuple(
            None if (v == ABSENT if whole else v != v) else v  # noqa: PLR0124 - NaN is not itself
            for v, whole in zip(raw, self.integer, strict=True)
        )

    def matrix(self, rows: Sequence[bytes]) -> "tuple[NDArray[np.int64], NDArray[np.float64]]":
        """Many rows at once: the same bytes seen as int64 and as float64, shape (rows, columns)."""
        import numpy as np

        raw = np.frombuffer(b"".join(rows), dtype="<i8").reshape(len(rows), len(self.integer))
        return raw, raw.view("<f8")


def dump_group(group: PollGroup) -> str:
    """A poll group as canonical JSON."""
    return json.dumps({
        "device": group.device, "name": group.name, "columns": [[c.point, c.quantity] for c in group.columns],
        "blocks": [[b.function, b.address, b.count] for b in group.blocks], "cadence_ms": group.cadence_ms,
        "quarter": group.quarter, "profile": group.profile, "profile_hash": group.profile_hash,
    }, separators=(",", ":"), sort_keys=True)  # fmt: skip


@lru_cache(maxsize=4096)
def packing_of(text: str) -> Packing:
    """The layout of a group as it is stored."""
    return Packing(parse_group(text))


class SharedPackings(dict[tuple[str, ...], Packing]):
    """One layout for all groups of the same quantities: thousands of devices are of few models."""

    def of(self, group: PollGroup) -> Packing:
        """The layout of a group."""
        names = tuple(column.quantity for column in group.columns)
        return self.get(names) or self.setdefault(names, Packing(group))


def parse_group(text: str) -> PollGroup:
    """The inverse of dump_group."""
    body = json.loads(text)
    return PollGroup(
        body["device"], body["name"],
        tuple(Column(*map(intern, c)) for c in body["columns"]), tuple(Block(*b) for b in body["blocks"]),
        body["cadence_ms"], body["quarter"], body["profile"], body["profile_hash"],
    )  # fmt: skip


@lru_cache(maxsize=4096)  # the live page asks for the same groups every second
def load_group(text: str) -> PollGroup:
    """The same, remembered."""
    return parse_group(text)
