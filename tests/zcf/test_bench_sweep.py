"""zcf bench plan --sweep: its line answers as a wire would, its least is the least, its figures are those measured."""

import json
import os
import tty

import pytest

from collector.protocols.rtu import crc16
from tests.collector.test_sweep import optimum_s
from zcf.bench import sweep
from zcf.bench.line import answer_to
from zcf.bench.plan import METERS


def framed(body: bytes) -> bytes:
    return body + crc16(body)


REQUEST = framed(bytes([7, 3, 0x20, 0, 0, 4]))


def test_the_least_is_what_trying_every_plan_finds() -> None:
    assert sweep.least_s() == pytest.approx(optimum_s(), abs=0.001)


def test_an_answer_is_a_whole_frame_of_the_unit_asked() -> None:
    answer = answer_to(REQUEST)
    assert answer[:3] == bytes([7, 3, 8])
    assert crc16(answer[:-2]) == answer[-2:]


def test_the_line_takes_as_long_as_a_wire_and_says_what_it_was_asked() -> None:
    line = sweep.Line()
    fd = os.open(line.path, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(fd)
    os.write(fd, REQUEST)
    got = b""
    while len(got) < len(answer_to(REQUEST)):
        got += os.read(fd, 256)
    asked = line.asked()
    os.close(fd)
    assert got == answer_to(REQUEST)
    [(_, request, late)] = asked
    assert request == REQUEST.hex()
    assert late >= 0  # never earlier than the wire


def test_sweeps_are_cut_where_they_begin(capsys: pytest.CaptureFixture[str]) -> None:
    asked = [(10.0 + n, REQUEST.hex(), 0.001) for n in range(5)]
    took, late = sweep._sweeps(asked, 2)
    last_s = (8 + 5 + 8) * 10 / 9600 + 0.02 + 0.001
    assert took == [pytest.approx(1 + last_s)] * 2  # the fifth request is of a sweep that is not over
    assert late == [pytest.approx(0.002)] * 2
    found = {
        "meters": METERS,
        "requests": 2,
        "least_s": 1.0,
        "zcf_s": [1.02, 1.03, 1.02],
        "bare_s": [1.01],
        "late_s": late,
    }
    sweep.show(found, as_json=False)
    said = capsys.readouterr().out
    assert "+2.0 %" in said
    assert "+1.0 %" in said
    sweep.show(found, as_json=True)
    assert json.loads(capsys.readouterr().out) == found
