import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from collector.committer import Committer
from collector.forward import LANE, Forwarder, start_forwarding
from collector.influx_sink import read_token
from metering.reading import Poll
from metering.sitefile import load_site
from metering.store.readings import ReadingsWriter
from tests.harness.fakeflux import FakeFlux, Fault
from tests.harness.rig import Rig
from tests.harness.sample import SITE


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    found = Rig(tmp_path)
    yield found
    found.close()


SITE_FILE = """
site: {id: works, timezone: Asia/Shanghai}
forward: {url: URL, org: zcf}
"""


def test_the_thread_delivers_and_stops_and_tells_no_token(rig: Rig, tmp_path: Path, monkeypatch, capfd) -> None:
    secret = tmp_path / "token"
    secret.write_text(f"{FakeFlux.write_token}\n")
    monkeypatch.setenv("ZCF_INFLUX_TOKEN_FILE", str(secret))
    monkeypatch.delenv("ZCF_INFLUX_TOKEN", raising=False)
    path = tmp_path / "site.yaml"
    path.write_text(SITE_FILE.replace("URL", rig.flux.url))
    seen, stop = threading.Event(), threading.Event()
    ranges: list[tuple[str, int, int]] = []

    def acknowledge(sink: str, lane: str, first: int, last: int) -> None:
        ranges.append((lane, first, last))
        seen.set()

    rig.flux.faults.append(Fault(500))
    thread = start_forwarding(load_site(path), rig.reader, acknowledge, stop)
    assert thread is not None
    assert seen.wait(90)
    stop.set()
    thread.join(90)
    assert not thread.is_alive()
    assert ranges == [(LANE, 1, rig.sample.writer.last_seq)]
    assert len(rig.values()) == len(rig.expected())
    assert FakeFlux.write_token not in "".join(capfd.readouterr())


def test_beside_a_committer_at_work_an_outage_leaves_no_trace(rig: Rig) -> None:
    committer = Committer(rig.sample.writer, 0.001)
    committer.start()
    rig.sample.writer = Adding(committer, rig.sample.writer)  # type: ignore[assignment]
    forwarder = Forwarder(SITE, rig.reader, rig.sink, rig.sample.writer.acknowledge, rig.sample.writer.quarantine)
    stop = threading.Event()
    thread = threading.Thread(target=forwarder.run, args=(stop,))
    thread.start()
    rig.sample.add(50)
    rig.flux.stop()
    rig.sample.add(50)
    rig.flux.start()
    rig.sample.add(50)
    committer.call(lambda writer: writer.last_seq).result(30)  # all is durable
    until = time.monotonic() + 90
    while rig.acknowledged() != [(1, len(rig.sample.polls))] and time.monotonic() < until:
        time.sleep(0.02)
    stop.set()
    thread.join(90)
    rig.sample.writer = rig.sample.writer.writer  # type: ignore[attr-defined]
    assert committer.stop(30)
    assert rig.acknowledged() == [(1, len(rig.sample.polls))]
    assert rig.values() == rig.expected()
    assert rig.flux.changed() == []


class Adding:
    """The writer as other threads may use it: through the committer."""

    def __init__(self, committer: Committer, writer: ReadingsWriter) -> None:
        self.committer, self.writer = committer, writer
        self.group = writer.group  # of groups it knows: no write

    def commit(self, polls: Iterable[Poll]) -> None:
        self.committer.add(polls=polls)

    def acknowledge(self, *range_: Any) -> None:
        self.committer.call(lambda writer: writer.acknowledge(*range_))

    def quarantine(self, *rows: Any) -> None:
        self.committer.call(lambda writer: writer.quarantine(*rows))


def test_without_a_forward_section_nothing_starts(rig: Rig, tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text("site: {id: works, timezone: Asia/Shanghai}\n")
    writer = rig.sample.writer
    assert start_forwarding(load_site(path), rig.reader, writer.acknowledge, threading.Event()) is None


def test_a_token_that_cannot_be_sent_is_not_told(rig: Rig) -> None:
    rig.token = "sec\nret"
    with capture_logs() as logs:
        assert rig.forwarder.step() > 0
    assert rig.forwarder.state == "waiting"
    assert "ret" not in json.dumps([entry["reason"] for entry in logs])


def test_the_token_comes_from_the_environment_or_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("from-file\n")
    assert read_token({}) == ""
    assert read_token({"ZCF_INFLUX_TOKEN_FILE": str(secret)}) == "from-file"
    assert read_token({"ZCF_INFLUX_TOKEN_FILE": str(secret), "ZCF_INFLUX_TOKEN": "direct"}) == "direct"


def test_a_token_file_that_is_gone_is_waited_for(rig: Rig, tmp_path: Path) -> None:
    rig.sink._token = lambda: read_token({"ZCF_INFLUX_TOKEN_FILE": str(tmp_path / "gone")})
    assert 0 < rig.forwarder.step() <= 0.5
    assert rig.acknowledged() == []


def test_a_collector_that_does_not_forward_loads_no_client() -> None:
    code = "import sys, collector.forward; print({'influxdb_client', 'numpy', 'urllib3'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
