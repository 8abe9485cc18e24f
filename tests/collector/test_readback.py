"""T8 and T9: what a sink acknowledged and does not hold is found by reading back, and sent again or set aside."""

import json
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from collector.courier import Courier
from collector.readback import HOUR_MS, NOT_THERE, Readback
from collector.reconciler import READ_TOKEN, Reconciler
from metering.reading import MICRO
from metering.store.influxdb import InfluxSource
from metering.store.outbox import Delivered, Outbox
from metering.store.summary import Summaries
from tests.harness.fakeflux import FakeFlux, Fault
from tests.harness.influx1 import influx1
from tests.harness.rig import Rig
from tests.harness.sample import GROUPS, SITE, START_MS
from zcf.__main__ import app


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    found = Rig(tmp_path)
    found.drain()
    yield found
    found.close()


def readback(rig: Rig) -> Readback:
    remote = InfluxSource(rig.flux.url, "readings", SITE.id, FakeFlux.read_token)
    courier = Courier(rig.sink, lambda: int(rig.now_s * 1000))
    outbox, writer = Outbox(rig.sample.store, rig.sink.name), rig.sample.writer
    return Readback(SITE, rig.reader, outbox, remote, courier, lambda bad: writer.quarantine(rig.sink.name, bad))


def span(rig: Rig) -> tuple[int, int]:
    return START_MS, rig.sample.now_ms + HOUR_MS


def test_what_is_all_there_is_left_alone(rig: Rig) -> None:
    before = len(rig.flux.writes)
    assert readback(rig).check(*span(rig)) == []
    assert len(rig.flux.writes) == before


def test_t8_acknowledged_and_not_stored_is_sent_again(rig: Rig) -> None:
    rig.sample.add(40, whole=True)
    lost = {poll.time_ms for poll in rig.sample.polls[-30:-10]}
    rig.flux.lies = lambda point: point.time in lost
    rig.drain()
    assert {time_ms for _, time_ms in rig.expected().keys() - rig.values().keys()} == lost
    rig.flux.lies = None
    found = readback(rig).check(*span(rig))
    assert rig.values() == rig.expected()
    assert sum(one.resent for one in found) == 20
    assert sum(one.set_aside for one in found) == 0
    assert rig.quarantine() == []
    assert readback(rig).check(*span(rig)) == []


def test_t8_what_is_not_there_even_then_is_set_aside_with_its_line(rig: Rig) -> None:
    poll = next(p for p in rig.sample.polls if p.group == 1 and all(v is not None for v in p.values))
    rig.flux.buckets["readings"].clear()
    rig.flux.lies = lambda point: point.time == poll.time_ms
    found = readback(rig).check(*span(rig))
    assert sum(one.set_aside for one in found) == 1
    [(seq, line, why)] = rig.quarantine()
    assert (seq, why) == (rig.sample.polls.index(poll) + 1, NOT_THERE)
    assert line.endswith(str(poll.time_ms))
    before = len(rig.flux.writes)
    assert readback(rig).check(*span(rig)) == []  # known by now: not tried for ever
    assert len(rig.flux.writes) == before


def test_t8_another_value_under_the_same_time_is_put_right(rig: Rig) -> None:
    series, fields = next((s, f) for s, f in rig.flux.buckets["readings"].items() if "active_power" in f)
    time_ns = max(fields["active_power"])
    fields["active_power"][time_ns] = 1e9
    found = readback(rig).check(*span(rig))
    assert [one.missing for one in found] == [1]
    assert rig.values() == rig.expected()
    assert series


def test_t9_a_database_restored_from_an_older_backup_gets_back_what_it_forgot(tmp_path: Path) -> None:
    rig = Rig(tmp_path, polls=0)
    for _ in range(6):
        rig.drain()
        rig.sample.now_ms += HOUR_MS
        rig.sample.add(40)
    rig.drain()
    known = readback(rig)
    assert known.check(*span(rig)) == []
    rig.flux.roll_back(4)
    assert rig.values() != rig.expected()
    assert known.check(*span(rig)) != []
    assert rig.values() == rig.expected()
    assert rig.flux.changed() == []
    rig.close()


class Brisk(random.Random):
    """A poll every millisecond, so that many lie in one minute."""

    def choice(self, seq: Any) -> Any:
        return 1 if seq == (1, 7, 1000, 15_000) else super().choice(seq)


