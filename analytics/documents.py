"""Flows, balances and verdicts as JSON-ready documents: what the page, the API and `--json` show."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from analytics.balance import Balance
from analytics.factors import Gas, Method
from analytics.flows import Amount, Flow, Flows
from analytics.intervals import Flag
from analytics.lines import BalanceLine
from metering.period import Period
from metering.site import Site

Document = dict[str, Any]
_SHORT = {Method.LOCATION_BASED: "LB", Method.MARKET_BASED: "MB"}


def period_body(period: Period) -> Document:
    """A period as JSON [ms UTC]."""
    return {"label": period.label, "start_ms": period.start_ms, "end_ms": period.end_ms}


def balance_document(
    site: Site, period: Period, flows: Flows, balance: Balance, settled_until_ms: int | None
) -> Document:
    """Energy and carbon of a period, line by line, location- and market-based."""
    names = {p.id: {"zh": p.name("zh"), "en": p.name("en")} for p in site.points}
    return {
        "site": site.id,
        "period": period_body(period),
        "counted": {"start_ms": balance.start_ms, "end_ms": balance.end_ms},
        "settled_until_ms": settled_until_ms,
        "provisional": settled_until_ms is None or settled_until_ms < balance.end_ms,
        "complete": balance.complete,
        "remainder": balance.settings.remainder,
        "energy": energy_totals(flows),
        "lines": [_line(line, names) for line in balance.lines],
        "totals": _totals(balance),
        "faults": [
            {"where": f.point, "zh": f.sentence.zh, "en": f.sentence.en, "incomplete": f.incomplete}
            for f in balance.faults
        ],
        "beside": _beside(flows, balance),
    }


def _line(line: BalanceLine, names: Mapping[str, Mapping[str, str]]) -> Document:
    body = line.explain()
    caution = body.pop("caution")
    return {
        "id": body["id"], "point": line.point, "name": names.get(line.point, {"zh": line.point, "en": line.point}),
        "scope": line.scope, "category": body["category"], "year": line.year,
        "activity": {"value": line.amount.value, "micro": line.amount.micro, "unit": line.amount.unit},
        "placed_share": _share(line.amount.placed, line.amount.micro),
        "provisional_share": _share(line.amount.provisional, line.amount.micro),
        "factor": body["factor"],
        "match": {"kind": body["match"]["kinds"][0], **body["match"]},
        "gas": body["gas"], "method": _SHORT.get(line.method, "-"), "instrument": line.instrument, "kg": line.kg,
        "status": line.factor.status.value, "note": caution,
    }  # fmt: skip


def _share(part: int, whole: int) -> float:
    return abs(part) / abs(whole) if whole else 0.0


def _totals(balance: Balance) -> Document:
    found: Document = {}
    by_gas = {gas: balance.totals(gas) for gas in (Gas.CO2_ONLY, Gas.CO2E)}
    for key, name in (
        ("scope1", "scope1"), ("scope2_lb", "scope2_location"), ("scope2_mb", "scope2_market"),
        ("total_lb", "gross_location"), ("total_mb", "gross_market"),
    ):  # fmt: skip
        found[key] = {gas.value: getattr(total, name) for gas, total in by_gas.items()}
    found["status"] = {
        short: balance.status(Gas.CO2E, method).value
        for short, method in (("LB", Method.LOCATION_BASED), ("MB", Method.MARKET_BASED))
    }
    return found


def _beside(flows: Flows, balance: Balance) -> Document:
    kinds = ("offset", "certificate", "export", "avoided")
    columns: dict[str, list[Document]] = {
        kind: [
            {"id": c.id, "year": c.year, "kg": c.kg, "amount": None if c.amount is None else c.amount.value,
             "zh": c.note.zh, "en": c.note.en}
            for c in balance.columns if c.kind == kind
        ]
        for kind in kinds
    }  # fmt: skip
    certificates = sum(c["amount"] or 0.0 for c in columns["certificate"])
    return {
        "export_kwh": flows.grid_export.total().value,
        "offsets_kg": sum(c["kg"] or 0.0 for c in columns["offset"]),
        "certificates_kwh": certificates,
        "avoided_kg": sum(c["kg"] or 0.0 for c in columns["avoided"]),
        "columns": columns,
        "rejected": [{"id": r.id, "zh": r.sentence.zh, "en": r.sentence.en} for r in balance.rejected],
    }


def energy_totals(flows: Flows) -> Document:
    """The sums of a period [kWh], with the share that was placed by interpolation or is provisional."""
    used = flows.consumption.total()
    return {
        "import_kwh": flows.grid_import.total().value,
        "export_kwh": flows.grid_export.total().value,
        "generation_kwh": flows.generation.total().value,
        "charge_kwh": flows.charge.total().value,
        "discharge_kwh": flows.discharge.total().value,
        "self_use_kwh": flows.self_use.total().value,
        "consumption_kwh": used.value,
        "placed_share": _share(used.placed, used.micro),
        "provisional_share": _share(used.provisional, used.micro),
        "unknown_quarters": _unknown(flows),
        "quarters": len(flows.start_ms),
        "by_point": {point: _point_body(flow.total()) for point, flow in flows.points.items()},
    }


def _point_body(amount: Amount) -> Document:
    return {"value": amount.value, "unit": amount.unit, "unknown_quarters": amount.lacking}


def _unknown(flows: Flows) -> int:
    return int(np.count_nonzero(~flows.consumption.known))


def energy_document(period: Period, flows: Flows) -> Document:
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
