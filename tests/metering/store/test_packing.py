"""A poll as one packed row: what goes in comes out, absent values stay absent, many rows are one matrix."""

import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.quantity import QUANTITIES, Kind
from metering.reading import Block, Column, PollGroup
from metering.store.packing import ABSENT, Packing, dump_group, load_group
from tests.metering.store.conftest import group

NAMES = sorted(QUANTITIES)
whole = st.integers(ABSENT + 1, 2**63 - 1)
real = st.floats(allow_nan=False)


@st.composite
def polls(draw):
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=12))
    made = group(*((f"p{i}", name) for i, name in enumerate(names)))
    row = st.tuples(*(st.none() | (real if QUANTITIES[name].kind is Kind.GAUGE else whole) for name in names))
    return made, draw(st.lists(row, min_size=1, max_size=8))


def test_golden():
    packed = Packing(group()).pack((123_456_789, -1.5))
    assert packed == struct.pack("<qd", 123_456_789, -1.5)


@given(polls())
def test_what_is_packed_comes_out_again(made):
    packing = Packing(made[0])
    for row in made[1]:
        assert packing.unpack(packing.pack(row)) == row


@given(polls())
def test_a_matrix_holds_the_same_values(made):
    packing = Packing(made[0])
    integers, reals = packing.matrix([packing.pack(row) for row in made[1]])
    for place, is_whole in enumerate(packing.integer):
        for number, row in enumerate(made[1]):
            seen = integers[number, place] if is_whole else reals[number, place]
            if row[place] is None:
                assert seen == ABSENT if is_whole else np.isnan(seen)
            else:
                assert seen == row[place]


def test_an_absent_value_is_none_and_nan_is_absent():
    packing = Packing(group())
    assert packing.unpack(packing.pack((None, None))) == (None, None)
    assert packing.unpack(packing.pack((1, math.nan))) == (1, None)


@pytest.mark.parametrize("values", [(2**63, 0.0), (1,), (1, 2.0, 3.0), (1.5, 0.0)])
def test_what_does_not_fit_is_refused(values):
    with pytest.raises(struct.error):
        Packing(group()).pack(values)


def test_a_group_survives_its_json():
    made = PollGroup(
        "d", "n", (Column("电表", "active_power"),), (Block(3, 0, 2), Block(4, 9, 125)), 1000, quarter=False,
        profile="p", profile_hash="h",
    )  # fmt: skip
    assert load_group(dump_group(made)) == made
    assert dump_group(load_group(dump_group(made))) == dump_group(made)
