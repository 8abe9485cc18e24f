"""The works tell the truth about themselves: exact sums, registers that are integrals, one value per (seed, time)."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.day import ELECTRIC, SUPPLY, build
from simulators.plant import Plant

IMPORT, EXPORT = "active_energy_import", "active_energy_export"


def energies(plant: Plant, times: np.ndarray, quantity: str) -> dict[str, np.ndarray]:
    parts = list(plant.samples(times))
    return {n: np.concatenate([s.energy(n, quantity) for s in parts]) for n in plant.view.electric}


def losses(plant: Plant, times: np.ndarray, node: str) -> np.ndarray:
    row = plant.view.row[node, "L"]
    return np.concatenate([s.amounts[row] for s in plant.samples(times)])


def test_children_and_losses_are_the_parent_to_the_last_integer(plant: Plant, some_times: np.ndarray) -> None:
    taken, given_ = energies(plant, some_times, IMPORT), energies(plant, some_times, EXPORT)
    for feeder in plant.works.of("feeder"):
        children = [n.id for n in plant.works.below(feeder.id) if n.kind in ELECTRIC]
        assert (taken[feeder.id] == sum(taken[c] for c in children) + losses(plant, some_times, feeder.id)).all()
    for roof in plant.works.of("solar"):
        below = [n.id for n in plant.works.below(roof.id)]
        lost = sum(losses(plant, some_times, inverter) for inverter in below)
        assert (given_[roof.id] == sum(given_[i] for i in below) - lost).all()


def test_the_site_balances_to_the_last_integer(plant: Plant, some_times: np.ndarray) -> None:
    taken, given_ = energies(plant, some_times, IMPORT), energies(plant, some_times, EXPORT)
    top = [n for n in plant.works.below("grid") if n.kind in ELECTRIC]
    inside = sum(taken[n.id] for n in top if n.kind not in SUPPLY) + losses(plant, some_times, "grid")
    made = sum(given_[n.id] for n in top)
    assert (taken["grid"] + made == inside + given_["grid"]).all()
    assert given_["grid"][-1] > 0  # the weekend's sun goes out


@given(st.integers(0, 20 * 86_400 - 700))
@settings(max_examples=40, deadline=None)
def test_no_register_ever_falls(plant: Plant, midnight_ms: int, start: int) -> None:
    times = midnight_ms + 1000 * np.arange(start, start + 700)
    for key, values in plant.counters(times).items():
        assert (np.diff(values) >= 0).all(), key
    for quantity in (IMPORT, EXPORT):
        for node, values in energies(plant, times, quantity).items():
            assert (np.diff(values) >= 0).all(), node


def test_the_direction_turns_second_by_second(plant: Plant, works, midnight_ms: int) -> None:
    day = next(d for d in (build(works, works.anchor + n) for n in range(7)) if d.turning)
    minute = min(day.turning)
    times = 1000 * np.arange(day.start_s + 60 * (minute - 1), day.start_s + 60 * (minute + 2))
    steps_in, steps_out = (np.diff(energies(plant, times, q)["grid"]) for q in (IMPORT, EXPORT))
    assert (np.minimum(steps_in, steps_out) == 0).all()  # never both ways within one second
    assert (steps_in - steps_out == np.diff(_net(plant, times))).all()


def _net(plant: Plant, times: np.ndarray) -> np.ndarray:
    return np.concatenate([plant.view.signs @ s.amounts for s in plant.samples(times)])


def test_energy_is_the_integral_of_power(plant: Plant, midnight_ms: int) -> None:
    times = midnight_ms + 60_000 * np.arange(1440)
    power = plant.power(times)
    taken, given_ = energies(plant, times, IMPORT), energies(plant, times, EXPORT)
    for node, kw in power.items():
        net = (taken[node] - given_[node]).astype(float)
        kwh = np.concatenate([[0], np.cumsum((kw[1:] + kw[:-1]) / 2 / 60)])
        assert np.abs(net / 1e6 - kwh).max() < 1e-5, node


def test_parents_power_is_their_childrens(plant: Plant, some_times: np.ndarray) -> None:
    power = plant.power(some_times)
    bus = sum(power[n.id] for n in plant.works.below("grid") if n.kind in ELECTRIC)
    lost = power["grid"] - bus
    assert (lost > 0).all()
    assert (lost < 0.02 * np.abs(power["grid"]) + 30).all()


def test_the_same_seed_and_time_give_the_same_value(works, some_times: np.ndarray) -> None:
    once, again, other = Plant(works), Plant(works), Plant(works, seed=1)
    late = again.counters(some_times[-3:])  # another way to the same time
    for key, values in once.counters(some_times).items():
        assert (values[-3:] == late[key]).all(), key
    assert (other.power(some_times)["grid"] != once.power(some_times)["grid"]).any()


def test_a_day_needs_no_other_day(works) -> None:
    moved = replace(works, anchor=works.anchor + 9)
    assert (build(works, works.anchor + 30).rates == build(moved, works.anchor + 30).rates).all()


def test_nothing_is_known_before_the_anchor(plant: Plant, midnight_ms: int) -> None:
    with pytest.raises(ValueError, match="lies before"):
        plant.at(midnight_ms - 1)


def test_no_sun_no_power(plant: Plant, midnight_ms: int) -> None:
    night = midnight_ms + 1000 * np.concatenate([np.arange(0, 5 * 3600, 61), np.arange(19 * 3600, 24 * 3600, 61)])
    for inverter in plant.works.of("inverter"):
        assert (plant.power(night)[inverter.id] == 0).all()
    noon = plant.power(midnight_ms + 3_600_000 * np.array([12, 36, 60]))
    assert min(noon["inverter_1a"]) < -20


def test_phase_two_makes_nothing_before_it_was_commissioned(works) -> None:
    node = next(n for n in works.nodes if n.id == "inverter_2a")
    before = build(works, node.commissioned - 1)
    after = build(works, node.commissioned)
    row = before.flows.index(("inverter_2a", "X"))
    assert before.rates[row].sum() == 0 < after.rates[row].sum()


def test_a_night_of_the_battery_and_the_tank_ends_where_it_began(works) -> None:
    for number in range(works.anchor, works.anchor + 9):
        day = build(works, number)
        level = day.gauges[day.gauge_names.index(("battery", "state_of_charge"))]
        stored = day.gauges[day.gauge_names.index(("cold_tank", "tank_energy"))]
        assert level[0] == pytest.approx(level[-1], abs=1e-6)
        assert 9.9 < level.min() < level.max() <= 95.1
        assert stored[0] == 0
        assert stored[-1] < 1e-6 < stored.max() <= 3600 * 0.0036


def test_low_temperature_solder_needs_two_thirds_of_the_power(works) -> None:
    """A line that runs only one recipe costs 35 % less a board than the same line with the other."""
    other = tuple(replace(n, recipe="sac") if n.id == "line_3_lts" else n for n in works.nodes)
    busy = slice(8 * 60, 15 * 60)
    day, same = (build(w, works.anchor) for w in (works, replace(works, nodes=other)))
    row = day.flows.index(("reflow_3", "P"))
    assert day.flows == same.flows
    low, high = (d.rates[row, busy].sum() for d in (day, same))
    assert 0.65 <= low / high < 0.67  # the oven's housing stays as it is


def test_weekends_rest_and_leaks_do_not(plant: Plant, works, midnight_ms: int) -> None:
    days = [works.anchor + n for n in range(7)]
    saturday = next(n for n, d in enumerate(days) if not works.calendar.works(d))
    times = midnight_ms + 3_600_000 * (24 * saturday + np.array([3, 10, 15]))
    power, counters = plant.power(times), plant.counters(times)
    assert (power["compressor_3"] > 20).all()
    assert np.diff(counters["air_header", "air_volume"]).min() > 1e6
    assert np.diff(counters["line_1_sac", "product_count"]).max() == 0


def test_heat_is_gas_and_recovered_heat_is_electricity(plant: Plant, midnight_ms: int) -> None:
    counters = plant.counters(midnight_ms + np.array([0, 14 * 86_400_000]))
    moved = {key: float(np.diff(values)[0]) / 1e6 for key, values in counters.items()}
    burnt = moved["gas_meter", "gas_volume"] * 9.886 * 0.0036
    assert 0.7 < moved["boiler_heat", "heat_energy"] / burnt < 0.925
    taken = energies(plant, midnight_ms + np.array([14 * 86_400_000]), IMPORT)
    compressors = sum(taken[f"compressor_{n}"][0] for n in (1, 2, 3)) / 1e6
    assert 0 < moved["heat_recovery", "heat_energy"] < 0.68 * compressors * 0.0036


def test_electricity_at_a_node_is_consistent(plant: Plant, some_times: np.ndarray) -> None:
    for sample in plant.samples(some_times[:60]):
        for node in ("grid", "smt", "compressor_2", "inverter_1a", "battery"):
            g = {q: sample.gauge(node, q) for q in ("active_power", "reactive_power", "apparent_power", "power_factor")}
            assert np.allclose(g["apparent_power"] ** 2, g["active_power"] ** 2 + g["reactive_power"] ** 2)
            assert np.allclose(g["power_factor"] * g["apparent_power"], g["active_power"])
            phases = [sample.gauge(node, f"active_power_l{n}") for n in (1, 2, 3)]
            assert np.allclose(sum(phases), g["active_power"])
            volts, amps = (sample.gauge(node, f"{q}_l1") for q in ("voltage", "current"))
            assert np.allclose(volts * amps / 1000, sample.gauge(node, "apparent_power_l1"))


def test_a_year_is_plausible(works) -> None:
    """The yield of modules near Hefei, and a works that is neither idle nor a foundry."""
    days = [build(works, works.anchor + n) for n in range(-300, 65, 5)]
    kwh = sum(d.amounts[:, -1] for d in days) / 1e6 / len(days) * 365
    by_flow = dict(zip(days[0].flows, kwh, strict=True))
    assert 950 < by_flow["inverter_1a", "X"] / 342 < 1250  # [kWh/kWp]
    assert 4e6 < sum(v for (_, what), v in by_flow.items() if what == "P") < 12e6
