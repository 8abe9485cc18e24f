"""Emission factors by activity, region, year and method, and how each one was found; values exact as printed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from analytics.regions import RegionTable
from analytics.terms import Sentence, Status, joined, weakest
from analytics.units import fits, kg_per


class Gas(StrEnum):
    """The gas basis of a figure."""

    CO2_ONLY = "co2_only"
    CO2E = "co2e"
    NONE = "none"  # no emission: coal equivalents, enthalpies, prices


class Method(StrEnum):
    """What a factor may be used for (GHG Protocol Scope 2 Guidance, Tables 6.2 and 6.3)."""

    LOCATION_BASED = "location_based"
    MARKET_BASED = "market_based"  # of one instrument
    MARKET_RESIDUAL = "market_residual"  # what no instrument covers
    ETS_REPORTING = "ets_reporting"
    LIFE_CYCLE = "life_cycle"  # product footprints, never scope 2
    NOT_APPLICABLE = "not_applicable"


class MatchKind(StrEnum):
    """How a factor was found."""

    EXACT = "exact"
    DECLARED = "declared"
    INSTRUMENT = "instrument"
    REMAINDER = "remainder"  # what no instrument covers
    OLDER_VINTAGE = "older_vintage"
    WIDER_REGION = "wider_region"
    OTHER_GAS_BASIS = "other_gas_basis"
    NO_RESIDUAL_MIX = "no_residual_mix"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One printed number of a document, with what it is and how it was read."""

    id: str
    activity: str
    param: str  # "factor", "ncv", "carbon_content", ...
    region: str
    year: int | None  # vintage; None = no time attached
    printed: str
    unit: str
    gas: Gas
    method: Method
    status: Status
    document: str
    source: str
    page: str = ""
    url: str = ""
    zh: str = ""
    en: str = ""
    note: str = ""
    heating_value: str = ""  # of a number per heat: "net" or "gross" calorific value; "" = not of a heat

    @property
    def decimal(self) -> Decimal:
        """The value with the digits as printed [unit]."""
        return Decimal(self.printed)

    @property
    def exact(self) -> Fraction:
        """The value as a rational [unit]."""
        return Fraction(self.printed)


