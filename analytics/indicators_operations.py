"""Indicators of how a factory is run: idle energy, leaks by night, recovered heat, what a recipe saves."""

import numpy as np

from analytics.factors import Gas, Method
from analytics.grid import Flow
from analytics.indicator_inputs import (
    Indicator,
    Inputs,
    Mask,
    Scale,
    covered,
    energy,
    known_together,
    ratio,
    unknown,
)
from analytics.indicators_carbon import consumption_intensity
from analytics.indicators_equipment import air_made, compressor_energy
from analytics.indicators_products import runs
from analytics.terms import Sentence, Status, weakest
from metering.reading import MICRO
from metering.site import Role

SAMPLE = 8  # quarter-hours of each recipe, or nothing is said [two hours]


def _idle(inputs: Inputs) -> Mask | None:
    idle = inputs.idle
    return idle if idle is not None and idle.any() and not idle.all() else None


def idle_energy_share(inputs: Inputs) -> Indicator:
    """Consumption outside all shifts over all consumption [%]; one part a workshop, machine and line [kWh]."""
    id_, idle = "idle_energy_share", _idle(inputs)
    if idle is None:
        return unknown(id_, "%", "未声明班次，或期间内没有班次交替。", "No shifts are declared, or none changes.")
    flow = inputs.flows.consumption
    resting = Flow(np.where(idle, flow.energy, 0), flow.placed, flow.flags, flow.unit)
    found = ratio(id_, resting, flow, inputs=("consumption", "shifts"), status=Status.DECLARED)
    loads = [p for p in inputs.role(Role.LOAD) if p.carrier == "electricity" and p.id in inputs.flows.points]
    used = {p.id: inputs.flows.points[p.id] for p in loads}
    parts = {name: energy(one, one.known & idle) for name, one in used.items()}
    return Indicator(
        id_, found.value, "%", found.reason, found.inputs, found.status, found.scale, found.coverage, parts=parts
    )


def leak_estimate(inputs: Inputs) -> Indicator:
    """Air that flows while nobody works over what flows in shifts [%]; an estimate, machines left open count too."""
    id_, idle, air = "leak_estimate", _idle(inputs), air_made(inputs)
    if idle is None or air is None:
        return unknown(id_, "%", "没有班次或气量计量。", "No shifts are declared, or the air is not metered.")
    resting, working = air.energy[air.known & idle], air.energy[air.known & ~idle]
    if len(resting) < SAMPLE or len(working) < SAMPLE or float(working.mean()) <= 0:
        return unknown(id_, "%", "样本不足。", "Too few quarter-hours are known.")
    lost, mean = float(np.median(resting)) / MICRO, float(working.mean()) / MICRO
    each = compressor_energy(inputs).value or 0.0
    kwh = lost * len(air.energy) * each
    note = Sentence(
        f"约 {4 * lost:,.0f} m³/h，期间耗电约 {kwh:,.0f} kWh；非停产测试。",
        f"About {4 * lost:,.0f} m³/h, {kwh:,.0f} kWh in the period; not a test without production.",
    )
    value = 100 * lost / mean
    scale = Scale(kwh / value, "kWh") if value > 0 else None
    return Indicator(
        id_, value, "%", None, ("air_volume", "shifts"), Status.DERIVED, scale, covered(air.known),
        parts={"m3_per_hour": 4 * lost, "kwh": kwh, "idle_quarters": float(len(resting))}, note=note,
    )  # fmt: skip


