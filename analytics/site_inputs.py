"""What a site declares in its file or enters later: instruments, credits, evidence, targets; faults with their line."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from analytics.factors import EmissionFactor, Gas, Method, Parameter
from analytics.indicator_inputs import Evidence, LeakTest
from analytics.market import QUALITY_CRITERIA, Answer, Credit, Instrument, InstrumentKind
from analytics.targets import Change, ChangeKind, Target
from analytics.terms import Sentence, Status
from metering.config import ConfigError, Document, Fault, Strict
from metering.fields import Name, Named

T = TypeVar("T", bound=Strict)
KINDS = {kind.name.lower(): kind for kind in InstrumentKind}


def _number(value: Any) -> Any:
    """Numbers as written, whether quoted or not."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _answers(value: Any) -> Any:
    """`true` is met, `false` is not; anything else is one of the words."""
    if not isinstance(value, Mapping):
        return value
    words = {True: Answer.MET, False: Answer.NOT_MET}
    return {key: words[given] if isinstance(given, bool) else given for key, given in value.items()}


Decimals = Annotated[str, BeforeValidator(_number), Field(pattern=r"^[0-9]+(\.[0-9]+)?$")]
Text = Annotated[str, BeforeValidator(_number)]
Criteria = Literal[
    "conveys_attribute", "sole_claim", "retired", "vintage", "same_market", "utility_delivered", "claims_transferred",
    "residual_mix",
]  # fmt: skip


class InstrumentRow(Strict):
    """A certificate, contract or direct line."""

    id: str
    kind: Literal["direct_line", "certificate", "contract", "supplier"]
    kwh: Decimals
    year: int
    factor: Decimals = "0"
    unit: str = "kgCO2/kWh"
    renewable: bool = True
    quality: Annotated[dict[Criteria, Answer], BeforeValidator(_answers)] = Field(default_factory=dict)
    registry: Text = ""
    serial: Text = ""
    document: str

    @model_validator(mode="after")
    def _shown(self) -> "InstrumentRow":
        """GB/T 32151.34 Annex D: a zero factor only with evidence, never by silence."""
        if Fraction(self.factor) == 0 and not self.document.strip():
            raise ValueError("a zero factor without evidence; name the contract with its settlement note, or the GEC")
        if self.kind == "certificate" and not self.serial:
            raise ValueError("a certificate without its serial numbers; add them: they show that nobody else claims it")
        return self


class CreditRow(Strict):
    """Retired carbon credits."""

    id: str
    tonnes: Decimals
    year: int
    registry: Text = ""
    serial: Text = ""
    vintage: int | None = None
    retired_on: date | None = None
    beneficiary: str = ""
    removal: bool = False
    document: str


class EvidenceRow(Strict):
    """A declared fact with its document."""

    key: str
    value: bool | float
    document: str
    valid_from: date
    expires: date | None = None
    who: str = ""


class ChangeRow(Strict):
    """Something that would have changed the base year."""

    kind: ChangeKind
    on: date
    delta_t: float
    document: str = ""


class PolicyRow(Strict):
    """When the base year is recalculated."""

    threshold: float = Field(gt=0, le=100)  # [% of the base year]
    document: str


class TargetRow(Strict):
    """An absolute target for scope 1 + 2, and the way to it."""

    id: str = "target"
    name: Named = Name()
    base_year: int
    base_t: float = Field(gt=0)
    year: int
    target_t: float = Field(ge=0)
    points: dict[int, float] = Field(default_factory=dict)  # year -> [tCO2e]
    policy: PolicyRow | None = None
    changes: tuple[ChangeRow, ...] = ()

    @model_validator(mode="after")
    def _forward(self) -> "TargetRow":
        if self.year <= self.base_year:
            raise ValueError(f"the target year {self.year} must lie after the base year {self.base_year}")
        outside = sorted(y for y in self.points if not self.base_year < y < self.year)
        if outside:
            raise ValueError(f"points: {outside[0]} does not lie between {self.base_year} and {self.year}")
        return self

    def freeze(self) -> Target:
        """The noun."""
        policy = self.policy
        return Target(
            self.base_year, self.base_t, self.year, self.target_t, self.id, tuple(sorted(self.points.items())),
            policy.threshold if policy else None, policy.document if policy else "",
            tuple(Change(c.kind, c.on, c.delta_t, c.document) for c in self.changes),
            Sentence(self.name.zh or self.id, self.name.en or self.id),
        )  # fmt: skip


