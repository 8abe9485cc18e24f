"""readings.db: what is committed is read as columns, twice changes nothing, gaps, ledger, SeriesInfo, delivery."""

import sqlite3
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.reading import GapReason, Lane, PollGap, Quality, ValueGap
from metering.store import Changes, StoreError, StoreLockedError
from metering.store.readings import ReadingsWriter, dump_info, load_info, readings_path, writing
from metering.store.readings_reader import _LAST_POLLS, ReadingsReader
from tests.metering.store.conftest import GRID, POWER, group, info, poll


@pytest.fixture
def writer(tmp_path):
    with writing(tmp_path, "a test") as made:
        yield made


@pytest.fixture
def reader(tmp_path):
    return ReadingsReader(tmp_path)


def pairs(columns) -> list[tuple[int, float]]:
    return list(zip(columns.time_ms.tolist(), columns.value.tolist(), strict=True))


def test_a_commit_is_read_back_as_columns(writer, reader):
    number = writer.group(group())
    assert writer.commit([poll(number, 1000, 10, 1.5), poll(number, 2000, 12, 1.6)]) == 2
    found = reader.ranges([GRID, POWER], 0, 10_000)
    assert pairs(found[GRID]) == [(1000, 10), (2000, 12)]
    assert pairs(found[POWER]) == [(1000, 1.5), (2000, 1.6)]
    assert (found[GRID].value.dtype, found[POWER].value.dtype) == ("int64", "float64")
    assert found[GRID].quality.tolist() == [0, 0]


def test_committing_twice_changes_nothing(writer, reader):
    number = writer.group(group())
    batch = [poll(number, 1000, 10, 1.5), poll(number, 2000, 12, 1.6)]
    writer.commit(batch)
    before = reader.polls_since(0, 100)
    writer.commit([*batch, poll(number, 2000, 99, 9.9)])
    assert reader.polls_since(0, 100) == before


def test_every_poll_gets_the_next_seq_and_the_outbox_reads_in_that_order(writer, reader):
    number = writer.group(group())
    for time_ms in (3000, 1000, 2000):
        writer.commit([poll(number, time_ms, 1, 1.0)])
    assert [(p.seq, p.time_ms) for p in reader.polls_since(0, 100)] == [(1, 3000), (2, 1000), (3, 2000)]
    assert [p.seq for p in reader.polls_since(1, 1)] == [2]
    assert reader.last_seq() == 3


def test_seq_goes_on_after_a_restart(tmp_path, reader):
    for n in range(3):
        with writing(tmp_path, "a test") as made:
            number = made.group(group())
            made.commit([poll(number, 1000 * n, n, None)])
    assert [p.seq for p in reader.polls_since(0, 100)] == [1, 2, 3]
    assert len(reader.groups()) == 1


def test_raw_words_lane_tick_and_quality_stay_as_they_were(writer, reader):
    number = writer.group(group())
    made = poll(number, 1000, 10, None, lane=Lane.QUARTER, quality=bytes([Quality.QUESTIONABLE, Quality.GOOD]))
    writer.commit([made])
    [stored] = reader.polls_since(0, 9)
    for field in ("time_ms", "epoch", "tick", "lane", "values", "words", "quality"):
        assert getattr(stored, field) == getattr(made, field)
    assert reader.ranges([GRID], 0, 9999)[GRID].quality.tolist() == [Quality.QUESTIONABLE]
    assert reader.latest()[GRID].quality is Quality.QUESTIONABLE


def test_an_absent_value_is_no_reading(writer, reader):
    number = writer.group(group())
    writer.commit([poll(number, 1000, 10, None), poll(number, 2000, None, 2.5)])
    found = reader.ranges([GRID, POWER], 0, 10_000)
    assert pairs(found[GRID]) == [(1000, 10)]
    assert pairs(found[POWER]) == [(2000, 2.5)]
    assert set(reader.latest()) == {POWER}


