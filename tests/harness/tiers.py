"""The tiers: which world, which acts in which order, and what must have happened for the run to count."""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.harness import acts, answers, outages
from tests.harness.acts import Act


@dataclass(frozen=True)
class Tier:
    """One kind of run."""

    single: int  # meters alone on their links
    gateways: int  # of four meters each
    publishers: int
    serial: int  # meters on one serial line
    converted: int  # and behind a converter that speaks its frames over TCP
    acts: tuple[Act, ...]
    must: tuple[str, ...]
    drain_s: float = 90
    guarded: tuple[str, ...] = field(default=())  # must have happened too, where the guard works
    imaged: tuple[str, ...] = field(default=())  # and these, where we may mount
    crowded: bool = False  # the store has a small quota and begins nearly full
    minutes: float = 0  # shuffled rounds of the acts follow until so much time has passed


_KILLED = ("a kill with uncommitted readings",)
_GUARDED = ("a kill in the middle of a commit", "a power cut", "a write to a full disk")

SMOKE = Tier(
    16, 1, 8, 3, 2,
    (acts.calm, answers.spoilt_answers, answers.line_trouble, answers.converter_trouble, acts.busy_sink,
     acts.poison_lines, acts.kill, acts.power_cut, acts.full_disk, acts.clock_back, acts.restart),
    ("a late answer came after the timeout", "an answer came twice", "an answer was short",
     "a header was wrong by a bit",
     "a busy database (429, 503)", "applied, and the answer lost", "a malformed line (400)", "a line in quarantine",
     "a counter turned over", "the clock set back", "stopped in good order",
     "a late answer on the serial line", "bits turned over on the serial line", "a late answer through the converter",
     "a torn answer through the converter", "a foreign answer through the converter", *_KILLED),
    guarded=_GUARDED,
)  # fmt: skip

CHAOS = Tier(
    24, 3, 12, 4, 4,
    (acts.calm, outages.over_the_end, answers.spoilt_answers, answers.late_answers, answers.line_trouble,
     answers.converter_trouble, acts.unplugged, acts.cut_link, acts.busy_sink, acts.kill,
     acts.poison_lines, acts.partial_write, outages.slow_sink, acts.power_cut, outages.dark, acts.clock_steps,
     acts.full_disk, outages.crowded, acts.sync_fails, acts.slow_disk, acts.broker_dies, acts.poison_messages,
     acts.resets, outages.frozen, outages.reloads, acts.stop_and_kill, outages.sink_away, outages.rolled_back,
     acts.portal, acts.restart, acts.no_bucket, acts.calm),
    (*SMOKE.must, "a link was cut", "the adapter unplugged", "a partial write (422)",
     "a captive portal (200)", "no bucket (404)",
     "the broker forgot our session", "a message refused", "a counter began again", "killed while stopping",
     "a counter turned over while nobody looked", "the process frozen", "told to reload",
     "readings sent again after a roll-back", "old readings thinned"),
    guarded=(*_GUARDED, "a failing fsync", "a slow fsync"),
    imaged=("a real file system went dark", "a real disk was full"),
    crowded=True,
    minutes=12,
)  # fmt: skip

TIERS = {"smoke": SMOKE, "chaos": CHAOS}

# Each mutant: the acts that must find it out, and the invariants of which at least one must then be broken.
MUTANTS: dict[str, tuple[tuple[Act, ...], tuple[str, ...]]] = {
    "auto_ack": ((acts.kill,), ("I6",)),
    "synchronous_normal": ((acts.power_cut,), ("I6", "I7")),
    "no_drain": ((answers.late_answers,), ("I2",)),
    "short_reply": ((answers.short_answers,), ("I2",)),
    "ok_is_delivery": ((acts.portal,), ("I11",)),
    "drop_on_404": ((acts.no_bucket,), ("I11",)),
    "drop_batch_on_400": ((acts.poison_lines,), ("I11",)),
    "float_sums": ((acts.calm,), ("I2", "I5")),
    "wall_clock": ((acts.clock_back,), ("I1", "I8", "I9")),
    "retained_counts": ((acts.restart,), ("I3",)),
    "no_gap_on_restart": ((acts.restart,), ("I1",)),
    "ack_before_commit": ((acts.stop_and_kill,), ("I6",)),
    "trim_only_when_full": ((acts.filling,), ("I10",)),
    "reset_counts_from_zero": ((acts.resets,), ("I5",)),
}
# The product as it is goes through the same acts and must come out green, else the colour of a mutant says nothing.
SOUND = "none"


def mutant_tier(name: str) -> Tier:
    """A small world and the acts for one mutant; for the sound product, all of them."""
    every = tuple(dict.fromkeys(act for some, _ in MUTANTS.values() for act in some))
    sound = name == SOUND
    crowded = sound or name == "trim_only_when_full"
    return Tier(6, 1, 8, 0, 0, every if sound else MUTANTS[name][0], (), drain_s=75 if sound else 20, crowded=crowded)


def order(tier: Tier, seed: int) -> Iterator[Act]:
    """The acts of a run: the first round as written, later ones shuffled by the seed, until the time is over."""
    begun, rnd = time.monotonic(), random.Random(seed)
    yield from tier.acts
    while time.monotonic() - begun < 60 * tier.minutes:
        yield rnd.choice(tier.acts)
