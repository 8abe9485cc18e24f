"""Secrets planted wherever one can be given, looked for in everything the programs say, answer, keep and pack."""

import base64
import gzip
import json
import os
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.harness.ports import free_port
from tests.zcf.works import SITE, Works

ROOT = Path(__file__).parents[2]
DEADLINE_S = 300
CANARIES = {
    name: f"kanari{number:02}{name.lower().replace('_', '')}Vogel"
    for number, name in enumerate(
        ["ZCF_INFLUX_TOKEN", "ZCF_INFLUX_READ_TOKEN", "ZCF_INFLUX_RESULTS_TOKEN", "ZCF_INFLUX_ADMIN_TOKEN",
         "ZCF_GRAFANA_TOKEN", "ZCF_RECEIVER_HOOK", "ZCF_RECEIVER_BUS", "ZCF_RECEIVER_BOSS", "MQTT_FILE"]
    )
}  # fmt: skip
MORE = """
metrics: {{port: {metrics}}}
forward: {{url: "http://127.0.0.1:{influx}", org: works, bucket: readings, results_bucket: results}}
alerts: [{{id: silent, kind: absence, after: 2s}}]
receivers:
  - {{id: hook, channel: webhook, host: localhost, path: /zcf}}
  - {{id: bus, channel: mqtt, host: 127.0.0.1, port: {closed}, user: zcf, topic: alerts}}
  - {{id: boss, channel: email, host: 127.0.0.1, port: {closed}, user: zcf, sender: a@example.org, to: [b@example.org]}}
"""
BROKER = "  - {{id: broker, type: mqtt, host: 127.0.0.1, port: {closed}, user: collector, password_file: {file}}}\n"
DEVICES = """\
  - {id: plug, profile: shelly-pro-3em-mqtt, link: broker, base: shelly/plug}
  - {id: ghost, profile: eastron-sdm630, link: hall, unit: 9, every: {power: 1s, energy: 1s, status: 1s}}
points:
  - {id: plug, role: load, parent: grid, device: plug}
  - {id: ghost, role: load, parent: grid, device: ghost}
"""


@dataclass
class Said:
    """Everything that came out, by where; the planted secrets are looked for as they are and as wires write them."""

    by: dict[str, bytes] = field(default_factory=dict)

    def hear(self, where: str, what: bytes) -> None:
        """One more thing that was said."""
        self.by[where] = what

    def told(self, secrets: Mapping[str, str]) -> list[str]:
        """Which secrets are in it, and where."""
        pairs = [(name, where) for where in self.by for name in secrets]
        return [f"{name} in {where}" for name, where in pairs if any(f in self.by[where] for f in forms(secrets[name]))]


def forms(secret: str) -> Iterator[bytes]:
    """A secret as it is, in the middle of Base64 at each of three offsets, in hexadecimal, and in a URL."""
    yield secret.encode()
    for lead in range(3):
        yield base64.b64encode(b"x" * lead + secret.encode())[4:-4]
    yield secret.encode().hex().encode()
    yield quote(secret).encode()


