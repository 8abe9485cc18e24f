"""Where a site lies: province -> grid region -> country -> world, by key or by either name."""

from collections.abc import Iterable
from dataclasses import dataclass

_SUFFIXES = ("省", "市", "壮族自治区", "回族自治区", "维吾尔自治区", "自治区", "电网", "区域电网")


@dataclass(frozen=True, slots=True)
class Region:
    """One region of the chain; `status` says how sure its place in the chain is."""

    key: str
    parent: str | None
    zh: str
    en: str
    status: str
    source: str = ""
    note: str = ""


class RegionTable:
    """The regions that factors are printed for."""

    def __init__(self, regions: Iterable[Region]) -> None:
        self.regions = {r.key: r for r in regions}
        self._names = {name.casefold(): r.key for r in self.regions.values() for name in (r.en, r.zh, r.key)}

    def key(self, name: str) -> str | None:
        """The key of a region by key or name in either language (天津, 天津市, Tianjin, CN-TJ); None when unknown."""
        asked = name.strip()
        for form in (asked, *(asked.removesuffix(suffix) for suffix in _SUFFIXES)):
            if found := self._names.get(form.casefold()):
                return found
        return None

    def chain(self, country: str, region: str = "", province: str = "", level: str = "province") -> tuple[str, ...]:
        """The site's own region and those around it, narrowest first; `level` is where to start."""
        levels = {"province": (province, region, country), "region": (region, country), "country": (country,)}[level]
        if level == "region" and not region and (near := self.key(province)):
            levels = (self.regions[near].parent or "", country)
        nation = self.key(country) or country
        for name in levels:
            chain = self._upwards(self.key(name) or name) if name else ()
            if nation in chain:  # a province of another country that has the same name is no province of this one
                return chain if chain[-1] == "WORLD" else (*chain, "WORLD")
        return ("WORLD",)

    def doubtful(self, key: str, around: str) -> bool:
        """Whether a region's place inside that grid region is known from memory only."""
        found = self.regions.get(key)
        return found is not None and found.parent == around and found.status == "memory"

    def unknown(self, *names: str) -> tuple[str, ...]:
        """The names that are given but not in the table."""
        return tuple(name for name in names if name and self.key(name) is None)

    def sentence(self, key: str) -> tuple[str, str]:
        """The name in Chinese and in English; the key itself when unknown."""
        found = self.regions.get(key)
        return (found.zh, found.en) if found else (key, key)

    def _upwards(self, key: str) -> tuple[str, ...]:
        chain: list[str] = []
        here: str | None = key
        while here is not None and here not in chain:
            chain.append(here)
            here = self.regions[here].parent if here in self.regions else None
        return tuple(chain)
