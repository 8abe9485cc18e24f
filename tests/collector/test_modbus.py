"""The gate against devices that lie (reliability.md F1, F2, D1-D10): no wrong value, right reasons, good next reads."""

import asyncio
from collections.abc import Callable

import pytest

from collector.protocols.gate import ForbiddenFunctionError, NoAnswerError, Request
from collector.protocols.modbus import Gate
from collector.protocols.pdus import TcpFramer, pdu_of, tcp_frame
from metering.reading import GapReason
from tests.collector import doubles
from tests.collector.doubles import Ask, Manner, at, device, words

TIMEOUT_S = 0.3
LATE_S = 0.44  # after the timeout, while a later request is outstanding
UNIT = 3
# Blocks of equal length: only their content tells them apart, as on the meters where the lie was first met.
BLOCKS = (Request(UNIT, 3, 0, 4), Request(UNIT, 3, 100, 4))


def truth(request: Request) -> bytes:
    return words(request.unit, request.address, request.count)


async def polls(gate: Gate, times: int, timeout_s: float = TIMEOUT_S) -> list[GapReason | bool]:
    """Alternate between the blocks back to back: True for the right words, False for wrong ones, else the reason."""
    outcomes: list[GapReason | bool] = []
    for number in range(times):
        request = BLOCKS[number % 2]
        try:
            outcomes.append(await gate.execute(request, timeout_s) == truth(request))
        except NoAnswerError as error:
            outcomes.append(error.reason)
    return outcomes


async def outcomes_of(manner: Manner, times: int = 8) -> list[GapReason | bool]:
    async with device(manner) as meter:
        gate = Gate("127.0.0.1", meter.port)
        try:
            return await polls(gate, times)
        finally:
            gate.close()


async def test_honest_device_is_read_over_one_connection() -> None:
    async with device() as meter:
        gate = Gate("127.0.0.1", meter.port)
        assert await polls(gate, 20) == [True] * 20
        assert (meter.connections, gate.opened) == (1, 1)
        gate.close()


LATE = {
    "with its own tid": lambda ask: ask.honest,
    "with tid 0": lambda ask: ask.adu(ask.pdu(), tid=0),
    "with a constant tid": lambda ask: ask.adu(ask.pdu(), tid=1),
    "with the tid of the next request": lambda ask: ask.adu(ask.pdu(), tid=ask.tid + 1),
}


@pytest.mark.parametrize("make", LATE.values(), ids=LATE.keys())
async def test_f1_a_late_answer_is_never_the_answer_to_a_later_request(make: Callable[[Ask], bytes]) -> None:
    got = await outcomes_of(at({2, 3}, doubles.late(LATE_S, make)), times=10)
    assert got == [True, True, GapReason.TIMEOUT, GapReason.TIMEOUT] + [True] * 6


async def test_f1_a_gateway_that_sends_a_late_answer_into_the_new_connection_is_found_out() -> None:
    stale: list[bytes] = []

    async def manner(ask: Ask, writer: asyncio.StreamWriter) -> None:
        if ask.number == 1:
            stale.append(ask.honest)
        elif stale:
            writer.write(stale.pop())
        else:
            writer.write(ask.honest)

    got = await outcomes_of(manner)
    assert got == [True, GapReason.TIMEOUT, GapReason.BAD_FRAME] + [True] * 5


@pytest.mark.parametrize("tid", [0, 7])
async def test_d3_an_answer_with_a_foreign_tid_in_time_is_no_answer(tid: int) -> None:
    got = await outcomes_of(at({1, 4}, doubles.says(lambda ask: ask.adu(ask.pdu(), tid=tid))), times=6)
    assert got == [True, GapReason.BAD_FRAME, True, True, GapReason.BAD_FRAME, True]


WRONG = {
    "one register instead of four": lambda ask: ask.adu(ask.pdu(count=1)),
    "more registers than asked": lambda ask: ask.adu(ask.pdu(count=6)),
    "odd byte count": lambda ask: ask.adu(bytes([ask.function, 7]) + bytes(7)),
    "byte count against the length": lambda ask: ask.adu(bytes([ask.function, 6]) + bytes(8)),
    "another function": lambda ask: ask.adu(ask.pdu(function=4)),
    "another unit": lambda ask: ask.adu(ask.pdu(), unit=UNIT + 1),
    "unit 0": lambda ask: ask.adu(ask.pdu(), unit=0),
    "protocol id 1": lambda ask: ask.honest[:2] + b"\0\1" + ask.honest[4:],
    "MBAP length 0": lambda ask: ask.adu(ask.pdu(), length=0),
    "MBAP length 1": lambda ask: ask.adu(ask.pdu(), length=1),
    "MBAP length 0xFFFF": lambda ask: ask.adu(ask.pdu(), length=0xFFFF),
    "MBAP length 255": lambda ask: ask.adu(ask.pdu(), length=255),
    "exception with a long body": lambda ask: ask.adu(bytes([ask.function | 0x80, 2, 0])),
    "exception of another function": lambda ask: ask.adu(bytes([4 | 0x80, 2])),
    "two different answers in one segment": lambda ask: ask.honest + ask.adu(ask.pdu(count=2) + bytes(4)),
    "the request echoed": lambda ask: ask.adu(bytes([ask.function, 0, ask.address, 0, ask.count])),
    "noise": lambda ask: bytes(range(40)),
    "a flood": lambda ask: b"\xaa" * 8_000_000,
}


