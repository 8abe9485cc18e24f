"""The analytics of one site: read the store, settle, account and judge; answers as JSON-ready documents."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from analytics.balance import Balance, Settings, balance
from analytics.documents import balance_document, energy_document
from analytics.factor_files import declared_factors, load_table
from analytics.factors import FactorTable
from analytics.flows import Flows, flows, settled_until
from analytics.live import live_document
from analytics.quality import Accounted, accounted_ticks, quality_document
from analytics.settlement import Books
from metering import period as calendar
from metering.period import QUARTER_MS, Period, from_ms, to_ms
from metering.quantity import Kind, quantity
from metering.reading import Lane, PollGroup, SeriesInfo, SeriesKey
from metering.sitefile import SiteConfig
from metering.store.results import ResultsReader
from metering.store.source import StoreSource

Document = dict[str, Any]
Clock = Callable[[], int]
DAY_MS = 86_400_000


def wall_clock() -> int:
    """Now [ms UTC]."""
    return to_ms(datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class Account:
    """Flows and balance of one period, as far as it has gone."""

    period: Period
    flows: Flows
    balance: Balance
    settled_until_ms: int | None


class FactoryService:
    """Everything the page, the API and the commands ask of one site; reads only, safe from several threads."""

    def __init__(self, config: SiteConfig, clock: Clock = wall_clock) -> None:
        self.config, self.clock = config, clock
        self.source = StoreSource(config.store_dir)
        self.results = ResultsReader(config.store_dir)
        self.books = Books(self.source, self.results)
        self.table: FactorTable = load_table(declared=declared_factors(config.file.factors))
        self.settings = settings_of(config, self.table)
        self._lock = threading.Lock()
        self._infos: tuple[int, dict[SeriesKey, list[SeriesInfo]]] = (0, {})
        self._accounts: dict[str, tuple[object, Account]] = {}

    def period(self, text: str) -> Period:
        """A period as people write it, or `today`, `month`, `year`; ValueError otherwise."""
        site, today = self.config.site, from_ms(self.clock()).astimezone(self.config.zone).date()
        if text == "today":
            return calendar.day(today, site.zone)
        if text == "month":
            return calendar.month(today.year, today.month, site.zone)
        if text == "year":
            return calendar.year(today.year, site.zone)
        return calendar.parse(text, site.zone, site.fiscal_year_start)

    def account(self, text: str) -> Account:
        """Flows and balance of a period, up to now; computed again only when readings have come."""
        period = self.period(text)
        state = (self.results.mark("settled"), self.clock() // QUARTER_MS)
        with self._lock:
            found = self._accounts.get(period.label)
        if found is not None and found[0] == state:
            return found[1]
        made = self._account(period)
        with self._lock:
            self._accounts[period.label] = (state, made)
        return made

    def _account(self, period: Period) -> Account:
        site = self.config.site
        end_ms = min(period.end_ms, -(-(self.clock() + 1) // QUARTER_MS) * QUARTER_MS)
        keys = [key for key in self.source.series() if quantity(key[1]).kind is not Kind.GAUGE]
        series = self.books.intervals(keys, period.start_ms, max(end_ms, period.start_ms))
        series = {key: one for key, one in series.items() if len(one)}
        found = flows(site, series, period.start_ms, max(end_ms, period.start_ms))
        return Account(period, found, balance(found, self.table, self.settings), settled_until(site, series))

    def site(self) -> Document:
        """Name, time zone and points, and until when the history is a simulated one."""
        site = self.config.site
        return {
            "id": site.id, "name": {"zh": site.name("zh"), "en": site.name("en")}, "timezone": site.timezone,
            "grid": {"country": site.country, "region": site.region, "province": site.province},
            "languages": list(self.config.file.site.languages),
            "standards": list(self.config.file.standards),
            "points": [
                {"id": p.id, "role": p.role.value, "carrier": p.carrier, "parent": p.parent, "area": p.area,
                 "name": {"zh": p.name("zh"), "en": p.name("en")}, "equipment": p.equipment, "end_use": p.end_use}
                for p in site.points
            ],
            "origin": self._origin(),
        }  # fmt: skip

    def _origin(self) -> Document | None:
        simulated = any(info.origin == "history" for infos in self.infos().values() for info in infos)
        epochs = self.source.readings.epochs()
        return {"history_until_ms": epochs[0].start_ms if epochs else self.clock()} if simulated else None

    def infos(self) -> dict[SeriesKey, list[SeriesInfo]]:
        """What is known of each register; looked up at most every ten seconds."""
        now = self.clock()
        made, found = self._infos
        if now - made > 10_000 or not found:
            found = self.source.infos()
            self._infos = (now, found)
        return found

    def live(self) -> Document:
        """The newest readings, and the flow of power this second [kW]."""
        return live_document(self.config.site, self.source.latest(), self.infos(), self.clock())

    def balance(self, period: str) -> Document:
        """Energy and carbon of a period, line by line, location- and market-based."""
        found = self.account(period)
        return balance_document(self.config.site, found.period, found.flows, found.balance, found.settled_until_ms)

    def energy(self, period: str) -> Document:
        """The quarter-hours of a period [kWh]."""
        found = self.account(period)
        return energy_document(found.period, found.flows)

    def quality(self) -> Document:
        """Ticks, gaps, open items and the age of every device."""
        now = self.clock()
        groups = self.source.readings.groups()
        polls, _ = self.source.gaps(now - DAY_MS, now + 1)
        named = [(groups[gap.group], gap) for gap in polls if gap.lane is not Lane.MESSAGE]
        return quality_document(
            self.config.site, (now - DAY_MS, now), self._accounted(groups), named, self.results.open_items()
        )

    def _accounted(self, groups: dict[int, PollGroup]) -> Iterable[Accounted]:
        reader = self.source.readings
        starts = {epoch.id: epoch.start_ms for epoch in reader.epochs()}
        last = reader.last_times()
        ticks: dict[int, int] = {}
        for epoch, group, lane, next_tick in reader.ledger():
            if lane is not Lane.MESSAGE:
                ticks[group] = ticks.get(group, 0) + accounted_ticks(lane, next_tick, starts[epoch])
        missed = reader.gap_ticks()
        for number, count in ticks.items():
            yield Accounted(groups[number], count, missed.get(number, 0), last.get(number))


def settings_of(config: SiteConfig, table: FactorTable) -> Settings:
    """What the site file decides about the balance."""
    site = config.site
    chain = table.regions.chain(site.country, site.region, site.province)
    return Settings(chain=chain, remainder=config.file.remainder)
