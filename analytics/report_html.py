"""A report as one HTML page that needs nothing else: text, tables and drawings inside, ready for A4."""

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from analytics.report_charts import share_bar
from analytics.report_parts import Chart, Figure, Figures, Report, Table, Tag, Text, Verdicts
from analytics.report_words import OUTCOME, interval, printed_unit, said, shown
from analytics.terms import Sentence

WORDS: Mapping[str, Sentence] = {
    "contents": Sentence("目录", "Contents"),
    "standing": Sentence("自评估", "Self-assessment"),
    "apart": Sentence("门槛为假定或凭记忆、单独计数", "counted apart: the threshold is assumed or from memory"),
    "found": Sentence("现值", "Found"),
    "asked": Sentence("要求", "Asked"),
    "gap": Sentence("差距", "Gap"),
    "unknown": Sentence("未知", "not known"),
}


def html(report: Report, lang: str, template: str, style: str) -> str:
    """The page in one language, from the text of its template and style sheet."""
    surroundings = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    surroundings.filters["t"] = lambda one: one.text(lang)
    page = surroundings.from_string(template)
    anchors = {ref: f"f{n}" for n, ref in enumerate(sorted({one.ref for one in report.figures()}), 1)}
    words = {name: one.text(lang) for name, one in WORDS.items()}
    return page.render(report=report, lang=lang, style=Markup(style), words=words, **_tools(lang, anchors))  # noqa: S704 - our own


def _tools(lang: str, anchors: Mapping[str, str]) -> dict[str, Any]:
    """What the template may ask for."""
    return {
        "kind_of": _kind, "number": lambda one: shown(one.value, one.unit, one.digits),
        "interval": lambda one: interval(one.value, one.half, one.unit), "unit": printed_unit,
        "status": lambda word: said(word, lang), "numeric": _numeric, "outcomes": OUTCOME,
        "outcome": lambda word: OUTCOME[word].text(lang), "svg": lambda chart: Markup(chart.svg[lang]),  # noqa: S704 - escaped in the making
        "anchors": anchors,
        "share": lambda counts: Markup(share_bar(counts)),  # noqa: S704 - numbers alone
    }  # fmt: skip


def _numeric(block: Table) -> list[bool]:
    """Which columns hold figures: they stand to the right, dashes too."""
    return [any(isinstance(row[i], Figure) for row in block.rows) for i in range(len(block.columns))]


def _kind(one: object) -> str:
    """What a block or a cell is."""
    kinds = {Text: "text", Figures: "figures", Table: "table", Chart: "chart", Verdicts: "verdicts", Figure: "figure",
             Tag: "tag", Sentence: "sentence"}  # fmt: skip
    return kinds.get(type(one), "nothing")
