"""Words and numbers of a report in a reader's language: statuses, outcomes, units, digits."""

import math
from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from analytics.terms import Sentence
from metering.period import from_ms

STATUS: Mapping[str, Sentence] = {
    "found": Sentence("原文", "found"),
    "declared": Sentence("本厂声明", "declared"),
    "second_hand": Sentence("二手资料", "second-hand"),
    "borrowed": Sentence("借用", "borrowed"),
    "derived": Sentence("推算", "derived"),
    "memory": Sentence("凭记忆", "from memory"),
    "assumed": Sentence("假定", "assumed"),
    "none": Sentence("无", "none"),
}
OUTCOME: Mapping[str, Sentence] = {
    "MET": Sentence("满足", "met"),
    "NOT_MET": Sentence("未满足", "not met"),
    "UNDETERMINED": Sentence("无法判定", "undetermined"),
}
CATEGORY: Mapping[str, Sentence] = {
    "stationary_combustion": Sentence("固定燃烧", "stationary combustion"),
    "purchased_electricity": Sentence("外购电力", "purchased electricity"),
    "purchased_heat": Sentence("外购热力", "purchased heat"),
    "sold_attributes": Sentence("已出售绿色属性的自发电", "own generation, attributes sold"),
    "mobile_combustion": Sentence("移动燃烧", "mobile combustion"),
    "fugitive": Sentence("逸散", "fugitive"),
    "process": Sentence("过程排放", "process"),
    "purchased_goods": Sentence("外购商品与服务", "purchased goods and services"),
    "capital_goods": Sentence("资本货物", "capital goods"),
    "fuel_and_energy": Sentence("燃料与能源相关", "fuel- and energy-related"),
    "upstream_transport": Sentence("上游运输", "upstream transport"),
    "waste": Sentence("废弃物", "waste"),
    "business_travel": Sentence("商务差旅", "business travel"),
    "commuting": Sentence("员工通勤", "commuting"),
    "downstream_transport": Sentence("下游运输", "downstream transport"),
    "biogenic": Sentence("生物源 CO₂", "biogenic CO₂"),
    "not_kyoto": Sentence("蒙特利尔议定书气体", "Montreal Protocol gases"),
}
SIGNS = {">=": "≥", "<=": "≤", "==": "="}
METHOD: Mapping[str, Sentence] = {
    "LB": Sentence("基于位置", "location-based"),
    "MB": Sentence("基于市场", "market-based"),
    "-": Sentence("两法相同", "both"),
}
_LARGE = {"kWh": (10_000, 1000, "MWh"), "kgCO2": (0, 1000, "tCO2"), "kgCO2e": (0, 1000, "tCO2e")}
_PRINTED = {
    "tCO2": "tCO₂",
    "tCO2e": "tCO₂e",
    "kgCO2": "kgCO₂",
    "kgCO2e": "kgCO₂e",
    "m3": "m³",
    "1": "",
    "bool": "",
    "count": "",
    "document": "",
    "score": "",
    "score 0-1": "",
    "level": "",
    "grade": "",
    "ratio": "",
}


def scaled(value: float, unit: str) -> tuple[float, str]:
    """A value in the unit that people read it in."""
    least, by, larger = _LARGE.get(unit, (math.inf, 1, unit))
    return (value / by, larger) if abs(value) >= least else (value, unit)


def printed_unit(unit: str) -> str:
    """A unit as it is set in type; of a count the whole that it is of."""
    if unit.startswith("count/"):
        return f"/ {unit.removeprefix('count/')}"
    return _PRINTED.get(unit, unit.replace("CO2", "CO₂").replace("m3", "m³"))


ROLE: Mapping[str, Sentence] = {
    "grid": Sentence("电网", "grid"), "fuel": Sentence("燃料", "fuel"), "heat": Sentence("热力", "heat"),
}  # fmt: skip
CARRIER: Mapping[str, Sentence] = {
    "electricity": Sentence("电力", "electricity"), "natural_gas": Sentence("天然气", "natural gas"),
    "heat": Sentence("热力", "heat"), "diesel": Sentence("柴油", "diesel"), "steam": Sentence("蒸汽", "steam"),
}  # fmt: skip
REMAINDER: Mapping[str, Sentence] = {
    "excluding_market_traded_non_fossil": Sentence("扣除市场化交易非化石电量后的全国平均因子",
                                                   "national average excluding market-traded non-fossil power"),
    "average": Sentence("全国平均因子", "national average"),
}  # fmt: skip


def digits(value: float, fewest: int = 4) -> str:
    """Four significant digits at least, all whole digits, thousands apart; a true minus sign. Below one, one less."""
    size = abs(value)
    whole = len(str(int(size))) if size >= 1 else 1
    text = f"{size:,.{max(0, fewest - whole)}f}" if size >= 1 else f"{size:.{max(2, fewest - 1)}g}"
    return f"−{text}" if value < 0 and any(c not in "0.," for c in text) else text


def shown(value: float | None, unit: str, fewest: int = 4) -> tuple[str, str]:
    """A number and its unit for people; a dash where nothing is known."""
    if value is None:
        return "—", printed_unit(scaled(math.inf, unit)[1])
    number, name = scaled(value, unit)
    return f"{value:,.0f}" if unit.startswith("count") else digits(number, fewest), printed_unit(name)


def interval(value: float | None, half: float | None, unit: str) -> str:
    """The half interval in the unit the value is read in, with its share [%]; empty where none is stated."""
    if value is None or half is None:
        return ""
    number, name = scaled(value, unit)
    part = half * (number / value) if value else half
    share = f" ({digits(100 * half / abs(value), 2)} %)" if value and half < abs(value) else ""
    return f"± {digits(part, 2)} {printed_unit(name)}{share}"


def moment(ms: int, zone: ZoneInfo, lang: str) -> str:
    """An instant on the site's clock, the zone named."""
    local: datetime = from_ms(ms).astimezone(zone)
    text = local.strftime("%Y-%m-%d %H:%M")
    return f"{text}（{zone.key}）" if lang == "zh" else f"{text} ({zone.key})"


def both_moments(ms: int, zone: ZoneInfo) -> Sentence:
    """The same in both languages."""
    return Sentence(moment(ms, zone, "zh"), moment(ms, zone, "en"))


ENTRY: Mapping[str, Sentence] = {
    "activity": Sentence("活动数据", "activity"), "acquisition": Sentence("取得", "acquisition"),
    "retirement": Sentence("注销", "retirement"), "disposal": Sentence("转让", "disposal"),
    "surrender": Sentence("清缴", "surrender"), "verified_emissions": Sentence("核查排放量", "verified emissions"),
    "exchange": Sentence("换表", "meter exchange"), "bad_range": Sentence("剔除读数", "readings set aside"),
    "manual_reading": Sentence("人工抄表", "manual reading"), "multiplier": Sentence("倍率更正", "multiplier"),
    "direction": Sentence("方向更正", "direction"), "reset": Sentence("登记复位", "register reset"),
    "bill": Sentence("账单", "bill"), "undo": Sentence("撤销", "undo"), "closing": Sentence("结账", "closing"),
    "evidence": Sentence("证据", "evidence"), "work_order": Sentence("工单", "work order"),
}  # fmt: skip


def said(word: str, lang: str) -> str:
    """A status or an outcome in a reader's language."""
    known = STATUS.get(word) or OUTCOME.get(word)
    return known.text(lang) if known else word
