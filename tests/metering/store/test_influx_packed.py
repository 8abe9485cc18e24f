"""InfluxDB's answers in MessagePack: real bytes of a server, rows of any layout, answers that break off."""

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.store.influx_packed import PATIENCE, unpack

# what InfluxDB 2.9 answered at /query with Accept: application/x-msgpack: three readings, and a statement without any
REAL = bytes.fromhex(
    "81a7726573756c74739282ac73746174656d656e745f696400a67365726965739184a46e616d65ab656c656374726963697479a474616773"
    "81a5706f696e74a26c37a7636f6c756d6e7393a474696d65b46163746976655f656e657267795f696d706f7274bc6163746976655f656e65"
    "7267795f696d706f72745f7175616c697479a676616c7565739393d3000001941d720800cb0000000000000000c093d3000001941d7fc3a0"
    "cb400970a3d70a3d71c093d3000001941d8d7f40cb40193d70a3d70a3dc082ac73746174656d656e745f696401a673657269657390"
)
Row = tuple[int, float | None, int | None]
ROW = st.tuples(
    st.integers(0, 2**45),
    st.none() | st.floats(allow_nan=False),
    st.none() | st.sampled_from([0, 1, 2, 3, 200]),
)


def test_what_a_server_sent_becomes_columns_and_the_rest_is_read_as_it_stands():
    first, second = unpack(REAL)["results"]
    [series] = first["series"]
    times, values, grades = series["values"]
    assert series["tags"] == {"point": "l7"}
    assert times.dtype == np.int64
    assert times.tolist() == [1735660800000, 1735661700000, 1735662600000]
    assert values.tolist() == [0.0, 3.18, 6.31]
    assert np.isnan(grades).all()
    assert second == {"statement_id": 1, "series": []}


def packed(value: Any) -> bytes:
    """As the public specification lays it out."""
    match value:
        case None:
            return b"\xc0"
        case float():
            return b"\xcb" + struct.pack(">d", value)
        case int() if value < 0x80:
            return bytes([value])
        case int():
            return b"\xd3" + struct.pack(">q", value)
        case str():
            return bytes([0xA0 + len(value)]) + value.encode()
        case dict():
            return bytes([0x80 + len(value)]) + b"".join(packed(k) + packed(v) for k, v in value.items())
        case list() | tuple():
            head = bytes([0x90 + len(value)]) if len(value) < 16 else b"\xdc" + struct.pack(">H", len(value))
            return head + b"".join(packed(one) for one in value)
    raise AssertionError(value)


@settings(max_examples=60, deadline=None)
@given(st.lists(ROW, max_size=40), st.integers(1, 9))
def test_rows_of_any_layout_come_back_exactly(rows: list[Row], times: int):
    rows = rows * times  # few alike, and many
    columns = unpack(packed({"values": rows}))["values"]
    shown = [[None if isinstance(x, float) and np.isnan(x) else x for x in column.tolist()] for column in columns]
    assert shown == [list(column) for column in zip(*rows, strict=True)]
    if rows:
        assert columns[0].dtype == np.int64


def test_rows_that_change_their_layout_all_the_time_are_read_one_by_one():
    rows = [(2**40 + n, float(n), n % 2 or None) for n in range(10 * PATIENCE)]
    times, values, grades = unpack(packed({"values": rows}))["values"]
    assert times.tolist() == [row[0] for row in rows]
    assert values.tolist() == [row[1] for row in rows]
    assert [None if np.isnan(x) else int(x) for x in grades] == [row[2] for row in rows]


def test_an_answer_that_breaks_off_anywhere_is_refused():
    for end in range(len(REAL)):
        with pytest.raises(ValueError, match=r"breaks off|begin with|holds"):
            unpack(REAL[:end])


@pytest.mark.parametrize("body", [REAL + b"\x00", b"\xc1", b'{"code":"unauthorized"}', b"\x81\xa6values\xc0", b""])
def test_what_is_no_such_answer_is_refused(body: bytes):
    with pytest.raises(ValueError, match=r"follow|holds|begin with|breaks off"):
        unpack(body)
