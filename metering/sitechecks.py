"""What is wrong with a site file as a whole: ids twice, references to nothing, shared unit ids, the meter tree."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from metering.alerting import alert_faults
from metering.config import Document, Fault
from metering.imports import import_faults
from metering.quantity import quantity
from metering.site import tree_faults

if TYPE_CHECKING:
    from metering.sitefile import Point, SiteFile

_LAST_UNIT = 247  # Modbus over serial line V1.02, 2.2
SECTIONS = ("links", "devices", "points", "imports", "factors", "alerts", "receivers")
Declared = Mapping[str, frozenset[str] | None]  # ids a section declares, sound or not; None = who knows


def declared(document: Document) -> Declared:
    """The ids that each section of a file declares, whatever else is wrong with it."""
    return {section: _ids(document.data.get(section, [])) for section in SECTIONS}


def _ids(items: Any) -> frozenset[str] | None:
    if not isinstance(items, list):
        return None
    known = [item.get("id") for item in items if isinstance(item, dict)]
    return frozenset(str(one) for one in known) if len(known) == len(items) else None


def cross_faults(document: Document, file: "SiteFile", known: Declared) -> Iterator[Fault]:
    """Every fault between the parts of a file; `known` are ids that stand in it though their items have faults."""
    for section in ("links", "devices", "factors", "alerts", "receivers"):
        yield from _duplicates(document, section, [item.id for item in getattr(file, section) or ()])
    yield from _line_faults(document, file)
    yield from _device_faults(document, file, known)
    for index, point in enumerate(file.points):
        yield from _point_faults(document, file, index, point, known)
    yield from alert_faults(document, file, known)
    points = [p.id for p in file.points]
    yield from import_faults(document, file.imports, frozenset(points), known.get("points", frozenset()))
    for point_id, message, mend in tree_faults(tuple(p.freeze() for p in file.points)):
        if not _excused(file, point_id, message, known):
            last = len(points) - 1 - points[::-1].index(point_id)
            yield document.fault(("points", last), message, mend)


def _excused(file: "SiteFile", point_id: str, message: str, known: Declared) -> bool:
    """A boundary point without a device is whole when a file import fills it; a parent may be there, but faulty."""
    if "needs a device" in message:
        filled = any(column.point == point_id for section in file.imports for column in section.columns)
        return filled or _maybe(None, known, "imports")
    point = next(p for p in file.points if p.id == point_id)
    return "is not a metering point" in message and _maybe(point.parent, known, "points")


def _maybe(one: str | None, known: Declared, section: str) -> bool:
    """Whether a section with faults may declare this id (None: anything at all)."""
    ids = known.get(section, frozenset())
    return ids is None or (bool(ids) if one is None else one in ids)


def _duplicates(document: Document, section: str, ids: list[str]) -> Iterator[Fault]:
    for one, times in Counter(ids).items():
        if times > 1:
            last = len(ids) - 1 - ids[::-1].index(one)
            yield document.fault((section, last), f"{one!r} is declared {times} times", "give each its own id")


def _line_faults(document: Document, file: "SiteFile") -> Iterator[Fault]:
    taken: dict[str, str] = {}  # one line has one master, and one process and task that asks on it
    for index, link in enumerate(file.links):
        if link.serial and taken.setdefault(link.where, link.id) != link.id:
            message = f"{link.where} is already link {taken[link.where]!r}"
            yield document.fault(("links", index), message, "put all devices of a line on one link")


def _device_faults(document: Document, file: "SiteFile", known: Declared) -> Iterator[Fault]:
    links = {link.id: link for link in file.links}
    taken: dict[tuple[str, int, str], str] = {}  # an inverter shows its meter and battery under its own unit
    for index, device in enumerate(file.devices):
        link = links.get(device.link)
        if link is None and not _maybe(device.link, known, "links"):
            mend = f"one of: {', '.join(links)}" if links else "declare it under links:"
            yield document.fault(("devices", index, "link"), f"no link {device.link!r}", mend)
        elif link is not None and link.modbus:
            if link.serial and not 1 <= device.unit <= _LAST_UNIT:
                mend = f"a serial line has units 1..{_LAST_UNIT}; 0 is everybody"
                yield document.fault(("devices", index, "unit"), f"unit {device.unit} cannot answer", mend)
            other = taken.setdefault((device.link, device.unit, device.profile), device.id)
            if other != device.id:
                message = f"unit {device.unit} on link {device.link!r} is already {other!r}"
                yield document.fault(("devices", index), message, "two devices of one profile cannot share a unit id")


def _point_faults(document: Document, file: "SiteFile", index: int, point: "Point", known: Declared) -> Iterator[Fault]:
    devices = {device.id for device in file.devices}
    if point.device is not None and point.device not in devices and not _maybe(point.device, known, "devices"):
        yield document.fault(("points", index, "device"), f"no device {point.device!r}", "name a device of this file")
    for name in point.quantities:
        try:
            quantity(name)
        except ValueError as error:
            yield document.fault(("points", index, "quantities"), str(error), "see docs for the table of quantities")
