"""results.db: quarter-hours as rows and month chunks are one axis; the last written holds; folding changes nothing."""

import sqlite3
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.period import QUARTER_MS as Q
from metering.period import to_ms
from metering.store import StoreLockedError
from metering.store.results import MISSING, IntervalRows, ResultsReader, ResultsWriter, month_of, results_path

KEY, OTHER = ("grid", "active_energy_import"), ("pv", "active_energy_export")
JANUARY = to_ms(datetime(2026, 1, 1, tzinfo=UTC))
FEBRUARY = to_ms(datetime(2026, 2, 1, tzinfo=UTC))
FAR = 2**60


def rows(values: dict[int, tuple[int, int, int]]) -> IntervalRows:
    starts = sorted(values)
    columns = [np.array([values[s][i] for s in starts], np.int64) for i in range(3)]
    return IntervalRows(np.array(starts, np.int64), columns[0], columns[1], columns[2].astype(np.uint8))


def simple(*starts: int, energy: int = 1) -> IntervalRows:
    return rows(dict.fromkeys(starts, (energy, 0, 0)))


def as_dict(found: IntervalRows) -> dict[int, tuple[int, int, int]]:
    columns = (found.energy, found.placed, found.flags)
    return dict(zip(found.start_ms.tolist(), zip(*(c.tolist() for c in columns), strict=True), strict=True))


@pytest.fixture
def writer(tmp_path):
    made = ResultsWriter(tmp_path, "a test")
    yield made
    made.close()


@pytest.fixture
def reader(tmp_path):
    return ResultsReader(tmp_path)


def everything(reader: ResultsReader, key: tuple[str, str] = KEY) -> dict[int, tuple[int, int, int]]:
    found = reader.intervals([key], -FAR, FAR)
    return as_dict(found[key]) if found else {}


def test_rows_and_chunks_are_one_axis(writer, reader):
    values = {JANUARY + n * Q: (n - 5, n % 3, 0) for n in range(0, 3000, 7)}
    writer.write({KEY: rows(values)}, FEBRUARY, {}, {})
    assert everything(reader) == values
    assert as_dict(reader.intervals([KEY], FEBRUARY - 50 * Q, FEBRUARY + 50 * Q)[KEY]) == {
        start: value for start, value in values.items() if FEBRUARY - 50 * Q <= start < FEBRUARY + 50 * Q
    }


def test_what_starts_before_the_fold_lies_in_one_chunk_a_month(tmp_path, writer):
    writer.write({KEY: simple(JANUARY - Q, JANUARY, FEBRUARY, FEBRUARY + Q)}, FEBRUARY + Q, {}, {})
    database = sqlite3.connect(results_path(tmp_path))
    months = [month for (month,) in database.execute("SELECT month_ms FROM chunk ORDER BY month_ms")]
    assert months == [month_of(JANUARY - Q)[0], JANUARY, FEBRUARY]
    assert database.execute("SELECT start_ms FROM interval").fetchall() == [(FEBRUARY + Q,)]
    database.close()


def test_late_readings_replace_cells_of_a_folded_month_and_leave_the_rest(writer, reader):
    writer.write({KEY: simple(*range(JANUARY, JANUARY + 10 * Q, Q))}, FAR, {}, {})
    writer.write({KEY: simple(JANUARY + 3 * Q, energy=99)}, FAR, {}, {})
    assert [energy for energy, _, _ in everything(reader).values()] == [1, 1, 1, 99, 1, 1, 1, 1, 1, 1]


def test_an_open_row_hides_the_chunks_older_cell_until_it_is_folded(writer, reader):
    writer.write({KEY: simple(JANUARY, JANUARY + Q)}, FAR, {}, {})
    writer.write({KEY: simple(JANUARY, energy=5)}, JANUARY, {}, {})
    assert everything(reader) == {JANUARY: (5, 0, 0), JANUARY + Q: (1, 0, 0)}
    writer.fold(FAR)
    assert everything(reader) == {JANUARY: (5, 0, 0), JANUARY + Q: (1, 0, 0)}


def test_open_rows_between_the_rewritten_ones_are_not_lost(writer, reader):
    """The fold boundary moved on at midnight, then late readings settled the first and the last again."""
    writer.write({KEY: simple(JANUARY, JANUARY + Q, JANUARY + 2 * Q)}, JANUARY, {}, {})
    writer.write({KEY: simple(JANUARY, JANUARY + 2 * Q, energy=7)}, FAR, {}, {})
    assert [energy for energy, _, _ in everything(reader).values()] == [7, 1, 7]


def test_a_quarter_hour_of_which_nothing_is_known_any_more_is_gone(writer, reader):
    writer.write({KEY: simple(JANUARY, JANUARY + Q)}, FAR, {}, {})
    writer.write({KEY: rows({JANUARY: (0, 0, MISSING)})}, JANUARY, {}, {})
    assert set(everything(reader)) == {JANUARY + Q}
    writer.fold(FAR)
    assert set(everything(reader)) == {JANUARY + Q}


@pytest.mark.parametrize("value", [0, 127, 128, -128, -129, 2**15, 2**31 - 1, 2**31, -(2**31), 2**63 - 1, -(2**63)])
def test_every_width_of_integer_survives_a_chunk(writer, reader, value):
    writer.write({KEY: rows({JANUARY: (value, 0, 255 - MISSING), JANUARY + Q: (1, value, 0)})}, FAR, {}, {})
    assert everything(reader) == {JANUARY: (value, 0, 255 - MISSING), JANUARY + Q: (1, value, 0)}


def test_series_do_not_mix_and_an_unknown_one_is_left_out(writer, reader):
    writer.write({KEY: simple(JANUARY), OTHER: simple(JANUARY + Q, energy=2)}, FAR, {}, {})
    assert everything(reader, OTHER) == {JANUARY + Q: (2, 0, 0)}
    assert set(reader.intervals([KEY, ("x", "y")], 0, FAR)) == {KEY}


