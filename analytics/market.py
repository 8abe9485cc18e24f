"""Contractual instruments: which may be used, and how much of the grid import each one covers; and carbon credits."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum, StrEnum
from fractions import Fraction

from analytics.factors import EmissionFactor
from analytics.serials import Serials, parse, plain
from analytics.terms import Sentence


class InstrumentKind(IntEnum):
    """Kinds in the order they are used (GHG Protocol Scope 2 Guidance, Table 6.3; on-site first)."""

    DIRECT_LINE = 0
    CERTIFICATE = 1  # EAC, GEC
    CONTRACT = 2  # PPA with certificates
    SUPPLIER = 3


class Answer(StrEnum):
    """What was answered to a quality criterion; silence counts as not met."""

    MET = "met"
    NOT_MET = "not_met"
    NOT_APPLICABLE = "not_applicable"


# GHG Protocol Scope 2 Guidance, Table 7.1 (p. 62).
QUALITY_CRITERIA: Mapping[str, Sentence] = {
    "conveys_attribute": Sentence("传递排放率属性", "conveys the emission rate attribute"),
    "sole_claim": Sentence("唯一承载该声明", "is the only instrument with that claim"),
    "retired": Sentence("已由报告方注销", "is tracked and retired by or for the reporter"),
    "vintage": Sentence("年份接近消费期", "is of a vintage close to the consumption"),
    "same_market": Sentence("与消费同一市场", "comes from the market of the consumption"),
    "utility_delivered": Sentence("供电商因子按实际交付计算", "supplier factors are of delivered electricity"),
    "claims_transferred": Sentence("直购的声明只转给报告方", "claims of direct purchases go to the reporter alone"),
    "residual_mix": Sentence("有残余电力组合或已披露没有", "a residual mix exists or its absence is disclosed"),
}
# The two that concern one kind of instrument only may be answered "not applicable" for the others.
_MAY_NOT_APPLY: Mapping[str, frozenset[InstrumentKind]] = {
    "utility_delivered": frozenset(InstrumentKind) - {InstrumentKind.SUPPLIER},
    "claims_transferred": frozenset({InstrumentKind.CERTIFICATE, InstrumentKind.SUPPLIER}),
}


@dataclass(frozen=True, slots=True)
class Instrument:
    """So many kWh of one year bought with their attributes."""

    id: str
    kind: InstrumentKind
    volume_micro: int  # [1e-6 kWh]
    year: int  # of the consumption it is for
    factor: EmissionFactor
    renewable: bool = False
    answers: Mapping[str, Answer] = field(default_factory=dict)
    registry: str = ""
    serial: str = ""  # number or range; with the registry it must be unique
    document: str = ""

    @property
    def failed(self) -> tuple[str, ...]:
        """The quality criteria that are not met, an unanswered one among them."""
        return tuple(name for name in QUALITY_CRITERIA if not self._met(name))

    def _met(self, name: str) -> bool:
        answer = self.answers.get(name, Answer.NOT_MET)
        return answer is Answer.MET or (
            answer is Answer.NOT_APPLICABLE and self.kind in _MAY_NOT_APPLY.get(name, frozenset())
        )


@dataclass(frozen=True, slots=True)
class Credit:
    """Retired carbon credits: below the line, never netted inside gross scope 1 + 2."""

    id: str
    kg: Fraction  # [kgCO2e]
    year: int
    registry: str = ""
    serial: str = ""
    vintage: int | None = None
    retired_on: date | None = None
    beneficiary: str = ""
    removal: bool = False
    document: str = ""

    @property
    def lacking(self) -> tuple[str, ...]:
        """What a credit must carry and this one does not."""
        held = {
            "registry": self.registry, "serial": self.serial, "vintage": self.vintage,
            "retired_on": self.retired_on, "beneficiary": self.beneficiary,
        }  # fmt: skip
        return tuple(name for name, value in held.items() if not value)


@dataclass(frozen=True, slots=True)
class Rejected:
    """An instrument or credit that may not be used, and why."""

    id: str
    sentence: Sentence
    failed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cover:
    """So much of one need covered by one instrument [1e-6 kWh]."""

    instrument: Instrument
    need: str
    micro: int


def repeated(items: Iterable[Instrument | Credit]) -> frozenset[str]:
    """The ids of those a unit of which was used before in the same registry: a claim made twice is no claim."""
    seen: dict[str, list[Serials | str]] = {}
    twice: set[str] = set()
    for item in items:
        if not item.serial:
            continue
        used, mine = seen.setdefault(plain(item.registry), []), _units(item.serial)
        if any(_share(mine, other) for other in used):
            twice.add(item.id)
        used.append(mine)
    return frozenset(twice)


def _units(serial: str) -> Serials | str:
    """The units of a serial number; where it is no number or range, the words themselves."""
    try:
        return parse(serial)
    except ValueError:
        return plain(serial)


def _share(one: Serials | str, other: Serials | str) -> bool:
    if isinstance(one, Serials) and isinstance(other, Serials):
        return one.overlaps(other)
    return one == other


def usable(instruments: Sequence[Instrument]) -> tuple[tuple[Instrument, ...], tuple[Rejected, ...]]:
    """Those that meet all eight quality criteria and claim nothing twice, in order of use; and the others with why."""
    twice = repeated(instruments)
    rejected = [Rejected(i.id, _twice(i.id), ("sole_claim",)) for i in instruments if i.id in twice]
    rejected += [Rejected(i.id, _fails(i), i.failed) for i in instruments if i.id not in twice and i.failed]
    bad = {r.id for r in rejected}
    good = sorted((i for i in instruments if i.id not in bad), key=lambda i: (i.kind, i.id))
    return tuple(good), tuple(rejected)


def eligible_credits(credits: Sequence[Credit], year: int) -> tuple[tuple[Credit, ...], tuple[Rejected, ...]]:
    """The retired credits of a year that carry everything a credit must; and the others with why."""
    twice = repeated(credits)
    rejected = [Rejected(c.id, _twice(c.id)) for c in credits if c.id in twice]
    rejected += [Rejected(c.id, _lacks(c)) for c in credits if c.id not in twice and c.lacking]
    bad = {r.id for r in rejected}
    return tuple(c for c in credits if c.id not in bad and c.year == year), tuple(rejected)


def cover(needs: Mapping[str, int], instruments: Sequence[Instrument]) -> tuple[tuple[Cover, ...], Mapping[str, int]]:
    """What each instrument covers of each need, and what remains; more certificates than need cover nothing."""
    remaining = dict(sorted(needs.items()))
    covers: list[Cover] = []
    for instrument in instruments:
        left = instrument.volume_micro
        for need, wanted in remaining.items():
            taken = max(0, min(left, wanted))
            if taken:
                covers.append(Cover(instrument, need, taken))
                left -= taken
                remaining[need] = wanted - taken
    return tuple(covers), remaining


def _twice(id_: str) -> Sentence:
    return Sentence(f"{id_}：登记编号重复使用，不予计入。", f"{id_}: its serial number is already used; not counted.")


def _fails(instrument: Instrument) -> Sentence:
    names = [QUALITY_CRITERIA[name] for name in instrument.failed]
    return Sentence(
        f"{instrument.id}：未满足质量准则（{'、'.join(n.zh for n in names)}），不予计入。",
        f"{instrument.id}: not counted, as these are not shown: {'; '.join(n.en for n in names)}.",
    )


def _lacks(credit: Credit) -> Sentence:
    return Sentence(
        f"{credit.id}：缺少{'、'.join(credit.lacking)}，不予计入。",
        f"{credit.id}: not counted without {', '.join(credit.lacking)}.",
    )
