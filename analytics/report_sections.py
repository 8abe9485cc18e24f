"""Parts that several reports share: totals, energy, lines, factors, what stands beside, what lacks, who entered."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from analytics.report_charts import Layer, Row, columns, rows
from analytics.report_facts import TOTALS, Facts
from analytics.report_parts import (
    NOTHING,
    Cell,
    Chart,
    Figure,
    Judgement,
    Table,
    Tag,
    Text,
    Verdicts,
    same,
    sentence,
)
from analytics.report_words import CATEGORY, ENTRY, METHOD, OUTCOME, SIGNS, both_moments
from analytics.terms import Sentence

Document = Mapping[str, Any]
S = Sentence
AS_PRINTED = 7  # more digits than any document prints of a factor
STATUS_HEAD, FIGURE_HEAD = S("依据", "Basis"), S("图号", "Figure id")
INTERVAL_HEAD = S("区间依据", "Interval's basis")


def headline(facts: Facts) -> tuple[Figure, ...]:
    """What stands largest: gross emissions by both methods, energy used, own generation used."""
    return (
        facts.total("total_mb", strong=True), facts.total("total_lb"),
        facts.energy("consumption_kwh", S("用电量", "Electricity used"), "load"),
        facts.energy("self_use_kwh", S("自发自用", "Own generation used"), "pv"),
    )  # fmt: skip


def totals_table(facts: Facts) -> Table:
    """Scopes and gross totals on both gas bases."""
    body: list[tuple[Cell, ...]] = []
    for name, (label, _, _) in TOTALS.items():
        strong = name.startswith("total")
        one, other = facts.total(name, strong=strong), facts.total(name, "co2e", strong=strong)
        told = (one, Tag(one.status), other, Tag(other.status), Tag(facts.interval_basis(name)), same(one.ref))
        body.append((label, *told))
    heads = (
        S("项目", "Item"),
        same("CO₂"),
        STATUS_HEAD,
        same("CO₂e"),
        STATUS_HEAD,
        S("区间依据", "Interval's basis"),
        FIGURE_HEAD,
    )
    return Table("totals", S("排放总量", "Emission totals"), heads, tuple(body))


def interval_note(facts: Facts) -> Text:
    """What the ± covers."""
    if facts.states_factors:
        return Text(S("± 为 95 % 区间的一半，含计量与因子，保留共用因子与表计的相关性。",
                      "± is half the 95 % interval of metering and factors, correlated where shared."))  # fmt: skip
    return Text(S("± 为计量不确定度（95 % 区间的一半，同一表计按完全相关）；因子自身的不确定度未计入。",
                  ("± is half the 95 % interval of the metering, one meter fully correlated with itself; the factors'"
                   " own uncertainty is not in it.")))  # fmt: skip


def scopes_chart(facts: Facts) -> Chart:
    """Scope 1 and 2 side by side for both methods."""
    made = []
    for name, label in (("lb", S("基于位置", "location-based")), ("mb", S("基于市场", "market-based"))):
        total = facts.total(f"total_{name}")
        parts = ((S("范围一", "scope 1"), "gas", facts.total("scope1").value or 0.0),
                 (S("范围二", "scope 2"), "grid", facts.total(f"scope2_{name}").value or 0.0))  # fmt: skip
        made.append(Row(label, parts, total.half))
    return rows(made, "kgCO2", S("总量（未扣除抵销），须线为 95 % 区间。",
                                 "Gross totals, nothing netted; whiskers are the 95 % interval."))  # fmt: skip


def energy_table(facts: Facts) -> Table:
    """The electricity flows of the period."""
    named = (
        ("import_kwh", S("外购电量", "Bought from the grid"), "grid"),
        ("generation_kwh", S("自发电量", "Generated"), "pv"),
        ("self_use_kwh", S("自发自用", "Own generation used"), "pv"), ("export_kwh", S("上网电量", "Exported"), "pv"),
        ("charge_kwh", S("储能充电", "Storage charged"), "storage"),
        ("discharge_kwh", S("储能放电", "Storage discharged"), "storage"),
        ("consumption_kwh", S("用电量", "Used"), "load"),
    )  # fmt: skip
    found = [(label, facts.energy(name, label, carrier)) for name, label, carrier in named]
    body = tuple((label, one, Tag(one.status or "none"), same(one.ref)) for label, one in found)
    heads = (S("电量", "Electricity"), S("数值", "Value"), STATUS_HEAD, FIGURE_HEAD)
    return Table("energy", S("能源", "Energy"), heads, body)


def energy_chart(facts: Facts) -> Chart:
    """What was used, by source, over the period."""
    series = facts.steps["series"]
    layers = (Layer(S("外购", "from the grid"), "grid", series["import"]),
              Layer(S("自发自用", "own generation"), "pv", series["self_use"]))  # fmt: skip
    day = facts.steps["by"] == "day"
    caption = S("按日" if day else "按月", "By day:" if day else "By month:") + S(
        "的用电来源；斜线表示该时段数据不全。", "the sources of what was used; hatched where not all of it is known."
    )
    return columns(facts.steps["labels"], layers, "kWh", caption)


def lines_table(lines: Sequence[Document], name: str, title: Sentence) -> Table:
    """Every posting: activity x factor, with match, status and reference."""
    heads = (S("排放源", "Source"), S("活动数据", "Activity"), S("因子", "Factor"), S("取值", "Match"),
             S("排放量", "Emissions"), STATUS_HEAD)  # fmt: skip
    return Table(name, title, heads, tuple(_line(one) for one in lines))


def _line(line: Document) -> tuple[Cell, ...]:
    category = CATEGORY.get(line["category"], same(line["category"]))
    method = METHOD.get(line["method"], same(line["method"]))
    activity, factor = line["activity"], line["factor"]
    source = S(f"{line['name']['zh']}：{category.zh}（{method.zh}，{line['year']}年）",
               f"{line['name']['en']}: {category.en} ({method.en}, {line['year']})")  # fmt: skip
    unit = "kgCO2e" if line["gas"] == "co2e" else "kgCO2"
    half = (line.get("uncertainty") or {}).get("half_kg")
    return (
        source, Figure(NOTHING, activity["value"], activity["unit"], f"activity/{line['id']}"),
        _factor_value(factor, same(factor["id"])),
        S(line["match"]["zh"], line["match"]["en"]),
        Figure(NOTHING, line["kg"], unit, line["id"], line["status"], half),
        Tag(line["status"]),
    )  # fmt: skip


def apart_table(facts: Facts) -> Table:
    """Scope 3, biogenic CO2 and Montreal gases: in no total of scopes 1 and 2."""
    title = S("范围一、二之外（不计入上述总量）", "Outside scopes 1 and 2, in none of the totals above")
    made = lines_table(facts.apart, "apart", title)
    return replace(made, empty=S("未登记范围三及其他活动；未登记不等于零。",
                                 "No scope 3 or other activity is recorded, which is not zero."))  # fmt: skip


def suppliers_text(facts: Facts) -> Text:
    """How much of the spend suppliers answered for; what is missing stays missing."""
    return Text(S("供应商排放问卷：", "Suppliers' answers: ") + sentence(facts.balance.get("suppliers")))


def factors_table(facts: Facts) -> Table:
    """Every factor used, once, with its document and page."""
    seen = {line["factor"]["id"]: line["factor"] for line in facts.lines}
    heads = (S("因子", "Factor"), S("数值", "Value"), S("年份与地区", "Year, region"), S("文件与页", "Document, page"),
             STATUS_HEAD)  # fmt: skip
    return Table("factors", S("采用的因子", "Factors used"), heads, tuple(_factor(f) for _, f in sorted(seen.items())))


def _factor_value(one: Document, note: Sentence = NOTHING) -> Figure:
    return Figure(NOTHING, one["value"], one["unit"], f"factor/{one['id']}", note=note, digits=AS_PRINTED)


def _factor(one: Document) -> tuple[Cell, ...]:
    page = same(f", {one['page']}") if one["page"] else NOTHING  # a table of an annex has no page
    if one["page"].isdigit():
        page = S(f"，第{one['page']}页", f", p. {one['page']}")
    where = S(f"{one['document']}{page.zh}", f"{one['document']}{page.en}")
    value = _factor_value(one)
    return (same(one["id"]), value, same(f"{one['year']} {one['region']}"), where, Tag(one["status"]))


def beside_table(facts: Facts) -> Table:
    """Offsets, certificates, exports and avoided emissions: beside the balance, never inside."""
    one = facts.balance["beside"]
    named = (
        (S("已注销碳信用（抵销，按天计入本期）", "Credits retired (by the period's days)"),
         "offsets_kg", "kgCO2e", "declared"),
        (S("已注销绿证与绿电（按天计入本期）", "Certificates, green power (by the period's days)"),
         "certificates_kwh", "kWh", "declared"),
        (S("上网电量", "Electricity exported"), "export_kwh", "kWh", "found"),
        (S("避免排放（须声明边际因子）", "Avoided emissions (by a declared factor)"),
         "avoided_kg", "kgCO2", "declared"),
    )  # fmt: skip
    body = tuple(
        (label, Figure(label, one[name], unit, f"beside/{name}"), Tag(status if one[name] else "none"))
        for label, name, unit, status in named
    )
    return Table("beside", S("单列项（不从总量中扣除）", "Beside the balance, never netted"),
                 (S("项目", "Item"), S("数值", "Value"), STATUS_HEAD), body)  # fmt: skip


def shortcomings(facts: Facts) -> Iterator[Text]:
    """What the figures lack, loudest first."""
    if not facts.balance["complete"]:
        yield Text(S("数据不完整：总量低于实际，缺少的部分见附录。",
                     "Incomplete: the totals lack what the annex names."), "warning")  # fmt: skip
    if facts.balance.get("provisional"):
        yield Text(S("暂定：部分时段尚无后续读数确认。", "Provisional: a later reading is still missing."), "warning")
    if facts.open_items:
        count = len(facts.open_items)
        yield Text(S(f"有{count}处电量无法由计数器得知，未计入任何总量。",
                     f"{count} places where no register tells the energy: in no total."), "warning")  # fmt: skip
    if facts.site.get("origin"):
        yield Text(S("本报告含仿真数据，不可用于对外披露。",
                     "This report holds simulated data and is not for disclosure."), "warning")  # fmt: skip


def lacking_table(facts: Facts) -> Table:
    """What could not be counted, and why."""
    heads = (S("位置", "Where"), S("原因", "Why"), S("影响总量", "Totals lack it"))
    body: list[tuple[Cell, ...]] = [
        (same(one["where"]), sentence(one), S("是", "yes") if one["incomplete"] else S("否", "no"))
        for one in facts.balance["faults"]
    ]
    body += [(same(item["series"]), sentence(item["why"]), S("是", "yes")) for item in facts.open_items]
    body += [(same(one["where"]), sentence(one), S("否", "no")) for one in facts.balance["rejected"]]
    return Table("lacking", S("未能计入的内容", "What could not be counted"), heads, tuple(body))


def entries_table(facts: Facts) -> Table:
    """What people entered that touches the period."""
    heads = (S("记录", "Entry"), S("类别", "Kind"), S("由谁", "Who"), S("何时", "When"), S("理由", "Why"))
    body = tuple(
        (
            same(e["id"]),
            ENTRY.get(e["kind"], same(e["kind"])),
            same(e["who"]),
            both_moments(e["at_ms"], facts.zone),
            same(e["why"]),
        )
        for e in facts.entries
    )
    return Table("entries", S("人工录入与更正", "Entries and corrections"), heads, body)


def closings_table(facts: Facts) -> Table:
    """Closings of the period, and whether the figures are still those."""
    heads = (S("结账", "Closing"), S("由谁", "By"), S("何时", "When"),
             S("结账时总量（基于市场）", "Gross MB as issued"), S("与现值", "Beside now"))  # fmt: skip
    now, body = facts.balance["totals"], list[tuple[Cell, ...]]()
    for one in facts.closings:
        told, entry = one["balance"]["totals"], one["entry"]
        is_same = told == now
        body.append((same(str(one["number"])), same(entry["who"]), both_moments(entry["at_ms"], facts.zone),
                     Figure(NOTHING, told["total_mb"]["co2_only"], "kgCO2", f"closing/{one['number']}"),
                     S("一致", "the same") if is_same else S("已重述", "restated")))  # fmt: skip
    return Table("closings", S("结账记录", "Closings"), heads, tuple(body),
                 S("本期尚未结账。", "The period has not been closed."))  # fmt: skip


def judgements(score: Document, dimension: str | None = None) -> tuple[Judgement, ...]:
    """The verdicts of a standard, or of one of its dimensions."""
    of = score["standard"]["id"]
    return tuple(_judgement(v, of) for v in score["verdicts"] if dimension in {None, v["dimension"]})


def _judgement(one: Document, standard: str) -> Judgement:
    limit, gap = one["threshold"], one["gap"]
    asked = "" if limit is None or one["unit"] == "bool" else f"{SIGNS[one['op']]} {limit:g}"
    lack = None if gap is None or gap["value"] is None else Figure(NOTHING, gap["value"], gap["unit"])
    figure = Figure(NOTHING, one["value"], one["unit"], f"verdict/{standard}/{one['id']}", one["status"])
    return Judgement(one["id"], sentence(one["name"]), one["outcome"], sentence(one["reason"]), figure, asked,
                     one["threshold_status"], one["apart"], lack)  # fmt: skip


def scorecard(score: Document) -> Verdicts:
    """A whole standard."""
    head = score["standard"]
    return Verdicts(sentence(head["name"]), judgements(score), _label(score))


def _label(score: Document) -> Sentence:
    """What a scorecard is, with the standard's note."""
    head, label = score["standard"], score["label"]
    zh = "。".join(filter(None, (label["zh"], head["note_zh"])))
    en = f"{label['en'][:1].upper()}{label['en'][1:]}"
    return S(zh, ". ".join(filter(None, (en, head["note"]))))


def scores_table(facts: Facts) -> Table:
    """How many criteria of each standard are met; no score, and thresholds that are assumed counted apart."""
    heads = (S("标准", "Standard"), S("满足", "Met"), S("未满足", "Not met"), S("无法判定", "Undetermined"),
             S("单独计数", "Counted apart"), S("门", "Gates"))  # fmt: skip
    body = tuple(_score(one) for one in facts.scores.values())
    return Table(
        "scores", S("对照标准（自评估，不打总分）", "Against standards: self-assessment, no overall score"), heads, body
    )


def _score(one: Document) -> tuple[Cell, ...]:
    counts, apart = one["counts"], sum(one["counts_apart"].values())
    gates = S("全部通过", "all open") if one["gates_open"] else S("未全部通过", "not all open")
    of = one["standard"]["id"]
    told = (Figure(NOTHING, counts[name], "count", f"score/{of}/{name.lower()}") for name in OUTCOME)
    return (sentence(one["standard"]["name"]), *told, Figure(NOTHING, apart, "count", f"score/{of}/apart"), gates)
