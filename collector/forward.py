"""Readings after the cursor -> InfluxDB 2: the newest first, the backlog behind them, nothing deleted on delivery.

Runs in a thread of the collector. Sending a batch again is harmless: same series, timestamp, type and value.
"""

import os
import threading
import time
from collections.abc import Callable, Iterable
from typing import Final, Protocol

import structlog

from collector.delivery import PAUSE_S, Answer, BackOff, Pending, Verdict, verdict
from collector.influx_sink import InfluxSink, read_token
from collector.line_protocol import GroupLines
from collector.notify import Pulse
from metering.reading import StoredPoll
from metering.site import Site
from metering.sitefile import SiteConfig
from metering.store import StoreError
from metering.store.readings_reader import ReadingsReader

LANE: Final = "readings"  # one name for live and backlog, so that their ranges join and the table stays small
BATCH_POLLS: Final = 500
IDLE_S: Final = 1.0
LONGEST_S: Final = 60.0  # a send is broken off well before
MOST_BAD: Final = 20  # more bad lines in a batch than this are not bad lines but a bad setting: keep them all

Acknowledge = Callable[[str, str, int, int], object]  # ReadingsWriter.acknowledge(sink, lane, first_seq, last_seq)
BadLine = tuple[int, str, str, int]  # (seq, line, reason, at_ms)
Quarantine = Callable[[str, Iterable[BadLine]], object]  # ReadingsWriter.quarantine(sink, rows)
Line = tuple[int, str]  # (seq, line)

log = structlog.get_logger(__name__)


class Sink(Protocol):
    """Where readings go."""

    name: str

    def send(self, body: bytes) -> Answer:
        """Write a body of line protocol with times in ms; never raises for what the server or the network does."""
        ...

    def close(self) -> None:
        """Drop the connections; the next send makes new ones."""
        ...


