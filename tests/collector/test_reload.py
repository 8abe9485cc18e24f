"""SIGHUP: what changed is wired anew, what did not keeps its connection, and every tick stays accounted for."""

import asyncio
import json
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from collector.agent import Collector
from collector.committer import committing
from collector.connections import changed_devices
from collector.schedule import cadence, quarters
from collector.wiring import wire_site
from metering.reading import GapReason, Lane
from metering.sitefile import SiteConfig
from metering.store.readings import writing
from metering.store.readings_reader import ReadingsReader
from tests.collector import doubles
from tests.collector.doubles import Ask, Device, device
from tests.collector.sites import accounted, due_by_contract, make_site
from tests.collector.test_agent import collecting, reads, reasons, until
from tests.collector.test_daemon import enough, running

BUSY = {GapReason.TIMEOUT, GapReason.OVERRUN, GapReason.SCHEDULER_LATE}  # what a busy computer does to any device


def timeouts(reader: ReadingsReader, *devices: str) -> int:
    """How often a device's answer was too late for its connection."""
    return sum(reasons(reader, device)[GapReason.TIMEOUT] for device in devices)


def due_by_ledger(reader: ReadingsReader) -> Counter[tuple[int, Lane]]:
    """How many ticks were due of each group and lane in the epochs it was part of."""
    epochs = {epoch.id: epoch for epoch in reader.epochs()}
    due: Counter[tuple[int, Lane]] = Counter()
    for epoch_id, group, lane, _ in reader.ledger():
        epoch = epochs[epoch_id]
        assert epoch.stop_ms is not None
        period_ms = reader.groups()[group].cadence_ms
        track = cadence(group, epoch.start_ms, period_ms) if lane is Lane.CADENCE else quarters(group, epoch.start_ms)
        due[group, lane] += track.end(epoch.stop_ms) - track.first
    return +due


def ended(reader: ReadingsReader) -> Counter[tuple[int, Lane]]:
    return +Counter({key: read + gap for key, (read, gap) in reader.counts().items()})


def site(folder: Path, ports: dict[str, tuple[int, ...]], meters: dict[str, Device], **more: str | float) -> SiteConfig:
    return make_site(folder, ports, port_of={name: meters[name].port for name in ports}, **more)  # type: ignore[arg-type]


@asynccontextmanager
async def three() -> AsyncIterator[dict[str, Device]]:
    async with device() as a, device() as b, device() as c:
        yield {"a": a, "b": b, "c": c}


async def test_an_added_a_changed_and_a_removed_device_cost_the_others_nothing(tmp_path: Path) -> None:
    async with three() as meters:
        config = site(tmp_path, {"a": (1, 2), "b": (1, 2)}, meters)
        reader = ReadingsReader(config.store_dir)
        async with collecting(config) as collector:
            await until(lambda: reads(reader, "b-2") >= 3)
            other = site(tmp_path, {"a": (1, 2), "b": (1,), "c": (1,)}, meters)
            assert await collector.rewire(wire_site(other)) == ("b-2", "c-1")
            before = reads(reader, "a-1")
            await until(lambda: reads(reader, "c-1") >= 3 and reads(reader, "a-1") >= before + 3)
            gone = reads(reader, "b-2")
            await until(lambda: reads(reader, "a-2") >= before + 9)
            assert reads(reader, "b-2") == gone
    for name, meter in meters.items():
        assert 1 <= meter.connections <= 1 + timeouts(reader, f"{name}-1", f"{name}-2")
    assert ended(reader) == due_by_ledger(reader)
    for name in ("a-1", "a-2", "b-1"):
        found = reasons(reader, name)
        assert set(found) <= {GapReason.MAINTENANCE, GapReason.COLLECTOR_DOWN_CLEAN} | BUSY
        assert found[GapReason.MAINTENANCE] <= 2, found  # at most one tick of each of its two groups
    first, second = reader.epochs()
    assert first.stop_ms == second.start_ms  # no time between in which nothing is due


async def test_the_same_site_again_changes_nothing(tmp_path: Path) -> None:
    async with three() as meters:
        config = site(tmp_path, {"a": (1,)}, meters)
        reader = ReadingsReader(config.store_dir)
        async with collecting(config) as collector:
            assert await collector.rewire(wire_site(site(tmp_path, {"a": (1,)}, meters))) == ()
            await until(lambda: reads(reader, "a-1") >= 3)
    assert len(reader.epochs()) == 1
    assert accounted(reader) == due_by_contract(reader)


