"""Words to a supervisor: when it is told that all is well, and when it is not told."""

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector import notify
from collector.committer import Committer
from collector.notify import Pulse, Watchdog, tell, watchdog_s
from metering.reading import Poll
from metering.store.readings import ReadingsWriter, writing
from tests.collector.doubles import device
from tests.collector.sites import make_site
from tests.collector.test_daemon import enough, running


class Supervisor:
    """What systemd is to a service: a datagram socket."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.setblocking(False)
        self.heard: list[str] = []

    def words(self) -> list[str]:
        """All that was heard so far."""
        try:
            while True:
                self.heard.append(self.socket.recv(4096).decode().split("\n")[0])
        except BlockingIOError:
            return self.heard


@pytest.fixture
def supervisor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervisor]:
    found = Supervisor(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    yield found
    found.socket.close()


def test_without_a_supervisor_or_with_one_that_is_gone_nothing_happens(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    tell("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    tell("READY=1")


def test_an_abstract_socket_is_reached(monkeypatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(f"\0zcf-test-{os.getpid()}")
        monkeypatch.setenv("NOTIFY_SOCKET", f"@zcf-test-{os.getpid()}")
        tell("READY=1")
        assert line.recv(100) == b"READY=1"


@pytest.mark.parametrize(
    ("usec", "pid", "seconds"),
    [("30000000", None, 10.0), ("30000000", "self", 10.0), ("30000000", "1", notify.LOOK_S), ("", None, notify.LOOK_S)],
)
def test_it_looks_thrice_in_the_supervisor_s_patience(monkeypatch, usec, pid, seconds) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    if pid is not None:
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()) if pid == "self" else pid)
    assert watchdog_s() == seconds


def test_a_loop_stands_still_when_it_has_work_and_makes_no_turn_for_longer_than_one_takes() -> None:
    turns, busy = [0], [True]
    watchdog = Watchdog(lambda: [Pulse("poll a", turns[0], busy[0], 10.0)], 5.0)
    for now_s, made, at_work, stuck in [
        (0, 0, True, ()), (9, 0, True, ()), (11, 0, True, ("poll a",)),  # a turn may take 10 s
        (12, 1, True, ()), (20, 1, True, ()), (21, 1, False, ()),  # idle: nothing due
        (400, 1, False, ()), (401, 1, True, ()), (412, 1, True, ("poll a",)), (413, 2, True, ()),
    ]:  # fmt: skip
        turns[0], busy[0] = made, at_work
        watchdog.look(now_s)
        assert watchdog.stuck == stuck, now_s


def test_a_watchdog_that_no_longer_looks_is_a_fault_of_the_event_loop() -> None:
    watchdog = Watchdog(list, 1.0)
    watchdog.look(100.0)
    assert watchdog.faults(102.0) == []
    assert watchdog.faults(104.0) == ["event loop"]


async def test_a_blocked_commit_stops_the_pings_and_they_come_back(
    tmp_path: Path, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    monkeypatch.setattr("collector.committer._LONGEST_S", 0.2)
    disk, commit = threading.Event(), ReadingsWriter.commit
    monkeypatch.setattr(ReadingsWriter, "commit", lambda *a, **k: disk.wait(90) and commit(*a, **k))
    with writing(tmp_path / "store", "test") as writer:
        committer = Committer(writer, 0.001)
        committer.start()
        watchdog = asyncio.create_task(Watchdog(lambda: [committer.pulse], 0.02).run())
        async with asyncio.timeout(60):
            while len(supervisor.words()) < 3:  # idle is well
                await asyncio.sleep(0.02)
            committer.add(ledger=((1, 1, 0), 1))  # type: ignore[arg-type]
            quiet = False
            while not quiet:
                before = len(supervisor.words())
                await asyncio.sleep(0.3)
                quiet = len(supervisor.words()) == before
            disk.set()
            while len(supervisor.words()) < before + 3:
                await asyncio.sleep(0.02)
        watchdog.cancel()
        assert committer.stop(60)
    assert set(supervisor.heard) == {"WATCHDOG=1"}


BLOCKED = """
import sys, time, asyncio
from pathlib import Path
from collector import daemon, link
turn, block = link.ModbusLink._turn, Path(sys.argv[1]).parent / "block"
async def blocking(self, due):
    while block.exists():
        time.sleep(0.02)
    await turn(self, due)
link.ModbusLink._turn = blocking
sys.exit(daemon.run(Path(sys.argv[1])))
"""


async def test_p3_a_blocked_event_loop_stops_the_pings(
    tmp_path: Path, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "150000")
    async with device() as meter:
        config = make_site(tmp_path, {"a": (1,)}, port_of={"a": meter.port})
        with running(config.path, BLOCKED) as daemon:
            await enough(config.store_dir, 3)
            async with asyncio.timeout(60):
                while supervisor.words().count("WATCHDOG=1") < 2:
                    await asyncio.sleep(0.02)
            assert "READY=1" in supervisor.words()
            (tmp_path / "block").touch()
            async with asyncio.timeout(60):
                quiet = False
                while not quiet:
                    before = len(supervisor.words())
                    await asyncio.sleep(0.5)
                    quiet = len(supervisor.words()) == before
            (tmp_path / "block").unlink()
            async with asyncio.timeout(60):
                while len(supervisor.words()) < before + 3:
                    await asyncio.sleep(0.02)
            ending = asyncio.create_task(asyncio.to_thread(daemon.end, signal.SIGTERM))
            while not ending.done():  # a supervisor listens: a socket that is full drops words
                supervisor.words()
                await asyncio.sleep(0.02)
            assert ending.result() == 0
    assert supervisor.words()[-1] == "STOPPING=1"


async def test_a_link_whose_task_hangs_stops_the_pings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.collector.test_agent import collecting, until

    hanging = asyncio.Event()
    async with device() as meter:
        config = make_site(tmp_path, {"a": (1,)}, port_of={"a": meter.port})
        async with collecting(config) as collector:
            watchdog = Watchdog(collector.pulses, 1.0)
            [link] = collector._links
            link._longest_s = 0.3

            def looked() -> bool:
                watchdog.look(asyncio.get_running_loop().time())
                return bool(watchdog.stuck)

            assert not looked()
            real = link._gate.execute

            async def execute(request, timeout_s):
                await hanging.wait()
                return await real(request, timeout_s)

            monkeypatch.setattr(link._gate, "execute", execute)
            await until(looked)
            assert watchdog.stuck == ("poll a",)
            hanging.set()
            await until(lambda: not looked())


def test_a_store_that_refuses_is_no_reason_for_a_restart(tmp_path: Path) -> None:
    """A failing try is a turn: a restart would lose what waits in memory and mend no disk."""
    with writing(tmp_path / "store", "test") as writer:
        committer = Committer(writer, 0.001)
        assert not committer.pulse.busy
        committer.add(polls=[Poll(1, 1, 1, 0, 0, (1.0,), b"")])  # type: ignore[arg-type]
        assert committer.pulse.busy
        committer._writing = True
        before = committer.pulse.turns
        committer._turns += 1
        assert committer.pulse.turns > before
