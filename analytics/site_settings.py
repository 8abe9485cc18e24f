"""What a site decides about its balance: its file, and what the ledger and the records in force bring to a period."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

from analytics.activity_files import recorded_of
from analytics.balance import Settings
from analytics.corrections import Entered
from analytics.factor_files import DATA, declared_factors, load_table
from analytics.factors import FactorTable
from analytics.holdings import attributes_sold, credits_of, instruments_of, rejected_of
from analytics.ledger import Asset, read_ledger
from analytics.recorder import Recorder
from analytics.site_inputs import instruments
from metering.period import from_ms, year
from metering.sitefile import SiteConfig


@dataclass(frozen=True, slots=True)
class Declared:
    """What people entered, and by which rules it is read."""

    entries: Sequence[Entered]
    assets: Mapping[str, Asset]
    recorder: Recorder
    names: frozenset[str]

    def settings(self, base: Settings, start_ms: int, end_ms: int, zone: ZoneInfo) -> Settings:
        """The site file's settings with what was retired for the site and recorded in these years.

        What is retired for a year counts evenly over its days: months add up to their year, and none uses it twice.
        """
        ledger = read_ledger(self.entries, self.assets)
        share = shares(start_ms, end_ms, zone)
        recorded = recorded_of(self.entries, self.recorder)
        held = (*base.instruments, *(i for i in instruments_of(ledger, self.names) if i.year in share))
        offsets = (*base.credits, *(c for c in credits_of(ledger, self.names) if c.year in share))
        sold = {k: v for k, v in attributes_sold(ledger, self.names).items() if k[1] in share}
        return replace(
            base,
            instruments=tuple(replace(i, volume_micro=int(i.volume_micro * share.get(i.year, 1))) for i in held),
            credits=tuple(replace(c, kg=c.kg * share.get(c.year, 1)) for c in offsets),
            attributes_sold={key: int(micro * share[key[1]]) for key, micro in sold.items()},
            recorded=tuple(r for r in recorded if r.start_ms < end_ms and r.end_ms > start_ms),
            refused=rejected_of(ledger),
        )


def shares(start_ms: int, end_ms: int, zone: ZoneInfo) -> Mapping[int, Fraction]:
    """The part of each calendar year of the site that lies in a span [1]."""
    first, last = (from_ms(ms).astimezone(zone).year for ms in (start_ms, max(start_ms, end_ms - 1)))
    spans = {number: year(number, zone) for number in range(first, last + 1)}
    return {
        number: Fraction(max(0, min(end_ms, one.end_ms) - max(start_ms, one.start_ms)), one.end_ms - one.start_ms)
        for number, one in spans.items()
    }


def site_table(config: SiteConfig, data: Path = DATA, more: Iterable[Path] = ()) -> FactorTable:
    """The factors at a site: the shipped documents, its own files, and what it declares; ConfigError otherwise."""
    declared, own = declared_factors(config.file.factors), config.factor_files
    return load_table(data, gwp=config.file.gwp, declared=declared, more=more, own=own)


def own_names(config: SiteConfig) -> frozenset[str]:
    """The names under which something may be retired for this site: its id and its names."""
    site = config.site
    return frozenset(name for name in (site.id, site.name_zh, site.name_en) if name)


def settings_of(config: SiteConfig, table: FactorTable) -> Settings:
    """What the site file decides about the balance."""
    site = config.site
    chain = table.regions.chain(site.country, site.region, site.province)
    contracts = instruments(config.file.instruments, config.document)
    loss = config.file.facts.get("grid_loss_percent")
    return Settings(
        chain=chain, remainder=config.file.remainder, instruments=contracts,
        grid_loss_percent=None if loss is None else Fraction(str(loss)),
        export_treatment=config.file.export_treatment,
    )  # fmt: skip
