"""`zcf bench page`: first paint in a browser, fifty clients, a crowd that wants nothing: answers, ages, ticks."""

import http.client
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from collector.schedule import cadence
from metering.reading import Lane
from metering.store.readings_reader import ReadingsReader
from zcf.bench import paint
from zcf.bench.collect import environment
from zcf.bench.contestants import percentile
from zcf.bench.crowd import DRIPPING, IDLE, Clients, Crowd

PATHS = ("live", "site", "balance?period={day}", "energy?period={day}", "quality", "alerts", "tree?period={day}")
ZONE = ZoneInfo("Asia/Shanghai")  # where the demo's works are
EVERY_S = 5.0  # how often each client asks: 50 of them stay below the page's own limit of 20 a second
START_S = 600.0
Times = tuple[int, int]


def compare(clients: int, days: int, seconds: int) -> dict[str, Any]:
    """The collector's jitter while nobody looks, a browser's looks, then clients and one stream, then a crowd."""
    with tempfile.TemporaryDirectory(prefix="zcf-bench-") as name:
        folder = Path(name)
        with demo(folder, days) as port:
            time.sleep(seconds / 2)  # the start is over
            quiet = _span(seconds, lambda: None)
            why = paint.lacking()
            seen = {} if why else paint.look(f"http://127.0.0.1:{port}", seconds)
            asking = Asking(port, clients)
            loaded = _span(seconds, asking.start)
            asking.stop()
            crowd, beside = Crowd(port), Asking(port, 1)
            crowd.start()
            crowded = _span(seconds, beside.start)
            beside.stop()
            crowd.stop()
        spans = {"quiet": quiet, "loaded": loaded, "crowded": crowded}
        late = {what: lateness(folder / "store", span) for what, span in spans.items()}
    return {
        "clients": clients, "days": days, "seconds": seconds, **asking.found(),
        "collector_late_ms": {what: _percentiles(found) for what, found in late.items()},
        "crowd": {"opened": crowd.opened, "cut_off": crowd.cut_off, "answer_ms": beside.found()["answer_ms"]},
        "browser": seen | {"painted_age_ms": _percentiles(seen["painted_age_ms"])} if seen else None,
        "not_measured": {"first paint": why} if why else {},
    }  # fmt: skip


@contextmanager
def demo(folder: Path, days: int) -> Iterator[int]:
    """`zcf demo` in a process of its own; gives the page's port once it answers."""
    words = [sys.executable, "-P", "-m", "zcf", "demo", "--dir", str(folder), "--days", str(days), "--for", "86400"]
    log = folder.with_name(folder.name + "-demo.log")
    with log.open("wb") as told:
        process = subprocess.Popen([*words, "--json"], stdout=told, stderr=told, env=environment())
    try:
        yield _port(folder, process, log)
    finally:
        process.terminate()
        process.wait()
        log.unlink()


def _port(folder: Path, process: "subprocess.Popen[bytes]", log: Path) -> int:
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        state = folder / "demo.json"
        port = int(json.loads(state.read_text(encoding="utf-8")).get("page_port") or 0) if state.exists() else 0
        if port and ask(port, "/api/v1/live")[0] == http.client.OK:
            return port
        time.sleep(0.5)
    raise OSError(f"the demo does not answer:\n{log.read_text(encoding='utf-8')[-1000:]}")


def ask(port: int, path: str) -> tuple[int, float]:
    """The status of one request on a connection of its own, 0 for none, and how long it took [ms]."""
    begun, connection = time.monotonic(), http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        return answer.status, 1000 * (time.monotonic() - begun)
    except (OSError, http.client.HTTPException):
        return 0, 1000 * (time.monotonic() - begun)
    finally:
        connection.close()


def _span(seconds: int, begin: Any) -> Times:
    from_ms = time.time_ns() // 1_000_000
    begin()
    time.sleep(seconds)
    return from_ms, time.time_ns() // 1_000_000