async def test_reloads_one_after_the_other_under_load_keep_the_books(tmp_path: Path) -> None:
    async def manner(ask: Ask, writer: asyncio.StreamWriter) -> None:
        if ask.unit != 3:  # dead
            await doubles.late(0.01, lambda one: one.honest)(ask, writer)

    async with device(manner) as a, device() as b:
        meters = {"a": a, "b": b}
        config = site(tmp_path, {"a": (1, 2, 3), "b": (1,)}, meters)
        reader = ReadingsReader(config.store_dir)
        async with collecting(config) as collector:
            for number in range(6):
                every = f"{{power: {100 + 20 * (number % 2)}ms, energy: 300ms}}"
                units = (1, 2, 3) if number % 2 else (1, 2, 3, 4)
                changed = await collector.rewire(
                    wire_site(site(tmp_path, {"a": units, "b": (1,)}, meters, every=every))
                )
                assert changed
                before = reads(reader, "b-1")
                await until(lambda before=before: reads(reader, "b-1") > before + 2)  # type: ignore[misc]
        assert a.most_open == 1
    assert b.connections <= 1 + timeouts(reader, "b-1")  # a busy computer's late answer opens the connection anew
    assert len(reader.epochs()) == 7
    assert ended(reader) == due_by_ledger(reader)
    times: dict[int, int] = {}
    for poll in reader.polls_since(0, 100_000):
        assert poll.time_ms > times.get(poll.group, 0)
        times[poll.group] = poll.time_ms


async def test_a_moved_link_is_opened_anew_and_the_old_connection_closed(tmp_path: Path) -> None:
    async with three() as meters:
        config = site(tmp_path, {"a": (1,), "b": (1,)}, meters, timeout_s=2)
        reader = ReadingsReader(config.store_dir)
        async with collecting(config) as collector:
            await until(lambda: reads(reader, "b-1") >= 3)
            at = {"a": meters["a"].port, "b": meters["c"].port}
            moved = make_site(tmp_path, {"a": (1,), "b": (1,)}, port_of=at, timeout_s=2)
            assert await collector.rewire(wire_site(moved)) == ("b-1",)
            await until(lambda: len(meters["c"].asks) >= 3 and meters["b"].open_now == 0)
    assert 1 <= meters["a"].connections <= 1 + timeouts(reader, "a-1")
    assert 1 <= meters["c"].connections <= 1 + timeouts(reader, "b-1")
    assert ended(reader) == due_by_ledger(reader)


async def test_a_stop_in_the_middle_of_a_reload_stops(tmp_path: Path) -> None:
    async with three() as meters:
        config = site(tmp_path, {"a": (1,)}, meters)
        reader = ReadingsReader(config.store_dir)
        with writing(config.store_dir, "test") as writer, committing(writer, 0.02) as committer:
            collector = Collector(wire_site(config), committer, "works")
            stop, ready = asyncio.Event(), asyncio.Event()
            task = asyncio.create_task(collector.run(stop, ready.set))
            await ready.wait()
            other = wire_site(site(tmp_path, {"a": (1,), "c": (1,)}, meters))
            reload = asyncio.create_task(collector.rewire(other))
            await asyncio.sleep(0)
            stop.set()
            await asyncio.wait_for(task, 60)
            reload.cancel()
    assert ended(reader) == due_by_ledger(reader)


def test_a_device_has_changed_when_its_link_its_profile_or_its_points_have(tmp_path: Path) -> None:
    ports = {"a": 1502, "b": 1503}
    before = wire_site(make_site(tmp_path, {"a": (1, 2), "b": (1,)}, port_of=ports))
    assert changed_devices(before, wire_site(make_site(tmp_path, {"a": (1, 2), "b": (1,)}, port_of=ports))) == ()
    moved = wire_site(make_site(tmp_path, {"a": (1, 2), "b": (1,)}, port_of={"a": 1502, "b": 1504}))
    assert changed_devices(before, moved) == ("b-1",)
    slower = wire_site(make_site(tmp_path, {"a": (1, 2), "b": (1,)}, port_of=ports, timeout_s=0.3))
    assert changed_devices(before, slower) == ("a-1", "a-2", "b-1")
    assert changed_devices(before, ()) == ("a-1", "a-2", "b-1")


async def test_g2_sighup_reads_the_file_and_a_faulty_one_changes_nothing_and_is_told_in_full(tmp_path: Path) -> None:
    async with three() as meters:
        config = site(tmp_path, {"a": (1,)}, meters, timeout_s=2)
        reader = ReadingsReader(config.store_dir)
        good = config.path.read_text()
        with running(config.path) as daemon:
            await enough(config.store_dir, 4)
            config.path.write_text(good.replace("unit: 1", "unit: 999").replace("commit: 20ms", "commit: soon"))
            daemon.process.send_signal(signal.SIGHUP)
            await until(lambda: "nothing_reloaded" in daemon.log.read_text())
            await enough(config.store_dir, 4)
            assert len(reader.epochs()) == 1
            site(tmp_path, {"a": (1,), "c": (1,)}, meters, timeout_s=2)
            daemon.process.send_signal(signal.SIGHUP)
            await until(lambda: reads(reader, "c-1") >= 3)
            assert daemon.end(signal.SIGTERM) == 0
        lines = [json.loads(line) for line in daemon.log.read_text().splitlines()]
    faults = [line["fault"] for line in lines if line["event"] == "site_file_faulty"]
    assert len(faults) >= 2
    assert [line["devices"] for line in lines if line["event"] == "reloaded"] == [["c-1"]]
    assert 1 <= meters["a"].connections <= 1 + timeouts(reader, "a-1")
    assert ended(reader) == due_by_ledger(reader)
