"""Clean electricity against load in time, as a report shows it: scores, coverage, heat map, what the battery gave."""

from collections.abc import Iterator, Mapping
from typing import Any

from analytics.report_charts import heat_map
from analytics.report_facts import Facts
from analytics.report_parts import NOTHING, Block, Cell, Chart, Figure, Table, Tag, Text, same
from analytics.report_sections import FIGURE_HEAD, STATUS_HEAD
from analytics.terms import Sentence

S = Sentence
MANY_DAYS = 62  # more are shown by month
SCORES: Mapping[str, tuple[Sentence, Sentence]] = {
    "annual_match": (
        S("整期匹配率", "Match over the period"),
        S("自发电量 ÷ 用电量，不计时间，可超过 100 %", "own generation ÷ use, time ignored; may exceed 100 %"),
    ),
    "hourly_match": (
        S("逐时匹配率", "Hourly match"),
        S("各小时 min(用电, 自发电) 之和 ÷ 用电量", "sum of min(use, own generation) by the hour ÷ use"),
    ),
    "hourly_match_stored": (
        S("逐时匹配率（含储能绿电）", "Hourly match with stored energy"),
        S("同上，另计储能放出的绿电", "the same, with the green energy that the battery gave back"),
    ),
    "quarter_hourly_match": (
        S("逐刻钟匹配率", "Quarter-hourly match"),
        S("同“逐时”，以 15 分钟为步长，只会更低", "as by the hour, in steps of 15 minutes, which can only be lower"),
    ),
    "cfe_score": (
        S("无碳电力得分（CFE）", "CFE score"),
        S(
            "（清洁发电 − 上网 + 电网零碳份额 × 外购）÷（用电 + 充电 − 放电）",
            "(clean generation − export + carbon-free share of the grid × import) ÷ (use + charge − discharge)",
        ),
    ),
}


def matching_blocks(facts: Facts) -> tuple[Block, ...]:
    """The section: what is known, the scores, when they are reached, and the battery."""
    if facts.matching["annual_match"] is None or not facts.matching["annual_match"]:
        said = S(
            "本期没有自发清洁电量，逐时匹配无从谈起。", "No clean electricity was generated: there is nothing to match."
        )
        return (Text(said),)
    return (scores_table(facts), known_text(facts), heat_chart(facts), *battery_table(facts))


def scores_table(facts: Facts) -> Table:
    """Every score with its definition and interval."""
    heads = (
        S("匹配", "Match"),
        S("数值", "Value"),
        S("定义", "Definition"),
        S("区间依据", "Interval's basis"),
        FIGURE_HEAD,
    )
    return Table(
        "matching",
        S("用电与清洁电力的时间匹配", "Use matched with clean electricity in time"),
        heads,
        tuple(_score(facts, name) for name in SCORES),
    )


def _score(facts: Facts, name: str) -> tuple[Cell, ...]:
    label, meaning = SCORES[name]
    told, sure = facts.matching[name], facts.matching["uncertainty"]
    half = sure["half"].get(name)
    value = None if told is None else 100 * told
    figure = Figure(label, value, "%", f"match.{name}", sure["status"], None if half is None else 100 * half)
    return label, figure, meaning, Tag(sure["status"]), same(figure.ref)


def known_text(facts: Facts) -> Text:
    """How many hours are known, and whose clean share the grid has; neither is filled in."""
    of, grid = facts.matching["hours"], facts.matching["grid_cfe"]
    zh = f"共 {of['asked']:,} 小时，其中 {of['known']:,} 小时数据完整；不完整的小时不计入，也不补零。"
    en = f"{of['known']:,} of {of['asked']:,} hours are wholly known; the others are left out, never filled with zeros."
    return Text(S(zh, f"{en} ") + S(grid["zh"], grid["en"]))


def heat_chart(facts: Facts) -> Chart:
    """The share of use that was matched, hour by hour; of a long period by month."""
    told = facts.matching["heat_map"]
    daily = len(told["days"]) <= MANY_DAYS
    rows = list(zip(told["days"], told["match"], told["load_kwh"], strict=True))
    slots = {day: [(match, load)] for day, match, load in rows} if daily else _by_month(rows)
    labels = [str(int(slot[8:])) if daily else slot for slot in slots]
    caption = S(
        "每小时用电中由自发电与储能绿电满足的份额；纵轴为厂内时钟的小时。",
        "The share of each hour's use that own generation and stored green energy met, by the site's clock.",
    )
    return heat_map(labels, [[_share(of, hour) for hour in range(24)] for of in slots.values()], caption)


Days = list[tuple[list[float | None], list[float | None]]]


def _by_month(rows: list[tuple[str, list[float | None], list[float | None]]]) -> dict[str, Days]:
    found: dict[str, Days] = {}
    for day, match, load in rows:
        found.setdefault(day[:7], []).append((match, load))
    return found


def _share(of: Days, hour: int) -> float | None:
    """Of the hours that are known, weighted by what was used."""
    known = [(m[hour], u[hour]) for m, u in of if m[hour] is not None and u[hour] is not None]
    used = sum(load or 0.0 for _, load in known)
    if not known:
        return None
    return sum((match or 0.0) * (load or 0.0) for match, load in known) / used if used else 1.0


COLOURS = (
    (S("放电中的绿电", "Green energy given back"), "green_kwh", "kWh"),
    (S("来源不明的放电", "Given back of no known colour"), "unknown_kwh", "kWh"),
    (S("放电所携排放（基于位置）", "Emissions carried, location-based"), "carried_kg", "kgCO2"),
)


def battery_table(facts: Facts) -> Iterator[Table]:
    """What the battery took and gave, and of which colour."""
    one: Mapping[str, Any] | None = facts.matching["battery"]
    if one is None:
        return
    trip = None if one["round_trip"] is None else 100 * one["round_trip"]
    flows = (("charge_kwh", S("充电", "Charged")), ("discharge_kwh", S("放电", "Discharged")))
    metered = [facts.energy(name, label) for name, label in flows]
    named = (
        (S("往返效率", "Round trip"), "round_trip", trip, "%", one["round_trip_status"]),
        *((label, name, one[name], unit, "derived") for label, name, unit in COLOURS),
    )
    body = (
        *((f.label, f, Tag(f.status or "none")) for f in metered),
        *(
            (label, Figure(NOTHING, value, unit, f"battery/{name}"), Tag(status or "none"))
            for label, name, value, unit, status in named
        ),
    )
    yield Table(
        "battery",
        S("储能的能量与碳", "Energy and carbon of the battery"),
        (S("项目", "Item"), S("数值", "Value"), STATUS_HEAD),
        body,
    )
