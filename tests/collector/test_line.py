"""The gate on a serial line (reliability.md F1, R1-R9): a pty paces the characters, the answers are known words."""

import asyncio
import fcntl
import os
import time
from collections.abc import Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from collector.protocols.gate import NoAnswerError, NoLineError, Request
from collector.protocols.line import LineGate
from collector.protocols.settings import Settings
from collector.protocols.wire import LineWire
from metering.reading import GapReason
from tests.collector import doubles
from tests.harness.ptyrelay import Answer, PtyLine, asked_of, flips, frame, meters

BAUD = 57_600
TIMEOUT_S = 0.3
UNIT = 3
# Blocks of equal length: only their content tells them apart, as on the meters where the lie was first met.
BLOCKS = (Request(UNIT, 3, 0, 4), Request(UNIT, 3, 100, 4))


def unit(number: int) -> Callable[[int, int, int], bytes | int]:
    return lambda _function, address, count: doubles.words(number, address, count)


def line(answer: Answer | None = None, link: Path | None = None, **more) -> PtyLine:
    return PtyLine(
        answer or meters({n: unit(n) for n in range(1, 9)}), baud=BAUD, turnaround_s=0.003, link=link, **more
    )


@asynccontextmanager
async def gate(bus: PtyLine):
    one = LineGate(Settings(path=bus.path, baud=BAUD))
    try:
        yield one
    finally:
        one.close()


async def ask(one: LineGate, request: Request, timeout_s: float = TIMEOUT_S) -> GapReason | bool:
    """True for the right words, False for wrong ones, else the reason."""
    try:
        return await one.execute(request, timeout_s) == doubles.words(request.unit, request.address, request.count)
    except NoAnswerError as error:
        return error.reason


async def polls(one: LineGate, times: int) -> list[GapReason | bool]:
    return [await ask(one, BLOCKS[number % 2]) for number in range(times)]


async def until_good(one: LineGate) -> list[GapReason | bool]:
    """Polls until three in a row are right."""
    got: list[GapReason | bool] = []
    async with asyncio.timeout(30):
        while got[-3:] != [True] * 3:
            got.append(await ask(one, BLOCKS[len(got) % 2]))
            await asyncio.sleep(0.05)
    return got


def only(number: int, value: float) -> Callable[[bytes], float]:
    """Delays the numbered request, counted from now."""
    seen = [-1]

    def delay(_request: bytes) -> float:
        seen[0] += 1
        return value if seen[0] == number else 0.0

    return delay


async def test_honest_meters_are_read_over_one_opening() -> None:
    with line() as bus:
        async with gate(bus) as one:
            assert await polls(one, 10) == [True] * 10
            assert await ask(one, Request(5, 4, 7, 100)) is True
            assert one.opened == 1
            assert bus.clashes == 0
            assert one.foreign == 0


@pytest.mark.parametrize("late_s", [0.34, 0.4, 0.6])
async def test_f1_r1_one_late_answer_is_never_the_answer_to_a_later_request(late_s: float) -> None:
    with line() as bus:
        async with gate(bus) as one:
            assert await polls(one, 2) == [True] * 2
            bus.delay = only(0, late_s)
            got = await polls(one, 8)
            assert got[0] is GapReason.TIMEOUT
            assert False not in got
            assert got[-3:] == [True] * 3  # the next one or two may still be in its way
            assert one.late + one.foreign >= 1  # a busy computer may find it when it already waits for the next answer


@pytest.mark.parametrize("waits_s", [0.2, 0.5])
async def test_r2_an_answer_that_came_while_we_waited_for_a_processor_is_an_answer(
    monkeypatch: pytest.MonkeyPatch, waits_s: float
) -> None:
    """The loop stands still in the middle of an answer: that is our lateness, not a pause of the line."""
    real, armed, stood = LineWire._take, list[bool](), list[int]()

    def take(self: LineWire, buffer: bytes) -> int:
        if not armed or stood or not buffer:
            return real(self, buffer)
        stood.append(real(self, buffer[:3]))
        time.sleep(waits_s)
        if buffer[3:]:  # what the system holds is taken by the loop after whoever it woke
            asyncio.get_running_loop().call_soon(real, self, buffer[3:])
        return len(buffer)

    monkeypatch.setattr(LineWire, "_take", take)
    with line() as bus:
        async with gate(bus) as one:
            assert await polls(one, 2) == [True] * 2
            armed.append(True)
            assert await polls(one, 4) == [True] * 4
    assert stood


