"""The daemon as a process: killed, stopped, refused; what it loads and what it weighs."""

import asyncio
import gzip
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from metering.config import ConfigError
from metering.reading import GapReason, Lane
from metering.store.readings_reader import ReadingsReader
from tests.collector.brokers import Mosquitto, Publisher
from tests.collector.doubles import device
from tests.collector.sites import accounted, due_by_contract, make_site
from tests.conftest import needs_program

ROOT = Path(__file__).resolve().parents[2]
CODE = "import sys; from pathlib import Path; from collector.daemon import run; sys.exit(run(Path(sys.argv[1])))"


class Daemon:
    """A collector in a process of its own, ready when the constructor returns."""

    def __init__(self, site: Path, code: str = CODE) -> None:
        self.log = site.parent / "collect.log"
        with self.log.open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-c", code, str(site)], cwd=ROOT, stdout=subprocess.PIPE, stderr=errors
            )
        assert self.process.stdout is not None
        self.ready = json.loads(self.process.stdout.readline() or b"{}")

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        code = self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@contextmanager
def running(site: Path, code: str = CODE) -> Iterator[Daemon]:
    daemon = Daemon(site, code)
    try:
        yield daemon
    finally:
        if daemon.process.poll() is None:
            daemon.end(signal.SIGKILL)


def make_session(site: Path) -> None:
    """Let the broker know the collector, so that from now on it keeps messages for it."""
    with running(site) as daemon:
        until = time.monotonic() + 60
        while "broker_connected" not in daemon.log.read_text():
            assert time.monotonic() < until, daemon.log.read_text()
            time.sleep(0.05)
        time.sleep(0.5)  # its subscription follows in the same breath
        daemon.end(signal.SIGTERM)


def polls(store: Path) -> int:
    return len(ReadingsReader(store).polls_since(0, 1_000_000))


async def enough(store: Path, more: int) -> None:
    want = polls(store) + more
    async with asyncio.timeout(60):
        while polls(store) < want:
            await asyncio.sleep(0.05)


async def test_stopped_by_sigterm_it_has_committed_all_and_ends_with_zero(tmp_path: Path) -> None:
    async with device() as meter:
        config = make_site(tmp_path, {"a": (1,)}, port_of={"a": meter.port})
        with running(config.path) as daemon:
            assert daemon.ready == {"ready": True}
            await enough(config.store_dir, 8)
            assert daemon.end(signal.SIGTERM) == 0
    reader = ReadingsReader(config.store_dir)
    assert accounted(reader) == due_by_contract(reader)
    assert [epoch.clean for epoch in reader.epochs()] == [True]
    for line in daemon.log.read_text().splitlines():
        assert {"event", "level", "timestamp"} <= json.loads(line).keys()


async def test_p1_told_again_and_again_while_it_stops_it_still_ends_with_zero(tmp_path: Path) -> None:
    async with device() as meter:
        config = make_site(tmp_path, {"a": (1,)}, port_of={"a": meter.port})
        with running(config.path) as daemon:
            await enough(config.store_dir, 4)
            while daemon.process.poll() is None:
                for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                    daemon.process.send_signal(number)
                await asyncio.sleep(0.001)
            assert daemon.end(signal.SIGTERM) == 0
    reader = ReadingsReader(config.store_dir)
    assert accounted(reader) == due_by_contract(reader)
    assert [epoch.clean for epoch in reader.epochs()] == [True]


async def test_killed_it_loses_no_committed_reading_and_the_time_between_is_a_gap(tmp_path: Path) -> None:
    async with device() as meter:
        config = make_site(tmp_path, {"a": (1,)}, port_of={"a": meter.port})
        reader = ReadingsReader(config.store_dir)
        for _ in range(2):
            with running(config.path) as daemon:
                await enough(config.store_dir, 5)
                before = reader.polls_since(0, 1_000_000)
                daemon.end(signal.SIGKILL)
            assert reader.polls_since(0, 1_000_000)[: len(before)] == before
            time.sleep(0.3)
        with running(config.path) as daemon:
            await enough(config.store_dir, 5)
            assert daemon.end(signal.SIGTERM) == 0
    assert [epoch.clean for epoch in reader.epochs()] == [False, False, True]
    assert accounted(reader) == due_by_contract(reader)
    down = [gap for gap in reader.gaps(0, 2**60)[0] if gap.reason is GapReason.COLLECTOR_DOWN_UNCLEAN]
    assert sum(gap.ticks for gap in down) >= 6
    times = [poll.time_ms for poll in reader.polls_since(0, 1_000_000) if poll.group == 1]
    assert times == sorted(set(times))


