"""Whole columns become the very bytes that the product's encoder makes row by row."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.fields import wired
from collector.profile import DeviceProfile, all_profiles
from collector.registers import Decoder
from simulators.columns import encode
from simulators.device import regions

PROFILES = [p for p in all_profiles() if p.protocol == "modbus"]


def columns(decoder: Decoder, micro: list[int], gauges: list[float]) -> list[np.ndarray]:
    return [np.array(micro if f.counter else gauges) for f in decoder.fields]


@pytest.mark.parametrize("profile", PROFILES, ids=lambda p: p.id)
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_the_same_bytes_as_row_by_row(profile: DeviceProfile, data: st.DataObject) -> None:
    decoder = Decoder([wired(f, 20 if f.secondary else 1) for f in profile.fields], tuple(regions(profile)))
    size = data.draw(st.integers(1, 6))
    micro = data.draw(st.lists(st.integers(0, 2**45), min_size=size, max_size=size))
    gauges = data.draw(st.lists(st.floats(-70_000, 70_000, width=32), min_size=size, max_size=size))
    made = columns(decoder, micro, gauges)
    assert encode(decoder, made) == [decoder.encode(row) for row in zip(*(c.tolist() for c in made), strict=True)]
