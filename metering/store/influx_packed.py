"""InfluxDB's answers in MessagePack: the rows of a series become columns, without a Python object per number.

The format is the public specification of MessagePack (github.com/msgpack/msgpack); a row is an array of time, value and
quality, and nearly all rows of a series are laid out alike.
"""

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIME = "application/x-msgpack"
ROWS = "values"  # the key whose arrays become columns
PATIENCE = 64  # so often rows may change their layout before the rest of a series is read one by one
_NUMBERS = {
    0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q", 0xD0: ">b", 0xD1: ">h", 0xD2: ">i",
    0xD3: ">q",
}  # fmt: skip
_LENGTHS = {
    0xD9: ">B", 0xDA: ">H", 0xDB: ">I", 0xC4: ">B", 0xC5: ">H", 0xC6: ">I", 0xDC: ">H", 0xDD: ">I", 0xDE: ">H",
    0xDF: ">I",
}  # fmt: skip
_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}
_FAST = {0xCB: ">f8", 0xD3: ">i8", 0xC0: ""}


def unpack(body: bytes) -> Any:
    """What an answer says; under `values` a list of columns (float64, NaN where there is no value; whole times exact).

    ValueError where it is no whole MessagePack of the kinds that InfluxDB sends.
    """
    try:
        reader = _Reader(body)
        found = reader.anything()
    except (IndexError, struct.error, UnicodeDecodeError) as error:
        raise ValueError(f"the answer breaks off: {error}") from None
    if reader.at != len(body):
        raise ValueError(f"{len(body) - reader.at} bytes follow the answer")
    return found


class _Reader:
    """Walks through the bytes of an answer."""

    def __init__(self, body: bytes) -> None:
        self.body, self.at = body, 0

    def anything(self) -> Any:
        """The next value of whatever kind."""
        code = self._take(1)[0]
        if code <= 0x7F or code >= 0xE0:
            return code if code <= 0x7F else code - 0x100
        if code in _CONSTANTS:
            return _CONSTANTS[code]
        if code in _NUMBERS:
            return self._number(_NUMBERS[code])
        return self._many(code)

    def _many(self, code: int) -> Any:
        kinds: list[tuple[range, set[int], Callable[[int], Any]]] = [
            (range(0x80, 0x90), {0xDE, 0xDF}, self._map),
            (range(0x90, 0xA0), {0xDC, 0xDD}, lambda count: [self.anything() for _ in range(count)]),
            (range(0xA0, 0xC0), {0xD9, 0xDA, 0xDB}, lambda count: self._take(count).decode()),
            (range(0), {0xC4, 0xC5, 0xC6}, self._take),
        ]
        for short, long, made in kinds:
            if code in short:
                return made(code - short.start)
            if code in long:
                return made(self._number(_LENGTHS[code]))
        raise ValueError(f"the answer holds {code:#x}, which InfluxDB does not send")

    def _map(self, count: int) -> dict[str, Any]:
        found = {}
        for _ in range(count):
            name = self.anything()
            found[name] = self._rows() if name == ROWS else self.anything()
        return found

    def _rows(self) -> "list[NDArray[Any]]":
        """An array of rows as columns."""
        import numpy as np  # only column reads need numpy

        code = self._take(1)[0]
        if not (0x90 <= code < 0xA0 or code in {0xDC, 0xDD}):
            raise ValueError(f"rows begin with {code:#x}")
        left = code - 0x90 if code < 0xA0 else self._number(_LENGTHS[code])
        parts: list[list[NDArray[Any]]] = []
        while left:
            alike = self._alike(left) if len(parts) < 2 * PATIENCE else None
            part = alike or self._one_by_one(1 if len(parts) < 2 * PATIENCE else left)
            left -= len(part[0])
            parts.append(part)
        return [np.concatenate(column) for column in zip(*parts, strict=True)]

    def _alike(self, most: int) -> "list[NDArray[Any]] | None":
        """The next rows that are laid out as the first of them; None where that is of no use."""
        import numpy as np

        layout = self._layout()
        if layout is None:
            return None
        names = [(f"c{n}", "u1") for n in range(len(layout))]
        fields = [f for n, name in enumerate(names) for f in (name, (f"v{n}", layout[n][1])) if f[1]]
        dtype = np.dtype([("row", "u1"), *fields])
        most = min(most, (len(self.body) - self.at) // dtype.itemsize)
        rows = np.frombuffer(self.body, dtype, most, self.at)
        same = rows["row"] == 0x90 + len(layout)
        for (name, _), (code, _) in zip(names, layout, strict=True):
            same &= rows[name] == code
        count = int(np.argmin(same)) if not same.all() else most
        self.at += count * dtype.itemsize
        none = np.full(count, np.nan)
        return [rows[f"v{n}"][:count].astype(one[1][1:]) if one[1] else none for n, one in enumerate(layout)]

    def _layout(self) -> list[tuple[int, str]] | None:
        """Of each value of the next row its code and NumPy type; None where one has no fixed length."""
        at, found = self.at + 1, list[tuple[int, str]]()
        for _ in range(self.body[self.at] - 0x90):
            code = self.body[at]
            if code not in _FAST:
                return None
            found.append((code, _FAST[code]))
            at += 9 if _FAST[code] else 1
        return found or None

    def _one_by_one(self, count: int) -> "list[NDArray[Any]]":
        import numpy as np

        columns = zip(*(self.anything() for _ in range(count)), strict=True)
        return [np.array([np.nan if one is None else one for one in column]) for column in columns]

    def _number(self, form: str) -> Any:
        return struct.unpack(form, self._take(struct.calcsize(form)))[0]

    def _take(self, count: int) -> bytes:
        taken = self.body[self.at : self.at + count]
        if len(taken) < count:
            raise IndexError(f"{count} bytes wanted, {len(taken)} left")
        self.at += count
        return taken
