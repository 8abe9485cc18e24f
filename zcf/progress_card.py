"""Targets in a terminal, each path with its months and the fiscal year's share below; and the measures of a site."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from analytics.terms import Sentence
from zcf.scorecard import paper

Document = Mapping[str, Any]
WORDS = {
    "own": Sentence("自定路径", "own path"), "sbti": Sentence("SBTi 线性路径", "SBTi, straight"),
    "base": Sentence("基准年", "base year"), "target": Sentence("目标", "target"), "month": Sentence("月份", "month"),
    "actual": Sentence("实际 tCO2e", "actual tCO2e"),
    "over": Sentence("超出(+)或低于(−) t", "over (+) or under (−) t"),
    "fiscal": Sentence("财年可再生电力占比", "renewable electricity, fiscal year"),
    "a_year": Sentence("/年", " a year"), "declared": Sentence("声明", "declared"),
    "saved": Sentence("已节省", "saved"), "days": Sentence("天", "days"), "base_days": Sentence("基线", "baseline"),
    "unsure": Sentence("区间含零，不能认定有节省", "the interval holds zero: no saving is shown"),
    "same": Sentence("与下列措施计同一用能，不可相加", "counts the same energy as"),
    "renewable_share_physical": Sentence("物理", "physical"),
    "renewable_share_contractual": Sentence("含合同", "with contracts"),
}  # fmt: skip
SHARES = ("renewable_share_physical", "renewable_share_contractual")


def show_progress(document: Document, lang: str, console: Console | None = None) -> None:
    """Every target, then the fiscal year."""
    console = console or paper()
    for one in document["targets"]:
        name, base = one["name"][lang] or one["id"], WORDS["base"].text(lang)
        head = f"{name}: {base} {one['base_year']} {one['base_t']:,.0f} t → "
        console.print(Text(f"\n{head}{one['year']} {one['target_t']:,.0f} t", "bold"))
        console.print(Text(one["recalculation"][lang], "dim"))
        for name, path in one["paths"].items():
            colour = {True: "green", False: "red", None: "yellow"}[path["on_track"]]
            told = f"{WORDS[name].text(lang)} {document['year']}: {path['allowed_t']:,.0f} t. {path[lang]}"
            console.print(Text(told, colour))
        console.print(_months(one["paths"], lang))
    fiscal = document["fiscal_year"]
    console.print(Text(f"\n{WORDS['fiscal'].text(lang)} {fiscal['label']}", "bold"))
    for name in SHARES:
        share, known = fiscal["to_date"][name], fiscal["known"][name]["value"]
        value = share["reason"][lang] if share["value"] is None else f"{share['value']:.1f} %"
        more = "" if known is None or share["value"] is not None else f" ({fiscal['known']['period']}: {known:.1f} %)"
        console.print(f"  {WORDS[name].text(lang)}: {value}{more}")


def _months(paths: Document, lang: str) -> Table:
    table = Table(box=None, header_style="dim")
    table.add_column(WORDS["month"].text(lang))
    table.add_column(WORDS["actual"].text(lang), justify="right")
    for name in paths:
        table.add_column(f"{WORDS[name].text(lang)}: {WORDS['over'].text(lang)}", justify="right")
    rows = zip(*(path["months"] for path in paths.values()), strict=True)
    for months in rows:
        if months[0]["actual_t"] is None:
            continue
        overs = [f"{m['over_t']:+,.1f}" for m in months]
        table.add_row(months[0]["label"], f"{months[0]['actual_t']:,.1f}", *overs)
    return table


def show_measures(document: Document, lang: str, console: Console | None = None) -> None:
    """Every measure: what it is declared to bring and, once done, what it did by its baseline, or why not."""
    console = console or paper()
    for one in document["measures"]:
        said = f"{one['declared']:,.0f} {one['unit']}{WORDS['a_year'].text(lang)}" if one["declared"] else "–"
        head = Text(f"{one['id']:16} ", "dim").append(one["name"][lang], "bold")
        console.print(head.append(f"  {WORDS['declared'].text(lang)} {said}", "default"))
        if one["why"]:
            console.print(Text(f"{'':17}{one['why'][lang]}", "dim"))
        else:
            console.print(Text(f"{'':17}{_verified(one['verified'], lang)}"))
        if one["overlaps"]:
            console.print(Text(f"{'':17}! {WORDS['same'].text(lang)}: {', '.join(one['overlaps'])}", "yellow"))


def _verified(found: Document, lang: str) -> str:
    days, base, yearly = (WORDS[name].text(lang) for name in ("days", "base_days", "a_year"))
    saved = f"{found['saved']:,.0f} ± {found['half']:,.0f} {found['unit']}"
    said = [
        f"{WORDS['saved'].text(lang)} {saved} / {found['days']} {days}",
        f"{found['per_year']:,.0f} ± {found['half_per_year']:,.0f} {found['unit']}{yearly}",
        f"{base} {found['baseline_days']} {days}, CV(RMSE) {found['cv_rmse']:.1f} %, NMBE {found['nmbe']:+.2f} %",
    ]
    return "; ".join(said if found["certain"] else [*said, WORDS["unsure"].text(lang)])
