"""One writer a folder, and readers that never disturb it: locks, rights, formats, what a crash leaves, stable views."""

import os
import sqlite3
import stat
import tempfile
from pathlib import Path

import pytest

from metering.store import StoreError, StoreLockedError
from metering.store.sqlite import WriterLock, is_locked, open_writer, snapshot, transaction

SCHEMA = "CREATE TABLE t(x INTEGER)"


def count(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT count(*) FROM t").fetchone()[0])


def made(folder: Path, rows: int = 3) -> Path:
    path = folder / "own" / "t.db"
    lock = WriterLock(path.parent, "maker")
    db = open_writer(path, SCHEMA, 1)
    with transaction(db):
        db.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(rows)])
    db.close()
    lock.release()
    return path


def test_a_second_writer_is_refused_and_told_who_the_first_is(tmp_path):
    first = WriterLock(tmp_path / "own", "zcf collect")
    with pytest.raises(StoreLockedError, match=rf"zcf collect \(pid {os.getpid()}\)"):
        WriterLock(tmp_path / "own", "zcf demo")
    first.release()
    WriterLock(tmp_path / "own", "zcf demo").release()


def test_the_refused_one_does_not_write_its_name(tmp_path):
    first = WriterLock(tmp_path, "zcf collect")
    for _ in range(2):
        with pytest.raises(StoreLockedError, match="zcf collect"):
            WriterLock(tmp_path, "zcf demo")
    first.release()


def test_a_lock_held_by_another_process_ends_with_it(tmp_path, run):
    code = """
import sys
import tempfile
from pathlib import Path
from metering.store.sqlite import WriterLock
lock = WriterLock(Path(sys.argv[1]), "zcf collect")
print("held", flush=True)
sys.stdin.read()
"""
    child = run(code, tmp_path)
    assert child.stdout.readline() == "held\n"
    with pytest.raises(StoreLockedError, match=rf"zcf collect \(pid {child.pid}\)"):
        WriterLock(tmp_path, "zcf demo")
    child.kill()
    child.wait()
    assert not is_locked(tmp_path / "writer.lock")
    WriterLock(tmp_path, "zcf demo").release()


def test_asking_whether_a_lock_is_held_neither_takes_nor_drops_it(tmp_path):
    lock = WriterLock(tmp_path, "one")
    for _ in range(3):
        assert is_locked(tmp_path / "writer.lock")
    with (tmp_path / "writer.lock").open() as other:  # a POSIX lock would be dropped by closing this
        other.read()
    assert is_locked(tmp_path / "writer.lock")
    lock.release()
    assert not is_locked(tmp_path / "writer.lock")


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_folders_are_0750_and_files_0640_under_any_umask(tmp_path, mask):
    before = os.umask(mask)
    try:
        path = made(tmp_path)
        lock = WriterLock(path.parent, "again")
        db = open_writer(path, SCHEMA, 1)
        db.execute("INSERT INTO t VALUES (1)")
        modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in path.parent.iterdir()}
        db.close()
        lock.release()
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o750
    assert modes == dict.fromkeys(("t.db", "t.db-wal", "t.db-shm", "writer.lock"), 0o640)


def test_a_newer_format_is_refused_by_writer_and_reader(tmp_path):
    path = made(tmp_path)
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version=7")
    db.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"newer program \(format 7, this one knows 1\)"):
        open_writer(path, SCHEMA, 1)
    with pytest.raises(StoreError, match="newer program"):
        snapshot(path, count, 1)
    assert path.read_bytes() == before


def test_a_reader_of_nothing_gets_nothing_and_makes_nothing(tmp_path):
    assert snapshot(tmp_path / "own" / "t.db", count, 1) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("left", [b"", None])
def test_a_file_whose_maker_died_before_its_first_commit_holds_nothing(tmp_path, left):
    path = tmp_path / "own" / "t.db"
    path.parent.mkdir()
    if left is None:
        db = sqlite3.connect(path)
        db.execute("PRAGMA journal_mode=WAL")  # what comes before the schema
        db.close()
    else:
        path.write_bytes(left)
    assert snapshot(path, count, 1) is None
    lock = WriterLock(path.parent, "maker")
    open_writer(path, SCHEMA, 1).close()
    lock.release()
    assert snapshot(path, count, 1) == 0


def test_what_is_no_database_is_said_so(tmp_path):
    path = made(tmp_path)
    path.write_bytes(b"this is not a database, but long enough to look at it twice" * 9)
    with pytest.raises(StoreError, match=r"t\.db.*not a database"):
        snapshot(path, count, 1)
    with pytest.raises(StoreError, match=r"t\.db"):
        open_writer(path, SCHEMA, 1)


def test_a_reader_after_a_clean_stop_touches_no_file(tmp_path):
    path = made(tmp_path)
    before = {entry.name: entry.stat().st_mtime_ns for entry in path.parent.iterdir()}
    assert snapshot(path, count, 1) == 3
    assert {entry.name: entry.stat().st_mtime_ns for entry in path.parent.iterdir()} == before


def test_a_view_during_which_a_writer_came_is_taken_again(tmp_path):
    """Even where that writer is gone again, and whatever its torn pages made of the first try."""
    path = made(tmp_path)
    views: list[int] = []

    def look(db: sqlite3.Connection) -> int:
        views.append(count(db))
        if len(views) == 1:
            made(tmp_path, rows=2)
            raise sqlite3.DatabaseError("database disk image is malformed")
        return count(db)

    assert snapshot(path, look, 1) == 5
    assert views == [3, 5]


