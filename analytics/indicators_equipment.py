"""Indicators of plant: compressed air, PV, storage, cold, heat recovery, what a product takes, who uses the energy."""

import numpy as np
from numpy.typing import NDArray

from analytics.grid import Flow
from analytics.indicator_inputs import (
    Indicator,
    Inputs,
    Scale,
    at_night,
    covered,
    energy,
    known_together,
    percent,
    ratio,
    unknown,
)
from analytics.terms import Sentence, Status
from metering.reading import MICRO
from metering.site import MeteringPoint, Role

Float = NDArray[np.float64]
GJ_PER_KWH = 0.0036  # by definition


def air_made(inputs: Inputs) -> Flow | None:
    """The compressed air made [m³]: of meters in the header, else of the machines themselves."""
    points = inputs.role(Role.AIR)
    machines = {p.equipment for p in inputs.flows.site.points if p.carrier == "electricity" and p.equipment}
    header = [p for p in points if p.equipment not in machines]
    for chosen in (header, points):
        flows = [f for p in chosen if (f := inputs.flows.flow(p.id, ("air_volume",))) is not None]
        if flows:
            return _sum(flows)
    return None


def _compressors(inputs: Inputs) -> Flow | None:
    """The electricity of the compressor room: declared so, else of machines that share equipment with an air point."""
    machines = {p.equipment for p in inputs.role(Role.AIR) if p.equipment}
    points: list[MeteringPoint] = inputs.using("compressed_air")
    if not points:
        points = [p for p in inputs.role(Role.LOAD) if p.carrier == "electricity" and p.equipment in machines]
    flows = inputs.through(points)
    return _sum(flows) if flows and len(flows) == len(points) else None


def _sum(flows: list[Flow]) -> Flow:
    total = flows[0]
    for one in flows[1:]:
        total = total + one
    return total


def compressor_energy(inputs: Inputs) -> Indicator:
    """Electricity of the compressor room per normal cubic metre of air [kWh/m³]."""
    air, power = air_made(inputs), _compressors(inputs)
    if air is None or power is None:
        return unknown(
            "compressor_energy", "kWh/m³", "没有气量或空压机电量计量。", "Air flow or compressor power is not metered."
        )
    mask = known_together(air, power)
    volume = energy(air, mask)
    if volume <= 0:
        return unknown("compressor_energy", "kWh/m³", "没有产气。", "No air was made.")
    return Indicator(
        "compressor_energy", energy(power, mask) / volume, "kWh/m³", None, ("air_volume", "compressed_air"),
        Status.NONE, Scale(volume, "kWh"), covered(mask),
    )  # fmt: skip


def compressor_specific_power(inputs: Inputs) -> Indicator:
    """Power per flow of normal cubic metres [kW/(m³/min)]; 6.0 is 0.100 kWh/m³ (GB 19153 refers to intake)."""
    per_volume = compressor_energy(inputs)
    if per_volume.value is None:
        return Indicator("compressor_specific_power", None, "kW/(m³/min)", per_volume.reason, per_volume.inputs)
    scale = Scale(per_volume.scale.amount / 60, "kWh") if per_volume.scale else None
    return Indicator(
        "compressor_specific_power", 60 * per_volume.value, "kW/(m³/min)", None, per_volume.inputs, Status.NONE, scale,
        per_volume.coverage,
    )  # fmt: skip


def compressor_load_ratio(inputs: Inputs) -> Indicator:
    """Hours under load over hours running, all machines [%]."""
    pairs = []
    for point in inputs.flows.site.points:
        load, run = (inputs.flows.flow(point.id, (name,)) for name in ("load_hours", "run_hours"))
        if load is not None and run is not None:
            pairs.append((load, run))
    if not pairs:
        return unknown("compressor_load_ratio", "%", "没有加载和运行小时数。", "Load and run hours are not read.")
    return ratio(
        "compressor_load_ratio", _sum([p[0] for p in pairs]), _sum([p[1] for p in pairs]), inputs=("load_hours",)
    )


def night_air_share(inputs: Inputs) -> Indicator:
    """Air made in the site's night over all air made [%]; without a night shift it is mostly leaks."""
    air = air_made(inputs)
    if air is None:
        return unknown("night_air_share", "%", "没有气量计量。", "Air flow is not metered.")
    night = Flow(np.where(at_night(inputs), air.energy, 0), air.placed, air.flags, air.unit)
    return ratio("night_air_share", night, air, inputs=("air_volume",))


