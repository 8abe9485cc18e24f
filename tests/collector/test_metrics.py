"""What the collector counts is what its store holds."""

import json
import signal
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from collector.metrics import Health, Sources, TalliedWriter, Tally, exposition, serving
from metering.config import ConfigError
from metering.reading import Block, Column, GapReason, Lane, Poll, PollGap, PollGroup, ValueGap
from metering.sitefile import MetricsSection, load_site
from metering.store import StoreError
from metering.store.readings_reader import ReadingsReader
from tests.collector import doubles
from tests.collector.doubles import Ask, device
from tests.collector.sites import make_site
from tests.collector.test_agent import reads, until
from tests.collector.test_daemon import running
from tests.harness.ports import free_port

Figures = dict[tuple[str, tuple[str, ...]], float]


def parsed(text: str) -> Figures:
    return {
        (sample.name, tuple(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def get(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
        return str(answer.read().decode())


def figures_of(tally: Tally, **more) -> Figures:
    sources = Sources(tally, lambda: 3, **{"forward": lambda: None, **more})
    return parsed(exposition(sources)().decode())


async def test_a_running_daemon_s_figures_are_the_store_s_own(tmp_path: Path) -> None:
    async def manner(ask: Ask, writer) -> None:
        if ask.address == 100:
            writer.write(ask.exception(2))
        else:
            await doubles.honest(ask, writer)

    port = free_port()
    async with device(manner) as meter:
        config = make_site(tmp_path, {"a": (1, 2)}, port_of={"a": meter.port})
        with config.path.open("a") as file:
            file.write(f"metrics: {{port: {port}}}\n")
        reader = ReadingsReader(config.store_dir)
        with running(config.path) as daemon:
            await until(lambda: reads(reader, "a-2") >= 6)
            found, health = parsed(get(port, "/metrics")), json.loads(get(port, "/healthz"))
            counts, reasons = reader.counts(), reader.gap_reasons()
            assert daemon.end(signal.SIGTERM) == 0
    assert health == {"ok": True, "stuck": [], "faults": []}
    power = next(n for n, group in reader.groups().items() if (group.device, group.name) == ("a-1", "power"))
    read = found["zcf_ticks_read_total", ("a-1", "cadence")]
    assert 6 <= read <= counts[power, Lane.CADENCE][0]  # asked a moment later
    gap = sum(v for (name, key), v in found.items() if name == "zcf_ticks_gap_total" and key[:2] == ("a-1", "cadence"))
    assert 0 <= gap <= sum(reasons.values())
    assert found["zcf_ticks_due_total", ("a-1", "cadence")] == read + gap
    assert 0 <= found["zcf_reading_age_seconds", ("a-1",)] < 60
    assert found["zcf_resident_bytes", ()] > 10_000_000
    assert found["zcf_commit_seconds_count", ()] > 3
    assert ("zcf_forward_pending_polls", ()) not in found


def test_every_poll_gap_and_value_gap_is_counted_once_it_is_durable(tmp_path: Path, monkeypatch) -> None:
    writer = TalliedWriter(tmp_path / "store", "test")
    columns = (Column("grid", "active_power"),)
    numbers = [
        writer.group(PollGroup(name, "power", columns, (Block(3, 0, 1),), 1000, False, "p", "h")) for name in "abc"
    ]
    for tick in range(50):
        group, lane = numbers[tick % 3], (Lane.CADENCE, Lane.QUARTER, Lane.MESSAGE)[tick % 7 % 3]
        reason = (GapReason.TIMEOUT, GapReason.SEQ_HOLE, GapReason.INVALID_VALUE)[tick % 3]
        writer.commit(
            [Poll(group, 1000 + tick, 1, tick, lane, (1.0,), b"\0\1")] * (tick % 2),
            [PollGap(group, 1, lane, tick, tick % 4, tick, tick + 1, reason)] * (tick % 3 == 0),
            [ValueGap("grid", "active_power", tick, GapReason.INVALID_VALUE)] * (tick % 5 == 0),
        )
    reader, found = ReadingsReader(tmp_path / "store"), figures_of(writer.tally)
    groups = reader.groups()
    for (number, lane), (read, gap) in reader.counts().items():
        labels = (groups[number].device, lane.name.lower())
        assert found.get(("zcf_ticks_read_total", labels), 0) == read
        of_reasons = [v for (name, key), v in found.items() if name == "zcf_ticks_gap_total" and key[:2] == labels]
        assert sum(of_reasons) == gap
        due = found.get(("zcf_ticks_due_total", labels), 0)
        assert due == (0 if lane is Lane.MESSAGE else read + gap)
    by_reason: dict[str, float] = {}
    for (name, key), count in found.items():
        if name == "zcf_ticks_gap_total" and key[1] != "message":
            by_reason[key[2]] = by_reason.get(key[2], 0) + count
    assert {k: v for k, v in by_reason.items() if v} == {k: v for k, v in reader.gap_reasons().items() if v}
    assert found["zcf_values_absent_total", ("invalid_value",)] == len(reader.gaps(0, 100)[1])
    assert found["zcf_queue_polls", ()] == 3
    writer.close()


def test_what_the_store_refuses_is_not_counted_as_read(tmp_path: Path, monkeypatch) -> None:
    writer = TalliedWriter(tmp_path / "store", "test")
    group = writer.group(PollGroup("a", "power", (Column("p", "active_power"),), (), 1000, False, "p", "h"))

    def full(*_) -> None:
        raise StoreError("disk full")

    monkeypatch.setattr(writer, "_insert", full)
    with pytest.raises(StoreError):
        writer.commit([Poll(group, 1, 1, 0, Lane.CADENCE, (1.0,), b"")])
    assert (writer.tally.reads, writer.tally.commits, writer.tally.failures) == ({}, 0, 1)
    writer.close()


def test_the_age_of_a_device_goes_on_over_a_restart(tmp_path: Path) -> None:
    group = PollGroup("a", "power", (Column("p", "active_power"),), (), 1000, False, "p", "h")
    writer = TalliedWriter(tmp_path / "store", "test")
    writer.commit([Poll(writer.group(group), int(1000 * time.time()) - 90_000, 1, 0, Lane.CADENCE, (1.0,), b"")])
    writer.close()
    writer = TalliedWriter(tmp_path / "store", "test")
    assert ("zcf_reading_age_seconds", ("a",)) not in figures_of(writer.tally)  # not one of today's devices
    writer.group(group)
    assert 89 < figures_of(writer.tally)["zcf_reading_age_seconds", ("a",)] < 120
    writer.close()


def test_forwarding_shows_what_is_pending_delivered_and_quarantined(tmp_path: Path) -> None:
    writer = TalliedWriter(tmp_path / "store", "test")
    writer.quarantine("sink", [(1, "line", "reason", 0), (2, "line", "reason", 0)])
    found = figures_of(writer.tally, forward=lambda: (7, 40))
    assert found["zcf_forward_pending_polls", ()] == 7
    assert found["zcf_forward_delivered_polls", ()] == 40
    assert found["zcf_forward_quarantined_lines_total", ()] == 2
    writer.close()


def test_healthz_is_503_while_a_loop_stands_still_and_unknown_paths_are_404() -> None:
    stuck, faults = ["commit"], ["broker: subscription refused"]
    section = MetricsSection(port=free_port())
    with serving(section, Sources(Tally(), lambda: 0, lambda: None), Health(lambda: stuck, lambda: faults)):
        with pytest.raises(urllib.error.HTTPError) as caught:
            get(section.port, "/healthz")
        assert caught.value.code == 503
        assert json.loads(caught.value.read()) == {"ok": False, "stuck": ["commit"], "faults": faults}
        caught.value.close()
        stuck.clear()
        with pytest.raises(urllib.error.HTTPError) as caught:
            get(section.port, "/healthz")
        assert caught.value.code == 503
        caught.value.close()
        faults.clear()
        assert json.loads(get(section.port, "/healthz"))["ok"]
        with pytest.raises(urllib.error.HTTPError) as caught:
            get(section.port, "/secrets")
        assert caught.value.code == 404
        caught.value.close()


def test_nothing_listens_unless_the_site_file_says_so_and_only_on_this_machine(tmp_path: Path) -> None:
    config = make_site(tmp_path, {"a": (1,)}, port_of={"a": 1502})
    assert config.file.metrics is None
    config.path.write_text(config.path.read_text() + "metrics: {host: 0.0.0.0, port: 9109}\n")
    with pytest.raises(ConfigError, match=r"metrics\.host"):
        load_site(config.path)
