"""Half-open periods of time in UTC, and the days, months and years of a site's own calendar."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

QUARTER_MS = 900_000
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_WRITTEN = re.compile(
    rf"(?P<year>[0-9]{{4}})|(?P<of>[0-9]{{4}})-(?P<month>[0-9]{{2}})|(?i:FY)(?P<fiscal>[0-9]{{4}})"
    rf"|(?P<first>{_DAY})(\.\.(?P<last>{_DAY}))?"
)


def to_ms(moment: datetime) -> int:
    """Milliseconds since the epoch of an aware datetime [ms UTC]; ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone")
    return (moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def from_ms(ms: int) -> datetime:
    """The aware UTC datetime of a count of milliseconds since the epoch."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)


@dataclass(frozen=True, slots=True)
class Period:
    """The half-open span [start, end), both aware and kept in UTC; the label is how a person wrote it."""

    start: datetime
    end: datetime
    label: str = ""

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("a period needs aware datetimes")
        if self.end < self.start:
            raise ValueError(
                f"a period cannot end ({self.end.isoformat()}) before it starts ({self.start.isoformat()})"
            )
        object.__setattr__(self, "start", self.start.astimezone(UTC))
        object.__setattr__(self, "end", self.end.astimezone(UTC))

    @property
    def start_ms(self) -> int:
        """[ms UTC]."""
        return to_ms(self.start)

    @property
    def end_ms(self) -> int:
        """[ms UTC]."""
        return to_ms(self.end)

    @property
    def hours(self) -> float:
        """Length [h]."""
        return (self.end_ms - self.start_ms) / 3_600_000

    def contains(self, ms: int) -> bool:
        """Whether an instant [ms UTC] lies inside."""
        return self.start_ms <= ms < self.end_ms


def local_hour(ms: int, zone: ZoneInfo) -> int:
    """The hour that a clock at the site shows [0..23]."""
    return from_ms(ms).astimezone(zone).hour


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a local day; where a zone skips midnight (or the day), the instant its clocks jump to."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def day(day_: date, zone: ZoneInfo) -> Period:
    """One local day: 23, 24 or 25 hours long."""
    return Period(midnight(day_, zone), midnight(day_ + timedelta(days=1), zone), day_.isoformat())


def month(year_: int, month_: int, zone: ZoneInfo) -> Period:
    """One local calendar month."""
    return Period(
        midnight(date(year_, month_, 1), zone), midnight(_add_months(year_, month_, 1), zone), f"{year_:04}-{month_:02}"
    )


def year(year_: int, zone: ZoneInfo) -> Period:
    """One local calendar year."""
    return Period(midnight(date(year_, 1, 1), zone), midnight(date(year_ + 1, 1, 1), zone), f"{year_:04}")


def fiscal_year(ends_in: int, first_month: int, zone: ZoneInfo) -> Period:
    """The fiscal year named after the calendar year it ends in; FY2026 from April runs 2025-04 to 2026-03."""
    starts = ends_in if first_month == 1 else ends_in - 1
    return Period(
        midnight(date(starts, first_month, 1), zone),
        midnight(date(starts + 1, first_month, 1), zone),
        f"FY{ends_in:04}",
    )


def _add_months(year_: int, month_: int, months: int) -> date:
    index = year_ * 12 + month_ - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def parse(text: str, zone: ZoneInfo, fiscal_start: int = 1) -> Period:
    """A period as people write it: 2026, 2026-10, 2026-10-03, FY2026, 2026-10-01..2026-10-15 (last day included)."""
    found = _WRITTEN.fullmatch(text)
    if found is None:
        return _refuse(text)
    try:
        if found["year"]:
            return year(int(found["year"]), zone)
        if found["month"]:
            return month(int(found["of"]), int(found["month"]), zone)
        if found["fiscal"]:
            return fiscal_year(int(found["fiscal"]), fiscal_start, zone)
        first, last = date.fromisoformat(found["first"]), date.fromisoformat(found["last"] or found["first"])
        opening, closing = midnight(first, zone), midnight(last + timedelta(days=1), zone)
    except (ValueError, OverflowError):
        return _refuse(text)
    return Period(opening, closing, text)


def _refuse(text: str) -> Period:
    raise ValueError(f"cannot read period {text!r}; write 2026, 2026-10, 2026-10-03, FY2026 or 2026-10-01..2026-10-15")


def days(period: Period, zone: ZoneInfo) -> Iterator[Period]:
    """The local days that overlap a period, whole."""
    first = period.start.astimezone(zone).date()
    while midnight(first, zone) < period.end:
        yield day(first, zone)
        first += timedelta(days=1)


def months(period: Period, zone: ZoneInfo) -> Iterator[Period]:
    """The local months that overlap a period, whole."""
    local = period.start.astimezone(zone)
    first = date(local.year, local.month, 1)
    while midnight(first, zone) < period.end:
        yield month(first.year, first.month, zone)
        first = _add_months(first.year, first.month, 1)
