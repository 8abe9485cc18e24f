"""Base year, straight paths and the track of a year: figures by hand, and what the policy may and may never do."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.indicators import INDICATORS
from analytics.site_inputs import targets
from analytics.targets import Change, ChangeKind, Month, Target, own_path, straight_path, track
from metering.config import ConfigError
from tests.analytics.carbon_works import inputs
from tests.analytics.month_works import SITE, MonthWorks

ON = date(2025, 6, 1)
TARGET = Target(2020, 1000.0, 2030, 580.0)


def changed(*changes: tuple[ChangeKind, float], threshold: float | None = 5.0) -> Target:
    made = tuple(Change(kind, ON, delta) for kind, delta in changes)
    return Target(2020, 1000.0, 2030, 580.0, threshold=threshold, policy="policy", changes=made)


# --- paths


def test_trap_5_sbti_is_linear_and_never_compounds() -> None:
    assert straight_path(TARGET, 4.2, 2030) == pytest.approx(580)
    assert straight_path(TARGET, 4.2, 2025) == pytest.approx(790)
    assert straight_path(TARGET, 4.2, 2030) < 1000 * (1 - 0.042) ** 10  # what compounding would allow
    assert straight_path(TARGET, 4.2, 2050) == 0


def test_an_own_path_is_straight_between_its_points() -> None:
    bent = Target(2020, 1000.0, 2030, 500.0, points=((2026, 900.0),))
    assert [own_path(bent, y) for y in (2020, 2023, 2026, 2028, 2030, 2035)] == [1000, 950, 900, 700, 500, 500]


# --- the base year


def test_growth_and_a_new_grid_factor_never_move_the_base_year() -> None:
    base = changed((ChangeKind.ORGANIC, 400), (ChangeKind.GRID_FACTOR, -300)).base
    assert (base.value, base.applied, len(base.left)) == (1000, (), 2)


def test_changes_count_together_and_move_the_target_along() -> None:
    two = changed((ChangeKind.STRUCTURAL, -30), (ChangeKind.ERROR, -30), (ChangeKind.ORGANIC, 500))
    assert (two.base.value, two.base.share) == (940, 6)
    assert own_path(two, 2030) == pytest.approx(580 * 0.94)
    assert straight_path(two, 4.2, 2025) == pytest.approx(940 * 0.79)


def test_below_the_threshold_the_base_year_stands_and_says_why() -> None:
    base = changed((ChangeKind.METHOD, 49)).base
    assert (base.value, base.share) == (1000, 4.9)
    assert "4.9 %, below 5 %" in base.says.en


def test_without_a_declared_policy_nothing_is_recalculated() -> None:
    base = changed((ChangeKind.STRUCTURAL, -500), threshold=None).base
    assert base.value == 1000
    assert "No recalculation policy" in base.says.en


# --- the track


def test_off_track_by_so_many_tonnes_over_the_months_known() -> None:
    months = [Month("2026-01", 31, 365, 70.0), Month("2026-02", 28, 365, None), Month("2026-03", 31, 365, 60.0)]
    one = track(730.0, months)
    assert [over for _, _, over in one.months] == [8, None, -2]
    assert (one.over, one.on_track) == (6, False)
    assert track(730.0, months[1:2]).on_track is None


@given(st.floats(1, 1e6), st.lists(st.floats(0, 1e5), min_size=12, max_size=12))
def test_a_year_of_months_is_over_by_the_year_less_its_allowance(yearly: float, actual: list[float]) -> None:
    days = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    one = track(yearly, [Month(str(n), d, 365, a) for n, (d, a) in enumerate(zip(days, actual, strict=True))])
    assert one.over == pytest.approx(sum(actual) - yearly, abs=1e-6 * (yearly + sum(actual)))


# --- as declared, and of a site


ROW = {"base_year": 2024, "base_t": 100, "year": 2030, "target_t": 58}


def test_rows_become_targets_and_wrong_ones_are_named() -> None:
    more = {"policy": {"threshold": 5, "document": "p"}, "changes": [{"kind": "error", "on": ON, "delta_t": -10}]}
    [one] = targets([{**ROW, **more}])
    assert one.base.value == 90
    of = inputs(targets=(one,))
    assert INDICATORS["target_annual_reduction"](of).value == pytest.approx(7)
    with pytest.raises(ConfigError) as caught:
        targets([{**ROW, "year": 2024}, {**ROW, "points": {2031: 5}}, {**ROW, "changes": [{"kind": "mood"}]}])
    said = "\n".join(f.message for f in caught.value.faults)
    for word in ("must lie after the base year", "points: 2031", "kind"):
        assert word in said


def test_the_whole_month_is_judged_and_the_broken_one_is_not(tmp_path) -> None:  # type: ignore[no-untyped-def]
    text = SITE + "targets: [{base_year: 2024, base_t: 100, year: 2030, target_t: 58}]\n"
    service = MonthWorks(tmp_path, site=text).full().settle().service()
    told = service.targets(2026)
    [one] = told["targets"]
    rows = {m["label"]: m for m in one["paths"]["sbti"]["months"]}
    assert told["rate_percent_a_year"] == 4.2
    assert one["paths"]["sbti"]["allowed_t"] == pytest.approx(100 * (1 - 0.042 * 2))
    october = service.balance("2026-10")["totals"]["total_mb"]["co2e"] / 1000
    assert rows["2026-10"]["actual_t"] == pytest.approx(october)
    assert rows["2026-10"]["over_t"] == pytest.approx(october - 91.6 * 31 / 365)
    assert rows["2026-09"]["actual_t"] is None
    assert "not known" in rows["2026-09"]["why"]["en"]
    assert told["fiscal_year"]["to_date"]["renewable_share_physical"]["value"] is None