def test_ranges_are_half_open_and_bracketed_by_the_nearest_on_either_side(writer, reader):
    number = writer.group(group())
    writer.commit([poll(number, t, t, None) for t in (1000, 2000, 3000, 4000, 5000)])
    inside = [(2000, 2000), (3000, 3000)]
    assert pairs(reader.ranges([GRID], 2000, 4000, bracket=False)[GRID]) == inside
    assert pairs(reader.ranges([GRID], 2000, 4000)[GRID]) == [(1000, 1000), *inside, (4000, 4000)]
    assert pairs(reader.ranges([GRID], 2500, 2600)[GRID]) == [(2000, 2000), (3000, 3000)]
    assert pairs(reader.ranges([GRID], 6000, 7000)[GRID]) == [(5000, 5000)]
    assert pairs(reader.ranges([GRID], 0, 500)[GRID]) == [(1000, 1000)]


def test_the_bracket_of_a_column_with_holes_is_its_own_and_does_not_widen_the_others(writer, reader):
    number = writer.group(group())
    writer.commit([poll(number, t, t, 1.0 if t == 1000 else None) for t in (1000, 2000, 3000, 4000)])
    found = reader.ranges([GRID, POWER], 3500, 3600)
    assert pairs(found[POWER]) == [(1000, 1.0)]
    assert pairs(found[GRID]) == [(3000, 3000), (4000, 4000)]


def test_a_new_layout_of_a_group_joins_the_old_one(writer, reader):
    old = writer.group(group(GRID, POWER))
    writer.commit([poll(old, t, t, None) for t in (1000, 2000)])
    new = writer.group(group(POWER, GRID, ("grid", "frequency")))
    assert new != old
    writer.commit([poll(new, t, None, t, 50.0) for t in (3000, 4000, 5000)])
    assert pairs(reader.ranges([GRID], 0, 9999)[GRID]) == [(t, t) for t in (1000, 2000, 3000, 4000, 5000)]
    assert pairs(reader.ranges([GRID], 4500, 4600)[GRID]) == [(4000, 4000), (5000, 5000)]  # not also the old one's last
    assert reader.latest([GRID])[GRID].time_ms == 5000
    assert list(reader.series()) == [GRID, POWER, ("grid", "frequency")]


def test_a_column_that_never_has_a_value_is_not_sought_for_ever(writer, reader, monkeypatch):
    monkeypatch.setattr("metering.store.readings_reader._LOOK_BACK", 2)
    number = writer.group(group())
    writer.commit([poll(number, t, t, 1.0 if t == 1000 else None) for t in (1000, 2000, 3000, 4000)])
    assert pairs(reader.ranges([POWER], 3500, 3600)[POWER]) == []
    assert pairs(reader.ranges([POWER], 2500, 2600)[POWER]) == [(1000, 1.0)]


