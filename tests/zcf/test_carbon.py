"""The judge's own carbon: worked examples by hand, and every kind of factor row."""

from array import array
from decimal import Decimal
from pathlib import Path

import pytest

from zcf.judging.carbon import factor_rows, judge_carbon
from zcf.judging.track import Track

HOUR = 3_600_000


def track(point: str, name: str, *pairs: tuple[int, int]) -> Track:
    made = Track((point, name), "d", None, 1.0)
    for time_ms, micro in pairs:
        made.add(time_ms, micro, live=True)
    made.cumulate((), (), ())
    return made


def line(point: str, category: str, micro: int, unit: str, factor: dict[str, object], kg: float, **more: object):
    return {
        "id": f"{point}/{category}", "point": point, "category": category, "gas": "co2_only", "method": "LB",
        "year": 2026, "activity": {"micro": micro, "unit": unit}, "kg": kg,
        "recompute": {"factor": factor}, **more,
    }  # fmt: skip


ANHUI = {"id": "cn-electricity-2023-ah", "unit": "kgCO2/kWh", "components": [
    {"id": "cn-electricity-2023-ah", "param": "factor"}]}  # fmt: skip
GAS = {"id": "gbt32151-34-2024/natural_gas", "unit": "tCO2/1e4Nm3", "components": [
    {"id": f"gbt32151-34-2024-natural-gas-{name.replace('_', '-')}", "param": name}
    for name in ("ncv", "carbon_content", "oxidation")
]}  # fmt: skip
PERIOD = {"period": {"start_ms": 0, "end_ms": 100 * HOUR}}


def test_electricity_and_gas_by_hand():
    tracks = {
        ("grid", "active_energy_import"): track("grid", "active_energy_import", (0, 10**9), (HOUR, 10**9 + 10**9)),
        ("gas", "gas_volume"): track("gas", "gas_volume", (0, 0), (HOUR, 10**10)),
    }
    lines = [
        line("grid", "purchased_electricity", 10**9, "kWh", ANHUI, 655.3),  # 1000 kWh x 0.6553
        # 10 000 m3: 389.31 GJ x 0.0153 tC/GJ x 0.99 x 44/12
        line("gas", "stationary_combustion", 10**10, "m³", GAS, 21622.06_7_1),
    ]
    rows = factor_rows()
    exact = Decimal("389.31") * Decimal("0.0153") * Decimal("0.99") * 44 / 12 * 1000
    lines[1]["kg"] = float(exact)
    found = judge_carbon({**PERIOD, "lines": lines}, tracks, rows, {})
    assert found.lines == 2
    assert found.relative_error < 1e-15


def test_a_kilogram_too_many_is_seen():
    tracks = {("grid", "active_energy_import"): track("grid", "active_energy_import", (0, 0), (HOUR, 10**9))}
    lines = [line("grid", "purchased_electricity", 10**9, "kWh", ANHUI, 655.300001)]
    found = judge_carbon({**PERIOD, "lines": lines}, tracks, factor_rows(), {})
    assert found.relative_error == pytest.approx(1.5e-9, rel=0.02)


def test_an_activity_that_is_not_the_registers_difference_is_seen():
    tracks = {("grid", "active_energy_import"): track("grid", "active_energy_import", (0, 0), (HOUR, 10**9))}
    lines = [line("grid", "purchased_electricity", 10**9 + 1000, "kWh", ANHUI, 1000.001 * 0.6553)]
    assert judge_carbon({**PERIOD, "lines": lines}, tracks, factor_rows(), {}).relative_error > 9e-7


def test_parts_covered_by_contracts_share_one_register():
    tracks = {("grid", "active_energy_import"): track("grid", "active_energy_import", (0, 0), (HOUR, 10**9))}
    lines = [
        line("grid", "purchased_electricity", 4 * 10**8, "kWh", ANHUI, 400 * 0.6553),
        line("grid", "purchased_electricity", 6 * 10**8, "kWh", ANHUI, 600 * 0.6553),
    ]
    assert judge_carbon({**PERIOD, "lines": lines}, tracks, factor_rows(), {}).relative_error < 1e-15


def test_only_what_lies_in_the_period_counts():
    one = track("grid", "active_energy_import", (0, 0), (2 * HOUR, 2 * 10**9), (5 * HOUR, 8 * 10**9))
    document = {"period": {"start_ms": HOUR, "end_ms": 3 * HOUR}, "lines": [
        line("grid", "purchased_electricity", 3 * 10**9, "kWh", ANHUI, 3000 * 0.6553)
    ]}  # fmt: skip
    found = judge_carbon(document, {("grid", "active_energy_import"): one}, factor_rows(), {})
    assert found.relative_error < 1e-15


@pytest.mark.parametrize(("kwh", "right"), [(500, True), (1000, True), (1100, True), (499, False), (1101, False)])
def test_the_energy_of_a_gap_over_an_edge_may_lie_on_either_side_and_no_further(kwh: int, right: bool):
    """600 kWh flowed in the three hours over the period's end; how much of it before, the profile says."""
    pairs = ((0, 0), (HOUR, 5 * 10**8), (4 * HOUR, 11 * 10**8), (5 * HOUR, 12 * 10**8))
    tracks = {("grid", "active_energy_import"): track("grid", "active_energy_import", *pairs)}
    body = line("grid", "purchased_electricity", kwh * 10**6, "kWh", ANHUI, kwh * 0.6553)
    document = {"period": {"start_ms": 0, "end_ms": 2 * HOUR}, "lines": [body]}
    assert (judge_carbon(document, tracks, factor_rows(), {}).relative_error < 1e-15) == right


def test_a_declared_factor_comes_from_the_site_file():
    tracks = {("grid", "active_energy_import"): track("grid", "active_energy_import", (0, 0), (HOUR, 10**9))}
    own = {"id": "own", "unit": "kgCO2/kWh", "components": [{"id": "own", "param": "factor"}]}
    lines = [line("grid", "purchased_electricity", 10**9, "kWh", own, 123.0)]
    rows = {"own": {"value": Decimal("0.123")}}
    assert judge_carbon({**PERIOD, "lines": lines}, tracks, {}, rows).relative_error < 1e-15


def test_every_row_of_the_files_has_one_name(tmp_path: Path):
    rows = factor_rows()
    assert len(rows) > 300
    assert rows["cn-electricity-2023-ah"]["value"] == "0.6553"
    assert rows["gwp-AR6-N2O"]["value"] == "273"


def test_interpolation_rounds_halves_up():
    one = Track(("p", "q"), "d", None, 1.0, times=array("q", [0, 2]), values=array("q", [0, 5]))
    one.cumulate((), (), ())
    assert one.at(1) == 3
