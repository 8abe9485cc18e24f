"""From the outbox to the receivers: in order, at most ten messages in ten minutes and then a digest, until taken.

A message is marked after it was sent: killed in between, it goes again with the same id and key.
"""

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import structlog

from analytics.alert_words import STATES
from analytics.channels import Mail, Send
from metering.alerting import ReceiverSection
from metering.store import StoreError
from metering.store.alertbook import Letter, OutboxWriter

LIMIT = 10
WINDOW_MS = 600_000
DAY_MS = 86_400_000
QUEUE = 10_000
SHOWN = 50
BACK_OFF_S = (5.0, 600.0)
IDLE_S = 1.0

log = structlog.get_logger("notify")


@dataclass(slots=True)
class _Road:
    """How it goes with one receiver."""

    failures: int = 0
    next_s: float = 0.0
    why: str = ""


def messages(waiting: Sequence[Letter], allowance: int) -> Iterator[Sequence[Letter]]:
    """What may go now: one by one, and with the last slot everything that is left as one digest."""
    for index, letter in enumerate(waiting):
        left = allowance - index
        if left <= 0:
            return
        if left == 1 and len(waiting) - index > 1:
            yield waiting[index:]
            return
        yield [letter]


def mail_of(letters: Sequence[Letter], language: str) -> Mail:
    """One message out of one letter, or a digest of several; what does not fit is counted."""
    first = letters[0]
    keys = tuple(dict.fromkeys(letter.key for letter in letters))
    if len(letters) == 1:
        return Mail(str(first.id), first.key, first.happening, first.title, first.body, keys, first.made_ms)
    zh = language == "zh"
    state = STATES["digest"][0 if zh else 1]
    lines = [f"{one.title} {one.body.splitlines()[0] if one.body else ''} [{one.key}]" for one in letters[:SHOWN]]
    rest = len(letters) - len(lines)
    if rest:
        lines.append(f"另有 {rest} 条" if zh else f"and {rest} more")
    head = f"[{state}] {len(letters)} 条告警消息" if zh else f"[{state}] {len(letters)} alert messages"
    return Mail(str(first.id), f"digest-{first.id}", "digest", head, "\n".join(lines), keys, letters[-1].made_ms)


class Postman:
    """Brings what lies in the outbox to the receivers; one slow receiver never delays another's next turn for long."""

    def __init__(
        self, outbox: OutboxWriter, receivers: Iterable[ReceiverSection], send: Send, clock: Callable[[], int],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._outbox, self._receivers, self._send = outbox, list(receivers), send
        self._clock, self._monotonic = clock, monotonic
        self._roads = {receiver.id: _Road() for receiver in self._receivers}
        self._random = random.SystemRandom()

    def failing(self) -> Mapping[str, str]:
        """Why each receiver takes nothing now; the others are left out."""
        return {name: road.why for name, road in self._roads.items() if road.why}

    def pump(self) -> None:
        """Everything that may go now."""
        for receiver in self._receivers:
            if self._monotonic() >= self._roads[receiver.id].next_s:
                self._bring(receiver)

    def _bring(self, receiver: ReceiverSection) -> None:
        now_ms = self._clock()
        waiting = self._folded(receiver, now_ms)
        beats = [letter for letter in waiting if letter.happening == "heartbeat"]
        rest = [letter for letter in waiting if letter.happening != "heartbeat"]
        most = LIMIT - 1 if receiver.heartbeat else LIMIT  # a slot is kept free: a storm must not silence the heartbeat
        allowance = most - self._outbox.sent_since(receiver.id, now_ms - WINDOW_MS, now_ms)
        for letters in [*([beat] for beat in beats), *messages(rest, allowance)]:
            if not self._one(receiver, letters):
                return

    def _folded(self, receiver: ReceiverSection, now_ms: int) -> list[Letter]:
        """What waits; too many, or older than a day, become one letter that tells of them all."""
        waiting = self._outbox.waiting(receiver.id)
        old = [one for one in waiting if now_ms - one.made_ms > DAY_MS and one.happening != "digest"]
        fold = waiting if len(waiting) > QUEUE else old
        if len(fold) < 2:
            return waiting
        mail = mail_of(fold, receiver.language)
        self._outbox.fold(fold, Letter(receiver.id, mail.key, "digest", now_ms, mail.title, mail.text))
        return self._outbox.waiting(receiver.id)

    def _one(self, receiver: ReceiverSection, letters: Sequence[Letter]) -> bool:
        road = self._roads[receiver.id]
        why = self._send(receiver, mail_of(letters, receiver.language))
        if not why:
            self._outbox.sent(letters, self._clock())
            if road.why:
                log.info("receiver", id=receiver.id, state="taking")
            self._roads[receiver.id] = _Road()
            return True
        if road.why != why:
            log.warning("receiver", id=receiver.id, state="failing", reason=why)
        wait = min(BACK_OFF_S[0] * 2 ** min(road.failures, 10), BACK_OFF_S[1]) * self._random.uniform(0.8, 1.0)
        self._roads[receiver.id] = _Road(road.failures + 1, self._monotonic() + wait, why)
        return False


class PostThread(threading.Thread):
    """A postman at work until told to stop; a store that is busy is tried again."""

    def __init__(self, postman: Postman, told: Callable[[Mapping[str, str]], None]) -> None:
        super().__init__(name="notify", daemon=True)
        self._postman, self._told, self._end = postman, told, threading.Event()

    def run(self) -> None:
        """Pump every second."""
        while not self._end.is_set():
            try:
                self._postman.pump()
            except StoreError as error:
                log.warning("store", error=str(error))
            self._told(self._postman.failing())
            self._end.wait(IDLE_S)

    def stop(self) -> None:
        """End after the message under way."""
        self._end.set()
        if self.is_alive():
            self.join(30)
