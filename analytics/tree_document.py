"""The meter tree of a period as one document: each node's residual, suspects, the Sankey, costs and idle energy."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from analytics.calendar import AreaUse
from analytics.flows import Flows
from analytics.reconcile import Reconciliation, Term
from analytics.sankey import Node, Sankey
from analytics.suspects import Suspect
from analytics.tariff import BANDS, Cost, shown
from analytics.terms import Sentence
from analytics.tree import Residual
from analytics.uncertainty import Uncertainty
from metering.site import Site

Document = dict[str, Any]
_BUS = Sentence("母线", "Bus")
_ENDS = {
    "rest": Sentence("损耗与未计量", "losses and what has no meter"),
    "export": Sentence("上网", "export"),
    "charge": Sentence("充电", "charge"),
}


def nodes_document(
    flows: Flows, found: Iterable[Residual], fit: Reconciliation, named: Iterable[Suspect]
) -> list[Document]:
    """Every node that has meters below it, from the boundary down."""
    suspects = {s.point: s for s in named}
    return [_node(flows.site, one, fit, suspects) for one in found]


def _node(site: Site, one: Residual, fit: Reconciliation, suspects: dict[str, Suspect]) -> Document:
    members = [name for name in (one.node, *one.children) if name in suspects]
    return {
        "node": one.node, "name": _name(site, one.node), "depth": _depth(site, one.node), "unit": one.unit,
        "parent": site.point(one.node).parent, "children": list(one.children), "rest_point": one.rest or None,
        "inflow": one.inflow / 10**6, "metered": one.metered / 10**6, "residual": one.total / 10**6,
        "residual_micro": one.total, "percent": one.percent, "tolerance": one.tolerance / 10**6, "within": one.within,
        "status": one.status.value, "known": one.known, "cells": one.cells, "suspects": members,
        **_said(one).both(), "adjusted": _adjusted(one, fit),
    }  # fmt: skip


def _adjusted(one: Residual, fit: Reconciliation) -> Document:
    """How much the fit would change each meter of the node [%]."""
    return {name: 100 * fit.gain(name) for name in (one.node, *one.children)}


def _said(one: Residual) -> Sentence:
    share = f"{one.percent:.1f} %" if one.percent is not None else "–"
    if one.within:
        return Sentence(
            f"本级平衡，差额 {share}，在表计误差之内。", f"Closes: {share} left, within the meters' classes."
        )
    if one.total < 0:
        return Sentence(
            f"下级表合计大于本级（{share}），超出表计误差，必有表计有误。",
            f"The meters below count more than came in ({share}), beyond their classes: one of them must be wrong.",
        )
    return Sentence(
        f"差额 {share} 为线损或未计量负荷，超出表计误差。",
        f"{share} is lost or passes no meter, more than the classes explain.",
    )


def _depth(site: Site, point: str) -> int:
    parent = site.point(point).parent
    return 0 if parent is None else 1 + _depth(site, parent)


def _name(site: Site, point: str) -> Document:
    one = site.point(point)
    return {"zh": one.name("zh"), "en": one.name("en")}


def fit_document(site: Site, fit: Reconciliation, named: Iterable[Suspect]) -> Document:
    """The fit of the whole tree, and whom it names."""
    return {
        "chi2": fit.first.chi2, "freedom": fit.first.freedom, "limit": fit.first.limit,
        "consistent": fit.first.consistent, "consistent_without_suspects": fit.last.consistent,
        "suspects": [_suspect(site, s) for s in named],
        "meters": [_meter(t) for t in fit.first.terms if t.kind == "gain"],
    }  # fmt: skip


def _suspect(site: Site, one: Suspect) -> Document:
    return {
        "point": one.point, "name": _name(site, one.point), "fault": one.fault.value, "score": one.score,
        "reads": one.reads, "share": one.share, "others": list(one.others), **one.sentence.both(),
    }  # fmt: skip


def _meter(term: Term) -> Document:
    least = None if term.detectable == float("inf") else 100 * term.detectable
    return {"point": term.name, "score": term.score, "detectable_percent": least}


def sankey_document(site: Site, drawn: Sankey) -> Document:
    """Nodes and links; `micro` adds up exactly at every inner node [1e-6 kWh]."""
    return {
        "unit": "kWh", "lacking": list(drawn.lacking),
        "nodes": [
            {"id": n.id, "kind": n.kind, "point": n.point or None, "name": _node_name(site, n)} for n in drawn.nodes
        ],
        "links": [
            {"source": link.source, "target": link.target, "value": link.micro / 10**6, "micro": link.micro}
            for link in drawn.links
        ],
    }  # fmt: skip


def _node_name(site: Site, node: Node) -> Document:
    owner, _, end = node.id.partition(":")
    base = _BUS.both() if owner == "bus" else _name(site, owner)
    if not end:
        return base
    return {lang: f"{base[lang]} · {_ENDS[end].text(lang)}" for lang in ("zh", "en")}


def cost_document(cost: Cost) -> Document:
    """What the electricity bought costs; exact decimals as text, and as a bill shows them."""
    return {
        "currency": cost.currency, "status": cost.status.value, "document": cost.document, "complete": cost.complete,
        "total": str(shown(cost.total)), "total_exact": str(cost.total), "energy": str(shown(cost.energy)),
        "earned": _money(cost.earned), "faults": [f.both() for f in cost.faults], "bands": list(_bands(cost)),
        "lines": [
            {"month": line.month, "band": line.band.value, "kwh": line.micro / 10**6, "micro": line.micro,
             "price": _text(line.price), "amount": _text(line.amount), "lacking": line.lacking}
            for line in cost.lines
        ],
        "demand": [
            {"month": d.month, "peak_kw": float(d.peak_kw), "at_ms": d.at_ms, "price": _text(d.price),
             "amount": _text(d.amount), "capacity": _text(d.capacity)}
            for d in cost.demand
        ],
    }  # fmt: skip


def _bands(cost: Cost) -> Iterator[Document]:
    for band in BANDS:
        micro, amount = cost.band(band)
        if micro:
            yield {"band": band.value, "kwh": micro / 10**6, "amount": str(shown(amount))}


def _money(amount: Decimal | None) -> str | None:
    return None if amount is None else str(shown(amount))


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)


def uncertainty_document(totals: Iterable[Uncertainty]) -> Document:
    """Half the 95 % interval of each total and what it is made of."""
    return {
        one.name: {
            "value": one.value, "unit": one.unit, "half": one.half, "percent": one.percent, "standard": one.standard,
            "status": one.status.value, "lacking": one.lacking,
            "parts": [
                {"cause": p.cause, "group": p.group, "limit": p.limit, "status": p.status.value} for p in one.parts
            ],
        }
        for one in totals
    }  # fmt: skip


def areas_document(areas: Iterable[AreaUse]) -> list[Document]:
    """Electricity of each area in and outside its shifts [kWh]."""
    return [
        {"area": a.area, "points": list(a.points), "kwh": a.total / 10**6, "idle_kwh": a.idle / 10**6,
         "idle_share": a.idle_share, "by_shift": {k: v / 10**6 for k, v in a.by_shift.items()}, "lacking": a.lacking}
        for a in areas
    ]  # fmt: skip
