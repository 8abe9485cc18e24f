"""Indicators of carbon: intensities, totals, reductions, offsets, instruments, uncertainty."""

import math

from analytics.carbon_uncertainty import Judge, interval
from analytics.factors import Gas, Method
from analytics.indicator_inputs import (
    Indicator,
    Inputs,
    Scale,
    comprehensive_energy,
    incomplete,
    percent,
    unknown,
)
from analytics.market import QUALITY_CRITERIA, eligible_credits, repeated
from analytics.terms import Sentence, Status, weakest

_LB, _MB = Method.LOCATION_BASED, Method.MARKET_BASED


def _tonnes(id_: str, inputs: Inputs, gas: Gas, method: Method | None, scope: int | None) -> Indicator:
    unit = "tCO2" if gas is Gas.CO2_ONLY else "tCO2e"
    lacking = incomplete(id_, unit, inputs)
    if lacking:
        return lacking
    lines = inputs.balance.select(gas, scope=scope, method=method)
    value = inputs.balance.kg(gas, scope=scope, method=method) / 1000
    return Indicator(
        id_, value, unit, None, tuple(line.id for line in lines), weakest(line.status for line in lines),
        Scale(1.0, unit),
    )  # fmt: skip


def scope1(inputs: Inputs) -> Indicator:
    """Direct emissions [tCO2e]; GHG Protocol scope 1."""
    return _tonnes("scope1", inputs, Gas.CO2E, _MB, 1)


def scope2_location(inputs: Inputs) -> Indicator:
    """Bought energy at grid averages [tCO2]; Scope 2 Guidance Table 6.2."""
    return _tonnes("scope2_location", inputs, Gas.CO2_ONLY, _LB, 2)


def scope2_market(inputs: Inputs) -> Indicator:
    """Bought energy by instruments and the remainder [tCO2]; Scope 2 Guidance Table 6.3."""
    return _tonnes("scope2_market", inputs, Gas.CO2_ONLY, _MB, 2)


def gross_location(inputs: Inputs) -> Indicator:
    """Scope 1 + 2, location-based, before any offset [tCO2e]."""
    return _tonnes("gross_location", inputs, Gas.CO2E, _LB, None)


def gross_market(inputs: Inputs) -> Indicator:
    """Scope 1 + 2, market-based, before any offset [tCO2e]."""
    return _tonnes("gross_market", inputs, Gas.CO2E, _MB, None)


def _per_tce(id_: str, inputs: Inputs, gas: Gas, method: Method) -> Indicator:
    gross = _tonnes(id_, inputs, gas, method, None)
    coal = comprehensive_energy(inputs)
    unit = f"{gross.unit}/tce"
    if gross.value is None or gross.reason:
        return Indicator(id_, None, unit, gross.reason, gross.inputs)
    if isinstance(coal, Sentence):
        return Indicator(id_, None, unit, coal, gross.inputs)
    if coal.total <= 0:
        return unknown(id_, unit, "没有用能。", "No energy was used.")
    status = weakest((gross.status, coal.status))
    return Indicator(
        id_, gross.value / coal.total, unit, None, gross.inputs, status, Scale(coal.total, gross.unit), parts=coal.parts
    )


def co2_per_tce(inputs: Inputs) -> Indicator:
    """CO2 of scopes 1 + 2, market-based, per comprehensive energy [tCO2/tce]; electricity at 0.1229 kgce/kWh."""
    return _per_tce("co2_per_tce", inputs, Gas.CO2_ONLY, _MB)


def co2_per_tce_location(inputs: Inputs) -> Indicator:
    """The same, location-based [tCO2/tce]."""
    return _per_tce("co2_per_tce_location", inputs, Gas.CO2_ONLY, _LB)


def co2e_per_tce(inputs: Inputs) -> Indicator:
    """The same as CO2e, market-based [tCO2e/tce]; Hunan annex 1."""
    return _per_tce("co2e_per_tce", inputs, Gas.CO2E, _MB)


def net_balance(inputs: Inputs) -> Indicator:
    """Gross scope 1 + 2, market-based, less retired credits [tCO2e]; the gross stands beside it."""
    gross = gross_market(inputs)
    if gross.value is None:
        return Indicator("net_balance", None, "tCO2e", gross.reason, gross.inputs)
    net = gross.value - inputs.balance.offsets_kg / 1000
    return Indicator(
        "net_balance", net, "tCO2e", None, gross.inputs, gross.status, Scale(1.0, "tCO2e"),
        parts={"gross": gross.value, "offsets": inputs.balance.offsets_kg / 1000},
    )  # fmt: skip


