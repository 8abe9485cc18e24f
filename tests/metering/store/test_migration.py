"""A store of format 1 with a backlog is brought to today's in a copy; nothing is lost, and an older program refuses."""

import hashlib
import shutil
import sqlite3
from pathlib import Path

import pytest

from metering.store import StoreError
from metering.store.readings import FORMAT, ReadingsWriter, readings_path
from metering.store.readings_reader import ReadingsReader
from metering.store.sqlite import snapshot
from tests.metering.store.works import TO_FORMAT_1, accounted, commit, made


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A store as format 1 was: the same tables, but for what came with format 2."""
    writer = made(tmp_path, 500)
    writer.acknowledge("sink", "readings", 1, 300)
    writer.close()
    db = sqlite3.connect(readings_path(tmp_path))
    db.executescript(TO_FORMAT_1)
    db.close()
    return tmp_path


def test_k11_readers_take_the_old_format_as_it_is(old: Path) -> None:
    assert accounted(old) == {"meter": 500, "sky": 500}


def test_k11_the_first_writer_migrates_a_copy_and_keeps_the_old_file_until_the_next_start(old: Path) -> None:
    path = readings_path(old)
    before, polls = path.read_bytes(), ReadingsReader(old).polls_since(0, 10**6)
    writer = ReadingsWriter(old, "test")
    assert writer._db.execute("PRAGMA user_version").fetchone() == (FORMAT,)
    kept = path.with_name("readings.db.format1")
    assert kept.read_bytes() == before
    assert ReadingsReader(old).polls_since(0, 10**6) == polls
    assert ReadingsReader(old).delivered("sink") == [(1, 300)]
    commit(writer, 1, 500, 10)
    writer.close()
    ReadingsWriter(old, "test").close()
    assert not kept.exists()
    assert accounted(old) == {"meter": 510, "sky": 510}


def test_k11_with_a_log_that_a_crash_left_the_newest_is_in_the_copy(old: Path, tmp_path: Path) -> None:
    crashed, path = tmp_path / "crashed", readings_path(old)
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA wal_autocheckpoint=0")
    db.execute("INSERT INTO quarantine(sink,seq,line,reason,at_ms) VALUES ('s',1,'l','r',1)")
    db.commit()
    readings_path(crashed).parent.mkdir(parents=True)
    for suffix in ("", "-wal"):
        shutil.copy(path.with_name(path.name + suffix), readings_path(crashed).with_name(path.name + suffix))
    db.close()
    writer = ReadingsWriter(crashed, "test")
    assert writer._db.execute("SELECT count(*) FROM quarantine").fetchone() == (1,)
    writer.close()
    assert accounted(crashed) == {"meter": 500, "sky": 500}


def test_k11_without_room_for_the_copy_it_says_so_and_the_store_is_as_it_was(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = hashlib.sha256(readings_path(old).read_bytes()).hexdigest()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 1000))
    with pytest.raises(StoreError, match="MiB free"):
        ReadingsWriter(old, "test")
    assert hashlib.sha256(readings_path(old).read_bytes()).hexdigest() == before
    monkeypatch.undo()
    ReadingsWriter(old, "test").close()


def test_k11_a_newer_store_is_refused_and_not_touched(tmp_path: Path) -> None:
    made(tmp_path, 10).close()
    db = sqlite3.connect(readings_path(tmp_path))
    db.execute(f"PRAGMA user_version={FORMAT + 1}")
    db.close()
    before = readings_path(tmp_path).read_bytes()
    with pytest.raises(StoreError, match="newer program"):
        ReadingsWriter(tmp_path, "test")
    with pytest.raises(StoreError, match="newer program"):
        snapshot(readings_path(tmp_path), lambda db: 1, FORMAT)
    assert readings_path(tmp_path).read_bytes() == before


def test_a_format_that_nobody_knows_the_way_from_is_refused(tmp_path: Path) -> None:
    from metering.store.migrate import migrated

    made(tmp_path, 10).close()
    with pytest.raises(StoreError, match="cannot bring it"):
        migrated(readings_path(tmp_path), FORMAT + 5, {})
