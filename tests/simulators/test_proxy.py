"""What the proxy does to bytes, and that its log holds just what left it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from simulators.faults import Fault
from simulators.proxy import Proxy
from simulators.truth import TruthLog, read_lines

FOREVER = 2**53
REQUEST = bytes.fromhex("0007 0000 0006 05 03 1000 0002")
ANSWER = bytes.fromhex("0007 0000 0007 05 03 04 11112222")

Opened = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Open = Callable[..., Awaitable[Opened]]


async def device(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A device that always answers the same two registers, with the transaction it was asked under."""
    try:
        while True:
            request = await reader.readexactly(12)
            writer.write(request[:2] + ANSWER[2:])
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


@pytest.fixture
async def through(tmp_path: Path) -> AsyncIterator[Open]:
    upstream = await asyncio.start_server(device, "127.0.0.1", 0)
    log = TruthLog(tmp_path / "truth.jsonl")
    made: list[Proxy] = []
    opened: list[asyncio.StreamWriter] = []

    async def connect(*faults: Fault) -> Opened:
        if faults or not made:
            port = upstream.sockets[0].getsockname()[1]
            made.append(Proxy("link", port, {5: "meter"}, log, faults, 0, lambda: 1000))
            made[-1].port = await made[-1].listen("127.0.0.1", 0)  # type: ignore[attr-defined]
        reader, writer = await asyncio.open_connection("127.0.0.1", made[-1].port)  # type: ignore[attr-defined]
        opened.append(writer)
        return reader, writer

    yield connect
    for writer in opened:
        writer.close()
    for proxy in made:
        await proxy.close()
    upstream.close()
    log.close()


async def heard(reader: asyncio.StreamReader, size: int) -> bytes:
    return await asyncio.wait_for(reader.readexactly(size), 30)


async def test_a_good_answer_passes_unchanged_and_is_logged(through: Open, tmp_path: Path) -> None:
    reader, writer = await through()
    writer.write(REQUEST)
    assert await heard(reader, 13) == ANSWER
    assert list(read_lines(tmp_path / "truth.jsonl")) == [
        {"t": 1000, "device": "meter", "unit": 5, "fc": 3, "addr": 4096, "count": 2, "words": "11112222", "fault": None}
    ]


@pytest.mark.parametrize(
    ("kind", "arrives", "words"),
    [
        ("short", "0007 0000 0005 05 03 02 1111", "1111"),
        ("wrong_unit", "0007 0000 0007 06 03 04 11112222", "11112222"),
        ("wrong_transaction", "4007 0000 0007 05 03 04 11112222", "11112222"),
        ("exception", "0007 0000 0003 05 83 04", ""),
        ("duplicate", "0007 0000 0007 05 03 04 11112222" * 2, "11112222"),
    ],
)
async def test_a_spoilt_answer(through: Open, tmp_path: Path, kind: str, arrives: str, words: str) -> None:
    reader, writer = await through(Fault("meter", kind, 0, FOREVER))  # type: ignore[arg-type]
    writer.write(REQUEST)
    expected = bytes.fromhex(arrives)
    assert await heard(reader, len(expected)) == expected
    lines = list(read_lines(tmp_path / "truth.jsonl"))
    assert [(line["words"], line["fault"]) for line in lines] == [(words, kind)] * (2 if kind == "duplicate" else 1)
    assert [line.get("exception") for line in lines][:1] == [4 if kind == "exception" else None]


async def test_a_late_answer_comes_after_the_next_one(through: Open, tmp_path: Path) -> None:
    reader, writer = await through(Fault("meter", "late", 0, FOREVER, every=2, delay_ms=400))
    for transaction in (b"\0\1", b"\0\2", b"\0\3"):
        writer.write(transaction + REQUEST[2:])
    order = [(await heard(reader, 13))[:2] for _ in range(3)]
    assert order == [b"\0\1", b"\0\3", b"\0\2"]
    assert [line["fault"] for line in read_lines(tmp_path / "truth.jsonl")] == [None, None, "late"]


async def test_a_late_answer_to_a_closed_connection_says_it_is_gone(through: Open, tmp_path: Path) -> None:
    _, writer = await through(Fault("meter", "late", 0, FOREVER, delay_ms=100))
    writer.write(REQUEST)
    await asyncio.sleep(0.03)
    writer.close()
    async with asyncio.timeout(30):
        while not (lines := list(read_lines(tmp_path / "truth.jsonl"))):
            await asyncio.sleep(0.02)
    assert [(line["fault"], line["gone"]) for line in lines] == [("late", True)]


async def test_a_lost_answer_leaves_a_line_and_nothing_else(through: Open, tmp_path: Path) -> None:
    reader, writer = await through(Fault("meter", "lost", 0, FOREVER, every=2))
    writer.write(REQUEST + b"\0\x08" + REQUEST[2:] + b"\0\x09" + REQUEST[2:])
    assert [(await heard(reader, 13))[1] for _ in range(2)] == [7, 9]
    assert [(line["fault"], line["words"]) for line in read_lines(tmp_path / "truth.jsonl")][1] == ("lost", "")


async def test_an_answer_cut_in_half_ends_the_connection(through: Open) -> None:
    reader, writer = await through(Fault("meter", "cut", 0, FOREVER))
    writer.write(REQUEST)
    assert await asyncio.wait_for(reader.read(), 30) == ANSWER[:6]


async def test_a_link_that_is_down_takes_no_one(through: Open) -> None:
    reader, writer = await through(Fault("link", "down", 0, FOREVER))
    writer.write(REQUEST)
    with contextlib.suppress(ConnectionResetError):
        assert await asyncio.wait_for(reader.read(), 30) == b""


async def test_faults_of_others_do_not_touch_a_device(through: Open) -> None:
    reader, writer = await through(Fault("other", "lost", 0, FOREVER), Fault("meter", "lost", 5000, FOREVER))
    writer.write(REQUEST)
    assert await heard(reader, 13) == ANSWER
