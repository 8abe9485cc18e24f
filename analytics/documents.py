"""Balances and scorecards as JSON-ready documents: what the page, the command line and the report are given."""

import math
from collections.abc import Iterable
from typing import Any

from analytics.balance import SCOPES, Balance, BalanceLine, Category
from analytics.by_gas import by_gas, by_gas_document
from analytics.criteria import Scorecard, Shown, Standard, Verdict
from analytics.criteria_words import Gap
from analytics.factors import Gas, Method
from analytics.flows import Flows, Uncounted
from analytics.indicators import Evidence, Indicator
from analytics.measures import Step, Way
from analytics.terms import Sentence

Document = dict[str, Any]
METHODS = {Method.LOCATION_BASED: "LB", Method.MARKET_BASED: "MB", Method.NOT_APPLICABLE: "-"}


def line_document(line: BalanceLine, name: Sentence) -> Document:
    """One line; `factor.value` x `activity.value` is `kg`, `recompute` holds the exact integers and printed rows."""
    unit = "kgCO2e" if line.factor.gas is Gas.CO2E else "kgCO2"
    return {
        "id": line.id, "point": line.point, "name": name.both(), "scope": line.scope, "category": line.category.value,
        "year": line.year,
        "activity": {"value": line.amount.value, "unit": line.amount.unit, "micro": line.amount.micro},
        "factor": {
            "id": line.factor.id, "value": float(line.factor.kg_per(line.amount.unit)),
            "unit": f"{unit}/{line.amount.unit}", "year": line.factor.year, "region": line.factor.region,
            "status": line.factor.status.value, "document": line.factor.source, "page": line.factor.page,
        },
        "match": {"kind": line.match.kind.value, **line.match.sentence.both()},
        "gas": line.gas.value, "method": METHODS[line.method], "instrument": line.instrument, "kg": line.kg,
        "status": line.status.value, "tier": line.tier or "metered",
        "note": line.caution.both() if line.caution else "",
        "recompute": line.explain(),
    }  # fmt: skip


def totals_document(balance: Balance) -> Document:
    """Sums by scope and method, on both gas bases [kg]; null where nothing at all is known of a scope."""
    sums = {gas.value: balance.totals(gas) for gas in (Gas.CO2_ONLY, Gas.CO2E)}
    names = {
        "scope1": "scope1", "scope2_lb": "scope2_location", "scope2_mb": "scope2_market",
        "total_lb": "gross_location", "total_mb": "gross_market",
    }  # fmt: skip
    return {key: {gas: getattr(one, field) for gas, one in sums.items()} for key, field in names.items()}


def unknown_document(balance: Balance) -> Document:
    """Why a total is null, by its name."""
    found = {name: balance.unknown(scope) for name, scope in SCOPES.items()}
    return {name: why.both() for name, why in found.items() if why is not None}


def energy_document(flows: Flows) -> Document:
    """The flows of the period [kWh]; null where nothing at all is known: absence is never 0."""
    named = {
        "import_kwh": flows.grid_import, "export_kwh": flows.grid_export, "generation_kwh": flows.generation,
        "self_use_kwh": flows.self_use, "charge_kwh": flows.charge, "discharge_kwh": flows.discharge,
        "consumption_kwh": flows.consumption,
    }  # fmt: skip
    used = flows.consumption.total()
    return {name: flow.total().value if flow.is_told else None for name, flow in named.items()} | {
        "placed_share": min(1.0, used.placed / used.micro) if used.micro else 0.0
    }


