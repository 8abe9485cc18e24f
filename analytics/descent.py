"""From the energy of one series down to the register readings it is the difference of, and the words that were read."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from analytics.closing import effective
from analytics.fingerprint import entry_body
from analytics.intervals import Flag, Intervals, register_at
from analytics.placing import UsualDays
from analytics.segments import Segment
from analytics.service import FactoryService
from analytics.settler import Settler
from metering.period import Period, from_ms
from metering.quantity import Kind, quantity
from metering.reading import MICRO, Columns, Quality, SeriesInfo, SeriesKey
from metering.store.columns import bracketed
from metering.store.entries import Entry
from metering.store.polls import origin

Document = dict[str, Any]
MOST = 40  # segments and amounts shown; more are counted


class Descent:
    """Walks from figures of one site and period to its readings."""

    def __init__(self, service: FactoryService, period: Period) -> None:
        self.service, self.period = service, period
        self.infos = service.source.infos()
        self.entries = effective(service.source, period)
        self.settler = Settler(service.source, days=service.days)

    def series(self, key: SeriesKey, told: Intervals) -> Document:
        """The energy of one series over the period: readings, flags, entries and open items [micro]."""
        start, end = self.period.start_ms, self.period.end_ms
        mine = told.within(start, end)
        micro = int(mine.energy.sum())
        body: Document = {
            "series": ".".join(key), "unit": quantity(key[1]).unit, "micro": micro,
            "value": micro / MICRO, "period": {"start_ms": start, "end_ms": end},
            "placed_micro": int(mine.placed.sum()), "quarters": _quarters(mine, (end - start) // 900_000),
            "entries": [entry_body(entry) for entry in self._touching(key)], "open_items": self._open(key),
        }  # fmt: skip
        if quantity(key[1]).kind is Kind.DELTA:
            return body | self._amounts(key)
        return body | self._registers(key, micro)

    def _touching(self, key: SeriesKey) -> list[Entry]:
        return [e for e in self.entries if e.body.get("point") == key[0] and e.body.get("quantity", key[1]) == key[1]]

    def _open(self, key: SeriesKey) -> list[Document]:
        span = (self.period.start_ms, self.period.end_ms)
        items = [item for one, item in self.service.results.open_items() if one == key]
        return [item for item in items if item["before"]["time_ms"] < span[1] and item["after"]["time_ms"] >= span[0]]

    def _registers(self, key: SeriesKey, micro: int) -> Document:
        start, end = self.period.start_ms, self.period.end_ms
        told = self.settler.registers(key, (start, end))
        seen = told.columns.time_ms.tolist() or [start]
        raw = self.service.source.ranges([key], seen[0], seen[-1] + 1)[key]
        inside = [one for one in told.parts if one.time_ms[0] < end and one.time_ms[-1] >= start]
        shown = [self._segment(key, raw, one, told.usual) for one in inside]
        energy = sum(one["energy_micro"] for one in shown)
        near, aside = bracketed(raw, start, end), told.cut.set_aside
        return {
            "formula": "energy = sum over segments of (register at the end - register at the start)",
            "segments": shown[:MOST], "segments_more": max(0, len(shown) - MOST),
            "readings": {"count": len(near), "set_aside": int(np.count_nonzero((aside >= start) & (aside < end)))},
            "agrees": energy == micro, "registers_micro": energy,
        }  # fmt: skip

    def _segment(self, key: SeriesKey, columns: Columns, one: Segment, usual: UsualDays | None) -> Document:
        first = max(int(one.time_ms[0]), self.period.start_ms)
        last = min(int(one.time_ms[-1]), self.period.end_ms)
        low, high = (register_at(one, at, self.infos.get(key, []), usual) for at in (first, last))
        return {
            "energy_micro": high - low,
            "first": self._edge(key, columns, one, first, low), "last": self._edge(key, columns, one, last, high),
        }  # fmt: skip

    def _edge(self, key: SeriesKey, columns: Columns, one: Segment, at_ms: int, micro: int) -> Document:
        times = one.time_ms.tolist()
        around = dict.fromkeys(
            (times[bisect_right(times, at_ms) - 1], times[min(bisect_left(times, at_ms), len(times) - 1)])
        )
        readings = [self._reading(key, columns, time_ms) for time_ms in around]
        return {"time_ms": at_ms, "micro": micro, "interpolated": len(around) > 1, "readings": readings}

    def _reading(self, key: SeriesKey, columns: Columns, time_ms: int) -> Document:
        index = int(np.searchsorted(columns.time_ms, time_ms))
        if index >= len(columns) or columns.time_ms[index] != time_ms:
            return {"time_ms": time_ms, "utc": from_ms(time_ms).isoformat(), "declared": True}
        micro = int(columns.value[index])
        return {
            "time_ms": time_ms, "utc": from_ms(time_ms).isoformat(), "micro": micro,
            "quality": Quality(int(columns.quality[index])).name,
            "register": self._register(key, time_ms, micro), "poll": self._poll(key, time_ms),
        }  # fmt: skip

    def _register(self, key: SeriesKey, time_ms: int, micro: int) -> Document | None:
        infos = self.infos.get(key, [])
        known = [info for info in infos if info.valid_from_ms <= time_ms] or infos[:1]
        return register_body(known[-1], micro) if known else None

    def _poll(self, key: SeriesKey, time_ms: int) -> Document | None:
        found = origin(self.service.config.store_dir, key, time_ms)
        if found is None:
            return None
        words, blocks = found.words, []
        for block in found.group.blocks:
            size = 2 * block.count
            blocks.append({"function": block.function, "address": block.address, "words": words[:size].hex(" ", 2)})
            words = words[size:]
        return {
            "seq": found.seq, "group": found.group.name, "device": found.group.device, "lane": found.lane.name,
            "epoch": found.epoch, "tick": found.tick, "blocks": blocks, "rest": words.hex(),
        }  # fmt: skip

    def _amounts(self, key: SeriesKey) -> Document:
        """Amounts that people brought: each is over a span."""
        columns = self.service.source.ranges([key], self.period.start_ms, self.period.end_ms)[key]
        rows = list(_amount_rows(columns, self.period))
        return {"formula": "energy = sum of the amounts over the period, spread evenly where one reaches beyond it",
                "amounts": rows[:MOST], "amounts_more": max(0, len(rows) - MOST)}  # fmt: skip


def _amount_rows(columns: Columns, period: Period) -> Iterator[Document]:
    ends = columns.time_ms if columns.end_ms is None else columns.end_ms
    for begin, end, micro in zip(columns.time_ms.tolist(), ends.tolist(), columns.value.tolist(), strict=True):
        if begin < period.end_ms and end > period.start_ms:
            yield {"start_ms": begin, "end_ms": end, "micro": micro}


def register_body(info: SeriesInfo, micro: int) -> Document:
    """What is known of the register behind a reading; `step` is the smallest change it can show there [unit]."""
    return {
        "device": info.device, "profile": info.profile, "profile_hash": info.profile_hash, "serial": info.serial,
        "data_type": info.data_type, "scale": str(info.scale), "step": str(info.step(micro)),
        "modulus": None if info.modulus is None else str(info.modulus), "ct_ratio": str(info.ct_ratio),
        "class": info.meter_class, "origin": info.origin, "valid_from_ms": info.valid_from_ms,
    }  # fmt: skip


def _quarters(told: Intervals, asked: int) -> Mapping[str, int]:
    """How many quarter-hours bear each flag."""
    counts = {flag.name.lower(): int(np.count_nonzero(told.flags & flag)) for flag in Flag if flag.name}
    return counts | {"asked": asked, "told": len(told), "missing": asked - len(told) + counts["missing"]}
