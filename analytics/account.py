"""The account of one site and period: what flowed, the balance of it, and how far it is settled."""

from collections.abc import Mapping
from dataclasses import dataclass

from analytics.balance import Balance
from analytics.flows import Flows
from analytics.intervals import Intervals
from metering.period import Period
from metering.reading import SeriesKey


@dataclass(frozen=True, slots=True)
class Account:
    """Flows and balance of one period, as far as it has gone."""

    period: Period
    flows: Flows
    balance: Balance
    series: Mapping[SeriesKey, Intervals]
    settled_until_ms: int | None
