"""Which devices are silent, and the one cause over them: the whole site, a host, a link, else the device itself."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from analytics.alerts import Rule, Signal, State

CADENCES = 3  # a device is silent only after this many of its own periods
LEAST_MEMBERS = 2  # one device alone is its own cause


@dataclass(frozen=True, slots=True)
class Wire:
    """How a device is reached, and how often it is read [ms]."""

    device: str
    link: str
    host: str
    cadence_ms: int


@dataclass(frozen=True, slots=True)
class Heard:
    """When a device was last read [ms UTC], and for how long nothing newer came [ms, monotonic]."""

    time_ms: int
    silent_ms: int


def listened(before: Mapping[str, Heard], last_ms: Mapping[str, int], devices: Iterable[str], passed_ms: int,
             ) -> dict[str, Heard]:  # fmt: skip
    """The silences moved on; whatever came, with whatever time, ends one."""
    found = {}
    for device in devices:
        old, last = before.get(device), last_ms.get(device, 0)
        quiet = old is not None and old.time_ms == last
        found[device] = Heard(last, old.silent_ms + passed_ms if old is not None and quiet else 0)
    return found


def silence_signals(rule: Rule, wires: Iterable[Wire], heard: Mapping[str, Heard], state: State) -> Iterator[Signal]:
    """Signals of the causes and of the devices no cause covers."""
    mine = [wire for wire in wires if wire.device in heard]
    over = {w.device for w in mine if heard[w.device].silent_ms >= max(rule.after_ms, CADENCES * w.cadence_ms)}
    mute = {w.device for w in mine if 2 * heard[w.device].silent_ms >= rule.after_ms}
    covered: set[str] = set()
    for subject, devices in _causes(mine):
        dead = bool(over & devices) and devices <= mute
        if covered >= devices:
            yield Signal(rule.id, subject, None if state.fires(rule.id, subject) else False)
        elif dead or state.fires(rule.id, subject):
            covered |= devices
            yield _cause(rule, subject, devices, dead=dead, over=over, heard=heard)
        else:
            yield Signal(rule.id, subject, bad=False)
    for wire in mine:
        silent_s = heard[wire.device].silent_ms / 1000
        bad = wire.device in over
        told = None if bad and wire.device in covered else bad
        yield Signal(rule.id, f"device:{wire.device}", told, silent_s, rule.after_ms / 1000, "s")


def _cause(
    rule: Rule, subject: str, devices: set[str], *, dead: bool, over: set[str], heard: Mapping[str, Heard]
) -> Signal:
    """Once some members are back the cause stays until the others had time to come back too."""
    release = rule.after_ms if over & devices else 0
    longest = max(heard[one].silent_ms for one in devices) / 1000
    members = tuple(sorted(devices if dead else over & devices))
    return Signal(rule.id, subject, dead, longest, rule.after_ms / 1000, "s", members, release_ms=release)


def _causes(wires: Iterable[Wire]) -> Iterator[tuple[str, set[str]]]:
    """Every node of the link tree that holds several devices, from the root down."""
    links: dict[str, set[str]] = {}
    hosts: dict[str, set[str]] = {}
    lies: dict[str, set[str]] = {}
    for wire in wires:
        links.setdefault(wire.link, set()).add(wire.device)
        hosts.setdefault(wire.host, set()).add(wire.device)
        lies.setdefault(wire.host, set()).add(wire.link)
    everything = set().union(*links.values()) if links else set()
    if len(links) > 1:
        yield "site", everything
    for host, devices in hosts.items():
        if host and len(lies[host]) > 1 and devices != everything:
            yield f"host:{host}", devices
    for link, devices in links.items():
        if len(devices) >= LEAST_MEMBERS:
            yield f"link:{link}", devices
