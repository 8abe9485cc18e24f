"""Energy of an outage placed by the weeks before: the sum stays, the shape follows, late readings take its place."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.intervals import Flag, Intervals, settle
from analytics.placing import PlainDays, like_days, shares, usual_days
from metering.period import QUARTER_MS, day, to_ms
from metering.reading import Columns, SeriesInfo

Q = QUARTER_MS
SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")
ZONES = sorted(available_timezones() - {"localtime", "Factory"})


def info() -> SeriesInfo:
    return SeriesInfo(
        "main", "active_energy_import", 0, "m", "p", "h", "", "uint32", Fraction(1, 100), None, Fraction(1), 1e20, Q,
        "0.5S",
    )  # fmt: skip


def columns(times: list[int], values: list[int]) -> Columns:
    return Columns(np.array(times, np.int64), np.array(values, np.int64), np.zeros(len(times), np.uint8))


def shifts(zone: ZoneInfo, start: datetime, days: int) -> tuple[np.ndarray, np.ndarray]:
    """Quarter-hours of 1 kWh at night and 10 kWh from 6 to 22 local time on workdays [ms UTC, micro]."""
    starts = to_ms(start) + np.arange(days * 96) * Q
    local = [datetime.fromtimestamp(s / 1000, zone) for s in starts.tolist()]
    return starts, np.array([10_000_000 if 6 <= t.hour < 22 and t.weekday() < 5 else 1_000_000 for t in local])


@given(st.integers(-(10**15), 10**15), st.lists(st.integers(0, 10**12), min_size=1, max_size=300))
def test_shares_add_up_to_the_lump(lump: int, weights: list[int]):
    assert sum(shares(lump, weights)) == lump


@given(st.integers(0, 10**15), st.lists(st.integers(0, 10**9), min_size=1, max_size=50))
def test_shares_are_within_one_of_proportion(lump: int, weights: list[int]):
    total = sum(weights) or len(weights)
    exact = [Fraction(lump * (w if sum(weights) else 1), total) for w in weights]
    assert all(abs(a - b) <= 1 for a, b in zip(shares(lump, weights), exact, strict=True))


@pytest.mark.parametrize("zone", [SHANGHAI, BERLIN], ids=str)
def test_an_outage_over_a_change_of_shift_takes_the_shape_of_the_weeks_before(zone: ZoneInfo):
    # Berlin: the weeks before are in summer time, the outage is after the change of 26 October 2025
    starts, energy = shifts(zone, datetime(2025, 10, 6, tzinfo=UTC), 28)
    until = int(np.searchsorted(starts, to_ms(datetime(2025, 10, 29, 0, 0, tzinfo=zone))))
    profile = usual_days(starts[:until], energy[:until], PlainDays(zone))
    register = np.concatenate(([0], np.cumsum(energy)))
    times = [int(starts[until]), int(starts[until + 96])]
    found = settle(columns(times, [int(register[until]), int(register[until + 96])]), [info()], profile=profile)
    assert found.intervals.energy.tolist() == energy[until : until + 96].tolist()
    assert ((found.intervals.flags & Flag.PLACED) != 0).all()


def test_without_weeks_before_it_lies_evenly():
    profile = usual_days(np.array([], np.int64), np.array([], np.int64), PlainDays(SHANGHAI))
    found = settle(columns([0, 4 * Q], [0, 4_000_002]), [info()], profile=profile)
    plain = settle(columns([0, 4 * Q], [0, 4_000_002]), [info()])
    assert abs(found.intervals.energy - plain.intervals.energy).max() <= 1
    assert found.intervals.energy.sum() == 4_000_002


@given(
    st.lists(st.tuples(st.integers(1, 30 * Q), st.integers(0, 10**10)), min_size=1, max_size=40),
    st.integers(0, 7 * 96 * Q),
    st.integers(0, 999),
)
@settings(max_examples=50, deadline=None)
def test_totals_never_move_whatever_the_profile(steps: list[tuple[int, int]], start: int, seed: int):
    usual = np.random.default_rng(seed).integers(0, 10**9, 96 * 7) * (seed % 3)
    begin = 40 * 96 * Q
    profile = usual_days(begin + np.arange(96 * 7) * Q, usual, PlainDays(SHANGHAI))
    times, values = [begin + 7 * 96 * Q + start], [0]
    for gap, rise in steps:
        times.append(times[-1] + gap)
        values.append(values[-1] + rise)
    placed, plain = (settle(columns(times, values), [info()], profile=one) for one in (profile, None))
    assert whole(placed.intervals, placed.tail) == whole(plain.intervals, plain.tail) == values[-1]
    assert placed.intervals.start_ms.tolist() == plain.intervals.start_ms.tolist()
    assert (placed.intervals.energy >= 0).all()
    unmoved = ((plain.intervals.flags | placed.intervals.flags) & Flag.PLACED) == 0
    assert placed.intervals.energy[unmoved].tolist() == plain.intervals.energy[unmoved].tolist()


def whole(*parts: Intervals) -> int:
    return sum(int(part.energy.sum()) for part in parts)


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_late_readings_replace_what_was_placed_and_the_total_stays(data: st.DataObject):
    starts, energy = shifts(SHANGHAI, datetime(2025, 10, 6, tzinfo=UTC), 21)
    profile = usual_days(starts[: 96 * 14], energy[: 96 * 14], PlainDays(SHANGHAI))
    register = np.concatenate(([0], np.cumsum(energy)))
    times, values = starts[96 * 14 :].tolist(), register[96 * 14 : -1].tolist()
    low = data.draw(st.integers(1, len(times) - 40))
    high = data.draw(st.integers(low + 3, len(times) - 2))
    early = settle(columns(times[:low] + times[high:], values[:low] + values[high:]), [info()], profile=profile)
    late = settle(columns(times, values), [info()], profile=profile)
    assert (early.intervals.flags & Flag.PLACED).any()
    assert whole(early.intervals, early.tail) == whole(late.intervals, late.tail)
    assert not (late.intervals.flags & Flag.PLACED).any()
    assert late.intervals.energy.tolist() == energy[96 * 14 : -1].tolist()


@given(st.sampled_from(ZONES), st.dates(date(2000, 1, 1), date(2030, 12, 1)), st.integers(1, 40))
@settings(max_examples=100, deadline=None)
def test_local_days_of_any_zone_add_up_to_the_register(name: str, first: date, gap: int):
    """Days of 23, 24 or 25 hours telescope; zones that are off the quarter-hour (before 1972) do not occur."""
    zone = ZoneInfo(name)
    days = [day(first + timedelta(days=n), zone) for n in range(4)]
    begin, end = days[0].start_ms, days[-1].end_ms
    times = [*range(begin, end, gap * 600_000), end]
    values = [(t - begin) // 7 for t in times]
    found = settle(columns(times, values), [info()]).intervals
    if begin % Q or end % Q or any(one.start_ms % Q for one in days):
        pytest.fail(f"{name} is off the quarter-hour on {first}")
    assert sum(whole(found.within(one.start_ms, one.end_ms)) for one in days) == values[-1]


class _Days:
    """National Day week off, the Saturday after it a make-up workday."""

    zone = SHANGHAI

    def kind(self, day: date) -> str:
        if date(2025, 10, 1) <= day <= date(2025, 10, 8):
            return "holiday"
        return "workday" if day.weekday() < 5 or day == date(2025, 10, 11) else "weekend"


def test_a_workday_after_a_holiday_week_resembles_the_workdays_before_it():
    assert like_days(_Days(), date(2025, 10, 15)) == [date(2025, 9, 24), date(2025, 9, 17)]


def test_a_make_up_workday_resembles_workdays_and_no_saturday():
    assert like_days(_Days(), date(2025, 10, 11)) == [date(2025, 10, 10), date(2025, 10, 9), date(2025, 9, 30),
                                                      date(2025, 9, 29)]  # fmt: skip
