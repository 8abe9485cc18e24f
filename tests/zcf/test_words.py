"""The judge's decoder: numbers worked out by hand, then against the collector's own over every profile."""

import json
import struct
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.fields import wired
from collector.planner import plan
from collector.profile import all_profiles, load_profile
from collector.registers import Decoder
from metering.quantity import Kind, quantity
from metering.reading import Block
from metering.site import MeteringPoint, Role
from zcf.judging.words import Piece, Register, registers, seen_from

PROFILES = [p for p in all_profiles() if p.registers]
NONE: frozenset[int] = frozenset()


def piece(type_: str, *, words: bool = False, data: bool = False, start: int = 0) -> Piece:
    return Piece(start, type_, words, data, NONE)


@pytest.mark.parametrize(
    ("type_", "words", "data", "hexed", "number"),
    [
        ("uint16", False, False, "fffe", 65534),
        ("int16", False, False, "fffe", -2),
        ("uint32", False, False, "00010002", 65538),
        ("uint32", True, False, "00020001", 65538),  # low word first
        ("uint32", False, True, "01000200", 65538),  # low byte first in each word
        ("int32", True, True, "feffffff", -2),
        ("uint64", False, False, "0000000100000000", 2**32),
        ("bcd32", False, False, "12345678", 12345678),
        ("float32", False, False, struct.pack(">f", 0.1).hex(), struct.unpack(">f", struct.pack(">f", 0.1))[0]),
        ("float32", False, False, "7fc00000", None),
        ("bcd32", False, False, "1234567a", None),
    ],
)
def test_a_number_is_read_as_by_hand(type_: str, words: bool, data: bool, hexed: str, number: object):
    assert piece(type_, words=words, data=data).number(bytes.fromhex(hexed)) == number


@pytest.mark.parametrize(
    ("raw", "factor", "micro"),
    [
        (1, Fraction(5, 10**7), 0),  # half of a millionth goes to the even one
        (3, Fraction(5, 10**7), 2),
        (12345, Fraction(1, 100), 123_450_000),
        (2**32 - 2, Fraction(1, 3600), 1_193_046_470_556),
    ],
)
def test_halves_go_to_the_even_one(raw: int, factor: Fraction, micro: int):
    assert Register(piece("uint32"), factor).micro(raw.to_bytes(4)) == micro


def test_a_float_is_its_exact_binary_value():
    (raw,) = struct.unpack(">f", struct.pack(">f", 123456.79))
    assert Register(piece("float32"), Fraction(1)).micro(struct.pack(">f", raw)) == round(Fraction(raw) * 10**6)


def test_a_reversed_meter_counts_the_other_way():
    point = MeteringPoint("p", Role.LOAD, reversed=True)
    assert seen_from(point, "active_energy_import_l1") == "active_energy_export_l1"
    assert seen_from(point, "gas_volume") == "gas_volume"


def test_the_step_of_a_float_register_is_its_ulp():
    register = Register(piece("float32"), Fraction(1))
    assert register.step(123_456 * 10**6) == Fraction(1, 128)
    assert Register(piece("uint32"), Fraction(1, 100)).step(5) == Fraction(1, 100)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda p: p.id)
@pytest.mark.parametrize(("ratio", "reversed_"), [(Fraction(1), False), (Fraction(200, 5), True)])
@settings(max_examples=30, deadline=None)
@given(seed=st.binary(min_size=16, max_size=64))
def test_two_decoders_agree_on_every_profile(profile, ratio: Fraction, reversed_: bool, seed: bytes):
    point = MeteringPoint("p", Role.LOAD, ct_ratio=ratio, reversed=reversed_)
    fields = [wired(field, ratio, reversed=reversed_) for field in profile.fields]
    blocks: tuple[Block, ...] = plan(fields, profile.max_registers, profile.documented)
    words = [(seed * 16)[: 2 * b.count].ljust(2 * b.count, b"\x01") for b in blocks]
    decoded = Decoder(fields, blocks).decode(words).values
    theirs = {f.quantity: v for f, v in zip(fields, decoded, strict=True) if quantity(f.quantity).kind is Kind.COUNTER}
    mine = registers(profile, point, [f.quantity for f in fields], blocks)
    assert {name: one.micro(b"".join(words)) for name, one in mine.items()} == theirs


@pytest.mark.parametrize("profile", PROFILES, ids=lambda p: p.id)
def test_both_know_the_same_modulus(profile):
    point = MeteringPoint("p", Role.LOAD)
    blocks = plan(profile.fields, profile.max_registers, profile.documented)
    mine = registers(profile, point, [f.quantity for f in profile.fields], blocks)
    assert {n: r.modulus for n, r in mine.items()} == {f.quantity: f.modulus for f in profile.fields if f.counter}


def test_the_recording_of_a_meter_reads_as_its_display():
    recording = json.loads((Path(__file__).parent.parent / "captures" / "eastron-sdm630.json").read_text())[0]
    words = b"".join(value.to_bytes(2) for value in recording["values"])
    profile = load_profile("eastron-sdm630")
    blocks = (Block(4, 0, len(words) // 2),)
    mine = registers(profile, MeteringPoint("p", Role.LOAD), ["active_energy_import", "active_energy_export"], blocks)
    assert {n: r.micro(words) for n, r in mine.items()} == {
        "active_energy_import": 123_456_750_000, "active_energy_export": 321_500_000,
    }  # fmt: skip
