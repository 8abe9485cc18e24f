"""Readings that come late and cross a limit are recorded as events; nobody is told (reliability.md A7)."""

from hypothesis import given
from hypothesis import strategies as st

from analytics.alerts import Rule
from analytics.hindsight import events

NOW = 1_795_230_000_000
THREE_DAYS = 3 * 86_400_000
RULE = Rule("high", "threshold", point="grid", quantity="active_power", above=100.0, hold_ms=120_000)


def minutes(*values: float) -> list[tuple[int, float]]:
    """A reading a minute, three days ago."""
    return [(NOW - THREE_DAYS + 60_000 * n, value) for n, value in enumerate(values)]


def test_an_excursion_three_days_ago_is_one_event_with_its_own_time() -> None:
    [found] = events(RULE, minutes(90, 101, 130, 120, 90), "kW", NOW)
    assert (found.since_ms, found.resolved_ms) == (NOW - THREE_DAYS + 60_000, NOW - THREE_DAYS + 180_000)
    assert (found.value, found.limit, found.unit) == (130, 100.0, "kW")
    assert found.fired_ms == NOW > found.resolved_ms  # recorded after it was over


def test_one_shorter_than_its_hold_is_none() -> None:
    assert list(events(RULE, minutes(90, 130, 130, 90), "kW", NOW)) == []


def test_the_same_readings_a_second_time_are_the_same_event() -> None:
    first, second = (list(events(RULE, minutes(120, 120, 120), "kW", NOW + n)) for n in (0, 5_000))
    assert [one.key for one in first] == [one.key for one in second]


@given(st.lists(st.floats(0, 200), max_size=60), st.randoms())
def test_the_order_of_arrival_changes_nothing(values: list[float], chance) -> None:
    there = minutes(*values)
    shuffled = list(there)
    chance.shuffle(shuffled)
    found = list(events(RULE, shuffled, "kW", NOW))
    assert found == list(events(RULE, there, "kW", NOW))
    assert all(one.value is not None and one.value > 100 for one in found)
