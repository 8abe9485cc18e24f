"""The documents over HTTP: shapes, headers, refusals with their mend, and a stream that pushes and ends."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus
from pathlib import Path

import httpx2 as httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from analytics import api_writes
from analytics.api import FORMS, SECURITY, make_app, serve
from analytics.stream import Live
from metering.store import StoreError
from tests.analytics.electronics_works import Document, Works

ROOT = Path(__file__).resolve().parents[2]
NOON = 1_795_230_000_000  # 2026-11-21 11:00 at the site


class Held(Works):
    """The works at a moment that only the test moves."""

    def __init__(self) -> None:
        super().__init__(lambda: self.at_ms)
        self.at_ms = NOON
        self.fault: Exception | None = None
        self.firing: list = []

    def live(self) -> Document:
        if self.fault is not None:
            raise self.fault
        return super().live()

    def alerts(self) -> Document:
        return {**super().alerts(), "alerts": self.firing}


@pytest.fixture
def works() -> Held:
    return Held()


@pytest.fixture
def client(works: Held) -> Iterator[TestClient]:
    at_home = {"base_url": "http://127.0.0.1", "client": ("127.0.0.1", 50_000)}
    with TestClient(make_app(works), raise_server_exceptions=False, **at_home) as client:
        yield client


DOCUMENTS = {
    "site": "id name timezone grid points devices origin languages",
    "live": "now_ms points flow",
    "balance?period=2026-11": "period settled_until_ms provisional energy lines totals faults beside "
    "uncertainty entries",
    "energy?period=2026-11-21": "resolution start_ms series placed provisional_from_ms",
    "matching?period=2026-11": "site period annual_match hourly_match cfe_score coverage heat_map",
    "tree?period=2026-11": "site period settled_until_ms provisional nodes fit sankey cost uncertainty areas",
    "indicators?period=2026-11": "period indicators",
    "score": "standards standard counts counts_apart verdicts",
    "alerts": "now_ms looked_ms stale counts alerts history rules receivers silences",
    "quality": "window_ms ticks gaps_by_reason recent_gaps open_items coverage devices",
}


@pytest.mark.parametrize(("path", "keys"), DOCUMENTS.items())
def test_every_document_is_what_the_service_said(client: TestClient, works: Held, path: str, keys: str) -> None:
    answer = client.get(f"/api/v1/{path}")
    name, _, query = path.partition("?period=")
    said = getattr(works, name)(*([query] if query else [None] if name == "score" else []))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == said
    assert set(answer.json()) == set(keys.split())


ROUTES = [*(f"/api/v1/{path}" for path in DOCUMENTS), "/api/v1/openapi.json", "/healthz", "/", "/vendor/NOTICE"]
REFUSED = ["/api/v1/balance", "/api/v1/nothing", "/nothing.js", "/api/v1/score?standard=none", "/../api.py"]


@pytest.mark.parametrize("path", ROUTES + REFUSED)
def test_every_answer_carries_the_security_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert {name: headers.get(name) for name in SECURITY} == dict(SECURITY)
    assert headers["cache-control"] == ("no-cache" if path in {"/", "/vendor/NOTICE"} else "no-store")
    assert "server" not in headers
    assert "access-control-allow-origin" not in headers


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere() -> None:
    policy = SECURITY["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


def test_a_crash_is_told_with_the_headers_and_without_its_secrets(client: TestClient, works: Held) -> None:
    works.fault = RuntimeError("password=hunter2")
    answer = client.get("/api/v1/live")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers.items() >= SECURITY.items()
    assert "hunter2" not in answer.text


def test_a_busy_store_is_asked_again_later(client: TestClient, works: Held) -> None:
    works.fault = StoreError("readings.db is busy")
    answer = client.get("/api/v1/live")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["detail"] == "readings.db is busy"


BAD = ["2026-13", "last month", "2026-11-31", "0001", "9999", "FY9999", "2026-10-15..2026-10-01", "x" * 99, ""]


@pytest.mark.parametrize("period", BAD)
@pytest.mark.parametrize("view", ["balance", "energy", "tree", "matching"])
def test_a_period_that_cannot_be_read_lists_the_forms(client: TestClient, view: str, period: str) -> None:
    answer = client.get(f"/api/v1/{view}", params={"period": period})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["forms"] == list(FORMS)
    assert all(form in answer.json()["mend"] for form in FORMS)


def test_no_period_at_all_lists_the_forms_too(client: TestClient) -> None:
    assert client.get("/api/v1/balance").json()["forms"] == list(FORMS)


@pytest.mark.parametrize("form", FORMS)
def test_every_listed_form_is_accepted(client: TestClient, form: str) -> None:
    assert client.get("/api/v1/balance", params={"period": form}).json()["period"]["label"] == form


VIEWS = ["balance", "energy", "tree", "matching", "indicators", "orders"]
MOST_POINTS = 100_000


def test_every_view_of_a_period_is_tried() -> None:
    app = make_app(Held())
    asked = {path for path, item in app.openapi()["paths"].items() for word in item.get("get", {}).get("parameters", [])
             if word["name"] == "period"}  # fmt: skip
    assert asked == {f"/api/v1/{view}" for view in VIEWS}


@pytest.mark.parametrize("view", VIEWS)
def test_a_period_that_is_too_long_is_refused_with_advice(client: TestClient, view: str) -> None:
    for period in ("2020-01-01..2026-10-15", "1971-01-01..2200-01-01", "2025-09-11..2026-10-16"):  # the last: 401 days
        answer = client.get(f"/api/v1/{view}", params={"period": period})
        assert (answer.status_code, "400 days" in answer.json()["mend"]) == (413, True), period


def test_no_answer_holds_more_than_a_hundred_thousand_points(client: TestClient) -> None:
    for period, status in (("2026-07", 200), ("2026-06-10..2026-10-15", 200), ("2026", 413), ("FY2026", 413)):
        answer = client.get("/api/v1/energy", params={"period": period})
        assert answer.status_code == status, period
        assert status == 413 or values(answer.json()) <= MOST_POINTS
    refused = client.get("/api/v1/energy", params={"period": "2026"}).json()
    assert "resolution=15min, more than 100,000" in refused["detail"]
    coarser = "ask with resolution=hour or resolution=day or resolution=month"
    assert refused["mend"] == f"{coarser}, or for at most 130 days at a time"
    for resolution in ("hour", "day", "month"):
        longest = {"period": "2025-09-12..2026-10-16", "resolution": resolution}
        assert client.get("/api/v1/energy", params=longest).status_code == 200
    assert client.get("/api/v1/energy", params={"period": "2026-10", "resolution": "1s"}).status_code == 400
    assert api_writes.MOST_ENTRIES <= MOST_POINTS


def values(document: Document) -> int:
    """Of the arrays of an answer."""
    return len(document["start_ms"]) + sum(len(column) for column in document["series"].values())


def test_an_unknown_standard_says_where_the_list_is(client: TestClient) -> None:
    answer = client.get("/api/v1/score", params={"standard": "none"})
    assert answer.status_code == 404
    assert "/api/v1/score" in answer.json()["mend"]


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
@pytest.mark.parametrize("path", ROUTES)
def test_nothing_can_be_written(client: TestClient, method: str, path: str) -> None:
    assert client.request(method, path).status_code == HTTPStatus.METHOD_NOT_ALLOWED


def test_healthz_says_no_more_than_that_it_lives(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}


def events_of(frame: bytes) -> tuple[str, Document]:
    """Name and document of a frame."""
    name, _, data = frame.decode().partition("\n")
    return name.removeprefix("event: "), json.loads(data.removeprefix("data: ") or "{}")


async def opened(live: Live) -> AsyncIterator[bytes]:
    """A stream past its preamble."""
    frames = live.frames()
    assert await anext(frames) == b"retry: 2000\n\n"
    return frames


async def test_a_stream_sends_everything_first_and_goes_on_when_something_changed(works: Held) -> None:
    frames = await opened(Live(works, look_s=0.001, beat_s=60))
    name, first = events_of(await anext(frames))
    assert (name, first) == ("live", works.live())
    works.at_ms += 1_000
    name, then = events_of(await anext(frames))
    assert name == "live"
    assert then["flow"] == works.live()["flow"]


async def test_only_changed_readings_travel() -> None:
    power = {"value": 1.0, "unit": "kW", "time_ms": 1, "quality": 0}
    volts = {"value": 230.0, "unit": "V", "time_ms": 1, "quality": 0}

    class OneMeter:
        time_ms = 1

        def live(self) -> Document:
            return {"now_ms": 1, "points": {"a": {"p": power | {"time_ms": self.time_ms}, "u": volts}}, "flow": {}}

        def alerts(self) -> Document:
            return {"now_ms": 1, "counts": {}, "alerts": []}

    meter = OneMeter()
    frames = await opened(Live(meter, look_s=0.001, beat_s=60))
    await anext(frames)
    meter.time_ms = 2
    _, then = events_of(await anext(frames))
    assert then["points"] == {"a": {"p": power | {"time_ms": 2}}}


async def test_a_quiet_stream_beats(works: Held) -> None:
    frames = await opened(Live(works, look_s=0.001, beat_s=0.002))
    await anext(frames)
    assert events_of(await anext(frames)) == ("beat", {"now_ms": NOON})


async def test_an_alert_is_told_once_to_every_stream(works: Held) -> None:
    works.firing = [{"key": "no_data-1"}]
    for frames in [await opened(Live(works, look_s=0.001, beat_s=0.002)) for _ in range(2)]:
        assert events_of(await anext(frames))[0] == "live"
        name, told = events_of(await anext(frames))
        assert (name, told["alerts"]) == ("alerts", [{"key": "no_data-1"}])
        assert set(told) == {"now_ms", "counts", "alerts"}
        assert events_of(await anext(frames))[0] == "beat"


async def test_a_busy_store_does_not_end_a_stream(works: Held) -> None:
    frames = await opened(Live(works, look_s=0.001, beat_s=60))
    works.fault = StoreError("busy")
    assert events_of(await anext(frames)) == ("trouble", {"detail": "busy"})
    works.fault = None
    assert events_of(await anext(frames))[0] == "live"


async def test_many_streams_look_at_the_service_once(works: Held) -> None:
    looks = []
    works.live, look = lambda: looks.append(1) or look(), works.live  # type: ignore[method-assign]
    live = Live(works, look_s=3600, beat_s=3600)
    for frames in [await opened(live) for _ in range(20)]:
        assert events_of(await anext(frames))[0] == "live"
    assert len(looks) == 1


async def test_a_stream_ends_on_stop_even_in_its_pause(works: Held) -> None:
    live = Live(works, look_s=3600, beat_s=3600)
    frames = await opened(live)
    await anext(frames)
    waiting = asyncio.ensure_future(anext(frames, None))
    await asyncio.sleep(0)
    live.stop()
    assert await waiting is None


@pytest.fixture
def served(works: Held) -> Iterator[tuple[str, threading.Thread, list]]:
    """The real server on a free port, in a thread; stopped at the end whatever happened."""
    app: FastAPI = make_app(works, look_s=0.01)
    said: list = []
    listening = threading.Event()

    def ready(*words: object) -> None:
        said.extend(words)
        listening.set()

    thread = threading.Thread(target=serve, args=(app, "127.0.0.1", 0, ready))
    thread.start()
    assert listening.wait(30)
    yield said[0], thread, said
    said[1]()
    thread.join(30)


def test_the_server_ends_open_streams_and_returns(served: tuple, works: Held, caplog: pytest.LogCaptureFixture) -> None:
    url, thread, (_, stop) = served
    with httpx.stream("GET", f"{url}/api/v1/stream", timeout=30) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        assert "server" not in answer.headers
        lines = answer.iter_lines()
        assert next(line for line in lines if line.startswith("event:")) == "event: live"
        stop()
        list(lines)  # ends by itself
    thread.join(30)
    assert not thread.is_alive()
    assert [record.message for record in caplog.records if record.levelname in {"ERROR", "CRITICAL"}] == []


def test_the_server_listens_on_loopback_alone(served: tuple) -> None:
    url = served[0]
    assert url.startswith("http://127.0.0.1:")
    assert httpx.get(f"{url}/healthz").json() == {"status": "ok"}


def test_a_taken_address_is_an_error_to_the_caller(works: Held) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        serve(make_app(works), "127.0.0.1", taken.getsockname()[1])


SERVED = """
import sys
from analytics.api import make_app, serve
from tests.analytics.electronics_works import Works
serve(make_app(Works(lambda: 0)), ready=lambda url, stop: print(url, flush=True))
print("returned", flush=True)
"""


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_and_leaves_the_rest_to_the_caller(sign: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", SERVED], cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        url = child.stdout.readline().strip()
        with httpx.stream("GET", f"{url}/api/v1/stream", timeout=30) as answer:
            lines = answer.iter_lines()
            assert next(lines) == "retry: 2000"
            child.send_signal(sign)
            list(lines)  # ends by itself
        assert child.stdout.read().split() == ["returned"]
    assert child.returncode == 0
