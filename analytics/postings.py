"""The lines, columns and faults of one calendar year of a balance."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Literal

from analytics.factors import EmissionFactor, FactorTable, Found, Gas, Match, MatchKind, Method, Refusal
from analytics.flows import Activity, Amount, Flows, Uncounted
from analytics.lines import BalanceLine, Category, Column
from analytics.market import Cover, Credit, Instrument, Rejected, cover, eligible_credits, usable
from analytics.recorded import Recorded
from analytics.recorded_lines import RecordedBook
from analytics.terms import Sentence

Remainder = Literal["excluding_market_traded_non_fossil", "average"]
RESOLD = "resold"  # the end use of a point that feeds a sub-tenant
BASES = (Gas.CO2_ONLY, Gas.CO2E)
REST = MatchKind.REMAINDER


@dataclass(frozen=True, slots=True)
class Settings:
    """What the site decides about its balance."""

    chain: tuple[str, ...]  # its region and those around it, narrowest first
    remainder: Remainder = "excluding_market_traded_non_fossil"
    instruments: tuple[Instrument, ...] = ()
    credits: tuple[Credit, ...] = ()
    attributes_sold: Mapping[tuple[str, int], int] = field(default_factory=dict)  # (point, year) -> [1e-6 kWh]
    recorded: tuple[Recorded, ...] = ()  # what people recorded: fuels, gases, freight ...
    grid_loss_percent: Fraction | None = None  # declared losses of the grid, for scope 3
    export_treatment: Literal["none", "cn_subtract"] = "none"
    refused: tuple[Rejected, ...] = field(default=(), repr=False)  # entries of the ledger that may not count


class Book:
    """The postings of one calendar year."""

    def __init__(self, flows: Flows, table: FactorTable, settings: Settings, year: int, cells: slice) -> None:
        self.flows, self.table, self.settings, self.year, self.cells = flows, table, settings, year, cells
        self.faults: list[Uncounted] = []
        self.bought = [i for i in usable(settings.instruments)[0] if i.year == year]
        told = [a for a in flows.activities if a.flow.told(cells)]  # of what nothing is known, no line says 0
        grid = [a for a in told if a.activity.startswith("electricity.")]
        amounts = less({a.point: a.flow.total(cells) for a in grid}, self._resold())
        self.covers, self.remaining = cover({point: amount.micro for point, amount in amounts.items()}, self.bought)
        self.lines = [line for a in told if a not in grid for line in self._direct(a)]
        for activity in grid:
            self.lines += self._location(activity, amounts[activity.point])
            self.lines += self._market(activity, amounts[activity.point])
        self.lines += self._sold()
        people = RecordedBook(flows, table, settings, year, cells)
        self.lines = [line for line in self.lines if line.point not in people.left_out]  # the other path counts it
        self.lines += [line for line in people.lines if line.scope in {1, 2}]
        self.apart = [line for line in people.lines if line.scope not in {1, 2}]
        self.faults += people.faults
        self.columns = (
            *self._resales(), *self._offsets(), *self._certificates(), *self._exports(), *self._by_profile(),
        )  # fmt: skip

    def _resold(self) -> Amount:
        """What went on to sub-tenants: not the site's own purchase (Q = import − resold)."""
        points = [p.id for p in self.flows.site.points if p.end_use == RESOLD and p.id in self.flows.points]
        parts = [self.flows.points[p].total(self.cells) for p in points]
        return Amount(sum(p.micro for p in parts), "kWh", lacking=max((p.lacking for p in parts), default=0))

    def _direct(self, activity: Activity) -> Iterator[BalanceLine]:
        """Fuels and purchased heat: one factor, whatever the method."""
        amount = activity.flow.total(self.cells)
        heat = activity.activity.startswith("heat.")
        category = Category.PURCHASED_HEAT if heat else Category.STATIONARY_COMBUSTION
        for gas in BASES:
            found = self.table.find(activity.activity, self.settings.chain, self.year, gas=gas, unit=amount.unit)
            yield from self._post(activity.point, category, amount, found, gas)

    def _location(self, activity: Activity, amount: Amount) -> Iterator[BalanceLine]:
        for gas in BASES:
            found = self._find(activity.activity, gas, Method.LOCATION_BASED, self.settings.chain)
            yield from self._post(
                activity.point, Category.PURCHASED_ELECTRICITY, amount, found, gas, Method.LOCATION_BASED
            )

    def _market(self, activity: Activity, amount: Amount) -> Iterator[BalanceLine]:
        """Instruments first, in their hierarchy; what none covers at the remainder's factor."""
        covers = [c for c in self.covers if c.need == activity.point]
        rest = self.remaining[activity.point]
        for gas in BASES:
            yield from (self._covered(one, amount, gas) for one in covers)
            if rest or not covers:
                found = self.remainder(activity.activity, gas)
                part = _part_of(amount, rest)
                yield from self._post(
                    activity.point, Category.PURCHASED_ELECTRICITY, part, found, gas, Method.MARKET_BASED
                )

    def _covered(self, one: Cover, amount: Amount, gas: Gas) -> BalanceLine:
        sentence = Sentence(f"由凭证 {one.instrument.id} 覆盖。", f"Covered by instrument {one.instrument.id}.")
        return BalanceLine(
            one.need, Category.PURCHASED_ELECTRICITY, self.year, _part_of(amount, one.micro), one.instrument.factor,
            Match((MatchKind.INSTRUMENT,), sentence), gas, Method.MARKET_BASED, one.instrument.id,
        )  # fmt: skip

    def remainder(self, activity: str, gas: Gas) -> Found | Refusal:
        """The factor of what no instrument covers."""
        return remainder_factor(self.table, self.settings, self.year, activity, gas)

    def _find(self, activity: str, gas: Gas, method: Method, chain: Sequence[str]) -> Found | Refusal:
        return self.table.find(activity, chain, self.year, method=method, gas=gas, unit="kWh")

    def _post(
        self, point: str, category: Category, amount: Amount, found: Found | Refusal, gas: Gas,
        method: Method = Method.NOT_APPLICABLE,
    ) -> Iterator[BalanceLine]:  # fmt: skip
        if isinstance(found, Refusal):
            self.faults.append(Uncounted(point, found.sentence))
        else:
            yield BalanceLine(point, category, self.year, amount, found[0], found[1], gas, method)

    def _sold(self) -> Iterator[BalanceLine]:
        """Own generation used on site whose attributes were sold: the market sees it as the remainder."""
        used = self.flows.self_use.total(self.cells)
        left = max(0, used.micro)
        for (point, year), micro in sorted(self.settings.attributes_sold.items()):
            if year != self.year:
                continue
            taken = min(micro, left)
            left -= taken
            for gas in BASES:
                found = self.remainder("electricity.grid", gas)
                yield from self._post(
                    point, Category.SOLD_ATTRIBUTES, _part_of(used, taken), found, gas, Method.MARKET_BASED
                )

    def _offsets(self) -> Iterator[Column]:
        for credit in eligible_credits(self.settings.credits, self.year)[0]:
            note = Sentence("已注销，单列，不从总量中扣除。", "Retired; beside the balance, never netted inside it.")
            yield Column("offset", credit.id, self.year, None, float(credit.kg), note)

    def _resales(self) -> Iterator[Column]:
        amount = self._resold()
        if amount.micro:
            note = Sentence("转供给租户的电量，不计入本厂外购。", "Passed on to tenants; not the site's own purchase.")
            yield Column("resold", "grid_import", self.year, amount, None, note)

    def _certificates(self) -> Iterator[Column]:
        for instrument in self.bought:
            used = sum(c.micro for c in self.covers if c.instrument is instrument)
            spare = instrument.volume_micro - used
            note = Sentence(
                f"已用 {used / 10**6:.3f} kWh，多余 {spare / 10**6:.3f} kWh 不产生抵减。",
                f"{used / 10**6:.3f} kWh used; the other {spare / 10**6:.3f} kWh give no credit.",
            )
            yield Column("certificate", instrument.id, self.year, Amount(instrument.volume_micro, "kWh"), None, note)

    def _exports(self) -> Iterator[Column]:
        amount = self.flows.grid_export.total(self.cells)
        if not amount.micro:
            return
        note = Sentence("上网电量单列，不从范围一、二扣除。", "Exported; never deducted from scope 1 or 2.")
        yield Column("export", "grid_export", self.year, amount, None, note)
        found = self._find("electricity.avoided", Gas.CO2E, Method.NOT_APPLICABLE, self.settings.chain)
        if isinstance(found, Refusal):
            missing = Sentence("未声明边际因子，避免排放不计算。", "No marginal factor is declared: not computed.")
            yield Column("avoided", "grid_export", self.year, amount, None, missing)
        else:
            kg = float(found[0].kg_per("kWh") * amount.micro / 10**6)
            yield Column("avoided", "grid_export", self.year, amount, kg, found[1].sentence)

    def _by_profile(self) -> Iterator[Column]:
        """What a sector standard would subtract for exports (EI = E_Ge + E_Gd − E_Se − E_Sd); beside, never inside."""
        amount = self.flows.grid_export.total(self.cells)
        if self.settings.export_treatment == "none" or not amount.micro:
            return
        found = self._find("electricity.grid", Gas.CO2_ONLY, Method.LOCATION_BASED, self.settings.chain)
        if isinstance(found, Refusal):
            self.faults.append(Uncounted("grid_export", found.sentence))
            return
        kg = -float(found[0].kg_per("kWh") * amount.micro / 10**6)
        said = Sentence("按行业核算口径扣减上网电量，仅单列，不用于声明。",
                        "Subtracted by the sector's profile; beside the totals, no claim rests on it.")  # fmt: skip
        yield Column("export_by_profile", "grid_export", self.year, amount, kg, said + found[1].sentence)


