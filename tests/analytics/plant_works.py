"""The shipped example's electricity as its simulated plant makes it, quarter-hours exact, and faults put in."""

from collections.abc import Mapping
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np

from analytics.flows import Flows, flows
from analytics.intervals import Intervals
from analytics.tree import reading_limit
from metering.period import QUARTER_MS
from metering.reading import SeriesKey
from metering.sitefile import load_site
from simulators.config import load_plant
from simulators.plant import Plant

EXAMPLE = Path(__file__).parents[2] / "deploy/example"
START = 1_792_684_800_000  # 2026-10-22T16:00Z, midnight of 23 October in Shanghai, a Friday
DAYS = 4
IMPORT, EXPORT = "active_energy_import", "active_energy_export"
SITE = load_site(EXAMPLE / "site.yaml").site


@cache
def plant_series(days: int = DAYS) -> Mapping[SeriesKey, Intervals]:
    """The settled quarter-hours of every electricity meter of the works, without any error of measurement."""
    file = load_plant(EXAMPLE / "plant.yaml")
    node = {device.id: device.node for device in file.devices}
    times = START + QUARTER_MS * np.arange(days * 96 + 1, dtype=np.int64)
    samples = list(Plant(file.freeze()).samples(times))
    electric = set(samples[0].view.electric)
    none = np.zeros(days * 96, np.int64)
    made = {}
    for point, name in product(SITE.points, (IMPORT, EXPORT)):
        at = node.get(point.device or "", "")
        if at in electric and (not point.quantities or name in point.quantities):
            register = np.concatenate([s.counter(at, name) for s in samples])
            made[point.id, name] = Intervals(times[:-1], np.diff(register), none, none.astype(np.uint8))
    return made


def read_as(series: Mapping[SeriesKey, Intervals], gains: Mapping[str, float]) -> dict[SeriesKey, Intervals]:
    """The same as meters with these gains would read it: 1.1 reads a tenth too much, −1 the other way round."""
    return {
        key: one
        if key[0] not in gains
        else Intervals(one.start_ms, np.rint(one.energy * gains[key[0]]).astype(np.int64), one.placed, one.flags)
        for key, one in series.items()
    }


def within_class(seed: int) -> dict[str, float]:
    """A gain for every meter, anywhere inside what its class and current transformer allow."""
    rng = np.random.default_rng(seed)
    return {p.id: 1 + rng.uniform(-1, 1) * reading_limit(p)[0] / 100 for p in SITE.points}


def plant_flows(gains: Mapping[str, float] | None = None, days: int = DAYS) -> Flows:
    """The flows of the works over some days, as meters with these gains read them."""
    return flows(SITE, read_as(plant_series(days), gains or {}), START, START + days * 96 * QUARTER_MS)
