"""Measures in a report: what the site declares it could do, and what those that are done saved by their baselines."""

from collections.abc import Iterator, Mapping
from typing import Any

from analytics.report_facts import Facts
from analytics.report_parts import NOTHING, Cell, Figure, Table, same, sentence
from analytics.terms import Sentence

Document = Mapping[str, Any]
S = Sentence
DRIVER: Mapping[str, Sentence] = {
    "production": S("产量", "output"), "workdays": S("工作日", "workdays"), "air_volume": S("用气量", "air made"),
    "heating_degrees": S("采暖度日", "heating degrees"), "cooling_degrees": S("制冷度日", "cooling degrees"),
}  # fmt: skip
SPECIFIC = {"air_volume": "m³"}  # drivers that energy is told by the unit of


def measures_table(facts: Facts) -> Table:
    """What the site declares it could do."""
    heads = (S("措施", "Measure"), S("每年效果", "Effect a year"), S("投资", "Outlay"), S("单价", "Price"),
             S("依据文件", "Document"))  # fmt: skip
    body = tuple(_declared(m, facts.site.get("currency", "CNY")) for m in facts.measures)
    return Table("measures", S("本厂登记的减排措施", "Measures the site declares"), heads, body,
                 S("未登记措施。", "No measure is declared."))  # fmt: skip


def _declared(one: Document, currency: str) -> tuple[Cell, ...]:
    ref, proof = f"measure/{one['id']}", one["effect"] == "evidence"
    name = sentence(one["name"])
    if one["done"]:
        name += S(f"（{one['done']}已实施）", f" (done {one['done']})")
    return (
        name,
        Figure(NOTHING, one["declared"], one["unit"], f"{ref}/declared") if one["declared"] and not proof else None,
        Figure(NOTHING, one["cost"], currency, f"{ref}/cost") if one["cost"] else None,
        Figure(NOTHING, one["price"], f"{currency}/{one['unit']}", f"{ref}/price") if one["price"] else None,
        same(one["document"]),
    )  # fmt: skip


def savings_tables(facts: Facts) -> tuple[Table, ...]:
    """Of each measure that was done by the period's end: its baseline, its reporting days, its saving."""
    last = facts.period.end.astimezone(facts.zone).date().isoformat()
    return tuple(_savings(one) for one in facts.measures if one["done"] and one["done"] < last)


def _savings(one: Document) -> Table:
    option = S(f" · IPMVP 方案 {one['option']}", f" · IPMVP option {one['option']}") if one["option"] else NOTHING
    title = S("节能量核验：", "Saving verified: ") + sentence(one["name"]) + same(" · ") + sentence(one["where"])
    heads = (S("项目", "Item"), S("数值", "Value"), S("说明", "Remark"))
    rows = tuple(_rows(one, one["verified"])) if one["verified"] else ()
    return Table(f"saving_{one['id']}", title + option, heads, rows, sentence(one["why"]))


def _rows(one: Document, found: Document) -> Iterator[tuple[Cell, ...]]:
    unit, ref = found["unit"], f"measure/{one['id']}"
    yield (S("基线推算用量", "Adjusted baseline"),
           Figure(NOTHING, found["predicted"], unit, f"{ref}/predicted"), baseline_text(found))  # fmt: skip
    yield (S("实际用量", "Metered"), Figure(NOTHING, found["observed"], unit, f"{ref}/observed"), _days(one, found))
    yield (S("节省", "Saved"), Figure(NOTHING, found["saved"], unit, f"{ref}/saved", "derived", found["half"]),
           _certain(one, found))  # fmt: skip
    yield (S("折合每年", "Over a year"),
           Figure(NOTHING, found["per_year"], unit, f"{ref}/per_year", "derived", found["half_per_year"]),
           S(f"按 {found['days']} 天线性外推，不含季节差异。",
             f"{found['days']} days scaled to 365; other seasons are not in it."))  # fmt: skip
    if one["declared"]:
        declared = Figure(NOTHING, one["declared"], one["unit"], f"{ref}/declared", "declared")
        yield S("声明的每年效果", "Declared a year"), declared, same(one["document"])


def baseline_text(found: Document) -> Sentence:
    """The baseline's days, its model and its statistics."""
    first, *rest = found["coefficients"]
    names = [DRIVER[name] for name in found["drivers"]]
    terms = [(f"{'−' if value < 0 else '+'} {abs(value):.4g}", name) for value, name in zip(rest, names, strict=True)]
    zh, en = ("".join(f" {value} × {name.text(lang)}" for value, name in terms) for lang in ("zh", "en"))
    sure = f"CV(RMSE) {found['cv_rmse']:.1f} %, NMBE {found['nmbe']:+.2f} %"
    return S(f"基线 {found['baseline_days']} 天，每日用量 = {first:,.4g}{zh}；{sure}。",
             f"{found['baseline_days']} days: a day's use = {first:,.4g}{en}; {sure}.")  # fmt: skip


def _days(one: Document, found: Document) -> Sentence:
    said = S(f"{one['done']} 之后完整的 {found['days']} 天。", f"{found['days']} whole days after {one['done']}.")
    by = SPECIFIC.get(found["drivers"][0]) if found["specific"] else None
    if by:
        before, after = found["specific"]
        said += S(f"单耗由 {before:.4f} 变为 {after:.4f} {found['unit']}/{by}。",
                  f" Per {by}: {before:.4f} before, {after:.4f} {found['unit']} after.")  # fmt: skip
    return said


def _certain(one: Document, found: Document) -> Sentence:
    percent = f"{100 * found['confidence']:.0f} %"
    said = S(f"{percent} 区间整体大于零，节省成立。", f"The whole {percent} interval lies above zero: a saving.")
    if not found["certain"]:
        said = S(f"{percent} 区间含零，不能认定有节省。", f"The {percent} interval holds zero: no saving is shown.")
    for name, beyond in found["outside"].items():
        said += S(f"{DRIVER[name].zh}超出基线范围 {beyond:.0f} %。",
                  f" {DRIVER[name].en.capitalize()} leaves the baseline's range by {beyond:.0f} %.")  # fmt: skip
    if one["overlaps"]:
        others = ", ".join(one["overlaps"])
        said += S(f"与 {others} 计同一用能，不可相加。", f" It counts the same energy as {others}: not to be added.")
    return said
