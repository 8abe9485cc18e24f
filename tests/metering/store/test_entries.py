"""entries.db: append-only, who, why and when; imported readings beside their entry, entered once."""

import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.reading import Quality, Reading, SeriesInfo
from metering.store import Changes, StoreError, StoreLockedError
from metering.store.entries import (
    _LATEST,
    _NEXT_POINT,
    _NEXT_QUANTITY,
    EntriesReader,
    EntriesWriter,
    Entry,
    entries_path,
)
from tests.metering.store.conftest import info

ENERGY, GAUGE, REGISTER = ("main", "active_energy"), ("main", "active_power"), ("main", "active_energy_import")
Q = 900_000


def entry(name: str, kind: str = "import") -> Entry:
    return Entry(name, kind, "A. Miller", "the March bill", 5, {"file": "März.csv", "rows": 2})


def amount(start: int, value: int, length: int = Q, quality: Quality = Quality.GOOD) -> Reading:
    return Reading(*ENERGY, start, value, quality, start + length)


@pytest.fixture
def writer(tmp_path):
    made = EntriesWriter(tmp_path, "a test")
    yield made
    made.close()


@pytest.fixture
def reader(tmp_path):
    return EntriesReader(tmp_path)


def test_an_entry_says_who_why_when_and_what(writer, reader):
    writer.append(entry("one"))
    writer.append(entry("two", "closing"))
    assert reader.entries("closing") == [Entry("two", "closing", "A. Miller", "the March bill", 5, entry("").body, 2)]
    assert [e.id for e in reader.entries()] == ["one", "two"]


def test_amounts_registers_and_gauges_are_kept_as_what_they_are(writer, reader):
    writer.append(entry("one"), [
        amount(0, 2**62), amount(Q, 5, quality=Quality.QUESTIONABLE), Reading(*GAUGE, 7, 0.1),
        Reading(*REGISTER, 9, 11),
    ], [info()])  # fmt: skip
    found = reader.ranges([ENERGY, GAUGE, REGISTER], 0, 10**12)
    assert found[ENERGY].value.tolist() == [2**62, 5]
    assert found[ENERGY].end_ms is not None
    assert found[ENERGY].end_ms.tolist() == [Q, 2 * Q]
    assert found[ENERGY].quality.tolist() == [0, 2]
    assert found[GAUGE].value.tolist() == [0.1]
    assert found[GAUGE].end_ms is None
    assert found[REGISTER].value.dtype == "int64"
    assert reader.infos() == {info().key: [info()]}
    assert reader.series() == sorted([ENERGY, GAUGE, REGISTER])


def test_a_whole_number_of_a_gauge_stays_a_float(writer, reader):
    writer.append(entry("one"), [Reading(*GAUGE, 7, 3.0)])
    assert isinstance(reader.latest()[GAUGE].value, float)
    assert reader.ranges([GAUGE], 0, 9)[GAUGE].value.dtype == "float64"


def test_a_reading_already_there_stays_as_it_is(writer, reader):
    assert writer.append(entry("one"), [amount(0, 1), amount(Q, 2)]) == 2
    assert writer.append(entry("two"), [amount(0, 99), amount(2 * Q, 3)]) == 1
    assert reader.ranges([ENERGY], 0, 10 * Q)[ENERGY].value.tolist() == [1, 2, 3]


def test_an_entry_is_all_or_nothing(writer, reader):
    with pytest.raises(StoreError):
        writer.append(entry("one"), [amount(0, 1), Reading(*ENERGY, 1, None)])  # type: ignore[arg-type]
    assert (reader.entries(), len(reader.ranges([ENERGY], 0, 9)[ENERGY])) == ([], 0)


def test_no_two_entries_have_one_id_and_none_can_be_replaced(writer, reader):
    writer.append(entry("one"))
    with pytest.raises(StoreError, match=r"entry\.id"):
        writer.append(entry("one", "closing"), [amount(0, 1)])
    assert [e.kind for e in reader.entries()] == ["import"]
    assert reader.latest() == {}
    assert not {name for name in dir(EntriesWriter) if name.startswith(("delete", "update", "remove", "replace"))}


def test_no_statement_of_the_module_changes_or_removes_an_entry():
    from pathlib import Path

    import metering.store.entries as module

    text = Path(module.__file__).read_text(encoding="utf-8").upper()
    assert "DELETE" not in text
    assert "UPDATE " not in text.replace("ON CONFLICT DO UPDATE", "")


