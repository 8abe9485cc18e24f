"""The disk fails (K1..K7): full, broken at a sync, read-only, cut off, damaged; nothing is lost or counted twice."""

import os
import random
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from metering.reading import GapReason, Lane
from metering.store import DamagedError, StoreBrokenError, StoreError, StoreFullError
from metering.store.readings import ReadingsWriter, readings_path
from metering.store.readings_reader import ReadingsReader
from metering.store.reserve import Reserve
from metering.store.sqlite import explained
from metering.store.thinning import thin
from tests.metering.store.works import COUNTERS, START_MS, accounted, commit, made, poll


class Failing:
    """A connection whose next COMMIT fails as a broken disk's does, before it is durable or after."""

    def __init__(self, real: sqlite3.Connection, *, durable: bool, name: str = "SQLITE_IOERR_FSYNC") -> None:
        self._real, self._durable, self._name, self.failed = real, durable, name, 0

    def execute(self, text: str, *args: Any) -> Any:
        if text == "COMMIT" and not self.failed:
            self.failed += 1
            if self._durable:
                self._real.execute("COMMIT")
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorname = self._name  # type: ignore[misc]
            raise error
        return self._real.execute(text, *args)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def ticks(writer: ReadingsWriter) -> list[int]:
    return [row[0] for row in writer._db.execute("SELECT tick FROM poll WHERE grp=1 ORDER BY seq")]


@pytest.mark.parametrize("durable", [False, True])
def test_k3_after_an_error_at_a_sync_the_file_is_opened_anew_and_the_batch_is_there_once(
    tmp_path: Path, durable: bool
) -> None:
    writer = made(tmp_path, 200)
    number, broken = writer.group(COUNTERS), Failing(writer._db, durable=durable)
    writer._db = broken  # type: ignore[assignment]
    batch = [poll(number, 1, 500, counter=True)]
    with pytest.raises(StoreBrokenError, match="IOERR_FSYNC"):
        writer.commit(batch, (), (), {(1, number, Lane.CADENCE): 501})
    writer.commit(batch, (), (), {(1, number, Lane.CADENCE): 501})  # as the committer does
    assert writer._db is not broken  # type: ignore[comparison-overlap]
    assert ticks(writer).count(500) == 1
    writer.commit([poll(number, 1, 501, counter=True)])
    seqs = [row[0] for row in writer._db.execute("SELECT seq FROM poll ORDER BY seq")]
    assert seqs == list(range(1, len(seqs) + 1))  # no number was skipped, none given twice
    writer.close()


def test_k3_a_gap_in_a_batch_that_got_in_all_the_same_is_not_written_twice(tmp_path: Path) -> None:
    writer = made(tmp_path, 96)
    writer._db = Failing(writer._db, durable=True)  # type: ignore[assignment]
    for _ in range(2):
        try:
            commit(writer, 1, 96, 1)
        except StoreBrokenError:
            continue
    writer.close()
    assert accounted(tmp_path) == {"meter": 97, "sky": 97}


def test_k1_on_a_full_file_the_reserve_goes_the_ladder_makes_room_and_writing_goes_on(tmp_path: Path) -> None:
    """Unprivileged: SQLite's own limit of pages answers SQLITE_FULL as a full disk does."""
    writer = made(tmp_path, 4000)
    assert writer.reserve.make()
    pages = writer._db.execute("PRAGMA page_count").fetchone()[0]
    writer._db.execute(f"PRAGMA max_page_count={pages}")
    number, tick = writer.group(COUNTERS), 4000
    while writer.reserve.held:
        try:
            writer.commit([poll(number, 1, tick, counter=True)], (), (), {(1, number, Lane.CADENCE): tick + 1})
            tick += 1
        except StoreFullError:
            assert not writer.reserve.held
    now_ms = START_MS + 3 * 86_400_000
    assert sum(thin(writer, now_ms) or 0 for _ in range(4)) > 1000
    for more in range(tick, tick + 300):
        writer.commit([poll(number, 1, more, counter=True)], (), (), {(1, number, Lane.CADENCE): more + 1})
    assert writer._db.execute("PRAGMA page_count").fetchone()[0] <= pages
    writer.close()
    assert accounted(tmp_path)["meter"] == tick + 300