def balance_document(flows: Flows, balance: Balance, gas: Gas = Gas.CO2_ONLY) -> Document:
    """Energy and carbon of a period, line by line; the caller adds the period it was asked for."""
    points = {p.id: Sentence(p.name("zh"), p.name("en")) for p in flows.site.points} | _recorded_names(balance)
    lines = [line for line in balance.lines if line.gas is gas]
    market = balance.share(gas, Method.MARKET_BASED, "provisional")
    return {
        "gas": gas.value, "complete": balance.complete, "energy": energy_document(flows),
        "lines": [line_document(line, points.get(line.point, Sentence(line.point, line.point))) for line in lines],
        "totals": totals_document(balance), "unknown": unknown_document(balance),
        "faults": [fault_document(f) for f in balance.faults],
        "rejected": [{"where": r.id, **r.sentence.both()} for r in balance.rejected],
        "apart": apart_document(balance, gas), "beside": _beside(balance), "provisional_share": market,
        "remainder": balance.settings.remainder,
        "by_gas": by_gas_document(by_gas((*balance.lines, *balance.apart))),
    }  # fmt: skip


def _recorded_names(balance: Balance) -> dict[str, Sentence]:
    return {one.id: one.name for one in balance.settings.recorded if one.name is not None}


def apart_document(balance: Balance, gas: Gas) -> Document:
    """What stands beside scopes 1 and 2 and in none of their totals: scope 3, biogenic CO2, Montreal gases."""
    lines = [line for line in balance.apart if line.gas is gas or line.scope == 0]  # those exist on one basis alone
    sums = {"scope3": 3, "biogenic": Category.BIOGENIC, "not_kyoto": Category.NOT_KYOTO}
    names = _recorded_names(balance)
    return {
        "lines": [line_document(line, names.get(line.point, Sentence(line.point, line.point))) for line in lines],
        **{f"{name}_kg": math.fsum(line.kg for line in lines if wanted in {line.scope, line.category})
           for name, wanted in sums.items()},
    }  # fmt: skip


def fault_document(fault: Uncounted) -> Document:
    """What could not be counted, and why."""
    return {"where": fault.point, "incomplete": fault.incomplete, **fault.sentence.both()}


def _beside(balance: Balance) -> Document:
    def kwh(kind: str) -> float:
        return sum(c.amount.value for c in balance.columns if c.kind == kind and c.amount is not None)

    avoided = [c.kg for c in balance.columns if c.kind == "avoided" and c.kg is not None]
    return {
        "export_kwh": kwh("export"),
        "offsets_kg": balance.offsets_kg,
        "certificates_kwh": kwh("certificate"),
        "resold_kwh": kwh("resold"),
        "export_by_profile_kg": next((c.kg for c in balance.columns if c.kind == "export_by_profile"), None),
        "export_treatment": balance.settings.export_treatment,
        "avoided_kg": sum(avoided) if avoided else None,
    }


def indicator_document(indicator: Indicator) -> Document:
    """One indicator with its reason, its scale and what it rests on."""
    scale = indicator.scale
    return {
        "id": indicator.id, "value": indicator.value, "unit": indicator.unit, "status": indicator.status.value,
        "reason": _both(indicator.reason), "doubt": _both(indicator.doubt), "note": _both(indicator.note),
        "coverage": indicator.coverage, "parts": dict(indicator.parts), "inputs": list(indicator.inputs),
        "scale": {"amount": scale.amount, "unit": scale.unit} if scale else None,
    }  # fmt: skip


def score_document(card: Scorecard, standards: Iterable[Standard] = ()) -> Document:
    """The verdicts of one standard; counts per outcome, those counted apart apart, and no overall score."""
    return {
        "standards": [_named(s) for s in standards] or [_named(card.standard)],
        "standard": _named(card.standard) | {
            "kind": card.standard.kind, "level": card.standard.level, "status": card.standard.status.value,
            "valid_from": card.standard.valid_from.isoformat(), "note": card.standard.note,
            "note_zh": card.standard.note_zh,
            "dimensions": [{"id": d.id, "name": d.name.both()} for d in card.standard.dimensions],
        },
        "label": card.label.both(), "gates_open": card.gates_open,
        "closed_gates": [v.criterion.id for v in card.closed_gates],
        "counts": _counts(card, apart=False), "counts_apart": _counts(card, apart=True),
        "verdicts": [verdict_document(v, card.standard) for v in card.verdicts],
    }  # fmt: skip


