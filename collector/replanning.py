"""What devices have taught us, kept beside the readings, and the wiring that follows from it."""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from collector.bustime import BusTime
from collector.fields import Span
from collector.planner import plan
from collector.refusal import Learned
from collector.wiring import WiredDevice, WiredGroup, WiredLink
from metering.store import StoreError

FILE = "refused.json"  # in the folder of the readings


def load_known(folder: Path) -> tuple[Learned, ...]:
    """What is known; nothing where there is no file, or one that cannot be read: it is found out again."""
    try:
        kept = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return tuple(_learned(one) for one in kept)
    except (OSError, ValueError, TypeError, KeyError):
        return ()


def _learned(one: dict[str, list[list[int]]]) -> Learned:
    cuts = tuple((int(function), int(address)) for function, address in one.pop("cuts"))
    refused = tuple(Span(*map(int, span)) for span in one.pop("refused"))
    devices = tuple(map(str, one.pop("devices")))
    return Learned(**{name: str(text) for name, text in one.items()}, devices=devices, cuts=cuts, refused=refused)


def save_known(folder: Path, known: Iterable[Learned]) -> None:
    """Keep it; whole or not at all."""
    part = folder / f"{FILE}.part"
    try:
        with part.open("w", encoding="utf-8") as file:
            json.dump([asdict(one) for one in known], file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(folder / FILE)
    except OSError as error:
        raise StoreError(f"cannot write {folder / FILE}: {error}") from error


def joined(known: Sequence[Learned], new: Learned) -> tuple[Learned, ...]:
    """What is known with something new: one entry a model and firmware."""

    def same(one: Learned) -> bool:
        return (one.profile, one.profile_hash, one.firmware) == (new.profile, new.profile_hash, new.firmware)

    old = [one for one in known if same(one)]
    return (*(one for one in known if not same(one)), old[0].with_more(new) if old else new)


def replanned(links: Iterable[WiredLink], known: Sequence[Learned]) -> tuple[WiredLink, ...]:
    """The links with every request that is known to be refused planned otherwise."""
    return tuple(
        replace(link, devices=tuple(_device(link, device, known) for device in link.devices)) if known else link
        for link in links
    )


def _device(link: WiredLink, device: WiredDevice, known: Sequence[Learned]) -> WiredDevice:
    profile = device.profile
    own = [one for one in known if one.holds_for(profile.id, profile.hash, device.device.id)]
    if not own:
        return device
    cuts = [cut for one in own for cut in one.cuts]
    refused = {span for one in own for span in one.refused}
    bus = BusTime(link.link.character_ms, pause_ms=profile.pause_ms)
    groups = (_group(device, group, cuts, refused, bus) for group in device.groups)
    return replace(device, groups=tuple(group for group in groups if group.wires))


def _group(
    device: WiredDevice, wired: WiredGroup, cuts: Sequence[tuple[int, int]], refused: set[Span], bus: BusTime
) -> WiredGroup:
    wires = tuple(w for w in wired.wires if not refused.intersection(w.field.spans))
    profile = device.profile
    documented = [span for span in profile.documented if span not in refused]
    blocks = plan([w.field for w in wires], profile.max_registers, documented, bus.request_cost, cuts)
    group = replace(wired.group, columns=tuple(w.column for w in wires), blocks=blocks)
    return replace(wired, group=group, wires=wires)
