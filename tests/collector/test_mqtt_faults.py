"""MQTT that goes wrong at the broker: refused, frozen, fought over; poison is kept, silence is found by period."""

import asyncio
import json
import signal
import time
from pathlib import Path

import pytest

from collector.agent import Collector
from collector.committer import committing
from collector.credentials import check_credentials
from collector.daemon import run
from collector.recognizer import Arrival, Identity, Recognizer, Silence
from collector.wiring import wire_site
from metering.config import ConfigError
from metering.reading import GapReason
from metering.sitefile import load_site
from metering.store.readings import ReadingsWriter
from metering.store.readings_reader import ReadingsReader
from tests.collector.brokers import Mosquitto, Publisher
from tests.collector.test_mqtt import body, collecting, gaps, subscribed, ticks, until
from tests.deploy.test_mosquitto import Broker, Client

pytestmark = pytest.mark.needs_program("mosquitto", "mosquitto_passwd", "openssl")

SITE = """\
site: {{id: works, timezone: Asia/Shanghai}}
store: {{path: store, commit: 20ms}}
links:
  - {{id: broker, type: mqtt, port: {port}, version: "{version}"{more}}}
devices:
  - {{id: meter, profile: zcf-json-meter-mqtt, link: broker, base: {base}}}
points:
  - {{id: grid, role: grid, device: meter}}
"""


def write(folder: Path, port: int, base: str = "site/meter7", version: str = "3.1.1", more: str = ""):
    (folder / "site.yaml").write_text(SITE.format(port=port, base=base, version=version, more=more))
    return load_site(folder / "site.yaml")


class Running:
    """A collector whose faults can be asked for."""

    def __init__(self, config) -> None:
        self.config = config

    async def __aenter__(self) -> Collector:
        self.writer = ReadingsWriter(self.config.store_dir, "test")
        self.committing = committing(self.writer, 0.02)
        committer = self.committing.__enter__()
        self.stop = asyncio.Event()
        collector = Collector(wire_site(self.config), committer, "works")
        self.task = asyncio.create_task(collector.run(self.stop))
        return collector

    async def __aexit__(self, *_: object) -> None:
        self.stop.set()
        await self.task
        self.committing.__exit__(None, None, None)
        self.writer.close()


@pytest.fixture
def shipped(tmp_path: Path):
    (tmp_path / "broker").mkdir()
    broker = Broker(tmp_path / "broker")
    broker.prepare()
    broker.start()
    yield broker
    broker.kill()


