"""What was committed last is sent on without being read back; whatever is not surely known is read from the store."""

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from collector.committer import Committer
from collector.forward import Forwarder
from collector.influx_sink import InfluxSink, packs
from collector.recent import Recent
from metering.reading import Lane, Poll
from metering.sitefile import ForwardSection
from metering.store.readings_reader import ReadingsReader
from tests.collector.test_committer import GROUP, poll
from tests.collector.test_daemon import ROOT
from tests.harness.rig import Rig
from tests.harness.sample import SITE


def polls(count: int, first: int = 0) -> list[Poll]:
    return [Poll(1, first + n, 1, n, Lane.CADENCE, (1.0, 2.0), b"") for n in range(count)]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    found = Rig(tmp_path)
    yield found
    found.close()


def test_any_part_of_what_is_kept_comes_with_its_numbers() -> None:
    recent, given = Recent(), polls(10)
    recent.put(3, given[:3], known=True)
    recent.put(3, [], known=True)  # a commit of gaps alone
    recent.put(10, given[3:], known=True)
    assert recent.last_seq == 10
    for first in range(1, 11):
        for last in range(first, 11):
            assert recent.between(first, last) == [*enumerate(given[first - 1 : last], first)]
    assert recent.between(0, 5) is None
    assert recent.between(5, 11) is None


def test_what_is_not_surely_known_is_not_kept() -> None:
    recent = Recent()
    recent.put(2, polls(2), known=True)
    recent.put(4, polls(2), known=False)  # one of them was there already
    recent.put(7, polls(2), known=True)  # and somebody else wrote the fifth
    assert recent.last_seq == 7
    assert [recent.between(n, n) is None for n in range(1, 8)] == [False, False, True, True, True, False, False]
    assert recent.between(2, 6) is None


def test_only_so_many_values_are_kept_the_newest() -> None:
    recent = Recent(most_values=20)
    for last in range(4, 41, 4):
        recent.put(last, polls(4, last), known=True)
    assert recent.between(33, 40) is not None
    assert recent.between(32, 40) is None


def test_a_reading_that_was_there_already_makes_the_commit_unknown(rig: Rig) -> None:
    writer, sample = rig.sample.writer, rig.sample.polls
    newest = sample[-1]
    again = Poll(newest.group, newest.time_ms, 1, 0, Lane.CADENCE, newest.values, b"")
    fresh = Poll(newest.group, newest.time_ms + 1, 1, 0, Lane.CADENCE, newest.values, b"")
    writer.commit([fresh])
    assert writer.as_given
    writer.commit([again, Poll(newest.group, newest.time_ms + 2, 1, 0, Lane.CADENCE, newest.values, b"")])
    assert not writer.as_given


def test_it_is_sent_as_it_would_be_from_the_store_which_is_not_asked(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = rig.reader.polls_since(0, 10_000)
    recent = Recent()
    recent.put(len(stored), [Poll(p.group, p.time_ms, p.epoch, p.tick, p.lane, p.values, p.words, p.quality)
                             for p in stored], known=True)  # fmt: skip
    writer = rig.sample.writer
    rig.forwarder = Forwarder(SITE, rig.reader, rig.sink, writer.acknowledge, writer.quarantine, recent=recent)
    monkeypatch.setattr(rig.reader, "polls_since", None)
    monkeypatch.setattr(rig.reader, "last_seq", None)
    rig.drain()
    assert rig.values() == rig.expected()
    assert rig.flux.resent() == 0
    assert rig.acknowledged() == [(1, len(stored))]


def test_what_a_sink_has_got_is_noted_with_the_next_commit_in_one_row(rig: Rig) -> None:
    committer = Committer(rig.sample.writer, 3600)
    for first in range(1, 101, 10):
        committer.acknowledge("sink", "readings", first, first + 9)
    committer.acknowledge("other", "readings", 1, 5)
    committer.acknowledge("sink", "readings", 201, 210)
    committer.start()
    assert committer.stop(60)
    assert rig.reader.delivered("sink") == [(1, 100), (201, 210)]
    assert rig.reader.delivered("other") == [(1, 5)]


def test_a_committer_puts_what_is_durable_and_nothing_before(tmp_path: Path, rig: Rig) -> None:
    number = rig.sample.writer.group(GROUP)
    committer = Committer(rig.sample.writer, 0.01)
    committer.recent = Recent()
    committer.add(polls=[poll(number, tick) for tick in range(5)])
    assert committer.recent.last_seq == 0
    committer.start()
    assert committer.stop(60)
    last = rig.sample.writer.last_seq
    kept = committer.recent.between(last - 4, last)
    assert kept is not None
    stored = ReadingsReader(rig.sample.store).polls_since(last - 5, 10)
    assert [(seq, one.time_ms, one.values) for seq, one in kept] == [(p.seq, p.time_ms, p.values) for p in stored]


def test_where_nothing_is_read_what_a_sink_has_got_is_noted_all_the_same(rig: Rig) -> None:
    committer = Committer(rig.sample.writer, 0.001)
    committer.start()
    committer.acknowledge("sink", "readings", 1, 7)
    until = time.monotonic() + 90
    while not rig.reader.delivered("sink") and time.monotonic() < until:
        time.sleep(0.02)
    assert rig.reader.delivered("sink") == [(1, 7)]
    assert committer.stop(60)


@pytest.mark.parametrize(
    ("url", "gzip", "packed"),
    [
        ("http://127.0.0.1:8086", "auto", False), ("http://localhost:8086/", "auto", False),
        ("http://[::1]:8086", "auto", False), ("https://influx.works.example", "auto", True),
        ("http://192.0.2.7:8086", "auto", True), ("http://127.0.0.1:8086", "always", True),
        ("http://192.0.2.7:8086", "never", False),
    ],
)  # fmt: skip
def test_lines_are_packed_for_a_network_alone(url: str, gzip: Any, packed: bool) -> None:
    assert packs(ForwardSection(url=url, gzip=gzip)) is packed


@pytest.mark.parametrize("gzip", ["always", "never"])
def test_packed_or_not_the_same_arrives(rig: Rig, gzip: Any) -> None:
    rig.sink = InfluxSink(ForwardSection(url=rig.flux.url, org=rig.flux.org, gzip=gzip), lambda: rig.token)
    writer = rig.sample.writer
    rig.forwarder = Forwarder(SITE, rig.reader, rig.sink, writer.acknowledge, writer.quarantine)
    rig.drain()
    assert rig.values() == rig.expected()


def test_the_client_comes_without_numpy_which_others_get_all_the_same() -> None:
    words = "load_client(); print('numpy' in sys.modules); load_client(); import numpy; print(numpy.array([1]).sum())"
    program = f"import sys; from collector.influx_sink import load_client; {words}"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert told.stdout.split() == ["False", "1"]


def test_groups_come_one_by_one_and_all_of_them(rig: Rig) -> None:
    for number in range(410):
        rig.sample.writer.group(replace(GROUP, device=f"d{number}"))
    assert len(rig.reader.groups()) > 410
    assert dict(rig.reader.each_group()) == rig.reader.groups()
