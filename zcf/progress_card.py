"""Targets in a terminal: each path with its months, the fiscal year's renewable share below."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from analytics.terms import Sentence

Document = Mapping[str, Any]
WORDS = {
    "own": Sentence("自定路径", "own path"), "sbti": Sentence("SBTi 线性路径", "SBTi, straight"),
    "base": Sentence("基准年", "base year"), "target": Sentence("目标", "target"), "month": Sentence("月份", "month"),
    "actual": Sentence("实际 tCO2e", "actual tCO2e"), "allowed": Sentence("允许 tCO2e", "allowed tCO2e"),
    "over": Sentence("超出(+)", "over (+)"),
    "fiscal": Sentence("财年可再生电力占比", "renewable electricity, fiscal year"),
    "renewable_share_physical": Sentence("物理", "physical"),
    "renewable_share_contractual": Sentence("含合同", "with contracts"),
}  # fmt: skip


def show_progress(document: Document, lang: str, console: Console | None = None) -> None:
    """Every target, then the fiscal year."""
    console = console or Console(highlight=False)
    for one in document["targets"]:
        head = f"{one['id']}: {WORDS['base'].text(lang)} {one['base_year']} {one['base_t']:,.0f} t → "
        console.print(Text(f"\n{head}{one['year']} {one['target_t']:,.0f} t", "bold"))
        console.print(Text(one["recalculation"][lang], "dim"))
        for name, path in one["paths"].items():
            colour = {True: "green", False: "red", None: "yellow"}[path["on_track"]]
            told = f"{WORDS[name].text(lang)} {document['year']}: {path['allowed_t']:,.0f} t. {path[lang]}"
            console.print(Text(told, colour))
        console.print(_months(one["paths"], lang))
    fiscal = document["fiscal_year"]
    console.print(Text(f"\n{WORDS['fiscal'].text(lang)} {fiscal['label']}", "bold"))
    for name, share in fiscal["to_date"].items():
        known = fiscal["known"][name]["value"]
        value = share["reason"][lang] if share["value"] is None else f"{share['value']:.1f} %"
        more = "" if known is None or share["value"] is not None else f" ({fiscal['known']['period']}: {known:.1f} %)"
        console.print(f"  {WORDS[name].text(lang)}: {value}{more}")


def _months(paths: Document, lang: str) -> Table:
    table = Table(box=None, header_style="dim")
    table.add_column(WORDS["month"].text(lang))
    for name in ("actual", *paths):
        table.add_column(WORDS[name].text(lang), justify="right")
    rows = zip(*(path["months"] for path in paths.values()), strict=True)
    for months in rows:
        if months[0]["actual_t"] is None:
            continue
        overs = [f"{m['over_t']:+,.1f}" for m in months]
        table.add_row(months[0]["label"], f"{months[0]['actual_t']:,.1f}", *overs)
    return table
