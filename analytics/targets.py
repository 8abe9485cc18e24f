"""Targets for scope 1 + 2: a base year recalculated by a policy, straight paths, and how far off them a year is.

Paths are straight in tonnes, never compounding (SBTi Corporate Net-Zero Standard v1.2). A year's allowance is spread
evenly over its days; so a month with more heating or production may be off while the year is on track.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import pairwise

from analytics.terms import Sentence


class ChangeKind(StrEnum):
    """Why a base year might be looked at again (GHG Protocol Corporate Standard, ch. 5)."""

    STRUCTURAL = "structural"  # acquired, divested, in- or outsourced
    METHOD = "method"  # another method, GWP set, or LB against MB
    ERROR = "error"
    ORGANIC = "organic"  # grown or shrunk, opened or closed: never a reason
    GRID_FACTOR = "grid_factor"  # a new year's factor is real change, no reason


RECALCULATES = frozenset({ChangeKind.STRUCTURAL, ChangeKind.METHOD, ChangeKind.ERROR})


@dataclass(frozen=True, slots=True)
class Change:
    """Something that would have changed the base year [tCO2e]."""

    kind: ChangeKind
    on: date
    delta_t: float
    document: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """An absolute target for scope 1 + 2 [tCO2e]."""

    base_year: int
    base_t: float
    year: int
    target_t: float
    id: str = "target"
    points: tuple[tuple[int, float], ...] = ()  # an own path between base and target
    threshold: float | None = None  # of the recalculation policy [% of the base year]; None: no policy is declared
    policy: str = ""  # its document
    changes: tuple[Change, ...] = ()
    name: Sentence | None = None

    @property
    def base(self) -> "BaseYear":
        """The base year after the policy."""
        return recalculated(self)

    @property
    def scale(self) -> float:
        """A target moves with its base year [1]."""
        return self.base.value / self.base_t


@dataclass(frozen=True, slots=True)
class BaseYear:
    """The base year as declared and as recalculated, and what was decided about each change."""

    declared: float
    value: float
    share: float  # of all changes that count together [% of the declared]
    applied: tuple[Change, ...]
    left: tuple[Change, ...]
    says: Sentence


def recalculated(target: Target) -> BaseYear:
    """All structural, method and error changes together, when they pass the policy's threshold; never growth."""
    counting = tuple(c for c in target.changes if c.kind in RECALCULATES)
    others = tuple(c for c in target.changes if c.kind not in RECALCULATES)
    delta = math.fsum(c.delta_t for c in counting)
    share = 100 * abs(delta) / target.base_t
    if not counting:
        said = Sentence("没有需要重算的变化。", "Nothing asks for a recalculation.")
        return BaseYear(target.base_t, target.base_t, 0.0, (), others, said)
    if target.threshold is None:
        said = Sentence("未声明重算政策，基准年保持不变。", "No recalculation policy is declared: it stands.")
        return BaseYear(target.base_t, target.base_t, share, (), (*counting, *others), said)
    limit = f"{target.threshold:g} %"
    if share < target.threshold:
        said = Sentence(
            f"变化合计 {share:.1f} %，低于 {limit}，不重算。", f"Together {share:.1f} %, below {limit}: it stands."
        )
        return BaseYear(target.base_t, target.base_t, share, (), (*counting, *others), said)
    value = target.base_t + delta
    said = Sentence(
        f"变化合计 {share:.1f} %，达到 {limit}，基准年重算为 {value:,.0f} t。",
        f"Together {share:.1f} %, not below {limit}: recalculated to {value:,.0f} t.",
    )
    return BaseYear(target.base_t, value, share, counting, others, said)


def own_path(target: Target, year: float) -> float:
    """The declared path, straight between its points, moved with the base year [tCO2e a year]."""
    inner = [(y, t * target.scale) for y, t in sorted(target.points)]
    points = [(target.base_year, target.base.value), *inner, (target.year, target.target_t * target.scale)]
    return _between(points, year)


def straight_path(target: Target, percent_a_year: float, year: float) -> float:
    """Base x (1 − rate x years), not below zero [tCO2e a year]; SBTi, where compounding would allow more."""
    years = max(0.0, year - target.base_year)
    return max(0.0, target.base.value * (1 - percent_a_year / 100 * years))


def _between(points: Sequence[tuple[int, float]], year: float) -> float:
    for (a, low), (b, high) in pairwise(points):
        if year <= b:
            return low + (high - low) * max(0.0, year - a) / (b - a)
    return points[-1][1]


@dataclass(frozen=True, slots=True)
class Month:
    """What one month emitted as far as it is known, and what it may by its share of the year [tCO2e]."""

    label: str
    days: float  # that have passed
    year_days: int
    actual: float | None  # None where a part of it is not known
    why: Sentence | None = None

    def allowed(self, yearly: float) -> float:
        """Its days' share of a year's allowance [tCO2e]."""
        return yearly * self.days / self.year_days


@dataclass(frozen=True, slots=True)
class Track:
    """A path held against the months that are known: above zero is off track by so many tonnes."""

    yearly: float  # the year's allowance [tCO2e]
    months: tuple[tuple[Month, float, float | None], ...]  # the month, its allowance, over (+) or under (−) it

    @property
    def over(self) -> float | None:
        """The sum over all months known [tCO2e]; None without any."""
        known = [over for _, _, over in self.months if over is not None]
        return math.fsum(known) if known else None

    @property
    def on_track(self) -> bool | None:
        """None while nothing is known."""
        return None if self.over is None else self.over <= 0


def track(yearly: float, months: Iterable[Month]) -> Track:
    """Each month against its share of the year's allowance."""
    rows = ((m, m.allowed(yearly)) for m in months)
    return Track(yearly, tuple((m, may, None if m.actual is None else m.actual - may) for m, may in rows))
