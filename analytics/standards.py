"""The nouns of a standard: dated documents of criteria, their limits, and where each limit comes from."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from analytics.terms import Sentence, Status

Op = Literal[">=", "<=", "=="]
Role = Literal["pass", "base", "lead", "shown"]
Kind = Literal["gate", "scored", "info"]


@dataclass(frozen=True, slots=True)
class Threshold:
    """One limit of a criterion, with where it comes from."""

    op: Op
    value: float | bool
    status: Status
    role: Role = "pass"
    note: str = ""
    year: int | None = None  # the milestone year it is for
    tce_from: float | None = None  # for sites of this size [tce a year]
    tce_to: float | None = None
    indicator: str = ""  # another one than the criterion's
    evidence: str = ""
    unit: str = ""

    def passed(self, value: float) -> bool:
        """Whether a value is on the right side."""
        if self.op == "==":
            return value == float(self.value)
        return value >= float(self.value) if self.op == ">=" else value <= float(self.value)

    @property
    def decides(self) -> bool:
        """Whether the verdict rests on it."""
        return self.role in {"pass", "base"}


@dataclass(frozen=True, slots=True)
class Criterion:
    """One requirement of a standard and the indicator that answers it."""

    id: str
    dimension: str
    name: Sentence
    kind: Kind
    formula: str
    unit: str
    indicator: str  # a name of INDICATORS, or "declared"
    weight_status: Status
    sources: tuple[str, ...]
    thresholds: tuple[Threshold, ...] = ()
    evidence: str = ""  # the key of a declared fact
    weight: float | None = None
    scoring: str = ""
    note: str = ""
    claim_only: bool = False  # judged for a zero-carbon claim alone
    needs_year: bool = False  # a whole calendar or fiscal year of data
    requires: tuple[str, ...] = ()  # indicators that must be determined beside it


@dataclass(frozen=True, slots=True)
class Dimension:
    """A chapter of a standard."""

    id: str
    name: Sentence
    weight: float | None
    weight_status: Status


@dataclass(frozen=True, slots=True)
class Standard:
    """One dated document of criteria; never edited, only superseded."""

    id: str
    name: Sentence
    valid_from: date
    kind: Literal["model", "scheme", "ladder"]  # of a ladder each dimension is a label, its criteria the conditions
    level: Literal["factory", "park", "company"]
    status: Status
    dimensions: tuple[Dimension, ...]
    criteria: tuple[Criterion, ...]
    sources: Mapping[str, str]
    note: str = ""
    max_estimated: float = 5.0  # share of energy placed by interpolation above which nothing is judged [%]
    supersedes: str = ""
    note_zh: str = ""


Editions = Mapping[str, tuple[Standard, ...]]  # of one id, oldest first


def in_force(editions: Editions, on: date) -> Mapping[str, Standard]:
    """Of each standard the edition in force on a day: the newest that had begun, else the first there is."""
    return {id_: next((s for s in reversed(made) if s.valid_from <= on), made[0]) for id_, made in editions.items()}
