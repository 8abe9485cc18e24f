"""Killed at every named place: the process dies there, starts again, and all is accounted for once."""

import ast
import asyncio
import json
import os
import signal
import time
from pathlib import Path

import pytest

from metering.failpoint import NAMES
from metering.reading import GapReason, Lane
from metering.store.readings_reader import ReadingsReader
from tests.collector.brokers import Mosquitto, Publisher
from tests.collector.doubles import device
from tests.collector.sites import PROFILE
from tests.collector.test_daemon import ROOT, Daemon, enough, make_session, polls, running
from tests.collector.test_reload import due_by_ledger, ended
from tests.conftest import needs_program
from tests.harness.fakeflux import FakeFlux

EVERYDAY = ("commit-after", "forward-sent")
AT_WORK = (
    "poll-read", "poll-queued", "commit-before", "commit-written", "commit-after", "told", "group-made", "declared",
    "epoch-opened", "epoch-ledger", "forward-sent", "forward-marked", "forward-set-aside", "acknowledge-written",
)  # fmt: skip
ASKED = {"reload-asked": signal.SIGHUP, "reload-wired": signal.SIGHUP, "epoch-gaps": signal.SIGTERM,
         "epoch-closed": signal.SIGTERM, "stop-asked": signal.SIGTERM}  # fmt: skip
STORE = {"thin-written", "thin-done", "reserve-released", "aside-moved", "salvage-half", "migrate-copied",
         "migrate-swapped"}  # fmt: skip  # in tests/metering/store/test_failpoints.py
SITE = """\
site: {{id: works, timezone: Asia/Shanghai}}
store: {{path: store, commit: 20ms}}
forward: {{url: "{url}", org: zcf}}
links:
  - {{id: a, type: tcp, port: {port}}}
devices:
  - {{id: a-1, profile: test-meter, link: a, unit: 1, every: {{power: {every}, energy: 300ms}}}}
points:
  - {{id: grid, role: grid, device: a-1}}
"""


def write(folder: Path, flux: FakeFlux, port: int, every: str = "100ms") -> Path:
    (folder / "profiles").mkdir(exist_ok=True)
    (folder / "profiles" / "test-meter.yaml").write_text(PROFILE.format(timeout_s=0.3, connect_delay_s=0).lstrip())
    (folder / "site.yaml").write_text(SITE.format(url=flux.url, port=port, every=every))
    return folder / "site.yaml"


def killed(site: Path, name: str, number: int, monkeypatch: pytest.MonkeyPatch, ask: signal.Signals | None) -> None:
    """Run until the failpoint kills it; a run in which it did not is no test."""
    monkeypatch.setenv("ZCF_FAILPOINT", f"{name}:{number}")
    daemon = Daemon(site)
    monkeypatch.delenv("ZCF_FAILPOINT")
    if ask is not None:
        assert daemon.ready
        until = time.monotonic() + 90
        while polls(site.parent / "store") < 3 and time.monotonic() < until:
            time.sleep(0.05)
        daemon.process.send_signal(ask)
    assert daemon.process.wait(120) == -signal.SIGKILL
    assert daemon.process.stdout is not None
    daemon.process.stdout.close()


def everyday_or_long(names: tuple[str, ...]) -> list[object]:
    return [pytest.param(name, marks=() if name in EVERYDAY else pytest.mark.long) for name in names]


def test_every_name_is_passed_somewhere_and_every_place_has_a_name() -> None:
    found: list[str] = []
    for room in ("collector", "metering"):
        for file in (ROOT / room).rglob("*.py"):
            calls = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
            found += [ast.literal_eval(call.args[0]) for call in calls if ast.unparse(call.func) == "failpoint"]
    assert sorted(found) == sorted(NAMES)
    assert set(NAMES) == {*AT_WORK, *ASKED, *STORE, "message-taken"}
    assert len(NAMES) >= 25


