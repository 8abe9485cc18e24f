"""How sure time-matched scores are: min() is not linear, so the errors of all meters are drawn (GUM Supplement 1).

A meter errs by one gain within its class over the whole span, and its import and export registers err together.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from analytics.balance import Balance
from analytics.flows import Flows
from analytics.matching import Matched, Scores, Steps, grid_kg_per_kwh, matched, matching_document, scores
from analytics.terms import weakest
from analytics.uncertainty import Uncertainty, flow_totals

Document = dict[str, Any]
DRAWS, SEED = 300, 20_261_128
Cause = tuple[str, str]  # of one meter: its class or its transformer
Gains = Mapping[str, Mapping[Cause, float]]  # flow -> how far each cause may move it [1]


def matching_of(flows: Flows, balance: Balance, facts: Mapping[str, float]) -> Document:
    """The match of a balance's flows, by the site's declared battery efficiency and grid share, and how sure it is."""
    made = matched(flows, grid_kg_per_kwh(balance), facts.get("battery_efficiency"))
    share = facts.get("grid_cfe_share")
    return matching_document(made, share) | {"uncertainty": uncertainty_of(made, flow_totals(flows), share or 0.0)}


def uncertainty_of(made: Matched, totals: Mapping[str, Uncertainty], grid_cfe: float = 0.0) -> Document:
    """Half the 95 % interval of each score [1], and the weakest limit it rests on; the grid's share is sure."""
    half = dict(halves_of(made.hours, totals, grid_cfe))
    quarters = halves_of(made.quarters, totals, grid_cfe)
    if "hourly_match" in quarters:
        half["quarter_hourly_match"] = quarters["hourly_match"]
    status = weakest(part.status for one in totals.values() for part in one.parts)
    return {"half": half, "how": "monte_carlo", "draws": DRAWS, "status": status.value}


def halves_of(of: Steps, totals: Mapping[str, Uncertainty], grid_cfe: float = 0.0) -> Mapping[str, float]:
    """Half the 95 % interval of each score that is known [1]; the same at every call."""
    limits = {
        name: {(p.cause, p.group): p.limit / abs(one.value) for p in one.parts}
        for name, one in totals.items()
        if one.micro
    }
    causes = sorted({cause for of_flow in limits.values() for cause in of_flow})
    random = np.random.default_rng(SEED)
    errors = random.uniform(-1, 1, (DRAWS, len(causes))).tolist()
    drawn = [scores(_erring(of, limits, dict(zip(causes, row, strict=True))), grid_cfe) for row in errors]
    found = {name: _half([getattr(one, name) for one in drawn]) for name in Scores.__slots__}
    return {name: half for name, half in found.items() if half is not None}


def _half(values: list[float | None]) -> float | None:
    if None in values:
        return None
    low, high = np.quantile(np.asarray(values, np.float64), (0.025, 0.975)).tolist()
    return float(high - low) / 2


def _erring(of: Steps, limits: Gains, error: Mapping[Cause, float]) -> Steps:
    """The steps as they are if the meters err so; the load is what their balance leaves."""

    def gain(name: str) -> float:
        return 1 + sum(limit * error[cause] for cause, limit in limits.get(name, {}).items())

    imported, excess = of.imported * gain("grid_import"), of.excess * gain("grid_export")
    clean = of.clean * gain("generation")
    charge, discharge = of.charge * gain("charge"), of.discharge * gain("discharge")
    load = np.maximum(imported + clean - excess + discharge - charge, 0)
    return replace(
        of,
        load=load,
        clean=clean,
        excess=excess,
        imported=imported,
        charge=charge,
        discharge=discharge,
        stored_green=of.stored_green * gain("discharge"),
    )