class Interrupted(Exception):  # noqa: N818 - the server's answer ends a batch, nothing failed here
    """The server takes nothing now."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.detail)
        self.answer = answer


class Refused(Interrupted):
    """The server takes other batches, but not this one."""


class Forwarder:
    """Delivers polls to one sink; `acknowledge` and `quarantine` are the writer's, called from this thread."""

    def __init__(
        self,
        site: Site,
        reader: ReadingsReader,
        sink: Sink,
        acknowledge: Acknowledge,
        quarantine: Quarantine | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._site, self._points = site.id, {p.id: p for p in site.points}
        self._reader, self._sink, self._clock = reader, sink, clock
        self._acknowledge, self._quarantine = acknowledge, quarantine
        self._lines: dict[int, GroupLines] = {}
        self._pending: Pending | None = None
        self._back_off = BackOff()
        self._batch = BATCH_POLLS
        self._skip_backlog = 0  # [steps]
        self.state = "starting"
        self.delivered = self.quarantined = 0  # [polls], [lines] since the start
        self._turns = 0
        self._resting = True

    def run(self, stop: threading.Event) -> None:
        """Deliver until told to stop."""
        try:
            while not stop.is_set():
                self._resting = False
                wait_s = self.step()
                self._turns += 1
                self._resting = True
                stop.wait(wait_s)
        finally:
            self._sink.close()

    @property
    def pulse(self) -> Pulse:
        """How far it has got, for the watchdog."""
        return Pulse("forward", self._turns, not self._resting, LONGEST_S)

    def step(self) -> float:
        """At most one batch of each lane; how long to wait before the next step [s]."""
        try:
            self._live()
            busy = self._backlog()
        except Interrupted as found:
            return self._wait(found.answer)
        except StoreError as error:
            return self._wait(Answer(0, str(error)))
        self._enter("delivering")
        self._back_off.reset()
        return 0.0 if busy else IDLE_S

    def pending(self) -> int:
        """How many polls the sink has not got."""
        return self._known().count(self._reader.last_seq())

    def progress(self) -> tuple[int, int]:
        """How many polls the sink has not got, and has got, as the store says; from any thread."""
        ranges = self._reader.delivered(self._sink.name)
        return Pending(ranges).count(self._reader.last_seq()), sum(last - first + 1 for first, last in ranges)

    def _known(self) -> Pending:
        if self._pending is None:
            self._pending = Pending(self._reader.delivered(self._sink.name))
        return self._pending

    def _live(self) -> None:
        pending = self._known()
        head = self._reader.last_seq()
        pending.advance(head, self._batch)
        if head > pending.live:
            self._range(pending.live + 1, head)

    def _backlog(self) -> bool:
        pending = self._known()
        self._skip_backlog = max(self._skip_backlog - 1, 0)
        if not pending.holes or self._skip_backlog:
            return False
        first, last = pending.holes[0]
        self._range(first, min(last, first + self._batch - 1))
        return bool(pending.holes) and not self._skip_backlog

    def _range(self, first: int, last: int) -> None:
        """Deliver [first, last], no wider than a batch, and have it acknowledged; or put it behind the others."""
        polls = [poll for poll in self._reader.polls_since(first - 1, last - first + 1) if poll.seq <= last]
        try:
            bad = self._deliver([(poll.seq, self._text(poll)) for poll in polls])
        except Refused as found:
            self._known().postpone(first, last)
            self._skip_backlog = round(PAUSE_S / IDLE_S)
            self._report("forward_refused", found.answer, first_seq=first, last_seq=last)
            return
        if bad and self._quarantine is not None:
            self._quarantine(self._sink.name, bad)
            self.quarantined += len(bad)
            log.error("forward_quarantined", lines=len(bad), line=bad[0][1], reason=bad[0][2])
        self._acknowledge(self._sink.name, LANE, first, last)
        self._known().take(first, last)
        self.delivered += len(polls)

    def _text(self, poll: StoredPoll) -> str:
        if poll.group not in self._lines:
            groups = self._reader.groups()
            self._lines = {n: GroupLines(self._site, g, self._points) for n, g in groups.items()}
        return self._lines[poll.group].lines(poll)

    def _deliver(self, texts: list[Line]) -> list[BadLine]:
        """Send the lines of some polls; the bad ones are returned."""
        answer = self._send(texts)
        if answer is None:
            return []
        lines = [(seq, line) for seq, text in texts for line in text.splitlines(keepends=True)]
        bad: list[BadLine] = []
        self._isolate(lines, answer, bad)
        return bad

    def _isolate(self, lines: list[Line], answer: Answer, bad: list[BadLine]) -> None:
        """Halve what was not taken until the bad lines stand alone; the good ones are taken on the way."""
        if len(lines) == 1:
            if len(bad) == MOST_BAD or self._quarantine is None or not self.delivered:
                raise Refused(answer)
            bad.append((lines[0][0], lines[0][1].rstrip("\n"), f"{answer.status} {answer.detail}", self._now_ms()))
            return
        middle = len(lines) // 2
        for half in (lines[:middle], lines[middle:]):
            again = self._send(half)
            if again is not None:
                self._isolate(half, again, bad)

    def _send(self, lines: list[Line]) -> Answer | None:
        """None where all was taken, the answer where it must be halved; Interrupted where the server takes nothing."""
        body = "".join(text for _, text in lines).encode()
        answer = self._sink.send(body) if body else Answer(204)
        self._turns += 1
        match verdict(answer):
            case Verdict.DELIVERED:
                self._batch = min(self._batch + self._batch // 4 + 1, BATCH_POLLS)
                return None
            case Verdict.TOO_LARGE:
                self._batch = max(self._batch // 2, 1)
                return answer
            case Verdict.REJECTED:
                return answer
        if answer.timed_out:  # on a thin line a smaller batch gets through where a larger one timed out
            self._batch = max(self._batch // 2, 1)
        raise Interrupted(answer)

    def _wait(self, answer: Answer) -> float:
        paused = verdict(answer) is Verdict.PAUSE
        if paused:
            self._sink.close()  # the token may be another one by then
        self._enter("paused" if paused else "waiting", answer)
        return self._back_off.wait(answer, self._clock())

    def _enter(self, state: str, answer: Answer | None = None) -> None:
        if state == self.state:
            return
        self.state = state
        if answer is None:
            log.info("forward", state=state, sink=self._sink.name)
        else:
            self._report("forward", answer, state=state)

    def _report(self, event: str, answer: Answer, **more: object) -> None:
        log.warning(event, sink=self._sink.name, status=answer.status, reason=answer.detail, **more)

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


class ForwardThread(threading.Thread):
    """A forwarder at work until told to stop."""

    def __init__(self, forwarder: Forwarder, stop: threading.Event) -> None:
        super().__init__(target=forwarder.run, args=(stop,), name="forward", daemon=True)
        self.forwarder = forwarder


def start_forwarding(
    config: SiteConfig,
    reader: ReadingsReader,
    acknowledge: Acknowledge,
    stop: threading.Event,
    quarantine: Quarantine | None = None,
) -> ForwardThread | None:
    """Forward in a thread of its own where the site file says so; join it after `stop`, before the writer closes."""
    section = config.file.forward
    if section is None:
        return None
    sink = InfluxSink(section, lambda: read_token(os.environ))
    thread = ForwardThread(Forwarder(config.site, reader, sink, acknowledge, quarantine), stop)
    thread.start()
    return thread
