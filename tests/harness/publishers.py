"""MQTT devices with integer truth, and the broker they talk to: Debian's mosquitto as a process of its own."""

import json
import random
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.harness.plan import Publisher
from tests.harness.ports import free_port, wait_for
from tests.harness.record import Record, now_ms

CONFIG = """
listener {port} 127.0.0.1
allow_anonymous true
user root
persistence true
persistence_location {folder}/
autosave_on_changes true
autosave_interval 1
max_queued_messages 20000
log_dest none
"""


class Broker:
    """Mosquitto, with the persistence settings the product ships; it can be killed and started again."""

    def __init__(self, program: str, folder: Path) -> None:
        folder.mkdir()
        self.port, self._program = free_port(), program
        self._config, self._folder = folder / "mosquitto.conf", folder
        self._config.write_text(CONFIG.format(port=self.port, folder=folder))
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        quiet = subprocess.DEVNULL
        self.process = subprocess.Popen([self._program, "-c", str(self._config)], stdout=quiet, stderr=quiet)
        wait_for(self.port, self.process)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def forget(self) -> None:
        """Its disk is lost: every session and queue with it."""
        for path in self._folder.glob("*.db*"):
            path.unlink()


class Device:
    """One publisher in a thread: JSON with time and number, or plain and retained; logs each message and its PUBACK."""

    def __init__(self, plan: Publisher, port: int, record: Record, seed: int) -> None:
        self.plan, self._record, self._port = plan, record, port
        self._random = random.Random(f"{seed} {plan.name}")
        self.number, self.energy = 0, 1000
        self.quiet = threading.Event()
        self.poison = 0  # so many of the next messages are no JSON
        self._stop = threading.Event()
        self._sent: dict[int, int] = {}
        self._early: set[int] = set()  # acknowledged before publish() has told us their number
        self._mutex = threading.Lock()  # never held around a call into paho: it holds its own while it calls us
        self._client = paho.Client(CallbackAPIVersion.VERSION2, f"h-{plan.name}")
        self._client.max_inflight_messages_set(1000)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_publish = self._acknowledged
        self._thread = threading.Thread(target=self._run, name=plan.name, daemon=True)

    def start(self) -> None:
        self._client.connect("127.0.0.1", self._port, keepalive=10)
        self._client.loop_start()
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def waiting(self) -> int:
        """Messages without a PUBACK."""
        return len(self._sent)

    def _run(self) -> None:
        while not self._stop.wait(self.plan.period_s):
            if not self.quiet.is_set():
                self._say()

    def _say(self) -> None:
        self.number += 1
        self.energy += self._random.randrange(1, 9)
        at_ms = int(now_ms())
        body: dict[str, Any] = {"p": self.number, "e": self.energy}
        if not self.plan.plain:
            body |= {"ts": at_ms, "seq": self.number}
        topic, payload, bad = f"h/{self.plan.name}/now", json.dumps(body), self.poison > 0
        if bad:
            self.poison -= 1
            payload = '{"p": ' + "[" * 40
        self._record.write("said", t=at_ms, d=self.plan.name, n=self.number, e=self.energy, bad=bad)
        number, mid = self.number, self._client.publish(topic, payload, qos=1, retain=self.plan.plain).mid
        with self._mutex:
            acknowledged = mid in self._early
            self._early.discard(mid)
            if not acknowledged:
                self._sent[mid] = number
        if acknowledged:
            self._record.write("puback", t=now_ms(), d=self.plan.name, n=number)

    def _acknowledged(self, _c: Any, _u: Any, mid: int, _r: Any, _p: Any) -> None:
        with self._mutex:
            number = self._sent.pop(mid, None)
            if number is None:
                self._early.add(mid)
        if number is not None:
            self._record.write("puback", t=now_ms(), d=self.plan.name, n=number)


def each(devices: list[Device], work: Callable[[Device], None]) -> None:
    for device in devices:
        work(device)
