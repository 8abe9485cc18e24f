"""Entries are shown beside the figures they touch, and bills beside what the meter says."""

import numpy as np

from analytics.entered import entries_document, with_entries
from analytics.intervals import Intervals
from metering.period import QUARTER_MS
from metering.store.entries import Entry

KEY = ("grid", "active_energy_import")
START = 1_760_000_400_000
END = START + 8 * QUARTER_MS


def quarters() -> Intervals:
    starts = START + np.arange(8) * QUARTER_MS
    return Intervals(starts, np.full(8, 25_000_000), np.zeros(8, np.int64), np.zeros(8, np.uint8))


def entry(seq: int, kind: str, **body: object) -> Entry:
    return Entry(f"e{seq}", kind, "a tester", "a test", START, body, seq)


FACTOR = entry(1, "multiplier", point="grid", start_ms=START, end_ms=START + QUARTER_MS, factor="11/10")
BILL = entry(2, "bill", point="grid", quantity=KEY[1], start_ms=START, end_ms=START + 4 * QUARTER_MS, micro=101_000_000)


def test_an_entry_is_told_where_it_touches_and_nowhere_else():
    (told,) = entries_document([FACTOR], {KEY: quarters()}, START, END)
    assert (told["id"], told["kind"], told["who"], told["why"]) == ("e1", "multiplier", "a tester", "a test")
    assert told["quantities"] == [KEY[1]]
    assert entries_document([FACTOR], {KEY: quarters()}, START + 4 * QUARTER_MS, END) == []


def test_a_bill_stands_beside_the_meter():
    (told,) = entries_document([BILL], {KEY: quarters()}, START, END)
    assert (told["billed"], told["metered"], told["unit"]) == (101.0, 100.0, "kWh")
    (half,) = entries_document([BILL], {KEY: quarters()}, START + QUARTER_MS, END)
    assert half["metered"] is None


def test_what_is_undone_is_not_shown():
    undo = entry(3, "undo", entry="e1")
    assert [one["id"] for one in entries_document([FACTOR, BILL, undo], {KEY: quarters()}, START, END)] == ["e2"]


def test_a_line_names_the_entries_of_its_point():
    told = entries_document([FACTOR, BILL], {KEY: quarters()}, START, END)
    body = with_entries({"lines": [{"point": "grid"}, {"point": "pv"}]}, told)
    assert [line["entries"] for line in body["lines"]] == [["e1", "e2"], []]