class Busy(InfluxSource):
    """A sink into which the forwarder delivers while it is looked at: as many lines as it lost are new by then."""

    def __init__(self, rig: Rig, lost: int, acknowledged: bool) -> None:
        super().__init__(rig.flux.url, "readings", SITE.id, FakeFlux.read_token)
        self.rig, self.lost, self.acknowledged = rig, lost, acknowledged

    def summaries(self, start_ms: int, end_ms: int, step_ms: int) -> Summaries:
        if step_ms < HOUR_MS and self.lost:
            self.rig.sample.add(self.lost, whole=True)
            self.lost = 0
            if not self.acknowledged:  # sent, and not marked yet
                self.rig.forwarder._acknowledge = lambda *_: None
            self.rig.step()
        return super().summaries(start_ms, end_ms, step_ms)


@pytest.mark.parametrize("acknowledged", [True, False])
def test_t9_what_is_delivered_while_it_looks_does_not_stand_for_what_was_lost(
    tmp_path: Path, acknowledged: bool
) -> None:
    rig = Rig(tmp_path, polls=0)
    rig.sample.random = Brisk(5)
    rig.drain()
    for _ in range(3):
        rig.sample.add(20, whole=True)
        rig.drain()
    rig.flux.roll_back(1)
    lost = rig.expected().keys() - rig.values().keys()
    assert lost
    known = readback(rig)
    known._remote = Busy(rig, 20, acknowledged)
    found = known.check(*span(rig))
    assert sum(one.missing for one in found) >= len(lost)
    assert rig.values() == rig.expected()
    rig.close()


def test_what_was_never_acknowledged_is_not_missing(rig: Rig) -> None:
    rig.sample.add(30)
    before = len(rig.flux.writes)
    assert readback(rig).check(*span(rig)) == []
    assert len(rig.flux.writes) == before
    rig.drain()
    assert readback(rig).check(*span(rig)) == []


def test_late_readings_of_an_hour_already_looked_at_are_looked_at_too(rig: Rig) -> None:
    known = readback(rig)
    assert known.check(*span(rig)) == []
    rig.sample.now_ms = START_MS + 1
    rig.sample.add(len(GROUPS), whole=True)
    rig.flux.lies = lambda point: True
    rig.drain()
    rig.flux.lies = None
    assert sum(one.missing for one in known.check(START_MS, START_MS + HOUR_MS)) > 0
    assert rig.values() == rig.expected()


def test_looking_alone_sends_nothing(rig: Rig) -> None:
    rig.flux.buckets["readings"].clear()
    before = len(rig.flux.writes)
    found = readback(rig).check(*span(rig), mend=False)
    assert sum(one.missing for one in found) == len(rig.expected())
    assert len(rig.flux.writes) == before


