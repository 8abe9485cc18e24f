from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from structlog.testing import capture_logs

from collector.courier import MOST_BAD
from collector.delivery import PAUSE_S
from collector.forward import Forwarder
from collector.influx_sink import InfluxSink
from metering.sitefile import ForwardSection
from metering.store import StoreError
from metering.store.influxdb import InfluxSource
from metering.store.source import StoreSource
from tests.harness.fakeflux import FakeFlux, Fault
from tests.harness.rig import Rig
from tests.harness.sample import SITE, START_MS, Sample


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    found = Rig(tmp_path)
    yield found
    found.close()


def test_everything_arrives_once_and_is_acknowledged(rig: Rig) -> None:
    rig.drain()
    assert rig.values() == rig.expected()
    assert rig.flux.resent() == 0
    assert rig.acknowledged() == [(1, rig.sample.writer.last_seq)]
    assert rig.forwarder.step() > 0  # nothing to do: it waits
    assert rig.forwarder.state == "delivering"


def test_n1_the_server_stops_in_the_middle_and_afterwards_all_is_equal_row_for_row(rig: Rig) -> None:
    rig.drain()
    rig.flux.stop()
    for _ in range(40):  # the collector goes on; each step finds nobody
        rig.sample.add(30)
        assert 0 < rig.forwarder.step() <= 30
    assert rig.forwarder.state == "waiting"
    assert rig.acknowledged()[-1][1] < rig.sample.writer.last_seq
    rig.flux.start()
    rig.drain()
    assert rig.values() == rig.expected()
    assert rig.flux.changed() == []
    embedded, influx = (
        StoreSource(rig.sample.store),
        InfluxSource(rig.flux.url, "readings", SITE.id, FakeFlux.read_token),
    )
    assert_equal(embedded, influx, rig.sample)


def assert_equal(embedded: StoreSource, influx: InfluxSource, sample: Sample) -> None:
    ours, theirs = (s.ranges(sample.rows(), START_MS, sample.now_ms + 1) for s in (embedded, influx))
    assert ours.keys() == theirs.keys()
    for key, columns in ours.items():
        assert columns.time_ms.tolist() == theirs[key].time_ms.tolist()
        assert columns.value.tobytes() == theirs[key].value.tobytes()  # the same bits
        assert columns.quality.tolist() == theirs[key].quality.tolist()


def test_a_restart_resumes_at_the_cursor(rig: Rig) -> None:
    rig.forwarder.step()
    rig.sample.add(700)
    rig.restart()
    rig.forwarder.step()
    rig.sample.add(10)
    rig.restart()
    rig.drain()
    assert rig.values() == rig.expected()
    assert rig.flux.resent() == 0
    assert rig.acknowledged() == [(1, rig.sample.writer.last_seq)]


def test_what_was_stored_but_not_answered_is_sent_again_the_same(rig: Rig) -> None:
    rig.flux.faults.extend([Fault(apply=True, drop=True), Fault(500, apply=True)])
    assert rig.forwarder.step() > 0
    assert rig.acknowledged() == []
    assert rig.forwarder.step() > 0
    rig.drain()
    assert rig.values() == rig.expected()
    assert rig.flux.resent() > 0
    assert rig.flux.changed() == []


def test_the_newest_go_first_and_the_backlog_follows(rig: Rig) -> None:
    rig.sample.add(2000)
    rig.forwarder.step()
    newest = rig.sample.polls[-1].time_ms * 10**6
    first_write = [one.time_ns for one in rig.flux.applied if one.write == 0]
    assert max(first_write) == newest
    assert rig.forwarder.step() == 0.0  # more behind: no wait
    rig.sample.add(5)
    rig.forwarder.step()
    assert rig.values().keys() >= {(key, rows[-1][0]) for key, rows in rig.sample.rows().items()}
    rig.drain()
    assert rig.values() == rig.expected()
    assert rig.flux.resent() == 0


@pytest.mark.parametrize("status", [200, 201, 301, 307, 401, 403, 404])
def test_whatever_is_not_204_pauses_and_keeps(rig: Rig, status: int) -> None:
    rig.flux.always = Fault(status, {"Location": "http://127.0.0.1:9/"}, "<html>welcome</html>")
    assert rig.forwarder.step() == PAUSE_S
    assert rig.forwarder.step() == PAUSE_S
    assert (rig.forwarder.state, rig.acknowledged(), rig.flux.applied) == ("paused", [], [])
    assert rig.flux.writes == [status] * 2  # nothing was tried elsewhere
    rig.flux.always = None
    rig.drain()
    assert rig.values() == rig.expected()


def test_a_revoked_token_is_read_anew(rig: Rig) -> None:
    rig.token = "revoked"
    assert rig.forwarder.step() == PAUSE_S
    rig.token = FakeFlux.write_token
    rig.drain()
    assert rig.values() == rig.expected()


def test_a_busy_server_names_its_time(rig: Rig) -> None:
    rig.flux.faults.extend([Fault(503, {"Retry-After": "9"}), Fault(429, {"Retry-After": "99999"}), Fault(503)])
    assert 9 <= rig.forwarder.step() <= 9.9
    assert rig.forwarder.step() == 600
    assert rig.forwarder.step() <= 0.5
    rig.drain()
    assert rig.flux.resent() == 0


