"""What people of the demo's factory entered: suppliers' answers, fuels, certificates, work orders, closed months."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from analytics.activity_files import body_of
from analytics.activity_rows import ActivityFile
from analytics.market import QUALITY_CRITERIA
from analytics.order_files import KIND as ORDER
from analytics.order_files import OrderRow
from analytics.recorder import Recorder
from analytics.site_settings import site_table
from metering.period import from_ms, month, year
from metering.reading import MICRO
from metering.sitefile import SiteConfig
from metering.store.entries import EntriesReader, Entry, entering

WHO = "demo"
HOUR_MS = 3_600_000
ACTIVITIES: tuple[Mapping[str, Any], ...] = (
    {"id": "boards", "type": "supplier", "name": "裸板 Bare boards", "spend": "3100000", "tonnes": "612"},
    {"id": "housings", "type": "supplier", "name": "外壳 Housings", "spend": "1450000", "tonnes": "388"},
    {"id": "packaging", "type": "supplier", "name": "包装 Packaging", "spend": "240000"},
    {"id": "chiller-refill", "type": "refrigerant", "gas": "R-410A", "method": "purchased", "purchases": "1.5",
     "name": {"zh": "冷水机组补充制冷剂", "en": "Refill of the chillers"}},
    {"id": "forklift-diesel", "type": "combustion", "fuel": "mobile.diesel_road", "amount": "420", "unit": "L",
     "density": "0.84", "name": {"zh": "叉车柴油", "en": "Diesel of the forklifts"}},
    {"id": "freight", "type": "scope3", "category": 4, "activity": "freight.road", "tonnes": "310", "km": "640",
     "name": {"zh": "来料公路运输", "en": "Inbound freight by road"},
     "factor": {"value": "0.0741", "unit": "kgCO2e/tkm", "document": "SIM-2026-058 承运商声明 carrier's statement"}},
)  # fmt: skip
LINES = {"smt": ("board-7", 5_200), "assembly": ("server-2", 3_100)}


def enter_books(config: SiteConfig, from_day_ms: int, now_ms: int) -> int:
    """Enter them once, over the months of the past; how many entries."""
    if EntriesReader(config.store_dir).entries():
        return 0
    made = list(_entries(config, from_day_ms, now_ms))
    with entering(config.store_dir, "zcf demo") as writer:
        for entry in made:
            writer.append(entry)
    return len(made)


def _entries(config: SiteConfig, from_day_ms: int, now_ms: int) -> Iterator[Entry]:
    first, last = (from_ms(ms).astimezone(config.zone).date() for ms in (from_day_ms, now_ms))
    recorder = Recorder(site_table(config), config.zone)
    month_of = _last_month(last)
    span = {"from": month_of.isoformat(), "to": _end_of(month_of).isoformat()}
    head = {**span, "tier": "invoice", "document": "SIM 账目 books"}
    rows = ActivityFile.model_validate({"activities": [{**row, **head} for row in ACTIVITIES]}).activities
    for row in rows:
        body = body_of(row, recorder)
        yield Entry(f"activity-{row.id}", "activity", WHO, "当月账目 books of the month", now_ms, body)
    yield from _certificates(config, last, now_ms)
    yield from _allowances(last, now_ms)
    yield from _credits(config, last, now_ms)
    yield from _orders(config, last, now_ms)
    yield from _closings(config, first, last, from_day_ms, now_ms)


def _closings(config: SiteConfig, first: date, last: date, from_day_ms: int, now_ms: int) -> Iterator[Entry]:
    """Every month that is over; one that the past reaches back into only in part is closed as incomplete."""
    while first <= last:
        label, span = f"{first:%Y-%m}", month(first.year, first.month, config.zone)
        if span.end_ms + HOUR_MS < now_ms:
            body = {"period": label, "incomplete": from_day_ms > span.start_ms, "state": ""}
            yield Entry(f"closing-{label}", "closing", WHO, "月度结账 month over", now_ms + 2, body)
        first = _end_of(first) + timedelta(days=1)


def _last_month(day: date) -> date:
    return (day.replace(day=1) - timedelta(days=1)).replace(day=1)


def _end_of(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def _certificates(config: SiteConfig, last: date, now_ms: int) -> Iterator[Entry]:
    """A lot of green certificates of the year, two thirds of it retired for the site."""
    lot: dict[str, Any] = {
        "asset": "gec", "registry": "SIM-GEC", "serials": "G-000001..G-000600", "micro": 600 * MICRO,
        "vintage": f"{last.year}-01", "project": "", "origin": "purchase", "factor": "0", "renewable": True,
        "removal": False, "document": "SIM-2026-052 采购合同 purchase",
        "quality": dict.fromkeys(QUALITY_CRITERIA, "met"),
    }  # fmt: skip
    yield Entry("acquisition-gec", "acquisition", WHO, "绿证 green certificates", now_ms, lot)
    span = year(last.year, config.zone)
    moved = {
        "start_ms": span.start_ms, "end_ms": span.end_ms,
        "lot": "acquisition-gec", "micro": 400 * MICRO, "serials": "G-000001..G-000400", "year": last.year,
        "beneficiary": config.site.id, "on": last.isoformat(), "document": "SIM-2026-053 注销声明 statement",
        "purpose": "own use",
    }  # fmt: skip
    yield Entry("retirement-gec", "retirement", WHO, "本厂使用 for own use", now_ms + 1, moved)


def _allowances(last: date, now_ms: int) -> Iterator[Entry]:
    """What was allocated for the year and what was bought beside it; it will not do, and the gap is forecast."""
    for origin, micro, document in (("allocation", 90 * MICRO, "SIM-2026-054 分配通知 allocation notice"),
                                    ("purchase", 10 * MICRO, "SIM-2026-055 采购合同 purchase")):  # fmt: skip
        lot: dict[str, Any] = {
            "asset": "allowance", "registry": "SIM-ETS", "serials": "", "micro": micro, "vintage": str(last.year),
            "project": "", "origin": origin, "factor": "0", "renewable": False, "removal": False, "document": document,
            "quality": {},
        }  # fmt: skip
        yield Entry(f"acquisition-allowance-{origin}", "acquisition", WHO, f"碳配额 allowances: {origin}", now_ms, lot)


def _credits(config: SiteConfig, last: date, now_ms: int) -> Iterator[Entry]:
    """A lot of CCER, a part of it retired for this year: below the line, in no total."""
    lot: dict[str, Any] = {
        "asset": "ccer", "registry": "SIM-CCER", "serials": "C-000001..C-000200", "micro": 200 * MICRO,
        "vintage": str(last.year - 1), "project": "SIM-FOREST-07", "origin": "purchase", "factor": "0",
        "renewable": False, "removal": False, "document": "SIM-2026-056 采购合同 purchase", "quality": {},
    }  # fmt: skip
    yield Entry("acquisition-ccer", "acquisition", WHO, "碳信用 carbon credits", now_ms, lot)
    span = year(last.year, config.zone)
    moved = {
        "start_ms": span.start_ms, "end_ms": span.end_ms, "lot": "acquisition-ccer", "micro": 50 * MICRO,
        "serials": "C-000001..C-000050", "year": last.year, "beneficiary": config.site.id, "on": last.isoformat(),
        "document": "SIM-2026-057 注销声明 statement", "purpose": "a part of the boiler's gas",
    }  # fmt: skip
    yield Entry("retirement-ccer", "retirement", WHO, "抵销 offset", now_ms + 1, moved)


def _orders(config: SiteConfig, last: date, now_ms: int) -> Iterator[Entry]:
    """A work order a line and shift of yesterday, where the line is metered."""
    points, day = {p.id for p in config.site.points}, last - timedelta(days=1)
    for point, (product, units) in LINES.items():
        if point in points:
            words = {"id": f"WO-{point}", "product": product, "points": [point], "units": units,
                     "from": f"{day}T08:00:00", "to": f"{day}T16:00:00"}  # fmt: skip
            row = OrderRow.model_validate(words)
            one = row.freeze(config.zone)
            body = {"row": row.model_dump(mode="json", by_alias=True), "start_ms": one.start_ms, "end_ms": one.end_ms}
            yield Entry(f"{ORDER}-{point}", ORDER, WHO, "MES 导出 export", now_ms, body)
