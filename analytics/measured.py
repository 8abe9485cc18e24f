"""The register of a site's measures over the twelve months up to an end, so that baselines lie inside."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from analytics.register import register, register_document
from metering.period import Period, from_ms

if TYPE_CHECKING:
    from analytics.service import FactoryService

YEAR = timedelta(days=365)


def measured(service: "FactoryService", until: Period | None = None) -> dict[str, Any]:
    """Every measure: declared, verified with an interval by the end of a period, now by default, or why not."""
    zone = service.config.zone
    if until is None or until.end_ms > service.clock():
        found = service.scored()
    else:
        last = from_ms(until.end_ms - 1).astimezone(zone).date()
        found = service.account(f"{last - YEAR + timedelta(days=1)}..{last}")
    return register_document(register(service.inputs(found), service.days))