def leak_share(load_min: float, unload_min: float) -> float:
    """Leakage in a load/unload test as a share of the capacity, T/(T + t) [1]."""
    return load_min / (load_min + unload_min)


def leak_test_share(inputs: Inputs) -> Indicator:
    """Leakage by the newest load/unload test without production [%]."""
    tests = [t for t in inputs.leak_tests if t.load_min + t.unload_min > 0]
    if not tests:
        return unknown(
            "leak_test_share", "%", "没有停产泄漏测试记录。", "No leak test without production is on record."
        )
    newest = max(tests, key=lambda t: t.on)
    value = 100 * leak_share(newest.load_min, newest.unload_min)
    return Indicator("leak_test_share", value, "%", None, (newest.document or newest.on.isoformat(),), Status.DECLARED)


def _rated_kw(inputs: Inputs) -> float:
    return sum(
        p.rated_power_kw or 0.0 for p in inputs.role(Role.GENERATION) if p.parent is None or not _under(inputs, p)
    )


def _under(inputs: Inputs, point: MeteringPoint) -> bool:
    return point.parent is not None and inputs.flows.site.point(point.parent).role is Role.GENERATION


def pv_yield(inputs: Inputs) -> Indicator:
    """Final yield of own generation over the period [kWh/kW]; IEC 61724, comparative without irradiance."""
    rated = inputs.facts.get("pv_kwp") or _rated_kw(inputs)
    if rated <= 0:
        return unknown("pv_yield", "kWh/kW", "未声明光伏额定功率。", "The rated power of the PV is not declared.")
    flow = inputs.flows.generation
    value = energy(flow, flow.known) / rated
    note = None
    if plane_irradiation(inputs) is None:
        note = Sentence("没有辐照度传感器：只能比较发电量。", "No irradiance sensor: comparative yield only.")
    share = covered(flow.known)
    return Indicator("pv_yield", value, "kWh/kW", None, ("generation",), Status.DECLARED, coverage=share, note=note)


def plane_irradiation(inputs: Inputs) -> tuple[Float, NDArray[np.bool_]] | None:
    """Irradiation in the module plane per quarter-hour [kWh/m²], of a counter or mean irradiance."""
    for point in inputs.flows.site.points:
        counter = inputs.flows.flow(point.id, ("insolation_poa",))
        if counter is not None:
            return counter.energy / MICRO, counter.known
    gauges = [g for (_, name), g in inputs.gauges.items() if name == "irradiance_poa"]
    return (gauges[0].mean / 4000, gauges[0].known) if gauges else None


def pv_performance_ratio(inputs: Inputs) -> Indicator:
    """Final yield over reference yield [1]; IEC 61724-1, and only with irradiance in the module plane."""
    id_ = "pv_performance_ratio"
    sun = plane_irradiation(inputs)
    if sun is None:
        return unknown(id_, "1", "没有辐照度传感器：只能比较发电量。", "No irradiance sensor: comparative yield only.")
    rated = inputs.facts.get("pv_kwp") or _rated_kw(inputs)
    if rated <= 0:
        return unknown(id_, "1", "未声明光伏额定功率。", "The rated power of the PV is not declared.")
    mask = known_together(inputs.flows.generation) & sun[1]
    reference = float(sun[0][mask].sum())
    if reference <= 0:
        return unknown(id_, "1", "该期间没有日照。", "There was no sun in this period.")
    value = performance_ratio(energy(inputs.flows.generation, mask), rated, reference)
    doubt = None
    if not 0.4 <= value <= 1.0:
        doubt = Sentence(
            "性能比不合理，请检查辐照仪或单位。", "Not plausible: check the irradiance sensor, or the units."
        )
    return Indicator(
        id_, value, "1", None, ("generation", "irradiance_poa"), Status.DECLARED, coverage=covered(mask), doubt=doubt
    )


def performance_ratio(kwh: float, rated_kw: float, irradiation: float) -> float:
    """Yield over reference yield at 1 kW/m² [1]; IEC 61724-1 [kWh, kW, kWh/m²]."""
    return kwh / rated_kw / irradiation


def weather_corrected_ratio(power: Float, rated: float, poa: Float, cell: Float, gamma: float) -> float:
    """PR with the cell at its irradiance-weighted mean temperature [1]; NREL (Dierauf), [kW, kW, W/m², °C, 1/K]."""
    typical = float((poa * cell).sum() / poa.sum())
    return float(power.sum() / (rated * poa / 1000 * (1 + gamma * (cell - typical))).sum())