FULL_DISK = """
import sys
from pathlib import Path
from collector.housekeeping import Housekeeping
from metering.store import StoreError, StoreFullError
from tests.metering.store.works import START_MS, commit, made
from metering.store.readings import ReadingsWriter
store = Path(sys.argv[1])
writer = ReadingsWriter(store, "test")
writer.reserve._size = 400_000
writer._db.execute("PRAGMA wal_autocheckpoint=64")  # to scale: on a large disk the log has 4 MB and the reserve as many
assert writer.reserve.make()
epoch = writer.open_epoch(START_MS)
tick, refused = 0, 0
house = Housekeeping(10**9, lambda: START_MS / 1000 + 9 * 86_400)
while refused < 3 or tick < 12_000:
    try:
        commit(writer, epoch, tick, 100)
        tick += 100
    except StoreFullError:
        refused += 1
        house.relieve(writer)
    assert refused < 500, "it does not come out of it"
writer.close()
print(tick, refused)
"""


def test_k1_a_two_megabyte_disk_that_really_fills_up(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", disk], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("needs the right to mount a tmpfs; the test with a limit of pages is its twin")
    try:
        root = Path(__file__).resolve().parents[3]
        done = subprocess.run(
            ["python", "-c", FULL_DISK, str(disk / "store")], cwd=root, capture_output=True, text=True, check=False,
            env=os.environ | {"PATH": f"{Path(os.sys.executable).parent}:{os.environ['PATH']}"},  # type: ignore[attr-defined]
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        written, refused = map(int, done.stdout.splitlines()[-1].split())
        assert refused >= 3
        assert accounted(disk / "store") == {"meter": written, "sky": written}
    finally:
        subprocess.run(["umount", disk], check=False)


LIMITED = """
import resource, signal, sys
from pathlib import Path
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from metering.store import StoreError
from tests.metering.store.works import START_MS, commit, made
writer = made(Path(sys.argv[1]), 1000)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
tick = 1000
try:
    while True:
        commit(writer, 1, tick, 100)
        tick += 100
except StoreError:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
commit(writer, 1, tick, 100)
writer.close()
print(tick + 100)
"""


def test_k3_writes_that_the_kernel_refuses_cost_nothing_once_it_takes_them_again(tmp_path: Path, run) -> None:
    child = run(LIMITED, tmp_path)
    told = child.stdout.read()
    assert child.wait() == 0
    assert accounted(tmp_path) == {"meter": int(told), "sky": int(told)}


def test_k4_a_file_that_cannot_be_written_refuses_and_loses_nothing(tmp_path: Path) -> None:
    writer = made(tmp_path, 200)
    writer._db.execute("PRAGMA query_only=ON")  # what a file system gone read-only answers
    number = writer.group(COUNTERS)
    with pytest.raises(StoreError):
        writer.commit([poll(number, 1, 300, counter=True)])
    assert writer.last_seq == len(ticks(writer)) + 200
    writer._db.execute("PRAGMA query_only=OFF")
    writer.commit([poll(number, 1, 300, counter=True)])
    assert ticks(writer)[-1] == 300
    writer.close()


def test_errors_of_sqlite_have_their_kind() -> None:
    kinds = {"SQLITE_FULL": StoreFullError, "SQLITE_IOERR_WRITE": StoreBrokenError, "SQLITE_CORRUPT": DamagedError,
             "SQLITE_NOTADB": DamagedError, "SQLITE_BUSY": StoreError, "SQLITE_READONLY": StoreError}  # fmt: skip
    for name, kind in kinds.items():
        error = sqlite3.OperationalError("so")
        error.sqlite_errorname = name  # type: ignore[misc]
        assert type(explained(error, "x")) is kind


def test_a_reserve_is_real_space_and_only_where_there_is_plenty(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path, 1_000_000)
    assert reserve.make()
    assert reserve.path.stat().st_blocks * 512 >= 1_000_000
    assert reserve.release()
    assert not reserve.release()
    assert not Reserve(tmp_path, 10**15).make()


# Power cuts: what was synced is there, of what was not any part may be (SQLite in WAL mode, synchronous=FULL)


@pytest.fixture
def growing(tmp_path: Path) -> Iterator[tuple[Path, list[tuple[int, int]]]]:
    """The files of a running writer, copied after each commit: (length of the -wal that was synced, ticks promised)."""
    writer = made(tmp_path / "store", 100)
    wal = readings_path(tmp_path / "store").with_name("readings.db-wal")
    promised = []
    for tick in range(100, 160):
        commit(writer, 1, tick, 1)
        promised.append((wal.stat().st_size, tick + 1))
    yield tmp_path / "store", promised
    writer.close()


def test_k5_a_power_cut_anywhere_in_the_log_keeps_every_promise(growing, tmp_path: Path) -> None:
    store, promised = growing
    chance, path = random.Random(5), readings_path(store)
    log, base = path.with_name("readings.db-wal").read_bytes(), path.read_bytes()
    for number in range(25):
        synced, ticks_promised = chance.choice(promised)
        after = bytearray(log[synced:])
        for sector in range(0, len(after), 512):  # written back in any order, or not at all
            if chance.random() < 0.5:
                after[sector : sector + 512] = chance.randbytes(len(after[sector : sector + 512]))
        torn = log[:synced] + bytes(after[: chance.randrange(len(after) + 1)])
        cut = tmp_path / f"cut{number}"
        readings_path(cut).parent.mkdir(parents=True)
        readings_path(cut).write_bytes(base)
        readings_path(cut).with_name("readings.db-wal").write_bytes(torn)
        writer = ReadingsWriter(cut, "test")
        assert not list(readings_path(cut).parent.glob("*.aside-*"))
        writer.close()
        assert accounted(cut)["meter"] >= ticks_promised
        assert accounted(cut)["meter"] == accounted(cut)["sky"]  # whole commits, never halves
        shutil.rmtree(cut)


def test_k5_a_power_cut_while_the_log_is_folded_in_keeps_every_promise(growing, tmp_path: Path) -> None:
    store, promised = growing
    chance, path = random.Random(6), readings_path(store)
    log, before = path.with_name("readings.db-wal").read_bytes(), path.read_bytes()
    whole = tmp_path / "whole"
    readings_path(whole).parent.mkdir(parents=True)
    readings_path(whole).write_bytes(before)
    readings_path(whole).with_name("readings.db-wal").write_bytes(log)
    folding = sqlite3.connect(readings_path(whole))
    folding.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    folding.close()
    after = readings_path(whole).read_bytes()
    for number in range(15):
        pages = range(0, len(after), 4096)  # the log is emptied only after all of them are synced
        mixed = b"".join((after if chance.random() < 0.5 else before)[at : at + 4096] for at in pages)
        cut = tmp_path / f"cut{number}"
        readings_path(cut).parent.mkdir(parents=True)
        readings_path(cut).write_bytes(mixed)
        readings_path(cut).with_name("readings.db-wal").write_bytes(log)
        ReadingsWriter(cut, "test").close()
        assert accounted(cut) == {"meter": promised[-1][1], "sky": promised[-1][1]}
        shutil.rmtree(cut)


# Damaged files


def asides(store: Path) -> list[Path]:
    return sorted(readings_path(store).parent.glob("*.aside-*[0-9]"))


@pytest.mark.parametrize("seed", [0, 1, 2, *(pytest.param(n, marks=pytest.mark.long) for n in range(3, 40))])
def test_k6_a_zeroed_page_is_set_aside_the_rest_is_used_and_the_loss_is_counted_to_the_tick(
    tmp_path: Path, seed: int
) -> None:
    made(tmp_path, 3000).close()
    path, chance = readings_path(tmp_path), random.Random(seed)
    with closing(sqlite3.connect(path)) as db:
        roots = {number for (number,) in db.execute("SELECT rootpage FROM sqlite_master")}
    content = bytearray(path.read_bytes())
    page = chance.randrange(2, len(content) // 4096)
    content[page * 4096 : (page + 1) * 4096] = bytes(4096)
    path.write_bytes(content)
    damaged = bytes(content)
    path.with_name("readings.db-wal").touch()  # as a crash leaves it: the file is looked through
    writer = ReadingsWriter(tmp_path, "test")
    reader = ReadingsReader(tmp_path)
    if asides(tmp_path):  # the page was in use
        assert asides(tmp_path)[0].read_bytes() == damaged
        [(kept_as, reason)] = writer._db.execute("SELECT kept_as, reason FROM loss").fetchall()
        assert (kept_as, bool(reason)) == (asides(tmp_path)[0].name, True)
    lost = sum(gap.ticks for gap in reader.gaps(0, 2**60)[0] if gap.reason is GapReason.CORRUPT)
    assert lost < 3000 or page + 1 in roots  # with its root a table is lost whole, and told to the tick all the same
    if reader.ledger():
        assert accounted(tmp_path) == {"meter": 3000, "sky": 3000}
    assert writer.last_seq >= len(reader.polls_since(0, 10**6))
    commit(writer, writer.open_epoch(START_MS + 10**8), 100_000, 10)
    writer.close()


def test_k6_a_sequence_number_that_was_delivered_is_never_given_again(tmp_path: Path) -> None:
    writer = made(tmp_path, 1000)
    newest = writer.last_seq
    writer.acknowledge("sink", "readings", 1, newest)
    writer._db.execute("DELETE FROM poll WHERE seq>?", (newest - 500,))
    writer.close()
    writer = ReadingsWriter(tmp_path, "test")
    assert writer.last_seq == newest
    writer.close()


@pytest.mark.parametrize("content", [b"", b"not a database at all" * 500, b"SQLite format 3\0" + b"\xff" * 8000, None])
def test_k6_a_foreign_or_truncated_file_is_set_aside_and_the_start_is_not_refused(
    tmp_path: Path, content: bytes | None
) -> None:
    made(tmp_path, 1000).close()
    path = readings_path(tmp_path)
    before = path.read_bytes() if content is None else content
    path.write_bytes(before[: len(before) // 2] if content is None else before)
    held = path.read_bytes()
    path.with_name("readings.db-wal").touch()
    writer = ReadingsWriter(tmp_path, "test")
    commit(writer, writer.open_epoch(START_MS + 10**8), 100_000, 10)
    writer.close()
    if held:  # an empty file is no store yet
        assert asides(tmp_path)[0].read_bytes() == held
    assert {"meter", "sky"} <= accounted(tmp_path).keys()


def test_k6_damage_found_while_running_is_repaired_at_the_next_commit(tmp_path: Path) -> None:
    writer = made(tmp_path, 1000)
    writer._db = Failing(writer._db, durable=False, name="SQLITE_CORRUPT")  # type: ignore[assignment]
    number = writer.group(COUNTERS)
    with pytest.raises(DamagedError):
        writer.commit([poll(number, 1, 2000, counter=True)])
    writer.commit([poll(number, 1, 2000, counter=True)])
    assert ticks(writer)[-1] == 2000
    assert not asides(tmp_path)  # looked through, and sound
    writer.close()


def test_k7_without_its_log_the_store_starts_and_what_the_log_held_is_due_again(tmp_path: Path) -> None:
    writer = made(tmp_path / "store", 100)
    copy = tmp_path / "copy"
    readings_path(copy).parent.mkdir(parents=True)
    writer._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    commit(writer, 1, 100, 50)
    shutil.copy(readings_path(tmp_path / "store"), readings_path(copy))  # while open: its -wal is not copied
    writer.close()
    other = ReadingsWriter(copy, "test")
    assert set(other.ledger(1).values()) == {100}  # so the next start notes ticks 100 .. as not collected
    other.close()