def test_brackets(writer, reader):
    writer.append(entry("one"), [amount(n * Q, n) for n in range(6)])
    assert reader.ranges([ENERGY], 2 * Q, 4 * Q)[ENERGY].value.tolist() == [1, 2, 3, 4]
    assert reader.ranges([ENERGY], 2 * Q, 4 * Q, bracket=False)[ENERGY].value.tolist() == [2, 3]
    assert reader.ranges([ENERGY], 99 * Q, 100 * Q)[ENERGY].value.tolist() == [5]


def test_the_newest_reading_and_what_was_touched(writer, reader):
    writer.append(entry("one"), [amount(Q, 2), amount(0, 1), Reading(*GAUGE, 7, 0.5, Quality.SUBSTITUTED)])
    assert reader.latest([ENERGY]) == {ENERGY: amount(Q, 2)}
    assert reader.latest()[GAUGE] == Reading(*GAUGE, 7, 0.5, Quality.SUBSTITUTED)
    first = reader.changed_since(0)
    assert first == Changes(3, {ENERGY: (0, 2 * Q), GAUGE: (7, 7)})  # an amount touches up to its end
    writer.append(entry("two"), [amount(-Q, 9)])
    assert reader.changed_since(first.seq) == Changes(4, {ENERGY: (-Q, 0)})
    assert reader.changed_since(4) == Changes(4, {})


def test_a_second_command_is_refused_naming_the_first(tmp_path, writer):
    with pytest.raises(StoreLockedError, match="a test"):
        EntriesWriter(tmp_path, "zcf import")


def test_reading_while_a_command_writes_and_after_it(tmp_path):
    writer = EntriesWriter(tmp_path, "a test")
    writer.append(entry("one"), [amount(0, 1)])
    reader = EntriesReader(tmp_path)
    assert len(reader.entries()) == 1
    writer.close()
    assert len(reader.entries()) == 1
    assert {p.name for p in entries_path(tmp_path).parent.iterdir()} == {"entries.db", "writer.lock"}


def test_a_store_without_entries_reads_as_empty_and_is_not_made(tmp_path):
    reader = EntriesReader(tmp_path)
    assert (reader.entries(), reader.series(), reader.infos(), reader.latest()) == ([], [], {}, {})
    assert len(reader.ranges([ENERGY], 0, 9)[ENERGY]) == 0
    assert reader.changed_since(3) == Changes(3, {})
    assert list(tmp_path.iterdir()) == []


times = st.integers(-5, 40)


@given(st.lists(st.lists(st.tuples(times, st.integers(-9, 9)), max_size=9), max_size=5), times, times)
@settings(max_examples=60, deadline=None)
def test_any_entries_equal_a_dictionary(tmp_path_factory, batches, start, end):
    start, end = min(start, end), max(start, end)
    store = tmp_path_factory.mktemp("store")
    model: dict[int, int] = {}
    writer = EntriesWriter(store, "a test")
    for number, batch in enumerate(batches):
        new = writer.append(entry(str(number)), [amount(t * Q, v) for t, v in batch])
        before = len(model)
        for time, value in batch:
            model.setdefault(time * Q, value)
        assert new == len(model) - before
    writer.close()
    found = EntriesReader(store).ranges([ENERGY], start * Q, end * Q)[ENERGY]
    before_, after = [t for t in model if t < start * Q], [t for t in model if t >= end * Q]
    wanted = [*([max(before_)] if before_ else []), *sorted(t for t in model if start * Q <= t < end * Q),
              *([min(after)] if after else [])]  # fmt: skip
    assert dict(zip(found.time_ms.tolist(), found.value.tolist(), strict=True)) == {t: model[t] for t in wanted}
    assert found.time_ms.tolist() == wanted


def test_the_newest_readings_of_a_year_are_found_without_reading_the_year(tmp_path):
    """The live page asks every second: the plan must go through the index, one step a series."""
    EntriesWriter(tmp_path, "a test").close()
    database = sqlite3.connect(entries_path(tmp_path))
    for statement, words in ((_LATEST, ("", "")), (_NEXT_QUANTITY, ("", "")), (_NEXT_POINT, ("",))):
        plan = [str(row[3]) for row in database.execute(f"EXPLAIN QUERY PLAN {statement}", words)]
        assert [step.split(" USING ")[0] for step in plan] == ["SEARCH imported"]
    database.close()


def test_series_info_of_a_later_import_stands_beside_the_earlier_one(writer, reader):
    first, second = info(0), info(9)
    writer.append(entry("one"), infos=[first])
    writer.append(entry("two"), infos=[second])
    [kept] = reader.infos().values()
    assert kept == [first, second]
    assert all(isinstance(one, SeriesInfo) for one in kept)
