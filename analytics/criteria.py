"""Standards as dated data, and what an indicator says about each of their criteria: met, not met, or undetermined.

A base threshold decides; a lead threshold is shown as a second answer. No overall score: counts per verdict.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from analytics import reach
from analytics.criteria_words import LABEL, Gap, gap_of, why_met, why_not_met, why_weak
from analytics.indicators import INDICATORS, Evidence, Indicator, Inputs
from analytics.measures import Step, Way, cheapest_steps, cheapest_way
from analytics.standards import Criterion, Dimension, Standard, Threshold
from analytics.terms import Sentence, Status, weakest

__all__ = [
    "Criterion", "Dimension", "Outcome", "Scorecard", "Shown", "Standard", "Threshold", "Verdict", "judge",
]  # fmt: skip


class Outcome(StrEnum):
    """What a criterion says about a site; UNDETERMINED never passes."""

    MET = "met"
    NOT_MET = "not_met"
    UNDETERMINED = "undetermined"


@dataclass(frozen=True, slots=True)
class Shown:
    """A threshold that does not decide, and what the value says to it."""

    threshold: Threshold
    value: float | None
    passed: bool | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one criterion says, in a sentence, with the gap."""

    criterion: Criterion
    outcome: Outcome
    value: float | None
    unit: str
    threshold: Threshold | None
    reason: Sentence
    gap: Gap | None = None
    counts_apart: bool = False  # assumed or remembered threshold, information, or a claim nobody asked for
    lead: Shown | None = None
    shown: tuple[Shown, ...] = ()
    inputs: tuple[str, ...] = ()
    status: Status = Status.NONE  # of the numbers the value rests on
    steps: tuple[Step, ...] = ()  # the cheapest measures of the site that bring it nearer, three at most
    way: Way | None = None  # the cheapest set of them that passes, or all there is
    proof: Evidence | None = None  # what the site declares, in force or not

    @property
    def threshold_status(self) -> Status:
        """Where the threshold comes from."""
        return self.threshold.status if self.threshold else Status.NONE


@dataclass(frozen=True, slots=True)
class Scorecard:
    """The verdicts of one standard; a self-assessment, without an overall score."""

    standard: Standard
    verdicts: tuple[Verdict, ...]
    label: Sentence = field(default=LABEL)

    def counts(self, *, apart: bool = False, dimension: str | None = None) -> Mapping[Outcome, int]:
        """How many verdicts of each outcome count, or count apart."""
        chosen = [v for v in self.verdicts if v.counts_apart is apart and dimension in {None, v.criterion.dimension}]
        return {outcome: sum(v.outcome is outcome for v in chosen) for outcome in Outcome}

    @property
    def closed_gates(self) -> tuple[Verdict, ...]:
        """The gates that are not open; one that rests on an assumed or remembered threshold opens nothing."""
        gates = [v for v in self.verdicts if v.criterion.kind == "gate"]
        return tuple(v for v in gates if v.outcome is not Outcome.MET or v.threshold_status.weak)

    @property
    def gates_open(self) -> bool:
        """Whether there are gates and all are open."""
        return any(v.criterion.kind == "gate" for v in self.verdicts) and not self.closed_gates


def judge(
    standard: Standard, inputs: Inputs, *, claim: bool = False, computed: Mapping[str, Indicator] | None = None
) -> Scorecard:
    """The verdict of every criterion; `claim`: a zero-carbon claim is asked for; `computed`: what was made already."""
    court = _Court(standard, inputs, claim=claim, computed=computed or {})
    return Scorecard(standard, tuple(court.verdict(c) for c in standard.criteria))


