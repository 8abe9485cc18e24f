"""Which meter is most likely wrong and how, in one sentence: a factor, a direction, a standstill, no meter at all."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from analytics.flows import EXPORT, IMPORT, Flows
from analytics.reconcile import Reconciliation, Term
from analytics.terms import Sentence
from metering.site import Role, Site

REVERSED = 0.25  # how far from −1 a reversed meter may read


class Fault(StrEnum):
    """What may be wrong at a metering point."""

    FACTOR = "factor"  # a CT, VT or unit factor
    REVERSED = "reversed"
    SILENT = "silent"  # it counts nothing, and something is missing beside it
    UNMETERED = "unmetered"  # more is lost at a node than cables lose


@dataclass(frozen=True, slots=True)
class Suspect:
    """One metering point that does not fit the others."""

    point: str
    fault: Fault
    score: float  # normalised residual
    reads: float | None  # what it shows of what there is [1]; None where it is no matter of a factor
    share: float | None  # what is missing at the node, of its inflow [1]
    others: tuple[str, ...]  # meters that explain it nearly as well
    sentence: Sentence


def suspects(flows: Flows, found: Reconciliation) -> tuple[Suspect, ...]:
    """Everything that was named, the most striking first."""
    return tuple(
        _gain(flows, found, term) if term.kind == "gain" else _lost(flows, found, term) for term in found.freed
    )


def _gain(flows: Flows, found: Reconciliation, term: Term) -> Suspect:
    site, gain = flows.site, found.last.term(term.name).estimate
    reads = 1 / (1 + gain) if abs(1 + gain) > 1e-6 else float("inf")
    others = tuple(_rivals(found, term))
    turned = abs(reads + 1) <= REVERSED or _backwards(flows, term.name)
    fault = Fault.REVERSED if turned else Fault.FACTOR
    said = _reversed(site, term.name) if fault is Fault.REVERSED else _factor(site, term.name, reads)
    return Suspect(term.name, fault, term.score, reads, None, others, said + _or(site, others))


def _backwards(flows: Flows, point: str) -> bool:
    """A load that gives more than it takes, or a generator that takes more than it gives."""
    taken, given = flows.flow(point, IMPORT), flows.flow(point, EXPORT)
    if taken is None or given is None:
        return False
    more = given.total().micro - taken.total().micro
    role = flows.site.point(point).role
    return more > 0 if role is Role.LOAD else role is Role.GENERATION and more < 0


def _rivals(found: Reconciliation, term: Term) -> Iterator[str]:
    """Meters of the same node that stood out nine tenths as much when this one was named first."""
    if term is not found.freed[0]:
        return
    beside = {name for one in found.nodes if term.name in one.signs for name in one.signs} - {term.name}
    for one in found.first.terms:
        if one.kind == "gain" and one.name in beside and abs(one.score) >= 0.9 * abs(term.score):
            yield one.name


def _or(site: Site, others: tuple[str, ...]) -> Sentence:
    if not others:
        return Sentence("", "")
    zh, en = ([site.point(o).name(language) for o in others] for language in ("zh", "en"))
    return Sentence(
        f"{'、'.join(zh)}几乎同样可疑，请一并核查。",
        f"{', '.join(en)} would explain it nearly as well: check them too.",
    )


def _reversed(site: Site, point: str) -> Sentence:
    zh, en = site.point(point).name("zh"), site.point(point).name("en")
    return Sentence(
        f"{zh}：这块表最可能接反了（互感器或进出线方向），读数与实际方向相反；请核对接线，并登记该时段的方向更正。",
        f"{en}: this meter is most likely connected the wrong way round and counts against the real direction; "
        "check the wiring and enter the direction for the period.",
    )


def _factor(site: Site, point: str, reads: float) -> Sentence:
    zh, en = site.point(point).name("zh"), site.point(point).name("en")
    percent = 100 * abs(reads - 1)
    more = reads > 1
    return Sentence(
        f"{zh}：这块表最可能不准，读数比实际{'高' if more else '低'}约 {percent:.1f}%，超出其准确度等级；"
        "请核对互感器变比（CT），并登记该时段的倍率更正。",
        f"{en}: this meter is most likely wrong: it reads about {percent:.1f} % too {'much' if more else 'little'}, "
        "beyond its class; check its CT ratio and enter a multiplier for the period.",
    )


def _lost(flows: Flows, found: Reconciliation, term: Term) -> Suspect:
    node = next(one for one in found.nodes if one.node == term.name)
    carried, rest = float(node.inflow.sum()), float(node.rest.sum())
    share = rest / carried if carried else 0.0
    still = [name for name in node.signs if not np.any(node.meters[name])]
    fault = Fault.SILENT if still else Fault.UNMETERED
    point = still[0] if still else term.name
    said = _silent(flows.site, still, rest) if still else _unmetered(flows.site, term.name, rest, share)
    if len(still) == 1 and _backwards(flows, point):
        fault, said = Fault.REVERSED, _reversed(flows.site, point)
    return Suspect(point, fault, term.score, None, share, tuple(still[1:]), said)


def _silent(site: Site, still: list[str], rest: float) -> Sentence:
    zh, en = ([site.point(p).name(language) for p in still] for language in ("zh", "en"))
    return Sentence(
        f"{'、'.join(zh)}：期间计数一直不动，而上级表多出约 {rest:,.0f} kWh；该表可能停走、接反或未接通。",
        f"{', '.join(en)}: counted nothing at all while about {rest:,.0f} kWh are missing beside it; "
        "it may stand still, be reversed or not be connected.",
    )


def _unmetered(site: Site, node: str, rest: float, share: float) -> Sentence:
    zh, en = site.point(node).name("zh"), site.point(node).name("en")
    return Sentence(
        f"{zh}：约 {rest:,.0f} kWh（{100 * share:.1f}%）没有下级表计量，超出线损和表计误差；可能有未计量的负荷。",
        f"{en}: about {rest:,.0f} kWh ({100 * share:.1f} %) pass no meter below it, more than cables and classes "
        "explain; a load without a meter is likely.",
    )
