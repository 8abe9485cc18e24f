"""MQTT end to end over real brokers: nothing acknowledged before it is durable, nothing twice, every hole noted."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from collector.agent import Collector
from collector.committer import committing
from collector.inbox import Inbox
from collector.wiring import wire_site
from metering.reading import GapReason, Lane, PollGap
from metering.sitefile import SiteConfig, load_site
from metering.store import StoreError
from metering.store.readings import ReadingsWriter
from metering.store.readings_reader import ReadingsReader
from tests.collector.brokers import Amqtt, Mosquitto, Publisher

BROKERS: list[tuple[type[Amqtt] | type[Mosquitto], str]] = [(Amqtt, "3.1.1"), (Mosquitto, "3.1.1"), (Mosquitto, "5")]
POWER, IMPORT = ("grid", "active_power"), ("grid", "active_energy_import")


@pytest.fixture(params=BROKERS, ids=lambda p: f"{p[0].__name__.lower()}-{p[1]}")
def where(request: Any, tmp_path: Path) -> Iterator[tuple[Any, SiteConfig]]:
    """A running broker and a site with one JSON meter on it."""
    make, version = request.param
    broker = make(tmp_path)
    broker.start()
    (tmp_path / "site.yaml").write_text(
        f"""\
site: {{id: works, timezone: Asia/Shanghai}}
store: {{path: store, commit: 20ms}}
links:
  - {{id: broker, type: mqtt, port: {broker.port}, version: "{version}"}}
devices:
  - {{id: meter, profile: zcf-json-meter-mqtt, link: broker, base: works/meter}}
points:
  - {{id: grid, role: grid, device: meter}}
