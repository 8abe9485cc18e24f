"""The embedded store as one source: polls and imports joined, the collector's first at one instant."""

from hypothesis import given, settings
from hypothesis import strategies as st

from metering.reading import Quality, Reading
from metering.store.entries import EntriesWriter, Entry
from metering.store.readings import writing
from metering.store.source import StoreSource
from tests.metering.store.conftest import GRID, POWER, group, info, poll

IMPORTED = ("main", "active_energy")


def entry() -> Entry:
    return Entry("one", "import", "who", "why", 0, {})


def fill(store, polled: dict[int, int], imported: dict[int, int]) -> None:
    with writing(store, "a test") as readings:
        number = readings.group(group(GRID))
        readings.commit([poll(number, time, value) for time, value in polled.items()])
        readings.declare([info(5)])
    entries = EntriesWriter(store, "a test")
    entries.append(entry(), [Reading(*GRID, time, value) for time, value in imported.items()], [info(0, serial="old")])
    entries.close()


def pairs(columns) -> list[tuple[int, int]]:
    return list(zip(columns.time_ms.tolist(), columns.value.tolist(), strict=True))


def test_imports_from_before_the_collector_join_its_readings(tmp_path):
    fill(tmp_path, {30: 3, 40: 4}, {10: 1, 20: 2, 30: 99})
    source = StoreSource(tmp_path)
    assert pairs(source.ranges([GRID], 0, 100)[GRID]) == [(10, 1), (20, 2), (30, 3), (40, 4)]
    assert source.latest()[GRID] == Reading(*GRID, 40, 4)
    assert source.latest([POWER]) == {}
    assert [i.serial for i in source.infos()[GRID]] == ["old", ""]
    assert source.series() == [GRID]


def test_the_bracket_is_the_nearest_of_both(tmp_path):
    fill(tmp_path, {10: 1, 40: 4}, {20: 2, 50: 5})
    assert pairs(StoreSource(tmp_path).ranges([GRID], 25, 35)[GRID]) == [(20, 2), (40, 4)]


def test_amounts_keep_their_ends_beside_polls(tmp_path):
    fill(tmp_path, {10: 1}, {})
    entries = EntriesWriter(tmp_path, "a test")
    entries.append(Entry("two", "import", "w", "y", 0, {}), [Reading(*IMPORTED, 0, 5, Quality.GOOD, 900)])
    entries.close()
    found = StoreSource(tmp_path).ranges([IMPORTED, GRID, POWER], 0, 100)
    assert found[IMPORTED].end_ms is not None
    assert found[IMPORTED].end_ms.tolist() == [900]
    assert pairs(found[GRID]) == [(10, 1)]
    assert pairs(found[POWER]) == []


def test_nothing_at_all(tmp_path):
    source = StoreSource(tmp_path)
    assert (source.series(), source.latest(), source.infos(), source.gaps(0, 9)) == ([], {}, {}, ([], []))
    assert pairs(source.ranges([GRID], 0, 9)[GRID]) == []
    assert list(tmp_path.iterdir()) == []


held = st.dictionaries(st.integers(0, 30), st.integers(0, 99), max_size=12)


@given(held, held, st.integers(0, 30), st.integers(0, 30))
@settings(max_examples=40, deadline=None)
def test_any_mixture_equals_a_dictionary(tmp_path_factory, polled, imported, start, end):
    start, end = min(start, end), max(start, end)
    store = tmp_path_factory.mktemp("store")
    fill(store, polled, imported)
    model = {**imported, **polled}
    before, after = [t for t in model if t < start], [t for t in model if t >= end]
    wanted = [*([max(before)] if before else []), *sorted(t for t in model if start <= t < end),
              *([min(after)] if after else [])]  # fmt: skip
    assert pairs(StoreSource(store).ranges([GRID], start, end)[GRID]) == [(t, model[t]) for t in wanted]
