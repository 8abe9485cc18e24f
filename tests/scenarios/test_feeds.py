"""A half-hour feed that always has 48 columns (zoo): on days of 46 and 50 half-hours nothing is shifted."""

from pathlib import Path

import pytest

from metering.period import day, from_ms
from metering.reading import MICRO
from metering.sitefile import SiteConfig, load_site
from metering.store.entries import EntriesReader
from zcf.import_csv import import_file

KEY = ("main", "active_energy")
SITE = """
site: {id: s, timezone: Europe/London, grid: {country: GB}}
store: {path: store}
points: [{id: main, role: grid, rated_power: 1000}]
imports:
  - {id: feed, time_column: t, time_format: "%Y-%m-%d %H:%M", interval: 30min, stamp: start,
     columns: [{column: kWh, point: main, quantity: active_energy, unit: kWh}]}
"""


@pytest.fixture
def config(tmp_path: Path) -> SiteConfig:
    (tmp_path / "site.yaml").write_text(SITE, encoding="utf-8")
    return load_site(tmp_path / "site.yaml")


def fed(config: SiteConfig, date: str) -> tuple[list[tuple[str, str, int]], dict[str, int]]:
    """What is said of a day's 48 columns, the n-th of n kWh, and what is stored, by UTC [kWh]."""
    path = config.path.with_name("feed.csv")
    rows = [f"{date} {n // 2:02}:{30 * (n % 2):02},{n + 1}" for n in range(48)]
    path.write_text("\n".join(["t,kWh", *rows, ""]), encoding="utf-8")
    report = import_file(config, path, who="t", why="t", dry_run=False, now_ms=1_795_000_000_000)
    columns = EntriesReader(config.store_dir).ranges([KEY], 0, 2**53)[KEY]
    stored = zip(columns.time_ms.tolist(), columns.value.tolist(), strict=True)
    odd = [(one.rule, one.treatment, one.line) for one in report.oddities]
    return odd, {f"{from_ms(t):%d %H:%M}": value // MICRO for t, value in stored}


def test_48_columns_on_a_46_slot_day(config: SiteConfig):
    """29 March 2026: 01:00 and 01:30 never were in London; their columns are refused, the others keep their time."""
    odd, stored = fed(config, "2026-03-29")
    assert odd == [("no_such_time", "refused", 4), ("no_such_time", "refused", 5)]
    assert len(stored) == 46
    assert (stored["29 00:30"], stored["29 01:00"], stored["29 22:30"]) == (2, 5, 48)
    one = day(from_ms(1_774_785_600_000).date(), config.zone)
    assert (one.end_ms - one.start_ms) == 46 * 1_800_000


def test_48_columns_on_a_50_slot_day(config: SiteConfig):
    """26 October 2025: 01:00 and 01:30 were twice; the feed tells of one hour, the other is missing, never 0."""
    odd, stored = fed(config, "2025-10-26")
    assert [rule for rule, _, _ in odd] == ["missing"]
    assert len(stored) == 48
    assert sum(stored.values()) == 48 * 49 // 2
    assert (stored["25 23:00"], stored["26 23:30"]) == (1, 48)
    assert sum(f"26 0{hour}:{half}" in stored for hour in (0, 1) for half in ("00", "30")) == 2
