"""What a site declares and measures, gathered for its indicators; and the span a scorecard is made over."""

from collections.abc import Iterable, Mapping

import numpy as np

from analytics import site_inputs
from analytics.balance import Balance
from analytics.calendar import idle_mask
from analytics.corrections import in_force
from analytics.criteria_files import load_uncertainty
from analytics.factors import FactorTable
from analytics.flows import Flows, on_grid
from analytics.indicator_inputs import Gauge
from analytics.indicators import Inputs
from analytics.intervals import Flag, Intervals
from analytics.measure_rows import measures
from analytics.proofs import entered_evidence, standing
from analytics.site_times import calendar_of, tariff_of
from analytics.tariff import cost
from metering.period import QUARTER_MS, Period, from_ms
from metering.quantity import Kind, quantity
from metering.reading import MICRO, SeriesInfo, SeriesKey
from metering.sitefile import SiteConfig
from metering.store.entries import Entry

YEAR_DAYS = 365


def known_span(flows: Flows) -> tuple[int, int] | None:
    """From the first to the last quarter-hour whose consumption is known and settled [ms UTC]; None without any."""
    settled = flows.consumption.known & ((flows.consumption.flags & Flag.PROVISIONAL) == 0)
    found = np.flatnonzero(settled)
    if not len(found):
        return None
    return int(flows.start_ms[found[0]]), int(flows.start_ms[found[-1]]) + QUARTER_MS


def span_label(start_ms: int, end_ms: int, config: SiteConfig) -> str:
    """A span as a person reads it in the site's time."""
    first, last = (from_ms(ms).astimezone(config.zone) for ms in (start_ms, end_ms))
    return f"{first:%Y-%m-%d %H:%M} – {last:%Y-%m-%d %H:%M}"


def as_period(span: tuple[int, int], config: SiteConfig) -> Period:
    """A span as a period of the site."""
    return Period(from_ms(span[0]), from_ms(span[1]), span_label(*span, config))


def inputs_of(
    config: SiteConfig,
    flows: Flows,
    balance: Balance,
    table: FactorTable,
    series: Mapping[SeriesKey, Intervals],
    infos: Mapping[SeriesKey, list[SeriesInfo]],
    now_ms: int,
    entries: Iterable[Entry] = (),
) -> Inputs:
    """Everything that the indicators of one site and period are computed from."""
    file, document = config.file, config.document
    today = from_ms(now_ms).astimezone(config.zone).date()
    entered = [e for e in in_force(entries) if e.kind == "evidence" and e.at_ms <= now_ms]
    proofs = (*site_inputs.evidence(file.evidence, document), *map(entered_evidence, entered))
    return Inputs(
        flows=flows,
        balance=balance,
        table=table,
        today=today,
        gauges={key: _gauge(one, flows) for key, one in series.items() if quantity(key[1]).kind is Kind.GAUGE},
        evidence=standing(proofs, today),
        targets=site_inputs.targets(file.targets, document),
        facts=file.facts,
        origins={key: found[-1].origin for key, found in infos.items()},
        uncertainty=load_uncertainty(),
        measures=measures(file.measures, document),
        prices=mean_prices(config, flows),
        idle=idle_mask(calendar_of(config), flows.start_ms) if file.shifts else None,
    )


def mean_prices(config: SiteConfig, flows: Flows) -> Mapping[str, float]:
    """What a unit of each carrier cost on the average of the period, by the site's own contract [currency]."""
    tariff = tariff_of(config)
    if tariff is None:
        return {}
    bill = cost(tariff, calendar_of(config), flows.start_ms, flows.grid_import)
    kwh = sum(line.micro for line in bill.lines if line.amount is not None) / MICRO
    return {"electricity": float(bill.energy) / kwh} if kwh > 0 else {}


def _gauge(series: Intervals, flows: Flows) -> Gauge:
    flow = on_grid(series, flows.start_ms, "")
    return Gauge(flow.energy / MICRO, np.asarray((flow.flags & Flag.MISSING) == 0, np.bool_))
