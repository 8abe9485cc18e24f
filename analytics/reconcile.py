"""Weighted least squares over a tree of meters: what each may really have counted, and which one is most likely wrong.

Every meter has a gain error inside its class's limits (rectangular, u = a/√3, GUM) and every node loses a little; the
quarter-hours tell meters of one node apart by their profiles. A meter is named by its normalised residual (Baarda).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from analytics.closures import Closure, Float, closures
from analytics.flows import Flows
from analytics.tree import reading_limit

LOSS = 0.01  # a node's cables and transformers take 0 to 2 % of what it carries; assumed
LOSS_U = LOSS / math.sqrt(3)
STANDING_U = 0.005  # and something that never changes, as a share of the mean inflow; assumed
SCATTER = 0.001  # quarter-hours of meters read one after the other agree no better, share of the inflow; assumed
FREE = 10.0  # the standard uncertainty of a gain that is known to be wrong [1]
LIMIT = 4.0  # normalised residual beyond which a meter is named: 1 in 16 000 for one that is right
CELLS = 24  # fewer quarter-hours tell nothing of a profile
MONTH = 31 * 96  # more quarter-hours tell no more: how meters scatter and what cables lose err alike all the year
MOST = 3  # faults looked for, one after the other


@dataclass(frozen=True, slots=True)
class Term:
    """One unknown of the fit: a meter's gain error, or what a node loses."""

    name: str  # the meter, or the node
    kind: str  # "gain" | "loss" | "standing"
    u: float  # what is believed of it before, standard uncertainty; gain and loss [1], standing [unit per quarter-hour]
    estimate: float = 0.0
    after: float = 0.0  # standard uncertainty afterwards
    score: float = 0.0  # normalised residual of the belief before
    alone: float = 0.0  # its estimate if nothing were believed of it
    detectable: float = math.inf  # the least error that would be named in 4 of 5 cases
    firm: bool = True  # the score stands too without what scatter alone could have made


@dataclass(frozen=True, slots=True)
class Fit:
    """All unknowns fitted together, and how well the beliefs before agree with the readings."""

    terms: tuple[Term, ...]
    chi2: float
    freedom: int

    @property
    def limit(self) -> float:
        """χ² that 1 of 1000 right trees exceeds (Wilson and Hilferty 1931)."""
        part = 2 / (9 * max(self.freedom, 1))
        return max(self.freedom, 1) * (1 - part + 3.0902 * math.sqrt(part)) ** 3

    @property
    def consistent(self) -> bool:
        """Do the meters' classes explain the readings."""
        return self.chi2 <= self.limit

    def term(self, name: str, kind: str = "gain") -> Term:
        """One unknown; KeyError where it was not fitted."""
        found = next((t for t in self.terms if (t.name, t.kind) == (name, kind)), None)
        if found is None:
            raise KeyError((name, kind))
        return found


@dataclass(frozen=True, slots=True, eq=False)
class _System:
    """The normal equations of all nodes: information about the unknowns, before any belief."""

    terms: tuple[Term, ...]
    information: Float
    vector: Float
    cells: int  # of the longest node, a month at most
    quiet: frozenset[str]  # meters and nodes whose readings agree as well as readings can: there, scatter makes nothing
    scatter: Mapping[str, float]  # meter -> information that is noise if all scatter beside it is its own


@dataclass(frozen=True, slots=True, eq=False)
class Reconciliation:
    """The tree as read, as fitted, and what had to be set free for it to agree."""

    nodes: tuple[Closure, ...]
    first: Fit  # every meter believed
    last: Fit  # those in `freed` not believed
    freed: tuple[Term, ...]  # as they stood out when they were named, in that order

    def gain(self, point: str) -> float:
        """By how much a meter's energy is to be made larger [1]; 0 where nothing is known of it."""
        return next((t.estimate for t in self.last.terms if (t.name, t.kind) == (point, "gain")), 0.0)

    def adjusted(self, point: str, micro: int) -> int:
        """What a meter would have counted without its estimated error [micro]."""
        return micro + round(micro * self.gain(point))