class _Court:
    """One standard before one set of inputs; each indicator is computed once."""

    def __init__(self, standard: Standard, inputs: Inputs, *, claim: bool, computed: Mapping[str, Indicator]) -> None:
        self.standard, self.inputs, self.claim = standard, inputs, claim
        self._known = dict(computed)

    def indicator(self, name: str) -> Indicator:
        if name not in self._known:
            self._known[name] = INDICATORS[name](self.inputs)
        return self._known[name]

    def measured(self, name: str, evidence: str, unit: str) -> Indicator:
        """The value a threshold is held against: an indicator, or what the site declares."""
        return declared(evidence, unit, self.inputs) if name == "declared" else self.indicator(name)

    def verdict(self, criterion: Criterion) -> Verdict:
        found = self.measured(criterion.indicator, criterion.evidence, criterion.unit)
        deciding = self._applicable([t for t in criterion.thresholds if t.decides])
        apart = criterion.kind == "info" or (criterion.claim_only and not self.claim)
        shown = tuple(self._shown(t, criterion, found) for t in criterion.thresholds if t not in deciding)
        lead = next((s for s in shown if s.threshold.role == "lead"), None)
        rest = tuple(s for s in shown if s is not lead)
        if not deciding:
            outcome, threshold, gap = Outcome.UNDETERMINED, None, None
            reason, apart = found.reason or _no_threshold(criterion), True
        else:
            outcome, threshold, reason, gap = self._decide(criterion, found, deciding)
            apart = apart or any(t.status.weak for t in deciding)
        said = Verdict(
            criterion, outcome, found.value, found.unit, threshold, reason, gap, apart, lead, rest, found.inputs,
            found.status, proof=self.inputs.evidence.get(criterion.evidence),
        )  # fmt: skip
        return self._advised(said, found)

    def _advised(self, said: Verdict, found: Indicator) -> Verdict:
        """The verdict with what the site's own measures could do about it."""
        if said.outcome is Outcome.MET or not self.inputs.measures:
            return said
        if said.criterion.indicator == "declared":
            able, wanted = reach.proofs(said.criterion.evidence, self.inputs), 1.0
        elif said.gap is not None and said.threshold is not None:
            able, wanted = reach.options(found, float(said.threshold.value), self.inputs), said.gap.wanted
        else:
            return said
        way = cheapest_way(able, wanted, reach.uncovered_kwh(self.inputs))
        return replace(said, steps=cheapest_steps(able, wanted), way=way)

    def _decide(
        self, criterion: Criterion, found: Indicator, deciding: list[Threshold]
    ) -> tuple[Outcome, Threshold, Sentence, Gap | None]:
        why = self._cannot_judge(criterion, found)
        if why is not None or found.value is None:
            return Outcome.UNDETERMINED, deciding[0], why or _no_threshold(criterion), None
        failed = [t for t in deciding if not t.passed(found.value)]
        if failed:
            gap = gap_of(found, failed[0].op, float(failed[0].value), self.inputs)
            said = why_not_met(criterion.name, found, failed[0], gap)
            return Outcome.NOT_MET, failed[0], said, gap
        weak = weakest(t.status for t in deciding)
        threshold = next((t for t in deciding if t.status is weak), deciding[0])
        if found.status.weak:
            return Outcome.UNDETERMINED, threshold, why_weak(criterion.name, found), None
        return Outcome.MET, threshold, why_met(criterion.name, found, threshold), None

    def _cannot_judge(self, criterion: Criterion, found: Indicator) -> Sentence | None:
        """Why nothing may be said, the first reason there is."""
        missing = (self.indicator(name) for name in criterion.requires)
        blocked = [i.reason for i in missing if i.value is None and i.reason]
        if found.value is None:
            return found.reason
        if criterion.needs_year and not self.inputs.full_year:
            return Sentence("需要完整的日历年或财年数据。", "A whole calendar or fiscal year of data is needed.")
        if found.coverage < 1:
            return _partly(found.coverage)
        if criterion.indicator != "declared" and (share := self._estimated()) > self.standard.max_estimated:
            return _estimated(share)
        return found.doubt or next(iter(blocked), None)

    def _estimated(self) -> float:
        return self.indicator("estimated_share").value or 0.0

    def _shown(self, threshold: Threshold, criterion: Criterion, found: Indicator) -> Shown:
        held = found
        if threshold.indicator:
            held = self.measured(threshold.indicator, threshold.evidence, threshold.unit or criterion.unit)
        if held.value is None:
            return Shown(threshold, None, None)
        return Shown(threshold, held.value, threshold.passed(held.value))

    def _applicable(self, thresholds: list[Threshold]) -> list[Threshold]:
        """Of milestones, the next one from the year judged; of size classes, the site's own."""
        dated = sorted((t for t in thresholds if t.year is not None), key=lambda t: t.year or 0)
        if dated:
            return [next((t for t in dated if (t.year or 0) >= self.inputs.year), dated[-1])]
        if any(t.tce_from is not None for t in thresholds):
            return [t for t in thresholds if self._of_size(t)]
        return thresholds

    def _of_size(self, threshold: Threshold) -> bool:
        size = self.indicator("comprehensive_energy_tce").value
        low, high = threshold.tce_from or 0.0, threshold.tce_to or float("inf")
        return size is not None and self.inputs.full_year and low <= size < high


def declared(key: str, unit: str, inputs: Inputs) -> Indicator:
    """What the site declares, while its document is in force."""
    found: Evidence | None = inputs.evidence.get(key)
    if found is None:
        said = Sentence("尚未提供证明文件。", "No document is declared yet.")
        return Indicator(key, None, unit, said, (key,))
    if not found.holds(inputs.today):
        ended = found.expires is not None and found.expires <= inputs.today
        when = found.expires if ended else found.valid_from
        zh, en = ("已于", "expired on") if ended else ("生效日期为", "is valid only from")
        said = Sentence(
            f"证据{zh}{when}{'失效' if ended else ''}：{found.document}。",
            f"The evidence {en} {when}: {found.document}.",
        )
        return Indicator(key, None, unit, said, (key,))
    return Indicator(key, float(found.value), unit, None, (key, found.document), Status.DECLARED)


def _no_threshold(criterion: Criterion) -> Sentence:
    if criterion.thresholds:
        return Sentence(
            "该准则的限值不适用于本厂规模或期间。", "Its limits are not for a site of this size or this period."
        )
    return Sentence("仅供参考，没有限值。", "For information: there is no limit.")


def _partly(coverage: float) -> Sentence:
    share = f"{100 * coverage:.1f} %"
    return Sentence(f"该期间只有{share}的数据已知。", f"Only {share} of the period is known.")


def _estimated(share: float) -> Sentence:
    return Sentence(
        f"{share:.1f} %的能量按插值归入时段，超过允许的比例。",
        f"{share:.1f} % of the energy was placed by interpolation, more than may be judged by.",
    )
