"""A figure walked down to its register readings adds up at every step."""

import math
from fractions import Fraction
from pathlib import Path

import pytest

from analytics.explain import explain
from tests.analytics.month_works import END, GRID, MONTH, START, MonthWorks, entry, register


@pytest.fixture
def works(tmp_path: Path) -> MonthWorks:
    return MonthWorks(tmp_path).full().settle()


def test_a_total_is_the_sum_of_lines_and_each_line_activity_times_factor(works: MonthWorks):
    told = explain(works.service(), "total_lb.co2e", MONTH)
    assert told["value"] == math.fsum(line["value"] for line in told["lines"])
    assert told["value"] == works.service().balance(MONTH)["totals"]["total_lb"]["co2e"]
    for line in told["lines"]:
        exact = {name: Fraction(text) for name, text in line["exact"].items()}
        assert exact["activity"] * exact["factor"] == exact["kg"]
        assert float(exact["kg"]) == line["value"]
        assert {"id", "value", "document", "page", "url", "status", "components"} <= set(line["factor"])
        [series] = line["activity"]["series"]
        assert series["micro"] == line["activity"]["micro"]


def test_an_energy_is_the_difference_of_two_readings_with_their_words(works: MonthWorks):
    told = explain(works.service(), ".".join(GRID), MONTH)
    [segment] = told["segments"]
    assert told["agrees"]
    assert told["micro"] == segment["energy_micro"] == register(END) - register(START)
    for side, time_ms in (("first", START), ("last", END)):
        [reading] = segment[side]["readings"]
        assert (reading["time_ms"], reading["micro"]) == (time_ms, register(time_ms))
        assert reading["register"]["serial"] == "SN-grid"
        assert reading["register"]["step"] == "1/100"
        [block] = reading["poll"]["blocks"]
        assert int(block["words"].replace(" ", ""), 16) == register(time_ms) // 10_000 % 2**32


def test_an_edge_without_a_reading_shows_the_two_around_it(tmp_path: Path):
    works = MonthWorks(tmp_path).full(without=(END - 3_600_000, END + 3_600_000)).settle()
    told = explain(works.service(), ".".join(GRID), MONTH)
    last = told["segments"][0]["last"]
    assert last["interpolated"]
    assert [one["time_ms"] for one in last["readings"]] == [END - 3_600_000 - 900_000, END + 3_600_000]
    assert told["agrees"]
    assert told["quarters"]["placed"] > 0


def test_entries_that_touch_a_figure_are_shown_with_it(works: MonthWorks):
    middle = START + 15 * 86_400_000
    factor = entry("multiplier", 1, point="grid", start_ms=START, end_ms=middle, factor="11/10")
    works.enter(factor, entry("undo", 2, entry="nothing")).settle()
    told = explain(works.service(), ".".join(GRID), MONTH)
    assert [one["id"] for one in told["entries"]] == ["multiplier-1"]
    assert told["agrees"]
    assert told["micro"] > register(END) - register(START)
    assert explain(works.service(), "gas.gas_volume", MONTH)["entries"] == []


def test_the_energies_of_the_page_can_be_asked_for(works: MonthWorks):
    told = explain(works.service(), "consumption_kwh", MONTH)
    assert [one["series"] for one in told["series"]] == [".".join(GRID)]
    assert told["value"] == told["series"][0]["value"]


def test_an_unknown_figure_is_refused_with_near_ones(works: MonthWorks):
    with pytest.raises(LookupError, match="scope1"):
        explain(works.service(), "scop1", MONTH)