def test_the_newest_values_are_found_without_reading_every_poll(tmp_path):
    """The live page asks every second, for years."""
    with writing(tmp_path, "a test"):
        database = sqlite3.connect(readings_path(tmp_path))
        plan = [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {_LAST_POLLS.format('p.seal')}")]
        database.close()
    assert plan == ["SCAN l", "SEARCH p USING INDEX poll_time (time_ms=? AND grp=?)"]


ticks = st.lists(
    st.tuples(st.integers(0, 40), st.none() | st.integers(0, 9), st.none() | st.integers(0, 9)), max_size=30
)


@given(polls=ticks, split=st.integers(0, 30), span=st.tuples(st.integers(0, 40), st.integers(0, 40)))
@settings(max_examples=60, deadline=None)
def test_any_range_of_any_history_equals_a_dictionary(tmp_path_factory, polls, split, span):
    """Two layouts of one group, polls in any order of time, holes anywhere; the first of two at one time stays."""
    store = tmp_path_factory.mktemp("store")
    kept: dict[tuple[int, int], tuple[int | None, int | None]] = {}
    with writing(store, "a test") as writer:
        numbers = [writer.group(group(GRID, POWER)), writer.group(group(POWER, GRID))]
        for at, (time, energy, power) in enumerate(polls):
            layout = int(at >= split)
            values = (energy, power) if layout == 0 else (power, energy)
            writer.commit([poll(numbers[layout], time, *values)])
            kept.setdefault((time, layout), (energy, power))
    start, end = min(span), max(span)
    found = ReadingsReader(store).ranges([GRID, POWER], start, end)
    for place, key in enumerate((GRID, POWER)):
        model = {
            time: values[place] for (time, _), values in sorted(kept.items(), reverse=True) if values[place] is not None
        }
        before, after = [t for t in model if t < start], [t for t in model if t >= end]
        times = [*([max(before)] if before else []), *sorted(t for t in model if start <= t < end),
                 *([min(after)] if after else [])]  # fmt: skip
        assert pairs(found[key]) == [(t, model[t]) for t in times]


def test_what_changed_since_a_seq(writer, reader):
    number = writer.group(group())
    assert reader.changed_since(0) == Changes(0, {})
    writer.commit([poll(number, t, t, None) for t in (1000, 2000)])
    assert reader.changed_since(0) == Changes(2, {GRID: (1000, 2000), POWER: (1000, 2000)})
    writer.commit([poll(number, 500, 1, None)])  # late
    assert reader.changed_since(2) == Changes(3, {GRID: (500, 500), POWER: (500, 500)})
    assert reader.changed_since(3) == Changes(3, {})


def test_history_is_written_packed_and_read_like_anything_else(writer, reader):
    from metering.store.packing import Packing

    made = group()
    number, packing = writer.group(made), Packing(made)
    writer.append_history((t, number, packing.pack((t, None)), b"raw") for t in (1000, 2000))
    assert [(p.lane, p.words) for p in reader.polls_since(0, 9)] == [(Lane.HISTORY, b"raw")] * 2
    assert pairs(reader.ranges([GRID], 0, 9999)[GRID]) == [(1000, 1000), (2000, 2000)]


def test_gaps_of_polls_and_of_values(writer, reader):
    number = writer.group(group())
    gap = PollGap(number, 1, Lane.CADENCE, 5, 3, 5000, 7000, GapReason.EXCEPTION, 4, "slave device failure")
    value = ValueGap("grid", "active_power", 6000, GapReason.INVALID_VALUE, "NaN")
    writer.commit(gaps=[gap], value_gaps=[value, value])
    assert reader.gaps(0, 10_000) == ([gap], [value])
    assert reader.gaps(6000, 6001) == ([gap], [value])
    assert reader.gaps(7001, 9000) == ([], [])
    assert reader.gaps(0, 5000) == ([], [])
    assert reader.gap_ticks() == {number: 3}


def test_every_gap_reason_survives(writer, reader):
    number = writer.group(group())
    made = [PollGap(number, 1, Lane.CADENCE, i, 1, i, i, reason) for i, reason in enumerate(GapReason)]
    writer.commit(gaps=made)
    assert reader.gaps(0, 999)[0] == made


def test_the_ledger_counts_on_and_epochs_end_once(writer, reader, tmp_path):
    number = writer.group(group())
    epoch = writer.open_epoch(1000, "first")
    writer.commit(ledger={(epoch, number, Lane.CADENCE): 3})
    writer.commit(ledger={(epoch, number, Lane.CADENCE): 7, (epoch, number, Lane.QUARTER): 11})
    assert writer.ledger(epoch) == {(number, Lane.CADENCE): 7, (number, Lane.QUARTER): 11}
    assert writer.last_epoch() == (epoch, 1000, None, False)
    writer.close_epoch(epoch, 5000, clean=True)
    second = writer.open_epoch(5000)
    assert [(e.id, e.start_ms, e.stop_ms, e.clean) for e in reader.epochs()] == [
        (epoch, 1000, 5000, True), (second, 5000, None, False),
    ]  # fmt: skip


@pytest.mark.parametrize("broken", ["poll", "gap", "value gap"])
def test_a_batch_is_all_or_nothing(writer, reader, broken):
    number = writer.group(group())
    good = poll(number, 1000, 1, 1.0)
    gap = PollGap(number, None, Lane.CADENCE, 0, 1, 0, 0, GapReason.CRC)  # type: ignore[arg-type]
    value = ValueGap("grid", "active_power", None, GapReason.CRC)  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="NOT NULL"):
        writer.commit(
            [good, *([replace(good, time_ms=2000, words=None)] if broken == "poll" else [])],
            [gap] if broken == "gap" else [],
            [value] if broken == "value gap" else [],
        )
    assert reader.polls_since(0, 9) == []
    writer.commit([good])
    assert len(reader.polls_since(0, 9)) == 1


