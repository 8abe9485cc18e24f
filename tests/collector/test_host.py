"""N6: a name server that fails, hangs, names a dead address first, or another than before; the resolver is a stub."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from collector.protocols import host
from collector.protocols.gate import NoAnswerError, Request
from collector.protocols.host import Host
from collector.protocols.line import LineGate
from collector.protocols.modbus import Gate
from collector.protocols.settings import Settings
from metering.reading import GapReason
from tests.collector import doubles
from tests.collector.doubles import device
from tests.harness.ports import free_port

NAME = "meter.works.example"
ASK = Request(1, 3, 10, 2)
DEAD = "127.0.0.9"  # nobody listens there


class Resolver:
    """A name server: what it says now, how often it was asked, and a lock that makes it hang."""

    def __init__(self, addresses: list[str]) -> None:
        self.addresses: list[str] | None = addresses
        self.asked = 0
        self.hangs = threading.Event()
        self.goes_on = threading.Event()

    def getaddrinfo(self, host: str, port: int, **_: Any) -> list[Any]:
        assert host == NAME
        self.asked += 1
        if self.hangs.is_set():
            self.goes_on.wait(30)
        if self.addresses is None:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in self.addresses]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resolver]:
    found = Resolver(["127.0.0.1"])
    monkeypatch.setattr(socket, "getaddrinfo", found.getaddrinfo)
    yield found
    found.goes_on.set()


@pytest.fixture
def black_hole() -> Iterator[int]:
    """A port that takes no connection and refuses none: its queue is full."""
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind((DEAD, free_port()))  # free on the live address too, where a device is to listen
        full.listen(0)
        for one in (first, second):
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        yield int(full.getsockname()[1])


async def asked(gate: Gate | LineGate) -> bytes:
    return await gate.execute(ASK, 5)


async def test_n6_a_dead_address_before_the_live_one_costs_no_reading(resolver: Resolver) -> None:
    resolver.addresses = [DEAD, "127.0.0.1"]
    async with device() as meter:
        gate = Gate(NAME, meter.port)
        assert await asked(gate) == doubles.words(1, 10, 2)
        gate.close()


async def test_n6_an_address_that_swallows_everything_gets_its_share_of_the_time_alone(
    resolver: Resolver, black_hole: int
) -> None:
    resolver.addresses = [DEAD, "127.0.0.1"]
    async with device(port=black_hole) as meter:
        gate = Gate(NAME, meter.port, connect_timeout_s=3)
        assert await asked(gate) == doubles.words(1, 10, 2)
        gate.close()
        assert await gate._host._addresses(3) == ["127.0.0.1", DEAD]  # the one that took it goes first the next time


async def test_n6_where_no_name_server_answers_the_address_of_before_is_used(
    resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with device() as meter:
        gate = Gate(NAME, meter.port)
        await asked(gate)
        gate.close()
        resolver.addresses = None
        assert await asked(gate) == doubles.words(1, 10, 2)
        gate.close()
        resolver.hangs.set()
        monkeypatch.setattr(host, "_PATIENCE_S", 0.2)
        for _ in range(2):
            assert await asked(gate) == doubles.words(1, 10, 2)
            gate.close()
        assert resolver.asked == 3  # the one that hangs is waited for, not joined by others


async def test_n6_a_device_that_has_moved_is_found_where_it_is(resolver: Resolver) -> None:
    resolver.addresses = [DEAD]
    async with device() as meter:
        gate = Gate(NAME, meter.port)
        with pytest.raises(NoAnswerError) as failed:
            await asked(gate)
        assert failed.value.reason is GapReason.CONNECT
        resolver.addresses = ["127.0.0.1"]
        assert await asked(gate) == doubles.words(1, 10, 2)
        gate.close()


async def test_n6_a_name_that_nobody_knows_is_a_gap_with_the_systems_words(resolver: Resolver) -> None:
    resolver.addresses = None
    for gate in (Gate(NAME, 502), LineGate(Settings("", NAME, 502))):
        with pytest.raises(NoAnswerError, match="name resolution") as failed:
            await asked(gate)
        assert failed.value.reason is GapReason.CONNECT


async def test_n6_a_resolver_that_hangs_holds_up_nobody_else(resolver: Resolver) -> None:
    resolver.hangs.set()
    async with device() as meter:
        named, plain = Gate(NAME, meter.port), Gate("127.0.0.1", meter.port)
        waiting = asyncio.create_task(asked(named))
        await until(lambda: resolver.asked == 1)
        assert await asked(plain) == doubles.words(1, 10, 2)
        assert not waiting.done()
        resolver.goes_on.set()
        assert await waiting == doubles.words(1, 10, 2)
        for gate in (named, plain):
            gate.close()


async def test_an_address_needs_no_name_server(resolver: Resolver) -> None:
    async with device() as meter:
        await Host("127.0.0.1", meter.port).connect(asyncio.Protocol, 5)
    assert resolver.asked == 0


HANGING = """
import os, socket, sys, time
from pathlib import Path
from collector.daemon import run
real = socket.getaddrinfo
def getaddrinfo(host, *more, **named):
    if host.endswith(".works.example"):
        os.write(1, b"asked " + host.encode() + b"\\n")  # whole, whatever the other threads print meanwhile
        time.sleep(60)
    return real(host, *more, **named)
socket.getaddrinfo = getaddrinfo
sys.exit(run(Path(sys.argv[1])))
"""
SITE = f"""
site: {{id: works, timezone: Asia/Shanghai}}
store: {{path: store}}
links:
  - {{id: far, type: tcp, host: {NAME}, port: 1502}}
  - {{id: broker, type: mqtt, host: broker.works.example, port: 1883}}
devices:
  - {{id: m1, profile: chint-dtsu666, link: far}}
  - {{id: m2, profile: shelly-pro-3em-mqtt, link: broker, base: m2}}
points: [{{id: grid, role: grid, device: m1}}, {{id: hall, role: load, parent: grid, device: m2}}]
"""


def test_n6_p1_a_stop_does_not_wait_for_a_name_server(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(SITE)
    words = [sys.executable, "-c", HANGING, str(tmp_path / "site.yaml")]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=os.environ)
    assert process.stdout is not None
    said = {process.stdout.readline().strip() for _ in range(3)}
    assert said == {b"asked meter.works.example", b"asked broker.works.example", b'{"ready": true}'}
    process.send_signal(signal.SIGTERM)
    assert process.wait(40) == 0  # the look-up takes a minute
    process.stdout.close()


async def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit
        await asyncio.sleep(0.01)
