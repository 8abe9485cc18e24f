"""The committing thread: groups what comes, tells after the commit and never before, retries a failing store."""

import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from collector.committer import Committer
from collector.housekeeping import Housekeeping
from metering.reading import Column, Lane, Poll, PollGroup
from metering.store import StoreError, StoreFullError
from metering.store.readings import ReadingsWriter
from metering.store.readings_reader import ReadingsReader

GROUP = PollGroup(
    "meter", "power", (Column("grid", "active_power"),), (), 1000, quarter=False, profile="p", profile_hash="h"
)


def poll(number: int, tick: int) -> Poll:
    return Poll(number, 1000 + tick, 1, tick, Lane.CADENCE, (float(tick),), b"")


@pytest.fixture
def writer(tmp_path: Path) -> Any:
    one = ReadingsWriter(tmp_path, "test")
    yield one
    one.close()


def test_what_comes_together_is_one_transaction_and_told_afterwards(tmp_path: Path, writer: ReadingsWriter) -> None:
    number = writer.group(GROUP)
    commits: list[int] = []
    seen: list[int] = []
    real = writer.commit
    writer.commit = lambda *a, **k: (commits.append(len(a[0])), real(*a, **k))[1]  # type: ignore[method-assign]
    committer = Committer(writer, 0.05)
    for tick in range(20):
        committer.add(
            polls=[poll(number, tick)],
            ledger=((1, number, Lane.CADENCE), tick + 1),
            told=(lambda: seen.append(len(ReadingsReader(tmp_path).polls_since(0, 100)))) if tick == 19 else None,
        )
    committer.start()
    assert committer.stop(60)
    assert commits == [20]
    assert seen == [20]
    assert (committer.committed, writer.ledger(1)) == (20, {(number, Lane.CADENCE): 20})


def test_many_unacknowledged_messages_are_committed_at_once(writer: ReadingsWriter) -> None:
    number = writer.group(GROUP)
    committer = Committer(writer, 3600)
    committer.start()
    told = threading.Semaphore(0)
    for tick in range(8):
        committer.add(polls=[poll(number, tick)], told=told.release)
    assert all(told.acquire(timeout=60) for _ in range(8))
    assert committer.stop(60)


def test_a_failing_store_is_retried_and_nothing_is_told_before_it_works(writer: ReadingsWriter) -> None:
    number = writer.group(GROUP)
    real, failures, told = writer.commit, [StoreError("disk full")] * 3, []

    def commit(*args: Any) -> int:
        if failures:
            assert told == []
            raise failures.pop()
        return real(*args)

    writer.commit = commit  # type: ignore[method-assign]
    committer = Committer(writer, 0.0)
    committer.add(polls=[poll(number, 0)], told=lambda: told.append(1))
    committer.start()
    assert committer.stop(60)
    assert (told, committer.committed, failures) == ([1], 1, [])


def test_an_error_in_an_acknowledgement_does_not_end_the_commits(writer: ReadingsWriter) -> None:
    number = writer.group(GROUP)
    committer = Committer(writer, 0.0)
    committer.start()

    def broken() -> None:
        raise OSError("broker gone")

    committer.add(polls=[poll(number, 0)], told=broken)
    assert committer.call(lambda w: w.last_seq).result(60) == 1
    committer.add(polls=[poll(number, 1)])
    assert committer.call(lambda w: w.last_seq).result(60) == 2
    assert committer.stop(60)


