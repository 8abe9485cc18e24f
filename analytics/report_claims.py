"""The claim ladder in a report: which labels may be used, and what each of the others lacks."""

from collections.abc import Mapping
from typing import Any

from analytics.report_facts import Facts
from analytics.report_parts import NOTHING, Block, Cell, Figure, Table, Tag, Text, sentence
from analytics.terms import Sentence

Document = Mapping[str, Any]
S = Sentence


def claims_blocks(facts: Facts) -> tuple[Block, ...]:
    """The section: what a label is, and every label, weakest first."""
    said = S(
        "声明按年度判定，逐年失效；各项条件须全部满足，且不依赖假定的限值。"
        "不足一年的报告期不授予任何声明；未扣抵销的总排放始终并列给出。",
        (
            "A label is judged over a year and lapses with it; every condition must be met, and on no assumed limit."
            " Nothing is granted for a part of a year, and gross emissions stand beside whatever is claimed."
        ),
    )
    return Text(said), claims_table(facts)


def claims_table(facts: Facts) -> Table:
    """Every label of the ladder."""
    heads = (S("声明", "Label"), S("结论", "Verdict"), S("满足条件", "Conditions met"), S("尚缺", "What it lacks"))
    body = tuple(_claim(one) for one in facts.claims["claims"])
    return Table("claims", S("可以声明什么", "What may be claimed"), heads, body)


def _claim(one: Document) -> tuple[Cell, ...]:
    lacking = [sentence(c["name"]) for c in one["conditions"] if not c["holds"]]
    said = S("；".join(c.zh for c in lacking) or "—", "; ".join(c.en for c in lacking) or "—")
    met, whole = len(one["conditions"]) - len(lacking), len(one["conditions"])
    verdict = S("可以使用", "may be used") if one["granted"] else S("不得使用", "refused")
    return sentence(one["name"]), verdict, Figure(NOTHING, met, f"count/{whole}", f"claim/{one['id']}"), said


def conditions_table(facts: Facts) -> Table:
    """Every condition of every label, with its reason."""
    heads = (S("声明", "Label"), S("条件", "Condition"), S("结论", "Verdict"), S("说明", "Why"))
    body = tuple(
        (sentence(one["name"] if n == 0 else None), sentence(c["name"]), Tag(c["outcome"]), sentence(c["reason"]))
        for one in facts.claims["claims"]
        for n, c in enumerate(one["conditions"])
    )
    return Table("claim_conditions", S("声明条件逐条", "Each condition of each label"), heads, body)
