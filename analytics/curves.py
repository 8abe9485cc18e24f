"""The quarter-hours of a period as a JSON-ready document: what the page draws."""

from typing import Any

import numpy as np

from analytics.flows import Flow, Flows
from analytics.intervals import Flag
from metering.period import Period


def period_body(period: Period) -> dict[str, Any]:
    """A period as JSON [ms UTC]."""
    return {"label": period.label, "start_ms": period.start_ms, "end_ms": period.end_ms}


def curves_document(period: Period, flows: Flows) -> dict[str, Any]:
    """The quarter-hours of a period [kWh]; null where nothing is known."""
    named = {
        "grid_import": flows.grid_import, "grid_export": flows.grid_export, "generation": flows.generation,
        "charge": flows.charge, "discharge": flows.discharge, "consumption": flows.consumption,
        "self_use": flows.self_use,
    }  # fmt: skip
    running = np.flatnonzero(flows.consumption.flags & Flag.PROVISIONAL)
    return {
        "period": period_body(period),
        "start_ms": flows.start_ms.tolist(),
        "series": {name: _curve(flow) for name, flow in named.items()},
        "placed": np.flatnonzero(flows.consumption.placed).tolist(),
        "provisional_from_ms": int(flows.start_ms[running[0]]) if len(running) else None,
    }


def _curve(flow: Flow) -> list[float | None]:
    missing = (flow.flags & Flag.MISSING) != 0
    return [None if gone else micro / 10**6 for micro, gone in zip(flow.energy.tolist(), missing.tolist(), strict=True)]
