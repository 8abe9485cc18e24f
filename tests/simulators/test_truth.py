"""The truth log over many parts: nothing of it is lost when a part is set aside, packed, or left by a kill."""

import gzip
import threading
import time
from pathlib import Path

import pytest

from simulators.truth import TruthLog, logs, read_lines

ANSWERS = [{"t": 1_700_000_000_000 + n, "device": "m", "words": f"{n:08x}"} for n in range(1000)]


def settled(folder: Path, deadline_s: float = 60) -> None:
    """Wait until every part that was set aside is packed."""
    until = time.monotonic() + deadline_s
    while any(t.name.startswith("pack ") for t in threading.enumerate()):
        assert time.monotonic() < until, sorted(p.name for p in folder.iterdir())
        time.sleep(0.01)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    log = TruthLog(tmp_path / "hall.jsonl", part_bytes=10_000)
    for answer in ANSWERS:
        log.write(answer)
    log.close()
    settled(tmp_path)
    return tmp_path / "hall.jsonl"


def test_parts_are_set_aside_packed_and_read_as_one(written: Path) -> None:
    packed = sorted(written.parent.glob("*.gz"))
    assert [p.name for p in packed[:2]] == ["hall.000001.jsonl.gz", "hall.000002.jsonl.gz"]
    assert len(packed) == 5
    assert sum(p.stat().st_size for p in packed) < 10_000
    assert list(read_lines(written)) == ANSWERS
    assert logs(written.parent) == [written]


def test_a_restart_goes_on_in_the_last_part(written: Path) -> None:
    log = TruthLog(written, part_bytes=10_000)
    for answer in ANSWERS:
        log.write(answer)
    log.close()
    settled(written.parent)
    assert list(read_lines(written)) == ANSWERS * 2


def test_a_part_that_a_kill_left_plain_is_read_once_and_packed_at_the_next_start(written: Path) -> None:
    packed = written.parent / "hall.000003.jsonl.gz"
    plain = packed.with_suffix("")
    plain.write_bytes(gzip.decompress(packed.read_bytes()))  # killed between the rename and the unlink
    assert list(read_lines(written)) == ANSWERS
    packed.unlink()  # killed while packing
    (written.parent / "hall.000003.jsonl.unfinished").write_bytes(b"half")
    assert list(read_lines(written)) == ANSWERS
    TruthLog(written, part_bytes=10_000).close()
    assert not plain.exists()
    assert list(read_lines(written)) == ANSWERS


def test_a_line_cut_short_by_a_kill_is_no_answer(tmp_path: Path) -> None:
    (tmp_path / "hall.jsonl").write_bytes(b'{"t":1}\n{"t":2')
    assert list(read_lines(tmp_path / "hall.jsonl")) == [{"t": 1}]
