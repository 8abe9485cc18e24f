"""The meters in a report: whether the tree closes, and which meter the reconciliation doubts."""

from collections.abc import Mapping
from typing import Any

from analytics.report_facts import Facts
from analytics.report_parts import NOTHING, Cell, Figure, Table, sentence
from analytics.terms import Sentence

Document = Mapping[str, Any]
S = Sentence


def nodes_table(facts: Facts) -> Table:
    """Whether the meters below each meter add up."""
    heads = (S("节点", "Node"), S("流入", "In"), S("下级合计", "Below"), S("差额", "Rest"), S("允差 ±", "Tolerance ±"),
             S("结论", "Finding"))  # fmt: skip
    body = tuple(
        (sentence(n["name"]), *(_node(n, name) for name in ("inflow", "metered", "residual", "tolerance")),
         S(n["zh"], n["en"]))
        for n in facts.tree["nodes"]
    )  # fmt: skip
    return Table("nodes", S("表计树闭合", "Does the meter tree close"), heads, body)


def _node(one: Document, name: str) -> Cell:
    return Figure(NOTHING, one[name], one["unit"], f"node/{one['node']}/{name}")


def suspects_table(facts: Facts) -> Table:
    """Meters that the reconciliation names."""
    heads = (S("表计", "Meter"), S("说明", "What it says"))
    body = tuple((sentence(s["name"]), S(s["zh"], s["en"])) for s in facts.tree["fit"]["suspects"])
    return Table("suspects", S("可疑表计", "Meters in doubt"), heads, body,
                 S("加权最小二乘未指出可疑表计。", "The least-squares reconciliation names none."))  # fmt: skip
