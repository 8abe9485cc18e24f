"""How far a verdict is from its threshold, physically; and what must hold of any verdict."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.criteria import Outcome, Threshold
from analytics.criteria_files import load_standards
from analytics.indicators import INDICATORS
from analytics.terms import Status
from metering.site import MeteringPoint, Role
from tests.analytics.carbon_works import (
    all_series,
    at_least,
    inputs,
    series,
    standard,
    verdict,
    with_points,
    works_flows,
)

STANDARDS = load_standards()
MET, NOT_MET, UNDETERMINED = Outcome.MET, Outcome.NOT_MET, Outcome.UNDETERMINED


# --- gaps that certificates can close


def test_a_green_gap_is_said_in_certificates_when_they_could_close_it() -> None:
    one = verdict(standard(at_least(20), indicator="renewable_share_contractual"))
    assert one.gap is not None
    assert one.gap.certificates == 1
    assert "certificates" in one.reason.en


def test_a_gap_larger_than_all_electricity_bought_cannot_be_closed_by_certificates() -> None:
    one = verdict(standard(at_least(100), indicator="renewable_energy_share"))
    assert one.gap is not None
    assert one.gap.certificates is None


def test_an_intensity_gap_is_tonnes_and_certificates_at_the_remainder_factor() -> None:
    value = INDICATORS["co2_per_tce"](inputs())
    limit = (value.value or 0) - 0.1 / (value.scale.amount if value.scale else 1)
    one = verdict(standard(Threshold("<=", limit, Status.FOUND), indicator="co2_per_tce"))
    assert one.gap is not None
    assert (one.gap.physical, one.gap.physical_unit) == (pytest.approx(0.1), "tCO2")
    assert one.gap.certificates == 1


# --- properties


@given(st.floats(0, 100), st.floats(0, 100))
def test_raising_a_floor_never_turns_not_met_into_met(low: float, high: float) -> None:
    easier, harder = sorted((low, high))
    outcomes = [verdict(standard(at_least(v)), DAY).outcome for v in (easier, harder)]
    assert outcomes in ([MET, MET], [MET, NOT_MET], [NOT_MET, NOT_MET])


@given(st.floats(0, 100))
def test_a_gap_exists_exactly_when_the_threshold_is_not_met(limit: float) -> None:
    one = verdict(standard(at_least(limit)), DAY)
    assert (one.gap is not None) == (one.outcome is NOT_MET)


DAY = inputs()


def test_a_heat_meter_that_is_not_bought_heat_causes_nothing() -> None:
    site = with_points(MeteringPoint("heat", Role.HEAT, "heat", device="h", activity="heat.own"))
    assert INDICATORS["scope2_market"](inputs(works_flows(site))).value == pytest.approx(0.960 * 0.6096)


@pytest.mark.parametrize(
    ("part", "whole", "floor"), [(29, 100, 29), (7, 20, 35), (57, 100, 57), (110_000_003, 110_000_003, 100)]
)
def test_a_share_that_is_exactly_its_threshold_is_met(part: int, whole: int, floor: int) -> None:
    """100 x (29/100) is 28.999999999999996 in floating point; a share is rounded once."""
    given_ = all_series(1) | {
        ("pv", "active_energy_export"): series(whole / 1000, 1),
        ("grid", "active_energy_export"): series((whole - part) / 1000, 1),
    }
    assert verdict(standard(at_least(floor)), inputs(works_flows(cells=1, given=given_))).outcome is MET
