"""A works with two registers over October 2026 and a day on either side, read by the quarter-hour: a month to close."""

from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

from analytics.closing import closing_entry, freeze_pending
from analytics.service import FactoryService
from analytics.settlement import bring_up_to_date
from metering.period import QUARTER_MS
from metering.reading import MICRO, Block, Column, Lane, Poll, PollGroup, SeriesInfo
from metering.sitefile import load_site
from metering.store.entries import EntriesWriter, Entry
from metering.store.readings import writing
from metering.store.results import ResultsWriter

MONTH = "2026-10"
START = 1_790_784_000_000  # midnight of 1 October in Shanghai [ms UTC]
END = START + 31 * 86_400_000
DAY_MS = 86_400_000
NOW = END + 3 * DAY_MS
GRID, GAS = ("grid", "active_energy_import"), ("gas", "gas_volume")

SITE = """
site: {id: works, timezone: Asia/Shanghai, grid: {country: CN, region: 华东, province: 安徽}}
links:
  - {id: hall, type: tcp, port: 5020}
devices:
  - {id: m_grid, profile: eastron-sdm630, link: hall, unit: 1}
  - {id: m_gas, profile: fx-natural-gas-flow-computer, link: hall, unit: 2}
points:
  - {id: grid, role: grid, device: m_grid, quantities: [active_energy_import]}
  - {id: gas, role: fuel, carrier: natural_gas, activity: natural_gas, device: m_gas, quantities: [gas_volume]}
"""
DECLARED = """factors:
  - {id: own-grid, activity: electricity.grid, value: "0.5", unit: kgCO2/kWh, valid_from: 2026-01-01, document: letter}
"""
GROUPS = {
    key: PollGroup(f"m_{key[0]}", "energy", (Column(*key),), (Block(3, 72, 2),), QUARTER_MS, True, "p", "h" * 64)
    for key in (GRID, GAS)
}


def register(time_ms: int) -> int:
    """Bowed, so that interpolating over a hole is not what was read [micro]."""
    hours = (time_ms - START) // 3_600_000
    return 10**9 + (time_ms - START) // 900_000 * 25 * MICRO + hours * hours * 1000


class MonthWorks:
    """The store of that works, and the service over it."""

    def __init__(self, folder: Path, *, site: str = SITE) -> None:
        self.path = folder / "site.yaml"
        self.path.write_text(site, encoding="utf-8")
        self.now = NOW
        self._made: tuple[str, FactoryService] | None = None
        self.store = load_site(self.path).store_dir
        with writing(self.store, "test") as writer:
            writer.declare(
                SeriesInfo(
                    *key, 0, f"m_{key[0]}", "p", "h" * 64, f"SN-{key[0]}", "uint32", Fraction(1, 100),
                    Fraction(42_949_672), Fraction(1), None, QUARTER_MS, "0.5S",
                )
                for key in GROUPS
            )  # fmt: skip

    def service(self) -> FactoryService:
        """The answers as of now; made anew for another site file alone, for it reads every factor."""
        text = self.path.read_text(encoding="utf-8")
        if self._made is None or self._made[0] != text:
            self._made = (text, FactoryService(load_site(self.path), lambda: self.now))
        return self._made[1]

    def feed(self, times: Iterable[int], shown: Callable[[int], int] = register) -> "MonthWorks":
        """Readings of both registers."""
        wanted = list(times)
        with writing(self.store, "test") as writer:
            for group in GROUPS.values():
                number = writer.group(group)
                words = [shown(t) // 10_000 % 2**32 for t in wanted]
                polls = zip(wanted, words, strict=True)
                writer.commit(Poll(number, t, 1, 0, Lane.CADENCE, (shown(t),), w.to_bytes(4, "big")) for t, w in polls)
        return self

    def full(self, *, without: tuple[int, int] = (0, 0)) -> "MonthWorks":
        """The whole month and a day on either side, but for a hole."""
        return self.feed(t for t in quarters(START - DAY_MS, END + DAY_MS) if not without[0] <= t < without[1])

    def settle(self) -> "MonthWorks":
        """The results brought up to date, and closings asked for frozen."""
        service, writer = self.service(), ResultsWriter(self.store, "test")
        bring_up_to_date(service.source, service.results, writer, self.now, service.days)
        freeze_pending(service, writer)
        writer.close()
        return self

    def enter(self, *entries: Entry) -> "MonthWorks":
        """Append entries."""
        writer = EntriesWriter(self.store, "test")
        for entry in entries:
            writer.append(entry)
        writer.close()
        return self

    def close_month(self, *, incomplete: bool = False) -> Entry | None:
        """Ask for the closing of October, and freeze it."""
        entry = closing_entry(self.service(), MONTH, "eva", "month over", self.now, incomplete=incomplete)
        if entry is not None:
            self.enter(entry).settle()
        self.now += 1000
        return entry


def quarters(start_ms: int, end_ms: int) -> range:
    """The UTC quarter-hours in [start, end] [ms UTC]."""
    return range(start_ms, end_ms + 1, QUARTER_MS)


def entry(kind: str, number: int, **body: object) -> Entry:
    """An entry a person made."""
    return Entry(f"{kind}-{number}", kind, "max", "seen on site", NOW, body)
