"""Heat carried by steam: by the rows of the standard's printed tables where they reach, else by IAPWS-IF97.

Outside both nothing is guessed. What was taken comes back as a parameter with its status and source.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from analytics import if97
from analytics.factors import Gas, Method, Parameter
from analytics.terms import Status, weakest

WIDEST_STEP = Decimal("0.2")  # rows further apart than this are not neighbours of one table [MPa]


FEED, CAPACITY, FEED_CELSIUS = "steam.feed_water", "hot_water.capacity", "hot_water.feed"


@dataclass(frozen=True, slots=True)
class SteamState:
    """Saturated steam at one pressure [MPa, °C, kJ/kg]."""

    mpa: Decimal
    celsius: Decimal
    enthalpy: Decimal


class SteamTable:
    """Rows of printed tables of steam (GB/T 32151, annex), and IAPWS-IF97 beyond them."""

    def __init__(self, parameters: Iterable[Parameter]) -> None:
        self.rows = tuple(p for p in parameters if p.activity.startswith(("steam.", "hot_water.")))
        rows: dict[Decimal, dict[str, Decimal]] = {}
        for one in self.rows:
            if one.activity.startswith("steam.saturated."):
                rows.setdefault(Decimal(one.activity.removeprefix("steam.saturated.")), {})[one.param] = one.decimal
        named = [p for p in self.rows if p.activity.startswith("steam.superheated.") and p.param == "enthalpy"]
        self.hot = {_at(p.activity.removeprefix("steam.superheated.")): p.decimal for p in named}
        self.states = tuple(SteamState(p, r["temperature"], r["enthalpy"]) for p, r in sorted(rows.items()))

    @property
    def feed_water(self) -> Parameter:
        """The enthalpy that older guidelines deduct [kJ/kg]."""
        return next(p for p in self.rows if p.activity == FEED)

    @property
    def hot_water(self) -> tuple[Parameter, Parameter]:
        """Heat capacity [kJ/(kg K)] and temperature of the feed [°C] of older guidelines."""
        capacity, feed = (next(p for p in self.rows if p.activity == name) for name in (CAPACITY, FEED_CELSIUS))
        return capacity, feed

    def enthalpy(self, mpa: Decimal, celsius: Decimal | None = None) -> Parameter:
        """Of saturated steam, or superheated to a temperature [kJ/kg]; ValueError where neither table nor IF97 is."""
        try:
            told = self.saturated(mpa).enthalpy if celsius is None else self.superheated(mpa, celsius)
        except ValueError:
            return self._by_if97(mpa, celsius)
        kind = "saturated" if celsius is None else "superheated"
        used = [p for p in self.rows if p.activity.startswith(f"steam.{kind}.") and p.param == "enthalpy"]
        if printed := [p for p in used if p.decimal == told and _is_at(p.activity, mpa, celsius)]:
            return printed[0]
        status = weakest((Status.DERIVED, *(p.status for p in used)))  # between rows, as the standard interpolates
        return replace(used[0], id=_named(mpa, celsius), activity="steam", printed=str(told), status=status)

    @staticmethod
    def _by_if97(mpa: Decimal, celsius: Decimal | None) -> Parameter:
        kelvin = None if celsius is None else float(celsius) + if97.KELVIN
        told = if97.dry_saturated(float(mpa)) if kelvin is None else if97.vapour(float(mpa), kelvin)
        return Parameter(
            _named(mpa, celsius), "steam", "enthalpy", "", None, f"{told:.3f}", "kJ/kg", Gas.CO2_ONLY,
            Method.NOT_APPLICABLE, if97.STATUS, "IAPWS-IF97", if97.SOURCE,
        )  # fmt: skip

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


def _named(mpa: Decimal, celsius: Decimal | None) -> str:
    return f"steam/{mpa} MPa/" + ("saturated" if celsius is None else f"{celsius} °C")


def _is_at(activity: str, mpa: Decimal, celsius: Decimal | None) -> bool:
    if celsius is None:
        return Decimal(activity.removeprefix("steam.saturated.")) == mpa
    return _at(activity.removeprefix("steam.superheated.")) == (mpa, celsius)


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
