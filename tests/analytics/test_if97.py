"""IAPWS-IF97 against the release's own values for program verification (R7-97, tables 5, 15, 35 and 36)."""

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics import if97
from analytics.factor_files import load_table
from analytics.steam import SteamTable

TABLE = SteamTable(load_table().parameters)


@pytest.mark.parametrize(
    ("kelvin", "mpa", "enthalpy"), [(300, 3, 0.115331273e3), (300, 80, 0.184142828e3), (500, 3, 0.975542239e3)]
)
def test_if97_region_1_table_5(kelvin: float, mpa: float, enthalpy: float) -> None:
    assert if97.liquid(mpa, kelvin) == pytest.approx(enthalpy, rel=5e-9)


@pytest.mark.parametrize(
    ("kelvin", "mpa", "enthalpy"),
    [(300, 0.0035, 0.254991145e4), (700, 0.0035, 0.333568375e4), (700, 30, 0.263149474e4)],
)
def test_if97_region_2_table_15(kelvin: float, mpa: float, enthalpy: float) -> None:
    assert if97.vapour(mpa, kelvin) == pytest.approx(enthalpy, rel=5e-9)


@pytest.mark.parametrize(("mpa", "kelvin"), [(0.1, 0.372755919e3), (1, 0.453035632e3), (10, 0.584149488e3)])
def test_if97_region_4_table_36(mpa: float, kelvin: float) -> None:
    assert if97.saturation(mpa) == pytest.approx(kelvin, rel=5e-9)


@pytest.mark.parametrize(("kelvin", "mpa"), [(300, 0.353658941e-2), (500, 0.263889776e1)])
def test_if97_region_4_table_35_backwards(kelvin: float, mpa: float) -> None:
    """The saturation pressures of eq. 30: what boils there boils at the temperature again."""
    assert if97.saturation(mpa) == pytest.approx(kelvin, rel=5e-9)


def test_the_rows_of_the_printed_tables_agree_with_if97() -> None:
    """The standard's rows, of another formulation, are within 0.1 % of it: no row is a slip of the pen."""
    assert len(TABLE.states) >= 6
    for state in TABLE.states:
        assert float(state.enthalpy) == pytest.approx(if97.dry_saturated(float(state.mpa)), rel=1e-3)
        assert float(state.celsius) == pytest.approx(if97.saturation(float(state.mpa)) - if97.KELVIN, abs=0.1)
    for (mpa, celsius), enthalpy in TABLE.hot.items():
        assert float(enthalpy) == pytest.approx(if97.vapour(float(mpa), float(celsius) + if97.KELVIN), rel=1e-3)


@pytest.mark.parametrize(
    ("mpa", "celsius", "said"),
    [
        (3, 220, "boils at 233.9 °C"), (25, 380, "not near the critical point"), (1, 900, "to 800 °C"),
        (120, 600, "100 MPa"), (1, -5, "correct the state"), (0, 300, "outside the table"),
    ],
)  # fmt: skip
def test_a_state_outside_if97_is_refused(mpa: float, celsius: float, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        if97.vapour(mpa, celsius + if97.KELVIN)


@pytest.mark.parametrize("mpa", [0.0005, 17, 22.064])
def test_saturation_where_the_regions_do_not_reach_is_refused(mpa: float) -> None:
    with pytest.raises(ValueError, match="outside the table"):
        if97.saturation(mpa)


def test_water_that_would_be_steam_is_refused() -> None:
    with pytest.raises(ValueError, match="no liquid water"):
        if97.liquid(0.1, 400)


@settings(max_examples=30)
@given(st.floats(0.001, 16.0), st.floats(0, 400))
def test_steam_gains_heat_with_temperature_and_water_holds_less_than_steam(mpa: float, over: float) -> None:
    boils = if97.saturation(mpa)
    steps = [if97.vapour(mpa, boils + part * over / 4) for part in range(5)]
    assert all(low <= high for low, high in pairwise(steps))
    assert if97.liquid(1.001 * mpa, boils) < steps[0]


def test_a_row_that_is_printed_is_taken_as_printed_and_between_rows_it_is_derived() -> None:
    exact, between = TABLE.enthalpy(Decimal("1.70")), TABLE.enthalpy(Decimal("1.75"))
    assert (exact.id, exact.status.value) == ("cn-steam-saturated-1.70", "found")
    assert (f"{between.decimal:.2f}", between.status.value) == ("2794.45", "derived")
    far = TABLE.enthalpy(Decimal("2.5"), Decimal(250))
    assert (far.document, far.status.value) == ("IAPWS-IF97", "second_hand")
    assert float(far.printed) == pytest.approx(2880.9, abs=0.5)