def test_a_view_that_never_holds_still_is_a_store_error(tmp_path, monkeypatch):
    monkeypatch.setattr("metering.store.sqlite._TRIES", 3)
    path = made(tmp_path)

    def look(db: sqlite3.Connection) -> int:
        made(tmp_path, rows=1)
        return count(db)

    with pytest.raises(StoreError, match="stable"):
        snapshot(path, look, 1)


def test_a_readers_mistake_is_raised_as_it_is(tmp_path):
    path = made(tmp_path)
    with pytest.raises(ZeroDivisionError):
        snapshot(path, lambda _: 1 // 0, 1)


def test_a_reader_cannot_write(tmp_path):
    path = made(tmp_path)
    with pytest.raises(StoreError, match="readonly"):
        snapshot(path, lambda db: db.execute("INSERT INTO t VALUES (1)"), 1)
    lock = WriterLock(path.parent, "writer")
    db = open_writer(path, SCHEMA, 1)
    with pytest.raises(StoreError, match="readonly"):
        snapshot(path, lambda db: db.execute("INSERT INTO t VALUES (1)"), 1)
    db.close()
    lock.release()


def write(db: sqlite3.Connection, *statements: str) -> None:
    with transaction(db):
        for statement in statements:
            db.execute(statement)


def test_an_error_inside_rolls_back_and_the_writer_goes_on(tmp_path):
    path = made(tmp_path)
    db = open_writer(path, SCHEMA, 1)
    with pytest.raises(StoreError, match="no such table"):
        write(db, "INSERT INTO t VALUES (9)", "INSERT INTO nowhere VALUES (9)")
    with pytest.raises(TypeError):
        write(db, "INSERT INTO t VALUES (9)", None)
    write(db, "INSERT INTO t VALUES (4)")
    assert count(db) == 4
    db.close()


LATE = "CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE t(x REFERENCES p DEFERRABLE INITIALLY DEFERRED)"


def test_a_commit_that_fails_leaves_a_writer_that_can_go_on(tmp_path):
    """As on a full disk: a writer stuck inside its old transaction would never write again."""
    db = open_writer(tmp_path / "t.db", LATE, 1)
    db.execute("PRAGMA foreign_keys=ON")
    with pytest.raises(StoreError, match="FOREIGN KEY"):
        write(db, "INSERT INTO t VALUES (1)")  # noticed only when it is committed
    write(db, "INSERT INTO p VALUES (1)", "INSERT INTO t VALUES (1)")
    assert count(db) == 1
    db.close()


def test_a_full_disk_is_a_store_error_and_the_writer_goes_on_when_there_is_room(tmp_path):
    path = made(tmp_path)
    db = open_writer(path, SCHEMA, 1)
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(StoreError, match="full"):
        write(db, *["INSERT INTO t VALUES (1)"] * 10_000)
    assert count(db) == 3
    db.execute("PRAGMA max_page_count=100000")
    write(db, *["INSERT INTO t VALUES (1)"] * 10_000)
    assert count(db) == 10_003
    db.close()


def test_every_commit_is_durable_and_journalled_ahead(tmp_path):
    db = open_writer(tmp_path / "t.db", SCHEMA, 1)
    assert db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert db.execute("PRAGMA synchronous").fetchone()[0] == 2  # FULL
    db.close()


COMING_AND_GOING = """
import sys
from pathlib import Path
from metering.store.sqlite import WriterLock, close_writer, open_writer, transaction
path = Path(sys.argv[1])
for _ in range(80):
    lock = WriterLock(path.parent, "coming and going")
    db = open_writer(path, "CREATE TABLE t(x INTEGER)", 1)
    with transaction(db):
        db.execute("INSERT INTO t VALUES (1)")
    close_writer(db, lock)
"""


def test_a_reader_beside_a_writer_that_comes_and_goes_sees_every_commit_and_leaves_no_file(tmp_path, run):
    path = made(tmp_path)
    child = run(COMING_AND_GOING, path)
    seen = [3]
    while child.poll() is None:
        seen.append(snapshot(path, count, 1) or 0)
    assert child.returncode == 0
    assert seen == sorted(seen)
    assert snapshot(path, count, 1) == 83
    assert {entry.name for entry in path.parent.iterdir()} == {"t.db", "writer.lock"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("state", ["at rest", "writing", "killed"])
def test_a_user_of_the_same_group_reads_without_any_right_to_write(tmp_path, run, state):
    path = made(tmp_path)
    code = f"""
import sys, os
from pathlib import Path
from metering.store.sqlite import WriterLock, open_writer
lock = WriterLock(Path(sys.argv[1]).parent, "w"); db = open_writer(Path(sys.argv[1]), "{SCHEMA}", 1)
db.execute("INSERT INTO t VALUES (4)")
print("written", flush=True)
sys.stdin.read()
"""
    if state != "at rest":
        child = run(code, path)
        assert child.stdout.readline() == "written\n"
        if state == "killed":
            child.kill()
            child.wait()
    for folder in (path.parent, *path.parent.iterdir()):
        os.chown(folder, 0, 54321)
    for folder in [each for each in path.parents if Path(tempfile.gettempdir()) in each.parents][1:]:
        folder.chmod(0o755)
    look = """
import os, sys
from pathlib import Path
from metering.store.sqlite import snapshot
os.setgroups([]); os.setgid(54321); os.setuid(54322)
print(snapshot(Path(sys.argv[1]), lambda db: db.execute("SELECT count(*) FROM t").fetchone()[0], 1))
"""
    names = {entry.name for entry in path.parent.iterdir()}
    other = run(look, path)
    assert other.communicate()[0] == f"{3 if state == 'at rest' else 4}\n"
    assert {entry.name for entry in path.parent.iterdir()} == names
