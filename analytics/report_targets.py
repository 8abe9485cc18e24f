"""Targets in a report: base year and recalculation, paths, how far on or off them, the fiscal year's green share."""

from collections.abc import Iterator, Mapping
from typing import Any

from analytics.report_charts import Layer, Mark, columns
from analytics.report_facts import Facts
from analytics.report_parts import NOTHING, Block, Cell, Chart, Figure, Table, Tag, Text, same, sentence
from analytics.report_sections import STATUS_HEAD
from analytics.terms import Sentence

Document = Mapping[str, Any]
S = Sentence
T = "tCO2e"
PATHS = ("own", "sbti")
POSITION: Mapping[str, Sentence] = {
    "allocated": S("已分配", "Allocated"), "bought": S("买入", "Bought"), "sold": S("卖出", "Sold"),
    "surrendered": S("已清缴", "Surrendered"), "free": S("可用", "Free"), "obligation": S("应清缴", "To surrender"),
    "gap": S("缺口", "Gap"),
}  # fmt: skip


def targets_blocks(facts: Facts) -> tuple[Block, ...]:
    """The section: the targets, the track of the year up to the period's end, and the fiscal year's shares."""
    if not facts.progress["targets"]:
        return (targets_table(facts), fiscal_table(facts), *position_table(facts))
    return (targets_table(facts), *_tracks(facts), fiscal_table(facts), *position_table(facts))


def _tracks(facts: Facts) -> Iterator[Block]:
    yield track_table(facts)
    for target in facts.progress["targets"]:
        yield track_chart(facts, target)
    yield months_table(facts)
    yield Text(
        S(
            f"年度额度按天均摊；月度数字可用 zcf target 重现（--year {facts.progress['year']}）。",
            (
                "A year's allowance is spread evenly over its days; zcf target gives the months again"
                f" (--year {facts.progress['year']})."
            ),
        )
    )


def targets_table(facts: Facts) -> Table:
    """Declared targets, and what became of the base year by the site's own policy."""
    heads = (
        S("目标", "Target"),
        S("基准年排放", "Base year"),
        S("目标年排放", "Target year"),
        S("基准年重算", "Recalculation"),
        STATUS_HEAD,
    )
    body = tuple(_target(one) for one in facts.progress["targets"])
    return Table(
        "targets",
        S("减排目标（范围一＋二，基于市场）", "Targets for scope 1+2, market-based"),
        heads,
        body,
        S("未声明目标。", "No target is declared."),
    )


def _target(one: Document) -> tuple[Cell, ...]:
    again = one["recalculation"]
    policy = (
        S(f"{again['zh']}政策：{again['document']}。", f"{again['en']} Policy: {again['document']}.")
        if again["document"]
        else sentence(again)
    )
    return (
        sentence(one["name"]),
        Figure(NOTHING, one["base_t"], T, f"target/{one['id']}/base_t", "declared", note=same(str(one["base_year"]))),
        Figure(NOTHING, one["target_t"], T, f"target/{one['id']}/target_t", "declared", note=same(str(one["year"]))),
        policy,
        Tag("declared"),
    )


def path_name(facts: Facts, name: str) -> Sentence:
    """The own path, or the straight line that SBTi asks for."""
    rate = f"{facts.progress['rate_percent_a_year']:g} %"
    return (
        S("自定路径", "own path") if name == "own" else S(f"SBTi 线性路径（每年 {rate}）", f"SBTi line ({rate} a year)")
    )


def track_table(facts: Facts) -> Table:
    """Each path: the year's allowance, and what the months known so far are over or under it."""
    year = facts.progress["year"]
    heads = (
        S("目标与路径", "Target and path"),
        S(f"{year}年额度", f"Allowed in {year}"),
        S("已知月份额度", "Allowed so far"),
        S("已知月份排放", "Emitted so far"),
        S("超出（+）或低于（−）", "Over (+) or under (−)"),
        S("结论", "Verdict"),
    )
    body = tuple(_track(facts, one, name) for one in facts.progress["targets"] for name in PATHS)
    return Table("track", S("是否在轨", "On or off track"), heads, body)


def _track(facts: Facts, target: Document, name: str) -> tuple[Cell, ...]:
    path = target["paths"][name]
    actual = path["actual_so_far_t"]
    half = None if actual is None else actual * (relative(facts) or 0.0) or None
    said, ref = path_name(facts, name), f"target/{target['id']}/{name}"
    return (
        S(f"{target['name']['zh']}：{said.zh}", f"{target['name']['en']}: {said.en}"),
        Figure(NOTHING, path["allowed_t"], T, f"{ref}/allowed_t"),
        Figure(NOTHING, path["allowed_so_far_t"], T, f"{ref}/allowed_so_far_t"),
        Figure(NOTHING, actual, T, f"{ref}/actual_so_far_t", half=half),
        Figure(NOTHING, path["over_t"], T, f"{ref}/over_t", half=half),
        sentence(path),
    )


