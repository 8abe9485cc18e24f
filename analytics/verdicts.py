"""What was judged of a place in a register's readings, and one sentence that a factory engineer can check."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from analytics.terms import Sentence
from metering.reading import MICRO


class Verdict(StrEnum):
    """What a doubtful place turned out to be, or that nobody can tell."""

    ROLLOVER = "rollover"  # the register passed its end: added
    GLITCH = "glitch"  # readings that the next ones refute: set aside
    HEALED_DIP = "healed_dip"  # a small fall that the next readings take back: set aside
    NOISE = "lsb_noise"  # a fall of the last digit: let stand, or set aside where it heals
    CAUGHT_UP = "caught_up"  # it stood while energy flowed and then showed it all: placed, exact
    STUCK = "stuck"  # it stood while energy flowed: open
    RESET_DOUBT = "reset_doubt"  # it fell to near zero: open
    SWAP_DOUBT = "swap_doubt"  # it shows another register's value: open
    ROLLOVER_DOUBT = "rollover_doubt"  # how often it passed its end cannot be told: open
    CLOCK_DOUBT = "clock_doubt"  # a reading from another decade: open


@dataclass(frozen=True, slots=True)
class Judged:
    """One judged place: the reading before it, the reading after it [ms UTC, micro], the verdict and why."""

    verdict: Verdict
    before_ms: int
    before_micro: int
    after_ms: int
    after_micro: int
    why: Sentence


_WORDS: Mapping[Verdict, tuple[str, str]] = {
    Verdict.ROLLOVER: (
        "读数由 {a} 变为 {b}：计数器越过上限 {modulus}，补加后为 {energy}，与额定功率和功率记录不矛盾。",
        ("It went from {a} to {b}: the register passed its end {modulus}; with that added it is {energy}, which neither"
        " the rated power nor the power readings refute."),
    ),
    Verdict.GLITCH: (
        "读数由 {a} 变为 {b}，随后的读数又接着 {a} 走：这些读数已剔除，电量不受影响。",
        "It went from {a} to {b}, and later readings go on from {a}: those between are set aside and cost no energy.",
    ),
    Verdict.HEALED_DIP: (
        "读数由 {a} 回落到 {b}，幅度很小，随后恢复：已剔除。",
        "It dipped from {a} to {b} and came back: the dip is set aside.",
    ),
    Verdict.NOISE: (
        "读数由 {a} 回落到 {b}，不超过末位分辨率：视为抖动。",
        "It fell from {a} to {b}, no more than its last digit: noise.",
    ),
    Verdict.CAUGHT_UP: (
        "读数停在 {a}，之后一次升到 {b}，与这段时间的{bound}相符：总量不变，按时间分摊并标记。",
        ("It stood at {a} and then rose to {b} at once, which fits {bound_en} over that time: the total stands, its"
        " place in time is estimated and flagged."),
    ),
    Verdict.STUCK: (
        "读数停在 {a}，而功率记录表明其间流过 {power}，之后只到 {b}：这段电量待核实。",
        "It stood at {a} while the power readings say {power} flowed, and went on from {b}: that energy is open.",
    ),
    Verdict.RESET_DOUBT: (
        "读数由 {a} 降到 {b}，像是清零：其间电量无法由计数器得知{hint}，待核实。",
        "It fell from {a} to {b}, as after a reset: no register tells the energy between{hint_en}; it is open.",
    ),
    Verdict.SWAP_DOUBT: (
        "读数由 {a} 变为 {b}，超出{bound}所允许的范围，像是换表：其间电量待核实{hint}。",
        "It went from {a} to {b}, against {bound_en}, as after a change of meter: the energy between is open{hint_en}.",
    ),
    Verdict.ROLLOVER_DOUBT: (
        "由 {a} 到 {b} 之间，计数器可能越过上限 {modulus} 不同次数：无法判定，待核实{hint}。",
        ("Between {a} and {b} the register may have passed its end {modulus} one or several times: it cannot be"
        " told and is open{hint_en}."),
    ),
    Verdict.CLOCK_DOUBT: (
        "两个相邻读数 {a} 与 {b} 相隔十年以上，像是时钟错误：不分摊，待核实。",
        ("The neighbouring readings {a} and {b} lie more than ten years apart, as after a wrong clock: nothing is"
        " spread over it; it is open."),
    ),
}  # fmt: skip
_RATED = ("额定功率", "the rated power")
_POWER = ("功率记录", "the power readings")
_USUAL = ("前后读数的走势", "the readings around it")


def shown(micro: int, unit: str = "") -> str:
    """An exact decimal of an integer in 1e-6 of the unit."""
    whole, rest = divmod(abs(micro), MICRO)
    text = f"{'-' if micro < 0 else ''}{whole}" + (f".{rest:06}".rstrip("0") if rest else "")
    return f"{text} {unit}".rstrip()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a verdict rests on [micro]; None where there is none."""

    unit: str = ""
    modulus: int | None = None
    energy: int | None = None  # with rollovers added
    power: int | None = None  # integrated power readings
    rated: bool = False


def explain(verdict: Verdict, before: int, after: int, evidence: Evidence) -> Sentence:
    """The sentence of a verdict on two readings [micro]."""
    unit = evidence.unit
    bound = _POWER if evidence.power is not None else _RATED if evidence.rated else _USUAL
    power = "" if evidence.power is None else shown(evidence.power, unit)
    words = {
        "a": shown(before, unit),
        "b": shown(after, unit),
        "modulus": shown(evidence.modulus or 0, unit),
        "energy": shown(evidence.energy or 0, unit),
        "power": power,
        "bound": bound[0],
        "bound_en": bound[1],
        "hint": f"（功率积分约 {power}）" if power else "",
        "hint_en": f" (the power readings add up to about {power})" if power else "",
    }
    zh, en = _WORDS[verdict]
    return Sentence(zh.format(**words), en.format(**words))