def test_series_of_one_look_are_what_each_is_alone_over_any_span(writer, reader):
    dice, keys = np.random.default_rng(5), [("a", "e"), ("b", "e"), ("c", "e"), ("d", "e")]
    months = [JANUARY, FEBRUARY, month_of(FEBRUARY)[1], month_of(month_of(FEBRUARY)[1])[1]]
    for number, key in enumerate(keys):
        for month in months[: 4 - number] if number % 2 else months[number:]:  # some months are not there at all
            starts = np.arange(*month_of(month), Q)
            energy = dice.integers(-(10**9), 10**9, len(starts)) if number else np.full(len(starts), 7)
            placed, flags = energy // 2 * (number > 1), np.where(dice.random(len(starts)) < number / 9, MISSING, number)
            writer.write({key: IntervalRows(starts, energy, placed, flags.astype(np.uint8))}, FAR, {}, {})
    writer.write({keys[2]: simple(FEBRUARY + Q, energy=-3)}, 0, {}, {})
    for low, high in ((-FAR, FAR), (JANUARY + 5 * Q, FEBRUARY + 9 * Q), (FEBRUARY, months[2]), (months[2] + Q,) * 2):
        found = reader.intervals(keys, low, high)
        for key in keys:
            whole = reader.intervals([key], -FAR, FAR)[key]
            inside = {start: cell for start, cell in as_dict(whole).items() if low <= start < high}
            assert as_dict(found[key]) == inside
            assert found[key].flags.dtype == np.uint8
            assert {column.dtype for column in (found[key].energy, found[key].placed)} == {np.dtype(np.int64)}


def test_open_items_of_a_span_are_replaced_and_others_stay(writer, reader):
    writer.write({}, 0, {KEY: (0, 100, [(10, 20, {"n": 1}), (50, 60, {"n": 2})])}, {})
    writer.write({}, 0, {KEY: (40, 100, [(55, 60, {"n": 3})]), OTHER: (0, 9, [])}, {})
    assert reader.open_items() == [(KEY, {"n": 1}), (KEY, {"n": 3})]


def test_marks_hold_any_json_and_the_last_one_written(writer, reader):
    assert reader.mark("settled") is None
    writer.write({}, 0, {}, {"settled": {"readings": 1}})
    writer.write({}, 0, {}, {"settled": {"readings": 2, "tails": {"电": [1, None]}}, "other": 0})
    assert reader.mark("settled") == {"readings": 2, "tails": {"电": [1, None]}}
    assert reader.mark("other") == 0


def test_a_failed_write_changes_nothing(writer, reader):
    writer.write({KEY: simple(JANUARY)}, FAR, {}, {"m": 1})
    with pytest.raises(TypeError):
        writer.write({KEY: simple(JANUARY, energy=9)}, FAR, {}, {"m": object()})
    assert everything(reader) == {JANUARY: (1, 0, 0)}
    assert reader.mark("m") == 1


def test_a_second_service_is_refused(tmp_path, writer):
    with pytest.raises(StoreLockedError, match="a test"):
        ResultsWriter(tmp_path, "zcf serve")


def test_a_store_without_results_reads_as_empty_and_is_not_made(tmp_path):
    reader = ResultsReader(tmp_path)
    assert (reader.intervals([KEY], 0, FAR), reader.open_items(), reader.mark("m")) == ({}, [], None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("moment", "first", "after"),
    [
        (datetime(2026, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC), (2026, 12), (2027, 1)),
        (datetime(2024, 2, 29, tzinfo=UTC), (2024, 2), (2024, 3)),
        (datetime(1970, 1, 1, tzinfo=UTC), (1970, 1), (1970, 2)),
        (datetime(1969, 12, 31, 23, 45, tzinfo=UTC), (1969, 12), (1970, 1)),
    ],
)
def test_months_are_of_utc(moment, first, after):
    assert month_of(to_ms(moment)) == tuple(to_ms(datetime(*month, 1, tzinfo=UTC)) for month in (first, after))


cells = st.dictionaries(
    st.integers(2950, 3000).map(lambda n: JANUARY + n * Q),  # around the turn of a month
    st.tuples(st.integers(-300, 300) | st.just(2**40), st.integers(0, 3), st.sampled_from([0, 1, 64, MISSING])),
    min_size=1, max_size=12,
)  # fmt: skip
steps = st.lists(
    st.tuples(st.just("write"), cells, st.integers(2940, 3010)) | st.tuples(st.just("fold"), st.integers(2940, 3010)),
    max_size=8,
)


@given(steps, st.integers(2940, 3010), st.integers(2940, 3010))
@settings(max_examples=80, deadline=None)
def test_any_writes_and_folds_equal_a_dictionary(tmp_path_factory, done, start, end):
    store = tmp_path_factory.mktemp("store")
    model: dict[int, tuple[int, int, int]] = {}
    writer = ResultsWriter(store, "a test")
    for step in done:
        if step[0] == "fold":
            writer.fold(JANUARY + step[1] * Q)
        else:
            writer.write({KEY: rows(step[1])}, JANUARY + step[2] * Q, {}, {})
            model.update(step[1])
    writer.close()
    known = {start_ms: cell for start_ms, cell in model.items() if not cell[2] & MISSING}
    low, high = JANUARY + start * Q, JANUARY + end * Q
    found = ResultsReader(store).intervals([KEY], low, high)
    inside = {s: cell for s, cell in known.items() if low <= s < high}
    assert (as_dict(found[KEY]) if found else {}) == inside
    if found:
        assert found[KEY].start_ms.tolist() == sorted(inside)
