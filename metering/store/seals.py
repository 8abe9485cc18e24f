"""Each row of readings carries its own checksum: what a disk has turned in it is found, and never read as a value.

SQLite keeps no checksums of rows. A seal is two CRC-32: of what a value is made of (instant, group, values, qualities),
which is looked at whenever values are read, and of what else a row holds (epoch, tick, lane, raw words).
"""

import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar
from zlib import crc32

if TYPE_CHECKING:
    import sqlite3

R = TypeVar("R", bound="tuple[Any, ...]")

SINCE: Final = 3  # the format of readings.db that has them
UNSEALED: Final = "unsealed"  # the state of a file in which rows of an older format are still without
ROW: Final = "seq,time_ms,grp,epoch,tick,lane,vals,words,quality"  # of the table poll; its seal comes after
REQUIRED: Final = "coalesce(seal, x'')"
_SEAL: Final = struct.Struct("<II")
_NONE: Final = bytes(8)
_LOW: Final = 2**32 - 1


def _folded(number: int) -> int:
    return (number ^ number >> 32) & _LOW


def _values(time_ms: int, group: int, vals: bytes, quality: bytes | None) -> int:
    """A bit more or less in the instant or the group is another start value, and so another sum."""
    return crc32(vals + quality if quality else vals, _folded(time_ms ^ group << 9))


def _rest(epoch: int, tick: int, lane: int, words: bytes) -> int:
    return crc32(words or b"", _folded(tick ^ epoch << 9 ^ lane << 20))


def seal(time_ms: int, group: int, epoch: int, tick: int, lane: int, vals: bytes, words: bytes,
         quality: bytes | None) -> bytes:  # fmt: skip
    """The seal of a row as it is written."""
    return _SEAL.pack(_values(time_ms, group, vals, quality), _rest(epoch, tick, lane, words))


def sound_value(time_ms: int, group: int, vals: bytes, quality: bytes | None, sealed: bytes | None) -> bool:
    """Whether what a value is made of fits its seal; a row of an older format has none, and is believed."""
    try:
        return sealed is None or _SEAL.unpack(sealed)[0] == _values(time_ms, group, vals, quality)
    except (struct.error, TypeError):  # a turned bit may make anything of it
        return False


def sound_rest(epoch: int, tick: int, lane: int, words: bytes, sealed: bytes | None) -> bool:
    """Whether the rest of a row fits its seal."""
    try:
        return sealed is None or _SEAL.unpack(sealed)[1] == _rest(epoch, tick, lane, words)
    except (struct.error, TypeError):
        return False


def sound(row: Sequence[Any]) -> bool:
    """Whether a row is whole: (seq, time_ms, grp, epoch, tick, lane, vals, words, quality, seal)."""
    _, time_ms, group, epoch, tick, lane, vals, words, quality, sealed = row
    return sound_value(time_ms, group, vals, quality, sealed) and sound_rest(epoch, tick, lane, words, sealed)


def unsealed(row: Sequence[Any]) -> bool:
    """True for a row of an older format."""
    return row[-1] is None


def seal_column(db: "sqlite3.Connection") -> str:
    """What to select for a seal: None, which is believed, only of rows that an older format may have left without one.

    Elsewhere a row without a seal has lost it to the disk.
    """
    if int(db.execute("PRAGMA user_version").fetchone()[0]) < SINCE:
        return "NULL"
    return "seal" if db.execute("SELECT 1 FROM state WHERE key=? AND value", (UNSEALED,)).fetchone() else REQUIRED


def sound_rows(rows: list[R]) -> list[R]:
    """The rows (grp, time_ms, vals, quality, seal) whose values fit their seals; many at once."""
    import numpy as np

    if not rows:
        return rows
    groups, times, vals, grades, seals = zip(*rows, strict=True)
    try:
        held = np.frombuffer(b"".join(seals if all(seals) else [one or _NONE for one in seals]), "<u4")[::2]
        at, of = np.array(times, np.int64), np.array(groups, np.int64)
        at ^= of << 9
        starts = ((at ^ at >> 32) & _LOW).tolist()
        made = np.fromiter(map(crc32, _with_grades(vals, grades), starts), np.uint32, len(rows))
        fits = held == made
    except (ValueError, TypeError):
        fits = np.zeros(len(rows), bool)
    if len(fits) == len(rows) and fits.all():
        return rows
    return [row for row in rows if sound_value(row[1], row[0], *row[2:5])]


def _with_grades(vals: Sequence[bytes], grades: Sequence[bytes | None]) -> Sequence[bytes]:
    return [v + g if g else v for v, g in zip(vals, grades, strict=True)] if any(grades) else vals
