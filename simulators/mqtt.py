"""An embedded broker (MQTT 3.1.1) and the devices that publish on it; each message is logged before it is published."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Sequence

import paho.mqtt.client as mqtt
from amqtt.broker import Broker
from paho.mqtt.enums import CallbackAPIVersion

from collector.profile import DeviceProfile
from simulators.config import DeviceSection
from simulators.device import Source
from simulators.messages import Message, messages
from simulators.proxy import now_ms
from simulators.truth import TruthLog

_SHUTDOWN_S = 2.0
_ANONYMOUS = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}


class Talker:
    """One publishing device; its message number is the time's, so that it goes on rising after a restart."""

    def __init__(self, section: DeviceSection, profile: DeviceProfile, source: Source) -> None:
        self.section = section
        self.messages: tuple[Message, ...] = messages(section.base, profile.messages)
        self._source = source

    def spoken(self, time_ms: int) -> list[tuple[str, int, bytes]]:
        """What it publishes at a multiple of its period: (topic, sequence, payload)."""
        number = sequence(self.section, time_ms)
        values = self._source.at(time_ms)
        return [(m.topic, number, m.payload(values, time_ms, number)) for m in self.messages]


def sequence(section: DeviceSection, time_ms: int) -> int:
    """The number of the message at an instant [ms UTC]."""
    return time_ms // section.every


class BrokerLink:
    """The broker, and everything that publishes through it."""

    def __init__(self, name: str, talkers: Sequence[Talker], log: TruthLog) -> None:
        self.name, self._talkers, self._log = name, tuple(talkers), log
        self._broker: Broker | None = None
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"zcf-devices-{name}")
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, host: str, port: int) -> int:
        """Listen, connect, and begin to publish; the broker's port."""
        logging.getLogger("amqtt").setLevel(logging.CRITICAL)
        logging.getLogger("transitions").setLevel(logging.CRITICAL)
        listener = {"type": "tcp", "bind": f"{host}:{port}", "max_connections": 200}
        self._broker = Broker({"listeners": {"default": listener}, "plugins": _ANONYMOUS})
        await self._broker.start()
        self._client.max_inflight_messages_set(1000)
        self._client.reconnect_delay_set(1, 2)
        self._client.connect_async(host, port)
        self._client.loop_start()
        self._tasks = [asyncio.create_task(self._publish(talker)) for talker in self._talkers]
        return port

    async def stop(self) -> None:
        """Stop publishing, let what is under way be acknowledged, close the broker."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._client.disconnect()
        ending = threading.Thread(target=self._client.loop_stop, daemon=True)
        ending.start()  # joins a thread that may wait for an answer of the broker: never in the way of the end
        if self._broker is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._broker.shutdown(), _SHUTDOWN_S)
        ending.join(_SHUTDOWN_S)

    async def _publish(self, talker: Talker) -> None:
        """At each multiple of the device's period, its messages."""
        period = talker.section.every
        while True:
            due = (now_ms() // period + 1) * period
            await asyncio.sleep((due - now_ms()) / 1000)
            if not self._client.is_connected():
                continue
            for topic, number, payload in talker.spoken(due):
                line = {"t": now_ms(), "device": talker.section.id, "topic": topic, "seq": number}
                self._log.write(line | {"payload": payload.decode()})
                self._client.publish(topic, payload, qos=1)
