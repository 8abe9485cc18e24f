"""A double of an InfluxDB 2 server: strict, ill when a test says so, with a log of what it stored."""

import gzip
import json
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from tests.harness import influxql
from tests.harness.fluxadmin import FluxAdmin
from tests.harness.fluxfaults import Fault
from tests.harness.lineparser import BadLineError, Point, Scalar, Series, parse, type_name
from tests.harness.ports import free_port

__all__ = ["Applied", "FakeFlux", "Fault", "Reply", "Version", "fault"]

# How they take a batch with a bad line in it (InfluxDB's own notes on write errors, and what 1.6.7 did here):
# 1.8 stores the good lines and answers 400 "partial write"; 2.1 refuses the whole batch (400 malformed, 422 conflict);
# 2.2 is the build that calls a conflict a 500; 2.7 refuses a batch with a malformed line, and stores the good lines of
# one with a conflict or with points beyond retention: 422 "partial write ... dropped=n".
Version = Literal["1.8", "2.1", "2.2", "2.7"]
PRECISIONS = {"ns": 1, "us": 1000, "ms": 1_000_000, "s": 1_000_000_000}


@dataclass(frozen=True)
class Applied:
    """One field of one line that was stored, in order of arrival."""

    write: int
    series: Series
    field: str
    time_ns: int
    value: Scalar


@dataclass(frozen=True)
class Reply:
    """An answer to a request."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def fault(status: int, code: str, message: str) -> Reply:
    """An error as InfluxDB 2 words it."""
    return Reply(status, json.dumps({"code": code, "message": message}).encode(), {"Content-Type": "application/json"})


class FakeFlux:
    """One organisation, its buckets, a token that may write and one that may read."""

    org, write_token, read_token = "zcf", "write-token", "read-token"

    def __init__(self, version: Version = "2.7", max_body: int = 50_000_000) -> None:
        self.version, self.max_body = version, max_body
        self.buckets: dict[str, dict[Series, dict[str, dict[int, Scalar]]]] = {"readings": {}, "results": {}}
        self.applied: list[Applied] = []
        self.writes: list[int] = []  # the status of each write, 0 = none sent
        self.faults: deque[Fault] = deque()  # one a write
        self.always: Fault | None = None
        self.bad_words: tuple[str, ...] = ()  # a line holding one of these is malformed
        self.lies: Callable[[Point], bool] | None = None  # points it says it has stored, and has not
        self.oldest_ns: int | None = None  # points before it are beyond the bucket's retention
        self.delay_s = 0.0  # how long each write takes
        self.admin: FluxAdmin | None = None  # with it, its tokens and buckets count too
        self._types: dict[tuple[str, str, str], str] = {}
        self._mutex = threading.RLock()
        self._server: _Server | None = None
        self._port = free_port()
        self.start()

    @property
    def url(self) -> str:
        """Where it listens; the same after a restart."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Listen again, with all it held."""
        self._server = _Server(self, self._port)
        self._port = self._server.server_address[1]
        self._server.begin()

    def stop(self) -> None:
        """Refuse connections, and cut those there are."""
        if self._server is not None:
            self._server.end()
        self._server = None

    def rows(self, bucket: str = "readings") -> dict[tuple[Series, str, int], Scalar]:
        """Everything stored: (series, field, time in ns) -> value."""
        with self._mutex:  # writes may be under way
            return {
                (series, name, time): value
                for series, fields in self.buckets[bucket].items()
                for name, values in fields.items()
                for time, value in values.items()
            }

    def changed(self) -> list[Applied]:
        """What was stored over something else: a value sent twice must be the same."""
        seen: dict[tuple[Series, str, int], Scalar] = {}
        return [
            one
            for one in self.applied
            if (before := seen.setdefault((one.series, one.field, one.time_ns), one.value)) != one.value
            or type(before) is not type(one.value)
        ]

    def resent(self) -> int:
        """How many fields were sent more than once."""
        return sum(n - 1 for n in Counter((a.series, a.field, a.time_ns) for a in self.applied).values())

    def roll_back(self, writes: int, bucket: str = "readings") -> None:
        """The bucket as it was before its last so many writes, as after restoring an older backup."""
        with self._mutex:
            kept = [one for one in self.applied if one.write < len(self.writes) - writes]
            self.applied, self.buckets[bucket] = kept, {}
            for one in kept:
                self.buckets[bucket].setdefault(one.series, {}).setdefault(one.field, {})[one.time_ns] = one.value

    def write(self, query: dict[str, str], headers: Any, body: bytes) -> Reply | Fault:
        """POST /api/v2/write."""
        time.sleep(self.delay_s)
        planned = self.faults.popleft() if self.faults else self.always
        if planned is None:
            return self._write(query, headers, body)
        if planned.apply:
            self._write(query, headers, body)
        if planned.drop or planned.hang or planned.drip:
            return planned
        return Reply(planned.status, planned.body.encode(), planned.headers)

    def _write(self, query: dict[str, str], headers: Any, body: bytes) -> Reply:
        refused = self._refuse(query, headers, self.write_token, "write")
        if refused is not None:
            return refused
        if headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if len(body) > self.max_body:
            return fault(413, "request too large", "unable to read data: points batch is too large")
        if query.get("precision") not in PRECISIONS:
            return fault(400, "invalid", "precision must be sent")
        points, malformed = self._parse(body.decode().split("\n"))
        if malformed and self.version != "1.8":
            return fault(400, "invalid", malformed[0])
        with self._mutex:
            reply = self._store(query["bucket"], points, PRECISIONS[query["precision"]])
        if malformed and reply.status == 204:  # 1.x counts those it could not read as none
            return fault(400, "invalid", f"partial write: {malformed[0]} dropped=0")
        return reply

    def _parse(self, lines: list[str]) -> tuple[list[Point], list[str]]:
        """The points, and what is said of the lines that are none."""
        points, malformed = [], []
        for line in filter(None, lines):
            try:
                points.append(self._parsed(line))
            except BadLineError as error:
                malformed.append(str(error))
        return points, malformed

    def _refuse(self, query: dict[str, str], headers: Any, token: str, action: str) -> Reply | None:
        given, bucket = headers.get("Authorization", "").removeprefix("Token "), query.get("bucket", query.get("db"))
        if given != token and not (self.admin and self.admin.may(given, action, bucket or "")):
            return fault(401, "unauthorized", "unauthorized access")
        if query.get("org", self.org) != self.org:
            return fault(404, "not found", "organization not found")
        if bucket not in self.buckets:
            return fault(404, "not found", f'bucket "{bucket}" not found')
        return None

    def _parsed(self, line: str) -> Point:
        if any(word in line for word in self.bad_words):
            raise BadLineError(f"unable to parse '{line}': bad by order of the test")
        return parse(line)

    def _store(self, bucket: str, points: list[Point], unit: int) -> Reply:
        if any(len(str(p.time * unit)) != 19 for p in points):
            return fault(400, "invalid", "a time that is not of our days: wrong precision?")
        refused = [(p, why) for p in points if (why := self._too_old(p, unit) or self._conflict(bucket, p))]
        if refused and self.version == "2.2":
            return fault(500, "internal error", f"unexpected error: partial write: {refused[0][1]}")
        if refused and self.version == "2.1":
            return fault(422, "unprocessable entity", refused[0][1])
        bad = [id(p) for p, _ in refused]
        for point in points:
            if id(point) not in bad and not (self.lies and self.lies(point)):
                self._apply(bucket, point, unit)
        if refused:
            status, code = (400, "invalid") if self.version == "1.8" else (422, "unprocessable entity")
            text = f"failure writing points to database: partial write: {refused[0][1]} dropped={len(bad)}"
            return fault(status, code, text)
        return Reply(204)

    def _too_old(self, point: Point, unit: int) -> str:
        gone = self.oldest_ns is not None and point.time * unit < self.oldest_ns
        return "points beyond retention policy" if gone else ""

    def _conflict(self, bucket: str, point: Point) -> str:
        for name, value in point.fields.items():
            known = self._types.setdefault((bucket, point.series[0], name), type_name(value))
            if known != type_name(value):
                where = f'field type conflict: input field "{name}" on measurement "{point.series[0]}"'
                return f"{where} is type {type_name(value)}, already exists as type {known}"
        return ""

    def _apply(self, bucket: str, point: Point, unit: int) -> None:
        time_ns = point.time * unit
        for name, value in point.fields.items():
            self.buckets[bucket].setdefault(point.series, {}).setdefault(name, {})[time_ns] = value
            self.applied.append(Applied(len(self.writes), point.series, name, time_ns, value))

    def query(self, form: dict[str, str], headers: Any) -> Reply:
        """POST /query."""
        refused = self._refuse(form, headers, self.read_token, "read")
        if refused is not None:
            return refused
        if form.get("epoch") != "ms":
            return fault(400, "invalid", "this double answers epoch=ms only")
        with self._mutex:
            found = influxql.answer(self.buckets[form["db"]], form["q"], json.loads(form.get("params", "{}")))
        return Reply(200, json.dumps(found).encode(), {"Content-Type": "application/json"})