@pytest.mark.parametrize("make", WRONG.values(), ids=WRONG.keys())
async def test_f2_d4_d6_a_wrong_frame_is_a_gap_and_the_next_read_is_good(make: Callable[[Ask], bytes]) -> None:
    got = await outcomes_of(at({2}, doubles.says(make)), times=6)
    assert got == [True, True, GapReason.BAD_FRAME, True, True, True]


async def test_a_bad_frame_reopens_the_connection_and_says_what_was_wrong() -> None:
    async with device(at({0}, doubles.says(WRONG["one register instead of four"]))) as meter:
        gate = Gate("127.0.0.1", meter.port)
        with pytest.raises(NoAnswerError, match="length 5 instead of 11"):
            await gate.execute(BLOCKS[0], TIMEOUT_S)
        assert await gate.execute(BLOCKS[0], TIMEOUT_S) == truth(BLOCKS[0])
        assert (meter.connections, meter.most_open) == (2, 1)
        gate.close()


async def test_d5_of_two_equal_answers_the_first_counts_and_the_second_never() -> None:
    for twice in (lambda ask: ask.honest * 2, lambda ask: ask.honest + ask.honest[:5]):
        assert await outcomes_of(at({1, 2}, doubles.says(twice))) == [True] * 8


async def test_d5_an_answer_repeated_later_is_not_taken_for_the_next_request() -> None:
    async def manner(ask: Ask, writer: asyncio.StreamWriter) -> None:
        writer.write(ask.honest)
        await asyncio.sleep(0.02)
        writer.write(ask.honest)

    async with device(manner) as meter:
        gate = Gate("127.0.0.1", meter.port)
        got = []
        for number in range(6):
            got += [await gate.execute(BLOCKS[number % 2], TIMEOUT_S) == truth(BLOCKS[number % 2])]
            async with asyncio.timeout(60):
                while gate.is_open:  # until the repetition has come
                    await asyncio.sleep(0.01)
        assert got == [True] * 6
        assert meter.connections == 6  # each unsolicited frame cost the connection
        gate.close()


async def test_d5_an_answer_repeated_while_the_next_request_is_out_costs_no_tick() -> None:
    sent = []

    async def manner(ask: Ask, writer: asyncio.StreamWriter) -> None:
        if sent and ask.number % 2:
            writer.write(sent[-1][:5])
            await asyncio.sleep(0.01)
            writer.write(sent[-1][5:] + sent[-1])
        sent.append(ask.honest)
        writer.write(ask.honest)

    assert await outcomes_of(manner) == [True] * 8


async def test_unsolicited_bytes_while_idle_cost_the_connection() -> None:
    async with device() as meter:
        gate = Gate("127.0.0.1", meter.port)
        assert await polls(gate, 2) == [True, True]
        meter.writers[-1].write(b"\0")
        await asyncio.sleep(0.05)
        assert await polls(gate, 2) == [True, True]
        assert meter.connections == 2
        gate.close()


@pytest.mark.parametrize("size", [1, 3, 8])
async def test_d7_an_answer_in_pieces_is_put_together(size: int) -> None:
    assert await outcomes_of(doubles.in_pieces(size, 0.001), times=4) == [True] * 4


@pytest.mark.parametrize(("keep", "reason"), [(5, GapReason.BAD_FRAME), (12, GapReason.BAD_FRAME)])
async def test_d7_half_a_frame_and_a_hang_up_is_a_gap(keep: int, reason: GapReason) -> None:
    assert await outcomes_of(at({2}, doubles.half_then_close(keep)), times=5) == [True, True, reason, True, True]


async def test_half_a_frame_and_silence_is_a_timeout() -> None:
    got = await outcomes_of(at({2}, doubles.says(lambda ask: ask.honest[:11])), times=5)
    assert got == [True, True, GapReason.TIMEOUT, True, True]


async def test_d10_a_connection_closed_while_idle_is_reopened_unnoticed() -> None:
    async with device() as meter:
        gate = Gate("127.0.0.1", meter.port)
        for _ in range(3):
            assert await polls(gate, 2) == [True, True]
            meter.writers[-1].close()
            await asyncio.sleep(0.02)
        assert meter.connections == 3
        gate.close()


