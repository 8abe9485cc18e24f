"""Where other collectors send what they read: doubles of a write endpoint and of a ThingsBoard, which count values."""

import gzip
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseServer, StreamRequestHandler, ThreadingTCPServer
from typing import Any

_TELEMETRY = "v1/gateway/telemetry"  # ThingsBoard's gateway MQTT API
_ASKED, _ANSWERED = "v1/devices/me/rpc/request/", "v1/devices/me/rpc/response/"
_LIMITS = {"maxPayloadSize": 65536, "maxInflightMessages": 100, "rateLimits": {}, "gatewayRateLimits": {}}  # none
_LOOK_S = 0.05  # for the word to stop
_CONNECT, _PUBLISH, _SUBSCRIBE, _UNSUBSCRIBE, _PING, _DISCONNECT = 1, 3, 8, 10, 12, 14  # packet types of MQTT


class Taken:
    """How many values have come, whichever way."""

    def __init__(self) -> None:
        self._lock, self._values = threading.Lock(), 0

    def add(self, values: int) -> None:
        """So many more."""
        with self._lock:
            self._values += values

    @property
    def values(self) -> int:
        """So many until now."""
        with self._lock:
            return self._values


@dataclass(frozen=True, slots=True)
class Receivers:
    """The ports to send to, and what has come."""

    http_port: int
    mqtt_port: int
    taken: Taken


@contextmanager
def receiving() -> Iterator[Receivers]:
    """Both doubles on free loopback ports for the length of a block."""
    taken = Taken()
    http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(_Write, taken))
    mqtt = _Quick(("127.0.0.1", 0), _handler(_Broker, taken))
    servers: tuple[BaseServer, ...] = (http, mqtt)
    for server in servers:
        threading.Thread(target=server.serve_forever, args=(_LOOK_S,), daemon=True).start()
    try:
        yield Receivers(http.server_address[1], mqtt.server_address[1], taken)
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


class _Quick(ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False  # whoever is still connected is not waited for


def _handler(kind: type[Any], taken: Taken) -> type[Any]:
    return type(kind.__name__, (kind,), {"taken": taken})


class _Write(BaseHTTPRequestHandler):
    """Line protocol, as it is or gzipped, with its length or in chunks: 204, and its fields are counted."""

    taken: Taken
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Take a batch."""
        body = self._chunks() if self.headers.get("Transfer-Encoding") == "chunked" else self._whole()
        self.taken.add(fields_in(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body))
        self.send_response(204)
        self.end_headers()

    def _whole(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _chunks(self) -> bytes:
        parts = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def log_message(self, *_words: Any) -> None:
        """Nobody reads it."""


def fields_in(lines: bytes) -> int:
    """How many fields a batch of line protocol has whose tags and strings hold no blanks."""
    return sum(line.split(b" ")[1].count(b"=") for line in lines.split(b"\n") if line)


def values_in(telemetry: bytes) -> int:
    """How many values a message of ThingsBoard's gateway API holds."""
    devices: dict[str, list[dict[str, Any]]] = json.loads(telemetry)
    return sum(len(row["values"]) for rows in devices.values() for row in rows)


class _Broker(StreamRequestHandler):
    """As much of MQTT 3.1.1 and 5 as a gateway needs to send telemetry; it asks what its limits are: there are none."""

    taken: Taken

    def handle(self) -> None:
        """One connection until it ends."""
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.five = False
        while (head := self.rfile.read(1)) and (kind := head[0] >> 4) != _DISCONNECT:
            self._answer(kind, head[0] & 0x0F, self.rfile.read(self._length()))

    def _length(self) -> int:
        """A variable byte integer (MQTT 3.1.1, 2.2.3)."""
        value = shift = 0
        while (byte := self.rfile.read(1)) and byte[0] & 0x80:
            value, shift = value | (byte[0] & 0x7F) << shift, shift + 7
        return value | (byte[0] if byte else 0) << shift

    def _answer(self, kind: int, flags: int, body: bytes) -> None:
        if kind == _CONNECT:
            self.five = body[6] == 5  # 0 4 M Q T T, then the level
            self._send(0x20, b"\0\0\0" if self.five else b"\0\0")
        elif kind == _PUBLISH:
            self._published((flags >> 1) & 3, body)
        elif kind in {_SUBSCRIBE, _UNSUBSCRIBE}:
            grants = b"\0" * _topics(self._after_properties(body[2:]), options=kind == _SUBSCRIBE)
            self._send(0x90 if kind == _SUBSCRIBE else 0xB0, body[:2] + (b"\0" if self.five else b"") + grants)
        elif kind == _PING:
            self._send(0xD0, b"")

    def _published(self, qos: int, body: bytes) -> None:
        topic, rest = body[2 : 2 + _short(body)].decode(), body[2 + _short(body) :]
        if qos:
            self._send(0x40, rest[:2])
            rest = rest[2:]
        payload = self._after_properties(rest)
        if topic == _TELEMETRY:
            self.taken.add(values_in(payload))
        elif topic.startswith(_ASKED):
            name = (_ANSWERED + topic.removeprefix(_ASKED)).encode()
            told = json.dumps(_LIMITS).encode()
            self._send(0x30, len(name).to_bytes(2, "big") + name + (b"\0" if self.five else b"") + told)

    def _after_properties(self, body: bytes) -> bytes:
        return body[1 + body[0] :] if self.five else body  # shorter than 128 bytes, as clients' are

    def _send(self, first: int, body: bytes) -> None:
        size = bytes([len(body)]) if len(body) < 128 else bytes([len(body) & 0x7F | 0x80, len(body) >> 7])
        self.wfile.write(bytes([first]) + size + body)


def _short(body: bytes) -> int:
    return int.from_bytes(body[:2], "big")


def _topics(body: bytes, *, options: bool) -> int:
    """How many topics a SUBSCRIBE or UNSUBSCRIBE names."""
    count = 0
    while body:
        body, count = body[2 + _short(body) + options :], count + 1
    return count