def relative(facts: Facts) -> float | None:
    """Half the interval of the period's gross market-based total over it [1]: the months share factors and meters."""
    one = facts.total("total_mb", "co2e")
    return one.half / one.value if one.half is not None and one.value else None


def track_chart(facts: Facts, target: Document) -> Chart:
    """Months beside their allowance on both paths."""
    own, sbti = ([m for m in target["paths"][name]["months"] if m["days"]] for name in PATHS)
    layers = (Layer(S("排放", "emitted"), "load", [_kg(m["actual_t"]) for m in own]),)
    marks = tuple(
        Mark(path_name(facts, name), name, [_kg(m["allowed_t"]) for m in months])
        for name, months in (("own", own), ("sbti", sbti))
    )
    caption = S(
        f"{target['name']['zh']}：各月排放与额度；斜线表示该月不完整，不作判断。",
        f"{target['name']['en']}: each month beside its allowance; hatched where a part of the month is not known.",
    )
    return columns([m["label"][5:].lstrip("0") for m in own], layers, "kgCO2e", caption, marks)


def _kg(tonnes: float | None) -> float | None:
    return None if tonnes is None else 1000 * tonnes


def months_table(facts: Facts) -> Table:
    """The months by both paths of each target."""
    heads = (
        S("月份", "Month"),
        S("排放", "Emitted"),
        S("自定路径差额", "Against the own path"),
        S("SBTi 路径差额", "Against the SBTi line"),
        S("说明", "Remark"),
    )
    body = tuple(
        _month(own, sbti, f"target/{one['id']}")
        for one in facts.progress["targets"]
        for own, sbti in zip(one["paths"]["own"]["months"], one["paths"]["sbti"]["months"], strict=True)
        if own["days"]
    )
    return Table("track_months", S("逐月", "Month by month"), heads, body)


def _month(own: Document, sbti: Document, ref: str) -> tuple[Cell, ...]:
    told = (("own", "actual_t", own), ("own", "over_t", own), ("sbti", "over_t", sbti))
    figures = (Figure(NOTHING, of[name], T, f"{ref}/{path}/{of['label']}/{name}") for path, name, of in told)
    return (same(own["label"]), *figures, sentence(own["why"]))


def fiscal_table(facts: Facts) -> Table:
    """The renewable share of the fiscal year that the period ends in."""
    one = facts.progress["fiscal_year"]
    heads = (
        S("财年可再生电力份额", "Renewable electricity"),
        S("财年至今", "Fiscal year to date"),
        S("其中已知部分", "Part that is known"),
        S("说明", "Remark"),
    )
    names = {
        "renewable_share_physical": S("物理口径", "physical"),
        "renewable_share_contractual": S("合同口径", "contractual"),
    }
    body = tuple(_share(name, label, one) for name, label in names.items())
    return Table("fiscal", S(f"财年 {one['label']}", f"Fiscal year {one['label']}"), heads, body)


def _share(name: str, label: Sentence, one: Document) -> tuple[Cell, ...]:
    whole, known = one["to_date"][name], one["known"][name]
    why = sentence(whole["reason"]) or S(f"已知部分：{one['known']['period']}", f"known: {one['known']['period']}")
    return (
        label,
        *(
            Figure(NOTHING, of["value"], "%", f"fiscal/{name}/{part}")
            for part, of in (("to_date", whole), ("known", known))
        ),
        why,
    )


def position_table(facts: Facts) -> tuple[Table, ...]:
    """The position book of the compliance year; nothing of a site without allowances."""
    one = facts.position
    if one is None:
        return ()
    heads = (S("项目", "Item"), S("数值", "Value"), S("说明", "Remark"))
    why = sentence(one["obligation"])
    body = tuple(
        (label, Figure(NOTHING, _position(one, name), "tCO2", f"position/{name}"),
         why if name in {"obligation", "gap"} else NOTHING)
        for name, label in POSITION.items()
    )  # fmt: skip
    title = S(f"{one['year']}年配额头寸（缺口为正表示不足）", f"Allowances of {one['year']}; a positive gap is short")
    return (Table("position", title, heads, body),)


def _position(one: Document, name: str) -> float | None:
    value = one[name]["value"] if isinstance(one[name], Mapping) else one[name]
    return None if value is None else float(value)