def offsets_ratio(inputs: Inputs) -> Indicator:
    """Retired credits as a share of gross scope 1 + 2, market-based [%]."""
    gross = gross_market(inputs)
    if not gross.value:
        return Indicator("offsets_ratio", None, "%", gross.reason or _nothing(), gross.inputs)
    value = percent(inputs.balance.offsets_kg / 1000, gross.value)
    return Indicator("offsets_ratio", value, "%", None, gross.inputs, gross.status, Scale(gross.value / 100, "tCO2e"))


def _nothing() -> Sentence:
    return Sentence("没有排放可比。", "There are no emissions to compare with.")


def own_reduction_share(inputs: Inputs) -> Indicator:
    """1 − residual / baseline without measures [%]; the residual before offsets, the baseline declared."""
    return _reduction(
        "own_reduction_share", inputs, "baseline_tco2e", "没有措施时的基线排放", "baseline without measures"
    )


def absolute_reduction(inputs: Inputs) -> Indicator:
    """1 − this year / base year, scopes 1 + 2, market-based, offsets not counted [%]."""
    return _reduction("absolute_reduction", inputs, "base_year_tco2e", "基准年排放", "emissions of the base year")


def _reduction(id_: str, inputs: Inputs, fact: str, zh: str, en: str) -> Indicator:
    base = inputs.facts.get(fact)
    if not base and id_ == "absolute_reduction" and inputs.targets:
        base = min(inputs.targets, key=lambda t: t.year).base.value  # recalculated by the target's policy
    if not base:
        return unknown(id_, "%", f"未声明{zh}（facts: {fact}）。", f"Not declared: the {en} (facts: {fact}).", (fact,))
    if not inputs.full_year:
        return unknown(
            id_, "%", "需要整年数据才能与全年基线比较。", "A whole year is needed to compare with a yearly figure."
        )
    gross = gross_market(inputs)
    if gross.value is None:
        return Indicator(id_, None, "%", gross.reason, gross.inputs)
    status = weakest((gross.status, Status.DECLARED))
    return Indicator(
        id_, percent(base - gross.value, base), "%", None, (*gross.inputs, fact), status, Scale(base / 100, "tCO2e")
    )


def target_annual_reduction(inputs: Inputs) -> Indicator:
    """Linear yearly reduction of the scope 1 + 2 target, (1 − target/base)/years [%/yr]; SBTi, never compounding."""
    if not inputs.targets:
        return unknown(
            "target_annual_reduction", "%/yr", "未声明绝对减排目标。", "No absolute target is declared.", ("targets",)
        )
    near = min(inputs.targets, key=lambda t: t.year)
    years = near.year - near.base_year
    if years <= 0 or near.base_t <= 0:
        return unknown(
            "target_annual_reduction", "%/yr", "目标年份或基准无效。", "The target has no valid base or year."
        )
    value = percent(near.base_t - near.target_t, near.base_t * years)
    return Indicator("target_annual_reduction", value, "%/yr", None, ("targets",), Status.DECLARED)


def linear_path(base: float, percent_a_year: float, years: float) -> float:
    """An absolute target on a linear path, base x (1 − rate x years); SBTi, compounding would be wrong."""
    return base * (1 - percent_a_year / 100 * years)


def instruments_quality(inputs: Inputs) -> Indicator:
    """The fewest of the eight scope 2 quality criteria that any instrument meets [count]; Table 7.1."""
    held = inputs.balance.settings.instruments
    twice = repeated(held) | repeated(inputs.balance.settings.credits)
    counts = [len(QUALITY_CRITERIA) - len(set(i.failed) | ({"sole_claim"} if i.id in twice else set())) for i in held]
    bad_credits = eligible_credits(inputs.balance.settings.credits, inputs.year)[1]
    counts += [len(QUALITY_CRITERIA) - 1 for _ in bad_credits]
    value = float(min(counts, default=len(QUALITY_CRITERIA)))
    names = tuple(i.id for i in held) + tuple(c.id for c in inputs.balance.settings.credits)
    note = None if names else Sentence("未使用任何凭证或碳信用。", "No instrument and no credit is used.")
    status = Status.DECLARED if names else Status.NONE
    return Indicator("instruments_quality", value, "count", None, names, status, note=note)


def duplicate_serials(inputs: Inputs) -> Indicator:
    """Instruments and credits whose serial number was used before [count]."""
    settings = inputs.balance.settings
    twice = repeated(settings.instruments) | repeated(settings.credits)
    return Indicator("duplicate_serials", float(len(twice)), "count", None, tuple(sorted(twice)))


