"""Indicators of production: energy and carbon of a unit, by recipe, and of a workshop."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from analytics.grid import Flow
from analytics.indicator_inputs import (
    Indicator,
    Inputs,
    Order,
    Scale,
    covered,
    energy,
    known_together,
    percent,
    unknown,
)
from analytics.indicators_carbon import consumption_intensity, gross_market
from analytics.indicators_electricity import comprehensive_energy_tce
from analytics.terms import Status
from metering.period import QUARTER_MS
from metering.reading import MICRO
from metering.site import MeteringPoint, Role

Float = NDArray[np.float64]
COUNTS = ("product_count", "product_amount")


def finished(inputs: Inputs) -> MeteringPoint | None:
    """The counter of finished products: the one that says so, or the only one."""
    points = [p for p in inputs.role(Role.PRODUCT) if inputs.flows.flow(p.id, COUNTS) is not None]
    named = [p for p in points if p.end_use == "finished"]
    chosen = named or points
    return chosen[0] if len(chosen) == 1 else None


def _made(inputs: Inputs) -> tuple[float, str, float] | Indicator:
    """Finished units, who counted them, and the known share of the period."""
    point = finished(inputs)
    flow = inputs.flows.flow(point.id, COUNTS) if point else None
    if point is None or flow is None:
        return unknown(
            "", "", "未指明成品计数（end_use: finished）。", "No counter is marked as the one of finished units."
        )
    units = energy(flow, flow.known)
    if units <= 0:
        return unknown("", "", "该期间没有成品产出。", "No finished units in this period.", (point.id,))
    return units, point.id, covered(flow.known)


def energy_per_unit(inputs: Inputs) -> Indicator:
    """All electricity used over finished units [kWh/unit]; by recipe what its equipment took while making it."""
    made = _made(inputs)
    if isinstance(made, Indicator):
        return Indicator("energy_per_unit", None, "kWh/unit", made.reason, made.inputs)
    units, point, share = made
    use = inputs.flows.site_use
    return Indicator(
        "energy_per_unit", energy(use, use.known) / units, "kWh/unit", None, ("site_use", point), Status.NONE,
        Scale(units, "kWh"), min(share, covered(use.known)), parts=energy_by_recipe(inputs),
    )  # fmt: skip


def co2_per_unit(inputs: Inputs) -> Indicator:
    """Gross scope 1 + 2, market-based, over finished units [kgCO2e/unit]; by recipe its equipment's electricity."""
    made, gross = _made(inputs), gross_market(inputs)
    if isinstance(made, Indicator) or gross.value is None:
        why = made.reason if isinstance(made, Indicator) else gross.reason
        return Indicator("co2_per_unit", None, "kgCO2e/unit", why)
    units, point, share = made
    intensity = consumption_intensity(inputs)
    parts = {recipe: kwh * (intensity.value or 0.0) for recipe, kwh in energy_by_recipe(inputs).items()}
    return Indicator(
        "co2_per_unit", 1000 * gross.value / units, "kgCO2e/unit", None, (*gross.inputs, point), gross.status,
        Scale(units, "kgCO2e"), share, parts=parts,
    )  # fmt: skip


def energy_by_recipe(inputs: Inputs) -> dict[str, float]:
    """Electricity of the equipment per unit of each recipe [kWh/unit]; a quarter-hour is shared by units made in it."""
    kwh: dict[str, float] = {}
    units: dict[str, float] = {}
    for load, counts in runs(inputs):
        known = load.known
        together = sum(counts.values(), np.zeros(len(load.energy)))
        for recipe, made in counts.items():
            share = np.divide(made, together, out=np.zeros(len(made)), where=(together > 0) & known)
            kwh[recipe] = kwh.get(recipe, 0.0) + float((share * load.energy).sum()) / MICRO
            units[recipe] = units.get(recipe, 0.0) + float(made[known].sum())
    return {recipe: kwh[recipe] / units[recipe] for recipe in sorted(kwh) if units[recipe] > 0}


