"""The shipped broker configuration, run by Debian's Mosquitto on loopback: who may what, and what outlives kill -9."""

import queue
import re
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.conftest import require
from tests.harness.ports import free_port, wait_for

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "deploy" / "mosquitto"
USERS = ("collector", "meter7", "meter8")
pytestmark = pytest.mark.needs_program("mosquitto", "mosquitto_passwd")


@dataclass
class Broker:
    """Mosquitto with the shipped files, moved to a folder and to free loopback ports."""

    folder: Path
    plain: int = field(default_factory=free_port)
    secure: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    def prepare(self) -> None:
        for name in ("config", "data", "certs"):
            (self.folder / name).mkdir()
        text = (SHIPPED / "mosquitto.conf").read_text(encoding="utf-8").replace("/mosquitto/", f"{self.folder}/")
        text = text.replace("listener 1883 0.0.0.0", f"listener {self.plain} 127.0.0.1")
        text = text.replace("listener 8883 0.0.0.0", f"listener {self.secure} 127.0.0.1")
        # Debian starts it as root here, and it would give up that right for a user who cannot see this folder.
        (self.folder / "config" / "mosquitto.conf").write_text(text + "\nuser root\n")
        shutil.copy(SHIPPED / "acl", self.folder / "config" / "acl")
        (self.folder / "config" / "acl").chmod(0o600)
        passwords = self.folder / "config" / "passwd"
        passwords.touch(0o600)
        for user in USERS:
            subprocess.run([require("mosquitto_passwd"), "-b", passwords, user, f"secret of {user}"], check=True)
        self._certify()

    def _certify(self) -> None:
        certs = self.folder / "certs"
        words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
        files = ["-keyout", certs / "server.key", "-out", certs / "server.crt"]
        subprocess.run([require("openssl"), *words, *subject, *files], check=True, capture_output=True)
        shutil.copy(certs / "server.crt", certs / "ca.crt")

    def start(self) -> None:
        command = [require("mosquitto"), "-c", str(self.folder / "config" / "mosquitto.conf")]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.plain, self.process)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(60)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    found = Broker(tmp_path)
    found.prepare()
    found.start()
    yield found
    found.kill()


@dataclass
class Client:
    """A paho client that keeps what arrives."""

    broker: Broker
    user: str = ""
    session: str = ""
    tls: bool = False
    got: "queue.Queue[bytes]" = field(default_factory=queue.Queue)
    answers: "queue.Queue[str]" = field(default_factory=queue.Queue)

    def __enter__(self) -> Self:
        self.inner = mqtt.Client(CallbackAPIVersion.VERSION2, self.session, clean_session=not self.session)
        self.inner.on_message = lambda _c, _u, message: self.got.put(message.payload)
        self.inner.on_connect = lambda _c, _u, _f, reason, _p: self.answers.put(str(reason))
        self.inner.on_subscribe = lambda _c, _u, _m, reasons, _p: self.answers.put(str(reasons[0]))
        self.inner.max_inflight_messages_set(100)
        if self.user:
            self.inner.username_pw_set(self.user, f"secret of {self.user}")
        if self.tls:
            self.inner.tls_set(str(self.broker.folder / "certs" / "ca.crt"), tls_version=ssl.PROTOCOL_TLS_CLIENT)
        self.inner.connect("127.0.0.1", self.broker.secure if self.tls else self.broker.plain)
        self.inner.loop_start()
        self.connected = self.answers.get(timeout=60)
        return self

    def __exit__(self, *_: object) -> None:
        self.inner.disconnect()
        self.inner.loop_stop()

    def subscribe(self, topic: str) -> None:
        self.inner.subscribe(topic, 1)
        self.answers.get(timeout=60)

    def publish(self, topic: str, count: int, start: int = 0) -> None:
        """Publish at QoS 1 and wait for every PUBACK."""
        sent = [self.inner.publish(topic, str(number), 1) for number in range(start, start + count)]
        for one in sent:
            one.wait_for_publish(60)
            assert one.is_published()

    def take(self, count: int) -> list[int]:
        return [int(self.got.get(timeout=60)) for _ in range(count)]


def test_the_broker_takes_the_shipped_file_and_refuses_strangers(broker: Broker):
    with Client(broker) as nobody:
        assert nobody.connected != "Success"
    wrong = Client(broker, "meter7")
    wrong.user = "meter9"
    with wrong as stranger:
        assert stranger.connected != "Success"
    with Client(broker, "meter7") as device:
        assert device.connected == "Success"


def test_a_device_writes_below_its_own_name_alone_and_the_collector_reads_all(broker: Broker):
    users = (Client(broker, user) for user in USERS)
    with next(users) as collector, next(users) as device, next(users) as other:
        collector.subscribe("site/#")
        other.subscribe("site/#")
        device.publish("site/meter8/power", 1, 1)  # not its own: acknowledged, and dropped
        collector.publish("site/meter7/cmd/off", 1, 2)  # the collector writes nothing
        device.publish("site/meter7/power", 1, 3)
        assert collector.take(1) == [3]
        assert other.got.empty()


def test_devices_speak_tls(broker: Broker):
    with Client(broker, "collector") as collector, Client(broker, "meter7", tls=True) as device:
        collector.subscribe("site/#")
        device.publish("site/meter7/power", 1, 5)
        assert collector.take(1) == [5]


def test_what_was_acknowledged_and_saved_outlives_kill_9(broker: Broker):
    with Client(broker, "collector", "zcf-collector") as collector:
        collector.subscribe("site/#")
    with Client(broker, "meter7") as device:
        device.publish("site/meter7/power", 50)
        # The broker acknowledges first and saves at the end of its round: one more round, and the 50 are on disk.
        device.publish("site/meter7/power", 1, 50)
        broker.kill()
    broker.start()
    with Client(broker, "collector", "zcf-collector") as collector:
        assert collector.take(50) == list(range(50))


@pytest.mark.long
def test_a_collector_that_was_away_misses_nothing(broker: Broker):
    with Client(broker, "collector", "zcf-collector") as collector:
        collector.subscribe("site/#")
    with Client(broker, "meter7") as device:
        device.publish("site/meter7/power", 3000)  # by default 1000 would be kept
    with Client(broker, "collector", "zcf-collector") as collector:
        assert collector.take(3000) == list(range(3000))


def test_the_limits_are_set():
    text = (SHIPPED / "mosquitto.conf").read_text(encoding="utf-8")
    settings = dict(re.findall(r"^([a-z_]+) (.+)$", text, re.MULTILINE))
    assert settings["allow_anonymous"] == "false"
    assert settings["persistence"] == "true"
    assert (settings["autosave_on_changes"], settings["autosave_interval"]) == ("true", "1")
    assert int(settings["max_queued_messages"]) >= 20_000
    assert int(settings["max_packet_size"]) == 256 * 1024
    assert all(re.fullmatch(r"\d+ [\d.]+", listener) for listener in re.findall(r"^listener (.+)$", text, re.MULTILINE))
