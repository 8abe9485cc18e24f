from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.delivery import Answer, BackOff, Pending, Verdict, asked_wait, verdict

CONFLICT = "unexpected error writing points: partial write: field type conflict"


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (204, Verdict.DELIVERED),
        *[(status, Verdict.PAUSE) for status in (200, 201, 202, 206, 301, 302, 307, 401, 403, 404, 405, 418)],
        *[(status, Verdict.REJECTED) for status in (400, 422)],
        (413, Verdict.TOO_LARGE),
        *[(status, Verdict.RETRY) for status in (0, 408, 429, 500, 502, 503, 504, 599)],
    ],
)
def test_only_204_delivers(status: int, meaning: Verdict) -> None:
    assert verdict(Answer(status)) is meaning


def test_a_type_conflict_told_as_a_server_error_is_a_bad_line_all_the_same() -> None:
    assert verdict(Answer(500, CONFLICT)) is Verdict.REJECTED


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("5", 5), ("0", 1), ("-3", 1), ("99999", 600), ("", None), ("soon", None), ("1.5", None), ("Fri, 99 Foo", None)],
)
def test_retry_after_is_honoured_within_limits(header: str, seconds: float | None) -> None:
    assert asked_wait(header, 0.0) == seconds


@pytest.mark.parametrize(("ahead", "seconds"), [(30, 30), (-30, 1), (10**6, 600)])
def test_retry_after_may_be_a_date(ahead: int, seconds: float) -> None:
    now = 1_795_219_200
    assert asked_wait(format_datetime(datetime.fromtimestamp(now + ahead, UTC), usegmt=True), now) == seconds


def test_the_wait_doubles_up_to_half_a_minute_and_starts_again() -> None:
    back_off = BackOff()
    for longest in (0.5, 1, 2, 4, 8, 16, 30, 30, 30):
        assert longest / 2 <= back_off.wait(Answer(500), 0.0) <= longest
    back_off.reset()
    assert back_off.wait(Answer(0), 0.0) <= 0.5


def test_a_pause_is_a_minute_and_an_asked_wait_is_kept() -> None:
    assert BackOff().wait(Answer(401), 0.0) == 60
    assert 7 <= BackOff().wait(Answer(503, retry_after="7"), 0.0) <= 7.7
    assert BackOff().wait(Answer(429, retry_after="4000"), 0.0) == 600


def test_the_newest_go_first_where_much_has_gathered() -> None:
    pending = Pending([])
    pending.advance(1200, 500)
    assert (pending.holes, pending.live, pending.count(1200)) == ([(1, 700)], 700, 1200)
    pending.take(701, 1200)
    pending.take(1, 500)
    assert (pending.holes, pending.live, pending.count(1200)) == ([(501, 700)], 1200, 200)
    pending.advance(1600, 500)
    assert pending.holes == [(501, 700)]
    pending.advance(2000, 500)
    assert pending.holes == [(501, 700), (1201, 1500)]
    pending.advance(2100, 500)
    assert pending.holes == [(501, 700), (1201, 1600)]


def test_a_restart_finds_the_holes_in_what_is_acknowledged() -> None:
    pending = Pending([(901, 950), (1, 400), (601, 900), (399, 401)])
    assert (pending.holes, pending.live) == ([(402, 600)], 950)


@given(st.lists(st.tuples(st.integers(0, 60), st.sampled_from("livebackpostpone")), max_size=60), st.integers(1, 20))
def test_nothing_is_forgotten_and_nothing_sent_for_good_twice(steps: list[tuple[int, str]], batch: int) -> None:
    pending, head, done = Pending([]), 0, set[int]()
    for grown, lane in [*steps, *[(0, "l"), (0, "b")] * 3000]:
        head += grown
        pending.advance(head, batch)
        if lane in "live" and head > pending.live:
            first, last = pending.live + 1, head
        elif pending.holes:
            first, last = pending.holes[0][0], min(pending.holes[0][1], pending.holes[0][0] + batch - 1)
        else:
            continue
        assert 1 <= last - first + 1 <= batch
        if lane == "p":
            pending.postpone(first, last)
            continue
        assert done.isdisjoint(range(first, last + 1))
        done.update(range(first, last + 1))
        pending.take(first, last)
        assert pending.count(head) == head - len(done)
    assert done == set(range(1, head + 1))
