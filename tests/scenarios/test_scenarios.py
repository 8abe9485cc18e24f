"""Every row of the torture week and every pattern of the zoo: nothing lost, nothing invented, doubt left open."""

from pathlib import Path

import pytest

from analytics.intervals import Flag
from tests.scenarios.factory import STEP, Scenario, outcome, unmarked
from tests.scenarios.table import FILE, page
from tests.scenarios.torture import TORTURE
from tests.scenarios.zoo import ZOO

ALL = [*TORTURE, *ZOO]


@pytest.fixture(params=ALL, ids=[one.id for one in ALL])
def scenario(request: pytest.FixtureRequest) -> Scenario:
    return request.param


def test_no_register_step_is_lost_or_invented_within_segments(scenario: Scenario):
    found = outcome(scenario, scenario.settled())
    assert found.error / STEP == 0
    assert found.unflagged_wrong == 0


def test_what_was_touched_is_flagged(scenario: Scenario):
    found = scenario.settled()
    assert unmarked(scenario, found) == []
    assert bool(found.intervals.placed.any()) or not scenario.placed
    if scenario.id == "clean":
        assert not found.intervals.flags.any()


def test_doubt_is_an_open_item_with_both_readings_and_a_reason(scenario: Scenario):
    found = scenario.settled()
    assert [(i.kind, i.before_micro / 1e6, i.after_micro / 1e6) for i in found.open_items] == list(scenario.opens)
    assert all(item.why.zh and item.why.en and item.verdict for item in found.open_items)


def test_the_verdict_is_told_and_explained_in_both_languages(scenario: Scenario):
    told = scenario.settled().judged
    if scenario.many is None:
        assert [one.verdict.value for one in told] == list(scenario.verdicts)
    else:
        assert {one.verdict.value for one in told} <= scenario.many
    assert all(one.why.zh and one.why.en and "{" not in one.why.en for one in told)


def test_a_register_that_stood_under_load_says_so():
    stuck = next(one for one in ZOO if one.id == "flat-6h-then-3812").settled()
    assert ((stuck.intervals.flags & Flag.STUCK) != 0).sum() == 24


def test_the_printed_table_is_what_the_code_gives():
    assert Path(FILE).read_text(encoding="utf-8") == page(), "write it anew: python -m tests.scenarios.table"


def test_names_are_unique():
    assert len({one.id for one in ALL}) == len(ALL)
