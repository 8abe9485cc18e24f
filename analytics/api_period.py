"""A period as it is written in a query, refused with the forms there are."""

from http import HTTPStatus
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Depends, Query

from analytics.refusals import FORMS, RefusedError, write_one
from metering import period as calendar

FIRST_YEAR, LAST_YEAR = 1971, 2200
LONGEST_H = 400 * 24.0  # 38,400 quarter-hours of every meter; more in one question would hold up everybody else [h]


def _period(
    period: Annotated[str, Query(description="site-local: " + ", ".join(FORMS), max_length=32, examples=["2026-10"])],
) -> str:
    try:
        parsed = calendar.parse(period, ZoneInfo("UTC"))
    except (ValueError, OverflowError):
        parsed = None
    if parsed is None or not FIRST_YEAR <= parsed.start.year <= parsed.end.year <= LAST_YEAR:
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"cannot read period {period!r}", write_one(), forms=FORMS)
    if parsed.hours > LONGEST_H:
        mend = "ask for at most 400 days at a time"
        raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"{period} has too many quarter-hours", mend)
    return period


InPeriod = Annotated[str, Depends(_period)]
