"""The torture week: seven days of minute readings, one event each, beside what the rules of the peers make of it.

The peers' figures are models of their published rules on a week of the same kind (true total 45 927 kWh), in kWh or %.
"""

from analytics.segments import Exchange
from tests.scenarios.factory import HOUR, MINUTE, START, Meter, Scenario, kwh

DAY = 24 * HOUR
NOON = 2 * DAY + 12 * HOUR  # Wednesday, both shifts running
WEEK = Meter.running(7)
NEAR_END = Meter.running(7, first=980_000).turning(1_000_000)
PEERS = ("MyEMS", "emoncms", "HA total_increasing", "evcc + nonZero", "non-negative diff")

TORTURE = (
    Scenario("clean", "seven days without any event", WEEK, peers=("0", "−99.8 %", "0", "0", "0")),
    Scenario(
        "outage-6h", "the link is down for six hours on Wednesday", WEEK.without(NOON + 1, NOON + 6 * HOUR),
        affected=(NOON, NOON + 6 * HOUR), placed=True,
        peers=("−2 393 kWh (−5.2 %)", "−99.8 %", "0, false peak +1 975 in one hour", "same peak", "same peak"),
    ),
    Scenario(
        "one-zero", "one reading is 0", WEEK.shows(NOON + 7, NOON + 8, 0.0), ("glitch",), affected=(NOON + 6, NOON + 8),
        peers=("0", "−99.8 %", "+509 323 kWh (+1 109 %)", "0", "+1 109 %"),
    ),
    Scenario(
        "one-zero-unrated", "one reading is 0 and no rated power is known", WEEK.shows(NOON + 7, NOON + 8, 0.0),
        ("glitch",), affected=(NOON + 6, NOON + 8), rated_kw=None,
        peers=("0", "−99.8 %", "+509 323 kWh (+1 109 %)", "0", "+1 109 %"),
    ),
    Scenario(
        "word-swap-spike", "one reading is 16 times too high", WEEK.shows(NOON + 7, NOON + 8, 16 * 500_000.0),
        ("glitch",), affected=(NOON + 6, NOON + 8), peers=("−424", "−99.8 %", "+8.1 GWh", "+7.6 GWh", "+7.6 GWh"),
    ),
    Scenario(
        "word-swap-spike-unrated", "the same, and no rated power is known",
        WEEK.shows(NOON + 7, NOON + 8, 16 * 500_000.0), ("glitch",), affected=(NOON + 6, NOON + 8), rated_kw=None,
        peers=("−424", "−99.8 %", "+8.1 GWh", "+7.6 GWh", "+7.6 GWh"),
    ),
    Scenario(
        "rollover", "the register passes 1 000 000 and begins again at 0", NEAR_END, ("rollover",), modulus=1_000_000,
        affected=None, peers=("−7", "−99.8 %", "−3", "−7", "−7"),
    ),
    Scenario(
        "used-meter", "the meter is replaced by a used one that shows 812 345", WEEK.swapped(NOON, 812_345.0),
        ("swap_doubt",), (("jump", WEEK.shown[NOON - 1] / 1e6, 812_345.0),), affected=(NOON - 1, NOON),
        peers=("−413", "−99.8 %", "+288 639 kWh (+629 %)", "+629 %", "+629 %"), note="both readings shown",
    ),
    Scenario(
        "used-meter-unrated", "the same, and no rated power is known", WEEK.swapped(NOON, 812_345.0),
        ("swap_doubt",), (("jump", WEEK.shown[NOON - 1] / 1e6, 812_345.0),), affected=(NOON - 1, NOON), rated_kw=None,
        peers=("−413", "−99.8 %", "+288 639 kWh (+629 %)", "+629 %", "+629 %"), note="both readings shown",
    ),
    Scenario(
        "used-meter-declared", "the same, with its final and start readings entered", WEEK.swapped(NOON, 812_345.0),
        exchanges=(Exchange(START + NOON * MINUTE - 1, int(WEEK.shown[NOON]), kwh(812_345.0)),),
        peers=("−413", "−99.8 %", "+288 639 kWh (+629 %)", "+629 %", "+629 %"), note="closed by the entry",
    ),
)  # fmt: skip
