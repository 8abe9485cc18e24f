"""Bad factor and criterion files: every fault at once, each with its file and line."""

from pathlib import Path

import pytest

from analytics.criteria_files import load_standard
from analytics.factor_files import DATA, load_regions, load_rows
from metering.config import ConfigError

REGIONS = load_regions(DATA / "regions.yaml")


# --- bad files

GOOD = """\
document: test
title: {zh: 测试, en: test}
sources: {DOC: "a document"}
defaults: {activity: electricity.grid, region: CN, unit: kgCO2/kWh, gas: co2_only,
  method: location_based, source: DOC, status: found}
rows:
  - {id: one, year: 2023, value: "0.5"}
"""


def test_a_bad_factor_file_names_every_fault_with_its_line(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(
        GOOD
        + "  - {id: two, year: 2022, value: 0.5}\n"
        + '  - {id: three, year: 2021, value: "half"}\n'
        + '  - {id: four, year: 2020, value: "0.5", status: certain}\n'
        + '  - {id: five, year: 2019, value: "0.5", region: Atlantis}\n'
        + '  - {id: six, year: 2018, value: "0.5", source: NOWHERE}\n'
        + '  - {id: seven, year: 2017, value: "0.5", colour: green}\n'
        + '  - {id: one, year: 2016, value: "0.5"}\n'
        + '  - {id: eight, year: 2023, value: "0.6"}\n',
        encoding="utf-8",
    )
    with pytest.raises(ConfigError) as caught:
        load_rows([bad], REGIONS)
    lines = {(f.line, f.message.partition(":")[2].strip() or f.message) for f in caught.value.faults}
    assert {line for line, _ in lines} == {8, 9, 10, 11, 12, 13, 14, 15}
    assert all(f.file == str(bad) for f in caught.value.faults)


def test_a_check_value_that_its_parameters_do_not_give_is_a_fault(tmp_path: Path) -> None:
    """The trap of GB/T 32151.34: carbon content printed as tCO2 and multiplied by 44/12 again."""
    text = (DATA / "factors" / "cn-fuels-gbt32151-34-2024.yaml").read_text(encoding="utf-8")
    bad = tmp_path / "fuels.yaml"
    bad.write_text(text.replace('"0.0274"', '"0.1004666"'), encoding="utf-8")
    with pytest.raises(ConfigError, match="anthracite"):
        load_rows([bad], REGIONS)


def test_faults_of_several_files_come_at_once(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(
            GOOD.replace('"0.5"', "0.5").replace("id: one", f"id: {name[0]}"), encoding="utf-8"
        )
    with pytest.raises(ConfigError) as caught:
        load_rows(sorted(tmp_path.glob("*.yaml")), REGIONS)
    assert {Path(f.file).name for f in caught.value.faults} == {"a.yaml", "b.yaml"}


def test_a_bad_standard_names_every_fault_with_its_line(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(
        """\
id: test
name: {zh: 测试, en: test}
valid_from: 2026-01-01
kind: model
level: factory
status: assumed
completeness: {max_estimated: "5", status: assumed}
sources: {DOC: "a document"}
dimensions:
  - {id: all, name: {zh: 全部, en: all}, weight_status: none}
criteria:
  - {id: A-1, dimension: none, name: {zh: 甲, en: a}, indicator: scope1, sources: [DOC], REST}
  - {id: A-2, dimension: all, name: {zh: 乙, en: b}, indicator: nothing, sources: [DOC], REST}
  - {id: A-3, dimension: all, name: {zh: 丙, en: c}, indicator: declared, sources: [GONE], REST}
  - id: A-3
    dimension: all
    name: {zh: 丁, en: d}
    kind: scored
    formula: x
    unit: "%"
    indicator: scope1
    thresholds:
      - {op: ">=", value: "50", role: base, status: none}
      - {op: ">=", value: "20", role: lead, status: assumed}
    weight: "5"
    weight_status: none
    sources: [DOC]
""".replace("REST", 'kind: gate, formula: x, unit: "%", weight_status: none'),
        encoding="utf-8",
    )
    with pytest.raises(ConfigError) as caught:
        load_standard(bad)
    assert {f.line for f in caught.value.faults} == {12, 13, 14, 15, 22, 23, 26}


def test_a_threshold_without_quotes_is_a_fault(tmp_path: Path) -> None:
    text = (DATA / "criteria" / "cn-hunan-458-2025.yaml").read_text(encoding="utf-8")
    bad = tmp_path / "hunan.yaml"
    bad.write_text(text.replace('value: "1.25"', "value: 1.25"), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_standard(bad)
    assert {f.line for f in caught.value.faults} == {
        text.splitlines().index('      - {op: "<=", value: "1.25", status: found, year: 2027}') + 1
    }
