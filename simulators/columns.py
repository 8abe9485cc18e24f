"""Whole columns of values into register bytes at once, for history; the same bytes as Decoder.encode, row by row.

What has no straight line into integers or floats (BCD, scale factors, split counters) goes the slow way.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from collector.conversion import line
from collector.datatypes import arranged
from collector.exact import Line
from collector.fields import Field
from collector.registers import Decoder
from simulators.shapes import Floats, Ints

Bytes = NDArray[np.uint8]
_EXACT = 2.0**29  # times a float32's 24 bits stays below the 53 bits a float64 holds exactly
_SAFE = 2**62
_CODES = {"f": ">f4", "H": ">u2", "h": ">i2", "I": ">u4", "i": ">i4", "Q": ">u8", "q": ">i8"}  # struct -> NumPy


def encode(decoder: Decoder, columns: Sequence[Ints | Floats]) -> list[tuple[bytes, ...]]:
    """The registers of each row, one bytes object a block."""
    simple = [_column(field, values) for field, values in zip(decoder.fields, columns, strict=True)]
    if any(column is None for column in simple):
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return [decoder.encode(row) for row in rows]
    return _laid_out(decoder, [column for column in simple if column is not None], len(columns[0]))


def _laid_out(decoder: Decoder, columns: Sequence[Bytes], count: int) -> list[tuple[bytes, ...]]:
    images = [np.zeros((count, 2 * block.count), dtype=np.uint8) for block in decoder.blocks]
    for field, column in zip(decoder.fields, columns, strict=True):
        for block, image in zip(decoder.blocks, images, strict=True):
            start = 2 * (field.number.address - block.address)
            if block.function == field.function and 0 <= start < image.shape[1]:
                image[:, start : start + column.shape[1]] = column
                break
    rows = [[row.tobytes() for row in image] for image in images]
    return list(zip(*rows, strict=True))


def _column(field: Field, values: Ints | Floats) -> Bytes | None:
    """One field's bytes, a row each; None where the slow way must be taken."""
    kind, along = field.number.kind, line(field)
    if field.fraction or field.exponent or field.plus or kind.code not in _CODES:
        return None
    raw: Ints | NDArray[np.float32] | None
    if field.absolute:
        raw = None
    elif kind.real:
        raw = _real_counter(along, values) if field.counter else _real_gauge(field, along, values)
    else:
        raw = _integer(field, along, values)
    return None if raw is None else _bytes(field, raw)


def _bytes(field: Field, raw: Ints | NDArray[np.float32]) -> Bytes:
    """Big-endian bytes, then in the device's order."""
    kind = field.number.kind
    data = raw.astype(_CODES[kind.code]).view(np.uint8).reshape(len(raw), 2 * kind.words)
    order = arranged(bytes(range(2 * kind.words)), field.number.order)
    return data[:, list(order)]


def _integer(field: Field, along: Line, values: Ints | Floats) -> Ints | None:
    kind, most = field.number.kind, 2**63 - 1
    if not field.counter:
        raw = np.rint((values * float(along.d) - float(along.b)) / float(along.a)).astype(np.int64)
    elif (floored := _floor(along, values.astype(np.int64))) is not None:
        raw = floored
    else:
        return None
    raw = np.clip(raw, max(kind.low, -most), min(kind.high, most))
    absent = [n for n in field.number.absent if isinstance(n, int) and 0 < abs(n) <= most]
    while (hit := np.isin(raw, absent)).any():  # the nearest number towards zero that means something
        raw = np.where(hit, raw - np.sign(raw), raw)
    return raw


def _floor(along: Line, micro: Ints) -> Ints | None:
    """As Line.floor; None where int64 does not hold the products."""
    a, b, d = along
    highest = int(np.abs(micro).max(initial=0))
    if a <= 0 or 4 * (highest + 1) * d + 4 * abs(b) + 2 * abs(a) > _SAFE:
        return None
    raw = (2 * (micro * d - b) + d) // (2 * a)
    return raw - (_half_even(raw * a + b, d) > micro)


def _half_even(numerator: Ints, denominator: int) -> Ints:
    quotient, rest = np.divmod(numerator, denominator)
    doubled = 2 * rest
    rounded: Ints = quotient + ((doubled > denominator) | ((doubled == denominator) & (quotient % 2 == 1)))
    return rounded


def _real_gauge(field: Field, along: Line, values: Floats | Ints) -> NDArray[np.float32]:
    raw = (values * float(along.d) - float(along.b)) / float(along.a)
    return np.clip(raw, field.number.kind.low, field.number.kind.high).astype(np.float32)


def _real_counter(along: Line, micro: Ints | Floats) -> NDArray[np.float32] | None:
    """As DataType.largest: the largest float32 that is shown as no more than the counter."""
    a, b, d = along
    if d != 1 or b != 0 or not 0 < a < _EXACT:
        return None
    near = np.maximum(micro / float(a), 0.0).astype(np.float32)
    up = np.nextafter(near, np.float32(np.inf))
    down = np.where(near > 0, np.nextafter(near, np.float32(0)), near)
    within, above = _shown(near, a) <= micro, (_shown(near, a) < micro) & (_shown(up, a) <= micro)
    return np.where(within, np.where(above, up, near), down).astype(np.float32)


def _shown(raw: NDArray[np.float32], a: int) -> Floats:
    shown: Floats = np.rint(raw.astype(np.float64) * a)
    return shown
