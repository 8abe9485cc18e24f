"""The judging of answers, byte for byte: nothing but the one right frame ever becomes data."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.protocols import gate
from collector.protocols.gate import ALLOWED, ForbiddenFunctionError, NoAnswerError, Request, Verdict, judge
from metering.reading import GapReason

ASKED = Request(17, 3, 0x6B, 3)
TID = 0x1501
# Modbus Application Protocol V1.1b3, 6.3: registers 108-110 hold 0x022B, 0, 0x0064.
DATA = bytes.fromhex("022b00000064")
FRAME = struct.pack(">HHHB", TID, 0, 9, 17) + b"\x03\x06" + DATA


def test_the_specification_s_own_example() -> None:
    assert judge(ASKED, TID, FRAME) == Verdict(DATA, None, clean=True, frame=FRAME)


@pytest.mark.parametrize("function", sorted(set(range(256)) - ALLOWED))
def test_every_function_that_is_not_a_read_is_refused(function: int) -> None:
    with pytest.raises(ForbiddenFunctionError):
        Request(1, function, 0, 1)


@pytest.mark.parametrize(
    "wrong", [(1, 3, 0, 126), (1, 3, 0, 0), (1, 1, 0, 2001), (256, 3, 0, 1), (1, 3, 65536, 1), (1, 43, 0, 0)]
)
def test_requests_out_of_range_are_refused(wrong: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="out of range"):
        Request(*wrong)


@pytest.mark.parametrize("length", range(len(FRAME)))
def test_a_part_of_the_answer_is_waited_for(length: int) -> None:
    assert judge(ASKED, TID, FRAME[:length]) is None


@given(st.integers(0, 8), st.integers(0, 255))
def test_no_header_byte_may_differ(place: int, byte: int) -> None:
    changed = FRAME[:place] + bytes([byte]) + FRAME[place + 1 :]
    verdict = judge(ASKED, TID, changed)
    if byte == FRAME[place]:
        assert verdict is not None
        assert verdict.data == DATA
    else:
        assert verdict is not None
        assert verdict.data is None
        assert not verdict.clean


@given(st.binary(max_size=300))
def test_whatever_bytes_come_only_the_asked_length_is_data(received: bytes) -> None:
    verdict = judge(ASKED, TID, received)
    assert verdict is None or verdict.data is None or len(verdict.data) == 6


@given(st.binary(max_size=40))
def test_bytes_behind_the_answer_spoil_the_connection_and_unless_they_repeat_it_the_answer(rest: bytes) -> None:
    verdict = judge(ASKED, TID, FRAME + rest)
    assert verdict is not None
    assert verdict.clean == (rest == b"")
    assert (verdict.data == DATA) == (FRAME * 4).startswith(FRAME + rest)


@given(st.binary(min_size=9, max_size=30), st.integers(0, 3), st.integers(0, 30))
def test_copies_of_the_answer_before_are_passed_over_and_nothing_else_is(other: bytes, copies: int, cut: int) -> None:
    before = struct.pack(">HHHB", TID - 1, 0, 9, 17) + b"\x03\x06" + DATA
    verdict = judge(ASKED, TID, before * copies + FRAME, before)
    assert verdict is not None
    assert (verdict.data, verdict.clean) == (DATA, copies == 0)
    assert judge(ASKED, TID, before * copies + before[: cut % len(before)], before) is None
    foreign = judge(ASKED, TID, other + FRAME, before)
    assert foreign is None or foreign.data is None


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 6, 10, 11])
def test_an_exception_is_whole_and_clean(code: int) -> None:
    verdict = judge(ASKED, TID, struct.pack(">HHHBBB", TID, 0, 3, 17, 0x83, code))
    assert verdict is not None
    assert isinstance(verdict.refusal, NoAnswerError)
    assert (verdict.refusal.reason, verdict.refusal.code, verdict.clean) == (GapReason.EXCEPTION, code, True)


@given(st.sampled_from((3, 4)), st.integers(1, 125), st.integers(1, 0xFFFF), st.integers(0, 255), st.data())
def test_an_answer_known_at_a_glance_is_what_looking_at_every_part_gives(
    function: int, count: int, tid: int, unit: int, data: st.DataObject
) -> None:
    request = Request(unit, function, 0, count)
    body = data.draw(st.binary(min_size=2 * count, max_size=2 * count))
    frame = struct.pack(">HHHBBB", tid, 0, 3 + 2 * count, unit, function, 2 * count) + body
    for received in (frame, frame + frame, frame[:-1], data.draw(st.binary(max_size=20)) + frame):
        assert told(judge(request, tid, received)) == told(gate._judge(request, tid, received))


def told(verdict: Verdict | None) -> tuple[object, ...] | None:
    return None if verdict is None else (verdict.data, str(verdict.refusal), verdict.clean, verdict.frame)
