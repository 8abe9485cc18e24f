"""Shapes: what astronomy and the cited formulas say, and that noise depends on nothing but seed and time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.shapes import clear_sky, noise, steps, sun, uniform, window

DAYS = {"2026-03-20": 20532, "2026-06-21": 20625, "2026-12-22": 20809}
DECLINATION = {"2026-03-20": 0.0, "2026-06-21": 23.44, "2026-12-22": -23.44}  # equinox and solstices, by definition


@pytest.mark.parametrize("name", DAYS)
def test_the_sun_at_noon_stands_at_ninety_less_latitude_plus_declination(name: str) -> None:
    times = DAYS[name] * 86_400 + np.arange(0, 86_400, 60)
    height, azimuth = sun(31.8, 117.2, times)
    top = int(height.argmax())
    assert np.degrees(np.arcsin(height[top])) == pytest.approx(90 - 31.8 + DECLINATION[name], abs=0.5)
    assert abs(np.degrees(azimuth[top])) < 1.5  # due south
    assert azimuth[top - 120] < 0 < azimuth[top + 120]  # east before, west after


def test_haurwitz_at_thirty_degrees() -> None:
    assert clear_sky(np.array([0.5]))[0] == pytest.approx(489.9, abs=0.1)  # 1098 · 0.5 · exp(-0.057/0.5)
    assert clear_sky(np.array([-0.2, 0.0])).tolist() == [0.0, 0.0]


@given(st.integers(0, 2**40), st.integers(0, 2_000_000_000))
def test_noise_is_bounded_and_the_same_however_it_is_asked_for(seed: int, start: int) -> None:
    times = np.arange(start, start + 3600, 60)
    whole, part = noise(seed, "x", times, 420), noise(seed, "x", times[17:23], 420)
    assert (np.abs(whole) <= 1).all()
    assert np.allclose(whole[17:23], part, rtol=0, atol=1e-12)


def test_hashes_are_spread_evenly() -> None:
    drawn = uniform(3, "spread", np.arange(20_000))
    assert drawn.mean() == pytest.approx(0.5, abs=0.01)
    assert np.histogram(drawn, 10, (0, 1))[0].min() > 1850
    assert abs(np.corrcoef(drawn[1:], drawn[:-1])[0, 1]) < 0.02
    assert abs(np.corrcoef(drawn, uniform(4, "spread", np.arange(20_000)))[0, 1]) < 0.02


def test_steps_hold_for_their_period() -> None:
    held = steps(1, "s", np.arange(0, 7200, 60), 3600)
    assert len(set(held[:60])) == 1
    assert len(set(held)) == 2


def test_a_window_has_edges_inside() -> None:
    second = np.array([0.0, 3600, 3900, 4200, 7200, 10800])
    assert window(second, 3600, 10800, 600).tolist() == [0, 0, 0.5, 1, 1, 0]
