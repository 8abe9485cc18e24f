"""A period as it is written in a query, refused with the forms there are."""

from http import HTTPStatus
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Depends, Query

from analytics.curves import RESOLUTIONS, Resolution, values_of
from analytics.refusals import FORMS, RefusedError, write_one
from metering import period as calendar

FIRST_YEAR, LAST_YEAR = 1971, 2200
MOST_VALUES = 100_000  # in one answer
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
InResolution = Annotated[Resolution, Query(description="how long each value is; the finest is 15min")]


def refuse_too_many(period: str, resolution: Resolution) -> None:
    """Refuse an answer of more values than one may hold, with the resolutions that fit and the days that would."""
    hours = calendar.parse(period, ZoneInfo("UTC")).hours
    if (values := values_of(hours, resolution)) <= MOST_VALUES:
        return
    coarser = [f"resolution={one}" for one in RESOLUTIONS if values_of(hours, one) <= MOST_VALUES]
    days = int(hours / 24 * MOST_VALUES / values)
    detail = f"{period} has {values:,} values at resolution={resolution}, more than {MOST_VALUES:,} in one answer"
    mend = f"ask with {' or '.join(coarser)}, or for at most {days} days at a time"
    raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail, mend)
