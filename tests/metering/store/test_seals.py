"""K6, bit rot: a bit that a disk has turned in a row is found and named, and never read as a value."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.reading import GapReason, StoredPoll
from metering.store import StoreError
from metering.store.polls import origin
from metering.store.readings import ReadingsWriter, readings_path, writing
from metering.store.readings_reader import ReadingsReader
from metering.store.scrub import scrub
from metering.store.seals import seal, sound, sound_rows
from tests.metering.store.works import COUNTERS, START_MS, TO_FORMAT_1, accounted, made

TICKS = 400


def test_the_sum_is_the_crc_of_the_standards() -> None:
    """The check value of CRC-32/ISO-HDLC (of the nine digits), as every zip file has it."""
    assert seal(0, 0, 0, 0, 0, b"123456789", b"123456789", None).hex() == "2639f4cb" * 2


row = st.tuples(
    st.integers(0, 2**41), st.integers(1, 2**14), st.integers(1, 2**20), st.integers(0, 2**40), st.integers(0, 3),
    st.binary(min_size=8, max_size=80), st.binary(max_size=60), st.none() | st.binary(min_size=1, max_size=10),
)  # fmt: skip


@given(row=row, data=st.data())
@settings(deadline=None)
def test_k6_no_single_turned_bit_fits(row, data) -> None:
    sealed = seal(*row)
    place = data.draw(st.sampled_from([n for n, part in enumerate(row) if part or isinstance(part, int)]))
    part, turned = row[place], list(row)
    if isinstance(part, int):
        turned[place] = part ^ 1 << data.draw(st.integers(0, 40))
    else:
        bit = data.draw(st.integers(0, 8 * len(part) - 1))
        turned[place] = bytes(b ^ (1 << bit % 8 if n == bit // 8 else 0) for n, b in enumerate(part))
    assert sound((1, *row, sealed))
    assert not sound((1, *turned, sealed))
    (at, of, *_, vals, _, grades), (t_at, t_of, *_, t_vals, _, t_grades) = row, turned
    both = [(of, at, vals, grades, sealed), (t_of, t_at, t_vals, t_grades, sealed)]
    assert sound_rows(both) == (both[:1] if both[0] != both[1] else both)


def turn(store: Path, chance: random.Random, *, anywhere: bool) -> None:
    """One bit of the file: in a row and what stands before it, or in the table of the polls' values alone."""
    path = readings_path(store)
    content = bytearray(path.read_bytes())
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        vals, words = db.execute(
            "SELECT vals, words FROM poll WHERE seq=?", (chance.randrange(1, 2 * TICKS - 8),)
        ).fetchone()
    first, last = content.index(vals), content.index(vals) + len(vals) + len(words)
    at = chance.randrange(first - 25 if anywhere else first, last)
    content[at] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def same(polls: list[StoredPoll], before: dict[tuple[int, int], StoredPoll]) -> bool:
    return all(before[poll.group, poll.time_ms].values == poll.values for poll in polls)


def nothing_false_is_read(store: Path, before: dict[tuple[int, int], StoredPoll]) -> None:
    reader = ReadingsReader(store)
    try:
        assert same(reader.polls_since(0, 10**6), before)
        for (point, quantity), columns in reader.ranges(reader.series(), 0, 2**60).items():
            number = 1 if point == "grid" else 2
            at = 1 if quantity == "active_energy_import" else 0
            held = {ms: p.values[at] for (group, ms), p in before.items() if group == number}
            assert all(held[ms] == v for ms, v in zip(columns.time_ms.tolist(), columns.value.tolist(), strict=True))
    except StoreError:  # where the page itself is broken: an error is no value
        pass


