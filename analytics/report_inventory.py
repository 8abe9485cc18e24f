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
TRANSPORT = dict.fromkeys(("upstream_transport", "downstream_transport", "business_travel", "commuting"), 3)


def inventory(facts: Facts) -> tuple[Chapter, ...]:
    """The inventory of one site and period."""
    return (
        Chapter("1", S("组织与边界", "Organisation and boundary"), (
            Text(S("章节顺序参照 ISO 14064-1:2018 第 9 章，凭记忆整理，未与原文核对。",
                   "In the order of ISO 14064-1:2018, clause 9, from memory; not checked against its text."), "notice"),
            boundary_table(facts),
        )),
        Chapter("2", S("排放清单", "Inventory"), (
            *part.shortcomings(facts), part.scopes_chart(facts), category_table(facts), part.totals_table(facts),
            part.interval_note(facts), part.apart_table(facts), part.suppliers_text(facts), part.beside_table(facts),
        )),
        Chapter("3", S("活动数据与方法", "Activity data and methods"), (
            method_text(facts), part.energy_table(facts), part.energy_chart(facts), *matching_blocks(facts),
            part.factors_table(facts),
        )),
        Chapter("4", S("基准年与目标", "Base year and targets"), targets_blocks(facts)),
        Chapter("5", S("数据质量与未计入内容", "Data quality, and what is not counted"), (
            part.lacking_table(facts), part.suspects_table(facts), part.closings_table(facts),
            part.entries_table(facts),
        )),
        Chapter("6", S("可以据此声明什么", "What may be claimed from it"), claims_blocks(facts)),
        *annexes(facts),
    )  # fmt: skip


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
    """Emissions by ISO category; what nobody recorded is not zero."""
    body: list[tuple[Cell, ...]] = []
    for number, name in CATEGORIES.items():
        told_of = (*facts.balance["lines"], *facts.apart)
        lines = [line for line in told_of if _category(line) == number and line["method"] != "MB"]
        kg = sum(line["kg"] for line in lines) if lines else None
        told = list(dict.fromkeys(line["category"] for line in lines))
        names = [CATEGORY.get(one, same(one)) for one in told]
        said = S("、".join(n.zh for n in names) or "未登记，不等于零", ", ".join(n.en for n in names)
                 or "not recorded, which is not zero")  # fmt: skip
        body.append((name, Figure(NOTHING, kg, "kgCO2"), said))
    return Table("categories", S("按类别（基于位置）", "By category, location-based"),
                 (S("类别", "Category"), S("排放量", "Emissions"), S("包含", "Holds")), tuple(body))  # fmt: skip


def _category(line: Mapping[str, Any]) -> int:
    """Of scope 1 and 2 the scope; of scope 3 as ISO 14064-1 groups it, from memory; 0 for what is beside."""
    return TRANSPORT.get(line["category"], 4) if line["scope"] == 3 else int(line["scope"])


def method_text(facts: Facts) -> Text:
    """How activity data come about, and how the remainder of market-based electricity is taken."""
    remainder = REMAINDER[facts.balance["remainder"]]
    return Text(S(
        "电量由电能表计数器逐刻钟求差，整数运算，段内守恒；断档电量按同类日的历史曲线分摊并标记。"
        f"市场法中未被凭证覆盖的部分采用：{remainder.zh}。总量为逐行精确有理数之和，四舍五入一次。",
        "Energy is the difference of counters by quarter-hour, in integers, conserved within each segment; the energy"
        " of an outage is placed as on like days before and flagged. Remainder of the market-based method: "
        f"{remainder.en}. Totals are sums of exact rationals, rounded once.",
    ))  # fmt: skip