def reconcile(flows: Flows) -> Reconciliation:
    """Fit the tree over the whole grid; name meters as long as the next one stands out."""
    nodes = tuple(one for one in closures(flows) if len(one.cells) >= CELLS)
    limits = {p.id: reading_limit(p)[0] / 100 for p in flows.site.points}
    still = {one.node: one for one in nodes if _stands_still(one)}
    system = _system(tuple(one for one in nodes if one.node not in still), limits)
    first = fit = _fit(system, {})
    freed: dict[tuple[str, str], Term] = {}
    while len(freed) < MOST and (worst := _worst(system, fit, limits, freed)) is not None:
        freed[worst.name, worst.kind] = worst
        fit = _fit(system, freed)
    stopped = tuple(Term(name, "standing", LOSS_U, score=_share(one) / LOSS_U) for name, one in still.items())
    return Reconciliation(nodes, first, fit, (*stopped, *freed.values()))


def _share(node: Closure) -> float:
    carried = float(node.inflow.sum())
    return float(node.rest.sum()) / carried if carried else 0.0


def _stands_still(node: Closure) -> bool:
    """A meter counts nothing at all and its node lacks more than cables lose: nothing can be fitted there."""
    return abs(_share(node)) > LOSS + LIMIT * LOSS_U and any(not np.any(one) for one in node.meters.values())


def _system(nodes: tuple[Closure, ...], limits: Mapping[str, float]) -> _System:
    """Each node, weighted by its own scatter: rest = Σ −sign × meter × gain + loss × inflow + standing."""
    names = dict.fromkeys(name for one in nodes for name in one.signs if np.any(one.meters[name]))
    terms = [Term(name, "gain", limits[name] / math.sqrt(3)) for name in names]
    terms += [Term(one.node, "loss", LOSS_U) for one in nodes]
    terms += [Term(one.node, "standing", STANDING_U * float(one.inflow.mean())) for one in nodes]
    kept = tuple(t for t in terms if t.u > 0)
    information, vector = np.zeros((len(kept), len(kept))), np.zeros(len(kept))
    loud: set[str] = set()
    scatter: dict[str, float] = dict.fromkeys(names, 0.0)
    for one in nodes:
        columns = np.stack([_column(one, t) for t in kept], axis=1)
        target = one.rest - LOSS * one.inflow
        largest = max(one.signs, key=lambda name: float(np.abs(one.meters[name]).sum()))
        fixed = [t.kind == "loss" or t.name == largest for t in kept]  # else gains of −1 would explain any scatter
        variance, inflated, quiet = _variance(columns[:, ~np.array(fixed)], target, one.inflow)
        longer = max(len(one.cells) / MONTH, 1.0)
        counted = len(one.cells) / longer / inflated
        scatter |= {name: scatter[name] + counted for name in one.signs if name in scatter}
        loud.update(() if quiet else (one.node, *one.signs))
        information += columns.T @ columns / (variance * longer)
        vector += columns.T @ target / (variance * longer)
    quiet_terms = frozenset(t.name for t in kept) - loud
    cells = min(max((len(one.cells) for one in nodes), default=0), MONTH)
    return _System(kept, information, vector, cells, quiet_terms, scatter)


def _column(node: Closure, term: Term) -> Float:
    if term.kind == "gain" and term.name in node.signs:
        return -node.signs[term.name] * node.meters[term.name]
    if term.kind != "gain" and term.name == node.node:
        return node.inflow if term.kind == "loss" else np.ones(len(node.inflow))
    return np.zeros(len(node.inflow))


def _variance(columns: Float, target: Float, inflow: Float) -> tuple[float, float, bool]:
    """What no gain can explain of a node [unit²], by how much it is larger for AR(1), and is it the least there is."""
    columns = columns[:, np.any(columns, axis=0)]
    left = target - columns @ np.linalg.lstsq(columns, target, rcond=1e-9)[0]
    power = float(left @ left)
    near = float(left[1:] @ left[:-1]) / power if power > 0 else 0.0
    near = min(max(near, 0.0), 0.95)
    floor = SCATTER**2 * float(np.mean(inflow**2)) or 1e-12
    inflated = (1 + near) / (1 - near)
    return max(power / len(left), floor) * inflated, inflated, power / len(left) <= 4 * floor


