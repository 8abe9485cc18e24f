"""Savings of a measure by regression: a baseline of days, the same days had nothing been done, and how sure that is.

Energy = b0 + Σ bi·driver, by least squares over baseline days. The adjusted baseline less what was used is the saving
(IPMVP, ISO 50015). CV(RMSE), NMBE and the fractional uncertainty follow ASHRAE Guideline 14 as eemeter computes them
(openeemeter opendsm metrics: predicted − observed; neighbouring days that err alike count for less). That formula is
too narrow where the reporting days are as many as the baseline's: the least-squares interval stands where it is wider.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from analytics.terms import Sentence

Float = NDArray[np.float64]
DAYS_PER_MONTH = 365 / 12
# ASHRAE Guideline 14 for daily data, in months of reporting (eemeter)
DAILY = (-0.00024, 0.03535, 1.00286)


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """A fitted baseline with its statistics [%, in the sign of predicted − observed]."""

    drivers: tuple[str, ...]
    coefficients: tuple[float, ...]  # intercept first
    days: int
    mean: float  # of the energy [unit a day]
    cv_rmse: float
    nmbe: float
    autocorrelation: float  # of neighbouring residuals [1]
    effective_days: float
    cv_effective: float
    ranges: Mapping[str, tuple[float, float]]
    means: Mapping[str, float]  # of each driver, a day
    spread: Float  # covariance of the coefficients for a residual of 1

    def predicted(self, drivers: Mapping[str, Float]) -> Float:
        """What the days would have used [unit]."""
        size = len(next(iter(drivers.values()))) if drivers else 0
        return np.asarray(_matrix(drivers, self.drivers, size) @ np.asarray(self.coefficients), np.float64)


@dataclass(frozen=True, slots=True)
class Saving:
    """What was saved over some days, with half of its interval at the confidence asked for [unit]."""

    predicted: float
    observed: float
    days: int
    half: float
    confidence: float
    outside: Mapping[str, float]  # drivers beyond the baseline's range, by how much of it [%]
    baseline: Baseline
    means: Mapping[str, float]  # of each driver, a day

    @property
    def specific(self) -> tuple[float, float] | None:
        """Energy per unit of what alone drives it, before and after; None with several drivers, or none at work."""
        [name] = names if len(names := self.baseline.drivers) == 1 else [""]
        before, after = self.baseline.means.get(name, 0.0), self.means.get(name, 0.0)
        if before <= 0 or after <= 0:
            return None
        return self.baseline.mean / before, self.observed / self.days / after

    @property
    def value(self) -> float:
        """Adjusted baseline less what was used [unit]."""
        return self.predicted - self.observed

    @property
    def relative(self) -> float | None:
        """The half interval over the saving [%]; None where nothing was saved."""
        return 100 * self.half / self.value if self.value > 0 else None

    @property
    def certain(self) -> bool:
        """Whether the whole interval lies above zero."""
        return self.value - self.half > 0


def fit(energy: Float, drivers: Mapping[str, Float]) -> Baseline | Sentence:
    """A baseline over days, or why there is none."""
    names, n = tuple(drivers), len(energy)
    size = len(names) + 1
    if n < 3 * size:
        return Sentence(
            f"基线仅 {n} 天，{size} 个参数至少需要 {3 * size} 天。",
            f"Only {n} days of baseline: {size} parameters need {3 * size}.",
        )
    table = _matrix(drivers, names, n)
    found, _, rank, _ = np.linalg.lstsq(table, energy, rcond=None)
    if rank < size:
        return Sentence("驱动因素之间线性相关。", "The drivers cannot be told apart: one follows from the others.")
    rest = table @ found - energy
    mean, squares = float(energy.mean()), float((rest**2).sum())
    if mean <= 0:
        return Sentence("基线期没有用能。", "Nothing was used in the baseline.")
    rho = _autocorrelation(rest)
    effective = min(float(n), max(size + 1.0, n * (1 - rho) / (1 + rho)))
    ranges = {name: (float(drivers[name].min()), float(drivers[name].max())) for name in names}
    return Baseline(
        names, tuple(found.tolist()), n, mean, 100 * math.sqrt(squares / (n - size)) / mean,
        100 * float(rest.sum()) / float(energy.sum()), rho, effective,
        100 * math.sqrt(squares / (effective - size)) / mean, ranges, _means(drivers),
        np.asarray(np.linalg.inv(table.T @ table), np.float64),
    )  # fmt: skip


def saved(baseline: Baseline, energy: Float, drivers: Mapping[str, Float], confidence: float = 0.95) -> Saving:
    """The saving of reporting days against a baseline [unit of the energy]."""
    m = len(energy)
    predicted = float(baseline.predicted(drivers).sum()) if drivers else baseline.coefficients[0] * m
    n, effective = baseline.days, baseline.effective_days
    months = m / DAYS_PER_MONTH
    growth = DAILY[0] * months**2 + DAILY[1] * months + DAILY[2]
    spread = math.sqrt(n / (m * effective) * (1 + 2 / effective))
    t = student(confidence, effective - len(baseline.coefficients))
    published = abs(predicted) * baseline.cv_effective / 100 * spread * growth
    half = t * max(published, _least_squares(baseline, drivers, m))
    outside, means = _outside(baseline, drivers), _means(drivers)
    return Saving(predicted, float(energy.sum()), m, half, confidence, outside, baseline, means)


def _means(drivers: Mapping[str, Float]) -> dict[str, float]:
    return {name: float(one.mean()) for name, one in drivers.items()}


def _least_squares(baseline: Baseline, drivers: Mapping[str, Float], m: int) -> float:
    """The standard deviation of a sum of m predictions [unit], wider where neighbouring days err alike."""
    whole = _matrix(drivers, baseline.drivers, m).sum(axis=0)
    own = float(whole @ baseline.spread @ whole)
    residual = baseline.cv_rmse / 100 * baseline.mean
    return residual * math.sqrt(baseline.days / baseline.effective_days * (m + own))


def student(confidence: float, freedom: float) -> float:
    """The two-sided quantile of Student's t, by its expansion in 1/ν (Abramowitz & Stegun 26.7.5)."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3


def _matrix(drivers: Mapping[str, Float], names: Sequence[str], size: int) -> Float:
    return np.column_stack([np.ones(size), *(drivers[name] for name in names)])


def _autocorrelation(rest: Float) -> float:
    """Lag 1; a negative one is taken as none, so that it makes nothing surer."""
    centred = rest - rest.mean()
    whole = float((centred**2).sum())
    if whole <= 1e-12:  # an exact line: nothing is left that could be alike
        return 0.0
    return max(0.0, float((centred[1:] * centred[:-1]).sum()) / whole)


def _outside(baseline: Baseline, drivers: Mapping[str, Float]) -> Mapping[str, float]:
    """How far each driver's days leave the baseline's range [% of the range]."""
    told = {}
    for name, (low, high) in baseline.ranges.items():
        beyond = max(0.0, low - float(drivers[name].min()), float(drivers[name].max()) - high)
        if beyond > 0:
            told[name] = 100 * beyond / (high - low) if high > low else math.inf
    return told
