"""The register of measures: an injected saving is verified from quarter-hours, and overlaps are flagged."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from analytics.calendar import WorkCalendar
from analytics.indicators import Inputs
from analytics.measures import Effect, Measure
from analytics.register import register, register_document
from analytics.savings import Baseline, fit, saved
from analytics.terms import Sentence
from metering.reading import MICRO
from metering.site import MeteringPoint, Role
from simulators.config import load_plant
from simulators.plant import Plant
from tests.analytics.carbon_works import START, all_series, inputs, series, with_points, works_flows

DAYS = 60
EXAMPLE = Path(__file__).parents[2] / "deploy/example/plant.yaml"
CALENDAR = WorkCalendar(ZoneInfo("Asia/Shanghai"))
DONE = date(2026, 11, 10)  # the fortieth day of October and November
OVEN = MeteringPoint("oven", Role.LOAD, parent="smt", device="m5")
MADE = MeteringPoint("boards", Role.PRODUCT, "product", device="n", end_use="finished")


def measure(id_: str = "idle_off", **more: object) -> Measure:
    named = Measure(id_, Sentence(id_, id_), Effect.ELECTRICITY, "kWh", 9000.0, done=DONE, point="smt", option="C")
    return replace(named, **more)  # type: ignore[arg-type]


def works(*measures: Measure, cut: float = 120.0, seed: int = 4) -> Inputs:
    """2 kWh a board and 300 kWh a day, with noise; less `cut` kWh a day from the day after it was done."""
    rng = np.random.default_rng(seed)
    boards = rng.uniform(100, 400, DAYS)
    day = 300 + 2 * boards + rng.normal(0, 8, DAYS)
    day[40:] -= cut
    each = {"smt": np.repeat(day / 96, 96), "boards": np.repeat(boards / 96, 96)}
    given = all_series(DAYS * 96, START) | {
        ("smt", "active_energy_import"): series(each["smt"], DAYS * 96),  # type: ignore[arg-type]
        ("boards", "product_count"): series(each["boards"], DAYS * 96),  # type: ignore[arg-type]
    }
    flow = works_flows(with_points(OVEN, MADE), cells=DAYS * 96, given=given)
    return inputs(flow, measures=measures)


def test_the_injected_saving_is_verified_within_its_interval() -> None:
    [row] = register(works(measure(drivers=("production",))), CALENDAR)
    assert row.verified is not None
    assert (row.verified.days, row.verified.baseline.days) == (19, 40)
    assert abs(row.verified.value - 19 * 120) <= row.verified.half
    assert row.verified.certain
    assert row.verified.baseline.coefficients[1] == pytest.approx(2, abs=0.1)


def test_the_demos_retrofit_is_found_from_the_meters_alone() -> None:
    """Sixteen days before and fourteen after: what the simulated air end really saved lies in the interval."""
    plant = load_plant(EXAMPLE).freeze()
    air = [n for n in plant.nodes if n.kind in {"grid", "compressor", "air"} or n.id == "air"]
    begins, improved = plant.anchor + 1, plant.anchor + 18
    better = [replace(n, retrofitted=improved) if n.improvement else n for n in air]
    midnights = (np.arange(begins, begins + 31) * 86_400 - plant.place.utc_offset_s) * 1000
    was, now = ([*Plant(replace(plant, nodes=tuple(n))).samples(midnights)] for n in (air, better))
    old, energy = (_daily([s.energy("air", "active_energy_import") for s in one]) for one in (was, now))
    unchanged, volume = (_daily([s.counter("air_header", "air_volume") for s in one]) for one in (was, now))
    assert (volume == unchanged).all()  # the same air, for less
    done = improved - begins
    made = fit(energy[:done], {"air_volume": volume[:done]})
    assert isinstance(made, Baseline)
    found = saved(made, energy[done:], {"air_volume": volume[done:]})
    assert abs(found.value - (old - energy)[done:].sum()) <= found.half
    assert found.certain
    assert (energy[:done] == old[:done]).all()
    before, after = found.specific or (0.0, 0.0)
    assert before > after > 0.08


def _daily(readings: list[np.ndarray]) -> np.ndarray:
    return np.asarray(np.diff(np.concatenate(readings)) / MICRO)


def test_without_its_driver_the_same_saving_is_far_less_sure() -> None:
    [plain] = register(works(measure()), CALENDAR)
    [better] = register(works(measure(drivers=("production",))), CALENDAR)
    assert plain.verified is not None
    assert better.verified is not None
    assert plain.verified.half > 5 * better.verified.half


def test_what_cannot_be_verified_says_why() -> None:
    lacking = {
        "planned": measure("planned", done=None), "nowhere": measure("nowhere", point="moon"),
        "cold": measure("cold", drivers=("heating_degrees",)), "late": measure("late", done=date(2026, 11, 29)),
        "early": measure("early", done=date(2026, 10, 3), drivers=("production",)),
    }  # fmt: skip
    words = {"planned": "Not done", "nowhere": "No metering point", "cold": "no heating_degrees",
             "late": "No whole day", "early": "need 6"}  # fmt: skip
    for row in register(works(*lacking.values()), CALENDAR):
        assert row.verified is None
        assert words[row.measure.id] in (row.why.en if row.why else "")


def test_measures_that_count_the_same_energy_are_flagged() -> None:
    rows = register(
        works(measure("shop"), measure("oven", point="oven"), measure("other", point="test"),
              measure("planned", point="smt", done=None)), CALENDAR)  # fmt: skip
    assert {row.measure.id: row.overlaps for row in rows} == {
        "shop": ("oven",), "oven": ("shop",), "other": (), "planned": (),
    }  # fmt: skip


def test_the_document_has_the_statistics_beside_the_saving() -> None:
    [told] = register_document(register(works(measure(drivers=("production",))), CALENDAR))["measures"]
    assert {"cv_rmse", "nmbe", "half", "autocorrelation", "outside"} <= told["verified"].keys()
    assert told["option"] == "C"
