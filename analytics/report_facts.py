"""What a report of one site and period is written from: documents of the chain, and what the site declares."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from analytics.report_parts import NOTHING, Figure, sentence
from analytics.terms import Sentence, Status, weakest
from metering.period import Period

Document = Mapping[str, Any]
TOTALS: Mapping[str, tuple[Sentence, int | None, str]] = {
    "scope1": (Sentence("范围一", "Scope 1"), 1, "-"),
    "scope2_lb": (Sentence("范围二（基于位置）", "Scope 2, location-based"), 2, "LB"),
    "scope2_mb": (Sentence("范围二（基于市场）", "Scope 2, market-based"), 2, "MB"),
    "total_lb": (Sentence("范围一＋二总量（基于位置）", "Gross scope 1+2, location-based"), None, "LB"),
    "total_mb": (Sentence("范围一＋二总量（基于市场）", "Gross scope 1+2, market-based"), None, "MB"),
}
SIX_PATHS = "miit2026_six_paths"
GASES = {"co2_only": "kgCO2", "co2e": "kgCO2e"}


@dataclass(frozen=True, slots=True)
class Facts:
    """JSON-ready documents of one site and period."""

    zone: ZoneInfo
    period: Period
    as_of_ms: int
    site: Document
    balance: Document  # CO2 alone
    co2e: Sequence[Document]  # lines
    tree: Document
    points: Document  # the uncertainty of each metering point's total
    scores: Mapping[str, Document]
    steps: Document  # energy by day or month
    closings: Sequence[Document]
    entries: Sequence[Document]
    open_items: Sequence[Document]
    measures: Sequence[Document]
    claims: Document
    progress: Document  # targets up to the period's end
    matching: Document
    code: Mapping[str, str]
    position: Document | None = None  # of a site with allowances
    gwp: str = ""  # whose global warming potentials

    @property
    def name(self) -> Sentence:
        """The site's."""
        return sentence(self.site["name"])

    @property
    def lines(self) -> Sequence[Document]:
        """Every line, CO2 alone and CO2e."""
        return [*self.balance["lines"], *self.co2e]

    def of_total(self, name: str, gas: str) -> Iterator[Document]:
        """The lines that a total is the sum of; those of neither method count in both."""
        _, scope, method = TOTALS[name]
        wanted = {"-", method} if method != "-" else {"LB", "MB", "-"}
        for line in self.balance["lines"] if gas == "co2_only" else self.co2e:
            if scope in {None, line["scope"]} and line["method"] in wanted:
                yield line

    def total(self, name: str, gas: str = "co2_only", *, strong: bool = False) -> Figure:
        """A total with its weakest status and the interval of its metering."""
        lines, value = list(self.of_total(name, gas)), self.balance["totals"][name][gas]
        status = weakest(Status(line["status"]) for line in lines).value
        half = self._half(name, gas, lines)
        why = sentence((self.balance.get("unknown") or {}).get(name, NOTHING.both()))
        return Figure(TOTALS[name][0], value, GASES[gas], f"{name}.{gas}", status, half, why, strong=strong)

    def _half(self, name: str, gas: str, lines: Sequence[Document]) -> float | None:
        stated = (self.balance.get("uncertainty") or {}).get(name, {})
        if isinstance(stated.get(gas), Mapping):  # of activity and factor, where the balance tells it
            told = stated[gas].get("half_kg")
            return None if told is None else float(told)
        by_point: dict[str, float] = {}
        for line in lines:
            percent = (self.points.get(line["point"]) or {}).get("percent")
            if percent is None and line["kg"]:
                return None
            by_point[line["point"]] = by_point.get(line["point"], 0.0) + line["kg"] * (percent or 0.0) / 100
        return math.sqrt(math.fsum(part**2 for part in by_point.values())) if by_point else None

    @property
    def by_gas(self) -> Document:
        """Gases by category and method."""
        return self.balance.get("by_gas") or {}

    @property
    def apart(self) -> Sequence[Document]:
        """Lines beside scopes 1 and 2, in none of their totals."""
        return list((self.balance.get("apart") or {}).get("lines", ()))

    def interval_basis(self, name: str, gas: str = "co2_only") -> str:
        """The weakest limit that a total's interval rests on."""
        told = (self.balance.get("uncertainty") or {}).get(name, {}).get(gas) or {}
        return str(told.get("status", ""))

    @property
    def states_factors(self) -> bool:
        """Whether the intervals hold the factors' uncertainty too, not the metering's alone."""
        return bool(self.balance.get("uncertainty"))

    def energy(self, name: str, label: Sentence, carrier: str = "") -> Figure:
        """A flow of the period with the interval of its meters."""
        key = name.removesuffix("_kwh").replace("import", "grid_import").replace("export", "grid_export")
        told = self.tree["uncertainty"].get(key) or {}
        value = self.balance["energy"][name]
        half = told.get("half") if value is not None else None
        return Figure(label, value, "kWh", name, told.get("status", ""), half, carrier=carrier)