def heat_recovery_credit(inputs: Inputs) -> Indicator:
    """Gas that recovered heat replaced, by the boiler's own gas per heat [kgCO2e]; the gas meter has it already."""
    id_ = "heat_recovery_credit"
    recovered, boiler = _heat(inputs, "heat.recovered"), _heat(inputs, "heat.own")
    fuels = [a for a in inputs.flows.activities if a.quantity.startswith("gas_")]
    if recovered is None or boiler is None or not fuels:
        zh, en = "缺少余热、锅炉热量或燃气计量。", "Recovered heat, boiler heat or gas has no meter."
        return unknown(id_, "kgCO2e", zh, en)
    gas = fuels[0]
    mask = known_together(recovered, boiler, gas.flow)
    if energy(boiler, mask) <= 0 or energy(gas.flow, mask) <= 0:
        return unknown(id_, "kgCO2e", "锅炉没有运行，换算不出燃气量。", "The boiler did not run: no gas per heat.")
    per_gj = energy(gas.flow, mask) / energy(boiler, mask)
    saved = energy(recovered, mask) * per_gj
    lines = [x for x in inputs.balance.select(Gas.CO2E, scope=1, method=Method.MARKET_BASED) if x.point == gas.point]
    if not lines:
        return unknown(id_, "kgCO2e", "燃气没有排放因子。", "The gas has no factor.")
    kg = saved * float(lines[0].factor.kg_per(gas.flow.unit))
    note = Sentence(
        f"相当于少烧 {saved:,.0f} {gas.flow.unit}；已体现在燃气表中，不得再扣减。",
        f"{saved:,.0f} {gas.flow.unit} less burnt; the gas meter has it already, it is deducted nowhere.",
    )
    return Indicator(
        id_, kg, "kgCO2e", None, ("heat_energy", gas.point), weakest((Status.DERIVED, lines[0].status)),
        None, covered(mask), parts={"gas": saved, "heat_gj": energy(recovered, mask), "gas_per_gj": per_gj}, note=note,
    )  # fmt: skip


def _heat(inputs: Inputs, activity: str) -> Flow | None:
    points = [p for p in inputs.flows.site.points if p.activity == activity]
    flows = [f for p in points if (f := inputs.flows.flow(p.id, ("heat_energy", "heat_amount"))) is not None]
    return flows[0] if flows else None


def recipe_saving(inputs: Inputs) -> Indicator:
    """What the leanest recipe saves a unit against the dearest on the same machines, made one at a time [%].

    Parts: energy [kWh/unit], units and quarter-hours of each recipe, and what was avoided [kWh, kgCO2].
    """
    id_, samples = "recipe_saving", _samples(inputs)
    each = {name: kwh / units for name, (kwh, units, n) in samples.items() if units > 0 and n >= SAMPLE}
    if len(each) < 2:
        return unknown(id_, "%", "没有同一设备上两种配方的样本。", "No machine made two recipes one at a time.")
    dear, lean = max(each, key=lambda n: (each[n], n)), min(each, key=lambda n: (each[n], n))
    _, units, quarters = samples[lean]
    avoided = units * (each[dear] - each[lean])
    parts = {f"{name} kWh/unit": value for name, value in each.items()}
    parts |= {f"{name} units": samples[name][1] for name in each}
    parts |= {f"{name} quarters": samples[name][2] for name in each}
    parts |= {"avoided kWh": avoided, "avoided kgCO2": avoided * (consumption_intensity(inputs).value or 0.0)}
    note = Sentence(
        f"反事实：同一设备以 {dear} 生产 {lean} 的 {units:,.0f} 件；样本 {quarters:.0f} 个15分钟。",
        f"Counterfactual: {dear} on the same machines for the {units:,.0f} units of {lean}; "
        f"{quarters:.0f} quarter-hours.",
    )
    value = 100 * (1 - each[lean] / each[dear])
    return Indicator(id_, value, "%", None, (dear, lean), Status.DERIVED, parts=parts, note=note)


def _samples(inputs: Inputs) -> dict[str, tuple[float, float, float]]:
    """Of each recipe made alone on a machine that made another too: energy [kWh], units, quarter-hours."""
    sums: dict[str, tuple[float, float, float]] = {}
    for load, counts in runs(inputs):
        alone = {
            name: (made > 0) & load.known & (sum(o for n, o in counts.items() if n != name) == 0)
            for name, made in counts.items()
        }
        if sum(mask.sum() >= SAMPLE for mask in alone.values()) < 2:
            continue
        for name, mask in alone.items():
            kwh, units, quarters = sums.get(name, (0.0, 0.0, 0.0))
            made = float(counts[name][mask].sum())
            sums[name] = (kwh + energy(load, mask), units + made, quarters + float(mask.sum()))
    return sums