class LeakTestRow(Strict):
    """A load/unload test without production."""

    on: date
    load_min: float = Field(gt=0)
    unload_min: float = Field(ge=0)
    document: str = ""


def instruments(rows: Iterable[Mapping[str, Any]], document: Document | None = None) -> tuple[Instrument, ...]:
    """The instruments of a site; ConfigError with every fault."""
    return tuple(_instrument(row) for row in checked(rows, InstrumentRow, document, "instruments"))


def carbon_credits(rows: Iterable[Mapping[str, Any]], document: Document | None = None) -> tuple[Credit, ...]:
    """The carbon credits of a site; ConfigError with every fault."""
    return tuple(
        Credit(
            r.id, Fraction(r.tonnes) * 1000, r.year, r.registry, r.serial, r.vintage, r.retired_on, r.beneficiary,
            r.removal, r.document,
        )
        for r in checked(rows, CreditRow, document, "credits")
    )  # fmt: skip


def evidence(rows: Iterable[Mapping[str, Any]], document: Document | None = None) -> tuple[Evidence, ...]:
    """Declared facts of the site file, in its order."""
    found = checked(rows, EvidenceRow, document, "evidence")
    return tuple(Evidence(r.key, r.value, r.document, r.valid_from, r.expires, r.who) for r in found)


def targets(rows: Iterable[Mapping[str, Any]], document: Document | None = None) -> tuple[Target, ...]:
    """Absolute targets."""
    return tuple(row.freeze() for row in checked(rows, TargetRow, document, "targets"))


def leak_tests(rows: Iterable[Mapping[str, Any]], document: Document | None = None) -> tuple[LeakTest, ...]:
    """Leak tests of the compressed air."""
    found = checked(rows, LeakTestRow, document, "leak_tests")
    return tuple(LeakTest(r.on, r.load_min, r.unload_min, r.document) for r in found)


def _instrument(row: InstrumentRow) -> Instrument:
    gas = Gas.CO2E if "CO2e" in row.unit else Gas.CO2_ONLY
    parameter = Parameter(
        row.id, "electricity.instrument", "factor", "SITE", row.year, row.factor, row.unit, gas, Method.MARKET_BASED,
        Status.DECLARED, row.document, row.document,
    )  # fmt: skip
    return Instrument(
        row.id, KINDS[row.kind], int(Fraction(row.kwh) * 10**6), row.year, EmissionFactor.of(parameter), row.renewable,
        {name: row.quality[name] for name in QUALITY_CRITERIA if name in row.quality},
        row.registry, row.serial, row.document,
    )  # fmt: skip


def checked(rows: Iterable[Mapping[str, Any]], model: type[T], document: Document | None, section: str) -> Sequence[T]:
    """Rows as models; ConfigError with every fault of the section, each with its line."""
    faults: list[Fault] = []
    good: list[T] = []
    for index, row in enumerate(rows):
        try:
            good.append(model.model_validate(row))
        except ValidationError as error:
            faults += [_fault(document, (section, index, *one["loc"]), str(one["msg"])) for one in error.errors()]
    if faults:
        raise ConfigError(faults)
    return good


def _fault(document: Document | None, path: Sequence[int | str], message: str) -> Fault:
    said = message.removeprefix("Value error, ")
    if document is None:
        return Fault("<entry>", 1, f"{'.'.join(map(str, path))}: {said}")
    return document.fault(path, said)