@pytest.mark.parametrize("tls", [False, True])
async def test_with_the_shipped_broker_the_collector_has_a_name_a_password_and_tls(
    shipped: Broker, tmp_path: Path, tls: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("secret of collector\n")
    (tmp_path / "secret").chmod(0o600)
    more = ", user: collector"
    if tls:
        more += f", ca: {shipped.folder / 'certs' / 'ca.crt'}, password_file: {tmp_path / 'secret'}"
    else:
        monkeypatch.setenv("ZCF_MQTT_PASSWORD_FILE", str(tmp_path / "secret"))
    config = write(tmp_path, shipped.secure if tls else shipped.plain, more=more)
    reader = ReadingsReader(config.store_dir)
    async with Running(config) as collector:
        with Client(shipped, "meter7") as meter:
            for number in range(1, 600):
                meter.inner.publish("site/meter7/meter", body(number), 1).wait_for_publish(20)
                await asyncio.sleep(0.05)
                if ticks(reader):
                    break
        assert collector.faults() == []
    assert ticks(reader)
    assert "secret of collector" not in config.path.read_text()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # paho's own socket
async def test_n9_a_broker_with_a_certificate_nobody_signed_is_refused(shipped: Broker, tmp_path: Path) -> None:
    config = write(tmp_path, shipped.secure, more=", user: collector, tls: true")
    reader = ReadingsReader(config.store_dir)
    async with Running(config):
        with Client(shipped, "meter7") as meter:
            for number in range(1, 20):
                meter.inner.publish("site/meter7/meter", body(number), 1).wait_for_publish(20)
                await asyncio.sleep(0.05)
    assert ticks(reader) == []


async def test_b12_a_refused_connection_and_a_refused_subscription_are_faults(
    shipped: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZCF_MQTT_PASSWORD", "wrong")
    async with Running(write(tmp_path, shipped.plain, more=", user: collector")) as collector:
        await until(lambda: any("connection" in fault for fault in collector.faults()), 10)
    monkeypatch.setenv("ZCF_MQTT_PASSWORD", "secret of meter8")
    config = write(tmp_path, shipped.plain, version="5", more=", user: meter8, client_id: other")
    async with Running(config) as collector:
        # Mosquitto 2.0.11 grants a subscription that its ACL forbids, and delivers nothing; what a broker that
        # refuses says is taken from its SUBACK
        await until(lambda: bool(collector._sessions), 10)
        [session] = collector._sessions
        refused = type("Reason", (), {"is_failure": True, "__str__": lambda _: "Not authorized"})()
        session._subscribed(None, None, 1, [refused], None)
        assert collector.faults() == ["broker: subscription to site/meter7/meter refused: Not authorized"]


@pytest.mark.long
async def test_b5_two_clients_of_one_name_are_told_and_do_not_fight_for_ever(tmp_path: Path) -> None:
    name = "twin"
    broker = Mosquitto(tmp_path)
    broker.start()
    config = write(tmp_path, broker.port, more=f", client_id: {name}")
    import paho.mqtt.client as paho
    from paho.mqtt.enums import CallbackAPIVersion

    other = paho.Client(CallbackAPIVersion.VERSION2, name)
    other.reconnect_delay_set(1, 1)
    async with Running(config) as collector:
        await until(lambda: bool(collector._sessions) and collector._sessions[0]._connection > 0, 20)
        other.connect("127.0.0.1", broker.port)
        other.loop_start()
        await until(lambda: any("another client" in fault for fault in collector.faults()), 60)
        connections = collector._sessions[0]._connection
        await asyncio.sleep(3)
        assert collector._sessions[0]._connection <= connections + 1
    other.disconnect()
    other.loop_stop()
    broker.stop()


async def test_b9_poison_is_kept_with_its_reason(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path)
    broker.start()
    config = write(tmp_path, broker.port, base="works/meter")
    reader = ReadingsReader(config.store_dir)
    publisher = Publisher(broker.port)
    poison = [b"\xff\xfe", b'{"power_w": NaN}', b"x" * 300_000]
    async with collecting(config) as writer:
        number = await subscribed(publisher, reader)
        for payload in poison:
            await asyncio.to_thread(publisher.say, "works/meter/meter", payload)
        await asyncio.to_thread(publisher.say, "works/meter/meter", body(number + len(poison)))
        await until(lambda: ticks(reader)[-1] == number + len(poison))
        kept = writer._db.execute("SELECT sink, line, reason FROM quarantine ORDER BY id").fetchall()
    publisher.close()
    broker.stop()
    assert [sink for sink, _, _ in kept] == ["mqtt works/meter/meter"] * 3
    assert [line[:20] for _, line, _ in kept] == [r"\xff\xfe", '{"power_w": NaN}', "x" * 20]
    assert max(len(line) for _, line, _ in kept) <= 4000
    assert [reason.split(":")[0][:9] for _, _, reason in kept] == ["not UTF-8", "NaN is no", "300000 by"]


def plain(recognizer: Recognizer, at_ms: int) -> Identity:
    """One more message without time and number."""
    identity = recognizer.identify(Arrival(at_ms, None, None, at_ms, False, False))
    assert identity is not None
    return identity


def heard_every_10_s() -> tuple[Recognizer, int]:
    recognizer, now = Recognizer(), 1_795_219_200_000
    for _ in range(30):
        now += 10_000
        assert plain(recognizer, now).silence is None
    return recognizer, now


def test_b4_without_numbers_a_hole_is_found_by_the_period_where_messages_come_regularly() -> None:
    recognizer, last = heard_every_10_s()
    assert plain(recognizer, last + 300_000).silence is None  # what came between may be late, and come at once
    assert plain(recognizer, last + 310_000).silence == Silence(last, last + 300_000, 10_000)
    assert plain(recognizer, last + 320_000).silence is None


def test_c8_what_was_held_up_and_comes_at_once_is_no_hole() -> None:
    recognizer, last = heard_every_10_s()
    woken = last + 61_000  # a paused machine: six messages waited in its socket
    for late in range(6):
        assert plain(recognizer, woken + late).silence is None
    for n in range(1, 20):
        assert plain(recognizer, woken + 9_000 + 10_000 * n).silence is None
    assert recognizer.silence() is None


def test_c8_where_some_of_them_never_come_it_is_one() -> None:
    recognizer, last = heard_every_10_s()
    for late in range(3):
        assert plain(recognizer, last + 61_000 + late).silence is None
    assert plain(recognizer, last + 70_000).silence == Silence(last, last + 61_000, 10_000)


def test_b4_a_hole_not_told_yet_is_told_at_the_end() -> None:
    recognizer, last = heard_every_10_s()
    plain(recognizer, last + 300_000)
    assert recognizer.silence() == Silence(last, last + 300_000, 10_000)
    assert recognizer.silence() is None


def test_b4_where_messages_come_when_they_like_silence_is_no_hole() -> None:
    recognizer, now = Recognizer(), 1_795_219_200_000
    for n in range(60):
        now += (1_000, 40_000, 7_000, 300_000)[n % 4]
        assert plain(recognizer, now).silence is None
    assert recognizer.silence() is None


def test_b4_where_messages_are_numbered_numbers_tell() -> None:
    recognizer, now = Recognizer(), 1_795_219_200_000
    for n in range(1, 31):
        recognizer.identify(Arrival(now + 10_000 * n, None, n, n, False, False))
    found = recognizer.identify(Arrival(now + 900_000, None, 90, 90, False, False))
    assert found is not None
    assert (found.silence, found.missing) == (None, 59)


async def test_b2_b4_what_a_broker_lost_is_a_hole_with_its_exact_numbers(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path)
    broker.start()
    config = write(tmp_path, broker.port, base="works/meter")
    reader = ReadingsReader(config.store_dir)
    publisher = Publisher(broker.port)
    async with collecting(config):
        number = await subscribed(publisher, reader)
    publisher.close()
    broker.stop()
    for file in tmp_path.glob("mosquitto.db*"):
        file.unlink()  # its disk is lost, and with it our session and what waited in it
    broker.start()
    publisher = Publisher(broker.port)
    for n in range(number, number + 20):
        publisher.say("works/meter/meter", body(n))
    async with collecting(config):
        await subscribed(publisher, reader, first=number + 20)
    publisher.close()
    broker.stop()
    assert gaps(reader, GapReason.SESSION_LOST)
    missed = set(range(number, max(ticks(reader)))) - set(ticks(reader))
    holes = gaps(reader, GapReason.SEQ_HOLE)
    assert {n for hole in holes for n in range(hole.first_tick, hole.first_tick + hole.ticks)} == missed
    assert len(missed) >= 20


def test_g6_a_password_file_that_is_missing_or_open_to_all_is_refused_before_the_store_is_touched(
    tmp_path: Path,
) -> None:
    secret = tmp_path / "secret"
    config = write(tmp_path, 1883, more=f", user: collector, password_file: {secret}")
    with pytest.raises(ConfigError, match=r"site.yaml:\d+: links.0.password_file: .*No such file"):
        run(config.path)
    secret.write_text("x")
    secret.chmod(0o644)
    with pytest.raises(ConfigError, match="open to everybody -> chmod"):
        run(config.path)
    secret.chmod(0o600)
    check_credentials(config)
    assert not config.store_dir.exists()


@pytest.mark.long
async def test_b13_a_frozen_broker_is_found_by_the_keepalive(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path)
    broker.start()
    config = write(tmp_path, broker.port, base="works/meter")
    reader = ReadingsReader(config.store_dir)
    publisher = Publisher(broker.port)
    async with collecting(config):
        await subscribed(publisher, reader)
        publisher.close()
        assert broker._process is not None
        broker._process.send_signal(signal.SIGSTOP)
        begun = time.monotonic()
        await asyncio.sleep(80)  # a ping after one keepalive of 30 s, and another one for its answer
        broker._process.send_signal(signal.SIGCONT)
        publisher = Publisher(broker.port)
        await subscribed(publisher, reader, first=1000)
        publisher.close()
    broker.stop()
    assert gaps(reader, GapReason.BROKER_LOSS)
    assert time.monotonic() - begun < 180
    assert json.dumps(ticks(reader))