def test_a_counter_too_large_for_a_double_is_not_missing(rig: Rig) -> None:
    rig.sample.largest = 2**62
    rig.sample.add(200, whole=True)
    rig.drain()
    assert any(isinstance(v, int) and v > 2**53 * MICRO // MICRO for p in rig.sample.polls[-200:] for v in p.values)
    assert readback(rig).check(*span(rig)) == []


def test_the_thread_waits_for_a_sink_that_is_away_and_tells_once(rig: Rig) -> None:
    stop = threading.Event()
    thread = Reconciler(readback(rig), rig.sink, stop, lambda: rig.sample.now_ms / 1000 + 3600)
    rig.flux.stop()
    thread.once()
    assert thread.passes == 0
    rig.flux.start()
    rig.flux.buckets["readings"].clear()
    rig.flux.faults.append(Fault(503))
    thread.once()
    assert (thread.passes, rig.flux.buckets["readings"]) == (0, {})
    thread.once()
    assert (thread.passes, thread.missing) == (1, len(rig.expected()))
    assert rig.values() == rig.expected()


def test_ranges_know_what_they_hold() -> None:
    some = Delivered([(10, 20), (1, 3), (22, 22)])
    assert [n for n in range(25) if n in some] == [1, 2, 3, *range(10, 21), 22]


@pytest.mark.needs_program("influxd")
def test_the_same_against_a_real_influxdb_1(tmp_path: Path) -> None:
    rig = Rig(tmp_path, polls=0)
    with influx1(tmp_path) as url:
        rig.flux.stop()
        rig.flux._port = int(url.rsplit(":", 1)[1])  # the rig speaks to the real one
        rig.restart()
        rig.sample.add(200)
        rig.drain()
        sound = readback(rig)
        sound._remote = InfluxSource(url, "readings", SITE.id)
        assert sound.check(*span(rig)) == []
        rig.sample.add(50, whole=True)
        rig.sample.writer.acknowledge(rig.sink.name, "readings", 1, rig.sample.writer.last_seq)  # but nothing was sent
        found = sound.check(*span(rig))
        assert sum(one.resent for one in found) == 50
        assert sum(one.set_aside for one in found) == 0
        assert sound.check(*span(rig)) == []
    rig.close()


def now_of(rig: Rig) -> int:
    return rig.sample.now_ms + 1


def test_t13_a_second_gateway_under_the_same_name_is_noticed_and_told(tmp_path: Path) -> None:
    ours, other = Rig(tmp_path / "a", polls=0), Rig(tmp_path / "b", polls=0)
    other.flux.stop()
    other.flux = ours.flux  # one database
    other.restart()
    reconciler = Reconciler(readback(ours), ours.sink, threading.Event(), lambda: now_of(ours) / 1000)
    reconciler._began_ms = START_MS
    for rig in (ours, other):
        rig.sample.random = Brisk(7)
        rig.sample.now_ms = START_MS + 1000
    ours.sample.add(40, whole=True)
    ours.drain()
    reconciler.once()
    assert reconciler.faults() == []
    other.sample.now_ms = START_MS + 1500
    other.sample.add(40, whole=True)
    other.drain()
    ours.sample.now_ms = START_MS + 2000
    ours.sample.add(40, whole=True)
    ours.drain()
    reconciler.once()
    [told] = reconciler.faults()
    assert "another gateway writes our series too" in told
    assert "site id of its own" in told
    assert all(time_ms in {p.time_ms for p in ours.sample.polls + other.sample.polls} for _, time_ms in ours.values())
    for rig in (ours, other):
        rig.close()


def test_t13_a_gateway_that_replaces_another_is_no_stranger(tmp_path: Path) -> None:
    old, new = Rig(tmp_path / "a", polls=40), Rig(tmp_path / "b", polls=0)
    new.flux.stop()
    new.flux = old.flux
    new.restart()
    old.drain()
    new.sample.random = Brisk(7)
    new.sample.now_ms = old.sample.now_ms + 1
    reconciler = Reconciler(readback(new), new.sink, threading.Event(), lambda: now_of(new) / 1000)
    reconciler._began_ms = new.sample.now_ms
    new.sample.add(40, whole=True)
    new.drain()
    reconciler.once()
    assert reconciler.faults() == []
    for rig in (old, new):
        rig.close()


SITE_FILE = """
site: {id: works, timezone: Asia/Shanghai}
forward: {url: URL, org: zcf}
"""


def test_the_command_finds_and_mends_beside_a_running_collector(rig: Rig, tmp_path: Path, monkeypatch) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(SITE_FILE.replace("URL", rig.flux.url))
    monkeypatch.setenv("ZCF_STORE", str(rig.sample.store))
    monkeypatch.setenv("ZCF_INFLUX_TOKEN", FakeFlux.write_token)
    words = ["resync", str(site), "--from", "2026-11-21T00:00:00", "--to", "2026-11-22T00:00:00", "--json"]
    refused = CliRunner().invoke(app, words)
    assert refused.exit_code == 1
    assert READ_TOKEN in str(refused.exception)
    monkeypatch.setenv(READ_TOKEN, FakeFlux.read_token)
    assert json.loads(CliRunner().invoke(app, words).stdout)["missing"] == 0
    rig.flux.buckets["readings"].clear()
    looked = CliRunner().invoke(app, [*words, "--check"])
    assert looked.exit_code == 1
    assert json.loads(looked.stdout)["missing"] == len(rig.expected())
    assert rig.flux.rows() == {}
    mended = CliRunner().invoke(app, words)
    assert (mended.exit_code, json.loads(mended.stdout)["not_taken"]) == (0, 0)
    assert rig.values() == rig.expected()
    rig.flux.buckets["readings"].clear()
    monkeypatch.delenv(READ_TOKEN)
    again = CliRunner().invoke(app, [*words, "--all"])
    assert json.loads(again.stdout) == {"polls": len(rig.sample.polls), "refused": []}
    assert rig.values() == rig.expected()
