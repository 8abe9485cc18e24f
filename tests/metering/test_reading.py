"""Readings, gaps and what is known of a register: the closed lists, and the smallest change a register can show."""

import struct
from dataclasses import FrozenInstanceError, replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from metering.reading import MICRO, Column, GapReason, Lane, Quality, Reading, register_step
from tests.metering.store.conftest import info

KWH = Fraction(1, 1000)


@pytest.mark.parametrize(
    ("data_type", "scale", "value", "step"),
    [
        ("float32", Fraction(1), 123_456_750_000, Fraction(1, 128)),  # 123456.75 kWh in kWh: 0.0078125 kWh
        ("float32", KWH, 100_000_000_000, Fraction(8, 1000)),  # 100 MWh in Wh: 8 Wh
        ("float32", Fraction(1), 16_777_216_000_000, Fraction(2)),  # 2^24: the last whole number but one
        ("float32", Fraction(1), 16_777_215_000_000, Fraction(1)),
        ("float32", Fraction(1), 0, Fraction(1, 2**149)),
        ("float64", Fraction(1), 123_456_750_000, Fraction(1, 2**36)),
        ("uint32", Fraction(1, 100), 123_456_750_000, Fraction(1, 100)),
        ("uint32", Fraction(-1, 100), 5, Fraction(1, 100)),  # a meter wired the other way round
        ("decimal", Fraction(10), 5, Fraction(10)),
        ("float32", Fraction(0), 5, Fraction(0)),
    ],
)
def test_the_step_of_a_register(data_type, scale, value, step):
    assert register_step(data_type, scale, value) == step
    assert replace(info(scale=scale), data_type=data_type).step(value) == step


@given(st.floats(width=32, min_value=2**-10, max_value=2**40), st.sampled_from([Fraction(1), KWH, Fraction(1, 3600)]))
@example(131_072.0, Fraction(1, 3600))  # a power of two whose value is rounded to the micro unit just below it
def test_the_step_of_a_float_register_is_the_distance_to_its_neighbour(raw, scale):
    value = round(Fraction(raw) * scale * MICRO)
    step = register_step("float32", scale, value)
    shown = np.float32(float(Fraction(value, MICRO) / scale))
    up, down = (
        Fraction(float(np.spacing(shown))),
        Fraction(float(shown)) - Fraction(float(np.nextafter(shown, np.float32(0)))),
    )
    assert step / scale in {up, down}


@given(st.integers(0, 2**63 - 1))
def test_the_step_of_an_integer_register_is_its_scale_everywhere(value):
    assert register_step("uint64", KWH, value) == KWH


@given(st.integers(1, 2**62), st.integers(1, 2**62))
def test_a_float_register_never_steps_finer_as_it_grows(low, high):
    low, high = min(low, high), max(low, high)
    assert register_step("float32", Fraction(1), low) <= register_step("float32", Fraction(1), high)


def test_golden_words_of_a_float32_register():
    """The next number a float32 can hold after 123456.75 is one step further."""
    words = struct.unpack(">I", struct.pack(">f", 123456.75))[0]
    after = struct.unpack(">f", struct.pack(">I", words + 1))[0]
    assert Fraction(after) - Fraction(123456.75) == register_step("float32", Fraction(1), 123_456_750_000)


def test_the_worst_quality_wins():
    assert max(Quality) is Quality.INVALID
    assert max(Quality.GOOD, Quality.QUESTIONABLE, Quality.SUBSTITUTED) is Quality.QUESTIONABLE
    assert [q.value for q in Quality] == [0, 1, 2, 3]


def test_the_lists_are_closed():
    assert len(GapReason) == 21
    assert [lane.value for lane in Lane] == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="tired"):
        GapReason("tired")


def test_a_reading_is_frozen_and_identified_by_point_quantity_and_time():
    reading = Reading("grid", "active_power", 7, 1.5)
    with pytest.raises(FrozenInstanceError):
        reading.value = 2.0  # type: ignore[misc]
    assert reading == Reading("grid", "active_power", 7, 1.5, Quality.GOOD, None)
    assert Column("grid", "active_power").key == ("grid", "active_power")
    assert info().key == ("grid", "active_energy_import")
