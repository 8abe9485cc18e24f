"""The judgements of one site as documents: the verdicts of a standard in one of its editions, and the claims earned."""

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

from analytics.balance import balance
from analytics.boundaries import Boundary, boundaries, flows_within, settings_within
from analytics.carbon_uncertainty import Judge, intervals_of, with_uncertainty
from analytics.claims import claims, claims_document
from analytics.criteria import judge
from analytics.curves import period_body
from analytics.documents import balance_document, energy_document, score_document, totals_document
from analytics.selftest import counted
from analytics.standards import Standard, in_force
from analytics.tree import Residual, residuals

if TYPE_CHECKING:
    from analytics.account import Account
    from analytics.service import FactoryService

Document = dict[str, Any]
LADDER = "claim_ladder"


def score(
    service: "FactoryService", standard: str | None, period: str | None = None, edition: str | None = None,
    boundary: str | None = None,
) -> Document:  # fmt: skip
    """The verdicts of one standard over a period, else the last twelve months; LookupError for an unknown one."""
    chosen = edition_of(service, standard, edition)
    found = service.scored(period)
    if boundary:
        return _score_within(service, chosen, found, boundary)
    known = service.standards
    mine = [known[name] for name in service.config.file.standards if name in known]
    head = {"period": period_body(found.period), "currency": service.config.file.site.currency}
    editions = [one.valid_from.isoformat() for one in service.editions[chosen.id]]
    asked = any(c.indicator == "centre_functions" for c in chosen.criteria)
    computed = {"centre_functions": counted(service.tested())} if asked else {}
    card = score_document(judge(chosen, service.inputs(found), computed=computed), mine or [chosen])
    return {**head, "editions": editions, **card}


def within(service: "FactoryService", whole: "Account", name: str) -> tuple[Boundary, "Account"]:
    """A workshop or a line as an account of its own, by the same chain; LookupError with the names there are."""
    known = {b.id: b for b in boundaries(service.config.site)}
    if name not in known:
        raise LookupError(f"unknown boundary {name!r}; one of: {', '.join(known)}")
    part = flows_within(whole.flows, known[name])
    made = balance(part, service.table, settings_within(whole.balance.settings, whole.flows, part))
    return known[name], replace(whole, flows=part, balance=made)


def balance_within(service: "FactoryService", period: str, name: str) -> Document:
    """Energy and carbon of a workshop or a line: its share of the factory's supply, quarter-hour by quarter-hour."""
    boundary, found = within(service, service.account(period), name)
    until, end = found.settled_until_ms, found.balance.end_ms
    judge_ = Judge(found.flows, found.balance, service.table, service.limits)
    head = {
        "site": service.config.site.id, "period": period_body(found.period),
        "counted": {"start_ms": found.balance.start_ms, "end_ms": end}, "settled_until_ms": until,
        "provisional": until is None or until < end, **_told(boundary, found),
    }  # fmt: skip
    return head | with_uncertainty(balance_document(found.flows, found.balance), judge_, intervals_of(judge_))


def _told(boundary: Boundary, found: "Account") -> Document:
    return {
        "boundary": {
            "id": boundary.id, "name": boundary.name.both(), "level": boundary.level,
            "points": [p.id for p in boundary.inside], "energy": energy_document(found.flows),
            "totals": totals_document(found.balance),
            "residuals": [residual_document(r) for r in residuals(found.flows)],
        }
    }  # fmt: skip


def _score_within(service: "FactoryService", chosen: Standard, whole: "Account", name: str) -> Document:
    """The same standard for a workshop or a line, by the same engine over its part of the flows."""
    boundary, found = within(service, whole, name)
    inputs = service.inputs(found)
    mine = [m for m in inputs.measures if m.boundary == name or (m.divisible and not m.boundary)]
    inputs = replace(inputs, facts={}, targets=(), orders=(), leak_tests=(), measures=tuple(mine))
    head = {"period": period_body(whole.period), "currency": service.config.file.site.currency}
    editions = [one.valid_from.isoformat() for one in service.editions[chosen.id]]
    return {**head, "editions": editions, **_told(boundary, found), **score_document(judge(chosen, inputs))}


def residual_document(one: Residual) -> Document:
    """What the meters below a node leave of it [kWh]; the sum of both is what it took."""
    return {
        "node": one.node, "inflow": one.inflow / 10**6, "metered": one.metered / 10**6, "rest": one.total / 10**6,
        "percent": one.percent, "within": one.within,
    }  # fmt: skip


def edition_of(service: "FactoryService", name: str | None, on: str | None) -> Standard:
    """A standard as it read on a day, else as it reads today; the site's first when none is named."""
    known = service.standards if on is None else in_force(service.editions, date.fromisoformat(on))
    wanted = name or next(iter(service.config.file.standards), next(iter(known)))
    if wanted not in known:
        raise LookupError(f"unknown standard {wanted!r}; one of: {', '.join(known)}")
    return known[wanted]


def claimed(service: "FactoryService", period: str | None = None) -> Document:
    """The claim ladder over a period, else the last twelve months; the gross emissions stand beside it."""
    found = service.scored(period)
    inputs = service.inputs(found)
    ladder = service.standards[LADDER]
    body = claims_document(claims(ladder, inputs), inputs)
    return {"period": period_body(found.period), "note": ladder.note, **body}
