"""The claim ladder: a label is earned when every condition is met on firm limits; else what it lacks is named.

A label is for the year it was judged over and lapses with it; nothing is ever granted for a part of a year.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from analytics.criteria import Outcome, Verdict, judge
from analytics.indicators import Inputs
from analytics.standards import Dimension, Standard
from analytics.terms import Sentence


@dataclass(frozen=True, slots=True)
class Claim:
    """One label, and what stands between the site and it."""

    label: Dimension
    conditions: tuple[Verdict, ...]

    @property
    def refused_by(self) -> tuple[Verdict, ...]:
        """The conditions that are not met, not known, or met on an assumed or remembered limit."""
        return tuple(v for v in self.conditions if v.outcome is not Outcome.MET or v.threshold_status.weak)

    @property
    def granted(self) -> bool:
        """Earned; a label without conditions is none."""
        return bool(self.conditions) and not self.refused_by

    @property
    def sentence(self) -> Sentence:
        """The answer in one sentence, with the conditions named."""
        name = self.label.name
        if self.granted:
            return Sentence(f"可以声明“{name.zh}”。", f'"{name.en}" may be claimed.')
        zh = "；".join(v.criterion.name.zh for v in self.refused_by)
        en = "; ".join(v.criterion.name.en for v in self.refused_by)
        return Sentence(f"不得声明“{name.zh}”，尚缺：{zh}。", f'"{name.en}" is refused; it lacks: {en}.')


def claims(ladder: Standard, inputs: Inputs) -> tuple[Claim, ...]:
    """Every label of the ladder, weakest first."""
    verdicts = judge(ladder, inputs, claim=True).verdicts
    return tuple(
        Claim(label, tuple(v for v in verdicts if v.criterion.dimension == label.id)) for label in ladder.dimensions
    )


def claims_document(found: tuple[Claim, ...], inputs: Inputs) -> Mapping[str, object]:
    """The ladder with reasons; gross emissions beside whatever is claimed."""
    return {
        "year": inputs.year, "whole_year": inputs.full_year,
        "claims": [
            {
                "id": c.label.id, "name": c.label.name.both(), "granted": c.granted, "says": c.sentence.both(),
                "conditions": [
                    {"id": v.criterion.id, "name": v.criterion.name.both(), "outcome": v.outcome.name,
                     "holds": v not in c.refused_by, "reason": v.reason.both()}
                    for v in c.conditions
                ],
            }
            for c in found
        ],
    }  # fmt: skip
