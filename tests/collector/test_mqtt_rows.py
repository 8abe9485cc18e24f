"""B1, B8, B10, B11 over a real mosquitto: a clean restart, unacknowledged messages, a dead thread, unknown topics."""

import asyncio
from pathlib import Path

import pytest

from collector.agent import Collector
from collector.committer import committing
from collector.protocols.mqtt import MqttSession
from collector.wiring import wire_site
from metering.reading import GapReason
from metering.sitefile import load_site
from metering.store.readings import writing
from metering.store.readings_reader import ReadingsReader
from tests.collector.brokers import Mosquitto, Publisher
from tests.collector.test_mqtt import body, collecting, gaps, subscribed, ticks, until
from tests.collector.test_mqtt_faults import SITE, Running

TOPIC = "works/meter/meter"
pytestmark = pytest.mark.needs_program("mosquitto")


@pytest.fixture
def broker(tmp_path: Path):
    one = Mosquitto(tmp_path)
    one.start()
    (tmp_path / "site.yaml").write_text(SITE.format(port=one.port, base="works/meter", version="5", more=""))
    yield one
    one.stop()


async def test_b1_over_a_clean_restart_of_the_broker_every_message_is_one_row(
    broker: Mosquitto, tmp_path: Path
) -> None:
    config = load_site(tmp_path / "site.yaml")
    reader = ReadingsReader(config.store_dir)
    async with collecting(config):
        first = Publisher(broker.port)
        number = await subscribed(first, reader)
        first.close()
        broker.stop()
        broker.start()
        second = Publisher(broker.port)
        for n in range(number, number + 20):
            second.say(TOPIC, body(n))  # the broker keeps them for the session until the collector is back
        await until(lambda: ticks(reader)[-1:] == [number + 19], 60)
        second.close()
    assert sorted(ticks(reader)) == list(range(min(ticks(reader)), number + 20))
    assert [gaps(reader, reason) for reason in (GapReason.SESSION_LOST, GapReason.SEQ_HOLE)] == [[], []]
    assert gaps(reader, GapReason.BROKER_LOSS)


async def test_b8_messages_nobody_acknowledges_are_readings_and_what_is_lost_of_them_a_hole(
    broker: Mosquitto, tmp_path: Path
) -> None:
    """Best effort: what was lost on the way cannot come again, but it is told, by number (by period: B4)."""
    config = load_site(tmp_path / "site.yaml")
    reader = ReadingsReader(config.store_dir)
    async with collecting(config):
        publisher = Publisher(broker.port)
        number = await subscribed(publisher, reader)
        for n in (number, number + 1, number + 5):
            publisher.say(TOPIC, body(n), qos=0)
        await until(lambda: ticks(reader)[-1:] == [number + 5])
        publisher.close()
    [hole] = gaps(reader, GapReason.SEQ_HOLE)
    assert (hole.first_tick, hole.ticks) == (number + 2, 3)


async def test_b11_a_flood_of_unknown_topics_reaches_neither_memory_nor_store(
    broker: Mosquitto, tmp_path: Path
) -> None:
    """The collector subscribes to its devices' topics alone, so the broker does not even send it the others."""
    config = load_site(tmp_path / "site.yaml")
    reader = ReadingsReader(config.store_dir)
    async with Running(config) as collector:
        publisher = Publisher(broker.port)
        number = await subscribed(publisher, reader)
        seen: list[str] = []
        [session] = collector._sessions
        took = session._client.on_message
        session._client.on_message = lambda *words: (seen.append(words[2].topic), took(*words))  # type: ignore[misc, func-returns-value]
        for n in range(5_000):
            publisher.say(f"works/meter/stranger-{n}", body(n), qos=0)
        publisher.say(TOPIC, body(number))
        await until(lambda: ticks(reader)[-1:] == [number])
        publisher.close()
    assert set(seen) == {TOPIC}
    assert {group.device for group in reader.groups().values()} == {"meter"}


async def test_b10_p4_a_network_thread_that_has_ended_ends_the_collector(
    broker: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No message would come any more: it ends, not in silence, and its supervisor starts it anew."""
    monkeypatch.setattr(MqttSession, "_run", lambda self: None)
    config = load_site(tmp_path / "site.yaml")
    with writing(config.store_dir, "test") as writer, committing(writer, 0.02) as committer:
        collector = Collector(wire_site(config), committer, "works")
        with pytest.raises(RuntimeError, match="broker's thread has ended"):
            await asyncio.wait_for(collector.run(asyncio.Event()), 60)