@pytest.mark.parametrize("name", everyday_or_long((*AT_WORK, *ASKED)))
async def test_p2_killed_there_nothing_is_lost_and_nothing_counted_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("ZCF_INFLUX_TOKEN", FakeFlux.write_token)
    flux = FakeFlux()
    reader = ReadingsReader(tmp_path / "store")
    async with device() as meter:
        site = write(tmp_path, flux, meter.port)
        if name == "forward-set-aside":
            flux.bad_words = ("voltage_l1",)
        ask = ASKED.get(name)
        if ask is signal.SIGHUP:
            await asyncio.to_thread(_changed_then_killed, site, flux, meter.port, name, monkeypatch)
        else:
            number = 1 if name in {"group-made", "declared", "epoch-opened", "epoch-ledger"} or ask else 4
            await asyncio.to_thread(killed, site, name, number, monkeypatch, ask)
        before, flux.bad_words = reader.polls_since(0, 10**6), ()  # in the end all that was not set aside must arrive
        with running(site) as daemon:
            await enough(tmp_path / "store", 6)
            assert reader.polls_since(0, 10**6)[: len(before)] == before
            last = reader.last_seq()
            async with asyncio.timeout(90):
                while not flux.applied or not _all_delivered(reader.delivered(_sink(flux)), last):
                    await asyncio.sleep(0.05)
            assert daemon.end(signal.SIGTERM) == 0
    assert ended(reader) == due_by_ledger(reader)
    assert flux.changed() == []
    keys = [(poll.group, poll.time_ms) for poll in reader.polls_since(0, 10**6)]
    assert len(keys) == len(set(keys))
    flux.stop()


def _all_delivered(ranges: list[tuple[int, int]], last: int) -> bool:
    """From the first reading on without a hole; what came after `last` may still be on its way."""
    return bool(ranges) and ranges[0][0] == 1 and ranges[0][1] >= last


def _sink(flux: FakeFlux) -> str:
    return f"{flux.url} zcf/readings"


def _changed_then_killed(site: Path, flux: FakeFlux, port: int, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZCF_FAILPOINT", f"{name}:1")
    daemon = Daemon(site)
    monkeypatch.delenv("ZCF_FAILPOINT")
    until = time.monotonic() + 90
    while polls(site.parent / "store") < 3 and time.monotonic() < until:
        time.sleep(0.05)
    write(site.parent, flux, port, "200ms")
    daemon.process.send_signal(signal.SIGHUP)
    assert daemon.process.wait(120) == -signal.SIGKILL
    assert daemon.process.stdout is not None
    daemon.process.stdout.close()


@pytest.mark.long
@needs_program("mosquitto")
def test_p2_killed_with_a_message_in_hand_it_comes_again_and_is_one_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = Mosquitto(tmp_path)
    broker.start()
    site = tmp_path / "site.yaml"
    site.write_text(
        f"""\
site: {{id: works, timezone: Asia/Shanghai}}
store: {{path: store, commit: 20ms}}
links:
  - {{id: broker, type: mqtt, port: {broker.port}}}
devices:
  - {{id: meter, profile: zcf-json-meter-mqtt, link: broker, base: works/meter}}
points:
  - {{id: grid, role: grid, device: meter}}
"""
    )
    make_session(site)
    publisher = Publisher(broker.port)
    for number in range(1, 21):
        body = {"ts": time.time_ns() // 10**6, "seq": number, "power_w": number, "import_kwh": number, "export_kwh": 0}
        publisher.say("works/meter/meter", json.dumps(body))
    publisher.close()
    killed(site, "message-taken", 5, monkeypatch, None)
    reader = ReadingsReader(tmp_path / "store")
    with running(site) as daemon:
        until = time.monotonic() + 90
        while polls(tmp_path / "store") < 20 and time.monotonic() < until:
            time.sleep(0.05)
        assert daemon.end(signal.SIGTERM) == 0
    broker.stop()
    ticks = sorted(poll.tick for poll in reader.polls_since(0, 1000) if poll.lane is Lane.MESSAGE)
    assert ticks == list(range(1, 21))
    assert [gap for gap in reader.gaps(0, 2**60)[0] if gap.reason is GapReason.SEQ_HOLE] == []
    assert os.environ.get("ZCF_FAILPOINT") is None