class _Server(ThreadingHTTPServer):
    """The listening socket, and the connections to cut when it ends."""

    daemon_threads = True

    def __init__(self, flux: FakeFlux, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.flux, self.ended = flux, threading.Event()
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), name="fakeflux", daemon=True)

    def begin(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self.shutdown()
        self._thread.join()
        self.ended.set()
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        self.server_close()

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)


class _Handler(BaseHTTPRequestHandler):
    """HTTP/1.1 with connections that stay open."""

    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        flux, query = self.server.flux, dict(parse_qsl(parts.query))
        if parts.path == "/api/v2/write":
            self._answer_write(flux.write(query, self.headers, body))
        elif parts.path == "/query":
            self._answer(flux.query(query | dict(parse_qsl(body.decode())), self.headers))
        else:
            self._manage("POST", body)

    def do_GET(self) -> None:
        self._manage("GET", b"")

    def do_PATCH(self) -> None:
        self._manage("PATCH", self.rfile.read(int(self.headers["Content-Length"])))

    def do_DELETE(self) -> None:
        self._manage("DELETE", b"")

    def _manage(self, method: str, body: bytes) -> None:
        parts, admin = urlsplit(self.path), self.server.flux.admin
        if admin is None:
            self._answer(fault(404, "not found", "path not found"))
            return
        token = self.headers.get("Authorization", "").removeprefix("Token ")
        status, found = admin.answer(method, parts.path, dict(parse_qsl(parts.query)), token, body)
        raw = b"" if found is None else json.dumps(found).encode()
        self._answer(Reply(status, raw, {"Content-Type": "application/json"}))

    def _answer_write(self, found: Reply | Fault) -> None:
        flux = self.server.flux
        flux.writes.append(found.status if isinstance(found, Reply) else 0)
        if isinstance(found, Reply):
            self._answer(found)
            return
        if found.hang:
            self.server.ended.wait()
        while found.drip and not self.server.ended.wait(0.02):
            self.wfile.write(b"H")
        self.close_connection = True

    def _answer(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.status != 204:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if reply.status != 204:
            self.wfile.write(reply.body)

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:  # cut by stop()
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent."""
