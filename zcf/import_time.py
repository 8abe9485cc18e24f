"""Stamps as a file writes them -> instants: days that close at 24:00, clocks set back, calendar months."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from metering.imports import ImportSection
from metering.period import midnight, to_ms

DAY = timedelta(days=1)
NOON = time(12)


@dataclass(frozen=True, slots=True)
class Stamp:
    """One stamp: as written, the instant meant, and the interval it names [ms UTC]; fault = why it names none."""

    written: datetime
    at_ms: int
    start_ms: int
    end_ms: int
    fault: str = ""
    closes: bool = False  # 00:00 of its own date, or 24:00: the end of that day


class Clock:
    """Reads the stamps of one file in its order, which tells the two passes of a clock set back apart."""

    def __init__(self, section: ImportSection, zone: ZoneInfo) -> None:
        self.section = section
        self.zone = ZoneInfo(section.timezone) if section.timezone else zone
        self.last_ms: int | None = None

    def read(self, text: str) -> Stamp:
        """The stamp of the next row; ValueError when it is not in the declared format."""
        written, closing = self._parse(text)
        if isinstance(self.section.interval, str):
            return self._calendar(written)
        moment, fault = self._instant(written + DAY if closing else written)
        at_ms = to_ms(moment)
        self.last_ms = at_ms
        length = self.section.interval
        start = at_ms - length if self.section.stamp == "end" else at_ms
        return Stamp(written, at_ms, start, start + length, fault, closing)

    def runs_back(self, texts: Sequence[str]) -> bool:
        """Whether a file with these stamps has its newest row first."""
        try:
            first, last = (self._parse(text)[0] for text in (texts[0], texts[-1]))
            if first.date() != last.date():
                return first > last
            written = [self._parse(text)[0] for text in texts]
        except (ValueError, TypeError):
            return False
        falls = sum(a > b for a, b in pairwise(written))
        return len(texts) > 2 and 2 * falls > len(texts)  # within one day a last 00:00 may close it

    def _parse(self, text: str) -> tuple[datetime, bool]:
        """The time as written, and whether it closes its day: 24:00, or 00:00 where the file is declared so."""
        try:
            written = datetime.strptime(text, self.section.time_format)  # noqa: DTZ007 - the zone is declared
        except ValueError:
            if text.count("24:00") != 1:
                raise ValueError(f"time {text!r} is not {self.section.time_format!r}") from None
            return datetime.strptime(text.replace("24:00", "00:00"), self.section.time_format), True  # noqa: DTZ007
        return written, self.section.midnight == "end_of_day" and written.time() == time()

    def _instant(self, local: datetime) -> tuple[datetime, str]:
        if local.tzinfo is not None:
            return local.astimezone(UTC), ""
        first, second = (local.replace(tzinfo=self.zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        if first < second and self.last_ms is not None and to_ms(first) <= self.last_ms:
            return second, ""
        skipped = first.astimezone(self.zone).replace(tzinfo=None) != local
        tick = timedelta(microseconds=1)
        closes_gap = (first - tick).astimezone(self.zone).replace(tzinfo=None) + tick == local
        if skipped and not (self.section.stamp == "end" and closes_gap):
            return first, f"{local.isoformat(' ')} never was in {self.zone.key}: clocks were set forward over it"
        return first, ""

    def _calendar(self, written: datetime) -> Stamp:
        first, after = _named(written.date(), self.section.interval)
        start, end = to_ms(midnight(first, self.zone)), to_ms(midnight(after, self.zone))
        self.last_ms = start
        return Stamp(written, start, start, end)


def _named(day: date, interval: int | str) -> tuple[date, date]:
    if interval == "day":
        return day, day + DAY
    if interval == "month":
        return day.replace(day=1), (day.replace(day=1) + timedelta(days=31)).replace(day=1)
    return date(day.year, 1, 1), date(day.year + 1, 1, 1)


def midnight_fault(section: ImportSection, before: datetime | None, stamp: datetime, after: datetime | None) -> str:
    """Why a 00:00 cannot be meant as it is declared, by the rows on either side; "" when it can."""
    if stamp.time() != time() or isinstance(section.interval, str) or section.stamp == "start":
        return ""
    late = before is not None and before.date() == stamp.date() and before.time() >= NOON
    if section.midnight == "as_written" and late and (after is None or after.date() > stamp.date()):
        return f"00:00 of {stamp.date()} follows {before:%H:%M} of the same date"
    early = after is not None and after.date() == stamp.date() and after.time() < NOON
    if section.midnight == "end_of_day" and early and (before is None or before.date() < stamp.date()):
        return f"00:00 of {stamp.date()} comes before {after:%H:%M} of the same date"
    return ""


def labels(starts_ms: Iterable[int], zone: ZoneInfo) -> list[str]:
    """The local month each instant lies in: "2018-01"."""
    return [f"{datetime.fromtimestamp(ms / 1000, zone):%Y-%m}" for ms in starts_ms]
