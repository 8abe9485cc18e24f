"""What the collector counts, as /metrics for Prometheus and /healthz, on a loopback port if the site file says so."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from resource import getpagesize
from typing import Any

from collector.housekeeping import Housekeeping
from metering.reading import Lane, Poll, PollGap, PollGroup, ValueGap
from metering.sitefile import MetricsSection
from metering.store.readings import Acknowledged, LedgerKey, ReadingsWriter

Faults = Callable[[], list[str]]
Text = Callable[[], bytes]


@dataclass
class Tally:
    """What was committed since the start; written by the committer's thread, copied by others."""

    devices: dict[int, str] = field(default_factory=dict)  # by group
    reads: Counter[tuple[int, Lane]] = field(default_factory=Counter)
    gaps: Counter[tuple[int, Lane, str]] = field(default_factory=Counter)  # ticks; messages lost in the lane MESSAGE
    value_gaps: Counter[str] = field(default_factory=Counter)
    newest_ms: dict[int, int] = field(default_factory=dict)
    commits: int = 0
    commit_s: float = 0.0
    longest_s: float = 0.0
    failures: int = 0
    quarantined: int = 0
    rejected: int = 0  # messages

    def polls(self, polls: Iterable[Poll]) -> None:
        """Readings that are durable."""
        for poll in polls:
            self.reads[poll.group, poll.lane] += 1
            self.newest_ms[poll.group] = max(poll.time_ms, self.newest_ms.get(poll.group, 0))

    def committed(self, took_s: float) -> None:
        """One transaction that succeeded."""
        self.commits += 1
        self.commit_s += took_s
        self.longest_s = max(self.longest_s, took_s)


