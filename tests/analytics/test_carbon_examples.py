"""Worked numbers that others published: inputs and answers from outside, recomputed here."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from analytics.balance import Settings, balance
from analytics.factors import Gas, MatchKind, Method, Refusal
from analytics.fuels import combustion
from analytics.indicators_carbon import linear_path
from analytics.indicators_equipment import cell_temperature, leak_share, performance_ratio, weather_corrected_ratio
from analytics.steam import SteamTable, steam_heat
from tests.analytics.carbon_works import (
    TABLE,
    TIANJIN,
    all_series,
    certificate,
    factor,
    series,
    table,
    with_points,
    works_flows,
)

STEAM = SteamTable(TABLE.parameters)


@pytest.mark.parametrize(
    ("amount", "carbon", "oxidation", "tonnes"),
    [("2", "0.015", "0.98", 0.1078), ("10", "0.02", "1", 0.7333333333)],
)
def test_ex_01_fuel_by_carbon_content(amount: str, carbon: str, oxidation: str, tonnes: float) -> None:
    """GB/T 32151.34-2024 formulas (1) to (3), vectors TV-CAR-FML-001..003 of adgo07/GHGTOOL."""
    result = combustion(Fraction(amount) * Fraction(carbon), Fraction(oxidation))
    assert float(result) == pytest.approx(tonnes, rel=1e-9)


@pytest.mark.parametrize(("amount", "ncv", "gigajoules"), [(2, 3, 6), (10, 3, 30)])
def test_ex_01_fuel_by_heat(amount: int, ncv: int, gigajoules: int) -> None:
    """Formulas (4) and (5): the heat path gives the carbon path's answer when the carbon is per heat."""
    heat = Fraction(amount) * ncv
    assert heat == gigajoules
    assert combustion(heat * Fraction("0.02"), Fraction(1)) == heat * Fraction("0.02") * Fraction(44, 12)


def test_ex_02_natural_gas_default_is_21_62_tonnes_per_ten_thousand_cubic_metres() -> None:
    """The value in two independent public tools; 389.31 GJ x 15.3e-3 tC/GJ x 99 % x 44/12."""
    found = TABLE.find("natural_gas", TIANJIN, 2026, unit="m³")
    assert not isinstance(found, Refusal)
    assert float(found[0].kg_per("m³") * 10) == pytest.approx(21.62, rel=5e-4)
    assert found[0].printed == "21.6219"


def test_ex_06_purchased_electricity_and_steam() -> None:
    half = table(factor("0.5", "tCO2/MWh", year=2026))
    given = all_series(1) | {("grid", "active_energy_import"): series(100_000, 1)}
    made = balance(works_flows(cells=1, given=given), half, Settings(TIANJIN))
    [line] = [line for line in made.select(Gas.CO2_ONLY, method=Method.LOCATION_BASED) if line.point == "grid"]
    assert line.kg == 50_000
    heat = steam_heat(Decimal(1000), Decimal(2800))
    found = TABLE.find("heat.purchased", TIANJIN, 2026, unit="GJ")
    assert not isinstance(found, Refusal)
    assert float(Fraction(heat) * found[0].kg_per("GJ")) == 308


def test_ex_08_saturated_steam_between_two_rows() -> None:
    state = STEAM.saturated(Decimal("1.75"))
    assert (state.celsius, state.enthalpy) == (Decimal("205.70"), Decimal("2794.450"))
    superheated = next(p for p in TABLE.parameters if p.id == "cn-steam-superheated-3.0-350")
    assert superheated.decimal == Decimal("3115.7")


@pytest.mark.parametrize("mpa", ["0.4", "1.9", "1.35"])
def test_ex_08_outside_the_table_is_an_error(mpa: str) -> None:
    with pytest.raises(ValueError, match="table"):
        STEAM.saturated(Decimal(mpa))


@pytest.mark.parametrize(
    ("activity", "region", "unit", "amount", "kg"),
    [
        ("electricity.grid", "GB", "kWh", 120_000, 21_240.00),
        ("natural_gas", "GB", "kWh", 85_000, 15_551.60),
        ("diesel", "GB", "L", 14_000, 35_991.48),
        ("hvo", "GB", "L", 3_000, 106.74),
        ("heat.purchased", "GB", "kWh", 40_000, 7_011.60),
        ("electricity.grid", "IE", "kWh", 1_000, 295.00),
    ],
)
def test_ex_09_uk_small_inventory(activity: str, region: str, unit: str, amount: int, kg: float) -> None:
    """DESNZ 2025; a record's own country beats the site's, so Ireland has its own factor."""
    method = Method.LOCATION_BASED if activity == "electricity.grid" else Method.NOT_APPLICABLE
    found = TABLE.find(activity, (region, "WORLD"), 2025, method=method, gas=Gas.CO2E, unit=unit)
    assert not isinstance(found, Refusal)
    assert found[1].kind is MatchKind.EXACT
    assert float(found[0].kg_per(unit) * amount) == pytest.approx(kg, abs=0.005)


