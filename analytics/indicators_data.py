"""Indicators of the data itself: how complete, how automatic, how traceable, how well the tree closes."""

import math
from dataclasses import replace

import numpy as np

from analytics.coverage import Level, Required, coverage, from_tree
from analytics.factors import Gas, Method
from analytics.grid import on_grid
from analytics.indicator_inputs import (
    Indicator,
    Inputs,
    Scale,
    coal_equivalent,
    comprehensive_energy,
    covered,
    percent,
    unknown,
)
from analytics.intervals import Flag
from analytics.lines import BalanceLine
from analytics.terms import Sentence, Status, weakest
from analytics.tree import residuals
from metering.quantity import QUANTITIES, Kind
from metering.site import MeteringPoint, Role, Site

REGISTER = "metering_coverage_percent"  # evidence: what the site's own register of meters says
AUTOMATIC = frozenset({"live", "history"})


def _required(inputs: Inputs) -> list[MeteringPoint]:
    """The metering points of the site; virtual ones and the weather are not required."""
    virtual = {p.id for p in inputs.flows.site.points if p.device is None and p.parent is not None}
    return [p for p in inputs.flows.site.points if p.role is not Role.AMBIENT and p.id not in virtual]


def _automatic(point: MeteringPoint, inputs: Inputs) -> bool:
    names = [key for key in inputs.flows.series if key[0] == point.id]
    if point.device is None or not names:
        return False
    return any(inputs.origins.get(key, "live") in AUTOMATIC for key in names)


def auto_collection_rate(inputs: Inputs) -> Indicator:
    """Metering points read automatically over those required [%]."""
    points = _required(inputs)
    if not points:
        return unknown("auto_collection_rate", "%", "没有测点。", "There are no metering points.")
    good = [p for p in points if _automatic(p, inputs)]
    return Indicator(
        "auto_collection_rate", percent(len(good), len(points)), "%", None, tuple(p.id for p in points), Status.NONE,
        Scale(len(points) / 100, "points"),
    )  # fmt: skip


def metering_coverage(inputs: Inputs) -> Indicator:
    """Meters fitted over those the tree asks for, all levels and carriers [%]; GB 17167 配备率, one part a level."""
    found = coverage(inputs.flows.site, from_tree(inputs.flows.site))
    wanted = sum(one.wanted for one in found)
    if not wanted:
        return unknown("metering_coverage", "%", "没有测点。", "There are no metering points.")
    parts = {f"{one.level.value} {one.carrier}": one.percent for one in found}
    lacking = tuple(name for one in found for name in one.lacking)
    return Indicator(
        "metering_coverage", percent(sum(one.fitted for one in found), wanted), "%", None, lacking, Status.NONE,
        Scale(wanted / 100, "meters"), parts=parts,
    )  # fmt: skip


def metering_coverage_read(inputs: Inputs) -> Indicator:
    """Key equipment metered and read over what must be metered, by carrier, weighted by coal equivalent [%].

    Beside it stands what the site's own register of meters declares, which knows of equipment the meter tree lacks:
    the lower of the two counts.
    """
    id_, weights = "metering_coverage_read", _weights(inputs)
    if isinstance(weights, Sentence):
        return Indicator(id_, None, "%", weights)
    key = _key_equipment(inputs.flows.site)
    read = {point for (point, _), one in inputs.flows.series.items() if np.any(one.flags & Flag.MISSING == 0)}
    lacking = tuple(r.id for of_carrier in key.values() for r in of_carrier if r.point is None or r.point not in read)
    parts = {c: percent(sum(r.id not in lacking for r in of_one), len(of_one)) for c, of_one in key.items()}
    total = math.fsum(weights.get(carrier, 0.0) for carrier in parts)
    if total <= 0:
        return unknown(id_, "%", "没有用能。", "No energy was used.")
    value = math.fsum(weights.get(carrier, 0.0) * share for carrier, share in parts.items()) / total
    return _with_register(Indicator(id_, value, "%", None, lacking, parts=parts), inputs)


def _key_equipment(site: Site) -> dict[str, list[Required]]:
    """What must be metered of each carrier, at the deepest level that the tree has of it (GB 17167: 主要用能设备)."""
    found: dict[str, list[Required]] = {}
    for level in Level:
        of_level = [r for r in from_tree(site) if r.level is level]
        found |= {carrier: [r for r in of_level if r.carrier == carrier] for carrier in {r.carrier for r in of_level}}
    return dict(sorted(found.items()))


