"""The judgements of one site as documents: the verdicts of a standard in one of its editions, and the claims earned."""

from datetime import date
from typing import TYPE_CHECKING, Any

from analytics.claims import claims, claims_document
from analytics.criteria import judge
from analytics.curves import period_body
from analytics.documents import score_document
from analytics.selftest import counted
from analytics.standards import Standard, in_force

if TYPE_CHECKING:
    from analytics.service import FactoryService

Document = dict[str, Any]
LADDER = "claim_ladder"


def score(
    service: "FactoryService", standard: str | None, period: str | None = None, edition: str | None = None
) -> Document:
    """The verdicts of one standard over a period, else the last twelve months; LookupError for an unknown one."""
    chosen = edition_of(service, standard, edition)
    found = service.scored(period)
    known = service.standards
    mine = [known[name] for name in service.config.file.standards if name in known]
    head = {"period": period_body(found.period), "currency": service.config.file.site.currency}
    editions = [one.valid_from.isoformat() for one in service.editions[chosen.id]]
    asked = any(c.indicator == "centre_functions" for c in chosen.criteria)
    computed = {"centre_functions": counted(service.tested())} if asked else {}
    card = score_document(judge(chosen, service.inputs(found), computed=computed), mine or [chosen])
    return {**head, "editions": editions, **card}


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