class Asking(Clients):
    """Clients that each ask for one document after the other, spread over their period, and one that listens."""

    def __init__(self, port: int, clients: int) -> None:
        super().__init__(port)
        self._answers: list[tuple[str, int, float]] = []  # path, status, how long it took [ms]
        self._ages: list[float] = []
        self._threads += [threading.Thread(target=self._ask, args=(n, n / clients)) for n in range(clients)]
        self._threads.append(threading.Thread(target=self._listen, daemon=True))

    def found(self) -> dict[str, Any]:
        """How long answers took, and how old a reading was when the stream brought it [ms]."""
        good = [taken for _, status, taken in self._answers if status == http.client.OK]
        refused = Counter(f"{path}: {status}" for path, status, _ in self._answers if status != http.client.OK)
        return {
            "asked": len(self._answers), "answered": len(good), "refused": dict(refused),
            "answer_ms": _percentiles(good), "update_ms": _percentiles(self._ages), "updates": len(self._ages),
        }  # fmt: skip

    def _ask(self, number: int, share: float) -> None:
        wait = EVERY_S * share
        while not self._end.wait(wait):
            path = PATHS[number % len(PATHS)]
            status, taken = ask(self._port, f"/api/v1/{path.format(day=datetime.now(ZONE).date())}")
            self._answers.append((path, status, taken))
            number, wait = number + 1, max(0.0, EVERY_S - taken / 1000)

    def _listen(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        connection.request("GET", "/api/v1/stream")
        answer = connection.getresponse()
        first = True
        while not self._end.is_set() and (line := answer.readline()):
            told = ages_ms(line, time.time_ns() // 1_000_000)
            self._ages += [] if first else told  # the first event holds everything there is, old and new
            first = first and not told
        connection.close()


def ages_ms(line: bytes, now_ms: int) -> list[float]:
    """How old each new reading of a `live` event is; none of any other line."""
    if not line.startswith(b"data: {") or b'"points"' not in line:
        return []
    points = json.loads(line.removeprefix(b"data: "))["points"]
    return [now_ms - one["time_ms"] for of in points.values() for one in of.values()]


def lateness(store: Path, span: Times) -> list[float]:
    """How long after each due tick of a span its reading was there [ms]; messages are not due at any time."""
    reader = ReadingsReader(store)
    starts = {epoch.id: epoch.start_ms for epoch in reader.epochs()}
    groups = {number: group for number, group in reader.groups().items() if group.blocks}
    first = max(reader.last_seq() - 1_000_000, 0)
    return [
        poll.time_ms - cadence(poll.group, starts[poll.epoch], groups[poll.group].cadence_ms).due_ms(poll.tick)
        for poll in reader.polls_since(first, 1_000_000)
        if span[0] <= poll.time_ms < span[1] and poll.group in groups and poll.lane is Lane.CADENCE
    ]


def _percentiles(numbers: Iterable[float]) -> dict[str, float | None]:
    kept = list(numbers)
    return {f"p{part}": percentile(kept, part / 100) for part in (50, 95, 99)}


def show(found: dict[str, Any], *, as_json: bool) -> None:
    """The figures as one JSON object, or as a table."""
    if as_json:
        print(json.dumps(found))
        return
    from rich.console import Console
    from rich.table import Table

    title = f"The demo's page under {found['clients']} clients, each asking every {EVERY_S:.0f} s, {found['seconds']} s"
    table = Table(box=None, header_style="bold", title=title)
    table.add_column("what [ms]", no_wrap=True)
    for part in ("p50", "p95", "p99"):
        table.add_column(part, justify="right")
    for what, row in _rows(found).items():
        table.add_row(what, *("-" if number is None else f"{number:,.0f}" for number in row.values()))
    console = Console()
    console.print(table)
    console.print(f"{found['answered']} of {found['asked']} requests answered with 200; {found['updates']} live values")
    for what, times in found["refused"].items():
        console.print(f"{what} (0 = no answer), {times} times")
    if found["browser"]:
        console.print(_looked(found["browser"]))
    for name, why in found["not_measured"].items():
        console.print(f"{name}: not measured: {why}")


def _rows(found: dict[str, Any]) -> dict[str, dict[str, float | None]]:
    late, seen = found["collector_late_ms"], found["browser"]
    painted = {"from reading to painted, in a browser": seen["painted_age_ms"]} if seen else {}
    return painted | {
        "an API answer": found["answer_ms"], "from reading to page, over the stream": found["update_ms"],
        "a tick's reading is late, nobody looks": late["quiet"],
        "a tick's reading is late, under the clients": late["loaded"],
        f"a tick's reading is late, {IDLE} idle and {DRIPPING} dripping": late["crowded"],
        "an API answer beside that crowd": found["crowd"]["answer_ms"],
    }  # fmt: skip


def _looked(seen: dict[str, Any]) -> str:
    view, shift = max(seen["layout_shift"].items(), key=lambda one: one[1])
    times = ", ".join(f"{what} {seen[key]:,.0f} ms" for what, key in paint.MOMENTS.items())
    return f"{seen['loads']} cold loads, median: {times}; layout shift at most {shift:.3f} ({view})"
