"""Cold, compressed air and heat: what serves the workshops, with the chilled-water tank and heat recovery (pure)."""

import numpy as np

from simulators.production import Sheet
from simulators.shapes import Floats, noise, window
from simulators.weather import STEP_S
from simulators.works import Node

GAS_KWH = 9.886  # lower heating value of natural gas [kWh/m³ at 20 °C, 101.325 kPa]: 35.589 MJ/m³, GB/T 2589-2020
BOILER_EFFICIENCY = 0.925
RECOVERED = 0.68  # share of a compressor's power that leaves as warm oil
LEAKS = 0.19  # of the largest compressor's flow, round the clock
TANK_KEEPS = 0.985  # share of the cold put in at night that comes out in the afternoon
_WATER = 1.163  # [kWh/(m³ K)]


def cold(sheet: Sheet) -> None:
    """Chillers, pumps, tower and the tank: charged in the small hours, empty by the evening, every day anew."""
    load = _cooling_load(sheet)
    tanks, chillers = sheet.works.of("tank"), sheet.works.of("chiller")
    charge, discharge = _tank(sheet, tanks[0], load) if tanks else (sheet.zero(), sheet.zero())
    made = sheet.zero()
    wanted = load - discharge + charge
    lead = sheet.grid.day % max(len(chillers), 1)  # they take turns
    for node in chillers[lead:] + chillers[:lead]:
        cooling = np.clip(wanted - made, 0, node.rating * 5.0)
        made += cooling
        _chiller(sheet, node, np.where(cooling > 8, cooling, 0))
    for node in sheet.works.of("pumps"):
        sheet.power[node.id] = node.rating * np.clip(0.15 + load / 1100 + charge / 2200, 0, 1) * sheet.wobble(node.id)
    for node in sheet.works.of("tower"):
        humid = np.clip((sheet.weather.temperature - 5) / 30, 0.1, 1)
        sheet.power[node.id] = node.rating * np.clip(made / 1500 * humid, 0.04, 1) * sheet.wobble(node.id)


def _cooling_load(sheet: Sheet) -> Floats:
    """What the workshops give off and the weather brings in [kW of heat]."""
    inside = 0.42 * sheet.total("reflow", "placement", "process") + 0.75 * sheet.total("burn_in")
    outside = 17 * np.maximum(sheet.weather.temperature - 15, 0) * (0.35 + 0.65 * sheet.activity)
    return (inside + outside) * (1 + 0.04 * noise(sheet.grid.seed, "cold", sheet.grid.time_s, 1200))


def _tank(sheet: Sheet, node: Node, load: Floats) -> tuple[Floats, Floats]:
    second = sheet.grid.second
    use = load * 0.75 * window(second, 12.5 * 3600, 18.5 * 3600, 1800)
    kwh = float(use[:-1].sum()) * STEP_S / 3600
    shrink = min(1.0, node.capacity * 0.97 * TANK_KEEPS / max(kwh, 1e-9))
    shape = window(second, 900, 6.25 * 3600, 1200)
    charge = shape * kwh * shrink / TANK_KEEPS / (float(shape[:-1].sum()) * STEP_S / 3600)
    stored = np.concatenate([[0.0], np.cumsum(charge[:-1] - use[:-1] * shrink / TANK_KEEPS) * STEP_S / 3600])
    fill = np.clip(stored / node.capacity, 0, 1)
    sheet.gauges[node.id, "tank_energy"] = np.maximum(stored, 0) * 0.0036
    ripple = 0.1 * noise(sheet.grid.seed, node.id, sheet.grid.time_s, 1800)
    sheet.gauges[node.id, "tank_temperature"] = 12.4 - 7.6 * fill + ripple
    _pipe(sheet, node, use * shrink, 1.5 + 4.0 * np.clip(use / 400, 0, 1))
    return charge, use * shrink


def _pipe(sheet: Sheet, node: Node, cooling: Floats, spread: Floats) -> None:
    """What a meter in a chilled-water pipe shows [kW, K]."""
    supply = 7.0 + 0.25 * noise(sheet.grid.seed, node.id, sheet.grid.time_s, 600)
    sheet.flows[node.id, "cooling_energy"] = cooling
    sheet.flows[node.id, "water_volume"] = cooling / (_WATER * spread)
    sheet.gauges[node.id, "supply_temperature"] = supply
    sheet.gauges[node.id, "return_temperature"] = supply + spread
    sheet.gauges[node.id, "signal_quality"] = 86 + 5 * noise(sheet.grid.seed, node.id + ":q", sheet.grid.time_s, 600)


def _chiller(sheet: Sheet, node: Node, cooling: Floats) -> None:
    """Electricity for the cold: better in cool air, worse at low load."""
    part = np.clip(cooling / (node.rating * 5.0), 0, 1)
    cop = np.clip(6.6 - 0.075 * (sheet.weather.temperature - 12), 3.6, 7.2) * (0.72 + 0.5 * part - 0.24 * part**2)
    sheet.power[node.id] = np.where(cooling > 0, cooling / cop + 2.0, 0.8)
    _pipe(sheet, node, cooling, 1.2 + 4.2 * part)
    sheet.flows[node.id, "run_hours"] = (cooling > 0).astype(np.float64)
    sheet.gauges[node.id, "status_code"] = np.where(cooling > 0, 1.0, 0.0)


