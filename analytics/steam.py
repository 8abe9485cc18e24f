"""Heat carried by steam: saturated steam by pressure, from table rows; outside the table nothing is guessed."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from analytics.factors import Parameter

WIDEST_STEP = Decimal("0.2")  # rows further apart than this are not neighbours of one table [MPa]


CONSTANTS = frozenset({"steam.feed_water", "hot_water.capacity", "hot_water.feed"})


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
        kept = list(parameters)
        for one in kept:
            if one.activity.startswith("steam.saturated."):
                rows.setdefault(Decimal(one.activity.removeprefix("steam.saturated.")), {})[one.param] = one.decimal
        named = [p for p in kept if p.activity.startswith("steam.superheated.") and p.param == "enthalpy"]
        self.hot = {_at(p.activity.removeprefix("steam.superheated.")): p.decimal for p in named}
        self.constants = {p.activity: p.decimal for p in kept if p.activity in CONSTANTS}
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

    def superheated(self, mpa: Decimal, celsius: Decimal) -> Decimal:
        """The enthalpy at a pressure and temperature [kJ/kg], between rows bilinearly; ValueError outside the table."""
        low_p, high_p = _around([p for p, _ in self.hot], mpa)
        low_t, high_t = _around([t for p, t in self.hot if p in {low_p, high_p}], celsius)
        corners = [self.hot.get((p, t)) for p in (low_p, high_p) for t in (low_t, high_t)]  # type: ignore[arg-type]
        known = [one for one in corners if one is not None]
        if len(known) < 4:
            raise ValueError(f"superheated steam at {mpa} MPa and {celsius} °C lies outside the table")
        (a, b, c, d), by_t, by_p = known, _share(low_t, high_t, celsius), _share(low_p, high_p, mpa)
        return a + by_t * (b - a) + by_p * (c + by_t * (d - c) - a - by_t * (b - a))


def _at(text: str) -> tuple[Decimal, Decimal]:
    mpa, _, celsius = text.rpartition(".")
    return Decimal(mpa), Decimal(celsius)


def _around(rows: Iterable[Decimal], at: Decimal) -> tuple[Decimal | None, Decimal | None]:
    known = list(rows)
    return max((r for r in known if r <= at), default=None), min((r for r in known if r >= at), default=None)


def _share(low: Decimal | None, high: Decimal | None, at: Decimal) -> Decimal:
    return (at - low) / (high - low) if low is not None and high is not None and high > low else Decimal(0)


def hot_water_heat(kg: Decimal, celsius: Decimal, capacity: Decimal, feed: Decimal) -> Decimal:
    """Heat of an amount of hot water [GJ]: m c (T − T_feed), c in [kJ/(kg K)]; older NDRC guidelines."""
    return kg * capacity * (celsius - feed) / 10**6


def steam_heat(kg: Decimal, enthalpy: Decimal, deducted: Decimal = Decimal(0)) -> Decimal:
    """Heat of an amount of steam [GJ] from its enthalpy [kJ/kg]; older guidelines deduct that of the feed water."""
    return kg * (enthalpy - deducted) / 10**6
