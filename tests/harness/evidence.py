"""What the judge reads: the harness's own records and the store's file, by code that knows nothing of the product's."""

import json
import math
import sqlite3
import struct
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

MICRO = 10**6
CADENCE, QUARTER, MESSAGE = 0, 1, 2
STARVED_MS = 100


@dataclass(frozen=True)
class Poll:
    """One stored reading."""

    seq: int
    group: int
    time_ms: int
    epoch: int
    tick: int
    lane: int
    values: tuple[int | float | None, ...]
    words: bytes


@dataclass(frozen=True)
class Gap:
    """Ticks without a reading."""

    group: int
    epoch: int
    lane: int
    first: int
    ticks: int
    start_ms: int
    end_ms: int
    reason: str


@dataclass(frozen=True)
class Epoch:
    """A span of one schedule."""

    id: int
    start_ms: int
    stop_ms: int | None


@dataclass
class Check:
    """One invariant's verdict: what was looked at, and what is wrong."""

    name: str
    looked: int = 0
    wrong: list[str] = field(default_factory=list)
    note: str = ""
    void: bool = False  # this computer had no time for a fair run: neither passed nor failed

    def need(self, holds: object, what: str) -> None:
        self.looked += 1
        if not holds:
            self.wrong.append(what)

    @property
    def passed(self) -> bool:
        return self.looked > 0 and not self.wrong