"""
    )
    yield broker, load_site(tmp_path / "site.yaml")
    broker.stop()


@asynccontextmanager
async def collecting(config: SiteConfig, writer: ReadingsWriter | None = None) -> AsyncIterator[ReadingsWriter]:
    writer = writer or ReadingsWriter(config.store_dir, "test")
    stop = asyncio.Event()
    with committing(writer, 0.02) as committer:
        task = asyncio.create_task(Collector(wire_site(config), committer, "works").run(stop))
        try:
            yield writer
        finally:
            stop.set()
            await task
    writer.close()


async def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


def body(sequence: int, *, ts: int | None = None, kwh: float | None = None) -> str:
    stamp = time.time_ns() // 1_000_000 if ts is None else ts
    return json.dumps(
        {"ts": stamp, "seq": sequence, "power_w": 1000 + sequence, "import_kwh": kwh or sequence, "export_kwh": 0}
    )


def ticks(reader: ReadingsReader) -> list[int]:
    return [poll.tick for poll in reader.polls_since(0, 100_000) if poll.lane is Lane.MESSAGE]


def gaps(reader: ReadingsReader, reason: GapReason) -> list[PollGap]:
    return [gap for gap in reader.gaps(0, 2**60)[0] if gap.reason is reason]


async def subscribed(publisher: Publisher, reader: ReadingsReader, first: int = 1) -> int:
    """Publish until the first message is stored: from then on the subscription stands. The next free number."""
    for number in range(first, first + 500):
        await asyncio.to_thread(publisher.say, "works/meter/meter", body(number))
        await asyncio.sleep(0.05)
        if ticks(reader)[-1:] and ticks(reader)[-1] >= first:
            return number + 1
    raise TimeoutError


async def test_messages_become_readings_with_the_device_s_own_time(where: tuple[Any, SiteConfig]) -> None:
    broker, config = where
    reader = ReadingsReader(config.store_dir)
    async with collecting(config):
        publisher = Publisher(broker.port)
        number = await subscribed(publisher, reader)
        for n in range(number, number + 50):
            await asyncio.to_thread(
                publisher.say, "works/meter/meter", body(n, ts=1_000 * n + time.time_ns() // 10**9 * 1000 - 50_000)
            )
        await until(lambda: ticks(reader)[-1:] == [number + 49])
        publisher.close()
    assert ticks(reader)[-50:] == list(range(number, number + 50))
    assert reader.latest()[IMPORT].value == (number + 49) * 1_000_000
    assert reader.latest()[POWER].value == (1000 + number + 49) / 1000
    assert gaps(reader, GapReason.SEQ_HOLE) == []
    [epoch] = reader.epochs()
    assert epoch.clean


async def test_b3_b7_nothing_is_acknowledged_before_the_commit_and_a_redelivery_is_one_row(
    where: tuple[Any, SiteConfig],
) -> None:
    """Amqtt may forget the session of a client that goes; there the loss must at least be told."""
    broker, config = where
    reader = ReadingsReader(config.store_dir)
    writer = ReadingsWriter(config.store_dir, "test")
    real, failing = writer.commit, [False]

    def commit(*args: Any, **kwargs: Any) -> int:
        if failing[0] and args and args[0]:
            raise StoreError("disk full")
        return real(*args, **kwargs)

    writer.commit = commit  # type: ignore[method-assign]
    publisher = Publisher(broker.port)
    async with collecting(config, writer):
        number = await subscribed(publisher, reader)
        failing[0] = True
        for n in range(number, number + 5):
            await asyncio.to_thread(publisher.say, "works/meter/meter", body(n))
        await asyncio.sleep(0.5)
    assert max(ticks(reader)) < number  # none of them is stored, so none may be acknowledged
    async with collecting(config):
        if isinstance(broker, Mosquitto):
            await until(lambda: ticks(reader)[-1:] == [number + 4])
        await subscribed(publisher, reader, first=number + 5)
    publisher.close()
    missing = set(range(number, number + 5)) - set(ticks(reader))
    if isinstance(broker, Mosquitto):
        assert not missing
        assert gaps(reader, GapReason.SEQ_HOLE) == []
    else:
        assert sum(gap.ticks for gap in gaps(reader, GapReason.SEQ_HOLE)) >= len(missing)
    assert len(ticks(reader)) == len(set(ticks(reader)))


async def test_b6_a_retained_message_is_never_a_reading(where: tuple[Any, SiteConfig]) -> None:
    broker, config = where
    reader = ReadingsReader(config.store_dir)
    publisher = Publisher(broker.port)
    publisher.say("works/meter/meter", body(7), retain=True)
    for _ in range(2):
        async with collecting(config):
            await asyncio.sleep(0.5)
    async with collecting(config):
        await subscribed(publisher, reader, first=100)
    publisher.close()
    assert min(ticks(reader)) >= 100


async def test_a_hole_in_the_sequence_is_a_gap_with_its_count(where: tuple[Any, SiteConfig]) -> None:
    broker, config = where
    reader = ReadingsReader(config.store_dir)
    publisher = Publisher(broker.port)
    async with collecting(config):
        number = await subscribed(publisher, reader)
        await asyncio.to_thread(publisher.say, "works/meter/meter", body(number + 9))
        await until(lambda: ticks(reader)[-1] == number + 9)
    publisher.close()
    [hole] = gaps(reader, GapReason.SEQ_HOLE)
    assert (hole.first_tick, hole.ticks, hole.lane) == (number, 9, Lane.MESSAGE)


async def test_poison_is_noted_once_and_does_not_come_back(where: tuple[Any, SiteConfig]) -> None:
    broker, config = where
    reader = ReadingsReader(config.store_dir)
    publisher = Publisher(broker.port)
    poison = ["nonsense", '{"power_w": NaN}', "[" * 5000 + "]" * 5000, '{"power_w": 1, "power_w": 2}', "{}"]
    async with collecting(config):
        number = await subscribed(publisher, reader)
        for text in poison:
            await asyncio.to_thread(publisher.say, "works/meter/meter", text)
        await asyncio.to_thread(publisher.say, "works/meter/meter", body(number + len(poison)))
        await until(lambda: ticks(reader)[-1] == number + len(poison))
    async with collecting(config):
        await subscribed(publisher, reader, first=number + len(poison) + 1)
    publisher.close()
    assert sum(gap.ticks for gap in gaps(reader, GapReason.REJECTED)) == len(poison)
    assert [hole for hole in gaps(reader, GapReason.SEQ_HOLE) if hole.epoch == 1] == []  # they are the hole themselves


async def test_b10_an_error_in_the_handler_costs_one_message(
    where: tuple[Any, SiteConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    broker, config = where
    reader = ReadingsReader(config.store_dir)
    publisher = Publisher(broker.port)
    real = Inbox.take

    def take(self: Inbox, payload: bytes, *args: Any, **kwargs: Any) -> None:
        if b"4242" in payload:
            raise ZeroDivisionError
        real(self, payload, *args, **kwargs)

    monkeypatch.setattr(Inbox, "take", take)
    async with collecting(config):
        number = await subscribed(publisher, reader)
        await asyncio.to_thread(publisher.say, "works/meter/meter", body(number, kwh=4242))
        await asyncio.to_thread(publisher.say, "works/meter/meter", body(number + 1))
        await until(lambda: ticks(reader)[-1] == number + 1)
    publisher.close()
    [gap] = gaps(reader, GapReason.REJECTED)
    assert "ZeroDivisionError" in gap.detail


async def test_a_broker_that_is_away_is_a_gap_and_is_found_again(where: tuple[Any, SiteConfig]) -> None:
    broker, config = where
    reader = ReadingsReader(config.store_dir)
    publisher = Publisher(broker.port)
    async with collecting(config):
        number = await subscribed(publisher, reader)
        publisher.close()
        await asyncio.to_thread(broker.stop)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(broker.start)
        publisher = Publisher(broker.port)
        await subscribed(publisher, reader, first=number)
        publisher.close()
    [away, *_] = gaps(reader, GapReason.BROKER_LOSS)
    assert away.end_ms - away.start_ms >= 400
    assert away.ticks == 0
    assert len(ticks(reader)) == len(set(ticks(reader)))
