"""The outbox and its postman in virtual time: nothing lost, nothing doubled, never more than ten in ten minutes."""

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from analytics.channels import Mail
from analytics.notify import LIMIT, WINDOW_MS, Postman, messages
from metering.alerting import ReceiverSection
from metering.store.alertbook import Letter, OutboxWriter, alert_record
from metering.store.results import ResultsReader, ResultsWriter

ROOT = Path(__file__).resolve().parents[2]
T0 = 1_795_230_000_000
SHIFT = ReceiverSection.model_validate({"id": "shift", "channel": "wecom", "language": "en"})


class Office:
    """A postman over a real results.db, with a clock that only the test moves."""

    def __init__(self, store: Path, *receivers: ReceiverSection) -> None:
        self.writer = ResultsWriter(store, "test")
        self.outbox = OutboxWriter(self.writer)
        self.now_ms, self.down, self.got = T0, set(), []
        self.postman = Postman(self.outbox, receivers or [SHIFT], self.send, lambda: self.now_ms, self.seconds)

    def seconds(self) -> float:
        return (self.now_ms - T0) / 1000

    def send(self, receiver: ReceiverSection, mail: Mail) -> str:
        if receiver.id in self.down:
            return "answered 503"
        self.got.append((self.now_ms, receiver.id, mail))
        return ""

    def put(self, *names: str, receiver: str = "shift", happening: str = "firing") -> None:
        self.outbox.put(Letter(receiver, n, happening, self.now_ms, f"[ALERT] {n}", f"{n} is wrong") for n in names)

    def run(self, seconds: int, step_s: int = 5) -> None:
        for _ in range(0, seconds, step_s):
            self.now_ms += step_s * 1000
            self.postman.pump()

    def keys(self) -> Counter[str]:
        return Counter(key for _, _, mail in self.got for key in mail.keys)


@pytest.fixture
def office(tmp_path: Path):
    office = Office(tmp_path)
    yield office
    office.writer.close()


def most_in_a_window(office: Office, receiver: str = "shift") -> int:
    times = [at for at, who, _ in office.got if who == receiver]
    return max((sum(start - WINDOW_MS < t <= start for t in times) for start in times), default=0)


def test_what_is_put_is_sent_once_and_in_order(office: Office) -> None:
    office.put("a-1", "b-2", "c-3")
    office.run(60)
    assert [mail.key for _, _, mail in office.got] == ["a-1", "b-2", "c-3"]
    assert office.outbox.waiting("shift") == []


def test_a_receiver_down_for_ten_minutes_loses_nothing_and_gets_nothing_twice(office: Office) -> None:
    office.put("before-0")
    office.run(60)
    office.down.add("shift")
    for n in range(60):
        office.put(f"during-{n}")
        office.run(10)
    assert len(office.got) == 1
    assert "503" in office.postman.failing()["shift"]
    office.down.clear()
    office.run(1_800)
    assert office.keys() == Counter({"before-0": 1, **{f"during-{n}": 1 for n in range(60)}})
    assert most_in_a_window(office) <= LIMIT
    assert office.postman.failing() == {}
    order = [key for _, _, mail in office.got for key in mail.keys]
    assert order == ["before-0", *(f"during-{n}" for n in range(60))]


def test_a_storm_is_ten_messages_of_which_the_last_is_a_digest(office: Office) -> None:
    office.put(*(f"storm-{n}" for n in range(300)))
    office.run(300)
    assert len(office.got) == LIMIT
    digest = office.got[-1][2]
    assert (digest.happening, len(digest.keys)) == ("digest", 291)
    assert "and 241 more" in digest.text
    office.put(*(f"later-{n}" for n in range(50)))
    office.run(900)
    assert most_in_a_window(office) <= LIMIT
    assert office.keys() == Counter([*(f"storm-{n}" for n in range(300)), *(f"later-{n}" for n in range(50))])