class TalliedWriter(ReadingsWriter):
    """The writer of readings.db that counts what it made durable."""

    def __init__(self, store: Path, owner: str) -> None:
        super().__init__(store, owner)
        self.tally = Tally(newest_ms=self.newest_times())

    def group(self, group: PollGroup) -> int:
        """The number of a poll group, made on first sight."""
        number = super().group(group)
        self.tally.devices[number] = group.device
        return number

    def commit(
        self,
        polls: Iterable[Poll] = (),
        gaps: Iterable[PollGap] = (),
        value_gaps: Iterable[ValueGap] = (),
        ledger: Mapping[LedgerKey, int] | None = None,
        acknowledged: Iterable[Acknowledged] = (),
    ) -> int:
        """Write one batch in one durable transaction, and count it."""
        polls, gaps, value_gaps = tuple(polls), tuple(gaps), tuple(value_gaps)
        began_s = time.monotonic()
        try:
            seq = super().commit(polls, gaps, value_gaps, ledger, acknowledged)
        except Exception:
            self.tally.failures += 1
            raise
        self.tally.committed(time.monotonic() - began_s)
        self.tally.polls(polls)
        for gap in gaps:
            self.tally.gaps[gap.group, gap.lane, gap.reason.value] += gap.ticks
        self.tally.value_gaps.update(gap.reason.value for gap in value_gaps)
        return seq

    def quarantine(self, sink: str, rows: Iterable[tuple[int, str, str, int]]) -> None:
        """Set aside lines a sink will never take, and count them."""
        rows = tuple(rows)
        super().quarantine(sink, rows)
        if sink.startswith("mqtt "):
            self.tally.rejected += len(rows)
        else:
            self.tally.quarantined += len(rows)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the figures come from at the moment they are asked for."""

    tally: Tally
    queue: Callable[[], int]  # polls that wait for a commit
    forward: Callable[[], tuple[int, int] | None]  # polls (pending, delivered); None where nothing is forwarded
    house: Housekeeping | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """Loops that stand still, and what a person must mend; either makes /healthz red."""

    stuck: Faults
    faults: Faults


class Figures:
    """The figures as prometheus-client wants them."""

    def __init__(self, sources: Sources, now_s: Callable[[], float] = time.time) -> None:
        self._from, self._now_s = sources, now_s

    def collect(self) -> Iterator[Any]:
        """Every family, anew at each scrape."""
        yield from self._ticks()
        yield from self._commits()
        yield from self._state()
        yield from self._forward()
        yield from self._house()

    def _ticks(self) -> Iterator[Any]:
        """Due ticks are those that ended, as a reading or in a gap; messages are due at no time."""
        tally = self._from.tally
        due, read, gap = Counter[tuple[str, str]](), Counter[tuple[str, str]](), Counter[tuple[str, str, str]]()
        for (group, lane), count in tally.reads.copy().items():
            key = (tally.devices.get(group, ""), lane.name.lower())
            read[key] += count
            due[key] += count * (lane is not Lane.MESSAGE)
        for (group, lane, reason), count in tally.gaps.copy().items():
            device = tally.devices.get(group, "")
            gap[device, lane.name.lower(), reason] += count
            due[device, lane.name.lower()] += count * (lane is not Lane.MESSAGE)
        labels = ("device", "lane")
        yield _labelled("zcf_ticks_due", "Ticks that were due and have ended", labels, +due)
        yield _labelled("zcf_ticks_read", "Ticks that ended as a durable reading", labels, read)
        yield _labelled("zcf_ticks_gap", "Ticks that ended in a gap", (*labels, "reason"), gap)
        absent = {(reason,): count for reason, count in tally.value_gaps.copy().items()}
        yield _labelled("zcf_messages_rejected", "Messages set aside as no reading", (), {(): tally.rejected})
        yield _labelled("zcf_values_absent", "Values missing from good answers", ("reason",), absent)

    def _commits(self) -> Iterator[Any]:
        from prometheus_client.core import SummaryMetricFamily

        tally = self._from.tally
        yield SummaryMetricFamily("zcf_commit_seconds", "Durable transactions", tally.commits, tally.commit_s)
        yield _gauge("zcf_commit_longest_seconds", "The longest transaction since the start", tally.longest_s)
        yield _labelled("zcf_commit_failures", "Transactions the store refused", (), {(): tally.failures})
        yield _gauge("zcf_queue_polls", "Polls that wait for a commit", self._from.queue())

    def _state(self) -> Iterator[Any]:
        from prometheus_client.core import GaugeMetricFamily

        tally, newest = self._from.tally, dict[str, int]()
        for group, time_ms in tally.newest_ms.copy().items():
            if group in tally.devices:
                device = tally.devices[group]
                newest[device] = max(time_ms, newest.get(device, 0))
        ages = GaugeMetricFamily("zcf_reading_age_seconds", "Age of a device's newest reading", labels=["device"])
        for device, time_ms in newest.items():
            ages.add_metric([device], max(0.0, self._now_s() - time_ms / 1000))
        yield ages
        yield _gauge("zcf_resident_bytes", "Memory of the process", _resident_bytes())

    def _house(self) -> Iterator[Any]:
        house = self._from.house
        if house is not None:
            yield _gauge("zcf_store_used_bytes", "What the readings take", house.used_bytes)
            yield _gauge("zcf_store_quota_bytes", "What they may take", house.quota_bytes)
            yield _gauge("zcf_disk_free_share", "Free part of the disk the store is on", house.free_share)
            yield _labelled("zcf_store_thinned_polls", "Polls the ladder removed", (), {(): house.thinned})

    def _forward(self) -> Iterator[Any]:
        found = self._from.forward()
        if found is not None:
            yield _gauge("zcf_forward_pending_polls", "Polls the sink has not got", found[0])
            yield _gauge("zcf_forward_delivered_polls", "Polls the sink has acknowledged", found[1])
            lines = {(): self._from.tally.quarantined}
            yield _labelled("zcf_forward_quarantined_lines", "Lines the sink will never take", (), lines)


def _labelled(name: str, help_: str, labels: tuple[str, ...], counts: Mapping[Any, int]) -> Any:
    from prometheus_client.core import CounterMetricFamily

    family = CounterMetricFamily(name, help_, labels=labels)
    for key, count in sorted(counts.items()):
        family.add_metric(list(key), count)
    return family


def _gauge(name: str, help_: str, value: float) -> Any:
    from prometheus_client.core import GaugeMetricFamily

    return GaugeMetricFamily(name, help_, value)


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * getpagesize()


def exposition(sources: Sources) -> Text:
    """The function that prints the figures, with a registry of its own."""
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Figures(sources))
    return lambda: generate_latest(registry)


@contextmanager
def serving(section: MetricsSection | None, sources: Sources, health: Health) -> Iterator[None]:
    """Answer /metrics and /healthz for the length of a block, where the site file says so."""
    if section is None:
        yield
        return
    server = ThreadingHTTPServer((section.host, section.port), _handler(exposition(sources), health))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(text: Text, health: Health) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 5.0  # a caller that sends nothing is let go

        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(200, "text/plain; version=0.0.4; charset=utf-8", text())
            elif self.path == "/healthz":
                stuck, faults = health.stuck(), health.faults()
                body = json.dumps({"ok": not stuck and not faults, "stuck": stuck, "faults": faults}).encode()
                self._answer(503 if stuck or faults else 200, "application/json", body)
            else:
                self._answer(404, "text/plain", b"/metrics or /healthz\n")

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing: a scrape every few seconds is no news."""

    return Handler
