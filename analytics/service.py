"""The analytics of one site: read the store, settle, account and judge; answers as JSON-ready documents."""

from collections.abc import Callable, Mapping
from copy import copy
from pathlib import Path
from typing import Any

from analytics import scores
from analytics.account import Account
from analytics.activity_files import suppliers_of
from analytics.alert_site import site_alerts
from analytics.balance import Settings, balance
from analytics.carbon_uncertainty import Judge, intervals_of, with_uncertainty
from analytics.criteria_files import load_editions, load_uncertainty
from analytics.curves import Resolution, curves_document, period_body
from analytics.documents import balance_document, indicator_document
from analytics.entered import entries_document, with_entries
from analytics.factor_files import DATA
from analytics.factors import FactorTable
from analytics.flows import flows, settled_until
from analytics.holdings import ledger_document
from analytics.indicators import Inputs, compute
from analytics.ledger import Ledger, read_ledger
from analytics.ledger_files import load_assets
from analytics.live import live_document
from analytics.matching_uncertainty import matching_of
from analytics.memory import Memory
from analytics.order_files import orders_of
from analytics.position_book import position_of
from analytics.progress import progress
from analytics.quality import quality_document
from analytics.recorder import Recorder
from analytics.scope3 import coverage
from analytics.scoring import YEAR_DAYS, as_period, inputs_of, known_span
from analytics.selftest import Function, selftest, selftest_document
from analytics.settlement import Books, is_settled
from analytics.site_names import SiteNames
from analytics.site_settings import Declared, own_names, settings_of, site_table
from analytics.site_times import calendar_of, wall_clock
from analytics.site_tree import tree_of
from analytics.standards import Standard, in_force
from analytics.ticks import accounted
from analytics.work_orders import orders_within
from metering import period as calendar
from metering.period import QUARTER_MS, Period, from_ms
from metering.quantity import Kind, quantity
from metering.reading import Lane, SeriesInfo, SeriesKey
from metering.sitefile import SiteConfig
from metering.store.results import ResultsReader
from metering.store.source import StoreSource

Document = dict[str, Any]
Clock = Callable[[], int]
DAY_MS = 86_400_000


