"""Devices that answer with a constant transaction id (reliability.md F1, D3): readable, and never a wrong value."""

import asyncio
from collections.abc import Callable

import pytest

from collector.protocols.gate import NoAnswerError, Request
from collector.protocols.modbus import Gate
from collector.protocols.numberless import NumberlessGate
from metering.reading import GapReason
from tests.collector import doubles
from tests.collector.doubles import Ask, Manner, device, words

TIMEOUT_S = 0.3
BLOCKS = (Request(3, 3, 0, 4), Request(3, 3, 100, 4))


def constant(ask: Ask) -> bytes:
    return ask.adu(ask.pdu(), tid=0)


async def outcomes_of(manner: Manner, times: int) -> list[GapReason | bool]:
    outcomes: list[GapReason | bool] = []
    async with device(manner) as meter:
        gate = NumberlessGate(Gate("127.0.0.1", meter.port, numbered=False))
        for number in range(times):
            request = BLOCKS[number % 2]
            try:
                got = await gate.execute(request, TIMEOUT_S)
                outcomes.append(got == words(request.unit, request.address, request.count))
            except NoAnswerError as error:
                outcomes.append(error.reason)
        gate.close()
    return outcomes


async def test_a_device_with_a_constant_tid_is_read() -> None:
    assert await outcomes_of(doubles.says(constant), 10) == [True] * 10


@pytest.mark.parametrize("late_s", [0.34, 0.5, 0.8])
async def test_f1_d3_late_answers_are_never_values(late_s: float) -> None:
    async def manner(ask: Ask, writer: asyncio.StreamWriter) -> None:
        if ask.number == 2:
            await asyncio.sleep(late_s)
        writer.write(constant(ask))

    got = await outcomes_of(manner, 8)
    assert got[2] is GapReason.TIMEOUT
    assert False not in got
    assert got[-3:] == [True] * 3


async def test_a_gateway_that_sends_the_late_answer_into_the_new_connection_is_found_out() -> None:
    stale: list[bytes] = []

    async def manner(ask: Ask, writer: asyncio.StreamWriter) -> None:
        if ask.number == 2:
            stale.append(constant(ask))
            return
        writer.write((stale.pop() if stale else b"") + constant(ask))

    got = await outcomes_of(manner, 10)
    assert False not in got
    assert got[-4:] == [True] * 4


async def test_the_last_answer_sent_again_is_asked_for_again() -> None:
    before: list[bytes] = []

    async def manner(ask: Ask, writer: asyncio.StreamWriter) -> None:
        told = before[-1] if ask.number == 3 else constant(ask)
        before.append(constant(ask))
        writer.write(told)

    got = await outcomes_of(manner, 8)
    assert got == [True] * 8


def short(ask: Ask) -> bytes:
    return ask.adu(ask.pdu(count=1), tid=0)


def foreign(ask: Ask) -> bytes:
    return ask.adu(ask.pdu(), tid=0, unit=9)


@pytest.mark.parametrize("lie", [short, foreign])
async def test_wrong_frames_are_gaps(lie: Callable[[Ask], bytes]) -> None:
    got = await outcomes_of(doubles.says(lambda ask: lie(ask) if ask.number == 2 else constant(ask)), 8)
    assert got[2] is GapReason.BAD_FRAME
    assert False not in got
    assert got[-3:] == [True] * 3
