"""16-bit words <-> numbers: decoders compiled once per poll group, and their inverse for the simulator (pure).

Counters leave here as int64 in 1e-6 of the unit: the exact rational of the raw words, rounded half to even.
Gauges are floats. Sentinels are masked before scaling. `step` is the smallest change a register shows.
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from collector.bulk import bulk
from collector.conversion import complaint, converter
from collector.datatypes import DATA_TYPES, Number, arranged
from collector.encoding import Encode, encoder, exponent_for
from collector.exact import Raw, Value
from collector.fields import Field, Span, wired
from metering.reading import Block, GapReason, register_step

__all__ = ["DATA_TYPES", "Decoded", "Decoder", "Field", "Number", "compile_decoder", "step", "wired"]

step = register_step


class Decoded(NamedTuple):
    """The values of one poll in column order, and why the absent ones are absent."""

    values: tuple[Value, ...]
    invalid: tuple[tuple[int, GapReason], ...]


class Place(NamedTuple):
    """Where one number lies: block, byte offset in it."""

    block: int
    offset: int
    number: Number


class Decoder:
    """The compiled form of one poll group: one struct a block, one function a column and direction."""

    def __init__(self, fields: Sequence[Field], blocks: Sequence[Block]) -> None:
        self.fields, self.blocks = tuple(fields), tuple(blocks)
        places = [list(_places(field, self.blocks)) for field in self.fields]
        self.places = tuple(sorted({place for some in places for place in some}, key=lambda p: p[:2]))
        slot = {place: index for index, place in enumerate(self.places)}
        self._slots = tuple(tuple(slot[place] for place in some) for some in places)
        self._turned = tuple((i, p.number) for i, p in enumerate(self.places) if not p.number.direct)
        self._structs = tuple(_struct(i, block, self.places) for i, block in enumerate(self.blocks))
        direct = len(self._structs) == 1 and not self._turned
        self._alone = self._structs[0] if direct else None  # one request, and every number lies as struct reads it
        both = list(zip(self.fields, self._slots, strict=True))
        self._converts = tuple(converter(field, slots) for field, slots in both)
        self._bulk = bulk(self.fields, self._slots, self._converts)
        nominal = {s[1]: f.nominal for f, s in both if f.exponent}
        self._blank: list[Any] = [nominal.get(i, 0) for i in range(len(self.places))]
        self._absent = tuple(place.number.shown_absent for place in self.places)
        counts = [sum(p.block == i for p in self.places) for i in range(len(self.blocks))]
        self._slices = tuple(slice(sum(counts[:i]), sum(counts[: i + 1])) for i in range(len(counts)))

    @cached_property
    def _encodes(self) -> tuple[Encode, ...]:  # only a simulated device encodes
        each = zip(self.fields, self._slots, self._converts, strict=True)
        return tuple(encoder(field, slots, convert) for field, slots, convert in each)

    @cached_property
    def _exponents(self) -> list[tuple[int, int, Callable[[float], int]]]:
        both = enumerate(zip(self.fields, self._slots, strict=True))
        return [(index, slots[1], exponent_for(field)) for index, (field, slots) in both if field.exponent]

    @property
    def quantities(self) -> tuple[str, ...]:
        """The quantity of each column."""
        return tuple(field.quantity for field in self.fields)

    def decode(self, words: Sequence[bytes]) -> Decoded:
        """The values in one poll's registers, one bytes object a block; struct.error where a length is wrong."""
        raw = self._alone.unpack(words[0]) if self._alone is not None and len(words) == 1 else self._raw(words)
        if self._bulk is not None and (all_good := self._bulk.values(raw)) is not None:
            return Decoded(all_good, ())
        values = tuple([convert(raw) for convert in self._converts])
        if None not in values:
            return Decoded(values, ())
        absent = tuple((i, GapReason.INVALID_VALUE) for i, value in enumerate(values) if value is None)
        return Decoded(values, absent)

    def encode(self, values: Sequence[Value]) -> tuple[bytes, ...]:
        """The registers of a device that shows these values: counters floored, None as the type's sentinel."""
        raw = list(self._blank)
        self._set_exponents(values, raw)
        for slots, encode, value in zip(self._slots, self._encodes, values, strict=True):
            if value is None:
                raw[slots[0]] = None
            else:
                encode(value, raw)
        return self._packed(raw)

    def explain(self, words: Sequence[bytes], column: int) -> str:
        """Why a column of this poll holds no value, for people."""
        raw, field = self._raw(words), self.fields[column]
        reasons = [complaint(n, raw[s]) for n, s in zip(field.numbers, self._slots[column], strict=True)]
        return "; ".join(filter(None, reasons)) or "negative, or too large for its quantity"

    def _raw(self, words: Sequence[bytes]) -> Sequence[Raw]:
        raw: list[Any] = []
        for form, data in zip(self._structs, words, strict=True):
            raw += form.unpack(data)
        for slot, number in self._turned:
            raw[slot] = number.kind.unpack(arranged(raw[slot], number.order))
        return raw

    def _set_exponents(self, values: Sequence[Value], raw: list[Any]) -> None:
        """Each shared exponent: its nominal one, raised until every gauge under it fits; a counter's never moves."""
        for column, slot, needed in self._exponents:
            value = values[column]
            if value is not None:
                raw[slot] = max(raw[slot], needed(value))

    def _packed(self, raw: Sequence[Raw]) -> tuple[bytes, ...]:
        content: list[Any] = [self._absent[i] if r is None else r for i, r in enumerate(raw)]
        for slot, number in self._turned:
            content[slot] = arranged(number.bytes_of(raw[slot]), number.order)
        return tuple(form.pack(*content[part]) for form, part in zip(self._structs, self._slices, strict=True))


@lru_cache(maxsize=1024)
def shared_decoder(fields: tuple[Field, ...], blocks: tuple[Block, ...]) -> Decoder:
    """One decoder for all devices that lie alike: it keeps nothing, and a hundred meters of a model are common."""
    return Decoder(fields, blocks)


def compile_decoder(
    fields: Sequence[Field], blocks: Sequence[Block], *, ct_ratio: Fraction = Fraction(1), reversed: bool = False
) -> Decoder:
    """A decoder of some fields from some blocks, as their metering point sees them."""
    return Decoder([wired(field, ct_ratio, reversed=reversed) for field in fields], blocks)


def _places(field: Field, blocks: Sequence[Block]) -> Iterator[Place]:
    """The places of `field.numbers`, what belongs together from one block."""
    hull, *others = field.spans
    home = _block_of(hull, field, blocks)
    for number in field.together:
        yield Place(home, 2 * (number.address - blocks[home].address), number)
    for span, (number, _) in zip(others, field.plus, strict=True):
        block = _block_of(span, field, blocks)
        yield Place(block, 2 * (number.address - blocks[block].address), number)


def _block_of(span: Span, field: Field, blocks: Sequence[Block]) -> int:
    for index, block in enumerate(blocks):
        inside = block.address <= span.start and span.end <= block.address + block.count
        if block.function == span.function and inside:
            return index
    raise ValueError(f"{field.quantity}: registers {span.start}..{span.end - 1} are in no block")


def _struct(index: int, block: Block, places: Sequence[Place]) -> struct.Struct:
    form, cursor = ">", 0
    for place in places:
        if place.block == index:
            if place.offset < cursor:
                raise ValueError(f"register {place.number.address} is read as two different numbers")
            size = 2 * place.number.kind.words
            form += f"{place.offset - cursor}x" + (place.number.kind.code if place.number.direct else f"{size}s")
            cursor = place.offset + size
    return struct.Struct(form + f"{2 * block.count - cursor}x")
