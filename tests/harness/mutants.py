"""Seeded faults in the product, put in from outside: a harness that does not turn red for each of them is worthless.

`python -m tests.harness.mutants NAME CLOCK COMMAND...` runs `zcf COMMAND...` with one of them, and with the wall clock
moved by what the file CLOCK says [ms]; either may be empty.
"""

import runpy
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

MUTANTS: dict[str, Callable[[], None]] = {}


def mutant(work: Callable[[], None]) -> Callable[[], None]:
    MUTANTS[work.__name__] = work
    return work


@mutant
def auto_ack() -> None:
    """Messages are acknowledged when they arrive, not when they are durable."""
    import paho.mqtt.client as paho

    made = paho.Client.__init__
    paho.Client.__init__ = lambda self, *a, **k: made(self, *a, **(k | {"manual_ack": False}))  # type: ignore[method-assign]
    paho.Client.ack = lambda *_: paho.MQTT_ERR_SUCCESS  # type: ignore[method-assign]


@mutant
def synchronous_normal() -> None:
    """A commit is not on the disk when it returns."""
    from metering.store import readings

    opened = readings.open_writer

    def normal(*a: Any, **k: Any) -> Any:
        connection = opened(*a, **k)
        connection.execute("PRAGMA synchronous=NORMAL")
        return connection

    readings.open_writer = normal


@mutant
def no_drain() -> None:
    """After a timeout the same connection goes on, and transaction numbers are not looked at."""
    from collector.protocols import gate, modbus
    from metering.reading import GapReason

    failed, judged = modbus._Wire._fail, gate._judge

    def stays(self: Any, reason: Any, detail: str) -> None:
        if reason is not GapReason.TIMEOUT:
            failed(self, reason, detail)
        elif self._answer is not None and not self._answer.done():
            self._answer.set_exception(gate.NoAnswerError(reason, detail))

    def received(self: Any, buffer: bytes) -> int:
        if self._asked is None or self._answer is None or self._answer.done():
            return len(buffer)
        self._begun = True
        verdict = gate._judge(self._asked[0], int.from_bytes(buffer[:2]), buffer)
        if verdict is None:
            return 0
        self._settle(self._answer, verdict._replace(clean=True))
        return len(verdict.frame) or len(buffer)

    modbus._Wire._fail, modbus._Wire._received = stays, received  # type: ignore[method-assign]
    gate._judge = lambda request, tid, data: judged(request, int.from_bytes(data[:2]) if len(data) > 1 else tid, data)


@mutant
def short_reply() -> None:
    """An answer with fewer registers than asked is filled up."""
    from collector.protocols import gate

    whole, wrong = gate._whole, gate._wrong_header

    def filled(request: Any, frame: bytes, rest: bytes) -> Any:
        verdict = whole(request, frame, rest)
        if verdict.data is None or not request.count:
            return verdict
        return verdict._replace(data=verdict.data.ljust(2 * request.count, b"\0"))

    def lenient(request: Any, length: int, unit: int, function: int) -> str:
        found = wrong(request, length, unit, function)
        return "" if found.startswith("length") and 3 < length <= (request.length or 0) else found

    gate._whole, gate._wrong_header = filled, lenient


def _verdicts(more: dict[int, str]) -> None:
    """Wherever the product knows the function that judges an answer, it gets another one."""
    import collector.daemon  # noqa: F401 - so that every module that knows it is there
    from collector import delivery

    judged = delivery.verdict

    def verdict(answer: Any) -> Any:
        return delivery.Verdict[more[answer.status]] if answer.status in more else judged(answer)

    for name, module in list(sys.modules.items()):
        if name.startswith("collector.") and getattr(module, "verdict", None) is judged:
            module.verdict = verdict  # type: ignore[attr-defined]


@mutant
def ok_is_delivery() -> None:
    """A captive portal's 200 counts as delivery."""
    _verdicts({200: "DELIVERED"})