def _weights(inputs: Inputs) -> dict[str, float] | Sentence:
    """The coal equivalent of each carrier in the period [tce]; electricity is what the site used, its own included."""
    coal = comprehensive_energy(inputs)
    if isinstance(coal, Sentence):
        return coal
    carriers = {a.activity: inputs.flows.site.point(a.point).carrier for a in inputs.flows.activities}
    found: dict[str, float] = {}
    for name, tce in coal.parts.items():
        carrier = carriers.get(name, name)
        found[carrier] = found.get(carrier, 0.0) + tce
    return found


def _with_register(read: Indicator, inputs: Inputs) -> Indicator:
    """What the register of meters declares, in words beside what is read; in its place where it is lower."""
    told = inputs.evidence.get(REGISTER)
    measured, parts = read.value or 0.0, {**read.parts, "read": read.value or 0.0}
    if told is None or not told.holds(inputs.today):
        zh, en = (
            "没有有效的计量器具台账：表计树之外的设备未计入。",
            "No register of meters is in force: what the meter tree lacks is not counted.",
        )
        return replace(read, parts=parts, note=Sentence(zh, en))
    declared = float(told.value)
    zh = f"实际计量并读取 {measured:.1f} %，台账声明 {declared:.1f} %（{told.document}），取较低者。"
    told_by = f"{declared:.1f} % by the register of meters ({told.document})"
    en = f"Metered and read: {measured:.1f} %; declared: {told_by}; the lower counts."
    both = replace(read, parts={**parts, "declared": declared}, note=Sentence(zh, en))
    return both if measured <= declared else replace(both, value=declared, status=Status.DECLARED)


def auto_collection_rate_energy(inputs: Inputs) -> Indicator:
    """The same weighted by the boundary's energy in coal equivalent [%]."""
    id_ = "auto_collection_rate_energy"
    total = good = 0.0
    for one in inputs.flows.activities:
        amount = one.flow.total()
        name = _coal_name(one.activity)
        tce = coal_equivalent(inputs, name, amount.micro, amount.unit)
        if isinstance(tce, Sentence):
            return Indicator(id_, None, "%", tce, (one.point,))
        total += tce[0]
        good += tce[0] if _automatic(inputs.flows.site.point(one.point), inputs) else 0.0
    if total <= 0:
        return unknown(id_, "%", "没有用能。", "No energy was used.")
    return Indicator(id_, percent(good, total), "%", None, tuple(a.point for a in inputs.flows.activities))


def _coal_name(activity: str) -> str:
    return activity.split(".", maxsplit=1)[0] if activity.startswith(("electricity.", "heat.")) else activity


def data_completeness(inputs: Inputs) -> Indicator:
    """Quarter-hours known from readings, not placed by interpolation, over those expected, all counters [%]."""
    shares, names = [], []
    for (point, quantity), series in sorted(inputs.flows.series.items()):
        if QUANTITIES[quantity].kind is not Kind.COUNTER:
            continue
        flow = on_grid(series, inputs.flows.start_ms, QUANTITIES[quantity].unit)
        read = flow.known & ((flow.flags & (Flag.PLACED | Flag.SUBSTITUTED)) == 0)
        shares.append(covered(np.asarray(read, np.bool_)))
        names.append(f"{point}/{quantity}")
    if not shares or not len(inputs.flows.start_ms):
        return unknown("data_completeness", "%", "没有计数器数据。", "There are no counters.")
    return Indicator("data_completeness", 100 * (math.fsum(shares) / len(shares)), "%", None, tuple(names))


def estimated_share(inputs: Inputs) -> Indicator:
    """The part of the consumption whose place in time was interpolated [%]; the total is not touched by it."""
    total = inputs.flows.consumption.total()
    if total.micro <= 0:
        return unknown("estimated_share", "%", "没有用电。", "No electricity was used.")
    return Indicator(
        "estimated_share", percent(min(total.placed, total.micro), total.micro), "%", None, ("consumption",)
    )


