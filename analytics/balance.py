"""Flows x factors -> balance lines and totals: scopes 1 and 2, location- and market-based, CO2 only and CO2e.

Only boundary points make lines. Offsets, certificates, exports and avoided emissions stand in columns of their own.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Literal, TypeVar

import numpy as np

from analytics.factors import FactorTable, Gas, Method
from analytics.flows import Amount, Flows, Uncounted, source_scope
from analytics.lines import BalanceLine, Category, Column, Totals
from analytics.market import Rejected, eligible_credits, usable
from analytics.postings import Book, Settings
from analytics.terms import Sentence, Status, joined, weakest
from metering.period import from_ms, year

__all__ = ["SCOPES", "Balance", "BalanceLine", "Category", "Column", "Settings", "Totals", "balance", "years"]

T = TypeVar("T")
SCOPES = {"scope1": 1, "scope2_lb": 2, "scope2_mb": 2, "total_lb": None, "total_mb": None}  # what each total sums


@dataclass(frozen=True, slots=True)
class Balance:
    """The inventory of a site over a period; totals are computed, never stored."""

    site: str
    start_ms: int
    end_ms: int
    lines: tuple[BalanceLine, ...]
    faults: tuple[Uncounted, ...]
    columns: tuple[Column, ...]
    rejected: tuple[Rejected, ...]
    settings: Settings
    apart: tuple[BalanceLine, ...] = ()  # scope 3, biogenic CO2, gases of the Montreal Protocol: in no total above
    silent: Mapping[int, Sentence] = field(default_factory=dict)  # scopes of which nothing at all is known, and why

    @property
    def complete(self) -> bool:
        """Is nothing missing from the totals."""
        return not any(f.incomplete for f in self.faults)

    def select(self, gas: Gas, *, scope: int | None = None, method: Method | None = None) -> tuple[BalanceLine, ...]:
        """The lines of one gas basis, of one scope, of one method (those of neither method count in both)."""
        return tuple(
            line
            for line in self.lines
            if line.gas is gas
            and scope in {None, line.scope}
            and (method is None or line.method in {method, Method.NOT_APPLICABLE})
        )

    def kg(self, gas: Gas, *, scope: int | None = None, method: Method | None = None) -> float:
        """The sum of those lines [kg]."""
        return math.fsum(line.kg for line in self.select(gas, scope=scope, method=method))

    def unknown(self, scope: int | None = None) -> Sentence | None:
        """Why nothing can be said of a scope, or of the gross total of both; None where something can."""
        found = [why for number, why in self.silent.items() if scope in {None, number}]
        return joined(found) if found else None

    def totals(self, gas: Gas) -> Totals:
        """The totals of one gas basis [kg]."""
        location, market = Method.LOCATION_BASED, Method.MARKET_BASED
        wanted = ((1, None), (2, location), (2, market), (None, location), (None, market))
        return Totals(*(
            None if self.unknown(scope) else self.kg(gas, scope=scope, method=method) for scope, method in wanted
        ))  # fmt: skip

    def status(self, gas: Gas, method: Method) -> Status:
        """The weakest factor that a total rests on."""
        return weakest(line.status for line in self.select(gas, method=method))

    def share(self, gas: Gas, method: Method, part: Literal["placed", "provisional"]) -> float:
        """The share of a total whose energy was placed by interpolation, or is provisional, by emission [1]."""
        lines = self.select(gas, method=method)
        total = math.fsum(abs(line.kg) for line in lines)
        return math.fsum(abs(line.kg) * _part(line.amount, part) for line in lines) / total if total else 0.0

    @property
    def offsets_kg(self) -> float:
        """Retired credits of the period's years [kgCO2e]."""
        return math.fsum(c.kg or 0.0 for c in self.columns if c.kind == "offset")


def _part(amount: Amount, part: Literal["placed", "provisional"]) -> float:
    micro = amount.placed if part == "placed" else amount.provisional
    return min(1.0, abs(micro) / abs(amount.micro)) if amount.micro else 0.0


def balance(flows: Flows, table: FactorTable, settings: Settings) -> Balance:
    """The balance of everything that crossed the boundary; what has no factor is a fault with its reason."""
    books = [Book(flows, table, settings, number, cells) for number, cells in years(flows)]
    lines = sorted(chain.from_iterable(book.lines for book in books), key=lambda line: line.id)
    faults = chain(flows.faults, *(book.faults for book in books))
    rejected = chain(usable(settings.instruments)[1], eligible_credits(settings.credits, 0)[1], settings.refused)
    start = int(flows.start_ms[0]) if len(flows.start_ms) else 0
    return Balance(
        flows.site.id, start, flows.end_ms, tuple(lines), _once(faults),
        tuple(chain.from_iterable(book.columns for book in books)), _once(rejected), settings,
        tuple(sorted(chain.from_iterable(book.apart for book in books), key=lambda line: line.id)),
        silent(flows, lines),
    )  # fmt: skip


def silent(flows: Flows, lines: Iterable[BalanceLine]) -> dict[int, Sentence]:
    """The scopes that have sources of which nothing at all is known in the period, each with the reason."""
    scopes = {p.id: scope for p in flows.site.boundary() if (scope := source_scope(p))}
    heard = {scopes[a.point] for a in flows.activities if a.flow.is_told} | {one.scope for one in lines if one.tier}
    return {
        scope: _why(flows, [point for point, number in scopes.items() if number == scope])
        for scope in sorted({*scopes.values()} - heard)
    }


def _why(flows: Flows, points: Sequence[str]) -> Sentence:
    said = joined(dict.fromkeys(one.sentence for one in flows.faults if one.point in points and one.incomplete))
    return said if said.en else Sentence("该期间没有数据。", "There is no data in this period.")


def years(flows: Flows) -> Iterator[tuple[int, slice]]:
    """The calendar years of the site that the grid touches, each with its part of the grid."""
    if not len(flows.start_ms):
        return
    zone = flows.site.zone
    first, last = (from_ms(int(ms)).astimezone(zone).year for ms in (flows.start_ms[0], flows.start_ms[-1]))
    for number in range(first, last + 1):
        span = year(number, zone)
        low, high = np.searchsorted(flows.start_ms, (span.start_ms, span.end_ms))
        yield number, slice(int(low), int(high))


def _once(items: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(items))
