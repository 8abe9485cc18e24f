"""A greenhouse gas inventory in the order of ISO 14064-1: boundary, categories, methods, uncertainty, verification.

The order of its parts is from memory of ISO 14064-1:2018, clause 9; not checked against the standard's text.
"""

from collections.abc import Mapping
from typing import Any

from analytics import report_sections as part
from analytics.report_claims import claims_blocks
from analytics.report_disclosure import annexes
from analytics.report_facts import Facts
from analytics.report_matching import matching_blocks
from analytics.report_meters import suspects_table
from analytics.report_parts import NOTHING, Cell, Chapter, Figure, Table, Text, same, sentence
from analytics.report_targets import targets_blocks
from analytics.report_words import CARRIER, CATEGORY, REMAINDER, ROLE
from analytics.terms import Sentence

S = Sentence
# ISO 14064-1:2018, 5.2.4: six categories; 1 is scope 1, 2 scope 2, 3 to 6 scope 3.
CATEGORIES: Mapping[int, Sentence] = {
    1: S("类别 1：直接排放", "Category 1: direct emissions"),
    2: S("类别 2：外购能源间接排放", "Category 2: indirect, imported energy"),
    3: S("类别 3：运输", "Category 3: indirect, transport"),
    4: S("类别 4：组织使用的产品", "Category 4: indirect, products used"),
    5: S("类别 5：组织产品的使用", "Category 5: indirect, use of the products"),
    6: S("类别 6：其他来源", "Category 6: indirect, other sources"),
}
GROUP, TOTAL = {2: "2_lb"}, {1: "scope1", 2: "scope2_lb"}
GROUPS: Mapping[str, Sentence] = {
    "1": S("类别 1", "Category 1"), "2_lb": S("类别 2（基于位置）", "Category 2, location"),
    "2_mb": S("类别 2（基于市场）", "Category 2, market"), "3": S("类别 3", "Category 3"),
    "4": S("类别 4", "Category 4"),
}  # fmt: skip
GAS: Mapping[str, Sentence] = {
    "CO2": same("CO₂"), "CH4": same("CH₄"), "N2O": same("N₂O"), "HFCs": same("HFCs"), "PFCs": same("PFCs"),
    "SF6": same("SF₆"), "NF3": same("NF₃"), "other": S("其他气体", "other gases"),
    "undivided": S("未按气体拆分", "not told by gas"),
}  # fmt: skip


def inventory(facts: Facts) -> tuple[Chapter, ...]:
    """The inventory of one site and period."""
    return (
        Chapter("1", S("组织与边界", "Organisation and boundary"), (
            Text(S("章节顺序参照 ISO 14064-1:2018 第 9 章，凭记忆整理，未与原文核对。",
                   "In the order of ISO 14064-1:2018, clause 9, from memory; not checked against its text."), "notice"),
            profile_table(facts), boundary_table(facts),
        )),
        Chapter("2", S("排放清单", "Inventory"), (
            *part.shortcomings(facts), part.scopes_chart(facts), category_table(facts), gas_text(facts),
            gas_table(facts), part.totals_table(facts), part.interval_note(facts),
            part.apart_table(facts), part.suppliers_text(facts), part.beside_table(facts),
        )),
        Chapter("3", S("活动数据与方法", "Activity data and methods"), (
            method_text(facts), part.energy_table(facts), part.energy_chart(facts), *matching_blocks(facts),
            part.factors_table(facts),
        )),
        Chapter("4", S("基准年与目标", "Base year and targets"), targets_blocks(facts)),
        Chapter("5", S("数据质量与未计入内容", "Data quality, and what is not counted"), (
            part.lacking_table(facts), suspects_table(facts), part.closings_table(facts),
            part.entries_table(facts),
        )),
        Chapter("6", S("可以据此声明什么", "What may be claimed from it"), claims_blocks(facts)),
        *annexes(facts),
    )  # fmt: skip


def profile_table(facts: Facts) -> Table:
    """Who reports, over what, by which approach: what the site file says, and what it does not say."""
    first, last = (one.astimezone(facts.zone).date() for one in (facts.period.start, facts.period.end))
    grid = facts.site["grid"]
    where = " · ".join(filter(None, (grid["country"], grid["region"], grid["province"])))
    closed = facts.closings[-1]["entry"]["who"] if facts.closings else ""
    rows: tuple[tuple[Sentence, Sentence], ...] = (
        (S("报告组织", "Reporting organisation"), facts.name + same(f" ({facts.site['id']})")),
        (S("所在电网", "Grid region"), same(where)),
        (S("报告期", "Reporting period"), S(f"{first} 起，{last} 前", f"from {first}, before {last}")),
        (S("合并方法", "Consolidation"),
         S("下列边界表计之后的全部设施；股权或控制权方法未声明。",
           "All that lies behind the meters below; an equity or control approach is not declared.")),
        (S("温室气体与 GWP", "Gases and GWP"),
         S(f"仅 CO₂ 与 CO₂e（GWP 取 {facts.gwp}）两套总量并列；生物源 CO₂ 与蒙特利尔议定书气体单列。",
           f"Totals of CO₂ alone and of CO₂e (GWP of {facts.gwp}) side by side; biogenic CO₂ and Montreal gases"
           " apart.")),
        (S("结账人", "Books closed by"), same(closed) if closed else S("尚未结账", "not closed")),
        (S("核查", "Verification"), S("未经第三方核查", "not verified by a third party")),
    )  # fmt: skip
    return Table("profile", S("清单概况", "At a glance"), (S("项目", "Item"), S("内容", "Content")), rows)


