"""Hours of the day as site.yaml writes them ("07:30-15:30"): shifts and the bands of a tariff."""

import re
from collections.abc import Iterator
from datetime import date
from itertools import combinations
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from metering.config import Strict
from metering.fields import Identifier, Name, Named, Number, Text

_HOURS = re.compile(r"([0-9]{2}):([0-9]{2})-([0-9]{2}):([0-9]{2})")
Span = tuple[int, int]


def _span(text: Any) -> Span:
    found = _HOURS.fullmatch(str(text).replace(" ", ""))
    if found is None:
        raise ValueError(f"cannot read hours {text!r}; write 07:30-15:30, or 22:00-06:00 past midnight")
    a, b, c, d = map(int, found.groups())
    start, end = 60 * a + b, 60 * c + d
    if b > 59 or d > 59 or start >= 1440 or end > 1440 or start % 15 or end % 15:
        raise ValueError(f"hours {text!r} must lie on quarter-hours between 00:00 and 24:00")
    if start == end:
        raise ValueError(f"hours {text!r} are empty; write 00:00-24:00 for the whole day")
    return start, end


Hours = Annotated[Span, BeforeValidator(_span)]  # minutes of the local day; an end not after the start is past midnight
Day = Literal["workday", "weekend", "holiday"]
Price = Annotated[Number, Field(ge=0)]


class ShiftSection(Strict):
    """When people work, on workdays unless told otherwise."""

    id: Identifier
    name: Named = Name()
    hours: Hours
    days: tuple[Day, ...] = ("workday",)


class SeasonSection(Strict):
    """The bands of some months and kinds of day; hours not named are flat."""

    months: tuple[Annotated[int, Field(ge=1, le=12)], ...] = tuple(range(1, 13))
    days: tuple[Day, ...] = ("workday", "weekend", "holiday")
    sharp: tuple[Hours, ...] = ()
    peak: tuple[Hours, ...] = ()
    valley: tuple[Hours, ...] = ()
    deep: tuple[Hours, ...] = ()

    def spans(self) -> Iterator[tuple[str, Span]]:
        """Every named band with its hours."""
        for band in ("sharp", "peak", "valley", "deep"):
            yield from ((band, span) for span in getattr(self, band))

    @model_validator(mode="after")
    def _apart(self) -> "SeasonSection":
        for (band, one), (other, two) in combinations(self.spans(), 2):
            if set(_quarters(one)) & set(_quarters(two)):
                raise ValueError(f"hours of {band} and {other} overlap; every quarter-hour has one band")
        return self


def _quarters(span: Span) -> range | list[int]:
    start, end = span
    return range(start, end, 15) if end > start else [*range(start, 1440, 15), *range(0, end, 15)]


class PriceSection(Strict):
    """Prices from one day on [currency/kWh]; demand per kW and month, capacity per kVA and month."""

    valid_from: date
    valid_to: date | None = None
    flat: Price
    sharp: Price | None = None
    peak: Price | None = None
    valley: Price | None = None
    deep: Price | None = None
    demand: Price | None = None
    capacity: Price | None = None
    export: Price | None = None

    @model_validator(mode="after")
    def _one_basis(self) -> "PriceSection":
        if self.demand is not None and self.capacity is not None:
            raise ValueError("a contract charges either demand or capacity; leave one of them out")
        return self


class TariffSection(Strict):
    """The electricity contract: its bands, its prices, its document."""

    document: Text
    seasons: tuple[SeasonSection, ...] = ()
    prices: tuple[PriceSection, ...] = Field(min_length=1)
    capacity_kva: Price | None = None
    demand_limit: Price | None = None  # [kW]

    @model_validator(mode="after")
    def _all_priced(self) -> "TariffSection":
        used = {band for season in self.seasons for band, _ in season.spans()}
        for prices in self.prices:
            missing = sorted(band for band in used if getattr(prices, band) is None)
            if missing:
                raise ValueError(f"prices from {prices.valid_from} lack {', '.join(missing)}")
            if prices.capacity is not None and self.capacity_kva is None:
                raise ValueError("a capacity charge needs capacity_kva, the transformers' rating [kVA]")
        return self