def cell_temperature(poa: Float, air: Float, wind: Float, a: float, b: float, rise: float) -> Float:
    """Cell temperature after Sandia [°C]: module + E/1000 x rise, module = E·exp(a + b·wind) + air [W/m², °C, m/s]."""
    return poa * np.exp(a + b * wind) + air + poa / 1000 * rise


def storage_efficiency(inputs: Inputs) -> Indicator:
    """Energy out over energy in, the change of content allowed for [%]."""
    id_ = "storage_efficiency"
    if not inputs.role(Role.STORAGE):
        return unknown(id_, "%", "没有储能。", "There is no storage.")
    charge, given = inputs.flows.charge, inputs.flows.discharge
    mask = known_together(charge, given)
    into, out = energy(charge, mask), energy(given, mask)
    if into <= 0:
        return unknown(id_, "%", "没有充电。", "Nothing was charged.")
    kept = _content_change(inputs)
    if kept is None and len(mask) < 30 * 96:
        return unknown(
            id_, "%", "期间不足30天且不知电量变化。", "Under 30 days, and the change of content is not known."
        )
    value = percent(out + (kept or 0.0), into)
    return Indicator(
        id_, value, "%", None, ("charge", "discharge"), Status.NONE, Scale(into / 100, "kWh"), covered(mask)
    )


def _content_change(inputs: Inputs) -> float | None:
    """The change of stored energy over the period [kWh], by state of charge and declared capacity."""
    capacity = inputs.facts.get("battery_kwh")
    gauges = [g for (_, name), g in inputs.gauges.items() if name == "state_of_charge" and g.known.any()]
    if capacity is None or not gauges:
        return None
    known = gauges[0].mean[gauges[0].known]
    return capacity * float(known[-1] - known[0]) / 100


def chilled_tank_loss(inputs: Inputs) -> Indicator:
    """Cold lost in the chilled-water tank over cold put in [%]; put in is the rise of its content when not metered."""
    id_ = "chilled_tank_loss"
    tanks = [(key[0], g) for key, g in inputs.gauges.items() if key[1] == "tank_energy" and g.known.sum() > 1]
    if not tanks:
        return unknown(id_, "%", "没有蓄冷量测量。", "The content of the tank is not measured.")
    point, gauge = tanks[0]
    out = inputs.flows.flow(point, ("cooling_energy",))
    if out is None:
        return unknown(id_, "%", "没有释冷量计量。", "The cold taken out is not metered.", (point,))
    known = gauge.mean[gauge.known]
    into = float(np.maximum(np.diff(known), 0).sum())
    if into <= 0:
        return unknown(id_, "%", "没有蓄冷。", "Nothing was stored.", (point,))
    value = percent(into - energy(out, out.known) - float(known[-1] - known[0]), into)
    return Indicator(
        id_, value, "%", None, (point,), Status.DERIVED, Scale(into / 100, "GJ"), covered(out.known & gauge.known)
    )


def heat_recovery_share(inputs: Inputs) -> Indicator:
    """Recovered heat over what could be recovered: declared, else all electricity of the compressors [%]."""
    points = [p for p in inputs.flows.site.points if p.activity == "heat.recovered" or p.end_use == "heat_recovery"]
    flows = [f for p in points if (f := inputs.flows.flow(p.id, ("heat_energy", "heat_amount"))) is not None]
    if not flows:
        return unknown("heat_recovery_share", "%", "没有余热回收计量。", "Recovered heat is not metered.")
    heat, power = _sum(flows), _compressors(inputs)
    declared = inputs.facts.get("recoverable_heat_gj")
    possible = declared or (energy(power, power.known) * GJ_PER_KWH if power is not None else 0.0)
    if possible <= 0:
        return unknown("heat_recovery_share", "%", "可回收热量未知。", "What could be recovered is not known.")
    status = Status.DECLARED if declared else Status.DERIVED
    value = percent(energy(heat, heat.known), possible)
    return Indicator(
        "heat_recovery_share",
        value,
        "%",
        None,
        tuple(p.id for p in points),
        status,
        Scale(possible / 100, "GJ"),
        covered(heat.known),
    )


def forklift_energy(inputs: Inputs) -> Indicator:
    """Electricity of forklift charging [kWh]; it is part of scope 2 already."""
    flows = inputs.through(inputs.using("forklift", "forklift_charging"))
    if not flows:
        return unknown("forklift_energy", "kWh", "没有叉车充电计量。", "Forklift charging is not metered.")
    total = _sum(flows)
    return Indicator(
        "forklift_energy", energy(total, total.known), "kWh", None, ("forklift",), coverage=covered(total.known)
    )
