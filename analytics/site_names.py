"""What people call the things of a site: its points, devices, links and quantities, in Chinese and English."""

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from analytics.alerts import Name
from metering.sitefile import SiteConfig

WORDS = Path(__file__).parent / "web" / "i18n"  # the page's own words, so that a quantity has one name everywhere
TOLD = 3  # names of points that stand for a device without a name of its own


@cache
def _words(language: str) -> Mapping[str, str]:
    found: dict[str, str] = json.loads((WORDS / f"{language}.json").read_text(encoding="utf-8"))
    return found


def quantity_name(name: str) -> Name:
    """A quantity's name (zh, en), one of a phase after the whole; else its id."""
    return (_quantity("zh", name), _quantity("en", name))


def _quantity(language: str, name: str) -> str:
    words = _words(language)
    whole, phase = found.groups() if (found := re.fullmatch(r"(.+)_(l[123])", name)) else (name, "")
    if f"quantity.{name}" in words or f"quantity.{whole}" not in words:
        return words.get(f"quantity.{name}", name)
    return f"{words[f'quantity.{whole}']} {words[f'phase.{phase}']}"


class SiteNames:
    """Names by kind and id: ("device", "m_smt") -> (zh, en)."""

    def __init__(self, config: SiteConfig) -> None:
        self._points = {point.id: (point.name("zh"), point.name("en")) for point in config.site.points}
        self._links = {link.id: _own(link.name.zh, link.name.en, link.id) for link in config.file.links}
        self._devices = {device.id: _own(device.name.zh, device.name.en, "") for device in config.file.devices}
        self._on: dict[str, list[Name]] = {}
        for point in config.site.points:
            self._on.setdefault(point.device or "", []).append(self._points[point.id])

    def __call__(self, kind: str, id_: str) -> Name:
        """The name (zh, en), else the id itself."""
        match kind:
            case "point":
                return self._points.get(id_, (id_, id_))
            case "device":
                return self.device(id_)
            case "link":
                return self._links.get(id_, (id_, id_))
            case "quantity":
                return quantity_name(id_)
        return (id_, id_)

    def device(self, id_: str) -> Name:
        """A device's own name, else those of the points it measures, else its id."""
        own = self._devices.get(id_, ("", ""))
        if any(own):
            return own
        names = list(dict.fromkeys(self._on.get(id_, [])))
        if not names:
            return (id_, id_)
        more = " …" if len(names) > TOLD else ""
        return ("、".join(zh for zh, _ in names[:TOLD]) + more, ", ".join(en for _, en in names[:TOLD]) + more)


def _own(zh: str, en: str, otherwise: str) -> Name:
    return (zh or en or otherwise, en or zh or otherwise)