def offset_quality(inputs: Inputs) -> Indicator:
    """The share of retired credits with a vintage of at most five years [1]; by mass."""
    used = eligible_credits(inputs.balance.settings.credits, inputs.year)[0]
    total = float(sum(c.kg for c in used))
    if not total:
        return unknown("offset_quality", "score", "没有已注销的碳信用。", "No credits were retired.", ("credits",))
    recent = float(sum(c.kg for c in used if c.vintage is not None and inputs.year - c.vintage <= 5))
    return Indicator("offset_quality", recent / total, "score", None, tuple(c.id for c in used), Status.DECLARED)


def removals_cover(inputs: Inputs) -> Indicator:
    """Retired removal credits of the year over gross scope 1 + 2, market-based [%]."""
    gross = gross_market(inputs)
    if not gross.value:
        return Indicator("removals_cover", None, "%", gross.reason or _nothing(), gross.inputs)
    used = [c for c in eligible_credits(inputs.balance.settings.credits, inputs.year)[0] if c.removal]
    value = percent(float(sum(c.kg for c in used)) / 1000, gross.value)
    names = (*gross.inputs, *(c.id for c in used))
    return Indicator("removals_cover", value, "%", None, names, gross.status, Scale(gross.value / 100, "tCO2e"))


def reduction_first(inputs: Inputs) -> Indicator:
    """Own reduction above zero, and a plan older than the first credit retired [bool]; ISO 14068-1 order."""
    id_, key = "reduction_first", "carbon_neutrality_plan"
    own, plan = own_reduction_share(inputs), inputs.evidence.get(key)
    if own.value is None:
        return Indicator(id_, None, "bool", own.reason, own.inputs)
    if plan is None or not plan.holds(inputs.today):
        return unknown(id_, "bool", f"没有有效的管理计划（{key}）。", f"No plan is in force ({key}).", (key,))
    retired = [c.retired_on for c in inputs.balance.settings.credits if c.retired_on is not None]
    late = bool(retired) and min(retired) < plan.valid_from
    note = Sentence(f"自主减排 {own.value:.1f} %。", f"Own reduction {own.value:.1f} %.")
    if late:
        note = note + Sentence("计划晚于首次注销碳信用。", "The plan is younger than the first credit retired.")
    return Indicator(id_, float(own.value > 0 and not late), "bool", None, (*own.inputs, key), own.status, note=note)


def grid_intensity(inputs: Inputs) -> Indicator:
    """CO2 of the grid import at grid averages per kWh [kgCO2/kWh]."""
    lines = [line for line in inputs.balance.select(Gas.CO2_ONLY, scope=2, method=_LB) if line.amount.unit == "kWh"]
    kwh = sum(line.amount.micro for line in lines) / 10**6
    if not kwh:
        return unknown("grid_intensity", "kgCO2/kWh", "没有购入电力。", "No electricity was bought.")
    value = math.fsum(line.kg for line in lines) / kwh
    status = weakest(line.status for line in lines)
    return Indicator("grid_intensity", value, "kgCO2/kWh", None, tuple(line.id for line in lines), status)


def consumption_intensity(inputs: Inputs) -> Indicator:
    """Market-based CO2 of electricity per kWh used on site, own generation included [kgCO2/kWh]."""
    lacking = incomplete("consumption_intensity", "kgCO2/kWh", inputs)
    if lacking:
        return lacking
    lines = [line for line in inputs.balance.select(Gas.CO2_ONLY, scope=2, method=_MB) if line.amount.unit == "kWh"]
    kwh = inputs.flows.site_use.total().value
    if kwh <= 0:
        return unknown("consumption_intensity", "kgCO2/kWh", "没有用电。", "No electricity was used.")
    status = weakest(line.status for line in lines)
    value = math.fsum(line.kg for line in lines) / kwh
    return Indicator("consumption_intensity", value, "kgCO2/kWh", None, tuple(line.id for line in lines), status)


def combined_uncertainty(inputs: Inputs) -> Indicator:
    """Half the 95 % interval of scope 1 + 2, market-based [%], as the balance states it: shared causes err together."""
    lines = inputs.balance.select(Gas.CO2E, method=_MB)
    total = math.fsum(line.kg for line in lines)
    if not inputs.uncertainty:
        return unknown("combined_uncertainty", "%", "没有不确定度参数。", "No uncertainties are at hand.")
    if not total:
        return Indicator("combined_uncertainty", None, "%", _nothing())
    judge = Judge(inputs.flows, inputs.balance, inputs.table, inputs.uncertainty)
    found = interval(judge.terms(lines, Gas.CO2E))
    return Indicator("combined_uncertainty", found.percent, "%", None, tuple(x.id for x in lines), found.status)