def unpacked(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    """A file, and what is packed in it."""
    yield name, content
    if content.startswith(b"\x1f\x8b"):
        yield from unpacked(f"{name}!", gzip.decompress(content))
    elif zipfile.is_zipfile(BytesIO(content)):
        with zipfile.ZipFile(BytesIO(content)) as archive:
            for one in archive.namelist():
                yield from unpacked(f"{name}!{one}", archive.read(one))
    elif content[257:262] == b"ustar":
        with tarfile.open(fileobj=BytesIO(content)) as archive:
            for member in archive.getmembers():
                if (file := archive.extractfile(member)) is not None:
                    yield from unpacked(f"{name}!{member.name}", file.read())


def echo(request: Request) -> Response:
    """A database, or a Grafana, that refuses every token and tells it back."""
    return Response(f"unauthorized: {request.headers.get('Authorization')}", status=401)


@dataclass
class Yard:
    """A works whose every neighbour refuses, with a secret for each of them."""

    folder: Path
    influx: HTTPServer
    said: Said = field(default_factory=Said)

    def __post_init__(self) -> None:
        (self.folder / "secrets").mkdir(parents=True)
        Works(self.folder).run()
        password = self.folder / "secrets" / "mqtt"
        password.write_text(CANARIES["MQTT_FILE"])
        password.chmod(0o600)
        self.closed, self.metrics, self.page = free_port(), free_port(), free_port()
        ports = {"influx": self.influx.port, "closed": self.closed, "metrics": self.metrics, "file": password}
        links = "links:\n" + BROKER.format(**ports)
        self.site = self.folder / "site.yaml"
        text = SITE.lstrip().replace("links:\n", links).replace("points:\n", DEVICES)
        self.site.write_text(text + MORE.format(**ports))
        self.environment = {**os.environ, **CANARIES, "PYTHONPATH": str(ROOT), "ZCF_GRAFANA_URL": self.url}
        self.environment.pop("ZCF_STORE", None)

    @property
    def url(self) -> str:
        """Of the database and of the Grafana."""
        return f"http://127.0.0.1:{self.influx.port}"

    def run(self, *words: object) -> bytes:
        """One command to its end."""
        done = subprocess.run(self._call(*words), capture_output=True, env=self.environment, cwd=self.folder,
                              timeout=DEADLINE_S, check=False)  # fmt: skip
        self.said.hear(f"zcf {words[0]} ({done.returncode})", done.stdout + done.stderr)
        return done.stdout

    def start(self, *words: object) -> "subprocess.Popen[bytes]":
        """One that stays; what it says goes to a file."""
        with (self.folder / f"{words[0]}.log").open("wb") as log:
            return subprocess.Popen(self._call(*words), stdout=log, stderr=log, env=self.environment, cwd=self.folder)

    def log(self, name: str) -> bytes:
        """What it has said."""
        return (self.folder / f"{name}.log").read_bytes()

    def ask(self, port: int, path: str, token: str = "") -> bytes:
        """One answer, head and all."""
        there = HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
        there.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
        answer = there.getresponse()
        body = answer.read()
        self.said.hear(f"GET {path.replace(token, 'TOKEN') if token else path}", str(answer.headers).encode() + body)
        there.close()
        return body

    @staticmethod
    def _call(*words: object) -> list[str]:
        return [sys.executable, "-P", "-m", "zcf", *map(str, words)]


def until(wanted: Any) -> None:
    """Wait for a condition; what is not there yet is asked for again."""
    late = time.monotonic() + DEADLINE_S
    while True:
        with suppress(OSError, ValueError, KeyError):
            if wanted():
                return
        assert time.monotonic() < late, "never came"
        time.sleep(0.2)


def everything(yard: Yard, token: str) -> None:
    """Every document, every command that packs or fails, while both programs run."""
    openapi = json.loads(yard.ask(yard.page, "/api/v1/openapi.json"))
    for path, item in openapi["paths"].items():
        if "get" in item and path != "/api/v1/stream":
            asked = "?period=2026-09" if any(p["name"] == "period" for p in item["get"].get("parameters", [])) else ""
            yard.ask(yard.page, path + asked, token)
    yard.ask(yard.page, f"/api/v1/live?token={token}", token)
    yard.ask(yard.metrics, "/metrics")
    yard.ask(yard.metrics, "/healthz")
    for words in (
        ("check", yard.site), ("backup", yard.site, "backup.tar.gz"), ("token", "list", yard.site),
        ("audit", "show", yard.site), ("report", yard.site, "--period", "2026-09", "--bundle", "bundle.zip"),
        ("grafana", "push", yard.site, "--dry-run"), ("influx", "init", yard.site), ("resync", yard.site, "--check"),
    ):  # fmt: skip
        yard.run(*words)


@pytest.mark.long
def test_no_planted_secret_is_in_anything_that_is_said_answered_kept_or_packed(
    tmp_path: Path, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("").respond_with_handler(echo)
    yard = Yard(tmp_path / "works", httpserver)
    yard.run("check", yard.site)
    made = json.loads(yard.run("token", "make", yard.site, "--name", "me", "--role", "admin", "--who", "me",
                               "--why", "test", "--json"))  # fmt: skip
    del yard.said.by["zcf token (0)"]  # there it is shown, once and on purpose
    token = made["token"]
    programs = [yard.start("collect", yard.site), yard.start("serve", yard.site, "--port", yard.page)]
    try:
        until(lambda: all(post["failing"] for post in json.loads(yard.ask(yard.page, "/api/v1/alerts"))["receivers"]))
        until(lambda: b"401" in yard.log("collect") and b"broker" in yard.log("collect"))
        everything(yard, token)
    finally:
        for program in programs:
            program.terminate()
        for program in programs:
            program.wait(DEADLINE_S)
    for file in sorted(file for file in yard.folder.rglob("*") if file.is_file()):
        if file.parent.name != "secrets":
            for where, content in unpacked(str(file.relative_to(yard.folder)), file.read_bytes()):
                yard.said.hear(where, content)
    assert yard.said.told({**CANARIES, "API": token}) == []
    assert {"backup.tar.gz", "bundle.zip", "collect.log", "serve.log", "GET /metrics"} <= yard.said.by.keys()


def test_the_search_finds_what_it_is_for() -> None:
    said, secret = Said(), CANARIES["ZCF_INFLUX_TOKEN"]
    for lead in (b"", b"u:", b"zcf:"):
        said.hear(f"base64 {len(lead)}", base64.b64encode(lead + secret.encode()))
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.gz", gzip.compress(secret.encode()))
    for where, content in unpacked("bundle.zip", packed.getvalue()):
        said.hear(where, content)
    assert len(said.told({"it": secret})) == 4
