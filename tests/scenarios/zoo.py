"""Patterns that people met in the field (peers' comments and issues), and what meters do besides."""

from dataclasses import replace

import numpy as np

from tests.scenarios.factory import HOUR, Meter, Scenario, kwh

AT = 10 * HOUR  # ten in the morning, 410 kW
DAY = Meter.running(1)
STANDBY = Meter.running(1, load=lambda _: 0.05)
SMALL = Meter.running(1, first=0.0)


def jittered(meter: Meter) -> Meter:
    """±0.1 kWh on every reading but the first and the last."""
    noise = np.random.default_rng(7).integers(-10, 11, len(meter.shown)) * kwh(0.01)
    noise[0] = noise[-1] = 0
    return replace(meter, shown=meter.shown + noise)


def dipping(meter: Meter, at: int, steps: int) -> Meter:
    """One reading so many steps below the one before it."""
    return meter.shows(at, at + 1, meter.shown[at - 1] / 1e6 - steps / 100)


def micro(meter: Meter, start: int, count: int, value: int) -> Meter:
    """So many readings show a value that is no multiple of the step [micro]."""
    shown = meter.shown.copy()
    shown[start : start + count] = value
    return replace(meter, shown=shown)


def flat(meter: Meter, start: int, end: int) -> Meter:
    """The register shows the same from `start` to before `end`, and then all of it at once."""
    return meter.shows(start, end, float(meter.shown[start]) / 1e6)


def broken(meter: Meter, start: int, end: int) -> Meter:
    """The same, but what flowed meanwhile is never shown."""
    lost = (meter.shown[end] - meter.shown[start]) / 1e6
    return flat(meter, start, end).moved(end, -lost)


def dated_1971(meter: Meter) -> Meter:
    """One reading too many, with the clock at its start, before all others."""
    early = (np.array([31_536_000_000]), meter.true[:1], meter.shown[:1], meter.quality[:1])
    later = (meter.time_ms, meter.true, meter.shown, meter.quality)
    joined = [np.concatenate(pair) for pair in zip(early, later, strict=True)]
    return Meter(*joined, meter.power)


def standing(meter: Meter, start: int, end: int) -> Meter:
    """The same, where nobody can tell that anything flowed before the jump."""
    true = meter.true.copy()
    true[start:end] = true[start]
    return replace(flat(meter, start, end), true=true)


def at(meter: Meter, minute: int) -> float:
    """What it showed [kWh]."""
    return float(meter.shown[minute]) / 1e6


SHORT = DAY.moved(AT, -14_437, AT + 1)
LONG = DAY.moved(AT, -14_437, AT + HOUR)
RESET = DAY.swapped(AT, 0.0)
WRAP = Meter.running(1, first=999_984 - DAY.true[AT - 1] / 1e6).turning(1_000_000)
NARROW = Meter.running(5 / 24, first=500.0, load=lambda _: 410).turning(655.36)
ONCE = Meter.running(2 / 24, first=600.0).turning(655.36).without(1, HOUR)
BOOTED = Meter.running(1, load=lambda m: 90 if m >= 30 else 0).shows(0, 30, 0.0)
BROKEN = broken(DAY, AT, AT + 3 * HOUR)
TWICE = NARROW.without(1, 4 * HOUR)
FLAT = Meter.running(1, load=lambda m: 635 if AT <= m < AT + 6 * HOUR else 300)
STOOD = flat(FLAT, AT, AT + 6 * HOUR)
NIGHT = Meter.running(5 / 24, load=lambda _: 90)
REFUTED = NIGHT.moved(0, 999_900 - at(NIGHT, 135)).swapped(150, 10.0).every(15)
LAST = int(np.flatnonzero(np.diff(WRAP.shown) < 0)[0])

