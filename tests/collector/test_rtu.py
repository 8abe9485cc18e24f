"""Frames of a serial line, byte by byte: what is the answer, and what never is."""

from hypothesis import given
from hypothesis import strategies as st

from collector.protocols.gate import Request
from collector.protocols.rtu import crc16, failure, search, without_echo
from metering.reading import GapReason

ASKED = Request(3, 3, 10, 2)
ANSWER = bytes.fromhex("03030400110022") + crc16(bytes.fromhex("03030400110022"))
SENT = bytes.fromhex("0303000a0002") + crc16(bytes.fromhex("0303000a0002"))


def framed(data: str) -> bytes:
    return bytes.fromhex(data) + crc16(bytes.fromhex(data))


def test_the_crc_of_the_specifications_example() -> None:
    # Modbus over serial line V1.02, 6.2.2: 02 07 has the CRC 12 41, sent low byte first
    assert crc16(bytes.fromhex("0207")) == bytes.fromhex("4112")


def test_the_answer_is_found_whole_behind_and_before_noise() -> None:
    for noise, behind in ((b"", b""), (b"\x00", b""), (b"\xff\x00\x03", b""), (b"", b"\x00")):
        verdict = search(ASKED, noise + ANSWER + behind)
        assert verdict is not None
        assert verdict.data == bytes.fromhex("00110022")
        assert verdict.clean is not bool(noise or behind)


def test_a_part_of_it_is_no_answer_yet() -> None:
    assert all(search(ASKED, ANSWER[:size]) is None for size in range(len(ANSWER)))


STRANGE = {
    "another unit": "04030400110022",
    "another function": "03040400110022",
    "one register too few": "0303020011",
    "one register too many": "030306001100220033",
    "an exception of another function": "038402",
}


def test_sound_frames_of_others_are_named_and_never_the_answer() -> None:
    for what, data in STRANGE.items():
        assert search(ASKED, framed(data)) is None, what
        assert failure(ASKED, framed(data)).reason is GapReason.BAD_FRAME, what
        verdict = search(ASKED, framed(data) + ANSWER)
        assert verdict is not None, what
        assert verdict.data == bytes.fromhex("00110022"), what
        assert not verdict.clean


def test_an_exception_is_an_answer_without_data() -> None:
    verdict = search(ASKED, framed("038302"))
    assert verdict is not None
    assert verdict.refusal is not None
    assert (verdict.refusal.reason, verdict.refusal.code) == (GapReason.EXCEPTION, 2)


def test_two_different_answers_are_none_and_the_same_twice_is_one() -> None:
    verdict = search(ASKED, ANSWER + framed("03030400110023"))
    assert verdict is not None
    assert verdict.data is None
    verdict = search(ASKED, ANSWER + ANSWER)
    assert verdict is not None
    assert verdict.data == bytes.fromhex("00110022")
    assert not verdict.clean


def test_after_another_masters_request_to_the_same_unit_nobody_knows_whose_answer_it_is() -> None:
    verdict = search(ASKED, framed("030300640002") + ANSWER)
    assert verdict is not None
    assert verdict.data is None
    verdict = search(ASKED, framed("090300640002") + framed("09030400010002") + ANSWER)
    assert verdict is not None
    assert verdict.data == bytes.fromhex("00110022")


def test_our_own_echo_is_taken_away() -> None:
    assert without_echo(SENT + ANSWER, SENT) == (ANSWER, True)
    assert without_echo(SENT[:5], SENT) == (b"", False)
    assert without_echo(ANSWER, SENT) == (ANSWER, False)


@given(st.integers(0, 8 * len(ANSWER) - 1))
def test_a_single_turned_bit_is_never_a_value(bit: int) -> None:
    bad = bytearray(ANSWER)
    bad[bit // 8] ^= 1 << bit % 8
    assert search(ASKED, bytes(bad)) is None
    assert failure(ASKED, bytes(bad)).reason in {GapReason.CRC, GapReason.BAD_FRAME}


@given(st.binary(max_size=40))
def test_noise_is_never_a_value(noise: bytes) -> None:
    verdict = search(ASKED, noise)
    assert verdict is None or verdict.data is None or ANSWER[:3] in noise


def test_identification_answers_of_a_length_that_the_device_decides() -> None:
    asked = Request(1, 43, 0, 1)
    told = framed("012b0e0101000002" + "0002" + "4142" + "0101" + "43")
    verdict = search(asked, told)
    assert verdict is not None
    assert verdict.data == told[3:-2]
    assert search(asked, told[:-1]) is None