def test_counts_by_lane(writer, reader):
    number = writer.group(group())
    writer.commit(
        [poll(number, t, 1, 1.0) for t in (1, 2)], [PollGap(number, 1, Lane.CADENCE, 2, 5, 3, 7, GapReason.TIMEOUT)]
    )
    writer.commit([poll(number, 9, 1, 1.0, lane=Lane.QUARTER)])
    assert reader.counts() == {(number, Lane.CADENCE): (2, 5), (number, Lane.QUARTER): (1, 0)}


def test_what_is_known_of_a_register_is_kept_by_date_and_written_once(writer, reader):
    first, second = info(1000), info(5000, serial="B")
    writer.declare([first])
    writer.declare([info(3000), second])  # the first one again, later: nothing new
    assert reader.infos() == {GRID: [first, second]}


@given(
    st.builds(Fraction, st.integers(1, 10**9), st.integers(1, 10**9)), st.none() | st.fractions(1), st.text(max_size=9)
)
def test_series_info_survives_its_json_exactly(scale, modulus, serial):
    made = replace(info(77, scale=scale, serial=serial), modulus=modulus)
    assert load_info(*made.key, 77, dump_info(made)) == made


def test_acknowledged_ranges_that_touch_are_joined(writer, reader):
    for first, last in ((1, 5), (11, 15), (6, 7), (8, 10), (30, 40), (35, 50), (2, 3)):
        writer.acknowledge("influx", "live", first, last)
    writer.acknowledge("influx", "backlog", 16, 20)
    writer.acknowledge("other", "live", 1, 2)
    assert writer.delivered("influx") == [("backlog", 16, 20), ("live", 1, 15), ("live", 30, 50)]
    assert reader.delivered("influx") == [(1, 15), (16, 20), (30, 50)]


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 9)), max_size=25))
@settings(max_examples=40, deadline=None)
def test_acknowledging_equals_a_set_of_numbers(tmp_path_factory, acks):
    done: set[int] = set()
    with writing(tmp_path_factory.mktemp("store"), "a test") as writer:
        for first, more in acks:
            writer.acknowledge("s", "live", first, first + more)
            done |= set(range(first, first + more + 1))
        ranges = writer.delivered("s")
    assert {n for _, low, high in ranges for n in range(low, high + 1)} == done
    assert all(high + 1 < low for (_, _, high), (_, low, _) in pairwise(ranges))


def test_a_second_writer_is_refused_naming_the_first_and_a_third_may_come(tmp_path):
    with writing(tmp_path, "zcf collect"), pytest.raises(StoreLockedError, match="zcf collect"):
        ReadingsWriter(tmp_path, "zcf demo")
    with writing(tmp_path, "zcf demo") as writer:
        assert writer.last_time_ms is None


def test_an_empty_store_reads_as_empty_and_is_not_made(tmp_path):
    reader = ReadingsReader(tmp_path / "none")
    assert (list(reader.series()), reader.latest(), reader.gaps(0, 9), reader.epochs()) == ([], {}, ([], []), [])
    assert len(reader.ranges([GRID], 0, 9)[GRID]) == 0
    assert (reader.infos(), reader.polls_since(0, 9), reader.last_seq(), reader.counts()) == ({}, [], 0, {})
    assert list(tmp_path.iterdir()) == []