ZOO = (
    Scenario("1.83e21-for-15-min", "1.83e21 for 15 min; no register holds it, the collector marks it invalid",
             DAY.invalid(AT, AT + 15), affected=(AT, AT + 15)),
    Scenario("1.83e12-for-15-min", "1.83e12 for 15 min, then it returns", DAY.shows(AT, AT + 15, 1.83e12), ("glitch",),
             affected=(AT - 1, AT + 15)),
    Scenario("zeros-for-16-min", "zeros for 16 min, then it returns", DAY.shows(AT, AT + 16, 0.0), ("glitch",),
             affected=(AT - 1, AT + 16)),
    Scenario("minus-0.00707-for-14-min", "a misread float, −0.00707 for 14 min",
             micro(DAY, AT // 14 * 14, 14, -7_070), ("glitch",),
             affected=(AT, AT + 10)),
    Scenario("plus-0.00303-for-15-min", "a misread float, +0.00303 for 15 min",
             micro(DAY, AT, 15, 3_030), ("glitch",),
             affected=(AT, AT + 15)),
    Scenario("flat-6h-then-3812", "flat for 6 h, then +3 812 at once; the power readings say that it flowed",
             STOOD, ("caught_up",), affected=(AT, AT + 6 * HOUR), rated_kw=1000.0, with_power=True),
    Scenario("flat-6h-then-3812-no-power", "the same without power readings: more than the rating allows in a minute",
             standing(FLAT, AT, AT + 6 * HOUR), ("swap_doubt",), (("jump", at(STOOD, AT), at(STOOD, AT + 6 * HOUR)),),
             affected=(AT + 6 * HOUR - 1, AT + 6 * HOUR), rated_kw=1000.0, note="3 810 kWh open"),
    Scenario("999984-to-20-wrap", "999 984, then 20, on a register of 1 000 000",
             WRAP, ("rollover",), modulus=1_000_000),
    Scenario("999984-to-20-reset", "the same where no end of the register is known: it may be a reset", WRAP,
             ("reset_doubt",), (("fall", at(WRAP, LAST), at(WRAP, LAST + 1)),)),
    Scenario("999900-to-10-against-power", "999 900, then 10 on a register of 1 000 000; power for a fifth of that",
             REFUTED, ("reset_doubt",), (("fall", 999_900.0, 10.0),), modulus=1_000_000, with_power=True, minutes=15),
    Scenario("used-meter-56842170", "a used meter is added at 56 842 170", DAY.swapped(AT, 56_842_170.0),
             ("swap_doubt",),
             (("jump", at(DAY, AT - 1), 56_842_170.0),), affected=(AT - 1, AT)),
    Scenario("used-meter-56842170-unrated", "the same, and no rated power is known", DAY.swapped(AT, 56_842_170.0),
             ("swap_doubt",), (("jump", at(DAY, AT - 1), 56_842_170.0),), affected=(AT - 1, AT), rated_kw=None),
    Scenario("used-meter-in-an-outage", "a used meter comes in during an outage at standby, within the rating; the"
             " power readings refute it",
             STANDBY.swapped(AT + 6 * HOUR, at(STANDBY, AT) + 600).without(AT + 1, AT + 6 * HOUR),
             ("swap_doubt",), (("jump", at(STANDBY, AT), at(STANDBY, AT) + 600),), with_power=True,
             affected=(AT, AT + 6 * HOUR)),
    Scenario("lower-meter", "a meter is replaced by one that shows less", DAY.swapped(AT, 12_345.0), ("swap_doubt",),
             (("fall", at(DAY, AT - 1), 12_345.0),), affected=(AT - 1, AT)),
    Scenario("jitter-0.1", "±0.1 kWh of jitter on a total at standby", jittered(STANDBY),
             note="±0.1 kWh may stay in a quarter-hour", many=frozenset({"healed_dip", "lsb_noise"})),
    Scenario("dip-of-one-step", "a dip of the last digit", dipping(STANDBY, AT, 1), ("lsb_noise",),
             affected=(AT - 1, AT + 1)),
    Scenario("one-string-short", "one string of two read short for a minute: −14 437 kWh and back", SHORT, ("glitch",),
             affected=(AT - 1, AT + 1)),
    Scenario("one-string-short-for-an-hour", "the same for an hour: two places nobody can tell", LONG,
             ("swap_doubt", "swap_doubt"),
             (("fall", at(LONG, AT - 1), at(LONG, AT)), ("jump", at(LONG, AT + HOUR - 1), at(LONG, AT + HOUR))),
             affected=(AT - 1, AT)),
    Scenario("lifetime-total-first", "the first reading ever is a lifetime total: no energy", DAY),
    Scenario("lifetime-total-after-zeros", "a device boots with 0 and then shows its lifetime total",
             BOOTED, ("swap_doubt",), (("jump", 0.0, at(BOOTED, 30)),), affected=(29, 30)),
    Scenario("previous-block", "one answer is that of the request before: the reading repeats", flat(DAY, AT, AT + 2),
             ("caught_up",), affected=(AT, AT + 2)),
    Scenario("foreign-block", "one answer is of another block: a voltage", DAY.shows(AT, AT + 1, 231.4), ("glitch",),
             affected=(AT - 1, AT + 1)),
    Scenario("all-ones", "0xFFFFFFFF, not available, taken for a value", DAY.shows(AT, AT + 3, 42_949_672.95),
             ("glitch",), affected=(AT - 1, AT + 3), modulus=42_949_672.96),
    Scenario("all-ones-unrated", "the same, and no rated power is known", DAY.shows(AT, AT + 3, 42_949_672.95),
             ("glitch",), affected=(AT - 1, AT + 3), modulus=42_949_672.96, rated_kw=None),
    Scenario("clock-in-1971", "one reading is dated 1971", dated_1971(DAY), ("clock_doubt",),
             (("clock", at(DAY, 0), at(DAY, 0)),)),
    Scenario("reset-to-zero", "the register is reset to 0", RESET, ("reset_doubt",), (("fall", at(DAY, AT - 1), 0.0),),
             affected=(AT - 1, AT)),
    Scenario("reset-of-a-young-meter", "a meter at 4 kWh is reset and soon passes 4 kWh again: both stories fit",
             SMALL.swapped(3, 0.0), ("reset_doubt",), (("fall", at(SMALL, 2), 0.0),)),
    Scenario("outage-with-a-rollover", "the register passes its end in an outage of an hour", ONCE,
             ("rollover",), modulus=655.36,
             rated_kw=500.0, affected=(0, HOUR)),
    Scenario("outage-with-two-rollovers",
             "in an outage of four hours: how often it passed its end, nobody can tell",
             TWICE, ("rollover_doubt",), (("fall", at(NARROW, 0), at(NARROW, 4 * HOUR)),), modulus=655.36,
             affected=(0, 4 * HOUR)),
    Scenario("outage-with-two-rollovers-and-power", "the same, and the power readings tell how often", TWICE,
             ("rollover",), modulus=655.36, with_power=True, affected=(0, 4 * HOUR)),
    Scenario("outage-of-a-gateway", "a gateway is down for three hours under load",
             DAY.without(AT + 1, AT + 3 * HOUR + 1),
             affected=(AT, AT + 3 * HOUR + 1), placed=True),
    Scenario("messages-held-up", "three hours of messages without a time of their own are held up and come together",
             DAY.held(AT + 1, AT + 3 * HOUR + 1),
             affected=(AT, AT + 3 * HOUR + 1), placed=True, data_type="decimal"),
    Scenario("stuck", "the register stands for three hours under load and what flowed is never shown",
             BROKEN, ("stuck",), (("stuck", at(BROKEN, AT), at(BROKEN, AT + 3 * HOUR + 1)),), with_power=True,
             affected=(AT, AT + 3 * HOUR)),
)  # fmt: skip
