"""Where the works' electricity comes from beside the grid: modules on the roofs, and the battery (pure)."""

import numpy as np

from simulators.production import Sheet
from simulators.shapes import Floats, noise, uniform, window
from simulators.weather import STEP_S, module_temperature, on_module
from simulators.works import Node

_PER_DEGREE = -0.0035  # power of silicon modules [1/K], IEC 61853 typical
_SYSTEM = 0.955  # soiling, mismatch and cables before the inverter
CHARGING, DISCHARGING = 0.955, 0.955  # efficiency each way, inverter included
_EMPTY, _FULL = 0.10, 0.95  # state of charge


def photovoltaics(sheet: Sheet) -> None:
    """Each inverter's output from the light on its modules; nothing before the day it was commissioned."""
    for node in sheet.works.of("inverter"):
        poa = on_module(sheet.weather, node)
        hot = module_temperature(sheet.weather, poa)
        dc = node.capacity * poa / 1000 * (1 + _PER_DEGREE * (hot - 25)) * _SYSTEM
        dc *= 1 + 0.01 * noise(sheet.grid.seed, node.id, sheet.grid.time_s, 240)
        there = (sheet.weather.height > 0.01) & (sheet.grid.day >= node.commissioned)
        dc = np.where(there, np.maximum(dc, 0.0), 0.0)
        ac = np.minimum(dc * 0.984, node.rating)
        sheet.export[node.id] = np.where(ac > 0.003 * node.rating, ac, 0.0)
        sheet.gauges[node.id, "dc_power"] = np.where(sheet.export[node.id] > 0, ac / 0.984, 0.0)
        sheet.gauges[node.id, "dc_voltage"] = np.where(sheet.export[node.id] > 0, 690 - 1.6 * (hot - 25), 0.0)
        sheet.gauges[node.id, "status_code"] = np.where(sheet.export[node.id] > 0, 512.0, 0.0)
        sheet.gauges[node.id, "module_temperature"] = hot


def station(sheet: Sheet) -> None:
    """What the weather station on the roof shows; its plane is that of the first inverter's modules."""
    w = sheet.weather
    for node in sheet.works.of("weather"):
        poa = on_module(w, (sheet.works.of("inverter") or (node,))[0])
        sheet.flows[node.id, "insolation_poa"] = poa
        for quantity, value in {
            "irradiance_poa": poa, "irradiance_ghi": w.ghi, "ambient_temperature": w.temperature,
            "module_temperature": module_temperature(w, poa), "wind_speed": w.wind, "wind_direction": w.direction,
            "relative_humidity": w.humidity, "air_pressure_ambient": w.pressure,
        }.items():  # fmt: skip
            sheet.gauges[node.id, quantity] = value


def battery(sheet: Sheet) -> None:
    """Charged in the small hours and at noon, discharged in the peaks; every midnight finds it at the same level.

    The day's plan fixes the energy of each spell, so that the state on any day needs no other day.
    """
    works = sheet.works.calendar.works(sheet.grid.day)
    for node in sheet.works.of("battery"):
        deep = _FULL - 0.06 * float(uniform(sheet.grid.seed, node.id, np.array([sheet.grid.day]))[0])
        spells = [(1.0, 5.2, deep), (9.0, 11.0, 0.35), (11.6, 14.2, deep), (17.2, 21.0, _EMPTY)]
        level, charge, discharge = _EMPTY, sheet.zero(), sheet.zero()
        for start, end, target in spells if works else spells[2:]:
            kwh = (target - level) * node.capacity
            shape = window(sheet.grid.second, start * 3600, end * 3600, 420)
            hours = float(shape[:-1].sum()) * STEP_S / 3600
            charge += shape * max(kwh, 0.0) / CHARGING / hours
            discharge += shape * max(-kwh, 0.0) * DISCHARGING / hours
            level = target
        _book(sheet, node, charge, discharge)


def _book(sheet: Sheet, node: Node, charge: Floats, discharge: Floats) -> None:
    """The battery's flows and gauges; power at 25 °C heats the cells by a few degrees."""
    gained = charge[:-1] * CHARGING - discharge[:-1] / DISCHARGING
    stored = _EMPTY * node.capacity + np.concatenate([[0.0], np.cumsum(gained) * STEP_S / 3600])
    level = np.clip(stored / node.capacity, 0.0, 1.0)
    dc = charge * CHARGING - discharge / DISCHARGING
    volts = 690 + 90 * level + 12 * dc / max(node.rating, 1)
    sheet.power[node.id], sheet.export[node.id] = charge, discharge
    for quantity, value in {
        "state_of_charge": 100 * level,
        "battery_temperature": 25 + 6 * np.abs(dc) / max(node.rating, 1),
        "dc_power": dc,
        "dc_voltage": volts,
        "dc_current": dc * 1000 / volts,
        "status_code": np.where(dc == 0, 1.0, 2.0),
    }.items():
        sheet.gauges[node.id, quantity] = value