def test_a_server_that_does_not_answer_gets_smaller_batches(rig: Rig) -> None:
    rig.timeout_ms = 50
    rig.restart()
    rig.flux.faults.append(Fault(hang=True))
    batch = rig.forwarder._courier.batch
    assert rig.forwarder.step() > 0
    assert rig.forwarder._courier.batch == batch // 2
    rig.timeout_ms = 30_000
    rig.restart()
    rig.drain()
    assert rig.values() == rig.expected()


def test_one_malformed_line_alone_is_set_aside(rig: Rig) -> None:
    rig.drain()
    rig.sample.add(64, whole=True)
    bad = next(p for p in rig.sample.polls[-30:] if p.group == 1)
    rig.flux.bad_words = (str(bad.time_ms),)
    before = len(rig.flux.writes)
    rig.forwarder.step()
    [(seq, line, reason)] = rig.quarantine()
    assert seq == rig.sample.polls.index(bad) + 1
    assert str(bad.time_ms) in line
    assert "bad by order" in reason
    assert len(rig.flux.writes) - before <= 2 * 8 + 1  # 128 lines halve seven times
    missing = rig.expected().keys() - rig.values().keys()
    assert {time for _, time in missing} == {bad.time_ms}
    assert rig.forwarder.pending() == 0


@pytest.mark.parametrize("version", ["2.7", "2.2", "2.1"])
def test_a_type_conflict_costs_its_own_line_only(tmp_path: Path, version: str) -> None:
    rig = Rig(tmp_path, polls=0)
    rig.flux.version = version  # type: ignore[assignment]
    rig.drain()
    rig.flux._types["readings", "product", "product_count"] = "integer"  # somebody wrote 1i into this field before
    rig.sample.add(16, whole=True)
    rig.forwarder.step()
    set_aside = rig.quarantine()
    assert len(set_aside) == 4
    assert all("product_count" in line and "already exists as type integer" in why for _, line, why in set_aside)
    missing = rig.expected().keys() - rig.values().keys()
    assert {key for key, _ in missing} == {("line-1", "product_count")}
    rig.close()


def test_a_server_that_refuses_every_line_loses_none(rig: Rig) -> None:
    rig.flux.bad_words = ("works",)
    with capture_logs() as logs:
        rig.forwarder.step()
    assert rig.quarantine() == []
    assert rig.acknowledged() == []
    assert [entry["event"] for entry in logs if entry["log_level"] == "warning"] == ["forward_refused"]
    rig.flux.bad_words = ()
    rig.drain()
    assert rig.values() == rig.expected()


def test_a_batch_with_too_many_bad_lines_waits_behind_the_others(rig: Rig) -> None:
    rig.drain()
    rig.sample.add(100, whole=True)
    rig.flux.bad_words = tuple(str(p.time_ms) for p in rig.sample.polls[-100:][: 2 * MOST_BAD])
    rig.forwarder.step()
    assert rig.quarantine() == []
    assert rig.forwarder.pending() == 100
    rig.sample.add(4, whole=True)
    rig.forwarder.step()
    assert rig.forwarder.pending() == 100  # the live lane goes on
    rig.flux.bad_words = ()
    rig.drain()
    assert rig.values() == rig.expected()


def test_too_large_a_batch_is_split(tmp_path: Path) -> None:
    rig = Rig(tmp_path, polls=400)
    rig.flux.max_body = 5000
    rig.drain()
    assert 413 in rig.flux.writes
    assert rig.values() == rig.expected()
    assert rig.flux.resent() == 0
    rig.close()


def test_a_line_too_large_by_itself_is_set_aside(rig: Rig) -> None:
    rig.drain()
    rig.flux.max_body = 10
    rig.sample.add(1, whole=True)
    rig.forwarder.step()
    assert [reason[:3] for _, _, reason in rig.quarantine()] == ["413"]


def test_a_store_that_fails_is_waited_for(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> int:
        raise StoreError("disk on fire")

    monkeypatch.setattr(rig.reader, "last_seq", fails)
    assert 0 < rig.forwarder.step() <= 0.5
    monkeypatch.undo()
    rig.drain()
    assert rig.values() == rig.expected()


def test_an_acknowledgement_that_fails_makes_it_send_again(rig: Rig) -> None:
    def fails(*_: object) -> None:
        raise StoreError("disk full")

    rig.forwarder._acknowledge = fails
    assert rig.forwarder.step() > 0
    rig.restart()
    rig.drain()
    assert rig.flux.resent() > 0
    assert rig.flux.changed() == []


def test_another_bucket_is_another_sink(rig: Rig) -> None:
    rig.drain()
    section = ForwardSection(url=rig.flux.url, org=rig.flux.org, bucket="results")
    sink = InfluxSink(section, lambda: rig.token)
    again = Forwarder(SITE, rig.reader, sink, rig.sample.writer.acknowledge)
    assert again.pending() == len(rig.sample.polls)
    again.step()
    assert again.pending() == 0
    sink.close()


def test_a_refusal_that_tells_the_token_back_brings_it_into_no_log(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/api/v2/write").respond_with_json({"message": "bad token t0p-secret!"}, status=401)
    sink = InfluxSink(ForwardSection(url=httpserver.url_for("")), lambda: "t0p-secret")
    answer = sink.send(b"m f=1 1")
    sink.close()
    assert (answer.status, answer.detail) == (401, "bad token ***!")