def air(sheet: Sheet) -> None:
    """Compressors: fixed speed carries the shift, variable speed trims, and alone feeds the leaks at night."""
    machines = sheet.works.of("compressor")
    if not machines:
        return
    fixed, trim = [n for n in machines if not n.variable], [n for n in machines if n.variable]
    largest = max(n.capacity for n in machines)
    breath = 1 + 0.08 * noise(sheet.grid.seed, "air", sheet.grid.time_s, 300)
    demand = LEAKS * largest + sum(n.capacity for n in machines) * 0.5 * sheet.activity * breath
    rest = demand.copy()
    for number, node in enumerate(fixed):
        on = (demand > largest * (0.75 + 0.68 * number)).astype(np.float64)
        duty = on * (sheet.grid.time_s % 360 < 240) if number else on  # load and idle, four minutes of six
        _compressor(sheet, node, node.capacity * duty, duty, on)
        rest -= node.capacity * duty
    for node in trim:
        flow = np.clip(rest, 0.15 * node.capacity, node.capacity)
        _compressor(sheet, node, flow, flow / node.capacity, np.ones_like(flow))
    _header(sheet, demand / largest)


def _compressor(sheet: Sheet, node: Node, flow: Floats, load: Floats, running: Floats) -> None:
    idle, slope = (0.09, 0.91) if node.variable else (0.27, 0.73)
    taken = 0.003 + 0.91 * running * (idle + slope * load)
    if node.improvement and sheet.grid.day >= node.retrofitted > 0:
        taken = taken * (1 - node.improvement)  # the same air for less: what M&V is to find from the meters alone
    sheet.power[node.id] = node.rating * taken * sheet.wobble(node.id)
    sheet.flows[node.id, "air_volume"] = flow
    sheet.flows[node.id, "run_hours"] = running
    sheet.flows[node.id, "load_hours"] = running * (load > 0.05)
    speed = 50 * (0.2 + 0.8 * load) if node.variable else 50.0 * running
    room = 0.35 * (sheet.weather.temperature - 20) + noise(sheet.grid.seed, node.id, sheet.grid.time_s, 900)
    for quantity, value in {
        "discharge_temperature": np.where(running > 0, 82 + 6 * load + room, 24 + 0.4 * sheet.weather.temperature),
        "motor_frequency": speed * running,
        "motor_speed": speed * running * 59.4,
        "motor_current": sheet.power[node.id] / (1.732 * 0.4 * (0.95 if node.variable else 0.87)),
        "status_code": running + (load > 0.05),
    }.items():
        sheet.gauges[node.id, quantity] = value


def _header(sheet: Sheet, demand: Floats) -> None:
    ripple = 0.05 * noise(sheet.grid.seed, "bar", sheet.grid.time_s, 120)
    pressure = 7.15 - 0.22 * np.minimum(demand / 2.2, 1.2) + ripple
    machines = sheet.works.of("compressor")
    for node in machines:
        sheet.gauges[node.id, "air_pressure"] = pressure
    for node in sheet.works.of("air"):
        sheet.flows[node.id, "air_volume"] = sheet.sum(sheet.flows[m.id, "air_volume"] for m in machines)
        sheet.gauges[node.id, "air_pressure"] = pressure - 0.12
    for node in sheet.works.of("dryer"):
        sheet.power[node.id] = node.rating * (0.35 + 0.25 * np.minimum(demand, 2.2)) * sheet.wobble(node.id)


def heat(sheet: Sheet) -> None:
    """Hot water: what the compressors give back first, the gas boiler for the rest."""
    winter = 22 * np.maximum(17 - sheet.weather.temperature, 0) * (0.35 + 0.65 * sheet.activity)
    demand = 25 + 140 * sheet.activity + winter
    recovered = np.minimum(RECOVERED * sheet.total("compressor"), 0.7 * demand)
    by_source = {"compressors": recovered, "boiler": demand - recovered}
    for node in sheet.works.of("heat"):
        _heat_meter(sheet, node, by_source[node.source])
    for node in sheet.works.of("boiler"):
        fire = np.clip(by_source["boiler"] / 450, 0, 1)
        sheet.power[node.id] = node.rating * (0.12 + 0.7 * fire) * sheet.wobble(node.id)
    for node in sheet.works.of("gas"):
        _gas_meter(sheet, node, by_source["boiler"] / BOILER_EFFICIENCY / GAS_KWH + 0.4)


def _heat_meter(sheet: Sheet, node: Node, kw: Floats) -> None:
    spread = 8 + 10 * np.clip(kw / 400, 0, 1)
    supply = 62 + 4 * np.clip(kw / 400, 0, 1) + 0.6 * noise(sheet.grid.seed, node.id, sheet.grid.time_s, 1200)
    sheet.flows[node.id, "heat_energy"] = kw
    sheet.flows[node.id, "water_volume"] = kw / (_WATER * spread)
    sheet.gauges[node.id, "supply_temperature"] = supply
    sheet.gauges[node.id, "return_temperature"] = supply - spread
    sheet.gauges[node.id, "signal_quality"] = 88 + 6 * noise(sheet.grid.seed, node.id + ":q", sheet.grid.time_s, 600)


def _gas_meter(sheet: Sheet, node: Node, flow: Floats) -> None:
    """Standard volume by pressure and temperature from what passes the turbine (base 20 °C, 1.01325 bar)."""
    bar = 1.01325 + 0.1 + 0.004 * noise(sheet.grid.seed, "gas", sheet.grid.time_s, 600)
    degrees = 12 + 0.35 * sheet.weather.temperature
    sheet.flows[node.id, "gas_volume"] = flow
    sheet.flows[node.id, "gas_volume_working"] = flow * (1.01325 / bar) * ((273.15 + degrees) / 293.15)
    sheet.gauges[node.id, "gas_temperature"] = degrees
    sheet.gauges[node.id, "gas_pressure"] = bar
