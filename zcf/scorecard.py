"""A scorecard for a terminal of 100 columns: each criterion with its verdict, its gap and the cheapest steps."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from analytics.criteria_words import STATUS_WORDS, number, unit_words
from analytics.terms import Sentence, Status

Document = Mapping[str, Any]
WIDTH = 100
SIGNS = {"MET": ("✔", "green"), "NOT_MET": ("✘", "red"), "UNDETERMINED": ("?", "yellow")}
WORDS = {
    "MET": Sentence("满足", "met"), "NOT_MET": Sentence("不满足", "not met"),
    "UNDETERMINED": Sentence("无法判定", "undetermined"), "apart": Sentence("另计", "counted apart"),
    "gate": Sentence("门槛", "gate"), "gap": Sentence("差距", "gap"), "a_year": Sentence("/年", " a year"),
    "or": Sentence("相当于", "that is"), "certificates": Sentence("张绿证", "certificates"),
    "closes": Sentence("补足", "closes"),
    "way": Sentence("最省路径", "cheapest way"), "short": Sentence("现有措施最多补足", "the measures close only"),
    "saves": Sentence("节省", "saves"), "costs": Sentence("净成本", "costs"),
    "no_measure": Sentence("没有声明能缩小差距的措施", "no declared measure narrows it"),
    "no_score": Sentence("不给总分：权重均为假定", "no overall score: every weight is assumed"),
    "gates_open": Sentence("门槛全部打开", "all gates open"), "gates_shut": Sentence("未打开的门槛", "gates not open"),
}  # fmt: skip


def paper() -> Console:
    """The terminal; a file or a pipe has the width that a scorecard is made for."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDTH)


def show(document: Document, lang: str, console: Console | None = None) -> None:
    """One standard with all its verdicts."""
    console = console or paper()
    console.print(_title(document, lang))
    for chapter in document["standard"]["dimensions"]:
        mine = [v for v in document["verdicts"] if v["dimension"] == chapter["id"]]
        if len(document["standard"]["dimensions"]) > 1 and mine:
            console.print(Text(f"\n{chapter['name'][lang]}", "bold cyan"))
        for verdict in mine:
            console.print(Group(*_verdict(verdict, document["currency"], lang, console.width)))
    console.print(_sum(document, lang))


def _title(document: Document, lang: str) -> Text:
    standard, period = document["standard"], document["period"]["label"]
    said = Text(f"\n{standard['name'][lang]}", "bold")
    where = document.get("boundary", {}).get("name", {}).get(lang, "")
    more = " · ".join(filter(None, (where, period, _status(standard["status"], lang), standard["valid_from"])))
    return said.append(f"\n{more}", "dim")


def _status(status: str, lang: str) -> str:
    return STATUS_WORDS[Status(status)].text(lang)


