"""Every way a sink can fail, one test a row of the fault catalogue (T1..T14, N4..N8): nothing lost or invented."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from collector.courier import BATCH_POLLS, MOST_BAD
from collector.delivery import PAUSE_S, RETRY_AFTER_S
from collector.forward import TRIES
from tests.harness import fluxfaults as faults
from tests.harness.fakeflux import FakeFlux, Fault, Version
from tests.harness.rig import Rig
from tests.harness.sample import GROUPS

VERSIONS: tuple[Version, ...] = ("1.8", "2.1", "2.2", "2.7")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    found = Rig(tmp_path)
    yield found
    found.close()


def assert_all_there(rig: Rig) -> None:
    rig.drain()
    assert rig.values() == rig.expected()
    assert rig.flux.changed() == []
    assert rig.quarantine() == []


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("said", "least", "most"),
    [
        ("7", 7, 7.7),
        ("0", 1, 1.1),
        ("-5", 1, 1.1),
        ("99999", 600, 600),
        ("soon", 0, 0.5),
        ("1e3", 0, 0.5),
        ("", 0, 0.5),
    ],
)
def test_t1_retry_after_is_honoured_between_one_second_and_ten_minutes(
    rig: Rig, status: int, said: str, least: float, most: float
) -> None:
    rig.flux.faults.append(faults.busy(said, status))
    assert least <= rig.step() <= most
    assert_all_there(rig)
    assert rig.flux.resent() == 0


def test_t1_retry_after_as_a_date(rig: Rig) -> None:
    ahead = datetime.fromtimestamp(rig.now_s + 42, UTC)
    rig.flux.faults.append(faults.busy(format_datetime(ahead, usegmt=True)))
    assert 41 <= rig.step() <= 47
    assert RETRY_AFTER_S == (1, 600)


@pytest.mark.parametrize("fault", [Fault(500), Fault(502), Fault(504), faults.RESET], ids=lambda f: str(f.status))
def test_t2_a_server_that_is_ill_is_tried_again_and_never_dropped_for(rig: Rig, fault: Fault) -> None:
    rig.flux.always = fault
    waits = [rig.step() for _ in range(12)]
    assert max(waits) <= 30
    assert min(waits[7:]) >= 15  # it backs off
    assert rig.acknowledged() == []
    rig.flux.always = None
    assert_all_there(rig)


@pytest.mark.parametrize("fault", [faults.REVOKED, faults.FORBIDDEN, faults.NO_BUCKET], ids=lambda f: str(f.status))
def test_t3_a_revoked_token_or_a_lost_bucket_pauses_keeps_tells_once_and_resumes(rig: Rig, fault: Fault) -> None:
    rig.flux.always = fault
    with capture_logs() as logs:
        assert [rig.step() for _ in range(5)] == [PAUSE_S] * 5
        rig.sample.add(40)
        assert rig.step() == PAUSE_S
    assert [entry["state"] for entry in logs if entry["event"] == "forward"] == ["paused"]
    assert (rig.acknowledged(), rig.quarantine()) == ([], [])
    assert len(rig.flux.writes) == 6  # one probe a minute
    rig.flux.always = None
    assert_all_there(rig)


def test_t4_too_large_a_batch_is_split_and_a_line_too_large_alone_is_set_aside(rig: Rig) -> None:
    rig.flux.max_body = 2000
    assert_all_there(rig)
    assert 413 in rig.flux.writes
    rig.flux.max_body = 20
    rig.sample.add(1, whole=True)
    rig.step()
    [(_, line, why)] = rig.quarantine()
    assert line.startswith("electricity,")
    assert why.startswith("413")


@pytest.mark.parametrize("version", VERSIONS)
def test_t5_one_malformed_line_of_a_full_batch_costs_itself_alone(tmp_path: Path, version: Version) -> None:
    rig = Rig(tmp_path, polls=0)
    rig.flux.version = version
    rig.drain()
    rig.sample.add(BATCH_POLLS, whole=True)
    bad = rig.sample.polls[-37]
    rig.flux.bad_words = (str(bad.time_ms),)
    before = len(rig.flux.writes)
    rig.drain()
    lines = {line for _, line, _ in rig.quarantine()}
    assert lines
    assert all(str(bad.time_ms) in line for line in lines)
    assert {time_ms for _, time_ms in rig.expected().keys() - rig.values().keys()} == {bad.time_ms}
    assert len(rig.flux.writes) - before <= 2 * len(lines) * 11 + 2  # 2 log2(n) each
    rig.close()


@pytest.mark.parametrize("version", VERSIONS)
def test_t6_a_type_conflict_is_found_line_by_line_and_told_with_series_field_and_both_types(
    tmp_path: Path, version: Version
) -> None:
    rig = Rig(tmp_path, polls=0)
    rig.flux.version = version
    rig.drain()
    rig.flux._types["readings", "product", "product_count"] = "integer"  # somebody wrote 1i into this field before
    rig.sample.add(16, whole=True)
    with capture_logs() as logs:
        rig.drain()
    set_aside = rig.quarantine()
    assert len(set_aside) == 4
    [told] = [entry for entry in logs if entry["event"] == "forward_quarantined"]
    assert "product,point=line-1" in told["line"]
    assert 'field "product_count"' in told["reason"]
    assert "is type float, already exists as type integer" in told["reason"]
    assert {key for key, _ in rig.expected().keys() - rig.values().keys()} == {("line-1", "product_count")}
    rig.close()


@pytest.mark.parametrize("version", VERSIONS)
def test_t7_beyond_retention_is_quarantined_as_such_however_many_they_are(tmp_path: Path, version: Version) -> None:
    rig = Rig(tmp_path, polls=0)
    rig.flux.version = version
    rig.sample.add(60, whole=True)
    rig.drain()
    rig.sample.add(120, whole=True)
    rig.flux.oldest_ns = (rig.sample.polls[-20].time_ms) * 10**6
    rig.drain()
    assert all(why.startswith("retention: ") for _, _, why in rig.quarantine())
    missing = {time_ms for _, time_ms in rig.expected().keys() - rig.values().keys()}
    assert missing == {poll.time_ms for poll in rig.sample.polls[-120:-20]}
    assert len({seq for seq, _, _ in rig.quarantine()}) == 100
    rig.close()


@pytest.mark.parametrize("status", [200, 201, 202, 206])
def test_t_no_other_success_is_delivery(rig: Rig, status: int) -> None:
    rig.flux.always = Fault(status, body="thank you")
    assert rig.step() == PAUSE_S
    assert rig.acknowledged() == []
    rig.flux.always = None
    assert_all_there(rig)


def test_t_nothing_is_tried_for_ever(rig: Rig) -> None:
    """A batch with too many bad lines rests a minute, twice; then all its bad lines are set aside, none of the good."""
    rig.drain()
    rig.sample.add(100, whole=True)
    bad = {poll.time_ms for poll in rig.sample.polls[-100:][: 2 * MOST_BAD]}
    rig.flux.bad_words = tuple(map(str, bad))
    begun_s = rig.now_s
    for _ in range(TRIES - 1):
        assert rig.forwarder.pending() == 100
        rig.step()
        assert rig.quarantine() == []
        rig.now_s += PAUSE_S
    rig.drain()
    assert {int(re.split(r"[ \n]", line)[-1]) for _, line, _ in rig.quarantine()} == bad
    assert {time_ms for _, time_ms in rig.expected().keys() - rig.values().keys()} == bad
    assert rig.now_s - begun_s <= TRIES * PAUSE_S + 10


def test_t_after_a_restart_one_poison_line_in_the_first_batch_costs_itself_alone(rig: Rig) -> None:
    rig.flux.bad_words = (str(rig.sample.polls[-1].time_ms),)
    rig.restart()
    rig.step()
    assert len({seq for seq, _, _ in rig.quarantine()}) == 1
    assert rig.forwarder.pending() == 0


def test_p11_a_sink_that_comes_and_goes_does_not_fill_the_log(rig: Rig) -> None:
    with capture_logs() as logs:
        for _ in range(60):
            rig.flux.faults.append(Fault(503))
            rig.sample.add(2)
            rig.step()
            rig.step()
    told = [entry["state"] for entry in logs if entry["event"] == "forward"]
    assert {"waiting", "delivering"} == set(told)
    assert len(told) <= 2 * (2 + 60 * 2 // 60)


def test_t10_the_server_is_gone_for_a_while(rig: Rig) -> None:
    rig.step()
    rig.flux.stop()
    rig.sample.add(300)
    assert all(rig.step() <= 30 for _ in range(10))
    rig.flux.start()
    assert_all_there(rig)


def test_t12_the_precision_is_sent_and_the_double_has_19_digits(rig: Rig) -> None:
    rig.drain()
    assert {len(str(one.time_ns)) for one in rig.flux.applied} == {19}


def test_t14_behind_a_slow_sink_each_step_is_bounded_and_the_newest_go_first(tmp_path: Path) -> None:
    rig = Rig(tmp_path, polls=4 * BATCH_POLLS)
    rig.flux.delay_s = 0.02
    for _ in range(4):
        rig.sample.add(len(GROUPS), whole=True)
        begun = len(rig.flux.writes)
        rig.step()
        assert len(rig.flux.writes) - begun <= 2  # one batch of each lane
        newest = rig.sample.polls[-1].time_ms
        assert any(one.time_ns == newest * 10**6 for one in rig.flux.applied if one.write == begun)
    assert_all_there(rig)
    rig.close()


def test_the_backlog_goes_ten_times_as_fast_as_it_grew_beside_the_live_lane(tmp_path: Path) -> None:
    """Counted in steps: with new polls at each, a step that does not wait takes a full batch of the backlog too."""
    rig = Rig(tmp_path, polls=5 * BATCH_POLLS)
    live = 40
    before = rig.forwarder.pending()
    rig.step()
    steps = 1
    while rig.forwarder.pending():
        rig.sample.add(live)
        assert rig.step() in (0.0, 1.0)
        steps += 1
    assert (before + steps * live) / steps >= 10 * live
    assert rig.values() == rig.expected()
    rig.close()


def test_n4_an_answer_that_comes_drop_by_drop_ends_at_the_total_deadline(rig: Rig) -> None:
    rig.timeout_ms = 300
    rig.restart()
    rig.flux.faults.append(faults.DRIP)
    batch, begun = rig.forwarder._courier.batch, time.monotonic()
    assert rig.step() > 0
    assert time.monotonic() - begun < 20  # each byte came in time; only the whole did not
    assert rig.forwarder._courier.batch == batch // 2  # as after any timeout
    rig.timeout_ms = 30_000
    rig.restart()
    assert_all_there(rig)


def test_n4_a_request_that_is_never_answered_is_sent_again_the_same(rig: Rig) -> None:
    rig.timeout_ms = 100
    rig.restart()
    rig.flux.faults.append(faults.HANG)
    assert rig.step() > 0
    rig.timeout_ms = 30_000
    rig.restart()
    assert_all_there(rig)


@pytest.mark.parametrize("fault", [faults.COMMIT_THEN_DROP, faults.COMMIT_THEN_500], ids=["drop", "500"])
def test_n5_applied_and_not_answered_is_sent_again_the_same(rig: Rig, fault: Fault) -> None:
    rig.flux.faults.append(fault)
    rig.step()
    assert rig.acknowledged() == []
    assert_all_there(rig)
    assert rig.flux.resent() > 0


def test_n7_a_captive_portal_is_no_database(rig: Rig) -> None:
    rig.flux.always = faults.CAPTIVE
    assert rig.step() == PAUSE_S
    assert (rig.acknowledged(), rig.flux.applied) == ([], [])
    rig.flux.always = None
    assert_all_there(rig)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_n8_a_redirect_is_refused_for_the_token_would_go_along(rig: Rig, status: int) -> None:
    other = FakeFlux()
    rig.flux.always = faults.elsewhere(status, f"{other.url}/api/v2/write?org=zcf&bucket=readings&precision=ms")
    assert rig.step() == PAUSE_S
    assert other.writes == []
    assert rig.acknowledged() == []
    other.stop()
