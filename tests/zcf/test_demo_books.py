"""The demo's books: entered once, each entry readable by the rooms that use it, every month that is over closed."""

from pathlib import Path

from analytics.activity_files import recorded_of, suppliers_of
from analytics.closing import freeze_pending
from analytics.ledger import read_ledger
from analytics.ledger_files import load_assets
from analytics.order_files import orders_of
from analytics.service import FactoryService
from metering.period import from_ms
from metering.sitefile import load_site
from metering.store.results import ResultsWriter
from tests.analytics.month_works import DAY_MS, END, NOW, START, MonthWorks
from zcf.demo_books import _closings, enter_books
from zcf.judge import instruments


def test_the_books_are_entered_once_and_every_room_reads_them(tmp_path: Path) -> None:
    works = MonthWorks(tmp_path).full().settle()
    config = load_site(works.path)
    assert enter_books(config, START, NOW) > 0
    assert enter_books(config, START, NOW) == 0
    service = FactoryService(config, lambda: NOW)
    entries = service.source.entries.entries()
    assert {e.body["period"] for e in entries if e.kind == "closing"} == {"2026-10"}
    ledger = read_ledger(entries, load_assets())
    assert not ledger.refused
    assert {m.id for m in ledger.moves} == {"retirement-gec", "retirement-ccer"}
    assert sum(lot.asset.family == "allowance" for lot in ledger.lots.values()) == 2
    assert len(suppliers_of(entries)) == 3
    assert {r.scope for one in recorded_of(entries, service.recorder) if (r := one.category)} == {1, 3}
    assert orders_of(entries, config.zone) == []  # this works has no line of the demo's
    assert "retirement-gec" in instruments(service.source.entries)  # type: ignore[arg-type]
    writer = ResultsWriter(config.store_dir, "test")
    assert freeze_pending(service, writer) == 1
    writer.close()


def test_a_month_that_began_before_the_past_is_closed_as_incomplete(tmp_path: Path) -> None:
    config = MonthWorks(tmp_path).service().config
    first, last = (from_ms(ms).astimezone(config.zone).date() for ms in (START + DAY_MS, END + 2 * DAY_MS))
    [closing] = _closings(config, first, last, START + DAY_MS, END + 2 * DAY_MS)
    assert (closing.body["period"], closing.body["incomplete"]) == ("2026-10", True)
    assert list(_closings(config, first, last, START, END + 1)) == []  # its last quarter-hour may still come
