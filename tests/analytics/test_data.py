"""The data files: every number has a unit, a source and a status, nothing overlaps, and public totals come out."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

import pytest

from analytics.criteria_files import load_standards, load_uncertainty
from analytics.factor_files import DATA, load_gwps, load_regions, load_rows, load_table
from analytics.factors import Gas, Method, Parameter
from analytics.fuels import CARBON_TO_CO2
from analytics.indicators import INDICATORS
from analytics.terms import Status

REGIONS = load_regions(DATA / "regions.yaml")
FILES = sorted((DATA / "factors").glob("*.yaml"))
ROWS = load_rows(FILES, REGIONS)
BY_ID = {row.id: row for row in ROWS}
STANDARDS = load_standards()

# Values that anybody can look up: 公告2025年第47号, and the two constants every public tool of the field carries.
PRINTED = {
    "cn-electricity-2023-average": "0.5306",
    "cn-electricity-2023-excluding-market-traded-non-fossil": "0.6096",
    "cn-electricity-2023-fossil-power": "0.8273",
    "cn-electricity-2023-tj": "0.6796",
    "cn-electricity-2023-ah": "0.6553",
    "cn-electricity-2023-grid-southwest": "0.2472",
    "cn-electricity-2022-average": "0.5366",
    "cn-heat-2025": "0.11",
    "gbt2589-2020-electricity": "0.1229",
    "gbt32151-34-2024-natural-gas-ncv": "389.31",
    "us-egrid-2023-camx-co2": "428.5",
}


@pytest.mark.parametrize(("row", "printed"), PRINTED.items())
def test_published_values_stand_with_the_digits_they_were_printed_with(row: str, printed: str) -> None:
    assert BY_ID[row].printed == printed


def test_every_row_has_unit_source_status_and_document() -> None:
    bare = [r.id for r in ROWS if not (r.unit and r.source and r.document and r.region) or r.status is Status.NONE]
    assert bare == []


def test_no_id_appears_twice() -> None:
    assert [id_ for id_, times in Counter(r.id for r in ROWS).items() if times > 1] == []


def test_one_electricity_factor_a_province_for_2022_and_2023() -> None:
    for year in (2022, 2023):
        provinces = [r.region for r in _grid(year) if "-grid-" not in r.region and r.region != "CN"]
        assert len(provinces) == len(set(provinces)) == 30


def test_the_2023_factors_move_as_the_press_statement_said() -> None:
    """20 provinces down and 10 up; the remainder average up 4.1 %."""
    old, new = ({r.region: r.exact for r in _grid(year)} for year in (2022, 2023))
    provinces = [r for r in new if "-grid-" not in r and r != "CN"]
    assert sum(new[r] < old[r] for r in provinces) == 20
    assert sum(new[r] > old[r] for r in provinces) == 10
    rest = [BY_ID[f"cn-electricity-{y}-excluding-market-traded-non-fossil"].exact for y in (2022, 2023)]
    assert round(float(rest[1] / rest[0] - 1) * 100, 1) == 4.1


@pytest.mark.parametrize(
    ("region", "percent"), [("north", -6.1), ("east", -2.1), ("central", -2.3), ("northwest", -5.4), ("south", 4.5)]
)
def test_grid_regions_move_by_the_published_percentages(region: str, percent: float) -> None:
    old, new = (BY_ID[f"cn-electricity-{y}-grid-{region}"].exact for y in (2022, 2023))
    assert round(float(new / old - 1) * 100, 1) == percent


def test_what_was_remembered_is_still_called_remembered() -> None:
    recalled = ["cn-electricity-2022-fossil-power", "cn-electricity-2021-average", "ipcc-2006-natural-gas-ch4"]
    assert {BY_ID[row].status for row in recalled} == {Status.MEMORY}
    assert BY_ID["cn-electricity-2022-ah"].status is Status.SECOND_HAND


def test_a_single_copy_is_called_second_hand() -> None:
    assert {r.status for r in _grid(2022) if r.region.count("-") == 1 and "grid" not in r.region} == {
        Status.SECOND_HAND
    }


def test_composed_factors_give_the_check_values_of_the_tables_to_the_last_digit() -> None:
    checks = [r for r in ROWS if r.param == "derived_ef"]
    made = {f.id: f for f in load_table().factors}
    assert len(checks) == 50
    for row in checks:
        digits = len(row.printed.partition(".")[2])
        assert abs(made[f"{row.document}/{row.activity}"].exact - row.exact) <= Fraction(1, 2 * 10**digits), row.id


def test_the_carbon_constant_is_44_over_12() -> None:
    assert abs(BY_ID["constant-carbon-to-co2"].decimal - Decimal(44) / 12) < Decimal("1e-15")
    assert Fraction(44, 12) == CARBON_TO_CO2


def test_life_cycle_and_ets_factors_never_serve_a_balance() -> None:
    odd = [r for r in ROWS if r.id.startswith(("cn-electricity-ets", "cn-electricity-lifecycle"))]
    assert {r.method for r in odd} == {Method.ETS_REPORTING, Method.LIFE_CYCLE}
    assert len(odd) == 6


def test_one_tonne_of_coal_is_29_gigajoules_whatever_it_was() -> None:
    """GB/T 2589: 0.1229 kgce/kWh and 0.03412 kgce/MJ are the same coal."""
    coal = BY_ID["gbt2589-2020-definition"].decimal
    assert abs(Decimal("3.6") / coal - BY_ID["gbt2589-2020-electricity"].decimal) < Decimal("0.0001")
    assert abs(1 / coal - BY_ID["gbt2589-2020-heat"].decimal) < Decimal("0.00001")


# --- warming potentials


def test_every_gas_has_a_potential_in_each_report_and_co2_is_one() -> None:
    gwps = load_gwps(DATA / "gwp.yaml")
    gases = {g.gas for g in gwps}
    assert {(g.gas, g.report) for g in gwps} == {(gas, report) for gas in gases for report in ("AR4", "AR5", "AR6")}
    assert {g.exact for g in gwps if g.gas == "CO2"} == {1}


@pytest.mark.parametrize(
    ("blend", "parts"),
    [
        ("R-410A", {"HFC-32": 50, "HFC-125": 50}),
        ("R-407C", {"HFC-32": 23, "HFC-125": 25, "HFC-134a": 52}),
        ("R-404A", {"HFC-125": 44, "HFC-143a": 52, "HFC-134a": 4}),
        ("R-507A", {"HFC-125": 50, "HFC-143a": 50}),
        ("R-407A", {"HFC-32": 20, "HFC-125": 40, "HFC-134a": 40}),
    ],
)
def test_blends_are_weighted_by_mass(blend: str, parts: dict[str, int]) -> None:
    gwps = {(g.gas, g.report): g.exact for g in load_gwps(DATA / "gwp.yaml")}
    for report in ("AR4", "AR5", "AR6"):
        mixed = sum(gwps[gas, report] * share for gas, share in parts.items()) / 100
        assert abs(mixed - gwps[blend, report]) <= Fraction(1, 20), report


def test_hcfcs_stand_beside_the_total() -> None:
    assert {g.gas for g in load_gwps(DATA / "gwp.yaml") if not g.kyoto} == {"HCFC-22", "HCFC-123"}


# --- regions


def test_every_chain_ends_in_the_world_and_passes_a_country() -> None:
    for key in REGIONS.regions:
        if key.startswith("CN-"):
            assert REGIONS.chain("CN", "", key)[-2:] == ("CN", "WORLD")


@pytest.mark.parametrize("name", ["天津", "天津市", "Tianjin", "tianjin", "CN-TJ"])
def test_a_province_is_known_by_either_name(name: str) -> None:
    assert REGIONS.chain("CN", "", name) == ("CN-TJ", "CN-grid-north", "CN", "WORLD")


def test_where_the_chain_starts_is_a_setting() -> None:
    assert REGIONS.chain("CN", "", "安徽", level="region")[0] == "CN-grid-east"
    assert REGIONS.chain("CN", "华东", "安徽", level="country") == ("CN", "WORLD")
    assert REGIONS.chain("KR") == ("KR", "WORLD")
    assert REGIONS.chain("XX") == ("XX", "WORLD")
    assert REGIONS.unknown("华东", "Atlantis", "") == ("Atlantis",)


# --- criteria


def _thresholds() -> Iterator[tuple[str, Status]]:
    for standard in STANDARDS.values():
        for criterion in standard.criteria:
            yield from ((criterion.id, t.status) for t in criterion.thresholds)


def test_the_standards_are_all_there() -> None:
    counts = {s.id: len(s.criteria) for s in STANDARDS.values()}
    assert counts == {
        "ict_five_dimension": 31, "miit2026_six_paths": 28, "cn_zero_carbon_park_910": 6, "cn_hunan_458": 4,
        "sbti_near_term": 3, "re100": 2, "beautiful_factory_elasticity": 1, "cn_jiangsu_2026": 5,
        "iso_14068_1": 7, "claim_ladder": 27,
    }  # fmt: skip


def test_every_threshold_says_where_it_comes_from() -> None:
    found = dict(Counter(status for _, status in _thresholds()))
    assert Status.NONE not in found
    assert set(found) == set(Status) - {Status.NONE, Status.DECLARED}  # derived: complete means all of it


def test_every_weight_is_assumed_and_the_chapters_add_up_to_a_hundred() -> None:
    for name in ("ict_five_dimension", "miit2026_six_paths"):
        standard = STANDARDS[name]
        assert {c.weight_status for c in standard.criteria if c.weight is not None} == {Status.ASSUMED}
        assert sum(d.weight or 0 for d in standard.dimensions) == 100
        for dimension in standard.dimensions:
            inside = sum(c.weight or 0 for c in standard.criteria if c.dimension == dimension.id)
            assert inside == dimension.weight, dimension.id


def test_every_criterion_has_both_names_a_source_and_something_that_answers_it() -> None:
    for standard in STANDARDS.values():
        for one in standard.criteria:
            assert all((one.name.zh, one.name.en, one.sources))
            assert set(one.sources) <= set(standard.sources)
            assert (one.indicator == "declared" and one.evidence) or one.indicator in INDICATORS


def test_default_uncertainties_are_at_hand() -> None:
    assert {"revenue_meter", "gas_meter", "heat_meter", "invoice", "grid_factor", "fuel_factor"} <= set(
        load_uncertainty()
    )


def _grid(year: int) -> list[Parameter]:
    return [
        r for r in ROWS
        if r.activity == "electricity.grid" and r.year == year and r.method is Method.LOCATION_BASED
        and r.region.startswith("CN") and r.gas is Gas.CO2_ONLY
    ]  # fmt: skip
