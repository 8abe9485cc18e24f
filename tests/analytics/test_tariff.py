"""尖峰平谷: every quarter-hour has one band and one price; amounts are exact; the demand charge takes the highest."""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.calendar import DayKind, WorkCalendar
from analytics.grid import Flow, grid
from analytics.intervals import Flag
from analytics.site_times import calendar_of, tariff_of
from analytics.tariff import (
    BANDS,
    Band,
    Hours,
    Prices,
    Season,
    Tariff,
    bands,
    cost,
    peak_watch,
    rolling_peak,
    shown,
)
from analytics.terms import Status
from metering import period
from metering.config import ConfigError
from metering.period import QUARTER_MS
from metering.sitefile import load_site
from tests.analytics.plant_works import EXAMPLE, plant_flows

ZONE = ZoneInfo("Asia/Shanghai")
CALENDAR = WorkCalendar(ZONE, holidays=frozenset({date(2026, 10, 1)}), workdays=frozenset({date(2026, 10, 10)}))
EACH = {band: Decimal(price) for band, price in zip(BANDS, ("1.3", "1.1", "0.7", "0.3", "0.2"), strict=True)}
SUMMER = Season((Hours(Band.SHARP, 1200, 1320), Hours(Band.VALLEY, 1380, 480)), frozenset({7, 8}))
OFF = Season((Hours(Band.DEEP, 660, 840),), days=frozenset({DayKind.HOLIDAY, DayKind.WEEKEND}))
REST = Season((Hours(Band.PEAK, 540, 690), Hours(Band.VALLEY, 1380, 480)))
TARIFF = Tariff((SUMMER, OFF, REST), (Prices(EACH, date(2026, 1, 1), demand=Decimal(40)),))


def counted(text: str, tariff: Tariff = TARIFF) -> dict[str, float]:
    """Hours in each band."""
    one = period.parse(text, ZONE)
    names = bands(tariff, CALENDAR, grid(one.start_ms, one.end_ms))
    return {band.value: n / 4 for band, n in zip(BANDS, np.bincount(names, minlength=5).tolist(), strict=True) if n}


def even(kwh: float, cells: int) -> Flow:
    energy = np.full(cells, round(kwh * 10**6), np.int64)
    return Flow(energy, np.zeros(cells, np.int64), np.zeros(cells, np.uint8))


def month(text: str = "2026-11") -> np.ndarray:
    one = period.parse(text, ZONE)
    return grid(one.start_ms, one.end_ms)


def test_bands_follow_season_weekday_holiday_and_make_up_workday() -> None:
    assert counted("2026-07-15") == {"sharp": 2, "valley": 9, "flat": 13}
    assert counted("2026-11-20") == {"peak": 2.5, "valley": 9, "flat": 12.5}
    assert counted("2026-10-01") == {"deep": 3, "flat": 21}
    assert counted("2026-10-11") == {"deep": 3, "flat": 21}
    assert counted("2026-10-10") == counted("2026-11-20")


def test_a_month_by_hand() -> None:
    """November 2026: 21 workdays and 9 days of weekends, 4 kWh an hour."""
    found = cost(TARIFF, CALENDAR, month(), even(1, 2880))
    assert {line.band: line.micro for line in found.lines} == {
        Band.PEAK: 21 * 10 * 10**6, Band.FLAT: (21 * 50 + 9 * 84) * 10**6, Band.VALLEY: 21 * 36 * 10**6,
        Band.DEEP: 9 * 12 * 10**6,
    }  # fmt: skip
    assert found.energy == 210 * Decimal("1.1") + 1806 * Decimal("0.7") + 756 * Decimal("0.3") + 108 * Decimal("0.2")
    [demand] = found.demand
    assert (demand.peak_kw, demand.amount) == (4, 160)
    assert found.total == found.energy + 160
    assert found.band(Band.PEAK) == (210 * 10**6, Decimal("231.0"))
    assert (found.complete, found.status) == (True, Status.DECLARED)


def test_amounts_are_exact_and_rounded_only_when_shown() -> None:
    found = cost(TARIFF, CALENDAR, month("2026-11-20"), even(0.000001, 96))
    assert found.energy == Decimal("0.000010") * Decimal("1.1") + Decimal("0.00005") * Decimal("0.7") + Decimal(
        "0.000036"
    ) * Decimal("0.3")
    assert shown(Decimal("1.005")) == Decimal("1.01")


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 10**12), min_size=96, max_size=96))
def test_the_bands_make_up_the_whole_and_money_is_the_sum_of_its_quarter_hours(micro: list[int]) -> None:
    at = month("2026-11-20")
    flow = Flow(np.array(micro, np.int64), np.zeros(96, np.int64), np.zeros(96, np.uint8))
    found = cost(TARIFF, CALENDAR, at, flow)
    assert sum(line.micro for line in found.lines) == sum(micro)
    names = bands(TARIFF, CALENDAR, at).tolist()
    exact = sum(Fraction(m, 10**6) * Fraction(EACH[BANDS[n]]) for m, n in zip(micro, names, strict=True))
    assert Fraction(found.energy) == exact