class FactoryService:
    """Everything the page, the API and the commands ask of one site; reads only, safe from several threads."""

    def __init__(
        self, config: SiteConfig, clock: Clock = wall_clock, *, source: StoreSource | None = None,
        results: ResultsReader | None = None, data: Path = DATA,
    ) -> None:  # fmt: skip
        self.config, self.clock, self.names = config, clock, SiteNames(config)
        self.source = source or StoreSource(config.store_dir)
        self.results = results or ResultsReader(config.store_dir)
        self.days = calendar_of(config)
        self.books = Books(self.source, self.results, self.days)
        self.table: FactorTable = site_table(config, data)
        self.limits = load_uncertainty(data / "uncertainty.yaml")
        self.editions = load_editions(data)
        self.assets, self.recorder = load_assets(data), Recorder(self.table, config.zone)
        self.settings = settings_of(config, self.table)
        self.alerts_looked_ms: int | None = None  # set by the loop that watches
        self.receivers_failing: Mapping[str, str] = {}  # set by the thread that sends
        self._infos: tuple[int, dict[SeriesKey, list[SeriesInfo]]] = (0, {})
        self._memory = Memory()

    @property
    def standards(self) -> Mapping[str, Standard]:
        """Of each standard the edition in force today."""
        return in_force(self.editions, from_ms(self.clock()).astimezone(self.config.zone).date())

    def over(self, source: StoreSource, results: ResultsReader, clock: Clock) -> "FactoryService":
        """The same site and factors over other readings and results, as of another instant."""
        other = copy(self)
        other.source, other.results, other.clock = source, results, clock
        other.books = Books(source, results, self.days)
        other._infos, other._memory = (0, {}), Memory()  # noqa: SLF001 - its own kind
        return other

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
        return self._memory.of(("account", period.label), self._state(text), lambda: self._account(period))

    def _document(self, name: str, text: str, make: Callable[[], Document]) -> Document:
        """A document over a period, computed again only when readings or entries have come."""
        return self._memory.of((name, self.period(text).label), self._state(text), make)

    def _state(self, period: str | None) -> object:
        """What everything over a period follows from; over the last twelve months a new one each quarter is enough."""
        judged = (self._quarter(), len(self.source.entries.entries()))
        return judged if period is None else (self.results.mark("settled"), *judged)

    def ledger(self) -> Ledger:
        """What is held and retired, as far as the entries go."""
        return read_ledger(self.source.entries.entries(), self.assets)

    def holdings(self) -> Document:
        """The ledger as a document."""
        return ledger_document(self.ledger())

    def position(self, year: int | None = None, basis: str = "scope1") -> Document:
        """The position book of a compliance year, this one by default."""
        return position_of(self, year or from_ms(self.clock()).astimezone(self.config.zone).year, basis)

    def _settings(self, start_ms: int, end_ms: int) -> Settings:
        """What the site file decides, and what the ledger holds retired for this site and these years."""
        declared = Declared(self.source.entries.entries(), self.assets, self.recorder, own_names(self.config))
        return declared.settings(self.settings, start_ms, end_ms, self.config.zone)

    def _quarter(self) -> int:
        return self.clock() // QUARTER_MS

    def _account(self, period: Period) -> Account:
        end_ms = max(period.start_ms, min(period.end_ms, (self._quarter() + 1) * QUARTER_MS))
        keys = [key for key in self.source.series() if is_settled(key)]
        series = {k: v for k, v in self.books.intervals(keys, period.start_ms, end_ms).items() if len(v)}
        counted = {k: v for k, v in series.items() if quantity(k[1]).kind is not Kind.GAUGE}
        found = flows(self.config.site, counted, period.start_ms, end_ms)
        made = balance(found, self.table, self._settings(period.start_ms, end_ms))
        return Account(period, found, made, series, settled_until(self.config.site, counted))

    def scored(self, text: str | None = None) -> Account:
        """The account a scorecard is made of: a period, else the last twelve months as far as they are known."""
        return self.account(text) if text else self._memory.of("scored", self._state(None), self._recent)

    def _recent(self) -> Account:
        end_ms = (self._quarter() + 1) * QUARTER_MS
        found = self._account(Period(from_ms(end_ms - YEAR_DAYS * DAY_MS), from_ms(end_ms), ""))
        span = known_span(found.flows)
        return found if span is None else self._account(as_period(span, self.config))

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
                 "name": {"zh": p.name("zh"), "en": p.name("en")}, "equipment": p.equipment, "end_use": p.end_use,
                 "rated_power": p.rated_power_kw}
                for p in site.points
            ],
            "devices": [{"id": d.id, "name": {"zh": self.names.device(d.id)[0], "en": self.names.device(d.id)[1]}}
                        for d in self.config.file.devices],
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
        return self._document("balance", period, lambda: self._balance(period))

    def _balance(self, period: str) -> Document:
        found = self.account(period)
        until, end = found.settled_until_ms, found.balance.end_ms
        head = {"site": self.config.site.id, "period": period_body(found.period)}
        span = {"counted": {"start_ms": found.balance.start_ms, "end_ms": end}, "settled_until_ms": until}
        entries = self.source.entries.entries()
        beside = entries_document(entries, found.series, found.balance.start_ms, end, self.books.around)
        body = with_entries(balance_document(found.flows, found.balance), beside)
        judge = Judge(found.flows, found.balance, self.table, self.limits)
        body = with_uncertainty(body, judge, intervals_of(judge))
        body["suppliers"] = coverage(suppliers_of(entries))
        return {**head, **span, "provisional": until is None or until < end, **body}

    def energy(self, period: str, resolution: Resolution = "15min") -> Document:
        """The energy of a period over time [kWh]."""
        found = self.account(period)
        return curves_document(found.period, found.flows, self.config.zone, resolution)

    def matching(self, period: str) -> Document:
        """Clean electricity against load by the hour, and the battery's colours."""
        return self._document("matching", period, lambda: self._matching(period))

    def _matching(self, period: str) -> Document:
        found = self.account(period)
        return self._head(period) | matching_of(found.flows, found.balance, self.config.file.facts)

    def orders(self, period: str) -> Document:
        """Work orders of a period with their energy and carbon; with the idle they close against the meters."""
        found, orders = self.account(period), orders_of(self.source.entries.entries(), self.config.zone)
        return self._head(period) | orders_within(found.flows, found.balance, orders)

    def _head(self, period: str) -> Document:
        found = self.account(period)
        counted = {"start_ms": found.balance.start_ms, "end_ms": found.balance.end_ms}
        return {"site": self.config.site.id, "period": period_body(found.period), "counted": counted}

    def tree(self, period: str) -> Document:
        """The meter tree of a period: residuals, the most likely wrong meter, the Sankey, costs, idle energy."""
        return self._document("tree", period, lambda: self._tree(period))

    def _tree(self, period: str) -> Document:
        found = self.account(period)
        until, end = found.settled_until_ms, found.balance.end_ms
        head = {"site": self.config.site.id, "period": period_body(found.period), "settled_until_ms": until}
        return {**head, "provisional": until is None or until < end, **tree_of(self.config, found.flows)}

    def score(
        self, standard: str | None, period: str | None = None, *, edition: str | None = None,
        boundary: str | None = None,
    ) -> Document:  # fmt: skip
        """The verdicts of one standard, the site's first when none is named; LookupError for an unknown one."""
        asked = (standard, period, edition, boundary)
        return self._memory.of(("score", *asked), self._state(period), lambda: scores.score(self, *asked))

    def claims(self, period: str | None = None) -> Document:
        """Which labels are earned, and what each of the others lacks."""
        return self._memory.of(("claims", period), self._state(period), lambda: scores.claimed(self, period))

    def targets(self, year: int | None = None) -> Document:
        """The months of a year against each target, and the renewable share of the fiscal year."""
        return progress(self, year)

    def tested(self) -> tuple[Function, ...]:
        """The 13 functions of the energy-carbon centre, tried on this site; at most once a quarter-hour."""
        return self._memory.of("selftest", self._quarter(), lambda: selftest(self))

    def selftest(self) -> Document:
        """The 13 functions: which gives its answer from this site's data, and what the others lack."""
        return selftest_document(self.tested())

    def inputs(self, found: Account) -> Inputs:
        """What the indicators of an account are computed from."""
        return inputs_of(
            self.config, found.flows, found.balance, self.table, found.series, self.infos(), self.clock(),
            self.source.entries.entries(),
        )  # fmt: skip

    def indicators(self, period: str) -> Document:
        """Every indicator of a period by name, each with its reason, its parts and what it rests on."""
        found = self.account(period)
        made = compute(self.inputs(found))
        body = {name: indicator_document(one) for name, one in made.items()}
        return {"period": period_body(found.period), "indicators": body}

    def quality(self) -> Document:
        """Ticks, gaps, open items and the age of every device."""
        now, reader = self.clock(), self.source.readings
        groups, epochs = reader.groups(), reader.epochs()
        polls, _ = self.source.gaps(now - DAY_MS, now + 1)
        recent = [(groups[gap.group], gap) for gap in polls if gap.lane is not Lane.MESSAGE]
        return quality_document(
            self.config.site,
            (epochs[0].start_ms if epochs else now, now),
            accounted(reader, groups),
            reader.gap_reasons(),
            recent,
            self.results.open_items(),
            self.names.device,
        )

    def alerts(self) -> Document:
        """What fires now, what was, which rules watch, and whether the receivers can be reached."""
        return site_alerts(self)
