"""What meters show at some seconds of one day: counters as exact integers, and electricity at every node (pure)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from simulators.shapes import Floats, Ints, noise, uniform
from simulators.works import Node

KW = 3600 / 1e6  # a rate of 1e-6 kWh/s in kW, of 1e-6 m³/s in m³/h
PHASES = ("l1", "l2", "l3")
_ENERGY = frozenset(f"{kind}_energy_{way}" for kind in ("active", "reactive") for way in ("import", "export"))
# A gauge that is the rate of a counter: the counter, and what one integer of its flow a second is worth.
_RATE_OF: Mapping[str, tuple[str, float]] = {
    "heat_power": ("heat_energy", 1e-3), "cooling_power": ("cooling_energy", 1e-3), "gas_flow": ("gas_volume", KW),
    "water_flow": ("water_volume", KW), "air_flow": ("air_volume", KW),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class View:
    """Which flows make which meters, fixed for a plant."""

    seed: int
    nodes: Mapping[str, Node]
    electric: tuple[str, ...]
    flows: tuple[tuple[str, str], ...]
    gauges: tuple[tuple[str, str], ...]
    counters: tuple[tuple[str, str], ...]
    taking: Ints  # (electrical node, flow): what its import register counts
    giving: Ints
    reactive: Ints
    grid: int  # row of the grid connection, -1 without
    divisor: Mapping[str, int]  # flow integers per 1e-6 of the counter's unit
    row: Mapping[tuple[str, str], int] = field(default_factory=dict)
    gauge_row: Mapping[tuple[str, str], int] = field(default_factory=dict)
    electric_row: Mapping[str, int] = field(default_factory=dict)

    @property
    def signs(self) -> Ints:
        """What each flow adds to the net import."""
        signs: Ints = self.taking[self.grid] - self.giving[self.grid]
        return signs

    def net(self, flows: Floats | Ints) -> Floats:
        """Import less export of every electrical node, from a column of flows for each time."""
        net: Floats = (self.taking - self.giving).astype(np.float64) @ flows
        return net


@dataclass(frozen=True)
class Sample:
    """The works at some seconds: what has flowed since the anchor, how fast, and what else can be read."""

    view: View
    time_s: Ints
    amounts: Ints  # flow x time
    rates: Floats
    gauges: Floats
    exchange: Ints  # grid import and export x time
    quarter: Callable[[], Floats]  # mean power of the last quarter-hour [kW], electrical node x time
    peaks: Callable[[], Floats]  # the highest quarter-hour so far

    def counter(self, node: str, quantity: str) -> Ints:
        """A register's reading [1e-6 unit], from the base it had on the anchor day."""
        if quantity.rpartition("_")[2] in PHASES:
            return self._of_phase(node, *quantity.rsplit("_", 1))
        if quantity == "apparent_energy":  # vector sum, as most meters count it
            active, reactive = self.counter(node, "active_energy_import"), self.counter(node, "reactive_energy_import")
            return np.floor(np.hypot(active.astype(np.float64), reactive.astype(np.float64))).astype(np.int64)
        base = round(self.view.nodes[node].base.get(quantity, 0.0) * 10**6)
        return base + self.energy(node, quantity)

    def energy(self, node: str, quantity: str) -> Ints:
        """What a register has counted since the anchor [1e-6 unit]."""
        if quantity in _ENERGY:
            return self._electricity(self.view.electric_row[node], quantity)
        counted: Ints = self.amounts[self.view.row[node, quantity]] // self.view.divisor.get(quantity, 1)
        return counted

    def _electricity(self, row: int, quantity: str) -> Ints:
        if quantity == "reactive_energy_export":
            return np.zeros(len(self.time_s), dtype=np.int64)
        export = quantity == "active_energy_export"
        if row == self.view.grid and quantity != "reactive_energy_import":
            exchanged: Ints = self.exchange[int(export)]
            return exchanged
        matrix = {"active_energy_import": self.view.taking, "active_energy_export": self.view.giving}
        counted: Ints = matrix.get(quantity, self.view.reactive)[row] @ self.amounts
        return counted

    def _of_phase(self, node: str, quantity: str, phase: str) -> Ints:
        share = round(1000 * self._shares[PHASES.index(phase), self.view.electric_row[node], 0])
        counted: Ints = self.counter(node, quantity) * share // 1000
        return counted

    def gauge(self, node: str, quantity: str) -> Floats:
        """A momentary value [unit]; KeyError where the node has none."""
        shown: Floats
        if (row := self.view.gauge_row.get((node, quantity))) is not None:
            shown = self.gauges[row]
        elif quantity in _RATE_OF:
            counter, factor = _RATE_OF[quantity]
            shown = self.rates[self.view.row[node, counter]] * factor
        else:
            shown = self.electric(quantity)[self.view.electric_row[node]]
        return shown

    def electric(self, quantity: str) -> Floats:
        """An electrical quantity at every electrical node, one row each [unit]; KeyError for others."""
        if quantity.startswith("active_power_demand"):
            return self.peaks() if quantity.endswith("max") else self.quarter()
        made = self._totals.get(quantity)
        return self._phases[quantity] if made is None else made

    @cached_property
    def _shares(self) -> Floats:
        """How a node's load lies on the phases: 3 x node x 1."""
        view = self.view
        uneven = np.stack([uniform(view.seed, f"{n}:phases", np.arange(3)) for n in view.electric], axis=1)
        uneven = 1 + 0.07 * (uneven - 0.5)
        shares: Floats = (uneven / uneven.sum(axis=0))[:, :, None]
        return shares

    @cached_property
    def _totals(self) -> dict[str, Floats]:
        active = self.view.net(self.rates) * KW
        reactive = self.view.reactive.astype(np.float64) @ self.rates * KW
        apparent = np.hypot(active, reactive)
        factor = np.divide(active, apparent, out=np.ones_like(active), where=apparent > 1e-9)
        hertz = 50 + 0.03 * noise(self.view.seed, "hertz", self.time_s, 8) + np.zeros_like(active)
        return {
            "active_power": active, "reactive_power": reactive, "apparent_power": apparent, "power_factor": factor,
            "frequency": hertz,
        }  # fmt: skip

    @cached_property
    def _phases(self) -> dict[str, Floats]:
        found: dict[str, Floats] = {}
        volts, share = self._voltages, self._shares
        for quantity in ("active_power", "reactive_power", "apparent_power"):
            found |= self._by_phase(quantity, self._totals[quantity] * share)
        amps = self._totals["apparent_power"] * share * 1000 / volts
        rate = np.array([0.02 + 0.0006 * self.view.nodes[n].rating ** 0.5 for n in self.view.electric])
        load = np.clip(amps.mean(axis=0) / 400, 0, 1)
        found |= self._by_phase("voltage", volts) | self._by_phase("current", amps)
        found |= self._by_phase("power_factor", np.broadcast_to(self._totals["power_factor"], amps.shape))
        found |= self._by_phase("thd_voltage", 1.6 + 0.8 * load + 0 * volts)
        found |= self._by_phase("thd_current", 6 + 9 * (1 - load) + 0 * amps)
        found["current_n"] = (amps.max(axis=0) - amps.min(axis=0)) + rate[:, None] * amps.mean(axis=0)
        for first, second in (("l1", "l2"), ("l2", "l3"), ("l3", "l1")):  # 120° apart: |a - b|
            a, b = found[f"voltage_{first}"], found[f"voltage_{second}"]
            found[f"voltage_{first}_{second}"] = np.sqrt(a * a + b * b + a * b)
        return found

    @staticmethod
    def _by_phase(quantity: str, values: Floats) -> dict[str, Floats]:
        return {f"{quantity}_{phase}": values[number] for number, phase in enumerate(PHASES)}

    @cached_property
    def _voltages(self) -> Floats:
        """Phase to neutral: 3 x node x time [V]; the mains breathe together, each phase a little by itself."""
        view = self.view
        rated = np.array([view.nodes[n].voltage for n in view.electric]) / 3**0.5
        breath = 1 + 0.012 * noise(view.seed, "volts", self.time_s, 600)
        phase = np.stack([1 + 0.003 * noise(view.seed, f"volts:{p}", self.time_s, 15) for p in PHASES])
        place = 1 - 0.004 * np.stack([uniform(view.seed, f"{n}:drop", np.arange(1)) for n in view.electric])
        volts: Floats = rated[None, :, None] * breath[None, None, :] * phase[:, None, :] * place[None, :, :]
        return volts
