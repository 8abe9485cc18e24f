"""The four-chapter disclosure: governance, strategy, risk, metrics and targets; with annexes down to the readings."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from analytics import report_sections as part
from analytics.report_claims import claims_blocks, conditions_table
from analytics.report_facts import Facts
from analytics.report_matching import matching_blocks
from analytics.report_measures import measures_table, savings_tables
from analytics.report_meters import nodes_table, suspects_table
from analytics.report_parts import NOTHING, Cell, Chapter, Figure, Judgement, Table, Tag, Text, Verdicts, same, sentence
from analytics.report_targets import targets_blocks
from analytics.terms import Sentence, Status

Document = Mapping[str, Any]
S = Sentence
DECLARED = frozenset({"bool"})


def disclosure(facts: Facts) -> tuple[Chapter, ...]:
    """Governance, strategy, risk, metrics and targets, and what they rest on."""
    return (governance(facts), strategy(facts), risk(facts), metrics(facts), *annexes(facts))


def governance(facts: Facts) -> Chapter:
    """Who answers for what: declared clauses with their evidence, closings, entries."""
    clauses = tuple(j for s in facts.scores.values() for j in part.judgements(s) if j.figure.unit in DECLARED)
    return Chapter("1", S("治理", "Governance"), (
        Text(S("本章列出本厂声明的管理要求及其证据状态，以及数据由谁录入、由谁结账。没有声明的，写“无法判定”，不作推断。",
               ("What the site declares about its management and the state of the evidence; who entered data and who"
                " closed the books. What is not declared is undetermined, never inferred."))),
        Verdicts(S("管理条款", "Management clauses"), _once(clauses)),
        part.closings_table(facts), part.entries_table(facts),
    ))  # fmt: skip


def _once(found: Iterable[Judgement]) -> tuple[Judgement, ...]:
    return tuple({j.name.en: j for j in found}.values())


def strategy(facts: Facts) -> Chapter:
    """Where the energy comes from, and the cheapest ways to what is not met."""
    return Chapter("2", S("战略", "Strategy"), (
        Text(S("能源结构、登记的减排措施，以及各项未满足要求的最便宜达标途径。金额与效果均为本厂声明值。",
               ("The energy mix, the measures the site declares, and the cheapest way to each criterion that is not"
                " met. Prices and effects are the site's own declarations."))),
        part.energy_chart(facts), measures_table(facts), *savings_tables(facts), ways_table(facts),
    ))  # fmt: skip


def ways_table(facts: Facts) -> Table:
    """The cheapest way to pass of each criterion that is not met."""
    heads = (
        S("要求", "Criterion"),
        S("差距", "Gap"),
        S("最便宜的途径", "Cheapest way"),
        S("每年净成本（负为净收益）", "Net cost a year (negative: a gain)"),
    )
    ways: dict[tuple[str, str], list[Document]] = {}
    every = ({**v, "of": s["standard"]["id"]} for s in facts.scores.values() for v in s["verdicts"])
    for verdict in every:
        if verdict.get("way") and verdict["outcome"] == "NOT_MET":
            ways.setdefault((verdict["name"]["en"], repr(verdict["way"])), []).append(verdict)
    currency = str(next((s["currency"] for s in facts.scores.values() if s.get("currency")), "CNY"))
    return Table("ways", S("达标途径", "Ways to pass"), heads, tuple(_way(same, currency) for same in ways.values()),
                 S("没有可由登记措施弥补的差距。", "No gap that the declared measures could close."))  # fmt: skip


def _way(alike: list[Document], currency: str) -> tuple[Cell, ...]:
    """One way, and every criterion that it opens."""
    one = alike[0]
    way, gap, ids = one["way"], one["gap"], ", ".join(v["id"] for v in alike)
    names = [sentence(step["name"]) for step in way["steps"]]
    said = S("；".join(n.zh for n in names) or "—", "; ".join(n.en for n in names) or "—")
    if not way["passes"]:
        share = f"{100 * way['share']:.0f} %"
        said += S(f"（合计只能弥补{share}）", f"(together they close {share} only)")
    ref = f"verdict/{one['of']}/{one['id']}"
    lack = Figure(NOTHING, gap["value"], gap["unit"], f"{ref}/gap") if gap else None
    name = S(f"{one['name']['zh']}（{ids}）", f"{one['name']['en']} ({ids})")
    return (name, lack, said, Figure(NOTHING, way["cost_per_year"], currency, f"{ref}/way"))


def risk(facts: Facts) -> Chapter:
    """What may turn out otherwise: criteria, numbers of weak status, data, meters."""
    failed = tuple(j for s in facts.scores.values() for j in part.judgements(s) if j.outcome == "NOT_MET")
    return Chapter("3", S("风险", "Risk"), (
        Text(S("哪些要求尚未满足或无法判定，哪些数字依据不足，哪些数据或表计存疑。",
               ("Criteria that are not met or cannot be told, numbers of weak standing, data and meters in doubt."))),
        *part.shortcomings(facts), weak_table(facts), suspects_table(facts), part.lacking_table(facts),
        Verdicts(S("未满足的要求（无法判定的见附录 C）", "Criteria not met (undetermined: annex C)"), _once(failed)),
    ))  # fmt: skip


def weak_table(facts: Facts) -> Table:
    """Lines that rest on a factor from memory or assumed: their share of the gross total."""
    body: list[tuple[Cell, ...]] = []
    for line in facts.lines:
        if Status(line["status"]).weak:
            total = facts.balance["totals"]["total_mb" if line["method"] == "MB" else "total_lb"][line["gas"]]
            share = 100 * line["kg"] / total if total else None
            body.append((sentence(line["name"]), same(line["factor"]["id"]), Tag(line["status"]),
                         Figure(NOTHING, share, "%")))  # fmt: skip
    heads = (S("排放源", "Source"), S("因子", "Factor"), part.STATUS_HEAD, S("占总量", "Share of the total"))
    return Table("weak", S("依据不足的因子", "Factors of weak standing"), heads, tuple(body),
                 S("没有凭记忆或假定的因子。", "No factor is from memory or assumed."))  # fmt: skip


def metrics(facts: Facts) -> Chapter:
    """The figures themselves: emissions, energy, its match in time, what stands beside, targets, scorecards, claims."""
    return Chapter("4", S("指标与目标", "Metrics and targets"), (
        part.scopes_chart(facts), part.totals_table(facts), part.interval_note(facts), part.apart_table(facts),
        part.suppliers_text(facts), part.beside_table(facts), part.energy_table(facts), *matching_blocks(facts),
        *targets_blocks(facts),
        part.scores_table(facts), *claims_blocks(facts),
    ))  # fmt: skip


def annexes(facts: Facts) -> Iterator[Chapter]:
    """How every figure is made, by what factors, from what meters, and how to check it."""
    yield Chapter("A", S("附录 A：逐行核算", "Annex A: line by line"), (
        Text(S("每行：活动数据 × 因子 = 排放量。图号可交给 zcf explain，逐级追到计数器读数、报文与文件页码。"
               "文件出处按其原文引用，不作翻译。",
               ("Each line is activity × factor. zcf explain takes a figure's id down to register readings, the words"
                " that were read and the page of the document. Documents are cited in their own language."))),
        part.lines_table(facts.balance["lines"], "lines_co2", S("CO₂", "CO₂ alone")),
        part.lines_table(facts.co2e, "lines_co2e", S("CO₂e", "CO₂e")), part.factors_table(facts),
    ))  # fmt: skip
    yield Chapter("B", S("附录 B：计量", "Annex B: metering"), (nodes_table(facts), how_to_check(facts)))
    yield Chapter(
        "C",
        S("附录 C：逐条结论", "Annex C: every verdict"),
        (*map(part.scorecard, facts.scores.values()), conditions_table(facts)),
    )


def how_to_check(facts: Facts) -> Text:
    """The commands that reproduce the report."""
    label, site = facts.period.label, facts.site["id"]
    return Text(S(
        f"核验：运行 zcf verify {site}-{label}.zip，只凭证据包离线重算每个总量；改动任何一个字节都会被指出。",
        f"To check: zcf verify {site}-{label}.zip computes every total again from the bundle alone, offline; a single"
        " altered byte is refused and named.",
    ))  # fmt: skip
