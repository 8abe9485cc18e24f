"""The energy of a period over time as a JSON-ready document, by the quarter-hour or coarser: what the page draws."""

from typing import Any, Final, Literal, get_args
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from analytics.calendar import local_time
from analytics.flows import Flow, Flows
from analytics.intervals import Flag
from metering.period import Period


def period_body(period: Period) -> dict[str, Any]:
    """A period as JSON [ms UTC]."""
    return {"label": period.label, "start_ms": period.start_ms, "end_ms": period.end_ms}


Resolution = Literal["15min", "hour", "day", "month"]
RESOLUTIONS: Final[tuple[Resolution, ...]] = get_args(Resolution)
LENGTH_H: Final = {"15min": 0.25, "hour": 1.0, "day": 23.0, "month": 28 * 24.0}  # the least there is [h]
COLUMNS: Final = 8  # a time and seven series
Int = npt.NDArray[np.int64]


def values_of(hours: float, resolution: Resolution) -> int:
    """How many values, at most, the document of so many hours holds."""
    return COLUMNS * (int(hours / LENGTH_H[resolution]) + 1)


def curves_document(period: Period, flows: Flows, zone: ZoneInfo, resolution: Resolution = "15min") -> dict[str, Any]:
    """Energy of the site's quarter-hours, hours, days or months [kWh]; null where nothing of one is known."""
    named = {
        "grid_import": flows.grid_import, "grid_export": flows.grid_export, "generation": flows.generation,
        "charge": flows.charge, "discharge": flows.discharge, "consumption": flows.consumption,
        "self_use": flows.self_use,
    }  # fmt: skip
    begins = _begins(flows.start_ms, zone, resolution)
    lacking = _sums((flows.consumption.flags & Flag.MISSING) != 0, begins)
    estimated = _sums(flows.consumption.placed != 0, begins)
    running = np.flatnonzero(flows.consumption.flags & Flag.PROVISIONAL)
    counted = {
        "quarters": np.diff(begins, append=len(flows.start_ms)), "lacking": lacking, "estimated": estimated,
    }  # fmt: skip
    return {
        "period": period_body(period),
        "resolution": resolution,
        "start_ms": flows.start_ms[begins].tolist(),
        "series": {name: _curve(flow, begins) for name, flow in named.items()},
        "placed": np.flatnonzero(estimated).tolist(),
        "provisional_from_ms": int(flows.start_ms[running[0]]) if len(running) else None,
        **({} if resolution == "15min" else {name: count.tolist() for name, count in counted.items()}),
    }


def _begins(start_ms: Int, zone: ZoneInfo, resolution: Resolution) -> Int:
    """Where each hour (of UTC), day or month (of the site) begins among the quarter-hours."""
    if resolution == "15min" or not len(start_ms):
        return np.arange(len(start_ms), dtype=np.int64)
    local = local_time(start_ms, zone)
    of = {"hour": start_ms // 3_600_000, "day": local.day, "month": local.month}[resolution]
    return np.flatnonzero(np.diff(of, prepend=of[0] - 1)).astype(np.int64)


def _sums(counted: npt.NDArray[np.bool_] | Int, begins: Int) -> Int:
    return np.add.reduceat(counted.astype(np.int64), begins) if len(begins) else np.zeros(0, np.int64)


def _curve(flow: Flow, begins: Int) -> list[float | None]:
    known = (flow.flags & Flag.MISSING) == 0
    sums, found = _sums(np.where(known, flow.energy, 0), begins), _sums(known, begins)
    return [micro / 10**6 if any_ else None for micro, any_ in zip(sums.tolist(), found.tolist(), strict=True)]