def boundary_table(facts: Facts) -> Table:
    """The points at which energy crosses the site's boundary."""
    bought = {line["point"] for line in facts.lines}  # heat that was made or recovered here crosses nothing
    heads = (S("边界表计", "Boundary point"), S("角色", "Role"), S("能源", "Carrier"))
    body = tuple(
        (sentence(p["name"]), ROLE[p["role"]], CARRIER.get(p["carrier"], same(p["carrier"])))
        for p in facts.site["points"]
        if p["parent"] is None and (p["role"] in {"grid", "fuel"} or (p["role"] == "heat" and p["id"] in bought))
    )  # fmt: skip
    return Table("boundary", S("组织边界内的能源入口", "Where energy crosses the boundary"), heads, body)


def category_table(facts: Facts) -> Table:
    """Emissions by ISO category on both gas bases; what nobody recorded is not zero."""
    heads = (S("类别", "Category"), same("CO₂"), same("CO₂e"), S("包含", "Holds"))
    body = tuple(_of_category(facts, number, name) for number, name in CATEGORIES.items())
    return Table("categories", S("按类别（基于位置）", "By category, location-based"), heads, body)


def _of_category(facts: Facts, number: int, name: Sentence) -> tuple[Cell, ...]:
    one = facts.by_gas.get(GROUP.get(number, str(number)))
    if one is None:
        return name, None, None, S("未登记，不等于零", "not recorded, which is not zero")
    names = [CATEGORY.get(each, same(each)) for each in one["categories"]]
    said = S("、".join(n.zh for n in names), ", ".join(n.en for n in names))
    if number in TOTAL:
        return name, facts.total(TOTAL[number]), facts.total(TOTAL[number], "co2e"), said
    co2 = one["gases"].get("CO2")
    return name, Figure(NOTHING, co2, "kgCO2", f"gas/{number}/CO2" if co2 else ""), Figure(
        NOTHING, one["co2e"], "kgCO2e"), said  # fmt: skip


def gas_table(facts: Facts) -> Table:
    """Each gas of each category, in CO2e; a gas that the factors do not tell is not known, never zero."""
    groups = {name: label for name, label in GROUPS.items() if name in facts.by_gas}
    told = {gas for one in facts.by_gas.values() for gas in one["gases"]}
    body = tuple(
        (label, *(_of_gas(facts.by_gas[name], name, gas) for name in groups))
        for gas, label in GAS.items()
        if gas in told or gas not in {"undivided", "other"}
    )
    return Table(
        "gases", S("按温室气体（CO₂e）", "By greenhouse gas, as CO₂e"), (S("气体", "Gas"), *groups.values()), body
    )


def _of_gas(one: Mapping[str, Any], group: str, gas: str) -> Cell:
    kg = one["gases"].get(gas)
    lacks = gas in {"CH4", "N2O"} and (one["co2_alone"] or "undivided" in one["gases"])
    if kg is None:
        return Figure(NOTHING, None, "kgCO2e") if lacks else None
    note = S("部分因子未给出，至少", "at least: some factors do not tell") if lacks else NOTHING
    return Figure(NOTHING, kg, "kgCO2e", f"gas/{group}/{gas}", note=note)


def gas_text(facts: Facts) -> Text:
    """Which sources' factors tell CO2 alone, so that their CH4 and N2O are in no figure."""
    names = {line["id"]: line["name"] for line in (*facts.co2e, *facts.apart)}
    alone = dict.fromkeys(id_ for one in facts.by_gas.values() for id_ in one["co2_alone"])
    found = list({names[i]["en"]: names[i] for i in alone if i in names}.values())
    dash = S(
        "“—”为未登记该气体，“未知”为因子未给出；均不是零。",
        "A dash: none of that gas is recorded; not known: the factor does not tell it. Neither is zero. ",
    )
    if not found:
        return Text(dash)
    zh, en = ("、".join(n["zh"] for n in found), ", ".join(n["en"] for n in found))
    return Text(dash + S(f"以下来源的因子仅含 CO₂，其 CH₄、N₂O 未知，未拆分也未估计：{zh}。",
                         f"Factors of CO₂ alone, whose CH₄ and N₂O are neither split nor guessed: {en}."))  # fmt: skip


def method_text(facts: Facts) -> Text:
    """How activity data come about, and how the remainder of market-based electricity is taken."""
    remainder = REMAINDER[facts.balance["remainder"]]
    return Text(S(
        "电量由电能表计数器逐刻钟求差，整数运算，段内守恒；断档电量按同类日的历史曲线分摊并标记。"
        f"基于市场的方法中未被凭证覆盖的部分采用：{remainder.zh}。总量为逐行精确有理数之和，四舍五入一次。",
        "Energy is the difference of counters by quarter-hour, in integers, conserved within each segment; the energy"
        " of an outage is placed as on like days before and flagged. Remainder of the market-based method: "
        f"{remainder.en}. Totals are sums of exact rationals, rounded once.",
    ))  # fmt: skip