def test_prices_change_on_their_day_and_none_before_is_a_fault() -> None:
    later = Prices({band: price * 2 for band, price in EACH.items()}, date(2026, 11, 16))
    first = Prices(EACH, date(2026, 11, 2), date(2026, 11, 16))
    found = cost(Tariff((), (first, later)), CALENDAR, month(), even(1, 2880))
    assert [(line.price, line.micro // 10**6) for line in found.lines] == [
        (None, 96), (Decimal("0.7"), 14 * 96), (Decimal("1.4"), 15 * 96),
    ]  # fmt: skip
    assert len(found.faults) == 1
    assert "no price" in found.faults[0].en


def test_a_quarter_hour_that_is_not_known_is_told_and_never_the_peak() -> None:
    flow = even(1, 2880)
    flow.energy[5], flow.flags[5] = 10**9, Flag.MISSING
    found = cost(TARIFF, CALENDAR, month(), flow)
    assert found.demand[0].peak_kw == 4
    assert not found.complete


def test_capacity_is_charged_by_the_month() -> None:
    prices = Prices(EACH, date(2026, 1, 1), capacity=Decimal("23.5"))
    found = cost(Tariff((), (prices,), capacity_kva=Decimal(2000)), CALENDAR, month(), even(0, 2880))
    assert found.total == 47_000


def test_what_is_fed_in_is_paid_beside_the_bill() -> None:
    prices = Prices(EACH, date(2026, 1, 1), export=Decimal("0.4"))
    found = cost(Tariff((), (prices,)), CALENDAR, month("2026-11-20"), even(1, 96), even(2, 96))
    assert (found.total, found.earned) == (Decimal("67.2"), Decimal("76.8"))
    assert cost(TARIFF, CALENDAR, month("2026-11-20"), even(1, 96), even(2, 96)).earned is None


def test_the_rolling_peak_is_never_below_the_quarter_hours() -> None:
    """Half an hour of 100 kW from 10:07:30 fills no quarter-hour of the clock but one."""
    at = np.array([0, 450_000, 2_250_000, 2_700_000])
    assert rolling_peak(at, np.array([0, 0, 50, 50]) * 10**6) == (100.0, 1_350_000)
    assert rolling_peak(at[:2], np.array([0, 5])) is None


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 10**8), min_size=4, max_size=40))
def test_no_window_is_above_the_rolling_peak(steps: list[int]) -> None:
    at = np.arange(len(steps) + 1, dtype=np.int64) * 300_000
    register = np.concatenate([[0], np.cumsum(np.array(steps, np.int64))])
    found = rolling_peak(at, register)
    assert found is not None
    starts = np.arange(0, at[-1] - QUARTER_MS + 1, 60_000)
    windows = np.interp(starts + QUARTER_MS, at, register) - np.interp(starts, at, register)
    assert found[0] >= float(windows.max()) * 4 / 10**6 - 1e-6


def test_the_running_quarter_hour_is_watched() -> None:
    at = month("2026-11-20")
    flow = even(20, 96)
    tariff = Tariff((), TARIFF.prices, demand_limit_kw=Decimal(150))
    now = int(at[10]) + 600_000  # 20 kWh in ten minutes, five to go
    watch = peak_watch(tariff, at, flow, now, power_kw=240, month_peak_kw=130)
    assert watch.expected_kw == pytest.approx(160)
    assert (watch.new_peak, watch.over_limit) == (True, True)
    assert not peak_watch(TARIFF, at, flow, now, power_kw=0, month_peak_kw=130).new_peak


# --- the site file


def test_the_example_is_priced_whole() -> None:
    site = load_site(EXAMPLE / "site.yaml")
    tariff, found = tariff_of(site), plant_flows()
    assert tariff is not None
    bill = cost(tariff, calendar_of(site), found.start_ms, found.grid_import, found.grid_export)
    assert bill.complete
    assert sum(line.micro for line in bill.lines) == found.grid_import.total().micro
    assert bill.demand[0].peak_kw > 1000
    assert "invented" in bill.document


PLAIN = (
    "site: {id: a, timezone: Asia/Shanghai}\n"
    "tariff:\n  document: d\n  seasons: [{peak: %s, valley: %s}]\n  prices: [{valid_from: 2026-01-01, flat: 0.6%s}]\n"
)


@pytest.mark.parametrize(
    ("peak", "valley", "more", "said"),
    [
        ('["09:00-12:00"]', '["11:00-13:00"]', ", peak: 1, valley: 0.3", "overlap"),
        ('["09:00-12:00"]', '["22:00-09:15"]', ", peak: 1, valley: 0.3", "overlap"),
        ('["09:00-12:00"]', "[]", "", "lack peak"),
        ('["09:07-12:00"]', "[]", ", peak: 1", "quarter-hours"),
        ('["09:00-09:00"]', "[]", ", peak: 1", "empty"),
        ('["nine"]', "[]", ", peak: 1", "cannot read hours"),
        ("[]", "[]", ", demand: 1, capacity: 2", "either"),
        ("[]", "[]", ", capacity: 2", "capacity_kva"),
        ("[]", "[]", ", peak: -1", "greater than"),
    ],
)
def test_a_tariff_that_cannot_be_is_refused(tmp_path: Path, peak: str, valley: str, more: str, said: str) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(PLAIN % (peak, valley, more), encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load_site(path)
    assert any(said in fault.message for fault in refused.value.faults), refused.value.faults


def test_a_site_without_a_tariff_has_none(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text("site: {id: a, timezone: Asia/Shanghai}\n", encoding="utf-8")
    assert tariff_of(load_site(path)) is None
