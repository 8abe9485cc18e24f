"""The works at any instant: a pure function of (seed, time), exact in integers, cheap at a second and over a year."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from simulators.day import ELECTRIC, RATES, SUPPLY, Day, Flow, branches, build, within_minute
from simulators.sample import KW, Sample, View
from simulators.shapes import DAY_S, Floats, Ints
from simulators.weather import POINTS, STEP_S
from simulators.works import Node, Works

_KEPT_DAYS = 3
_QUARTER_S = 900


class Before(NamedTuple):
    """What a day finds at its midnight."""

    flows: Ints  # amounts since the anchor
    exchange: Ints  # of the grid connection
    peak: Floats  # highest quarter-hour of each electrical node so far [kW]


class Plant:
    """The works with a memory of the days already worked out; the memory changes nothing but the speed."""

    def __init__(self, works: Works, seed: int | None = None) -> None:
        self.works = works if seed is None else works.with_seed(seed)
        self._days: dict[int, Day] = {}
        self._before: list[Before] = []  # of anchor + index
        first = self._day(self.works.anchor)
        self.view = _view(self.works, first.flows, first.gauge_names)

    def power(self, times_ms: Ints) -> dict[str, Floats]:
        """Active power of every electrical node, import-positive [kW]."""
        nodes = self.view.electric
        parts = [s.electric("active_power") for s in self.samples(times_ms)]
        joined = np.concatenate(parts, axis=1) if parts else np.zeros((len(nodes), 0))
        return dict(zip(nodes, joined, strict=True))

    def counters(self, times_ms: Ints) -> dict[tuple[str, str], Ints]:
        """Every counter's reading [1e-6 unit]."""
        parts = list(self.samples(times_ms))
        return {key: np.concatenate([s.counter(*key) for s in parts]) for key in self.view.counters}

    def gauges(self, times_ms: Ints) -> dict[tuple[str, str], Floats]:
        """Every gauge that is no electrical quantity [unit]."""
        parts = list(self.samples(times_ms))
        return {key: np.concatenate([s.gauge(*key) for s in parts]) for key in self.view.gauges}

    def samples(self, times_ms: Ints) -> Iterator[Sample]:
        """The works at rising times [ms UTC], one sample a local day."""
        seconds = np.asarray(times_ms, dtype=np.int64) // 1000
        days = (seconds + self.works.place.utc_offset_s) // DAY_S
        for day in np.unique(days):
            yield self._sample(int(day), seconds[days == day])

    def at(self, time_ms: int) -> Sample:
        """The works at one instant."""
        return next(self.samples(np.array([time_ms])))

    def _sample(self, number: int, seconds: Ints) -> Sample:
        day, before = self._day(number), self._since_anchor(number)
        minute, second = np.divmod(seconds - day.start_s, STEP_S)
        start, end = day.rates[:, minute], day.rates[:, minute + 1]
        part = second / STEP_S
        gauges = day.gauges[:, minute] + (day.gauges[:, minute + 1] - day.gauges[:, minute]) * part
        exchange = before.exchange[:, None] + day.exchange[:, minute] + self._within(day, minute, second)
        amounts = before.flows[:, None] + _amounts(day, minute, second)
        return Sample(
            self.view, seconds, amounts, start + (end - start) * part, gauges, exchange,
            lambda: self._quarter(day, minute, second), lambda: self._peaks(day, before, minute),
        )  # fmt: skip

    def _quarter(self, day: Day, minute: Ints, second: Ints) -> Floats:
        """Mean active power over the last quarter-hour, from midnight on [kW]: node x time."""
        now = minute * STEP_S + second
        then = np.maximum(now - _QUARTER_S, 0)
        moved = _amounts(day, minute, second) - _amounts(day, *np.divmod(then, STEP_S))
        mean: Floats = self.view.net(moved) / np.maximum(now - then, 1) * KW
        return mean

    def _peaks(self, day: Day, before: Before, minute: Ints) -> Floats:
        """The highest quarter-hour from the anchor up to now [kW]: node x time."""
        so_far = np.concatenate([before.peak[:, None], self._quarters(day)], axis=1)
        return np.maximum.accumulate(so_far, axis=1)[:, minute * STEP_S // _QUARTER_S]

    def _quarters(self, day: Day) -> Floats:
        each = np.diff(day.amounts[:, :: _QUARTER_S // STEP_S], axis=1)
        return self.view.net(each) / _QUARTER_S * KW

    def _within(self, day: Day, minute: Ints, second: Ints) -> Ints:
        """What the grid exchanged within the minutes."""
        net = self.view.signs @ within_minute(day.rates[:, minute], day.rates[:, minute + 1], second)
        both = np.stack([np.maximum(net, 0), np.maximum(-net, 0)])
        for index in np.flatnonzero(np.isin(minute, list(day.turning))):
            both[:, index] = day.turning[int(minute[index])][:, second[index]]
        return both

    def _day(self, number: int) -> Day:
        if number not in self._days:
            for old in list(self._days)[: max(0, len(self._days) - _KEPT_DAYS + 1)]:
                del self._days[old]
            self._days[number] = build(self.works, number)
        return self._days[number]

    def _since_anchor(self, number: int) -> Before:
        if number < self.works.anchor:
            raise ValueError(f"the works begin on day {self.works.anchor}; day {number} lies before")
        if not self._before:
            nothing = np.zeros(len(self.view.flows), dtype=np.int64)
            self._before.append(Before(nothing, nothing[:2], np.zeros(len(self.view.electric))))
        while len(self._before) <= number - self.works.anchor:
            day, last = self._day(self.works.anchor + len(self._before) - 1), self._before[-1]
            peak = np.maximum(last.peak, self._quarters(day).max(axis=1))
            self._before.append(Before(last.flows + day.amounts[:, -1], last.exchange + day.exchange[:, -1], peak))
        return self._before[number - self.works.anchor]


def _amounts(day: Day, minute: Ints, second: Ints) -> Ints:
    """What has flowed since midnight: flow x time; the last midnight may be asked for."""
    last = np.minimum(minute, POINTS - 2)
    within = within_minute(day.rates[:, last], day.rates[:, last + 1], second + (minute - last) * STEP_S)
    return day.amounts[:, last] + within


def _view(works: Works, flows: tuple[Flow, ...], gauges: tuple[tuple[str, str], ...]) -> View:
    nodes = [n for n in works.nodes if n.kind in ELECTRIC]
    index = {flow: row for row, flow in enumerate(flows)}
    matrix = {what: np.zeros((len(nodes), len(flows)), dtype=np.int64) for what in ("in", "out", "reactive")}
    for row, node in enumerate(nodes):
        for what, flow in _parts(works, node):
            if flow in index:
                matrix[what][row, index[flow]] = 1
    grid_row = next((row for row, n in enumerate(nodes) if n.kind == "grid"), -1)
    counters = [(node, name) for node, name in flows if name not in {"P", "X", "L", "Q"}]
    return View(
        works.seed, {n.id: n for n in works.nodes}, tuple(n.id for n in nodes), flows, gauges, tuple(counters),
        matrix["in"], matrix["out"], matrix["reactive"], grid_row, {name: div for name, (_, div) in RATES.items()},
        index, {name: row for row, name in enumerate(gauges)}, {n.id: row for row, n in enumerate(nodes)},
    )  # fmt: skip


def _parts(works: Works, node: Node) -> Iterator[tuple[str, Flow]]:
    """Which flows make up a node's import, export and reactive registers."""
    for one in branches(works, node):
        if node.kind != "grid" or one is node:
            yield "reactive", (one.id, "Q")
        supplied = one.kind in SUPPLY
        yield "in", (one.id, "P")
        yield "out", (one.id, "X")
        if not supplied:
            yield "in", (one.id, "L")
        elif one is node:  # an inverter counts before the cable that its phase's meter stands behind
            yield "out", (one.id, "L")