async def test_r1_a_meter_that_always_answers_late_gives_no_value_and_the_gap_says_why() -> None:
    with line() as bus:
        async with gate(bus) as one:
            bus.delay = lambda _request: 0.5
            assert False not in await polls(one, 6)
            bus.delay = lambda _request: 0.5
            with pytest.raises(NoAnswerError, match=r"last answer took|still no answer|given up"):
                await one.execute(BLOCKS[0], TIMEOUT_S)
            bus.delay = lambda _request: 0.0
            assert False not in await until_good(one)


async def test_r1_without_drain_and_resync_the_same_line_would_lie() -> None:
    """The fault is real: a naive master on the same relay takes the late answer for the next one."""
    with line() as bus:
        fd = os.open(bus.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        bus.delay = only(0, 0.1)
        asked = [b"\0\0\0\4", b"\0\x64\0\4"]
        for body in asked:
            os.write(fd, frame(UNIT, 3, body))
            await asyncio.sleep(0.08)
        got = b""
        async with asyncio.timeout(30):
            while len(got) < 11:
                await asyncio.sleep(0.02)
                with suppress(BlockingIOError):
                    got += os.read(fd, 100)
        os.close(fd)
        assert got[3:11] == doubles.words(UNIT, 0, 4)  # the first answer, while the second question was out


async def test_r2_bit_errors_are_gaps_and_never_values() -> None:
    with line() as bus:
        async with gate(bus) as one:
            bus.garble = flips(seed=7, rate=3e-3)
            got = await polls(one, 60)
            assert False not in got
            assert True in got
            assert set(got) - {True} <= {GapReason.CRC, GapReason.BAD_FRAME, GapReason.TIMEOUT}
            bus.garble = lambda data: data
            assert (await polls(one, 4))[1:] == [True] * 3  # one bad answer costs one tick


MANGLED = {
    "a byte lost": (lambda data: data[:4] + data[5:], GapReason.CRC),
    "a byte more": (lambda data: data[:4] + b"\x55" + data[4:], GapReason.CRC),
    "its end lost": (lambda data: data[:6], GapReason.CRC),
    "another unit": (lambda data: frame(9, 3, data[2:-2]), GapReason.BAD_FRAME),
    "a register too few": (lambda data: frame(UNIT, 3, bytes([6]) + data[3:9]), GapReason.BAD_FRAME),
    "a register too many": (lambda data: frame(UNIT, 3, bytes([10]) + data[3:-2] + b"\0\0"), GapReason.BAD_FRAME),
    "another function": (lambda data: frame(UNIT, 4, data[2:-2]), GapReason.BAD_FRAME),
    "two answers": (lambda data: data + frame(UNIT, 3, data[2:-3] + b"\x77"), None),
}


@pytest.mark.parametrize(("mangle", "reason"), MANGLED.values(), ids=MANGLED.keys())
async def test_r2_d4_a_wrong_frame_costs_one_tick(mangle: Callable[[bytes], bytes], reason: GapReason | None) -> None:
    with line() as bus:
        async with gate(bus) as one:
            assert await ask(one, BLOCKS[0]) is True
            bus.garble = mangle
            got = await ask(one, BLOCKS[1])
            assert got is (reason or got)
            assert got is not False
            bus.garble = lambda data: data
            assert await polls(one, 4) == [True] * 4


async def test_r2_noise_beside_the_frames_costs_nothing() -> None:
    with line() as bus:
        async with gate(bus) as one:
            bus.garble = lambda data: b"\x00\xff" + data + b"\x00"
            assert await polls(one, 4) == [True] * 4
            bus.inject(bytes(range(30)))
            async with asyncio.timeout(20):
                while one._wire is None or len(one._wire.received) < 30:
                    await asyncio.sleep(0.01)
            assert await ask(one, BLOCKS[0]) is True
            assert one.foreign >= 30


async def test_r3_an_adapter_that_hears_itself_is_read_like_any_other() -> None:
    with line() as bus:
        bus.echo = True
        async with gate(bus) as one:
            assert await polls(one, 6) == [True] * 6


async def test_r4_unplugged_and_back_under_another_name(tmp_path: Path) -> None:
    with line(link=tmp_path / "by-id") as bus:
        async with gate(bus) as one:
            assert await ask(one, BLOCKS[0]) is True
            bus.unplug()
            await asyncio.sleep(0.02)
            assert await ask(one, BLOCKS[0]) is GapReason.LINE_DOWN
            with pytest.raises(NoLineError, match="No such file"):
                await one.execute(BLOCKS[0], TIMEOUT_S)
            bus.replug()
            assert await polls(one, 3) == [True] * 3
            assert one.opened == 2


async def test_r5_an_adapter_that_hangs_is_opened_again_and_the_loop_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collector.protocols.line._HUNG_S", 0.3)
    with line() as bus:
        async with gate(bus) as one:
            assert await ask(one, BLOCKS[0]) is True
            bus.hang = True
            beats = 0

            async def beat() -> None:
                nonlocal beats
                while True:
                    await asyncio.sleep(0.01)
                    beats += 1

            heart = asyncio.create_task(beat())
            assert set(await polls(one, 5)) == {GapReason.TIMEOUT}
            heart.cancel()
            assert beats > 20
            assert one.opened >= 2
            bus.hang = False
            assert False not in await until_good(one)


async def test_r7_a_second_masters_traffic_is_ignored_and_counted() -> None:
    with line() as bus:
        async with gate(bus) as one:
            for number in range(4):
                bus.inject(frame(9, 3, b"\0\x0a\0\2") + frame(9, 3, b"\4\0\1\0\2"))
                assert await ask(one, BLOCKS[number % 2]) is not False
            assert await polls(one, 2) == [True] * 2
            assert one.foreign >= 17


async def test_r8_nothing_sound_at_all_names_the_lines_parameters() -> None:
    with line() as bus:
        bus.garble = lambda data: bytes(byte ^ 0x5A for byte in data)
        async with gate(bus) as one:
            with pytest.raises(NoAnswerError, match="baud, parity"):
                await one.execute(BLOCKS[0], TIMEOUT_S)


async def test_r9_the_port_is_ours_alone() -> None:
    with line() as bus:
        async with gate(bus) as one, gate(bus) as other:
            assert await ask(one, BLOCKS[0]) is True
            with pytest.raises(NoLineError, match="lock"):
                await other.execute(BLOCKS[0], TIMEOUT_S)
            assert one._wire is not None
            port = one._wire._client.ctx.transport.sync_serial  # type: ignore[attr-defined]
            exclusive = fcntl.ioctl(port.fileno(), 0x80045440, b"\0" * 4)  # TIOCGEXCL of linux/tty: not in termios
            assert int.from_bytes(exclusive, "little") == 1
            one.close()
            assert await ask(other, BLOCKS[0]) is True


async def test_d5_an_answer_sent_twice_is_not_taken_for_the_next_one() -> None:
    held: list[bytes] = []
    answer = meters({UNIT: unit(UNIT)})

    def twice(request: bytes) -> bytes | None:
        told = answer(request)
        if held:
            return held.pop() + (told or b"")
        return told

    with line(twice) as bus:
        async with gate(bus) as one:
            assert await ask(one, BLOCKS[0]) is True
            held.append(frame(UNIT, 3, bytes([8]) + doubles.words(UNIT, 0, 4)))  # the copy comes into the next
            assert await ask(one, BLOCKS[1]) is not False
            assert await polls(one, 2) == [True] * 2


async def test_d5_a_copy_that_comes_alone_before_the_real_answer_is_found_out() -> None:
    answer = meters({UNIT: unit(UNIT)})
    with line(answer) as bus:
        async with gate(bus) as one:
            assert await ask(one, BLOCKS[0]) is True
            bus.delay = lambda request: 0.05 if asked_of(request)[2] == 100 else 0.0
            asking = asyncio.create_task(ask(one, BLOCKS[1]))
            await asyncio.sleep(0.01)
            bus.inject(frame(UNIT, 3, bytes([8]) + doubles.words(UNIT, 0, 4)))
            assert await asking is True


async def test_equal_blocks_of_zeros_are_read_all_the_same() -> None:
    with line(meters({UNIT: lambda _f, _a, count: bytes(2 * count)})) as bus:
        async with gate(bus) as one:
            assert [await one.execute(BLOCKS[n % 2], TIMEOUT_S) for n in range(4)] == [bytes(8)] * 4


async def test_an_exception_leaves_the_line_as_it_was() -> None:
    def refusing(_function: int, address: int, count: int) -> bytes | int:
        return 2 if address == 100 else doubles.words(UNIT, address, count)

    with line(meters({UNIT: refusing})) as bus:
        async with gate(bus) as one:
            assert await polls(one, 6) == [True, GapReason.EXCEPTION] * 3


async def test_rtu_over_tcp_a_late_answer_is_never_a_value() -> None:
    answer = meters({UNIT: unit(UNIT)})
    ended = asyncio.Event()
    delays = [0.0, 0.0, 0.44, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = 0
        while data := await reader.read(256):
            await asyncio.sleep(delays[number] if number < len(delays) else 0.0)
            number += 1
            writer.write(answer(data) or b"")
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        ended.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    one = LineGate(Settings(host="127.0.0.1", port=port, baud=BAUD))
    got = await polls(one, 10)
    one.close()
    await asyncio.wait_for(ended.wait(), 60)
    server.close()
    assert False not in got
    assert got[2] is GapReason.TIMEOUT
    assert got[-4:] == [True] * 4
