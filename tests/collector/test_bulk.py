"""The bulk form of a group gives the very numbers that its columns' own converters give, or declines."""

import struct
from dataclasses import replace
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from collector.fields import Field, Term
from collector.registers import Decoder, Number
from metering.reading import Block

TYPES = ("uint16", "int16", "uint32", "int32", "float32", "uint64", "float64", "bcd32", "low8")
FACTORS = (Fraction(1), Fraction(1, 10), Fraction(-1, 3600), Fraction(25, 2), Fraction(7, 3))


def made(kinds: list[str], turned: bool) -> Decoder:
    fields, address = [], 0
    for index, kind in enumerate(kinds):
        number = Number(address, kind, "CDAB" if turned and index % 3 == 1 else "ABCD")
        counter = index % 4 == 3
        factor = abs(FACTORS[index % len(FACTORS)]) if counter else FACTORS[index % len(FACTORS)]
        offset = Fraction(index % 2 and not counter, 2)
        fields.append(Field(f"q{index}", counter, 3, number, factor, offset))
        address = number.end
    return Decoder(fields, [Block(3, 0, address)])


@given(st.lists(st.sampled_from(TYPES), min_size=2, max_size=12), st.booleans(), st.data())
def test_bulk_and_single_agree(kinds: list[str], turned: bool, data: st.DataObject):
    decoder = made(kinds, turned)
    size = 2 * decoder.blocks[0].count
    words = data.draw(st.binary(min_size=size, max_size=size) | st.just(bytes(size)) | st.just(b"\xff" * size))
    raw = decoder._raw([words])
    singly = tuple(convert(raw) for convert in decoder._converts)
    bulk = decoder._bulk.values(raw) if decoder._bulk else None
    assert bulk is None or [(type(v), v) for v in bulk] == [(type(v), v) for v in singly]
    assert decoder.decode([words]).values == singly


def test_bulk_is_taken_where_nothing_is_special():
    decoder = made(["float32"] * 8, turned=False)
    assert decoder._bulk is not None
    assert decoder._bulk.values([1.5] * 8) is not None
    assert decoder._bulk.values([1.5] * 7 + [float("nan")]) is None
    assert decoder._bulk.values([1.5] * 7 + [float("inf")]) is None


def test_a_sum_behind_plain_gauges_adds_no_column():
    plain = [Field(f"q{i}", False, 3, Number(2 * i, "float32"), Fraction(1)) for i in range(3)]
    fields = [*plain[:2], replace(plain[2], plus=(Term(Number(6, "float32"), Fraction(1)),))]
    decoder = Decoder(fields, [Block(3, 0, 8)])
    assert decoder.decode([struct.pack(">4f", 1, 2, 3, 4)]).values == (1, 2, 7)
