"""The tiers: which world, which acts in which order, and what must have happened for the run to count."""

import random
from dataclasses import dataclass, field

from tests.harness import acts
from tests.harness.acts import Act


@dataclass(frozen=True)
class Tier:
    """One kind of run."""

    single: int  # meters alone on their links
    gateways: int  # of four meters each
    publishers: int
    acts: tuple[Act, ...]
    must: tuple[str, ...]
    rounds: int = 1
    drain_s: float = 90
    guarded: tuple[str, ...] = field(default=())  # must have happened too, where the guard works


_KILLED = ("a kill with uncommitted readings",)
_GUARDED = ("a kill in the middle of a commit", "a power cut", "a write to a full disk")

SMOKE = Tier(
    16, 1, 8,
    (acts.calm, acts.spoilt_answers, acts.busy_sink, acts.poison_lines, acts.kill, acts.power_cut, acts.full_disk,
     acts.clock_back, acts.restart),
    ("a late answer came after the timeout", "an answer came twice", "an answer was short",
     "a header was wrong by a bit",
     "a busy database (429, 503)", "applied, and the answer lost", "a malformed line (400)", "a line in quarantine",
     "a counter turned over", "the clock set back", "stopped in good order", *_KILLED),
    guarded=_GUARDED,
)  # fmt: skip

TIERS = {"smoke": SMOKE}


def order(tier: Tier, seed: int) -> list[Act]:
    """The acts of a run: the first round as written, later ones shuffled by the seed."""
    rnd, found = random.Random(seed), list(tier.acts)
    for _ in range(tier.rounds - 1):
        again = list(tier.acts)
        rnd.shuffle(again)
        found += again
    return found
