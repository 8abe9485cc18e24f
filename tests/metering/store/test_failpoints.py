"""Killed in the middle of what the store does to itself: thinning, a rescue, a migration, the reserve given back."""

import shutil
import signal
import sqlite3
from pathlib import Path

import pytest

from metering.store.readings import FORMAT, ReadingsWriter, readings_path
from tests.metering.store.works import TO_FORMAT_1, accounted, made

THINS = """
import sys
from pathlib import Path
from metering.store.readings import ReadingsWriter
from metering.store.thinning import thin
from tests.metering.store.works import START_MS
writer = ReadingsWriter(Path(sys.argv[1]), "test")
while thin(writer, START_MS + 4 * 86_400_000) is not None:
    pass
"""
OPENS = """
import sys
from pathlib import Path
from metering.store.readings import ReadingsWriter
ReadingsWriter(Path(sys.argv[1]), "test").close()
"""
FILLS = """
import sys
from pathlib import Path
from metering.store import StoreFullError
from tests.metering.store.works import commit
from metering.store.readings import ReadingsWriter
writer = ReadingsWriter(Path(sys.argv[1]), "test")
writer.reserve.make()
pages = writer._db.execute("PRAGMA page_count").fetchone()[0]
writer._db.execute(f"PRAGMA max_page_count={pages}")
for tick in range(2000, 90_000, 100):
    commit(writer, 1, tick, 100)
"""


@pytest.fixture
def killed_at(run, monkeypatch: pytest.MonkeyPatch):
    def kill(name: str, number: int, code: str, store: Path) -> None:
        monkeypatch.setenv("ZCF_FAILPOINT", f"{name}:{number}")
        child = run(code, store)
        child.stdout.read()
        assert child.wait() == -signal.SIGKILL
        monkeypatch.delenv("ZCF_FAILPOINT")

    return kill


@pytest.mark.parametrize("name", ["thin-written", "thin-done"])
@pytest.mark.parametrize("number", [1, 3])
def test_p2_killed_while_thinning_every_tick_still_counts(tmp_path: Path, killed_at, name: str, number: int) -> None:
    made(tmp_path, 2000).close()
    killed_at(name, number, THINS, tmp_path)
    ReadingsWriter(tmp_path, "test").close()
    assert accounted(tmp_path) == {"meter": 2000, "sky": 2000}


@pytest.mark.parametrize("name", ["aside-moved", "salvage-half"])
def test_p2_killed_in_a_rescue_the_next_start_finishes_it(tmp_path: Path, killed_at, name: str) -> None:
    made(tmp_path, 2000).close()
    path = readings_path(tmp_path)
    content = bytearray(path.read_bytes())
    db = sqlite3.connect(path)
    [(root,)] = db.execute("SELECT rootpage FROM sqlite_master WHERE name='poll_time'")
    db.close()
    content[(root - 1) * 4096 : root * 4096] = bytes(4096)
    path.write_bytes(content)
    path.with_name("readings.db-wal").touch()
    killed_at(name, 1, OPENS, tmp_path)
    ReadingsWriter(tmp_path, "test").close()
    [aside] = path.parent.glob("*.aside-*[0-9]")
    assert aside.read_bytes() == bytes(content)
    assert accounted(tmp_path) == {"meter": 2000, "sky": 2000}


@pytest.mark.parametrize("name", ["migrate-copied", "migrate-swapped"])
def test_p2_killed_in_a_migration_the_store_is_the_old_one_or_the_new_one(tmp_path: Path, killed_at, name: str) -> None:
    made(tmp_path, 500).close()
    db = sqlite3.connect(readings_path(tmp_path))
    db.executescript(TO_FORMAT_1)
    db.close()
    killed_at(name, 1, OPENS, tmp_path)
    writer = ReadingsWriter(tmp_path, "test")
    assert writer._db.execute("PRAGMA user_version").fetchone() == (FORMAT,)
    writer.close()
    assert accounted(tmp_path) == {"meter": 500, "sky": 500}


def test_p2_killed_with_the_reserve_just_given_back(tmp_path: Path, killed_at) -> None:
    made(tmp_path, 2000).close()
    killed_at("reserve-released", 1, FILLS, tmp_path)
    writer = ReadingsWriter(tmp_path, "test")
    assert not writer.reserve.held
    writer.close()
    held = accounted(tmp_path)
    assert held["meter"] == held["sky"] >= 2000
    assert shutil.disk_usage(tmp_path).free
