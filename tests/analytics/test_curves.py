"""Energy over time: coarser values are exact sums of the quarter-hours, by the site's own calendar."""

from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.api_period import LONGEST_H, MOST_VALUES
from analytics.curves import RESOLUTIONS, curves_document, values_of
from analytics.intervals import Flag
from metering.period import QUARTER_MS, parse
from tests.analytics.carbon_works import all_series, works_flows

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(("period", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_a_day_on_which_the_clocks_change_is_one_day(period: str, hours: int) -> None:
    asked = parse(period, BERLIN)
    flow = works_flows(cells=4 * hours, start=asked.start_ms)
    day, by_hour = (curves_document(asked, flow, BERLIN, one) for one in ("day", "hour"))
    assert (day["start_ms"], day["quarters"]) == ([asked.start_ms], [4 * hours])
    assert (len(by_hour["start_ms"]), set(by_hour["quarters"])) == (hours, {4})
    assert day["series"]["grid_import"] == [10.0 * 4 * hours]


@settings(max_examples=25)
@given(
    first=st.integers(0, 400), cells=st.integers(0, 400), gone=st.sets(st.integers(0, 399), max_size=30),
    placed=st.sets(st.integers(0, 399), max_size=30), resolution=st.sampled_from(RESOLUTIONS),
)  # fmt: skip
def test_coarser_values_are_the_sums_of_the_quarter_hours(
    first: int, cells: int, gone: set[int], placed: set[int], resolution: str
) -> None:
    period = parse("2026-10", SHANGHAI)
    start = period.start_ms - first * QUARTER_MS
    made = all_series(cells, start)
    for flow in made.values():
        flow.flags[np.array([n for n in gone if n < cells], int)] = Flag.MISSING
        flow.placed[np.array([n for n in placed if n < cells], int)] = 7
    flows = works_flows(cells=cells, start=start, given=made)
    fine = curves_document(period, flows, SHANGHAI)
    found = curves_document(period, flows, SHANGHAI, resolution)  # type: ignore[arg-type]
    for name, column in found["series"].items():
        known = [kwh for kwh in fine["series"][name] if kwh is not None]
        assert sum(kwh or 0 for kwh in column) == pytest.approx(sum(known), rel=1e-12)
    if resolution != "15min":
        assert sum(found["quarters"]) == cells
        assert sum(found["lacking"]) == fine["series"]["consumption"].count(None)
        assert sum(found["estimated"]) == len(fine["placed"])
        assert [n for n, kwh in enumerate(found["series"]["consumption"]) if kwh is None] == list(
            np.flatnonzero(np.asarray(found["lacking"]) == found["quarters"])
        )


def test_every_question_there_is_has_a_resolution_that_fits() -> None:
    assert values_of(LONGEST_H, "hour") <= MOST_VALUES < values_of(365 * 24, "15min")
    sizes = [values_of(LONGEST_H, one) for one in RESOLUTIONS]
    assert sizes == sorted(sizes, reverse=True)