def test_ex_09_totals_of_the_inventory() -> None:
    rail = factor("0.03546", "kgCO2e/km", "rail", gas=Gas.CO2E)
    assert float(rail.kg_per("km") * 8_000) == pytest.approx(283.68)
    assert pytest.approx(51_649.82) == 15_551.60 + 35_991.48 + 106.74
    assert pytest.approx(28_251.60) == 21_240.00 + 7_011.60


def test_ex_10_dual_reporting_with_a_residual_mix() -> None:
    """1 GWh, grid 0.20, residual mix 0.45, certificates for 600 MWh: LB 200 t, MB 180 t; for all of it MB 0."""
    grid = factor("0.20", "kgCO2e/kWh", gas=Gas.CO2E, year=2026, id_="lb")
    mix = factor("0.45", "kgCO2e/kWh", gas=Gas.CO2E, year=2026, method=Method.MARKET_RESIDUAL, id_="mix")
    site = with_points(without=["gas", "heat"])
    given = all_series(1) | {("grid", "active_energy_import"): series(1_000_000, 1)}
    day = works_flows(site, cells=1, given=given)
    for kwh, market in ((600_000, 180_000), (1_000_000, 0)):
        settings = Settings(("XX", "WORLD"), instruments=(certificate(kwh),))
        totals = balance(day, table(grid, mix), settings).totals(Gas.CO2E)
        assert totals.gross_location == pytest.approx(200_000, rel=1e-12)
        assert totals.gross_market == pytest.approx(market, rel=1e-12)


@pytest.mark.parametrize(
    ("activity", "year", "unit", "amount", "tonnes"),
    [("natural_gas", 2013, "therm", 100, 0.5306), ("gasoline", 2009, "US gal", 1000, 8.89)],
)
def test_ex_13_epa_equivalency_constants(activity: str, year: int, unit: str, amount: int, tonnes: float) -> None:
    found = TABLE.find(activity, ("US", "WORLD"), year, unit=unit)
    assert not isinstance(found, Refusal)
    assert float(found[0].kg_per(unit) * amount) / 1000 == pytest.approx(tonnes)


def test_ex_13_ipcc_and_epa_agree_on_a_therm_within_half_a_percent() -> None:
    """1 therm is 105.506 MJ gross, about 95.0 MJ net."""
    found = TABLE.find("natural_gas", ("XX", "WORLD"), 2013, unit="GJ")
    assert not isinstance(found, Refusal)
    assert float(found[0].kg_per("GJ")) * 0.0950 == pytest.approx(5.306, rel=5e-3)


G = np.array([921.75575, 916.11225, 914.8590833, 914.86375, 913.6426667, 889.6296667, 751.4611667])
AIR = np.array([28.89891667, 29.69258333, 30.21441667, 30.5815, 31.14808333, 31.5445, 31.63208333])
WIND = np.array([1.796333333, 2.496916667, 2.413333333, 2.023666667, 1.844416667, 1.605583333, 1.18625])
KW = np.array([39389.6625, 39425.3525, 39460.9625, 39125.315, 38888.59, 37520.8925, 27303.8025])


def test_ex_16_performance_ratio_corrected_for_weather() -> None:
    """Pvanalytics' own test of the NREL metric: 0.6873059."""
    cell = cell_temperature(G, AIR, WIND, -3.58, -0.113, 3.0)
    assert weather_corrected_ratio(KW, 61056, G, cell, -0.0028) == pytest.approx(0.6873059, rel=1e-6)


def test_ex_16_plain_ratio_over_the_same_window_is_identical_by_algebra() -> None:
    """Corrected to its own irradiance-weighted temperature, nothing is corrected."""
    plain = performance_ratio(float(KW.sum()), 61056, float(G.sum()) / 1000)
    cell = cell_temperature(G, AIR, WIND, -3.58, -0.113, 3.0)
    assert weather_corrected_ratio(KW, 61056, G, cell, -0.0028) == pytest.approx(plain, rel=1e-12)


def test_ex_19_sbti_targets_are_linear() -> None:
    """850 + 320 t in 2020, 4.2 % a year: 679 t in 2030 as published; compounding would say 762."""
    assert linear_path(850 + 320, 4.2, 10) == pytest.approx(678.6)
    assert linear_path(1170, 4.2, 10) != pytest.approx(1170 * (1 - 0.042) ** 10, rel=0.05)


def test_ex_21_compressed_air_leak_test() -> None:
    """30 minutes, the compressor loaded for 7.5 of them: a quarter of its capacity leaks."""
    assert leak_share(7.5, 22.5) == 0.25


def test_all_electric_and_all_gas_sites_have_the_intensities_that_arithmetic_gives() -> None:
    """0.5306/0.1229 = 4.32, and 1.63 t/tce for gas (methods of the national park indicator)."""
    coal = {p.activity: p.exact for p in TABLE.parameters if p.activity.startswith("standard_coal.")}
    average = next(p.exact for p in TABLE.parameters if p.id == "cn-electricity-2023-average")
    assert float(average / coal["standard_coal.electricity"]) == pytest.approx(4.32, abs=0.005)
    gas = TABLE.find("natural_gas", TIANJIN, 2026, unit="m³")
    assert not isinstance(gas, Refusal)
    assert float(gas[0].kg_per("m³") / coal["standard_coal.natural_gas"]) == pytest.approx(1.63, abs=0.005)
