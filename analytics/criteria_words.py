"""How a verdict is said: one sentence a factory manager understands, with the gap in physical units."""

import math
from dataclasses import dataclass
from typing import Protocol

from analytics import reach
from analytics.factors import Gas
from analytics.indicator_inputs import Indicator, Inputs
from analytics.terms import Sentence, Status

LABEL = Sentence("自评估（非官方评级）", "self-assessment, not an official grade")
STATUS_WORDS = {
    Status.FOUND: Sentence("原文", "read in the source"),
    Status.DECLARED: Sentence("本厂声明", "declared by the site"),
    Status.SECOND_HAND: Sentence("二手资料", "second-hand"),
    Status.BORROWED: Sentence("借用相邻方案", "borrowed from a neighbouring scheme"),
    Status.DERIVED: Sentence("推算", "derived"),
    Status.MEMORY: Sentence("凭记忆，未核实", "from memory"),
    Status.ASSUMED: Sentence("假定", "assumed"),
    Status.NONE: Sentence("无", "none"),
}
# What a green certificate can close, 1 MWh each.
BY_CERTIFICATE = frozenset({"renewable_share_contractual", "renewable_purchased_share", "renewable_energy_share"})


class Limit(Protocol):
    """What the words need of a threshold."""

    @property
    def op(self) -> str:
        """The comparison."""
        ...

    @property
    def value(self) -> float | bool:
        """The limit."""
        ...

    @property
    def status(self) -> Status:
        """Where it comes from."""
        ...

    @property
    def year(self) -> int | None:
        """The milestone year it is for."""
        ...


@dataclass(frozen=True, slots=True)
class Gap:
    """How far a value is from its threshold, in its own unit and physically."""

    value: float  # [unit of the indicator], positive
    unit: str
    physical: float | None  # [physical_unit]
    physical_unit: str
    certificates: int | None  # green certificates of 1 MWh that would close it
    per_year: float | None = None  # the physical gap of a whole year at this rate [physical_unit]
    equivalents: tuple[reach.Equivalent, ...] = ()  # each alone would close it

    @property
    def wanted(self) -> float:
        """What measures have to close: a year's worth where it grows with time [its physical unit, else its own]."""
        if self.per_year is not None:
            return self.per_year
        return self.value if self.physical is None else self.physical

    @property
    def wanted_unit(self) -> str:
        """The unit of that."""
        return self.unit if self.physical is None else self.physical_unit


def gap_of(found: Indicator, op: str, limit: float, inputs: Inputs) -> Gap | None:
    """The gap to a threshold that is not met; None where there is no value. A clause lacks its document."""
    if found.value is None:
        return None
    if op == "==" and found.unit == "bool":
        return Gap(1.0, "document", None, "", None)
    distance = abs(limit - found.value)
    if found.scale is None:
        return Gap(distance, found.unit, None, "", None)
    physical, unit = distance * found.scale.amount, found.scale.unit
    return Gap(
        distance, found.unit, physical, unit, _certificates(found, physical, inputs),
        physical * reach.yearly(inputs) if unit in reach.GROWING else None,
        reach.equivalents(found, limit, physical, inputs),
    )  # fmt: skip


def _certificates(found: Indicator, physical: float, inputs: Inputs) -> int | None:
    """Certificates of 1 MWh; None where even all of the import covered would not close the gap."""
    bare = reach.uncovered(inputs, Gas.CO2_ONLY)
    if found.id in BY_CERTIFICATE:
        return math.ceil(physical / 1000) if physical <= math.fsum(line.amount.value for line in bare) else None
    if found.id in {"co2_per_tce", "scope2_market"} and bare:
        reachable = physical * 1000 <= math.fsum(line.kg for line in bare)
        return math.ceil(physical / bare[0].factor.value) if reachable else None
    return None


def number(value: float) -> str:
    """Three significant digits for people."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _limit(threshold: Limit, unit: str) -> Sentence:
    shown = number(float(threshold.value))
    word = {">=": ("不低于", "at least"), "<=": ("不高于", "at most"), "==": ("应为", "exactly")}[threshold.op]
    by = (f"到{threshold.year}年", f" by {threshold.year}") if threshold.year else ("", "")
    status, words = STATUS_WORDS[threshold.status], unit_words(unit)
    return Sentence(
        f"要求{by[0]}{word[0]} {shown}{words.zh}（{status.zh}）",
        f"{word[1]} {shown}{words.en} is asked{by[1]} ({status.en})",
    )


def unit_words(unit: str) -> Sentence:
    """A unit as it stands behind a number."""
    kind, _, whole = unit.partition("/")
    if kind == "count" and whole:
        return Sentence(f" 项（共{whole}项）", f" of {whole}")
    if kind in {"count", "1", "score", "level", "ratio", "grade"} or unit == "score 0-1":
        return Sentence("", "")
    return Sentence(f" {unit}", f" {unit}")


def why_met(name: Sentence, found: Indicator, threshold: Limit) -> Sentence:
    """Met, in one sentence."""
    if found.unit == "bool":
        return Sentence(f"{name.zh}：有有效证据。", f"{name.en}: the evidence is in force.")
    value, limit, unit = number(found.value or 0.0), _limit(threshold, found.unit), unit_words(found.unit)
    said = Sentence(f"{name.zh}为 {value}{unit.zh}，{limit.zh}。", f"{name.en}: {value}{unit.en}; {limit.en}.")
    return said + found.note if found.note else said


def why_not_met(name: Sentence, found: Indicator, threshold: Limit, gap: Gap | None) -> Sentence:
    """Not met, in one sentence that says what is missing."""
    if found.unit == "bool":
        return Sentence(f"{name.zh}：声明为不满足。", f"{name.en}: declared as not fulfilled.")
    value, limit, unit = number(found.value or 0.0), _limit(threshold, found.unit), unit_words(found.unit)
    zh = f"{name.zh}为 {value}{unit.zh}，{limit.zh}"
    en = f"{name.en}: {value}{unit.en}; {limit.en}"
    more = _gap_words(gap)
    return Sentence(f"{zh}{more.zh}。", f"{en}{more.en}.")


def _gap_words(gap: Gap | None) -> Sentence:
    if gap is None or gap.physical is None or not gap.physical_unit:
        return Sentence("", "")
    physical = f"{number(gap.physical)} {gap.physical_unit}"
    more = Sentence("", "")
    if gap.certificates is not None:
        more = Sentence(f"，约合 {gap.certificates} 张绿证", f", or about {gap.certificates} certificates of 1 MWh")
    return Sentence(f"，差距 {physical}{more.zh}", f"; the gap is {physical}{more.en}")


def why_weak(name: Sentence, found: Indicator) -> Sentence:
    """The value would pass, but nothing may pass on such a number."""
    status = STATUS_WORDS[found.status]
    value, unit = number(found.value or 0.0), unit_words(found.unit)
    return Sentence(
        f"{name.zh}为 {value}{unit.zh}，但所用数值的来源为“{status.zh}”，不能据此判定满足。",
        f"{name.en}: {value}{unit.en} would pass, but it rests on a number that is {status.en}.",
    )
