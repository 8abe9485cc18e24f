"""Units that factors are printed in -> exact kilograms per unit of activity; no factor lives here."""

import re
from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType

# kilograms in one of the mass; 1 lb = 0.45359237 kg by definition (1959).
_MASS: Mapping[str, Fraction] = MappingProxyType(
    {"kg": Fraction(1), "t": Fraction(1000), "g": Fraction(1, 1000), "lb": Fraction("0.45359237")}
)
_SUBSTANCES = ("CO2e", "CO2", "CH4", "N2O", "ce", "C", "")

# (dimension, size in that dimension's base); 1 US gal = 3.785411784 L and 1 kWh = 3.6 MJ by definition.
_PER: Mapping[str, tuple[str, Fraction]] = MappingProxyType({
    "kWh": ("energy", Fraction(36, 10**4)), "MWh": ("energy", Fraction(36, 10)), "GWh": ("energy", Fraction(3600)),
    "1e4kWh": ("energy", Fraction(36)), "MJ": ("energy", Fraction(1, 1000)),
    "GJ": ("energy", Fraction(1)), "TJ": ("energy", Fraction(1000)), "therm": ("therm", Fraction(1)),
    "m³": ("volume", Fraction(1)), "m3": ("volume", Fraction(1)), "Nm3": ("volume", Fraction(1)),
    "1e4Nm3": ("volume", Fraction(10**4)),
    "L": ("liquid", Fraction(1)), "US gal": ("liquid", Fraction("3.785411784")),
    "t": ("mass", Fraction(1)), "kg": ("mass", Fraction(1, 1000)), "Gg": ("mass", Fraction(1000)),
    "km": ("distance", Fraction(1)), "unit": ("unit", Fraction(1)),
    "tkm": ("freight", Fraction(1)), "pkm": ("travel", Fraction(1)), "CNY": ("spend", Fraction(1)),
    "1e4CNY": ("spend", Fraction(10**4)),
})  # fmt: skip
_PRINTED = re.compile(rf"({'|'.join(_MASS)})({'|'.join(_SUBSTANCES)})/(.+)")


def kg_per(printed: str, activity_unit: str) -> Fraction:
    """What a printed factor is multiplied by to give kg per unit of activity; ValueError when they do not fit."""
    found = _PRINTED.fullmatch(printed)
    if not found:
        raise ValueError(f"unit {printed!r} is not a mass per something")
    dimension, size = _dimension(found[3])
    wanted, wanted_size = _dimension(activity_unit)
    if dimension != wanted:
        raise ValueError(f"a factor in {printed} cannot be applied to an activity in {activity_unit}")
    return _MASS[found[1]] * wanted_size / size


def fits(printed: str, activity_unit: str) -> bool:
    """Whether a factor in this unit can be applied to an activity in that one."""
    try:
        kg_per(printed, activity_unit)
    except ValueError:
        return False
    return True


def _dimension(unit: str) -> tuple[str, Fraction]:
    if unit not in _PER:
        raise ValueError(f"unit {unit!r} is not known; use one of {', '.join(_PER)}")
    return _PER[unit]
