"""N6 for the database: a name server that fails, hangs, names a dead address, or another than before."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from collector.influx_sink import InfluxSink
from collector.lookup import Lookup
from metering.sitefile import ForwardSection
from tests.harness.rig import Rig

NAME = "database.works.example"
DEAD = "127.0.0.9"  # nobody listens there
LINE = b"electricity,device=d1 active_power=1.5 1700000000000"


class Resolver:
    """A name server: what it says now, how often it was asked, and what makes it hang."""

    def __init__(self) -> None:
        self.addresses: list[str] | None = ["127.0.0.1"]
        self.asked = 0
        self.hangs, self.goes_on = threading.Event(), threading.Event()
        self._real = socket.getaddrinfo

    def getaddrinfo(self, host: str, port: int, *more: Any, **named: Any) -> list[Any]:
        if host != NAME:
            return self._real(host, port, *more, **named)
        self.asked += 1
        if self.hangs.is_set():
            self.goes_on.wait(120)
        if self.addresses is None:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in self.addresses]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resolver]:
    found = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", found.getaddrinfo)
    yield found
    found.goes_on.set()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    found = Rig(tmp_path)
    yield found
    found.close()


def sink_by_name(rig: Rig, timeout_ms: int = 500) -> InfluxSink:
    port = rig.flux.url.rpartition(":")[2].rstrip("/")
    section = ForwardSection(url=f"http://{NAME}:{port}", org=rig.flux.org)
    return InfluxSink(section, lambda: rig.token, timeout_ms)


def test_n6_a_name_server_that_hangs_costs_a_send_its_time_and_no_more(resolver: Resolver, rig: Rig) -> None:
    resolver.hangs.set()
    sink = sink_by_name(rig)
    for _ in range(2):
        answer = sink.send(LINE)  # returns though the look-up has not
        assert answer.status == 0
        assert f"no name server told who {NAME} is" in answer.detail
    assert resolver.asked == 1  # the one that hangs is waited for, not joined by others
    resolver.goes_on.set()
    resolver.hangs.clear()
    assert any(sink.send(LINE).status == 204 for _ in range(100))
    sink.close()


def test_n6_a_known_database_is_reached_while_no_name_server_answers(resolver: Resolver, rig: Rig) -> None:
    sink = sink_by_name(rig, 20_000)
    assert sink.send(LINE).status == 204
    for addresses, hangs in ((None, False), (["127.0.0.1"], True)):
        sink.close()  # the connection is gone, the address is not
        resolver.addresses = addresses
        if hangs:
            resolver.hangs.set()
        assert sink.send(LINE).status == 204
    sink.close()


def test_n6_a_dead_address_is_followed_by_the_next_and_a_new_one_is_found(resolver: Resolver, rig: Rig) -> None:
    resolver.addresses = [DEAD, "127.0.0.1"]
    sink = sink_by_name(rig, 20_000)
    assert sink.send(LINE).status == 204
    sink.close()
    resolver.addresses = [DEAD]
    assert sink.send(LINE).status == 0
    resolver.addresses = ["127.0.0.1"]
    assert sink.send(LINE).status == 204
    sink.close()


def test_a_name_that_nobody_knows_is_told_in_the_systems_words(resolver: Resolver, rig: Rig) -> None:
    resolver.addresses = None
    answer = sink_by_name(rig, 20_000).send(LINE)
    assert answer.status == 0
    assert "Temporary failure in name resolution" in answer.detail


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "[::1]"])
def test_an_address_needs_no_name_server(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: pytest.fail("asked"))
    assert Lookup(address, 8086).addresses(1) == [address.strip("[]")]
