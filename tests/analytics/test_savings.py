"""Savings by regression: an injected saving is found inside its interval, and what spoils a baseline is said."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.savings import Baseline, fit, saved, student
from analytics.terms import Sentence


def days(count: int, seed: int, *, noise: float = 20.0, cut: float = 0.0) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """1000 kWh a day and 0.5 kWh a board and 12 kWh a degree, with noise, less a cut."""
    rng = np.random.default_rng(seed)
    boards, degrees = rng.uniform(500, 2500, count), rng.uniform(0, 18, count)
    energy = 1000 + 0.5 * boards + 12 * degrees + rng.normal(0, noise, count) - cut
    return energy, {"boards": boards, "degrees": degrees}


def baseline(count: int = 90, seed: int = 1, **more: float) -> Baseline:
    made = fit(*days(count, seed, **more))
    assert isinstance(made, Baseline)
    return made


def test_an_exact_line_is_found_exactly() -> None:
    made = baseline(noise=0.0)
    assert made.coefficients == pytest.approx((1000, 0.5, 12))
    assert (made.cv_rmse, made.nmbe) == (pytest.approx(0, abs=1e-9), pytest.approx(0, abs=1e-9))


def test_statistics_by_hand() -> None:
    """Energy 9, 11, 9, 11, 9, 11 without drivers: mean 10, residuals ±1, RMSE √(6/5), mean bias none."""
    made = fit(np.array([9.0, 11, 9, 11, 9, 11]), {})
    assert isinstance(made, Baseline)
    assert made.cv_rmse == pytest.approx(10 * math.sqrt(6 / 5))
    assert made.nmbe == pytest.approx(0, abs=1e-12)
    assert (made.autocorrelation, made.effective_days) == (0, 6)  # a negative one makes nothing surer


@pytest.mark.parametrize(("confidence", "freedom", "table"), [(0.95, 10, 2.228), (0.95, 60, 2.000), (0.68, 20, 1.020)])
def test_students_quantile_is_the_tables(confidence: float, freedom: float, table: float) -> None:
    assert student(confidence, freedom) == pytest.approx(table, abs=2e-3)


def test_the_injected_saving_lies_in_its_interval_nineteen_times_of_twenty() -> None:
    """100 kWh a day over 60 days, drawn 60 times against baselines of 90 days."""
    inside = 0
    for seed in range(60):
        made = baseline(90, seed)
        one = saved(made, *days(60, 1000 + seed, cut=100.0))
        inside += abs(one.value - 6000) <= one.half
        assert one.certain
    assert inside >= 54


def test_without_a_measure_nothing_certain_is_saved() -> None:
    certain = sum(saved(baseline(90, seed), *days(60, 2000 + seed)).certain for seed in range(40))
    assert certain <= 4


def test_more_days_make_it_surer_and_more_confidence_less() -> None:
    made = baseline()
    short, long_ = (saved(made, *days(count, 7, cut=100.0)) for count in (20, 80))
    assert (long_.relative or 0) < (short.relative or 0)
    assert saved(made, *days(20, 7, cut=100.0), confidence=0.68).half < short.half


def test_neighbouring_days_that_err_alike_count_for_less() -> None:
    energy, drivers = days(90, 3, noise=0.0)
    drift = 40 * np.sin(np.arange(90) / 9)
    made = fit(energy + drift, drivers)
    assert isinstance(made, Baseline)
    assert made.autocorrelation > 0.8
    assert made.effective_days < 20
    assert made.cv_effective > made.cv_rmse


def test_days_beyond_the_baseline_are_named() -> None:
    energy, drivers = days(30, 5)
    one = saved(baseline(), energy, {**drivers, "degrees": drivers["degrees"] + 9})
    assert one.outside["degrees"] == pytest.approx(50, abs=8)
    assert "boards" not in one.outside or one.outside["boards"] < 5


def test_what_makes_no_baseline_is_said() -> None:
    energy, drivers = days(8, 1)
    short = fit(energy, drivers)
    assert isinstance(short, Sentence)
    assert "need 9" in short.en
    energy, drivers = days(30, 1)
    same = fit(energy, {"a": drivers["boards"], "b": 2 * drivers["boards"]})
    assert isinstance(same, Sentence)
    assert isinstance(fit(np.zeros(30), {}), Sentence)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.1, 1000), st.integers(0, 50))
def test_another_unit_changes_no_statistic(scale: float, seed: int) -> None:
    energy, drivers = days(40, seed)
    one, other = fit(energy, drivers), fit(energy * scale, drivers)
    assert isinstance(one, Baseline)
    assert isinstance(other, Baseline)
    assert other.cv_rmse == pytest.approx(one.cv_rmse, rel=1e-6)
    assert other.effective_days == pytest.approx(one.effective_days, rel=1e-6)