def _shared(wide: int) -> tuple[int, ...]:
    """Columns of name, value and limit in what is left of the width."""
    return tuple(max(8, min(width, wide * width // 85)) for width in (41, 20, 24))


def _verdict(verdict: Document, currency: str, lang: str, wide: int) -> Iterator[RenderableType]:
    sign, colour = SIGNS[verdict["outcome"]]
    row = Table.grid(padding=(0, 1), expand=False)
    for width in (1, 8, *_shared(wide - 13)):  # mark and id stay whole, however narrow the terminal
        row.add_column(width=width, overflow="fold")
    marks = [WORDS["gate"].text(lang)] if verdict["kind"] == "gate" else []
    marks += [WORDS["apart"].text(lang)] if verdict["apart"] else []
    name = Text(verdict["name"][lang]).append(f"  {' · '.join(marks)}" if marks else "", "dim")
    row.add_row(
        Text(sign, colour), Text(verdict["id"], "dim"), name, _value(verdict, lang), Text(_limit(verdict, lang), "dim")
    )
    yield row
    if verdict["outcome"] == "UNDETERMINED":
        yield Padding(Text(verdict["reason"][lang], "yellow"), (0, 0, 0, 11))
    if verdict["gap"]:
        yield Padding(Text(_gap(verdict["gap"], lang), "red"), (0, 0, 0, 11))
    if verdict["outcome"] != "MET" and (verdict["gap"] or verdict["steps"]):
        yield Padding(_advice(verdict, currency, lang), (0, 0, 0, 11))


def _value(verdict: Document, lang: str) -> Text:
    value, unit = verdict["value"], unit_words(verdict["unit"]).text(lang)
    if value is None:
        return Text("–")
    if verdict["unit"] == "bool":
        return Text(WORDS["MET" if value else "NOT_MET"].text(lang))
    return Text(f"{number(value)}{unit}")


def _limit(verdict: Document, lang: str) -> str:
    limit = verdict["threshold"]
    if limit is None:
        return ""
    sign = {">=": "≥", "<=": "≤", "==": "="}[verdict["op"]]
    shown = "✔" if limit is True else number(float(limit))
    return f"{sign} {shown} ({_status(verdict['threshold_status'], lang)})"


def _gap(gap: Document, lang: str) -> str:
    value, unit = gap["per_year"], gap["unit"] + WORDS["a_year"].text(lang)
    if value is None:
        value, unit = gap["value"], gap["unit"]
    said = f"{WORDS['gap'].text(lang)} {number(value)}{unit_words(unit).text(lang)}"
    scale = 1.0 if gap["per_year"] is None or not gap["value"] else gap["per_year"] / gap["value"]
    same = [f"{number(scale * e['amount'])} {e['unit']} {e[lang]}" for e in gap["equivalents"]]
    if gap["certificates"] is not None:
        same.append(f"{number(scale * gap['certificates'])} {WORDS['certificates'].text(lang)}")
    return f"{said}; {WORDS['or'].text(lang)} {' / '.join(same)}" if same else said


def _advice(verdict: Document, currency: str, lang: str) -> RenderableType:
    if not verdict["steps"]:
        return Text(WORDS["no_measure"].text(lang), "dim")
    table = Table.grid(padding=(0, 1))
    for number_, step in enumerate(verdict["steps"], 1):
        amount = "" if step["effect"] == "evidence" else f"{number(step['amount'])} {step['unit']}"
        closes = f"{WORDS['closes'].text(lang)} {100 * step['share']:.0f} %"
        table.add_row(f"{number_}.", step["name"][lang], amount, closes, _money(step, currency, lang))
    way = verdict["way"]
    if way is None:
        return table
    names = " + ".join(s["name"][lang] for s in way["steps"])
    head = WORDS["way"].text(lang) if way["passes"] else f"{WORDS['short'].text(lang)} {100 * way['share']:.0f} %"
    return Group(table, Text(f"→ {head}: {names}; {_money(way, currency, lang)}", "cyan"))


def _money(step: Document, currency: str, lang: str) -> str:
    cost = step["cost_per_year"]
    word = WORDS["saves" if cost < 0 else "costs"].text(lang)
    return f"{word} {number(abs(cost))} {currency}{WORDS['a_year'].text(lang)}"


def _sum(document: Document, lang: str) -> Text:
    counts = [f"{n} {WORDS[name].text(lang)}" for name, n in document["counts"].items()]
    apart = [f"{n} {WORDS[name].text(lang)}" for name, n in document["counts_apart"].items() if n]
    said = Text(f"\n{document['label'][lang]}: {', '.join(counts)}", "bold")
    if apart:
        said.append(f"  ({WORDS['apart'].text(lang)}: {', '.join(apart)})", "dim")
    closed = document["closed_gates"]
    gates = WORDS["gates_open"].text(lang) if document["gates_open"] else ""
    if closed:
        gates = f"{WORDS['gates_shut'].text(lang)}: {', '.join(closed)}"
    return said.append(f"\n{'. '.join(filter(None, (gates, WORDS['no_score'].text(lang))))}", "dim")


def show_claims(document: Document, lang: str, console: Console | None = None) -> None:
    """The ladder, weakest label first, each with its conditions."""
    console = console or paper()
    console.print(Text(f"\n{document['period']['label']}", "dim"))
    for claim in document["claims"]:
        sign, colour = SIGNS["MET" if claim["granted"] else "NOT_MET"]
        console.print(Text(f"{sign} {claim['name'][lang]}", f"bold {colour}"))
        for one in claim["conditions"]:
            mark, tone = SIGNS[one["outcome"]]
            name = Text(f"{mark} ", tone).append(one["name"][lang], "default" if one["holds"] else "bold default")
            console.print(Padding(name, (0, 0, 0, 4)))
            if not one["holds"]:
                console.print(Padding(Text(one["reason"][lang], "dim"), (0, 0, 0, 6)))


def show_functions(document: Document, lang: str, console: Console | None = None) -> None:
    """One row a function."""
    table = Table(box=None, show_header=False)
    for number_, one in enumerate(document["functions"], 1):
        sign, colour = SIGNS["MET" if one["works"] else "NOT_MET"]
        table.add_row(Text(sign, colour), str(number_), one["name"][lang], Text(one[lang], "dim"))
    (console or paper()).print(table, Text(f"{document['works']}/{document['of']}", "bold"))
