"""The site file's shifts, days off and tariff as the nouns of analytics."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from analytics.calendar import DayKind, Shift, WorkCalendar
from analytics.tariff import Band, Hours, Prices, Season, Tariff
from analytics.terms import Sentence
from metering.hours import PriceSection, SeasonSection, TariffSection
from metering.period import to_ms
from metering.sitefile import SiteConfig, SiteFile


def calendar_of(config: SiteConfig) -> WorkCalendar:
    """When people work at this site."""
    file: SiteFile = config.file
    shifts = tuple(
        Shift(s.id, Sentence(s.name.zh or s.id, s.name.en or s.id), *s.hours, frozenset(map(DayKind, s.days)))
        for s in file.shifts
    )
    return WorkCalendar(config.zone, shifts, frozenset(file.holidays), frozenset(file.workdays))


def tariff_of(config: SiteConfig) -> Tariff | None:
    """What the site's electricity costs; None where no contract is declared."""
    section: TariffSection | None = config.file.tariff
    if section is None:
        return None
    return Tariff(
        tuple(_season(s) for s in section.seasons), tuple(_prices(p) for p in section.prices),
        config.file.site.currency, section.document, section.capacity_kva or Decimal(0), section.demand_limit,
    )  # fmt: skip


def _season(section: SeasonSection) -> Season:
    hours = tuple(Hours(Band(band), *span) for band, span in section.spans())
    return Season(hours, frozenset(section.months), frozenset(map(DayKind, section.days)))


def _prices(section: PriceSection) -> Prices:
    energy = {band: price for band in Band if (price := getattr(section, band.value)) is not None}
    until = None if section.valid_to is None else section.valid_to + timedelta(days=1)  # the file's last day counts
    return Prices(energy, section.valid_from, until, section.demand, section.capacity, section.export)


def wall_clock() -> int:
    """Now [ms UTC]."""
    return to_ms(datetime.now(UTC))
