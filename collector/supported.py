"""docs/SUPPORTED.md from the profiles: `python -m collector.supported` writes it, and a test holds it up to date."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from collector.points import ModbusPoint, MqttPoint
from collector.profile import DeviceProfile, all_profiles

PAGE = Path(__file__).resolve().parent.parent / "docs" / "SUPPORTED.md"

HEAD = """\
# Supported devices

Generated from `collector/profiles/` by `python -m collector.supported`; do not edit.
{count} device models, {series} quantities.

What the column *proof* means, strongest first:

- **captured**: a recording of a real device decodes to what the device showed ({captured})
- **cross-read**: an image of the documented map is read alike by independent clients ({cross_read})
- **documented**: at least two independent documents or programs agree ({documented})
- **single source**: one document or program says so: compare every value with the device's display ({single_source})

A quantity marked † rests on one source although its profile as a whole does not. Modbus models are read over TCP, on a
serial line of this machine, or on one behind a converter. Every profile reads only: functions 3 and 4. A device that
is not here is one YAML file away.

| model | category | protocol | quantities | proof | caveats |
|---|---|---|---|---|---|
"""


def page(profiles: Sequence[DeviceProfile]) -> str:
    """The whole page."""
    kinds = [profile.proof.kind for profile in profiles]
    numbers = {kind: kinds.count(kind) for kind in ("captured", "cross_read", "documented", "single_source")}
    head = HEAD.format(count=len(profiles), series=sum(len(p.points) for p in profiles), **numbers)
    return head + "".join(_row(profile) for profile in sorted(profiles, key=lambda p: (p.category, p.id)))


def _row(profile: DeviceProfile) -> str:
    proof = f"**{profile.proof.kind.replace('_', ' ').replace('cross read', 'cross-read')}**: {profile.proof.evidence}"
    model = f"{profile.manufacturer} {profile.model}<br>`{profile.id}`"
    cells = (
        model,
        profile.category,
        {"modbus": "Modbus", "mqtt": "MQTT"}[profile.protocol],
        ", ".join(_quantities(profile)),
        proof,
        "<br>".join(profile.caveats),
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _quantities(profile: DeviceProfile) -> Iterator[str]:
    """The quantities, the phases of one joined: `voltage L1 L2 L3`."""
    weak = {p.quantity for p in profile.points if p.status != "confirmed"}
    weak = set() if profile.proof.kind == "single_source" else weak
    names = {_without_phase(point): _phases(point, profile.points) for point in profile.points}
    for name, phases in names.items():
        quantities = {name, *(f"{name}_{phase.lower()}" for phase in phases)}
        yield " ".join([name, *phases]) + ("†" if quantities & weak else "")


def _without_phase(point: ModbusPoint | MqttPoint) -> str:
    name, _, phase = point.quantity.rpartition("_")
    return name if phase in {"l1", "l2", "l3"} and name.count("_l") == 0 else point.quantity


def _phases(point: ModbusPoint | MqttPoint, points: Iterable[ModbusPoint | MqttPoint]) -> list[str]:
    name = _without_phase(point)
    return [p.quantity[-2:].upper() for p in points if p.quantity != name and _without_phase(p) == name]


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(all_profiles()), encoding="utf-8")