async def test_c8_stopped_for_a_while_it_makes_no_burst_and_says_so(tmp_path: Path) -> None:
    async with device() as meter:
        config = make_site(tmp_path, {"a": (1,)}, port_of={"a": meter.port})
        reader = ReadingsReader(config.store_dir)
        with running(config.path) as daemon:
            await enough(config.store_dir, 5)
            daemon.process.send_signal(signal.SIGSTOP)
            time.sleep(1.5)
            asked = len(meter.asks)
            daemon.process.send_signal(signal.SIGCONT)
            continued = time.monotonic()
            await asyncio.sleep(0.1)  # the device answers in this loop
            took_s = time.monotonic() - continued
            burst = len(meter.asks) - asked
            await enough(config.store_dir, 5)
            assert daemon.end(signal.SIGTERM) == 0
    assert burst <= 6 + 24 * (took_s - 0.1)  # two groups of one and two requests, not fifteen ticks of them
    late = [gap for gap in reader.gaps(0, 2**60)[0] if gap.reason is GapReason.SCHEDULER_LATE]
    assert sum(gap.ticks for gap in late) >= 10
    assert accounted(reader) == due_by_contract(reader)


async def test_p9_a_second_collector_is_refused_and_told_who_is_first(tmp_path: Path) -> None:
    async with device() as meter:
        config = make_site(tmp_path, {"a": (1,)}, port_of={"a": meter.port})
        with running(config.path) as first:
            second = subprocess.run(
                [sys.executable, "-c", CODE, str(config.path)], cwd=ROOT, capture_output=True, text=True, check=False
            )
            assert second.returncode != 0
            assert f"zcf collect site.yaml (pid {first.process.pid})" in second.stderr
            assert first.end(signal.SIGTERM) == 0


def test_a_bad_site_tells_every_fault_and_does_not_touch_the_store(tmp_path: Path) -> None:
    config = make_site(tmp_path, {"a": (1,)}, port_of={"a": 5020})
    text = config.path.read_text()
    config.path.write_text(
        text.replace("profile: test-meter", "profile: no-such-meter").replace(
            "devices:\n",
            "devices:\n"
            "  - {id: b, profile: test-meter, link: a, unit: 9, every: {powr: 1s}}\n"
            "  - {id: c, profile: shelly-pro-3em-mqtt, link: a, unit: 10}\n",
        ).replace("device: a-1}", "device: b, quantities: [active_power, gas_volume]}")
    )  # fmt: skip
    from collector.daemon import run

    with pytest.raises(ConfigError) as caught:
        run(config.path)
    told = str(caught.value)
    for fault in ("no-such-meter", "'powr'", "speaks mqtt", "'gas_volume'"):
        assert fault in told
    assert all(fault.line > 1 for fault in caught.value.faults)
    assert not config.store_dir.exists()


async def test_k12_a_faulty_site_at_a_restart_leaves_the_backlog_byte_for_byte(tmp_path: Path) -> None:
    async with device() as meter:
        config = make_site(tmp_path, {"a": (1,)}, port_of={"a": meter.port})
        with running(config.path) as daemon:
            await enough(config.store_dir, 5)
            daemon.end(signal.SIGKILL)
    held = {path: path.read_bytes() for path in config.store_dir.rglob("*") if path.is_file()}
    assert any(path.name.endswith("-wal") for path in held)
    config.path.write_text(config.path.read_text().replace("unit: 1", "unit: 999"))
    words = [sys.executable, "-c", CODE, str(config.path)]
    again = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert again.returncode != 0
    assert "devices.0.unit" in again.stderr
    assert {path: path.read_bytes() for path in config.store_dir.rglob("*") if path.is_file()} == held


@pytest.mark.long
async def test_p7_with_a_fifth_of_the_processor_gaps_are_declared_and_no_commit_is_lost(tmp_path: Path) -> None:
    """The twin of a processor quota: it stands still for 80 ms of each 100."""
    async with device() as meter:
        config = make_site(tmp_path, {"a": (1,)}, port_of={"a": meter.port})
        reader = ReadingsReader(config.store_dir)
        with running(config.path) as daemon:
            await enough(config.store_dir, 5)
            for _ in range(60):
                daemon.process.send_signal(signal.SIGSTOP)
                await asyncio.sleep(0.08)
                daemon.process.send_signal(signal.SIGCONT)
                await asyncio.sleep(0.02)
            held = reader.polls_since(0, 10**6)
            await enough(config.store_dir, 5)
            assert daemon.end(signal.SIGTERM) == 0
    assert reader.polls_since(0, 10**6)[: len(held)] == held
    assert accounted(reader) == due_by_contract(reader)
    assert len(reader.epochs()) == 1  # no drift that would have begun another