def test_a_heartbeat_passes_a_storm_and_still_no_more_than_ten_in_ten_minutes(tmp_path: Path) -> None:
    office = Office(tmp_path, SHIFT.model_copy(update={"heartbeat": 600_000}))
    for minute in range(60):
        office.put(*(f"s-{minute}-{n}" for n in range(20)))
        if minute % 10 == 5:
            office.put(f"beat-{minute}", happening="heartbeat")
        office.run(60)
    beats = [at for at, _, mail in office.got if mail.happening == "heartbeat"]
    assert [(at - T0) // 60_000 for at in beats] == [5, 15, 25, 35, 45, 55]
    assert most_in_a_window(office) <= LIMIT
    office.writer.close()


def test_only_the_newest_heartbeat_waits(office: Office) -> None:
    office.down.add("shift")
    for n in range(5):
        office.put(f"beat-{n}", happening="heartbeat")
    office.run(60)
    assert [letter.key for letter in office.outbox.waiting("shift")] == ["beat-4"]


def test_a_dead_receiver_keeps_nobody_else_waiting(tmp_path: Path) -> None:
    other = ReceiverSection.model_validate({"id": "boss", "channel": "feishu"})
    office = Office(tmp_path, SHIFT, other)
    office.down.add("shift")
    office.put("a-1")
    office.put("a-1", receiver="boss")
    office.run(10)
    assert [(who, mail.key) for _, who, mail in office.got] == [("boss", "a-1")]
    office.writer.close()


def test_an_endless_queue_is_folded_and_every_letter_is_told_of(office: Office, monkeypatch) -> None:
    monkeypatch.setattr("analytics.notify.QUEUE", 100)
    office.down.add("shift")
    office.put(*(f"n-{n}" for n in range(150)))
    office.run(10)
    [folded] = office.outbox.waiting("shift")
    assert folded.happening == "digest"
    assert "150 alert messages" in folded.title
    assert "and 100 more" in folded.body


def test_what_waits_longer_than_a_day_becomes_one_letter_and_is_still_brought(office: Office) -> None:
    office.down.add("shift")
    office.put(*(f"n-{n}" for n in range(30)))
    office.run(90_000, step_s=600)
    assert len(office.outbox.waiting("shift")) == 1
    office.down.clear()
    office.run(1_200, step_s=60)
    assert len(office.got) == 1
    assert "30 alert messages" in office.got[0][2].title


def test_a_stepped_clock_sends_nothing_twice(office: Office) -> None:
    office.put("a-1")
    office.run(10)
    office.now_ms += 7_200_000
    office.run(10)
    office.now_ms -= 14_400_000
    office.run(10)
    assert office.keys() == Counter({"a-1": 1})


def test_ten_or_fewer_go_one_by_one() -> None:
    letters = [Letter("r", f"k-{n}", "firing", T0, "t", "b", n) for n in range(12)]
    assert [len(one) for one in messages(letters[:10], 10)] == [1] * 10
    assert [len(one) for one in messages(letters, 10)] == [1] * 9 + [3]
    assert list(messages(letters, 0)) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.analytics.test_notify import SHIFT, T0
from analytics.notify import Postman
from metering.store.alertbook import Letter, OutboxWriter
from metering.store.results import ResultsWriter

writer = ResultsWriter(Path(sys.argv[1]), "test")
outbox = OutboxWriter(writer)
outbox.put([Letter("shift", "dead-1", "firing", T0, "t", "b")]) if sys.argv[2] == "first" else None
def send(receiver, mail):
    print(mail.id, mail.key, flush=True)
    if sys.argv[2] == "first":
        os.kill(os.getpid(), signal.SIGKILL)
    return ""
Postman(outbox, [SHIFT], send, lambda: T0).pump()
writer.close()
"""


def test_killed_between_sending_and_marking_it_goes_again_with_the_same_id_and_key(tmp_path: Path) -> None:
    def run(which: str) -> tuple[int, str]:
        words = [sys.executable, "-c", KILLED, str(tmp_path), which]
        done = subprocess.run(
            words, check=False, cwd=ROOT, capture_output=True, text=True, timeout=120, env={**os.environ}
        )
        return done.returncode, done.stdout

    code, first = run("first")
    assert code == -signal.SIGKILL
    assert run("again") == (0, first)
    assert first.split() == ["1", "dead-1"]
    assert run("third") == (0, "")


def test_state_incidents_and_letters_of_one_step_are_kept_together(tmp_path: Path) -> None:
    writer = ResultsWriter(tmp_path, "test")
    outbox = OutboxWriter(writer)
    over = {"key": "a-1", "resolved_ms": T0}
    outbox.keep({"number": 1}, [over], [Letter("shift", "a-1", "resolved", T0, "t", "b")])
    record = alert_record(tmp_path)
    assert (record.state, record.over, record.posts) == ({"number": 1}, [over], {"shift": (1, None)})
    with pytest.raises(TypeError):
        outbox.keep({"number": 2}, [{"key": "b-2", "resolved_ms": T0, "no json": object()}], [])
    assert alert_record(tmp_path).state == {"number": 1}
    writer.close()


def test_a_file_of_the_format_before_is_brought_up_to_date(tmp_path: Path) -> None:
    import sqlite3

    ResultsWriter(tmp_path, "test").close()
    with sqlite3.connect(tmp_path / "results/results.db") as db:
        for table in ("incident", "outbox", "unpublished"):
            db.execute(f"DROP TABLE {table}")
        db.execute("INSERT INTO mark VALUES ('kept', '7')")
        db.execute("PRAGMA user_version=1")
    db.close()
    assert alert_record(tmp_path).posts == {}
    writer = ResultsWriter(tmp_path, "test")
    OutboxWriter(writer).put([Letter("shift", "a-1", "firing", T0, "t", "b")])
    writer.close()
    assert alert_record(tmp_path).posts == {"shift": (1, None)}
    assert ResultsReader(tmp_path).mark("kept") == 7
