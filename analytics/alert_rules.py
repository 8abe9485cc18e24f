"""The rules of a site: as its file writes them, or where it writes none, what every site should know of."""

from collections.abc import Mapping

from analytics.alerts import Rule, Severity
from analytics.silence import Wire
from metering.alerting import AlertSection
from metering.reading import PollGroup
from metering.site import Role
from metering.sitefile import SiteConfig

EXPOSURE = Rule("insecure_lan", "exposure", Severity.WARNING, ("未加密访问", "open without encryption"))


def rules_of(config: SiteConfig) -> dict[str, Rule]:
    """The rules in force, by id."""
    written = config.file.alerts
    sections = _usual(config) if written is None else written
    return {section.id: _rule(section, config) for section in sections}


def _usual(config: SiteConfig) -> list[AlertSection]:
    rows = [
        {"id": "no_data", "kind": "absence", "after": "2min", "severity": "critical"},
        {"id": "open_items", "kind": "open_item"},
    ]
    tariff = config.file.tariff
    if tariff is not None and tariff.demand_limit is not None:
        rows.append({"id": "peak_demand", "kind": "demand", "for": "30s"})
    return [AlertSection.model_validate(row) for row in rows]


def _rule(section: AlertSection, config: SiteConfig) -> Rule:
    above, point = section.above, section.point
    if section.kind == "demand":
        tariff = config.file.tariff
        if above is None and tariff is not None and tariff.demand_limit is not None:
            above = float(tariff.demand_limit)
        point = point or next((p.id for p in config.site.of_role(Role.GRID)), "")
    standard = section.standard or next(iter(config.file.standards), "")
    return Rule(
        id=section.id, kind=section.kind, severity=Severity(section.severity),
        name=(section.name.zh, section.name.en), point=point, quantity=section.quantity,
        above=above, below=section.below, clear=section.clear, hold_ms=section.hold, release_ms=section.release,
        repeat_ms=section.repeat, after_ms=section.after, per_ms=section.per, amount=section.amount,
        measure=section.measure, window=section.window, margin=section.margin,
        standard=standard if section.kind == "verdict" else "",
    )  # fmt: skip


def wires_of(config: SiteConfig, groups: Mapping[int, PollGroup]) -> list[Wire]:
    """How each device is reached; its own period is that of its fastest group."""
    fastest: dict[str, int] = {}
    for group in groups.values():
        fastest[group.device] = min(group.cadence_ms, fastest.get(group.device, group.cadence_ms))
    links = {link.id: link for link in config.file.links}
    return [
        Wire(device.id, device.link, getattr(links.get(device.link), "host", "") or "", fastest.get(device.id, 0))
        for device in config.file.devices
    ]