@pytest.mark.parametrize("seed", [*range(6), *(pytest.param(n, marks=pytest.mark.long) for n in range(6, 60))])
def test_k6_a_bit_turned_anywhere_in_a_row_is_never_a_value_and_its_tick_is_a_gap(tmp_path: Path, seed: int) -> None:
    made(tmp_path, TICKS).close()
    before = {(p.group, p.time_ms): p for p in ReadingsReader(tmp_path).polls_since(0, 10**6)}
    turn(tmp_path, random.Random(seed), anywhere=True)
    nothing_false_is_read(tmp_path, before)
    with writing(tmp_path, "test") as writer:
        walk(writer)
        nothing_false_is_read(tmp_path, before)
        assert writer._db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    reader = ReadingsReader(tmp_path)
    assert accounted(tmp_path) == {"meter": TICKS, "sky": TICKS}
    lost = sum(gap.ticks for gap in reader.gaps(0, 2**60)[0] if gap.reason is GapReason.CORRUPT)
    assert len(reader.polls_since(0, 10**6)) == len(before) - lost


def walk(writer: ReadingsWriter) -> None:
    """As the housekeeping does it, until the file is through; an error has it opened anew, as the next commit does."""
    seq = -1
    while seq:
        try:
            seq = scrub(writer, max(seq, 0), rows=150)
        except StoreError:
            writer.commit()


def test_k6_a_turned_value_is_named_set_apart_and_not_found_again(tmp_path: Path) -> None:
    made(tmp_path, TICKS).close()
    turn(tmp_path, random.Random(1), anywhere=False)
    with writing(tmp_path, "test") as writer:
        [gone] = set(range(1, writer.last_seq + 1)) - {p.seq for p in ReadingsReader(tmp_path).polls_since(0, 10**6)}
        walk(writer)
        walk(writer)
        told = writer._db.execute("SELECT first_seq, last_seq, polls, reason FROM loss").fetchall()
        assert told == [(gone, gone, 1, "rows that did not fit their checksums")]
        kept = writer._db.execute("SELECT seq, length(vals) > 0, seal NOTNULL FROM damaged").fetchall()
        assert kept == [(gone, 1, 1)]
    [gap] = [gap for gap in ReadingsReader(tmp_path).gaps(0, 2**60)[0] if gap.reason is GapReason.CORRUPT]
    assert (gap.ticks, gap.detail) == (1, "was in a damaged part of the store")


def test_k6_where_the_newest_row_is_turned_the_one_before_it_is_the_newest(tmp_path: Path) -> None:
    with closing(made(tmp_path, TICKS)) as writer:
        newest = max(ms for ms in writer.newest_times().values())
        writer._db.execute("UPDATE poll SET vals=zeroblob(16) WHERE grp=1 AND time_ms=?", (newest,))
        assert ("grid", "active_power") not in ReadingsReader(tmp_path).latest()
        walk(writer)
        found = ReadingsReader(tmp_path).latest()["grid", "active_power"]
        assert (found.time_ms, found.value) == (newest - 1000, TICKS - 2.0)


def test_k6_what_is_explained_is_never_a_turned_row(tmp_path: Path) -> None:
    made(tmp_path, TICKS).close()
    key, at = COUNTERS.columns[1].key, START_MS + 5_000
    assert origin(tmp_path, key, at) is not None
    with closing(sqlite3.connect(readings_path(tmp_path))) as db, db:
        db.execute("UPDATE poll SET words=zeroblob(8) WHERE grp=1 AND time_ms=?", (at,))
    assert origin(tmp_path, key, at) is None


def test_k11_rows_of_an_older_format_are_sealed_as_the_walk_comes_by(tmp_path: Path) -> None:
    made(tmp_path, TICKS).close()
    with closing(sqlite3.connect(readings_path(tmp_path))) as db:
        db.executescript(TO_FORMAT_1)
    polls = ReadingsReader(tmp_path).polls_since(0, 10**6)
    with writing(tmp_path, "test") as writer:
        assert ReadingsReader(tmp_path).polls_since(0, 10**6) == polls
        open_ = "SELECT count(*) FROM poll WHERE seal IS NULL"
        assert writer._db.execute(open_).fetchone() == (len(polls),)
        walk(writer)
        assert writer._db.execute(open_).fetchone() == (0,)
        assert ReadingsReader(tmp_path).polls_since(0, 10**6) == polls
        assert not writer._db.execute("SELECT * FROM damaged").fetchall()