def _fit(system: _System, freed: Mapping[tuple[str, str], Term]) -> Fit:
    terms = system.terms
    if not terms:
        return Fit((), 0.0, 0)
    u = np.array([t.u * (FREE / 0.01 if (t.name, t.kind) in freed else 1.0) for t in terms])
    scaled = system.information * u[:, None] * u[None, :]
    vector = system.vector * u
    after = np.linalg.inv(scaled + np.eye(len(u)))
    estimate = after @ vector
    values, vectors = np.linalg.eigh(scaled)
    # Registers are no truer than their scatter: gains that would only cancel it tell nothing (errors in variables).
    told = values > max(0.01, 10 * system.cells * LOSS_U**2)
    part = (vectors.T @ vector)[told]
    chi2 = float(np.sum(part**2 / (values[told] * (values[told] + 1))))
    learnt = np.clip(1 - np.diag(after), 0.0, 1.0)  # 0: the readings say nothing of it
    share = vectors[:, told] ** 2 @ (values[told] / (values[told] + 1))
    firm = np.abs(vectors[:, told] @ (part / (values[told] + 1))) > LIMIT / 2 * np.sqrt(share)
    fitted = [_fitted(t, float(s), float(z), float(k)) for t, s, z, k in zip(terms, u, estimate, learnt, strict=True)]
    marked = [replace(t, firm=t.name in system.quiet or bool(f)) for t, f in zip(fitted, firm, strict=True)]
    return Fit(tuple(marked), chi2, int(told.sum()))


def _fitted(term: Term, u: float, z: float, learnt: float) -> Term:
    """One unknown after the fit; `learnt` is the share of its variance before that the readings took away."""
    after = u * math.sqrt(max(1 - learnt, 0.0))
    if learnt < 1e-6:
        return replace(term, estimate=u * z, after=after)
    root = math.sqrt(learnt)
    return replace(
        term, estimate=u * z, after=after, score=z / root, alone=u * z / learnt, detectable=(LIMIT + 0.84) * u / root
    )


def _worst(
    system: _System, fit: Fit, limits: Mapping[str, float], freed: Mapping[tuple[str, str], Term]
) -> Term | None:
    """What stands out most: an error well beyond the class, or a node that loses far more than cables do."""
    able = [t for t in fit.terms if (t.name, t.kind) not in freed and abs(t.score) > LIMIT and t.firm]
    able = sorted((t for t in able if _matters(t, limits)), key=lambda t: -abs(t.score))
    return next((t for t in able if t.kind != "gain" or _stands_out(system, t, freed)), None)


def _stands_out(system: _System, term: Term, freed: Mapping[tuple[str, str], Term]) -> bool:
    """Would it not fit its class either if all scatter beside it were its own: a coarse register, say."""
    again = _fit(_without_scatter(system, term), freed).term(term.name, term.kind)
    return abs(again.score) > LIMIT / 2


def _without_scatter(system: _System, term: Term) -> _System:
    """Noise in its own column makes a meter seem to read too much (errors in variables, Fuller 1987): taken off."""
    at = [(t.name, t.kind) for t in system.terms].index((term.name, term.kind))
    u = np.array([t.u for t in system.terms])
    taken = min(system.scatter[term.name], float(system.information[at, at]))
    information, vector = system.information.copy(), system.vector.copy()
    information[at, at] -= taken
    vector[at] += taken
    values, vectors = np.linalg.eigh(information * u[:, None] * u[None, :])
    scaled = (vectors * np.maximum(values, 0.0)) @ vectors.T  # less than nothing is not known
    return replace(system, information=scaled / u[:, None] / u[None, :], vector=vector)


def _matters(term: Term, limits: Mapping[str, float]) -> bool:
    if term.kind == "gain":
        return abs(term.alone) > max(3 * limits[term.name], 0.02)
    return term.alone > 5 * term.u  # less than nothing cannot be lost: then it is a meter