async def test_p6_what_it_loads_and_weighs(tmp_path: Path) -> None:
    code = CODE.replace(
        "sys.exit(run(",
        "from collector.daemon import loaded_heavy_modules, say_ready;"
        "told = lambda: print(__import__('json').dumps({'heavy': loaded_heavy_modules()}), flush=True);"
        "sys.exit(run(",
    ).replace("[1])))", "[1]), told))")
    async with device() as meter:
        config = make_site(tmp_path, {"a": tuple(range(1, 21))}, port_of={"a": meter.port})
        with running(config.path, code) as daemon:
            await enough(config.store_dir, 60)
            status = Path(f"/proc/{daemon.process.pid}/status").read_text()
            rss = int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
            print(f"RSS {rss / 1024:.0f} MiB")
            assert rss < 150 * 1024
            assert daemon.ready == {"heavy": []}
            assert daemon.end(signal.SIGTERM) == 0


class Sink(BaseHTTPRequestHandler):
    """Takes line protocol and says so with 204, or never answers."""

    lines: ClassVar[list[str]] = []
    silent: ClassVar[threading.Event] = threading.Event()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.silent.is_set():
            time.sleep(3)
        packed = self.headers["Content-Encoding"] == "gzip"
        self.lines.extend((gzip.decompress(body) if packed else body).decode().splitlines())
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


async def test_where_the_site_says_so_it_forwards_and_a_sink_that_hangs_does_not_hold_it(tmp_path: Path) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    async with device() as meter:
        config = make_site(tmp_path, {"a": (1,)}, port_of={"a": meter.port})
        text = config.path.read_text().replace(
            "links:", f"forward: {{url: 'http://127.0.0.1:{server.server_port}'}}\nlinks:", 1
        )
        config.path.write_text(text)
        with running(config.path) as daemon:
            await enough(config.store_dir, 10)
            async with asyncio.timeout(60):
                while len(Sink.lines) < 10:
                    await asyncio.sleep(0.05)
            Sink.silent.set()
            await enough(config.store_dir, 15)
            assert daemon.end(signal.SIGTERM) == 0
    server.shutdown()
    thread.join()
    server.server_close()
    reader = ReadingsReader(config.store_dir)
    assert [epoch.clean for epoch in reader.epochs()] == [True]
    assert all(line.endswith(tuple("0123456789")) for line in Sink.lines)


@needs_program("mosquitto")
@pytest.mark.parametrize("version", [pytest.param("3.1.1", marks=pytest.mark.long), "5"])
def test_b3_killed_between_message_and_commit_nothing_is_lost_and_nothing_twice(tmp_path: Path, version: str) -> None:
    broker = Mosquitto(tmp_path)
    broker.start()
    (tmp_path / "site.yaml").write_text(
        f"""\
site: {{id: works, timezone: Asia/Shanghai}}
store: {{path: store, commit: 100ms}}
links:
  - {{id: broker, type: mqtt, port: {broker.port}, version: "{version}"}}
devices:
  - {{id: meter, profile: zcf-json-meter-mqtt, link: broker, base: works/meter}}
points:
  - {{id: grid, role: grid, device: meter}}
"""
    )
    site, store = tmp_path / "site.yaml", tmp_path / "store"
    make_session(site)
    publisher = Publisher(broker.port)

    def publish() -> None:
        for number in range(1, 601):
            body = {
                "ts": time.time_ns() // 1_000_000,
                "seq": number,
                "power_w": number,
                "import_kwh": number,
                "export_kwh": 0,
            }
            publisher.say("works/meter/meter", json.dumps(body))
            time.sleep(0.005)

    thread = threading.Thread(target=publish)
    thread.start()
    for _ in range(3):
        with running(site) as daemon:
            time.sleep(0.8)
            daemon.end(signal.SIGKILL)
    with running(site) as daemon:
        thread.join()
        for _ in range(1200):
            if polls(store) >= 600:
                break
            time.sleep(0.05)
        assert daemon.end(signal.SIGTERM) == 0
    publisher.close()
    broker.stop()
    ticks = sorted(poll.tick for poll in ReadingsReader(store).polls_since(0, 10_000) if poll.lane is Lane.MESSAGE)
    assert ticks == list(range(1, 601))
    assert [gap for gap in ReadingsReader(store).gaps(0, 2**60)[0] if gap.reason is GapReason.SEQ_HOLE] == []
