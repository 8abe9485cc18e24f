"""Periods of a site's own calendar: days, months and years without a hole or an overlap in any zone of the world."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.period import (
    QUARTER_MS,
    Period,
    day,
    days,
    fiscal_year,
    from_ms,
    midnight,
    month,
    months,
    parse,
    to_ms,
    year,
)  # fmt: skip

BERLIN, SHANGHAI, LONDON = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/London")
ZONES = sorted(available_timezones() - {"Factory", "localtime"})
HOUR = 3_600_000
moments = st.datetimes(datetime(1990, 1, 1), datetime(2040, 12, 31)).map(lambda d: d.replace(tzinfo=UTC))  # noqa: DTZ001


def quarters(period: Period) -> float:
    return (period.end_ms - period.start_ms) / QUARTER_MS


@pytest.mark.parametrize(
    ("zone", "local", "count"),
    [
        (BERLIN, date(2026, 3, 29), 92),
        (BERLIN, date(2025, 10, 26), 100),
        (BERLIN, date(2026, 3, 30), 96),
        (SHANGHAI, date(2026, 3, 29), 96),
        (SHANGHAI, date(1991, 4, 14), 92),  # China kept summer time until 1991
        (ZoneInfo("Australia/Lord_Howe"), date(2026, 4, 5), 98),  # half an hour
        (ZoneInfo("Australia/Lord_Howe"), date(2026, 10, 4), 94),
        (ZoneInfo("America/Sao_Paulo"), date(2018, 11, 4), 92),  # midnight itself was skipped
        (ZoneInfo("America/Havana"), date(2025, 11, 2), 100),  # midnight came twice
        (ZoneInfo("Pacific/Apia"), date(2011, 12, 30), 0),  # the whole day was skipped
        (ZoneInfo("Pacific/Kwajalein"), date(1993, 8, 21), 0),
        (ZoneInfo("Asia/Kathmandu"), date(2026, 1, 1), 96),
    ],
)
def test_c6_days_of_92_96_and_100_quarter_hours(zone, local, count):
    assert quarters(day(local, zone)) == count


def test_where_midnight_was_skipped_the_day_begins_when_its_clocks_begin():
    start = day(date(2018, 11, 4), ZoneInfo("America/Sao_Paulo")).start
    assert start == datetime(2018, 11, 4, 3, tzinfo=UTC)
    assert start.astimezone(ZoneInfo("America/Sao_Paulo")).hour == 1


def test_golden_year_and_month_of_a_steel_works_in_korea():
    seoul = ZoneInfo("Asia/Seoul")
    assert year(2018, seoul) == Period(
        datetime(2017, 12, 31, 15, tzinfo=UTC), datetime(2018, 12, 31, 15, tzinfo=UTC), "2018"
    )
    assert quarters(year(2018, seoul)) == 35_040
    assert month(2018, 12, seoul).end == year(2018, seoul).end


@pytest.mark.parametrize("name", ZONES)
def test_c6_the_days_of_fifty_years_join_and_every_instant_lies_in_its_own(name):
    """Around every change of the clocks, where a mistake would be."""
    zone = ZoneInfo(name)
    offsets = [(at, at.astimezone(zone).utcoffset()) for at in (_day(n) for n in range(0, 51 * 365, 13))]
    changes = [a for (a, before), (_, after) in pairwise(offsets) if before != after][:40]
    for change in changes or [_day(9000)]:
        first = change.astimezone(zone).date() - timedelta(days=1)
        made = [day(first + timedelta(days=n), zone) for n in range(16)]
        assert all(one.end == after.start for one, after in pairwise(made))
        for n, one in enumerate(made):
            assert 0 <= one.hours <= 48
            if one.hours:
                local = first + timedelta(days=n)
                assert one.start.astimezone(zone).date() == local
                assert (one.end - timedelta(seconds=1)).astimezone(zone).date() == local or one.hours != 24


def _day(number: int) -> datetime:
    return datetime(1990, 1, 1, 12, tzinfo=UTC) + timedelta(days=number)


@given(st.sampled_from(ZONES), st.integers(1990, 2039))
@settings(max_examples=150, deadline=None)
def test_days_months_and_years_telescope(name, number):
    zone = ZoneInfo(name)
    whole = year(number, zone)
    in_months, in_days = list(months(whole, zone)), list(days(whole, zone))
    for parts in (in_months, in_days):
        assert (parts[0].start, parts[-1].end) == (whole.start, whole.end)
        assert all(one.end == after.start for one, after in pairwise(parts))
    assert len(in_months) == 12
    assert sum(one.end_ms - one.start_ms for one in in_days) == whole.end_ms - whole.start_ms
    assert whole.end == year(number + 1, zone).start


@given(st.sampled_from(ZONES), moments, st.integers(0, 10 * 86_400))
@settings(max_examples=150, deadline=None)
def test_the_days_and_months_that_overlap_a_span_cover_it_and_no_more(name, start, length):
    zone = ZoneInfo(name)
    span = Period(start, start + timedelta(seconds=length))
    for parts in (list(days(span, zone)), list(months(span, zone))):
        if not parts:
            assert length == 0
            continue
        assert parts[0].start <= span.start
        assert parts[-1].end >= span.end
        assert parts[-1].start < span.end or length == 0


@pytest.mark.parametrize(
    ("text", "first", "after"),
    [
        ("2026", (2026, 1, 1), (2027, 1, 1)),
        ("2026-10", (2026, 10, 1), (2026, 11, 1)),
        ("2026-12", (2026, 12, 1), (2027, 1, 1)),
        ("2024-02", (2024, 2, 1), (2024, 3, 1)),
        ("2026-10-03", (2026, 10, 3), (2026, 10, 4)),
        ("2026-10-01..2026-10-15", (2026, 10, 1), (2026, 10, 16)),
        ("2026-10-01..2026-10-01", (2026, 10, 1), (2026, 10, 2)),
        ("FY2026", (2025, 4, 1), (2026, 4, 1)),
        ("fy2026", (2025, 4, 1), (2026, 4, 1)),
    ],
)
def test_periods_as_people_write_them(text, first, after):
    found = parse(text, LONDON, fiscal_start=4)
    assert (found.start, found.end) == (midnight(date(*first), LONDON), midnight(date(*after), LONDON))
    assert found.label.upper() == text.upper()


@pytest.mark.parametrize(
    "text",
    [
        "", "2026-13", "2026-00", "2026-1", "26", "2026-02-30", "2026-10-15..2026-10-01", "2026-10-01..", "0000",
        "..2026-10-01", "2026..2027", "2026-10-01...2026-10-02", "FY26", "20261003", "2026-W40", "2026-W40-1", "2026\n",
        "yesterday", " 2026", "２０２６", "2026-10-01..2026-10-02..2026-10-03", "9999", "9999-12-31",
    ],
)  # fmt: skip
def test_what_is_no_period_is_refused(text):
    with pytest.raises(ValueError, match="period"):
        parse(text, LONDON)


@given(st.integers(1991, 2038), st.integers(1, 12))
def test_fiscal_years_join_and_are_named_after_the_year_they_end_in(number, first_month):
    one, after = (fiscal_year(n, first_month, BERLIN) for n in (number, number + 1))
    assert one.end == after.start
    assert (one.end - timedelta(hours=12)).year == number
    assert (fiscal_year(number, 1, BERLIN).start, fiscal_year(number, 1, BERLIN).end) == (
        year(number, BERLIN).start, year(number, BERLIN).end,
    )  # fmt: skip


@given(moments)
def test_milliseconds_there_and_back(moment):
    ms = to_ms(moment)
    assert from_ms(ms) <= moment < from_ms(ms + 1)
    assert to_ms(from_ms(ms)) == ms
    assert to_ms(moment.astimezone(BERLIN)) == ms


def test_instants_before_the_epoch_are_rounded_down_too():
    assert to_ms(datetime(1969, 12, 31, 23, 59, 59, 999_500, tzinfo=UTC)) == -1


def test_a_period_is_aware_in_order_and_half_open():
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    span = Period(start.astimezone(BERLIN), end)
    assert span.start.tzinfo is UTC
    assert (span.contains(span.start_ms), span.contains(span.end_ms), span.hours) == (True, False, 24)
    with pytest.raises(ValueError, match="before it starts"):
        Period(end, start)
    with pytest.raises(ValueError, match="aware"):
        Period(start.replace(tzinfo=None), end)
    with pytest.raises(ValueError, match="time zone"):
        to_ms(start.replace(tzinfo=None))