def remainder_factor(table: FactorTable, settings: Settings, year: int, activity: str, gas: Gas) -> Found | Refusal:
    """The factor of what no instrument covers: residual mix, else grid average, said so (Table 6.3, rows 4, 5)."""

    def find(method: Method, chain: Sequence[str]) -> Found | Refusal:
        return table.find(activity, chain, year, method=method, gas=gas, unit="kWh")

    if settings.remainder == "average":
        said = Sentence("未覆盖部分按全国平均（设置）。", "Remainder: national average, as set.")
        return _said(find(Method.LOCATION_BASED, settings.chain[-2:]), said, REST)
    residual = find(Method.MARKET_RESIDUAL, settings.chain)
    if not isinstance(residual, Refusal):
        return _said(residual, _residual(residual[0]), REST)
    none = Sentence(
        "没有可用的残余电力组合，采用电网平均。", "There is no residual mix to use: the grid average is taken."
    )  # fmt: skip
    return _said(find(Method.LOCATION_BASED, settings.chain), none, MatchKind.NO_RESIDUAL_MIX)


def _residual(factor: EmissionFactor) -> Sentence:
    zh, en = next(((p.zh, p.en) for p in factor.components if p.zh), ("残余因子", "the residual factor"))
    return Sentence(f"未覆盖部分按 {factor.printed} 计：{zh}。", f"Remainder at {factor.printed}: {en}.")


def less(amounts: Mapping[str, Amount], resold: Amount) -> dict[str, Amount]:
    """The amounts bought less what was resold, from the first point on and never below nothing."""
    left, found = resold.micro, {}
    for point, amount in amounts.items():
        taken = max(0, min(left, amount.micro))
        left -= taken
        kept = _part_of(amount, amount.micro - taken) if taken else amount
        found[point] = replace(kept, lacking=max(kept.lacking, resold.lacking)) if resold.lacking else kept
    return found


def _part_of(amount: Amount, micro: int) -> Amount:
    """Part of an amount, with its share of what is placed or provisional, rounded down."""
    if amount.micro == 0:
        return replace(amount, micro=micro, placed=0, provisional=0)
    return replace(
        amount,
        micro=micro,
        placed=amount.placed * micro // amount.micro,
        provisional=amount.provisional * micro // amount.micro,
    )


def _said(found: Found | Refusal, sentence: Sentence, kind: MatchKind) -> Found | Refusal:
    if isinstance(found, Refusal):
        return found
    factor, match = found
    return factor, Match((kind, *match.kinds), sentence + match.sentence)
