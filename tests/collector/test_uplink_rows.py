"""N2 and N3: an uplink that is narrow, slow and lossy, and one that comes and goes."""

import random
import socket
import threading
import time
from pathlib import Path

import pytest

from collector.forward import Forwarder
from collector.influx_sink import InfluxSink
from metering.sitefile import ForwardSection
from tests.harness.rig import Rig
from tests.harness.sample import SITE

BYTES_A_SECOND, LATENCY_S, LOST = 3_000, 0.2, 0.3  # a quarter of 64 kbit/s, for a test has less to send
CHUNK = 400


class Narrow:
    """A relay before the database: so many bytes a second, a delay, and connections that are lost on the way."""

    def __init__(self, port: int, seed: int) -> None:
        self.port, self._chance = port, random.Random(seed)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.lost = self.passed = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed
                return
            threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def _relay(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self.port)) as server:
            threading.Thread(target=_back, args=(server, client), daemon=True).start()
            time.sleep(LATENCY_S)
            while data := _some(client):
                time.sleep(len(data) / BYTES_A_SECOND)
                if self._chance.random() < LOST / 10:  # three of ten requests of ten pieces
                    self.lost += 1
                    return
                self.passed += len(data)
                server.sendall(data)

    def close(self) -> None:
        self._listener.close()


def _some(one: socket.socket) -> bytes:
    try:
        return one.recv(CHUNK)
    except OSError:
        return b""


def _back(server: socket.socket, client: socket.socket) -> None:
    while data := _some(server):
        try:
            client.sendall(data)
        except OSError:
            return


class Behind(Rig):
    """A rig whose database stands behind such a relay."""

    def made(self) -> Forwarder:
        self.relay = Narrow(int(self.flux.url.rpartition(":")[2]), seed=4)
        section = ForwardSection(url=self.relay.url, org=self.flux.org)
        self.sink = InfluxSink(section, lambda: self.token, 2_000)
        writer = self.sample.writer
        clock = lambda: self.now_s  # noqa: E731 - one clock for both
        return Forwarder(SITE, self.reader, self.sink, writer.acknowledge, writer.quarantine, clock, clock)


@pytest.mark.long
def test_n2_through_a_narrow_lossy_uplink_everything_arrives_in_batches_that_get_through(tmp_path: Path) -> None:
    """The twin of nft, tbf and netem, which this needs no privilege for; polling has a thread of its own (C8, T10)."""
    rig = Behind(tmp_path, polls=600)
    sizes = {rig.forwarder._courier.batch}
    for _ in range(400):
        if not rig.forwarder.pending():
            break
        rig.step()
        sizes.add(rig.forwarder._courier.batch)
    assert rig.values() == rig.expected()
    assert rig.flux.changed() == []
    assert rig.quarantine() == []
    assert rig.relay.lost > 0
    assert min(sizes) < max(sizes)  # what did not get through in time was sent in smaller pieces
    rig.relay.close()
    rig.close()


def test_n3_an_uplink_that_flaps_sees_no_storm_and_the_backlog_shrinks(tmp_path: Path) -> None:
    rig = Rig(tmp_path, polls=600)
    before, waits = rig.forwarder.pending(), list[float]()
    for _ in range(6):
        rig.flux.stop()
        rig.sample.add(20)
        waits += [rig.step() for _ in range(3)]
        rig.flux.start()
        ahead = rig.forwarder.pending()
        until = rig.now_s + 60
        while rig.forwarder.pending() == ahead and rig.now_s < until:  # one back-off later it is there again
            rig.step()
        assert rig.forwarder.pending() < ahead
    assert all(0.1 < wait_s <= 33 for wait_s in waits), waits  # never at once again, never more than half a minute
    assert rig.forwarder.pending() < before
    rig.drain()
    assert rig.values() == rig.expected()
    assert rig.flux.changed() == []
    rig.close()