def runs(inputs: Inputs) -> Iterator[tuple[Flow, dict[str, Float]]]:
    """Each machine's electricity with the units of every recipe it made, from orders or from counters."""
    if inputs.orders:
        for point in sorted({o.point for o in inputs.orders}):
            flow = inputs.flows.points.get(point)
            if flow is not None:
                yield flow, _by_recipe((o.recipe, _spread(o, inputs)) for o in inputs.orders if o.point == point)
        return
    counters = [p for p in inputs.role(Role.PRODUCT) if p.equipment and p.end_use != "finished"]
    for equipment in sorted({p.equipment for p in counters}):
        loads = [p for p in inputs.role(Role.LOAD) if p.equipment == equipment and p.carrier == "electricity"]
        flows = inputs.through(loads)
        if flows:
            counts = _by_recipe(_counted(p, inputs) for p in counters if p.equipment == equipment)
            yield sum(flows[1:], flows[0]), counts


def _by_recipe(pairs: Iterator[tuple[str, Float]]) -> dict[str, Float]:
    counts: dict[str, Float] = {}
    for recipe, made in pairs:
        counts[recipe] = counts[recipe] + made if recipe in counts else made
    return counts


def _counted(point: MeteringPoint, inputs: Inputs) -> tuple[str, Float]:
    flow = inputs.flows.flow(point.id, COUNTS)
    made = np.zeros(len(inputs.flows.start_ms)) if flow is None else flow.energy / MICRO
    return point.end_use or point.id, made


def _spread(order: Order, inputs: Inputs) -> Float:
    """An order's units over the quarter-hours it ran in, evenly."""
    starts = inputs.flows.start_ms
    low = np.maximum(starts, order.start_ms)
    high = np.minimum(starts + QUARTER_MS, order.end_ms)
    inside = np.maximum(high - low, 0)
    return np.asarray(order.amount * inside / max(order.end_ms - order.start_ms, 1), np.float64)


def workshop_energy(inputs: Inputs) -> Indicator:
    """Electricity of all workshops [kWh], one part an area; a feeder counts, not the machines below it."""
    points = [
        p for p in inputs.role(Role.LOAD) if p.area and p.carrier == "electricity" and p.id in inputs.flows.points
    ]
    areas = {p.id: p.area for p in points}
    top = [p for p in points if areas.get(p.parent or "") != p.area]
    if not top:
        return unknown(
            "workshop_energy", "kWh", "测点没有标注车间（area）。", "No metering point names its workshop (area)."
        )
    parts: dict[str, float] = {}
    for point in top:
        flow = inputs.flows.points[point.id]
        parts[point.area] = parts.get(point.area, 0.0) + energy(flow, flow.known)
    mask = known_together(*(inputs.flows.points[p.id] for p in top))
    names = tuple(p.id for p in top)
    parts = dict(sorted(parts.items()))
    return Indicator("workshop_energy", sum(parts.values()), "kWh", None, names, coverage=covered(mask), parts=parts)


def energy_intensity_improvement(inputs: Inputs) -> Indicator:
    """1 − energy per unit / the declared one of the base year [%]."""
    id_, fact = "energy_intensity_improvement", "base_kwh_per_unit"
    now, base = energy_per_unit(inputs), inputs.facts.get(fact)
    if not base:
        return unknown(
            id_,
            "%",
            f"未声明基准年单位产品能耗（facts: {fact}）。",
            f"Not declared: energy per unit of the base year (facts: {fact}).",
        )
    if now.value is None:
        return Indicator(id_, None, "%", now.reason, now.inputs)
    scale = Scale(base / 100 * (now.scale.amount if now.scale else 0.0), "kWh")
    return Indicator(
        id_, percent(base - now.value, base), "%", None, (*now.inputs, fact), Status.DECLARED, scale, now.coverage
    )


def value_added_intensity_improvement(inputs: Inputs) -> Indicator:
    """1 − tce per 10 000 CNY of value added / the declared one of the base year [%]; a whole year only."""
    id_ = "value_added_intensity_improvement"
    added, base = inputs.facts.get("value_added_10k_cny"), inputs.facts.get("base_tce_per_10k_cny")
    if not added or not base:
        return unknown(
            id_, "%", "未声明工业增加值及基准强度。", "Value added and its intensity in the base year are not declared."
        )
    if not inputs.full_year:
        return unknown(id_, "%", "需要整年数据。", "A whole year of data is needed.")
    tce = comprehensive_energy_tce(inputs)
    if tce.value is None:
        return Indicator(id_, None, "%", tce.reason, tce.inputs)
    value = percent(base * added - tce.value, base * added)
    return Indicator(id_, value, "%", None, tce.inputs, Status.DECLARED, Scale(base * added / 100, "tce"))