async def test_d10_a_connection_that_breaks_at_the_request_is_asked_once_more() -> None:
    async def manner(ask: Ask, writer: asyncio.StreamWriter) -> None:
        if ask.number in {2, 3}:
            writer.transport.abort()
        else:
            writer.write(ask.honest)

    async with device(manner) as meter:
        gate = Gate("127.0.0.1", meter.port)
        assert await polls(gate, 4) == [True, True, GapReason.LINE_DOWN, True]
        assert len(meter.asks) == 5  # the third was asked twice, on a new connection the second time
        gate.close()


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 6, 0x0A, 0x0B])
async def test_d8_an_exception_is_a_gap_with_its_code_and_keeps_the_connection(code: int) -> None:
    async with device(at({0}, doubles.says(lambda ask: ask.exception(code)))) as meter:
        gate = Gate("127.0.0.1", meter.port)
        with pytest.raises(NoAnswerError) as caught:
            await gate.execute(BLOCKS[0], TIMEOUT_S)
        assert (caught.value.reason, caught.value.code) == (GapReason.EXCEPTION, code)
        assert await gate.execute(BLOCKS[0], TIMEOUT_S) == truth(BLOCKS[0])
        assert meter.connections == 1
        gate.close()


async def test_nobody_listening_is_a_connect_gap_with_the_systems_words() -> None:
    async with device() as meter:
        port = meter.port
    with pytest.raises(NoAnswerError, match=f"127.0.0.1:{port}: ") as caught:
        await Gate("127.0.0.1", port).execute(BLOCKS[0], TIMEOUT_S)
    assert caught.value.reason is GapReason.CONNECT


async def test_a_request_broken_off_leaves_no_connection_behind() -> None:
    async with device(at({0}, doubles.mute)) as meter:
        gate = Gate("127.0.0.1", meter.port)
        task = asyncio.create_task(gate.execute(BLOCKS[0], 10))
        while not meter.asks:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await gate.execute(BLOCKS[1], TIMEOUT_S) == truth(BLOCKS[1])
        assert meter.connections == 2
        gate.close()


async def test_d9_units_that_share_a_link_never_have_two_requests_or_two_connections() -> None:
    async with device(doubles.late(0.01, lambda ask: ask.honest)) as meter:
        gate = Gate("127.0.0.1", meter.port)
        requests = [Request(unit, 4, 10 * unit, 5) for unit in range(1, 9)]
        answers = await asyncio.gather(*(gate.execute(r, 1.0) for r in requests))
        assert answers == [truth(r) for r in requests]
        assert meter.most_open == 1
        gate.close()


async def test_no_write_leaves_even_through_pymodbus_itself() -> None:
    async with device() as meter:
        gate = Gate("127.0.0.1", meter.port)
        assert await polls(gate, 1) == [True]
        before = bytes(meter.raw)
        with pytest.raises(ForbiddenFunctionError):
            await gate._wire._client.write_register(0, 1, device_id=UNIT)
        await asyncio.sleep(0.02)
        assert bytes(meter.raw) == before
        gate.close()


async def test_the_other_reads_pass_the_gate() -> None:
    def answer(ask: Ask) -> bytes:
        if ask.function == 17:
            return ask.adu(b"\x11\x03\x0a\xffZ")
        if ask.function == 43:
            return ask.adu(b"\x2b\x0e\x01\x01\x00\x00\x01\x00\x04Acme")
        return ask.adu(bytes([ask.function, 2, 0xCD, 0x01]))

    async with device(doubles.says(answer)) as meter:
        gate = Gate("127.0.0.1", meter.port)
        assert await gate.execute(Request(1, 1, 20, 9), 1.0) == b"\xcd\x01"
        assert await gate.execute(Request(1, 2, 20, 16), 1.0) == b"\xcd\x01"
        assert await gate.execute(Request(1, 17), 1.0) == b"\x0a\xffZ"
        assert (await gate.execute(Request(1, 43, 0, 1), 1.0)).endswith(b"Acme")
        gate.close()


async def test_a_connect_delay_is_kept_before_the_first_request() -> None:
    async with device() as meter:
        gate = Gate("127.0.0.1", meter.port, connect_delay_s=0.05)
        loop = asyncio.get_running_loop()
        started = loop.time()
        assert await polls(gate, 1) == [True]
        assert loop.time() - started >= 0.05
        gate.close()


def test_a_request_kept_as_bytes_is_what_pymodbus_makes_of_it_under_each_number():
    for number in (1, 0x1234, 0xFFFF):
        for request in (Request(17, 3, 0x6B, 3), Request(1, 4, 0, 125), Request(9, 1, 5, 16), Request(2, 43, 0, 1)):
            assert tcp_frame(request, number) == TcpFramer(len).buildFrame(pdu_of(request, number))