@mutant
def drop_on_404() -> None:
    """A bucket that is not there takes everything."""
    _verdicts({404: "DELIVERED"})


@mutant
def drop_batch_on_400() -> None:
    """A batch with one bad line is given up whole."""
    from collector.courier import Courier

    Courier._isolate = lambda *_: None  # type: ignore[method-assign]


@mutant
def float_sums() -> None:
    """Counters are multiplied as floats."""
    from collector.exact import Line

    Line.counter = lambda self, raw: round((raw * self.a + self.b) / float(self.d))  # type: ignore[method-assign]


@mutant
def wall_clock() -> None:
    """The schedule follows the wall clock."""
    from collector.clock import EpochClock

    EpochClock.now_ms = lambda _: time.time_ns() // 1_000_000  # type: ignore[method-assign]
    EpochClock.stepped_ms = lambda _: 0  # type: ignore[method-assign]


@mutant
def retained_counts() -> None:
    """A retained message is taken for a new one."""
    from paho.mqtt.client import MQTTMessage

    from collector.protocols.mqtt import MqttSession

    heard = MqttSession._message

    def message(self: Any, client: Any, data: Any, one: MQTTMessage) -> None:
        one.retain = False
        heard(self, client, data, one)

    MqttSession._message = message  # type: ignore[method-assign]
    from paho.mqtt.subscribeoptions import SubscribeOptions

    SubscribeOptions.RETAIN_DO_NOT_SEND = SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE


@mutant
def no_gap_on_restart() -> None:
    """What was missed while nobody ran is not noted."""
    from collector import epochs

    ended = epochs.ending
    epochs.ending = lambda *a, **k: ended(*a, **k)._replace(gaps=())


@mutant
def ack_before_commit() -> None:
    """At SIGTERM messages are acknowledged first and committed a moment later."""
    from collector.committer import Committer
    from collector.protocols.mqtt import MqttSession

    halted, committed = MqttSession.halt, Committer._commit

    def halt(self: Any) -> None:
        self._committer.hasty = True
        for told in self._committer._batch.told:
            told()
        self._committer._batch.told = []
        halted(self)

    def commit(self: Any, batch: Any) -> bool:
        if getattr(self, "hasty", False):
            time.sleep(1)
        return committed(self, batch)

    MqttSession.halt, Committer._commit = halt, commit  # type: ignore[method-assign]


@mutant
def trim_only_when_full() -> None:
    """Old readings are thinned only when the disk itself is full."""
    from collector import housekeeping

    housekeeping.HIGH = float("inf")  # type: ignore[misc]


@mutant
def reset_counts_from_zero() -> None:
    """A counter that falls has begun again at 0, whatever the reason."""
    import numpy as np

    from analytics import intervals
    from analytics.segments import Segment, Segments

    def naive(readings: Any, *_: Any) -> Segments:
        if not len(readings):
            return Segments((), ())
        rises = np.diff(readings.value)
        steps = np.where(rises < 0, readings.value[1:], rises)
        total = np.concatenate(([0], np.cumsum(steps)))
        return Segments((Segment(readings.time_ms, total),), ())

    intervals.segments = naive


def move_clock(file: Path) -> None:
    """The wall clock of this process goes by the file's offset [ms]; the monotonic one is left alone."""
    real = time.time_ns

    def moved() -> int:
        try:
            return real() + int(float(file.read_text() or 0)) * 1_000_000
        except (OSError, ValueError):
            return real()

    time.time_ns, time.time = moved, lambda: moved() / 1e9


def main() -> None:
    name, clock, *words = sys.argv[1:]
    if clock:
        move_clock(Path(clock))
    if name in MUTANTS:
        MUTANTS[name]()
    if words[0] == "settle":
        sys.argv = ["settle", *words[1:]]
        runpy.run_module("tests.harness.settle", run_name="__main__")
        return
    sys.argv = ["zcf", *words]
    runpy.run_module("zcf", run_name="__main__")


if __name__ == "__main__":
    main()