def verdict_document(verdict: Verdict, standard: Standard) -> Document:
    """One verdict; the gap is physical where it can be."""
    criterion, threshold, gap = verdict.criterion, verdict.threshold, verdict.gap
    physical = gap is not None and gap.physical is not None
    return {
        "id": criterion.id, "name": criterion.name.both(), "dimension": criterion.dimension, "kind": criterion.kind,
        "outcome": verdict.outcome.name, "value": verdict.value, "unit": verdict.unit, "apart": verdict.counts_apart,
        "threshold": threshold.value if threshold else None, "op": threshold.op if threshold else "",
        "threshold_status": verdict.threshold_status.value, "reason": verdict.reason.both(),
        "gap": None if gap is None else {
            "value": gap.physical if physical else gap.value, "unit": gap.physical_unit if physical else gap.unit,
            "of_value": gap.value, "of_unit": gap.unit, "certificates": gap.certificates, "per_year": gap.per_year,
            "equivalents": [{"amount": e.amount, "unit": e.unit, **e.name.both()} for e in gap.equivalents],
        },
        "steps": [step_document(s, gap) for s in verdict.steps], "way": way_document(verdict.way, gap),
        "lead": None if verdict.lead is None else _shown(verdict.lead), "shown": [_shown(s) for s in verdict.shown],
        "status": verdict.status.value, "claim_only": criterion.claim_only, "indicator": criterion.indicator,
        "formula": criterion.formula, "evidence": criterion.evidence,
        "proof": None if verdict.proof is None else proof_document(verdict.proof), "inputs": list(verdict.inputs),
        "weight": criterion.weight, "weight_status": criterion.weight_status.value,
        "sources": [standard.sources[s] for s in criterion.sources], "note": criterion.note,
    }  # fmt: skip


def proof_document(proof: Evidence) -> Document:
    """A declared fact: its document with hash, since when, until when, and by whose entry."""
    return {
        "key": proof.key, "value": proof.value, "document": proof.document, "sha256": proof.sha256,
        "valid_from": proof.valid_from.isoformat(), "expires": proof.expires.isoformat() if proof.expires else None,
        "who": proof.who, "entry": proof.entry,
    }  # fmt: skip


def step_document(step: Step, gap: Gap | None) -> Document:
    """So much of one measure: what it closes of the gap a year, and its net cost [the site's currency a year]."""
    return {
        "measure": step.measure.id, "name": step.measure.name.both(), "effect": step.measure.effect.value,
        "amount": step.amount, "unit": step.measure.unit, "closes": step.closes,
        "closes_unit": gap.wanted_unit if gap else "document", "share": step.share, "cost_per_year": step.cost,
        "cost_per_unit": step.unit_cost, "document": step.measure.document, "status": "declared",
    }  # fmt: skip


def way_document(way: Way | None, gap: Gap | None) -> Document | None:
    """The cheapest set of measures that passes, or how far all of them reach."""
    if way is None:
        return None
    return {
        "passes": way.passes, "share": way.share, "cost_per_year": way.cost, "exact": way.exact,
        "steps": [step_document(s, gap) for s in way.steps],
    }  # fmt: skip


def _shown(shown: Shown) -> Document:
    one = shown.threshold
    return {
        "op": one.op, "threshold": one.value, "status": one.status.value, "role": one.role, "year": one.year,
        "value": shown.value, "passed": shown.passed, "note": one.note,
    }  # fmt: skip


def _counts(card: Scorecard, *, apart: bool) -> dict[str, int]:
    return {outcome.name: count for outcome, count in card.counts(apart=apart).items()}


def _named(standard: Standard) -> Document:
    return {"id": standard.id, "name": standard.name.both()}


def _both(sentence: Sentence | None) -> dict[str, str] | None:
    return sentence.both() if sentence else None
