"""The three input paths of a fuel: volume, mass or heat, each excluding the others; and gas at normal conditions."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import Literal

from analytics.terms import Sentence

Path = Literal["volume", "mass", "heat"]
PATHS: dict[str, Path] = {
    "m³": "volume", "m3": "volume", "Nm3": "volume", "1e4Nm3": "volume", "L": "volume", "US gal": "volume",
    "t": "mass", "kg": "mass", "GJ": "heat", "MJ": "heat", "TJ": "heat", "kWh": "heat", "MWh": "heat", "therm": "heat",
}  # fmt: skip
WORDS = {"volume": Sentence("体积", "volume"), "mass": Sentence("质量", "mass"), "heat": Sentence("热量", "heat")}
NORMAL_KPA, NORMAL_K = Fraction("101.325"), Fraction("273.15")  # 0 °C and 101.325 kPa: the normal cubic metre


def normal_volume(volume: Fraction, kpa: Fraction, celsius: Fraction, z: Fraction) -> Fraction:
    """A gas volume at its meter's absolute pressure and temperature as normal volume: V p/p_N T_N/T 1/Z [Nm3]."""
    kelvin = celsius + NORMAL_K
    if kpa <= 0 or kelvin <= 0 or z <= 0:
        raise ValueError("absolute pressure [kPa], temperature and compressibility must be positive")
    return volume * (kpa / NORMAL_KPA) * (NORMAL_K / kelvin) / z


@dataclass(frozen=True, slots=True)
class FuelUse:
    """One figure of a fuel's use: by which path, where it stands, over which time [ms UTC]."""

    fuel: str
    path: Path
    where: str
    start_ms: int
    end_ms: int

    @property
    def stem(self) -> str:
        """The fuel whatever its meter's conditions: natural_gas.at_20c is natural_gas."""
        return self.fuel if self.fuel.startswith("mobile.") else self.fuel.partition(".")[0]


def on_two_paths(uses: Iterable[FuelUse]) -> Iterator[tuple[FuelUse, FuelUse]]:
    """Pairs that tell of one fuel at one time by different paths (GB/T 32151: the three exclude each other)."""
    for one, other in combinations(uses, 2):
        together = one.start_ms < other.end_ms and other.start_ms < one.end_ms
        if one.stem == other.stem and one.path != other.path and together:
            yield one, other


def two_paths_sentence(one: FuelUse, other: FuelUse) -> Sentence:
    """Both figures named, with what to do."""
    a, b = WORDS[one.path], WORDS[other.path]
    return Sentence(
        f"{one.stem}同时按两种途径计量：{one.where}（{a.zh}）与{other.where}（{b.zh}），两者互斥；请只保留一种。",
        f"{one.stem} is counted on two paths that exclude each other: {one.where} ({a.en}) and {other.where} ({b.en}); "
        "keep one of the two.",
    )