@dataclass(frozen=True, slots=True)
class EmissionFactor:
    """So much emission per unit of activity [unit, such as kgCO2/kWh]; composed factors keep their parameters."""

    id: str
    activity: str
    region: str
    year: int | None
    exact: Fraction  # [unit]
    printed: str  # as in the document; composed ones rounded to 4 decimals
    unit: str
    gas: Gas
    method: Method
    status: Status
    document: str
    source: str
    page: str = ""
    url: str = ""
    note: str = ""
    last_year: int | None = None  # None = valid until superseded
    components: tuple[Parameter, ...] = ()
    formula: str = ""
    gwp: str = ""  # "AR6" where CH4 and N2O were weighted

    @property
    def value(self) -> float:
        """The nearest float [unit]."""
        return float(self.exact)

    @property
    def heating_value(self) -> str:
        """By which calorific value heat is counted: as a row says, else carbon and CO2 per energy by the net one."""
        stated = next((p.heating_value for p in self.components if p.heating_value), "")
        params = {p.param for p in self.components}
        return stated or ("" if params.isdisjoint({"ncv", "carbon_content", "co2_per_energy"}) else "net")

    def kg_per(self, activity_unit: str) -> Fraction:
        """Kilograms per unit of activity, exactly [kg/unit]."""
        return self.exact * kg_per(self.unit, activity_unit)

    @classmethod
    def of(cls, row: Parameter, *, last_year: int | None = None) -> "EmissionFactor":
        """A factor that is printed as one number."""
        return cls(
            row.id, row.activity, row.region, row.year, row.exact, row.printed, row.unit, row.gas, row.method,
            row.status, row.document, row.source, row.page, row.url, row.note, last_year, (row,), "as printed",
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Match:
    """How a factor was found, said in the line that uses it."""

    kinds: tuple[MatchKind, ...]
    sentence: Sentence

    @property
    def kind(self) -> MatchKind:
        """The first and weightiest of the kinds."""
        return self.kinds[0]


@dataclass(frozen=True, slots=True)
class Refusal:
    """No factor may be used, and why."""

    sentence: Sentence


Found = tuple[EmissionFactor, Match]


class FactorTable:
    """All factors at hand, the site's own among them."""

    def __init__(
        self, factors: Iterable[EmissionFactor], regions: RegionTable, parameters: Iterable[Parameter] = ()
    ) -> None:
        self.factors, self.regions, self.parameters = tuple(factors), regions, tuple(parameters)
        self._of: dict[str, list[EmissionFactor]] = {}
        for factor in self.factors:
            self._of.setdefault(factor.activity, []).append(factor)

    def find(
        self, activity: str, chain: Sequence[str], year: int, *,
        method: Method = Method.NOT_APPLICABLE, gas: Gas = Gas.CO2_ONLY, unit: str = "",
    ) -> Found | Refusal:  # fmt: skip
        """The site's declared factor, else the nearest region's newest vintage up to the year; never a later one."""
        rows = [f for f in self._of.get(activity, ()) if _serves(f, method)]
        fitting = [f for f in rows if not unit or fits(f.unit, unit)]
        if not fitting:
            return _unfit(rows, unit) if rows else _no_row(activity, method)
        for kind in (_declared, _published):
            candidates = [f for f in fitting if kind(f)]
            regions = dict.fromkeys(f.region for f in candidates) if kind is _declared else chain
            if found := self._nearest(candidates, list(regions), year, gas):
                return self._as_sure_as_the_map(found, chain), self._match(found, chain, year, gas)
        return self._none(rows, fitting, chain, year, unit)

    def _as_sure_as_the_map(self, factor: EmissionFactor, chain: Sequence[str]) -> EmissionFactor:
        """A grid region's factor is no better known than the province's place in that region."""
        if chain and self.regions.doubtful(chain[0], factor.region):
            return replace(factor, status=weakest((factor.status, Status.MEMORY)))
        return factor

    def _nearest(
        self, rows: list[EmissionFactor], regions: Sequence[str], year: int, gas: Gas
    ) -> EmissionFactor | None:
        for region in regions:
            for basis in dict.fromkeys((gas, Gas.CO2_ONLY, Gas.CO2E)):
                valid = [f for f in rows if f.region == region and f.gas is basis and _valid(f, year)]
                if valid:
                    return max(valid, key=lambda f: (f.year or 0, f.id))
        return None

    def _match(self, factor: EmissionFactor, chain: Sequence[str], year: int, gas: Gas) -> Match:
        parts = list(self._reasons(factor, chain, year, gas))
        kinds = tuple(kind for kind, _ in parts) or (MatchKind.EXACT,)
        sentence = joined(said for _, said in parts) if parts else self._exactly(factor)
        return Match(kinds, sentence)

    def _reasons(
        self, factor: EmissionFactor, chain: Sequence[str], year: int, gas: Gas
    ) -> Iterable[tuple[MatchKind, Sentence]]:
        if factor.status is Status.DECLARED:
            yield (
                MatchKind.DECLARED,
                Sentence(f"采用本厂声明的因子（{factor.source}）。", f"Declared by the site ({factor.source})."),
            )
        elif (wanted := _region_wanted(factor, chain)) != factor.region:
            name, asked = self.regions.sentence(factor.region), self.regions.sentence(wanted)
            yield (
                MatchKind.WIDER_REGION,
                Sentence(
                    f"没有{asked[0]}的因子，采用{name[0]}的因子。",
                    f"No factor for {asked[1]}: that of {name[1]} is used.",
                ),
            )
        if factor.year is not None and factor.year < year:
            yield (
                MatchKind.OLDER_VINTAGE,
                Sentence(
                    f"{year}年的活动采用{factor.year}年因子（现有最新）。",
                    f"Activity of {year} takes the factor of {factor.year}, the newest at hand.",
                ),
            )
        if factor.gas is not gas:
            yield MatchKind.OTHER_GAS_BASIS, _other_basis(factor.gas)

    def _exactly(self, factor: EmissionFactor) -> Sentence:
        zh, en = self.regions.sentence(factor.region)
        vintage = f"{factor.year}" if factor.year else ""
        return Sentence(f"采用{zh}{vintage and vintage + '年'}因子。", f"Factor of {en}{vintage and ', ' + vintage}.")

    def _none(
        self,
        rows: Sequence[EmissionFactor],
        fitting: Sequence[EmissionFactor],
        chain: Sequence[str],
        year: int,
        unit: str,
    ) -> Refusal:
        here = [f for f in rows if f.region in chain or f.status is Status.DECLARED]
        years = [f.year for f in here if f.year is not None and f in fitting]
        if not years and here:
            return _unfit(here, unit)
        if not years:
            zh, en = self.regions.sentence(chain[0]) if chain else ("", "an unknown region")
            return Refusal(Sentence(f"没有适用于{zh}的因子。", f"There is no factor for {en} or a region around it."))
        return Refusal(
            Sentence(
                f"{year}年没有可用因子：最早为{min(years)}年，不采用更晚年份的因子。",
                f"No factor may be used for {year}: the oldest is of {min(years)}, and a later one is never taken.",
            )
        )


def _declared(factor: EmissionFactor) -> bool:
    return factor.status is Status.DECLARED


def _published(factor: EmissionFactor) -> bool:
    return factor.status is not Status.DECLARED


def _serves(factor: EmissionFactor, method: Method) -> bool:
    if method is Method.NOT_APPLICABLE and factor.status is Status.DECLARED:
        return factor.method in {Method.NOT_APPLICABLE, Method.LOCATION_BASED}
    return factor.method is method


def _valid(factor: EmissionFactor, year: int) -> bool:
    return (factor.year is None or factor.year <= year) and (factor.last_year is None or year <= factor.last_year)


def _region_wanted(factor: EmissionFactor, chain: Sequence[str]) -> str:
    """The region a factor should be of: grid factors the narrowest, documents on fuels and heat the country."""
    country = chain[-2] if len(chain) > 1 else chain[-1]
    wanted = chain[0] if factor.method is Method.LOCATION_BASED else country
    return factor.region if chain.index(factor.region) <= chain.index(wanted) else wanted


def _no_row(activity: str, method: Method) -> Refusal:
    return Refusal(Sentence(f"没有 {activity} 的因子（{method}）。", f"There is no factor for {activity} ({method})."))


def _unfit(rows: Sequence[EmissionFactor], unit: str) -> Refusal:
    units = sorted({f.unit for f in rows})
    return Refusal(
        Sentence(
            f"现有因子单位为 {'、'.join(units)}，不能用于以 {unit} 计量的活动。",
            f"The factors at hand are in {', '.join(units)}; the activity is measured in {unit}.",
        )
    )


def _other_basis(gas: Gas) -> Sentence:
    if gas is Gas.CO2_ONLY:
        return Sentence("该因子只含CO2，不含CH4和N2O。", "The factor counts CO2 alone, no CH4 and N2O.")
    return Sentence("该因子为CO2当量，含CH4和N2O。", "The factor is in CO2e: CH4 and N2O are inside.")