class Evidence:
    """All of it, read once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lines: dict[str, list[dict[str, Any]]] = {}
        self._offsets: dict[int, float] = {}
        self._served: dict[int, list[dict[str, Any]]] = {}
        self.plan: dict[str, Any] = json.loads((folder / "plan.json").read_text())
        self.db = sqlite3.connect(f"file:{folder / 'store' / 'readings' / 'readings.db'}?mode=ro", uri=True)
        self.groups = {int(n): json.loads(text) for n, text in self.db.execute("SELECT id, definition FROM poll_group")}
        self.polls = list(self._polls())
        names = "grp,epoch,lane,first_tick,ticks,start_ms,end_ms,reason"
        self.gaps = [Gap(*row) for row in self.db.execute(f"SELECT {names} FROM gap")]
        self.epochs = [Epoch(*row) for row in self.db.execute("SELECT id,start_ms,stop_ms FROM epoch ORDER BY id")]

    def _polls(self) -> Any:
        rows = self.db.execute("SELECT seq,grp,time_ms,epoch,tick,lane,vals,words FROM poll WHERE lane<>3 ORDER BY seq")
        for seq, group, time_ms, epoch, tick, lane, vals, words in rows:
            yield Poll(seq, group, time_ms, epoch, tick, lane, self._unpacked(group, vals), words)

    def _unpacked(self, group: int, vals: bytes) -> tuple[int | float | None, ...]:
        """int64 for counters, float64 for gauges, little-endian; the least integer and NaN stand for nothing."""
        counters = [name in self.counters for _, name in self.groups[group]["columns"]]
        found = struct.unpack("<" + "".join("q" if counted else "d" for counted in counters), vals)
        return tuple(None if v == -(2**63) or math.isnan(v) else v for v in found)

    @cached_property
    def starts(self) -> dict[int, int]:
        """When each epoch began, by its own clock [ms]."""
        return {epoch.id: epoch.start_ms for epoch in self.epochs}

    @cached_property
    def counters(self) -> frozenset[str]:
        return frozenset({"active_energy_import", "active_energy_export", "reactive_energy_import"})

    def count(self, rows: str) -> int:
        """How many rows of the store's file."""
        return int(self.db.execute(f"SELECT count(*) FROM {rows}").fetchone()[0])

    def lines(self, name: str) -> list[dict[str, Any]]:
        if name not in self._lines:
            path = self.folder / f"{name}.jsonl"
            text = path.read_text() if path.exists() else ""
            self._lines[name] = [json.loads(line) for line in text.splitlines()]
        return self._lines[name]

    def table(self, name: str) -> Any:
        return json.loads((self.folder / f"{name}.json").read_text())

    @cached_property
    def absent(self) -> set[tuple[str, str, int]]:
        """Values that a good answer did not hold: (point, quantity, time)."""
        return set(self.db.execute("SELECT point, quantity, time_ms FROM value_gap"))

    @cached_property
    def truth(self) -> dict[str, list[dict[str, Any]]]:
        """The answers each device gave, in order."""
        found = defaultdict(list)
        for line in self.lines("truth"):
            found[line["d"]].append(line)
        return found

    @cached_property
    def faults(self) -> list[dict[str, Any]]:
        return self.lines("fault")

    @cached_property
    def stalls(self) -> list[tuple[float, float]]:
        return [(line["start"], line["end"]) for line in self.lines("stall")]

    @cached_property
    def serial(self) -> set[str]:
        """The devices on a serial line, here or behind a converter: their frames have no numbers."""
        return {meter["name"] for meter in self.plan["meters"] if meter["link"] in {"rs485", "converter"}}

    @cached_property
    def downs(self) -> list[tuple[float, float]]:
        """Spans in which no collector ran."""
        lives = [line["t"] for line in self.lines("life")]
        deaths = [line["asked"] for line in self.lines("death")]
        return [(died, born) for died, born in zip(deaths, [*lives[1:], float("inf")], strict=False)]

    @cached_property
    def offsets(self) -> list[float]:
        """By how much the collector's wall clock was ever wrong [ms]."""
        return [0.0, *(line["offset"] for line in self.lines("clock"))]

    def offset(self, epoch: int) -> float:
        """By how much an epoch's clock is off: one of the steps that were made before it began [ms]."""
        if epoch not in self._offsets:
            self._offsets[epoch] = self._offset(epoch)
        return self._offsets[epoch]

    def _offset(self, epoch: int) -> float:
        start_ms = next(e.start_ms for e in self.epochs if e.id == epoch)
        clocks = [(line["t"], line["offset"]) for line in self.lines("clock")]
        likely = [0.0, *(offset for t, offset in clocks if t - 100 <= start_ms - offset)]
        began = self._began.get(epoch, 0.0)
        return min(likely, key=lambda offset: abs(start_ms - offset - began)) if began else 0.0

    @cached_property
    def _began(self) -> dict[int, float]:
        """When each epoch really began, roughly: by the first answers its readings came from [ms]."""
        found: dict[int, float] = {}
        for poll in self.polls:
            if poll.lane == CADENCE and poll.epoch not in found:
                served = self.served(poll)
                if served:
                    found[poll.epoch] = served[0]["t"] - poll.tick * self.groups[poll.group]["cadence_ms"]
        return found

    @cached_property
    def _by_words(self) -> dict[tuple[str, int, str], dict[str, Any]]:
        """(device, address, words) -> the one answer that held them."""
        return {(d, line["a"], line["w"]): line for d, lines in self.truth.items() for line in lines}

    def served(self, poll: Poll) -> list[dict[str, Any]]:
        """The answers that a reading's words are, one a block; empty where some block was never answered so."""
        if poll.seq not in self._served:
            self._served[poll.seq] = self._answers(poll)
        return self._served[poll.seq]

    def _answers(self, poll: Poll) -> list[dict[str, Any]]:
        group, start, found = self.groups[poll.group], 0, []
        for _, address, count in group["blocks"]:
            words = poll.words[start : start + 2 * count].hex()
            start += 2 * count
            line = self._by_words.get((group["device"], address, words))
            if line is None:
                return []
            found.append(line)
        return found

    def value(self, quantity: str, line: dict[str, Any]) -> int | float:
        """What a quantity is worth in an answer: counters in whole micro, halves to even; gauges the nearest float."""
        row = next(r for r in self.plan["registers"] if r[0] == quantity)
        _, _, _, address, kind, num, den, unit = row
        data = bytes.fromhex(line["w"])[2 * (address - line["a"]) :]
        worth = Fraction(*self.plan["worth"][unit]) * Fraction(num, den)
        raw = number(kind, data)
        exact = Fraction(raw) * worth
        return round(exact * MICRO) if quantity in self.counters else float(exact)

    @cached_property
    def _lateness(self) -> dict[int, float]:
        """By second: how late this computer woke us at the worst [ms]."""
        worst: dict[int, float] = defaultdict(float)
        for line in self.lines("beat"):
            for second in range(int(line["t"] // 1000), int((line["t"] + line["late"]) // 1000) + 1):
                worst[second] = max(worst[second], line["late"])
        return worst

    def lateness(self, at_ms: float) -> float:
        """How late this computer woke us around an instant [ms]."""
        second = int(at_ms // 1000)
        return max(self._lateness.get(near, 0.0) for near in (second - 1, second, second + 1))

    def stalled(self, start_ms: float, end_ms: float) -> bool:
        """The computer itself stood still in this span, or left the collector waiting for a processor."""
        waited = any(a <= end_ms and start_ms <= b and ms >= STARVED_MS for a, b, ms in self._waits)
        return waited or any(a <= end_ms and start_ms <= b for a, b in self.stalls)

    def held_up(self, start_ms: float, end_ms: float) -> bool:
        """The computer handed the serial line's characters over much too late in this span."""
        return any(line["start"] <= end_ms and start_ms <= line["end"] for line in self.lines("held_up"))

    @cached_property
    def _waits(self) -> list[tuple[float, float, float]]:
        """Between two samples of one life, and before its first: how long the collector waited for a processor [ms]."""
        born = [{"t": line["began"], "pid": line["pid"], "starved_ms": 0} for line in self.lines("life")]
        samples = sorted((*born, *self.lines("sample")), key=lambda line: float(line["t"]))
        pairs = pairwise(samples)
        return [(a["t"], b["t"], b["starved_ms"] - a["starved_ms"]) for a, b in pairs if b["pid"] == a["pid"]]

    def held_ms(self, start_ms: float, end_ms: float) -> float:
        """How much of a span the collector was kept from running, by us or for want of a processor [ms].

        No more than the span itself, however many threads waited.
        """
        first = max(bisect_left(self._waits, (start_ms, 0.0, 0.0)) - 1, 0)
        beyond = bisect_left(self._waits, (end_ms, 0.0, 0.0), first)
        kept = [*self._waits[first:beyond], *self._frozen]
        return sum(max(min(ms, min(b, end_ms) - max(a, start_ms)), 0.0) for a, b, ms in kept)

    @cached_property
    def _frozen(self) -> list[tuple[float, float, float]]:
        return [(f["start"], f["end"], math.inf) for f in self.faults if f["kind"] == "frozen"]

    def waited(self, at_ms: float) -> float:
        """How long the collector waited for a processor around an instant [ms]."""
        near = bisect_left(self._waits, (at_ms, 0.0, 0.0))
        return max((ms for _, _, ms in self._waits[max(near - 2, 0) : near + 2]), default=0.0)


def number(kind: str, data: bytes) -> int | float:
    """The number at the start of some registers."""
    if kind == "float32-CDAB":
        return float(struct.unpack(">f", data[2:4] + data[0:2])[0])
    return int.from_bytes(data[: {"16": 2, "32": 4, "64": 8}[kind[-2:]]], "big", signed=kind.startswith("int"))
