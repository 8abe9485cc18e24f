"""The one thread that writes readings.db: what arrives within a moment becomes durable in one transaction."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import structlog

from collector.housekeeping import Housekeeping
from collector.notify import Pulse
from collector.recent import Recent
from metering.failpoint import failpoint
from metering.reading import Poll, PollGap, ValueGap
from metering.store import StoreError, StoreFullError
from metering.store.readings import Acknowledged, LedgerKey, ReadingsWriter

T = TypeVar("T")
Work = Callable[[ReadingsWriter], Any]

MAX_WAITING = 200_000  # polls kept in memory while the store cannot be written; beyond, ticks end as store_full
_HURRY = 8  # unacknowledged messages after which a commit is made at once: brokers stop at 20 in flight by default
_RETRY_S = (0.1, 5.0)
_LAST_S = 0.5  # for the last commit
_NOTED_S = 1.0  # so long what a sink has got waits for a commit of readings
_LONGEST_S = 30.0  # no commit of a sound disk takes longer


@dataclass(slots=True)
class Batch:
    """What one transaction writes, and who is told when it is durable."""

    polls: list[Poll] = field(default_factory=list)
    gaps: list[PollGap] = field(default_factory=list)
    value_gaps: list[ValueGap] = field(default_factory=list)
    ledger: dict[LedgerKey, int] = field(default_factory=dict)
    acknowledged: list[Acknowledged] = field(default_factory=list)
    told: list[Callable[[], None]] = field(default_factory=list)
    calls: list[tuple["Future[Any]", Work]] = field(default_factory=list)

    @property
    def pressing(self) -> bool:
        """Whether anything in it is to be committed an interval after it came; what a sink has got may wait for it."""
        readings = self.polls or self.gaps or self.value_gaps or self.ledger
        return bool(readings or self.told or self.calls)

    def __bool__(self) -> bool:
        return self.pressing or bool(self.acknowledged)


class Committer:
    """Takes polls and gaps from any thread, commits them in groups, retries while the store fails."""

    def __init__(self, writer: ReadingsWriter, interval_s: float, house: Housekeeping | None = None) -> None:
        self._writer, self._interval_s = writer, interval_s
        self._house = house
        self.recent: Recent | None = None  # where somebody sends on what is durable
        self._log = structlog.get_logger("committer")
        self._condition = threading.Condition()
        self._batch = Batch()
        self._stopping = False
        self._hurried = False
        self._failing = False
        self.committed = 0  # polls that are durable
        self._turns = 0
        self._writing = False
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)

    @property
    def full(self) -> bool:
        """True while no more polls can be kept in memory."""
        return len(self._batch.polls) >= MAX_WAITING

    @property
    def waiting(self) -> int:
        """How many polls wait for a commit."""
        return len(self._batch.polls)

    @property
    def pulse(self) -> Pulse:
        """How far it has got, for the watchdog; a try that fails counts, for no restart mends a full disk."""
        return Pulse("commit", self._turns, self._writing or bool(self._batch), _LONGEST_S)

    def faults(self) -> list[str]:
        """What the store refuses just now."""
        return ["the store takes nothing"] if self._failing else []

    @property
    def alive(self) -> bool:
        """True while its thread works."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin to commit; from now on the writer is this thread's alone."""
        self._thread.start()

    def add(
        self,
        *,
        polls: Iterable[Poll] = (),
        gaps: Iterable[PollGap] = (),
        value_gaps: Iterable[ValueGap] = (),
        ledger: tuple[LedgerKey, int] | None = None,
        told: Callable[[], None] | None = None,
    ) -> None:
        """Queue what belongs together for the next commit; `told` is called in the committer's thread once durable."""
        with self._condition:
            batch, waking = self._batch, not self._batch.pressing
            batch.polls += polls
            batch.gaps += gaps
            batch.value_gaps += value_gaps
            if ledger is not None:
                batch.ledger[ledger[0]] = ledger[1]
            if told is not None:
                batch.told.append(told)
                self._hurried = self._hurried or len(batch.told) >= _HURRY
            if waking or self._hurried:
                self._condition.notify()

    def acknowledge(self, sink: str, lane: str, first_seq: int, last_seq: int) -> None:
        """Note with the next commit what a sink has got; a crash before that sends it once more, which is harmless."""
        with self._condition:
            noted = self._batch.acknowledged
            if noted and noted[-1][:2] == (sink, lane) and noted[-1][3] + 1 == first_seq:
                first_seq = noted.pop()[2]
            noted.append((sink, lane, first_seq, last_seq))

    def call(self, work: Callable[[ReadingsWriter], T]) -> "Future[T]":
        """Have the writer do something after all that was added before; its result, or its error."""
        future: Future[T] = Future()
        with self._condition:
            if self._stopping:
                future.set_exception(StoreError("the committer has stopped"))
                return future
            self._batch.calls.append((future, work))
            self._hurried = True
            self._condition.notify()
        return future

    def stop(self, timeout_s: float) -> bool:
        """Commit what is left and end the thread; False when the store did not take it in time."""
        with self._condition:
            self._stopping = True
            self._condition.notify()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while batch := self._next():
            self._writing = True
            wait_s = _RETRY_S[0]
            while not self._commit(batch):
                self._turns += 1
                time.sleep(wait_s)
                wait_s = min(2 * wait_s, _RETRY_S[1])
            self._tell(batch)
            failpoint("told")
            if self._house is not None:
                self._house.after_commit(self._writer)
            self._turns += 1
            self._writing = False

    def _next(self) -> Batch | None:
        """The next batch, an interval after its first item; None when stopped and empty."""
        with self._condition:
            while not (self._batch.pressing or self._stopping):
                if not self._condition.wait(_NOTED_S) and self._batch:
                    break  # nothing is read: what a sink has got is noted by itself
            self._condition.wait_for(lambda: self._stopping or self._hurried, timeout=self._interval_s)
            batch, self._batch, self._hurried = self._batch, Batch(), False
            return batch or None

    def _commit(self, batch: Batch) -> bool:
        try:
            last = self._writer.commit(batch.polls, batch.gaps, batch.value_gaps, batch.ledger, batch.acknowledged)
        except StoreError as error:
            if self._house is not None and isinstance(error, StoreFullError):
                self._house.relieve(self._writer)
            if not self._failing:
                self._log.error("store_failing", error=str(error))
            self._failing = True
            return False
        if self._failing:
            self._log.info("store_works_again", polls=len(batch.polls))
        self._failing = False
        self.committed += len(batch.polls)
        recent = self.recent
        if recent is not None:
            recent.put(last, batch.polls, known=self._writer.as_given)
        return True

    def _tell(self, batch: Batch) -> None:
        for future, work in batch.calls:
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(work(self._writer))
            except Exception as error:  # noqa: BLE001 - the caller gets it
                future.set_exception(error)
        for told in batch.told:  # last: what was asked for with a message is done before it is acknowledged
            try:
                told()
            except Exception:  # noqa: BLE001 - a broker that is gone must not end the commits
                self._log.exception("acknowledging_failed")


@contextmanager
def committing(writer: ReadingsWriter, interval_s: float, house: Housekeeping | None = None) -> Iterator[Committer]:
    """A committer at work for the length of a block; at its end what is left is committed."""
    committer = Committer(writer, interval_s, house)
    committer.start()
    try:
        yield committer
    finally:
        if not committer.stop(_LAST_S):
            structlog.get_logger("committer").error("store_did_not_take_the_rest")
