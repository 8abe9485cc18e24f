"""What a factory holds of scope 3: the categories, freight, and how much of the spend suppliers answered for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Any

from analytics.lines import Category
from analytics.terms import Sentence

# GHG Protocol, Corporate Value Chain (Scope 3) Standard, Table 5.3.
CATEGORIES: Mapping[int, Category] = MappingProxyType({
    1: Category.PURCHASED_GOODS, 2: Category.CAPITAL_GOODS, 3: Category.FUEL_AND_ENERGY, 4: Category.UPSTREAM_TRANSPORT,
    5: Category.WASTE, 6: Category.BUSINESS_TRAVEL, 7: Category.COMMUTING, 9: Category.DOWNSTREAM_TRANSPORT,
})  # fmt: skip


def tonne_kilometres(tonnes: Fraction, km: Fraction) -> Fraction:
    """Freight work [tkm]."""
    return tonnes * km


def lost_with(consumed: int, percent: Fraction) -> int:
    """What was lost on the way to so much consumed, at losses of so many per cent of what was fed in [micro]."""
    return round(consumed * percent / (100 - percent))


@dataclass(frozen=True, slots=True)
class Supplier:
    """One supplier's questionnaire; without an answer its emissions are not known, which is not zero."""

    id: str
    name: str
    spend: Fraction
    tonnes: Fraction | None  # [tCO2e] allocated to what was bought; None = not answered
    document: str


def coverage(suppliers: Iterable[Supplier]) -> dict[str, Any]:
    """How much of the spend was answered for; the rest is missing, and is never estimated here."""
    all_ = list(suppliers)
    answered = [s for s in all_ if s.tonnes is not None]
    spend, known = (sum((s.spend for s in some), Fraction(0)) for some in (all_, answered))
    missing = [s.name for s in all_ if s.tonnes is None]
    share = float(known / spend * 100) if spend else None
    told = Sentence(
        f"{len(all_)}家供应商中{len(answered)}家已答复，占采购额{share or 0:.1f}%；未答复部分缺失，不按零计。",
        f"{len(answered)} of {len(all_)} suppliers answered, {share or 0:.1f} % of the spend; "
        "what is missing is missing, not zero.",
    )
    return {
        "suppliers": len(all_), "answered": len(answered), "spend": float(spend), "spend_answered": float(known),
        "coverage_percent": share, "tco2e": float(sum((s.tonnes or Fraction(0) for s in answered), Fraction(0))),
        "missing": missing, "complete": not missing, **told.both(),
    }  # fmt: skip
