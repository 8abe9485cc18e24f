"""The colour of stored energy: what a battery was charged with comes out again, green or grid, and nothing is made.

The content is mixed: SOC+ = SOC + η_c charge − discharge / η_d, and green energy and emissions leave in proportion.
What comes out beyond the tracked content (the battery was not empty at the start) has no known colour and stands apart.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Charging:
    """What a battery took and gave per step [kWh], and of which colour the charge was."""

    charge: Float
    discharge: Float
    green_share: Float  # of the charge [1]
    kg_per_kwh: Float  # of the charge's other part


@dataclass(frozen=True, slots=True, eq=False)
class Colours:
    """What came out per step, and what is left inside at the end."""

    green: Float  # green energy discharged [kWh]
    kg: Float  # emissions that the discharge carries [kg]
    unknown: Float  # discharged with no known colour [kWh]
    stored: float  # inside at the end [kWh]
    stored_green: float  # of it green [kWh]
    stored_kg: float  # emissions it still carries [kg]
    known: Float  # discharged with a known colour [kWh]

    @property
    def coverage(self) -> float | None:
        """The share of the discharge whose colour is known [1]; None without any."""
        given = float(self.known.sum() + self.unknown.sum())
        return float(self.known.sum()) / given if given else None


def colours(of: Charging, into: float = 1.0, out: float = 1.0) -> Colours:
    """Track green energy and emissions through a battery with efficiencies of charging and discharging [1]."""
    steps = len(of.charge)
    green, kg, unknown, known = (np.zeros(steps) for _ in range(4))
    soc = soc_green = soc_kg = 0.0
    rows = zip(of.charge.tolist(), of.discharge.tolist(), of.green_share.tolist(), of.kg_per_kwh.tolist(), strict=True)
    for at, (taken, given, share, factor) in enumerate(rows):  # each step's mix is that of the step before: no columns
        soc, soc_green = soc + taken * into, soc_green + taken * share * into
        soc_kg += taken * (1 - share) * factor
        drawn = min(given / out, soc)
        part = drawn / soc if soc > 0 else 0.0
        green[at], kg[at] = soc_green * part * out, soc_kg * part
        known[at], unknown[at] = drawn * out, max(0.0, given - drawn * out)
        left = 1 - part
        soc, soc_green, soc_kg = soc - drawn, soc_green * left, soc_kg * left
    return Colours(green, kg, unknown, soc, soc_green, soc_kg, known)


def round_trip(charge: Float, discharge: Float) -> float | None:
    """Discharged per charged over the whole span, never above 1; None where nothing was charged."""
    taken = float(charge.sum())
    return min(1.0, float(discharge.sum()) / taken) if taken else None


def halves(efficiency: float) -> tuple[float, float]:
    """A round trip split evenly over charging and discharging [1]."""
    each = math.sqrt(efficiency)
    return each, each
