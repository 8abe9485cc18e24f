"""Where a period's electricity came from and went: sources, one bus, workshops, lines, and what no meter saw.

Integers: at every inner node what comes in goes out, to the last 1e-6 kWh. What counts the wrong way round is drawn the
other way round, and a node whose children count more than it took in draws the difference from its rest.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from analytics.flows import EXPORT, IMPORT, Flows
from metering.site import MeteringPoint, Role

BUS = "bus"


@dataclass(frozen=True, slots=True)
class Link:
    """Energy from one node to another [1e-6 kWh], never negative."""

    source: str
    target: str
    micro: int


@dataclass(frozen=True, slots=True)
class Node:
    """One node; `kind` is source, bus, sink, point or rest."""

    id: str
    kind: str
    point: str = ""  # the metering point it stands for


@dataclass(frozen=True, slots=True)
class Sankey:
    """The flows of one period; what lacks readings is part of its parent's rest and named."""

    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    lacking: tuple[str, ...]  # points not known over the whole of the period

    def into(self, node: str) -> int:
        """What comes into a node [1e-6 kWh]."""
        return sum(link.micro for link in self.links if link.target == node)

    def out_of(self, node: str) -> int:
        """What leaves a node [1e-6 kWh]."""
        return sum(link.micro for link in self.links if link.source == node)


def sankey(flows: Flows) -> Sankey:
    """The electricity of a period from its sources to the last meter, and the rest of every node."""
    drawn = list(_on_bus(flows))
    inlets = [p.id for p in flows.site.of_role(Role.GRID) if p.parent is None]
    for point in flows.site.points:
        if point.id in flows.points and point.id not in inlets and point.carrier == "electricity":
            drawn += _below(flows, point)
    links = tuple(link for link in drawn if link.micro)
    lacking = tuple(
        p.id
        for p in flows.site.points
        if p.carrier == "electricity" and (p.id not in flows.points or not flows.points[p.id].known.all())
    )
    return Sankey(tuple(_nodes(flows, links)), links, lacking)


def _link(source: str, target: str, micro: int) -> Link:
    return Link(source, target, micro) if micro >= 0 else Link(target, source, -micro)


def _on_bus(flows: Flows) -> Iterator[Link]:
    """What reaches the bus behind the grid meters, what leaves it, and the rest."""
    site, left = flows.site, 0
    inlets = {p.id for p in site.of_role(Role.GRID) if p.parent is None}
    for point in site.points:
        if point.id in inlets or (point.role is Role.STORAGE and _beside(point, inlets)):
            given, taken = _total(flows, point, IMPORT), _total(flows, point, EXPORT)
            if point.role is Role.STORAGE:
                given, taken = taken, given
            yield Link(point.id, BUS, given)
            yield Link(BUS, f"{point.id}:{'export' if point.id in inlets else 'charge'}", taken)
            left += given - taken
        elif point.id in flows.points and _beside(point, inlets) and point.carrier == "electricity":
            through = flows.points[point.id].total().micro
            made = point.role is Role.GENERATION
            yield _link(point.id, BUS, through) if made else _link(BUS, point.id, through)
            left += through if made else -through
    yield _link(BUS, f"{BUS}:rest", left)


def _beside(point: MeteringPoint, inlets: set[str]) -> bool:
    return point.parent in inlets or (point.parent is None and point.role in {Role.GENERATION, Role.STORAGE})


def _total(flows: Flows, point: MeteringPoint, names: tuple[str, ...]) -> int:
    flow = flows.flow(point.id, names)
    return 0 if flow is None else flow.total().micro


def _below(flows: Flows, point: MeteringPoint) -> Iterator[Link]:
    """A node's children and what they do not account for; what is made runs towards the bus."""
    below = [c for c in flows.site.children(point.id) if c.id in flows.points]
    made = point.role is Role.GENERATION
    left = flows.points[point.id].total().micro
    for child in below:
        through = flows.points[child.id].total().micro
        yield _link(child.id, point.id, through) if made else _link(point.id, child.id, through)
        left -= through
    if below:
        yield _link(point.id, f"{point.id}:rest", -left if made else left)


def _nodes(flows: Flows, links: tuple[Link, ...]) -> Iterator[Node]:
    points = {p.id: p for p in flows.site.points}
    fed = {link.target for link in links}
    for id_ in dict.fromkeys(end for link in links for end in (link.source, link.target)):
        owner, _, part = id_.partition(":")
        if id_ == BUS:
            yield Node(id_, "bus")
        elif part:
            yield Node(id_, "rest" if part == "rest" else "sink", owner if owner in points else "")
        else:
            yield Node(id_, "point" if id_ in fed else "source", owner)
