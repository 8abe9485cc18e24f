"""A demo's folder made by hand: two meters, their log, store and results, so that a test can falsify any of them."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from analytics.settlement import bring_up_to_date
from analytics.site_times import calendar_of
from collector.wiring import WiredGroup, wire_site
from metering.reading import MICRO, Lane, Poll
from metering.sitefile import SiteConfig, load_site
from metering.store.readings import ReadingsWriter
from metering.store.results import ResultsReader, ResultsWriter, results_path
from metering.store.seals import seal
from metering.store.source import StoreSource
from simulators.truth import HistoryTruth, TruthLog

QUARTER = 1_790_000_100_000  # a UTC quarter-hour [ms]
START = QUARTER + 60_000  # the collector's first tick
SECONDS = 1_200  # it runs across one more quarter-hour

SITE = """
site: {id: works, timezone: Asia/Shanghai, grid: {country: CN, region: 华东, province: 安徽}}
links:
  - {id: hall, type: tcp, port: 5020}
devices:
  - {id: m_grid, profile: eastron-sdm630, link: hall, unit: 1, every: {power: 60s, energy: 60s, status: 300s}}
  - {id: m_load, profile: acrel-dtsd1352, link: hall, unit: 2, every: {power: 60s, energy: 60s, status: 300s}}
points:
  - {id: grid, role: grid, device: m_grid, rated_power: 400, quantities: [active_power, active_energy_import]}
  - {id: line, role: load, parent: grid, device: m_load, ct_ratio: 200/5, rated_power: 200, quantities: [active_power, active_energy_import]}
"""  # noqa: E501 - one point a line, as in real site files

Shown = Callable[[str, int], int]  # (point, time ms) -> the register's true energy [micro]


def rising(point: str, time_ms: int) -> int:
    """100 kW at the grid meter, 50 kW at the line's."""
    base, power = {"grid": (123_456, 100), "line": (9_876, 50)}[point]
    return base * MICRO + power * (time_ms - QUARTER) * MICRO // 3_600_000


class Works:
    """The folder and everything that writes into it."""

    def __init__(self, folder: Path, shown: Shown = rising) -> None:
        self.folder, self.shown = folder, shown
        (folder / "site.yaml").write_text(SITE.lstrip(), encoding="utf-8")
        self.config: SiteConfig = load_site(folder / "site.yaml")
        self.groups: list[WiredGroup] = [
            group for link in wire_site(self.config) for device in link.devices for group in device.groups
        ]

    def run(self, *, history: bool = True) -> "Works":
        """A past of three hours, then the collector for twenty minutes, then the settling."""
        writer = ReadingsWriter(self.config.store_dir, "a test")
        numbers = [writer.group(group.group) for group in self.groups]
        if history:
            self._past(writer, numbers)
        self._live(writer, numbers)
        writer.close()
        self.settle()
        return self

    def settle(self) -> None:
        """The results anew, from what the store holds now."""
        results_path(self.config.store_dir).unlink(missing_ok=True)
        writer = ResultsWriter(self.config.store_dir, "a test")
        now = START + SECONDS * 1000 + 60_000
        bring_up_to_date(
            StoreSource(self.config.store_dir),
            ResultsReader(self.config.store_dir),
            writer,
            now,
            calendar_of(self.config),
        )
        writer.close()

    def _past(self, writer: ReadingsWriter, numbers: list[int]) -> None:
        times = range(QUARTER - 12 * 900_000, QUARTER + 1, 900_000)
        with HistoryTruth(self.folder / "truth" / "history.bin") as log:
            for index, group in enumerate(self.groups):
                writer.declare(group.infos(times[0], "history"))
                blocks = [[b.function, b.address, b.count] for b in group.group.blocks]
                log.group(index, {"device": group.group.device, "group": group.group.name, "blocks": blocks})
            polls = []
            for time_ms in times:
                for index, (number, group) in enumerate(zip(numbers, self.groups, strict=True)):
                    words = b"".join(self._words(group, time_ms))
                    log.poll(index, time_ms, words)
                    polls.append(self._poll(group, number, time_ms, 0, 0, Lane.HISTORY))
            writer.commit(polls)

    def _live(self, writer: ReadingsWriter, numbers: list[int]) -> None:
        log = TruthLog(self.folder / "truth" / "hall.jsonl")
        epoch = writer.open_epoch(START)
        for number, group in zip(numbers, self.groups, strict=True):
            writer.declare(group.infos(START))
            due = sorted(_due(group))
            for time_ms, _, _ in due:
                for block, words in zip(group.group.blocks, self._words(group, time_ms), strict=True):
                    line = {"t": time_ms - 3, "device": group.group.device, "unit": 1, "fc": block.function}
                    log.write({**line, "addr": block.address, "count": block.count, "words": words.hex()})
            writer.commit([self._poll(group, number, *tick[:1], epoch, *tick[1:]) for tick in due])
        writer.close_epoch(epoch, START + SECONDS * 1000, clean=True)
        log.close()

    def _words(self, group: WiredGroup, time_ms: int) -> tuple[bytes, ...]:
        power = float(time_ms % 7919)
        return group.decoder.encode([
            self.shown(wire.point.id, time_ms) if wire.field.counter else power for wire in group.wires
        ])  # fmt: skip

    def _poll(self, group: WiredGroup, number: int, time_ms: int, epoch: int, tick: int, lane: Lane) -> Poll:
        words = self._words(group, time_ms)
        return Poll(number, time_ms, epoch, tick, lane, group.decoder.decode(words).values, b"".join(words))

    def doctor(self, sql: str, *values: object) -> None:
        """Falsify the stored readings."""
        db = sqlite3.connect(self.config.store_dir / "readings" / "readings.db")
        with db:
            db.execute(sql, values)
            db.create_function("seal", 8, seal)  # whoever falsifies seals anew: a disk does not
            db.execute("UPDATE poll SET seal=seal(time_ms,grp,epoch,tick,lane,vals,words,quality)")
        db.close()

    def rewrite_log(self, change: Callable[[Mapping[str, object]], Mapping[str, object] | None]) -> None:
        """Change or drop lines of the log."""
        path = self.folder / "truth" / "hall.jsonl"
        lines = [change(json.loads(line)) for line in path.read_text().splitlines()]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines if line is not None))


def _due(group: WiredGroup) -> Iterator[tuple[int, int, Lane]]:
    """When each tick of a group was read: 20 ms late, at the quarter-hour half a second."""
    period = group.group.cadence_ms
    for tick in range(-(-SECONDS * 1000 // period)):
        yield START + tick * period + 20, tick, Lane.CADENCE
    if group.group.quarter:
        yield QUARTER + 900_000 + 500, (QUARTER + 900_000) // 900_000, Lane.QUARTER