def test_a_call_gives_back_its_error(writer: ReadingsWriter) -> None:
    committer = Committer(writer, 0.0)
    committer.start()
    with pytest.raises(ZeroDivisionError):
        committer.call(lambda w: 1 // 0).result(60)
    assert committer.stop(60)


def test_a_store_that_never_takes_the_rest_is_told_by_stop(writer: ReadingsWriter) -> None:
    number = writer.group(GROUP)
    release = threading.Event()

    def commit(*args: Any) -> int:
        if not release.is_set():
            raise StoreError("read-only file system")
        return 0

    writer.commit = commit  # type: ignore[method-assign]
    committer = Committer(writer, 0.0)
    committer.add(polls=[poll(number, 0)])
    committer.start()
    assert not committer.stop(0.3)
    release.set()
    assert committer.stop(60)


def test_on_a_full_disk_the_house_makes_room_and_the_batch_is_written(tmp_path: Path, writer: ReadingsWriter) -> None:
    number = writer.group(GROUP)
    real, failures, relieved, told = writer.commit, [StoreFullError("full")] * 2, [], []

    def commit(*args: Any) -> int:
        if failures:
            raise failures.pop()
        return real(*args)

    writer.commit = commit  # type: ignore[method-assign]
    house = Housekeeping(10**9, look_s=0)
    house.relieve = relieved.append  # type: ignore[method-assign]
    committer = Committer(writer, 0.0, house)
    committer.add(polls=[poll(number, 0)], told=lambda: told.append(1))
    committer.start()
    assert committer.stop(60)
    assert (relieved, told, committer.committed) == ([writer, writer], [1], 1)
    assert house.used_bytes > 0  # it looked after the commit
    assert writer.reserve.held


def test_what_is_asked_for_with_a_message_is_done_before_it_is_acknowledged(writer: ReadingsWriter) -> None:
    order: list[str] = []
    committer = Committer(writer, 0.0)
    committer.call(lambda _: order.append("kept"))
    committer.add(told=lambda: order.append("acknowledged"))
    committer.start()
    assert committer.stop(60)
    assert order == ["kept", "acknowledged"]


def test_a_store_that_takes_nothing_is_a_fault_until_it_does(writer: ReadingsWriter) -> None:
    number, release = writer.group(GROUP), threading.Event()
    real, failed = writer.commit, threading.Event()

    def commit(*args: Any) -> int:
        if not release.is_set():
            failed.set()
            raise StoreError("read-only file system")
        return real(*args)

    writer.commit = commit  # type: ignore[method-assign]
    committer = Committer(writer, 0.0)
    assert committer.faults() == []
    committer.add(polls=[poll(number, 0)])
    committer.start()
    assert failed.wait(60)
    until = time.monotonic() + 60
    while not committer.faults() and time.monotonic() < until:
        time.sleep(0.01)
    assert committer.faults() == ["the store takes nothing"]
    release.set()
    assert committer.stop(60)
    assert committer.faults() == []


def test_k8_a_slow_disk_holds_up_no_poll_and_its_commits_grow(tmp_path: Path, writer: ReadingsWriter) -> None:
    number, sizes = writer.group(GROUP), list[int]()
    real, going_on = writer.commit, threading.Event()

    def commit(polls: Any, *more: Any) -> int:
        sizes.append(len(polls))
        assert going_on.wait(60)
        return real(polls, *more)

    writer.commit = commit  # type: ignore[assignment, method-assign]
    committer = Committer(writer, 0.01)
    committer.start()
    committer.add(polls=[poll(number, 0)])
    while not sizes:
        time.sleep(0.005)
    for tick in range(1, 200):  # the disk has not answered yet: whoever polls is not held up by that
        committer.add(polls=[poll(number, tick)], ledger=((1, number, Lane.CADENCE), tick + 1))
    going_on.set()
    assert committer.stop(60)
    assert sizes == [1, 199]
    assert len(ReadingsReader(tmp_path).polls_since(0, 1000)) == 200


def test_k2_a_disk_that_others_fill_is_told_at_a_fifth_and_at_a_tenth(
    writer: ReadingsWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    free, now_s = [0.5], [0.0]
    disk = lambda _: SimpleNamespace(f_bavail=free[0] * 1000, f_blocks=1000)  # noqa: E731 - one line
    monkeypatch.setattr("collector.housekeeping.os.statvfs", disk)
    monkeypatch.setattr(writer.reserve, "make", lambda: None)
    house = Housekeeping(10**9, monotonic=lambda: now_s[0])
    with capture_logs() as logs:
        for free[0] in (0.5, 0.19, 0.18, 0.09, 0.5, 0.19):
            now_s[0] += 60
            house.after_commit(writer)
    assert [entry["below"] for entry in logs if entry["event"] == "disk_scarce"] == [0.2, 0.1, 0.2]
