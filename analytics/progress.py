"""How a year goes: months against each target's own path and the SBTi line, and the renewable share by fiscal year."""

import math
from collections.abc import Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from analytics.factors import Gas, Method
from analytics.indicators import INDICATORS
from analytics.site_inputs import targets
from analytics.standards import Standard
from analytics.targets import Change, Month, Target, Track, own_path, straight_path, track
from analytics.terms import Sentence
from metering import period as calendar
from metering.period import Period, from_ms

if TYPE_CHECKING:
    from analytics.account import Account
    from analytics.service import FactoryService

Document = dict[str, Any]
NEAR_TERM = "sbti_near_term"
DAY_MS = 86_400_000
UNKNOWN = Sentence("该月数据不完整，不作判断。", "A part of the month is not known: nothing is said about it.")


def progress(service: "FactoryService", number: int | None = None, until: date | None = None) -> Document:
    """Every target of the site in one calendar year, up to a day, today by default, and the fiscal year of that day."""
    today = from_ms(service.clock()).astimezone(service.config.zone).date()
    last = min(today, until or today)
    year = number or last.year
    months = list(_months(service, year, last))
    aims = targets(service.config.file.targets, service.config.document)
    rate = _rate(service.standards[NEAR_TERM])
    return {
        "year": year, "today": today.isoformat(), "rate_percent_a_year": rate,
        "targets": [_target(t, year, months, rate) for t in aims],
        "fiscal_year": _fiscal(service, last, whole=last == today),
    }  # fmt: skip


def progress_of(service: "FactoryService", period: Period) -> Document:
    """The targets in a period's year, up to its last day."""
    last = from_ms(period.end_ms - 1).astimezone(service.config.zone).date()
    return progress(service, last.year, last)


def _rate(standard: Standard) -> float:
    """The yearly reduction that SBTi asks for, from its data file [%]."""
    found = next(c for c in standard.criteria if c.indicator == "target_annual_reduction")
    return float(found.thresholds[0].value)


def _months(service: "FactoryService", year: int, last: date) -> Iterator[Month]:
    zone = service.config.zone
    whole, first_ms = calendar.year(year, zone), service.scored().period.start_ms
    young = first_ms > service.clock() - 360 * DAY_MS  # readings began within the last twelve months, none are older
    for number in range(1, 13):
        span = calendar.month(year, number, zone)
        if date(year, number, 1) > last:
            return
        if young and span.end_ms <= first_ms:  # nothing to be added up
            yield Month(span.label, 0.0, _days(whole), None, UNKNOWN)
        else:
            yield _month(service.account(span.label), whole, service.clock())


def _days(whole: Period) -> int:
    return round((whole.end_ms - whole.start_ms) / DAY_MS)


def _month(found: "Account", whole: Period, now_ms: int) -> Month:
    """A month that is over needs all of its quarter-hours, the running one those that are settled."""
    span, flows = found.period, found.flows
    end_ms = span.end_ms if span.end_ms <= now_ms else found.settled_until_ms or 0
    due = flows.start_ms < end_ms
    year_days = _days(whole)
    metered = {point for point, _ in flows.series}
    silent = [f for f in found.balance.faults if f.incomplete and f.point not in metered]
    gaps = [bool((due & ~flow.known).any()) for flow in (flows.consumption, *(a.flow for a in flows.activities))]
    days = float(due.sum()) / 96
    if silent or any(gaps) or not due.any():
        return Month(span.label, days, year_days, None, silent[0].sentence if silent and due.any() else UNKNOWN)
    return Month(span.label, days, year_days, found.balance.kg(Gas.CO2E, method=Method.MARKET_BASED) / 1000)


def _target(target: Target, year: int, months: list[Month], rate: float) -> Document:
    base = target.base
    paths = {"own": own_path(target, year), "sbti": straight_path(target, rate, year)}
    return {
        "id": target.id, "name": (target.name or Sentence(target.id, target.id)).both(),
        "base_year": target.base_year, "base_t": base.value, "base_declared_t": base.declared,
        "recalculation": {"share_percent": base.share, "threshold_percent": target.threshold,
                          "document": target.policy, **base.says.both(),
                          "changes": [_change(c, counted=c in base.applied) for c in target.changes]},
        "year": target.year, "target_t": target.target_t * target.scale,
        "paths": {name: _track(track(yearly, months)) for name, yearly in paths.items()},
    }  # fmt: skip


def _change(one: Change, *, counted: bool) -> Document:
    return {"kind": one.kind.value, "on": one.on.isoformat(), "delta_t": one.delta_t, "document": one.document,
            "counted": counted}  # fmt: skip


def _track(one: Track) -> Document:
    known = [(m.actual, may) for m, may, over in one.months if over is not None]
    return {
        "allowed_t": one.yearly, "over_t": one.over,
        "allowed_so_far_t": math.fsum(may for _, may in known) if known else None,
        "actual_so_far_t": math.fsum(actual or 0.0 for actual, _ in known) if known else None,
        "on_track": one.on_track, **_words(one).both(),
        "months": [
            {"label": m.label, "days": m.days, "allowed_t": may, "actual_t": m.actual, "over_t": over,
             "why": m.why.both() if m.why else None}
            for m, may, over in one.months
        ],
    }  # fmt: skip


def _words(one: Track) -> Sentence:
    if one.over is None:
        return Sentence("没有完整月份，无法判断。", "No month is known: on or off track cannot be said.")
    count = sum(over is not None for _, _, over in one.months)
    size, months = f"{abs(one.over):,.1f} t", "month" if count == 1 else "months"
    if one.over <= 0:
        en = f"On track: {size} under the path in {count} {months}."
        return Sentence(f"达标，{count} 个月合计低于路径 {size}。", en)
    return Sentence(f"偏离，{count} 个月合计超出路径 {size}。", f"Off track by {size} in {count} {months}.")


def _fiscal(service: "FactoryService", last: date, *, whole: bool) -> Document:
    """Physical and contractual renewable share of a day's fiscal year up to it, and of the part of it that is known."""
    site = service.config.site
    number = last.year + (site.fiscal_year_start > 1 and last.month >= site.fiscal_year_start)
    span = calendar.fiscal_year(number, site.fiscal_year_start, site.zone)
    found = service.account(span.label if whole else _up_to(span, last, site.zone))
    known = service.scored()
    within = known if span.start_ms <= known.period.start_ms else found
    if within is known and not whole:
        within = service.account(_up_to(known.period, last, site.zone))
    return {
        "label": span.label, "start_ms": span.start_ms, "end_ms": span.end_ms,
        "to_date": {"period": found.period.label, **_shares(service, found)},
        "known": {"period": within.period.label, **_shares(service, within)},
    }  # fmt: skip


def _up_to(span: Period, last: date, zone: ZoneInfo) -> str:
    """The whole days of a span up to one of them, as a period is written."""
    first = span.start.astimezone(zone).date()
    if calendar.midnight(first, zone) < span.start:
        first += timedelta(days=1)
    return f"{min(first, last).isoformat()}..{last.isoformat()}"


def _shares(service: "FactoryService", found: "Account") -> Document:
    inputs = service.inputs(found)
    told: Document = {}
    for name in ("renewable_share_physical", "renewable_share_contractual"):
        one = INDICATORS[name](inputs)
        told[name] = {"value": one.value, "unit": one.unit, "reason": one.reason.both() if one.reason else None}
    return told
