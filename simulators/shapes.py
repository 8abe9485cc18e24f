"""Shapes over time for the simulated plant: noise from hashes, windows of a day, the sun (pure, NumPy columns)."""

from typing import TypeAlias
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

DAY_S = 86_400
_GOLDEN, _MIX1, _MIX2 = (np.uint64(n) for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
_S30, _S27, _S31, _S11 = (np.uint64(n) for n in (30, 27, 31, 11))


def uniform(seed: int, stream: str, index: Ints) -> Floats:
    """Numbers in [0, 1) that depend on (seed, stream, index) alone (splitmix64, Steele et al. 2014)."""
    start = np.uint64((seed * 0x2545F4914F6CDD1D + crc32(stream.encode()) * 0xD1342543DE82EF95) % 2**64)
    z = (np.atleast_1d(index).astype(np.uint64) + start) * _GOLDEN
    for _ in range(2):  # neighbours in both index and start must not resemble each other
        z = (z ^ (z >> _S30)) * _MIX1
        z = (z ^ (z >> _S27)) * _MIX2
        z = z ^ (z >> _S31)
    return (z >> _S11).astype(np.float64) * 2.0**-53


def noise(seed: int, stream: str, time_s: Ints, period_s: int) -> Floats:
    """Smooth noise in [-1, 1]: hashes at multiples of the period, straight lines between; time_s must rise."""
    first = int(time_s[0]) // period_s
    knots = np.arange(first, int(time_s[-1]) // period_s + 2, dtype=np.int64)
    return np.interp(time_s, knots * period_s, 2 * uniform(seed, stream, knots) - 1)


def wobble(seed: int, stream: str, time_s: Ints) -> Floats:
    """What an unsteady machine does to its power: a factor around 1, slow and fast."""
    slow = noise(seed, stream + ":slow", time_s, 5400)
    return 1 + 0.04 * slow + 0.03 * noise(seed, stream + ":fast", time_s, 180)


def steps(seed: int, stream: str, time_s: Ints, period_s: int) -> Floats:
    """A number in [0, 1) that holds for a whole period."""
    buckets = time_s // period_s
    first = int(buckets[0])
    return uniform(seed, stream, np.arange(first, int(buckets[-1]) + 1, dtype=np.int64))[buckets - first]


def window(second: Floats, start: float, end: float, edge: float = 600.0) -> Floats:
    """1 between start and end of the day [s], 0 outside, with straight edges inside the window [s]."""
    return np.clip(np.minimum(second - start, end - second) / edge, 0.0, 1.0)


def sun(latitude: float, longitude: float, time_s: Ints) -> tuple[Floats, Floats]:
    """Sine of the sun's height, and its azimuth from south [rad] (Spencer 1971, Duffie & Beckman ch. 1)."""
    day = (time_s / DAY_S) % 365.2425
    g = 2 * np.pi * day / 365.2425
    terms = (np.ones_like(g), np.cos(g), np.sin(g), np.cos(2 * g), np.sin(2 * g))
    declination = np.dot((0.006918, -0.399912, 0.070257, -0.006758, 0.000907), terms)
    equation = 229.18 * np.dot((0.000075, 0.001868, -0.032077, -0.014615, -0.040849), terms)  # of time [min]
    hour = np.radians((time_s % DAY_S) / 240.0 + longitude + equation / 4 - 180.0)
    phi = np.radians(latitude)
    height = np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.cos(hour)
    west = np.cos(declination) * np.sin(hour)
    south = np.cos(hour) * np.cos(declination) * np.sin(phi) - np.sin(declination) * np.cos(phi)
    return height, np.arctan2(west, south)


def clear_sky(height: Floats) -> Floats:
    """Global irradiance on the level under a clear sky [W/m²] (Haurwitz 1945); 0 below the horizon."""
    up = np.maximum(height, 1e-9)
    return np.where(height > 0.01, 1098.0 * up * np.exp(-0.057 / up), 0.0)
