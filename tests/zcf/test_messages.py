"""The judge and messages: printed numbers exactly, and every message that is gone has a gap that speaks of it."""

from fractions import Fraction
from pathlib import Path

import pytest

from metering.reading import Column, GapReason, Lane, Poll, PollGap, PollGroup
from metering.store.readings import ReadingsWriter
from metering.store.readings_reader import ReadingsReader
from zcf.judging.messages import Printed, count_messages
from zcf.judging.truth import Message

START = 1_790_000_100_000
GROUP = PollGroup("meter", "state", (Column("p", "product_count"),), (), 5_000, False, "prof", "hash")


@pytest.mark.parametrize(
    ("words", "micro"),
    [
        (b'{"em":{"total":110845717.13}}', 110_845_717_130),
        (b'["x","110845717.13"]', 110_845_717_130),
        (b'{"em":{"total":null}}', None),
        (b'{"em":{}}', None),
        (b'["x",null]', None),
        (b'["x","idle"]', None),
        (b'{"em":{"total":-1}}', None),
        (b'{"em":{"total":0.0005}}', 0),  # half of a millionth goes to the even one
        (b'{"em":{"total":0.0015}}', 2),
    ],
)
def test_a_printed_number_is_exact(words: bytes, micro: int | None):
    printed = Printed("/em/total", 1, Fraction(1, 1000), Fraction(0), Fraction(1, 100_000))
    assert printed.micro(words) == micro


def test_a_message_is_stored_as_its_numbers_were_printed():
    message = Message(0, "d", "a/b", b'{"x":1.50,"y":{"z":7},"s":"run","n":null}')
    assert message.told(["/x", "/y/z", "/s", "/n", "/gone/0"]) == b'["1.50","7","run",null,null]'


@pytest.fixture
def store(tmp_path: Path):
    """Three messages stored in an epoch of a minute."""
    writer = ReadingsWriter(tmp_path, "a test")
    number, epoch = writer.group(GROUP), writer.open_epoch(START)
    polls = [Poll(number, START + t, epoch, t // 5_000, Lane.MESSAGE, (t,), b"[]") for t in (5_000, 10_000, 30_000)]
    writer.commit(polls)
    writer.close_epoch(epoch, START + 60_000, clean=True)
    yield writer, number, ReadingsReader(tmp_path)
    writer.close()


def lost(at_ms: int, sequence: int = 0, topic: str = "base/state") -> Message:
    return Message(START + at_ms, "meter", topic, b"{}", sequence)


def test_a_message_lost_without_a_word_is_seen(store):
    _, _, reader = store
    found = count_messages(reader, [lost(20_000)], [])
    assert (found.sent, found.stored, found.gap, found.right) == (4, 3, 0, False)


def test_a_hole_in_the_numbers_speaks_of_its_messages(store):
    writer, number, reader = store
    hole = PollGap(number, 1, Lane.MESSAGE, 3, 2, START + 11_000, START + 12_000, GapReason.SEQ_HOLE)
    writer.commit(gaps=[hole])
    found = count_messages(reader, [lost(15_000, 3), lost(20_000, 4)], [])
    assert (found.sent, found.gap, found.right) == (5, 2, True)
    assert not count_messages(reader, [lost(25_000, 5)], []).right


def test_a_lost_session_speaks_of_its_span(store):
    writer, number, reader = store
    span = PollGap(number, 1, Lane.MESSAGE, 0, 0, START + 12_000, START + 28_000, GapReason.SESSION_LOST)
    writer.commit(gaps=[span])
    assert count_messages(reader, [lost(20_000)], []).right
    assert not count_messages(reader, [lost(20_000, topic="base/other")], []).right


def test_before_the_subscription_after_the_stop_and_from_a_dying_broker_nothing_is_expected(store):
    _, _, reader = store
    assert count_messages(reader, [lost(-5_000), lost(500), lost(59_900), lost(70_000)], []).sent == 3
    assert count_messages(reader, [lost(20_000)], [(START + 19_000, START + 25_000)]).sent == 3
