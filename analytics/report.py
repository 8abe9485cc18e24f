"""Balance and verdicts of a site and period -> a report: its kind, its cover, its chapters, in both languages."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from analytics import report_sections as part
from analytics.report_disclosure import disclosure
from analytics.report_facts import Facts
from analytics.report_inventory import inventory
from analytics.report_packs import questionnaire, six_paths
from analytics.report_parts import EXPLANATIONS, Chapter, Report, Table, Tag, Text, same
from analytics.report_words import both_moments
from analytics.terms import Sentence

S = Sentence


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of report."""

    title: Sentence
    chapters: Callable[[Facts], tuple[Chapter, ...]]


KINDS: Mapping[str, Kind] = {
    "disclosure": Kind(S("碳排放与零碳工厂报告", "Carbon and zero-carbon factory report"), disclosure),
    "iso14064": Kind(S("温室气体排放清单", "Greenhouse gas inventory"), inventory),
    "cdp": Kind(S("气候问卷数据包", "Climate questionnaire pack"), questionnaire),
    "six_paths": Kind(S("零碳工厂六条路径自评", "Six-path self-assessment"), six_paths),
}


def report(kind: str, facts: Facts) -> Report:
    """A report of one kind; KeyError for a kind there is not."""
    chosen = KINDS[kind]
    made = Report(
        kind, chosen.title, facts.name, facts.period.label, _about(facts), part.headline(facts),
        chosen.chapters(facts), tuple(part.shortcomings(facts)),
    )  # fmt: skip
    return replace(made, chapters=(*made.chapters, explanations(made, facts)))


def explanations(made: Report, facts: Facts) -> Chapter:
    """Every figure of the report with its id: where a number of the page leads, and what `zcf explain` is asked."""
    figures = {one.ref: one for one in made.figures()}
    rows = tuple((same(ref), one, Tag(one.status or "none")) for ref, one in sorted(figures.items()))
    label = facts.period.label
    said = Text(S(
        f"每个数字都有图号，点击即到本表；zcf explain site.yaml 图号 --period {label} 逐级追到文件、页码与计数器读数。",
        "Every figure has an id; a click on a number leads here. zcf explain site.yaml ID"
        f" --period {label} walks it down to documents, the factor's page and register readings.",
    ))  # fmt: skip
    heads = (part.FIGURE_HEAD, S("数值", "Value"), part.STATUS_HEAD)
    table = Table(EXPLANATIONS, S("图号", "Figure ids"), heads, rows)
    return Chapter("D", S("附录 D：每个数字的出处", "Annex D: where every figure comes from"), (said, table))


def _about(facts: Facts) -> tuple[tuple[Sentence, Sentence], ...]:
    closed = facts.closings[-1] if facts.closings else None
    state = S("未结账，数字可能变化", "not closed, figures may change")
    if closed is not None:
        number, who = closed["number"], closed["entry"]["who"]
        now = closed["balance"]["totals"] == facts.balance["totals"]
        state = S(f"第{number}次结账，{who}", f"closing {number}, by {who}")
        state += S("" if now else "；此后已重述", "" if now else "; restated since")
    return (
        (S("报告期", "Period"), _span(facts)), (S("结账状态", "Books"), state),
        (S("出具时间", "Issued"), both_moments(facts.as_of_ms, facts.zone)),
        (S("性质", "Standing"), S("自评估，未经第三方核查", "self-assessment, not verified by a third party")),
        (S("程序", "Program"), same(f"zcf {facts.code['version']} · {facts.code['sources'][:12]}")),
    )  # fmt: skip


def _span(facts: Facts) -> Sentence:
    first, last = facts.period.start.astimezone(facts.zone), facts.period.end.astimezone(facts.zone)
    return same(f"{facts.period.label} · {first:%Y-%m-%d %H:%M} – {last:%Y-%m-%d %H:%M} {facts.zone.key}")
