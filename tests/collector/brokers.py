"""Brokers for the tests, each a process of its own: amqtt (3.1.1, the demo's) and Debian's mosquitto (3.1.1 and 5)."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.conftest import require
from tests.harness.ports import free_port

_AMQTT = """
import asyncio, logging, sys
from amqtt.broker import Broker
logging.disable(logging.CRITICAL)
async def main():
    anonymous = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    listener = {"type": "tcp", "bind": f"127.0.0.1:{sys.argv[1]}", "max_connections": 50}
    await Broker({"listeners": {"default": listener}, "plugins": anonymous}).start()
    await asyncio.Event().wait()
asyncio.run(main())
"""

_MOSQUITTO = """
listener {port} 127.0.0.1
allow_anonymous true
user root
persistence true
persistence_location {folder}/
autosave_on_changes true
autosave_interval 1
max_queued_messages 100000
log_dest none
"""


def wait_for_port(port: int) -> None:
    """Until somebody listens."""
    for _ in range(3000):
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise TimeoutError(f"nobody listens on {port}")


class Broker:
    """A broker with its state in a folder, which can be stopped and started again on its port."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def start(self) -> None:
        self._process = subprocess.Popen(self.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for_port(self.port)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)
            self._process = None


class Amqtt(Broker):
    """The demo's broker; it forgets everything when it stops."""

    def command(self) -> list[str]:
        return [sys.executable, "-c", _AMQTT, str(self.port)]


class Mosquitto(Broker):
    """Debian's mosquitto, with the persistence that survives its death."""

    def command(self) -> list[str]:
        config = self.folder / "mosquitto.conf"
        config.write_text(_MOSQUITTO.format(port=self.port, folder=self.folder))
        return [require("mosquitto"), "-c", str(config)]


class Publisher:
    """A device that publishes at QoS 1 and waits for each PUBACK."""

    def __init__(self, port: int) -> None:
        self._client = paho.Client(CallbackAPIVersion.VERSION2, "publisher")
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def say(self, topic: str, payload: bytes | str, *, retain: bool = False, qos: int = 1) -> None:
        self._client.publish(topic, payload, qos=qos, retain=retain).wait_for_publish(20)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
