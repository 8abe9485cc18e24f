"""Readings after the cursor -> InfluxDB 2: the newest first, the backlog behind them, nothing deleted on delivery.

Runs in a thread of the collector. Sending a batch again is harmless: same series, timestamp, type and value.
"""

import os
import threading
import time
from collections.abc import Callable, Iterable
from typing import Final

import structlog

from collector.courier import MOST_BAD, BadLine, Courier, Interrupted, Refused, Sink
from collector.delivery import PAUSE_S, Answer, BackOff, Pending, Verdict, verdict
from collector.influx_sink import InfluxSink, read_token
from collector.notify import Pulse
from collector.parcel import Numbered, Press
from collector.recent import Recent
from metering.failpoint import failpoint
from metering.site import Site
from metering.sitefile import SiteConfig
from metering.store import StoreError
from metering.store.readings_reader import ReadingsReader

LANE: Final = "readings"  # one name for live and backlog, so that their ranges join and the table stays small
IDLE_S: Final = 1.0
TELL_S: Final = 60.0  # each state at most so often
LONGEST_S: Final = 60.0  # a send is broken off well before
TRIES: Final = 3  # after so many refusals every bad line of a batch is set aside, however many there are

Acknowledge = Callable[[str, str, int, int], object]  # the committer's or ReadingsWriter's (sink, lane, first, last)
Quarantine = Callable[[str, Iterable[BadLine]], object]  # ReadingsWriter.quarantine(sink, rows)

log = structlog.get_logger(__name__)


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
        monotonic: Callable[[], float] = time.monotonic,
        recent: Recent | None = None,
    ) -> None:
        """`recent` holds what the store was given last, so that it is not asked for it."""
        self._press, self._recent = Press(site, reader.each_group), recent or Recent()
        self._reader, self._sink, self._clock, self._monotonic = reader, sink, clock, monotonic
        self._courier = Courier(sink, lambda: int(clock() * 1000))
        self._acknowledge, self._quarantine = acknowledge, quarantine
        self._pending: Pending | None = None
        self._back_off = BackOff()
        self._refused: dict[int, tuple[int, float]] = {}  # first seq of a batch -> tries, not again before [s]
        self.state, self._why = "starting", ""
        self._told_s: dict[str, float] = {}  # when each state was logged
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
        return Pulse("forward", self._turns + self._courier.turns, not self._resting, LONGEST_S)

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

    def faults(self) -> list[str]:
        """What a person must mend: the server refuses us, or everything we send."""
        return [f"forward: {self._why}"] if self.state == "paused" else []

    def pending(self) -> int:
        """How many polls the sink has not got."""
        return self._known().count(self._head())

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
        head = self._head()
        pending.advance(head, self._courier.batch)
        if head > pending.live:
            self._range(pending.live + 1, head)

    def _head(self) -> int:
        return self._recent.last_seq or self._reader.last_seq()

    def _polls(self, first: int, last: int) -> list[Numbered]:
        recent = self._recent.between(first, last)
        if recent is not None:
            return [*recent]
        stored = self._reader.polls_since(first - 1, last - first + 1)
        return [(poll.seq, poll) for poll in stored if poll.seq <= last]

    def _backlog(self) -> bool:
        """One batch of the oldest hole that does not rest after a refusal; True where there is more to do."""
        hole = self._next_hole()
        if hole is None:
            return False
        first, last = hole
        self._range(first, min(last, first + self._courier.batch - 1))
        return self._next_hole() is not None

    def _next_hole(self) -> tuple[int, int] | None:
        now_s = self._monotonic()
        holes = self._known().holes
        return next((hole for hole in holes if self._refused.get(hole[0], (0, now_s))[1] <= now_s), None)

    def _range(self, first: int, last: int) -> None:
        """Deliver [first, last], no wider than a batch, and have it acknowledged; or put it behind the others."""
        polls = self._polls(first, last)
        tries = self._refused.get(first, (0, 0.0))[0]
        try:
            most_bad = MOST_BAD if tries < TRIES - 1 else None
            bad = self._courier.carry(self._press.parcel(polls), most_bad)
            if bad and self._quarantine is None:
                raise Refused(Answer(400, bad[0][2]))
        except Refused as found:
            self._known().postpone(first, last)
            self._refused[first] = (tries + 1, self._monotonic() + PAUSE_S)
            self._report("forward_refused", found.answer, first_seq=first, last_seq=last)
            return
        self._refused.pop(first, None)
        failpoint("forward-sent")
        self._set_aside(bad)
        self._acknowledge(self._sink.name, LANE, first, last)
        failpoint("forward-marked")
        self._known().take(first, last)
        self.delivered += len(polls)

    def _set_aside(self, bad: list[BadLine]) -> None:
        if bad and self._quarantine is not None:
            self._quarantine(self._sink.name, bad)
            failpoint("forward-set-aside")
            self.quarantined += len(bad)
            log.error("forward_quarantined", lines=len(bad), line=bad[0][1], reason=bad[0][2])

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
        self._why = "" if answer is None else f"{answer.status} {answer.detail}"
        now_s = self._monotonic()
        if now_s - self._told_s.get(state, -TELL_S) < TELL_S:
            return  # a line that comes and goes must not fill the log
        self._told_s[state] = now_s
        if answer is None:
            log.info("forward", state=state, sink=self._sink.name)
        else:
            self._report("forward", answer, state=state)

    def _report(self, event: str, answer: Answer, **more: object) -> None:
        log.warning(event, sink=self._sink.name, status=answer.status, reason=answer.detail, **more)


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
    recent: Recent | None = None,
) -> ForwardThread | None:
    """Forward in a thread of its own where the site file says so; join it after `stop`, before the writer closes."""
    section = config.file.forward
    if section is None:
        return None
    sink = InfluxSink(section, lambda: read_token(os.environ))
    thread = ForwardThread(Forwarder(config.site, reader, sink, acknowledge, quarantine, recent=recent), stop)
    thread.start()
    return thread
