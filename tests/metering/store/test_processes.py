"""Readers in other processes beside a writer, after it was killed, after it stopped; nothing acknowledged is lost."""

import random
import sqlite3
import time

import pytest

from metering.store import StoreLockedError
from metering.store.readings import readings_path, writing
from metering.store.readings_reader import ReadingsReader
from tests.metering.store.conftest import GRID, POWER, WRITER, acknowledged, files, rest

# Reads over and over until told to stop; every view must be whole: consecutive polls from the first on.
READER = """
import select, sys
from pathlib import Path
from metering.store.readings_reader import ReadingsReader
reader = ReadingsReader(Path(sys.argv[1]))
GRID, POWER = ("grid", "active_energy_import"), ("grid", "active_power")
seen = views = 0
while True:
    last = select.select([sys.stdin], [], [], 0)[0]
    found = reader.ranges([GRID, POWER], 0, 10**12)
    n = len(found[GRID])
    assert n >= seen, (n, seen)
    assert found[GRID].value.tolist() == [10 * k for k in range(1, n + 1)]
    assert found[POWER].value.tolist() == [k / 2 for k in range(1, n + 1)]
    assert not n or reader.latest([GRID])[GRID].value >= 10 * n
    seen, views = n, views + 1
    if last:
        break
print(seen, views)
"""


def wait_for_a_first_commit(store):
    while not ReadingsReader(store).last_seq():
        time.sleep(0.01)


def test_two_readers_see_whole_growing_views_while_a_writer_runs(tmp_path, run):
    looking = READER.replace("views + 1\n", "views + 1\n    if views == 2:\n        print('looking', flush=True)\n")
    readers = [run(looking, tmp_path) for _ in range(2)]
    for reader in readers:
        assert reader.stdout.readline() == "looking\n"  # a slow computer may have the writer at its end before
    writer = run(WRITER, tmp_path)
    last = acknowledged(writer, 300)
    for reader in readers:
        seen, views = rest(reader, "stop")
        assert int(seen) >= last
        assert int(views) > 1
        assert reader.returncode == 0


@pytest.mark.parametrize("seed", range(4))
def test_nothing_acknowledged_is_lost_when_the_writer_is_killed(tmp_path, run, seed):
    writer = run(WRITER, tmp_path)
    last = acknowledged(writer, random.Random(seed).randint(1, 120))
    writer.kill()
    last = max([last, *map(int, rest(writer))])
    before = files(tmp_path)
    assert "readings/readings.db-wal" in before
    reader = run(READER, tmp_path)  # in another process, through what was left behind
    seen = int(rest(reader, "stop")[0])
    assert last <= seen <= last + 1  # the one that was under way may have arrived
    after = files(tmp_path)
    kept = ("readings/readings.db", "readings/readings.db-wal", "readings/writer.lock")
    assert [after[name] for name in kept] == [before[name] for name in kept]
    assert set(after) == set(before)


def test_a_killed_writer_is_followed_by_one_that_goes_on(tmp_path, run):
    for round_ in range(1, 4):
        writer = run(WRITER, tmp_path)
        acknowledged(writer, 20 * round_)
        writer.kill()
        writer.wait()
    [seqs] = [[p.seq for p in ReadingsReader(tmp_path).polls_since(0, 10_000)]]
    assert seqs == list(range(1, len(seqs) + 1))
    database = sqlite3.connect(readings_path(tmp_path))
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


def test_after_a_clean_stop_one_file_is_left_and_readers_leave_it_alone(tmp_path, run):
    writer = run(WRITER, tmp_path)
    last = acknowledged(writer, 10)
    *more, said = rest(writer, "x")
    assert said == "closed"
    before = files(tmp_path)
    assert set(before) == {"readings/readings.db", "readings/writer.lock"}
    reader = run(READER, tmp_path)
    assert int(rest(reader, "stop")[0]) == max([last, *map(int, more)])
    assert files(tmp_path) == before


def test_a_store_on_a_file_system_without_the_right_to_write_is_read(tmp_path, run):
    writer = run(WRITER, tmp_path)
    acknowledged(writer, 5)
    rest(writer, "x")
    folder = tmp_path / "readings"
    for path in (*folder.iterdir(), folder):
        path.chmod(0o550 if path.is_dir() else 0o440)
    reader = run(READER, tmp_path)
    assert int(rest(reader, "stop")[0]) >= 5
    folder.chmod(0o750)


def test_a_second_writer_in_another_process_is_refused_and_the_first_goes_on(tmp_path, run):
    writer = run(WRITER, tmp_path)
    last = acknowledged(writer, 3)
    with pytest.raises(StoreLockedError, match=rf"zcf collect \(pid {writer.pid}\)"), writing(tmp_path, "zcf demo"):
        pass
    assert acknowledged(writer, last + 3) >= last + 3


def test_a_reader_that_starts_before_the_store_exists_finds_it_when_it_does(tmp_path, run):
    reader = ReadingsReader(tmp_path)
    assert reader.latest() == {}
    writer = run(WRITER, tmp_path)
    wait_for_a_first_commit(tmp_path)
    assert set(reader.latest()) == {GRID, POWER}
    assert writer.poll() is None


def test_writer_and_reader_threads_of_one_process_do_not_drop_each_others_locks(tmp_path):
    """Closing any descriptor of a file drops a process's POSIX locks on it: readers must not open it on their own."""
    from tests.metering.store.conftest import group, poll

    with writing(tmp_path, "zcf serve") as writer:
        number = writer.group(group())
        for n in range(1, 50):
            writer.commit([poll(number, n, n, None)])
            assert ReadingsReader(tmp_path).last_seq() == n
            with pytest.raises(StoreLockedError), writing(tmp_path, "another"):
                pass
    assert ReadingsReader(tmp_path).last_seq() == 49
