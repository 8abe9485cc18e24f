"""Heat carried by steam: saturated steam by pressure, from table rows; outside the table nothing is guessed."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from analytics.factors import Parameter

WIDEST_STEP = Decimal("0.2")  # rows further apart than this are not neighbours of one table [MPa]


@dataclass(frozen=True, slots=True)
class SteamState:
    """Saturated steam at one pressure [MPa, °C, kJ/kg]."""

    mpa: Decimal
    celsius: Decimal
    enthalpy: Decimal


class SteamTable:
    """Rows of a printed table of saturated steam (GB/T 32151, annex)."""

    def __init__(self, parameters: Iterable[Parameter]) -> None:
        rows: dict[Decimal, dict[str, Decimal]] = {}
        for one in parameters:
            if one.activity.startswith("steam.saturated."):
                rows.setdefault(Decimal(one.activity.removeprefix("steam.saturated.")), {})[one.param] = one.decimal
        self.states = tuple(SteamState(p, r["temperature"], r["enthalpy"]) for p, r in sorted(rows.items()))

    def saturated(self, mpa: Decimal) -> SteamState:
        """The state at a pressure, between neighbouring rows by linear interpolation; ValueError outside the table."""
        below = [s for s in self.states if s.mpa <= mpa]
        above = [s for s in self.states if s.mpa >= mpa]
        if not below or not above:
            raise ValueError(f"saturated steam at {mpa} MPa lies outside the table")
        low, high = below[-1], above[0]
        if high.mpa - low.mpa > WIDEST_STEP:
            raise ValueError(f"the table has no rows near {mpa} MPa (between {low.mpa} and {high.mpa})")
        share = (mpa - low.mpa) / (high.mpa - low.mpa) if high.mpa > low.mpa else Decimal(0)
        return SteamState(
            mpa,
            low.celsius + share * (high.celsius - low.celsius),
            low.enthalpy + share * (high.enthalpy - low.enthalpy),
        )


def steam_heat(kg: Decimal, enthalpy: Decimal, deducted: Decimal = Decimal(0)) -> Decimal:
    """Heat of an amount of steam [GJ] from its enthalpy [kJ/kg]; older guidelines deduct that of the feed water."""
    return kg * (enthalpy - deducted) / 10**6