def inventory_coverage(inputs: Inputs) -> Indicator:
    """Identified emission sources with activity data and a factor from a document [%]; in doubt while data lack."""
    sources = [p for p in inputs.flows.site.boundary() if _emits(p)]
    if not sources:
        return unknown("inventory_coverage", "%", "没有识别到排放源。", "No emission source is identified.")
    bad = {f.point: f.sentence for f in inputs.balance.faults if f.incomplete}
    lines = inputs.balance.select(Gas.CO2_ONLY)
    firm = {line.point for line in lines} - {line.point for line in lines if line.status.weak}
    good = [p for p in sources if p.id in firm]
    lacking = [bad[p.id] for p in good if p.id in bad]
    status = weakest(line.status for line in lines if line.point in firm)
    return Indicator(
        "inventory_coverage", percent(len(good), len(sources)), "%", None, tuple(p.id for p in sources), status,
        Scale(len(sources) / 100, "sources"), doubt=lacking[0] if lacking else None,
    )  # fmt: skip


def _emits(point: MeteringPoint) -> bool:
    bought_heat = point.role is Role.HEAT and point.activity in {"", "heat.purchased"}
    return point.role in {Role.GRID, Role.FUEL} or bought_heat


def centre_functions(inputs: Inputs) -> Indicator:
    """Functions of the energy-carbon centre that work [of 13]; the running site's self-test tells, not the readings."""
    zh, en = "由运行中的系统自检（zcf selftest）。", "The self-test of the running site tells (zcf selftest)."
    return unknown("centre_functions", "count/13", zh, en, (inputs.flows.site.id,))


def data_quality_score(inputs: Inputs) -> Indicator:
    """Emission-weighted quality [0..1]: 1 measured, 0.75 by invoice, 0.5 calculated, 0.25 estimated or placed."""
    lines = inputs.balance.select(Gas.CO2E, method=Method.LOCATION_BASED)
    total = math.fsum(line.kg for line in lines)
    if total <= 0:
        return unknown("data_quality_score", "score", "没有排放。", "There are no emissions.")
    weighed = math.fsum(line.kg * _quality(line, inputs) for line in lines)
    return Indicator(
        "data_quality_score", weighed / total, "score", None, tuple(line.id for line in lines), Status.ASSUMED
    )


TIERS = {"measured": 1.0, "invoice": 0.75, "calculated": 0.5, "estimated": 0.25}  # of what people recorded


def _quality(line: BalanceLine, inputs: Inputs) -> float:
    if line.tier:
        return TIERS[line.tier]
    measured = 1.0 if _automatic(inputs.flows.site.point(line.point), inputs) else 0.75
    placed = min(1.0, line.amount.placed / line.amount.micro) if line.amount.micro else 0.0
    return measured * (1 - placed) + 0.25 * placed


def traceability(inputs: Inputs) -> Indicator:
    """Balance lines with a series or a record, a factor id and a document, over all lines [%]."""
    lines = inputs.balance.lines
    if not lines:
        return unknown("traceability", "%", "没有账目。", "There are no lines.")
    keys = {point for point, _ in inputs.flows.series}
    whole = [
        line for line in lines
        if (line.point in keys or line.tier) and line.factor.id and line.factor.document and line.factor.source
    ]  # fmt: skip
    return Indicator("traceability", percent(len(whole), len(lines)), "%", None, tuple(line.id for line in lines))


def tree_residual(inputs: Inputs) -> Indicator:
    """What the first level of meters leaves unexplained of the electricity used [%]; one part a node."""
    found = residuals(inputs.flows)
    parts = {r.node: r.percent for r in found if r.percent is not None}
    if not found or found[0].percent is None:
        return unknown("tree_residual", "%", "没有可核对的下级表。", "There are no meters below to check against.")
    top = found[0]
    wrong = [r.node for r in found if not r.within and r.total < 0]
    unmetered = [r.node for r in found if not r.within and r.total > 0]
    doubt = note = None
    if wrong:
        said = f"The meters below use more than their parent took in, beyond their classes: {', '.join(wrong)}."
        doubt = Sentence(f"{'、'.join(wrong)} 的下级表合计大于本级，超出表计误差。", said)
    if unmetered:
        said = f"Losses or loads without a meter, more than the classes explain: {', '.join(unmetered)}."
        note = Sentence(f"{'、'.join(unmetered)} 有超出表计误差的损耗或未计量负荷。", said)
    share = top.known / top.cells if top.cells else 0.0
    return Indicator(
        "tree_residual", parts[top.node], "%", None, (top.node, *top.children), top.status,
        Scale(top.inflow / 10**8, top.unit), share, doubt, parts, note,
    )  # fmt: skip
