"""site.yaml: the whole of a sound one, and one file full of faults, each told at its line in one go."""

import re
from fractions import Fraction
from pathlib import Path

import pytest

from metering.config import ConfigError
from metering.site import Role
from metering.sitefile import SiteConfig, load_site

HERE = Path(__file__).parent
EXAMPLES = sorted((HERE.parents[1] / "deploy/example").glob("s*.yaml"))
SMALL = """
site:
  {id: works, name: {zh: 厂, en: Works}, timezone: Asia/Shanghai, grid: {province: AH}, fiscal_year_start: 4}
store: {path: data/store, commit: 500ms}
links: [{id: gw, type: tcp, host: 10.0.0.5, port: 502}]
devices: [{id: m1, profile: eastron-sdm630, link: gw, unit: 7, serial: 00123, every: {power: 1s}}]
points:
  - {id: grid, role: grid, device: m1, class: 0.5S, ct_ratio: 200/5, rated_power: 630, name: {en: Grid}}
  - {id: rest, role: load, parent: grid}
factors: [{id: f, activity: electricity.grid, value: 0.4585, unit: kgCO2/kWh, valid_from: 2018-01-01, document: d}]
"""


def load(folder: Path, text: str) -> SiteConfig:
    (folder / "site.yaml").write_text(text, encoding="utf-8")
    return load_site(folder / "site.yaml")


def test_a_sound_file_becomes_a_site(tmp_path, monkeypatch):
    monkeypatch.delenv("ZCF_STORE", raising=False)
    config = load(tmp_path, SMALL)
    grid = config.site.point("grid")
    assert (grid.role, grid.ct_ratio, grid.meter_class, grid.rated_power_kw) == (Role.GRID, Fraction(40), "0.5S", 630)
    assert (config.file.devices[0].serial, config.file.devices[0].every) == ("00123", {"power": 1000})
    assert (config.site.fiscal_year_start, config.site.province, config.zone.key) == (4, "AH", "Asia/Shanghai")
    assert config.store_dir == tmp_path / "data/store"
    assert [p.id for p in config.points_of("m1")] == ["grid"]
    assert str(config.file.factors[0].value) == "0.4585"
    assert config.site.name("zh") == "厂"


def test_the_environment_moves_the_store(tmp_path, monkeypatch):
    config = load(tmp_path, SMALL)
    monkeypatch.setenv("ZCF_STORE", str(tmp_path / "elsewhere"))
    assert config.store_dir == tmp_path / "elsewhere"
    monkeypatch.setenv("ZCF_STORE", "")
    assert config.store_dir == tmp_path / "data/store"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_are_sound(path):
    assert load_site(path).site.boundary()


# line -> what is said there; every line of faulty-site.yaml that is wrong, and no other
FAULTS = {
    2: ["site.id: .*pattern.* -> letters, digits"],
    3: ["site.timezone: unknown time zone 'Asia/Shanghi'; use an IANA name"],
    4: ["site.fiscal_year_start: .*less than or equal to 12"],
    5: ["site.colour: .* -> remove the key"],
    6: ["store.commit: cannot read duration 'often'; write 500ms"],
    9: ["links.1: 'gw1' is declared 2 times -> give each its own id"],
    10: ["links.2.type: .*'rtu-over-tcp' or 'mqtt'"],
    11: ["links.3.port: Field required -> add the key"],
    14: ["devices.1: unit 1 on link 'gw1' is already 'm1'"],
    15: ["devices.2.link: no link 'gw9' -> one of: gw1"],
    16: ["devices.3.unit: .*less than or equal to 255"],
    17: ["devices.4.every.power: cannot read duration"],
    18: ["devices.5.profile: Field required", "devices.5.profil: .* -> is it profile?"],
    21: ["points.1: metering point 'grid' is declared 2 times"],
    22: ["points.2.device: no device 'm9'"],
    23: ["points.3: parent 'smtt' is not a metering point"],
    24: ["points.4: a load needs a parent"],
    25: ["points.5.role: "],
    26: ["points.6.ct_ratio: .*greater than 0"],
    27: ["points.7.quantities: unknown quantity 'gas_volum'; did you mean", "points.7: carrier 'natural_gas' differs"],
    29: ["points.9: metering point 'loop_a' is its own ancestor"],
    30: ["points.10: metering point 'loop_b' is its own ancestor"],
    34: ["imports.0.time_format: time_format 'month' names no part of a time"],
    46: ["imports.1.checks.0: .*'rnage'"],
    47: ["imports.1.checks.1.columns: .* -> name at least one", "imports.1.checks.1.max: cannot read number 'many'"],
    49: ["imports.2.encoding: unknown encoding 'utf-9'"],
    56: ["factors.0.value: cannot read number 'abc'"],
    57: ["factors.1: valid_to 2025-12-31 is before valid_from"],
    58: ["facts.added_value: .*finite number"],
}


def test_g1_every_fault_of_a_file_at_once_at_its_line():
    path = HERE / "faulty-site.yaml"
    with pytest.raises(ConfigError) as caught:
        load_site(path)
    found: dict[int, list[str]] = {}
    for fault in caught.value.faults:
        assert str(fault).startswith(f"{path}:{fault.line}: ")
        found.setdefault(fault.line, []).append(str(fault).removeprefix(f"{path}:{fault.line}: "))
    assert found.keys() == FAULTS.keys(), {line: found.get(line) for line in found.keys() ^ FAULTS.keys()}
    for line, patterns in FAULTS.items():
        assert len(found[line]) == len(patterns), found[line]
        for pattern in patterns:
            assert any(re.match(pattern, text) for text in found[line]), (pattern, found[line])
    lines = [fault.line for fault in caught.value.faults]
    assert lines == sorted(lines)


IMPORTS = """
site: {id: s, timezone: UTC}
points: [{id: main, role: grid}, {id: gas, role: fuel, carrier: natural_gas}]
imports:
  - id: a
    time_column: t
    time_format: "%Y"
    interval: 1h
    columns:
      - {column: A, point: main, quantity: active_energy, unit: kWh}
      - {column: B, point: nowhere, quantity: active_energi, unit: kWh}
      - {column: C, point: main, quantity: reactive_energy, unit: kWh}
      - {column: D, point: main, quantity: active_energy, unit: Wh}
      - {column: E, point: gas, quantity: co2_reported, unit: t, factor_of: active_energy}
  - id: a
    time_column: t
    time_format: "%Y"
    interval: month
    stamp: start
    columns: [{column: A, point: gas, quantity: gas_amount, unit: m³}]
"""


def test_every_fault_of_an_import_that_is_well_formed(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, IMPORTS)
    found = [(fault.line, fault.message) for fault in caught.value.faults]
    assert [line for line, _ in found] == [15, 11, 11, 12, 13, 14]
    for (_, message), words in zip(
        found,
        ["'a' is declared 2 times", "no metering point 'nowhere'", "unknown quantity 'active_energi'",
         "unit 'kWh' does not fit reactive_energy", "main/active_energy is filled from 'A' already",
         "no amount 'active_energy' of 'gas'"], strict=True,
    ):  # fmt: skip
        assert words in message
    assert all(fault.mend for fault in caught.value.faults)


def test_a_point_that_only_a_faulty_import_fills_is_not_blamed(tmp_path):
    text = IMPORTS.replace('time_format: "%Y"', "time_format: year")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert {fault.message.partition(": ")[0] for fault in caught.value.faults} == {
        "imports.0.time_format", "imports.1.time_format",
    }  # fmt: skip


def test_references_to_a_section_that_is_no_list_are_not_blamed(tmp_path):
    text = SMALL.replace("links: [{", "links: {a: {").replace("port: 502}]", "port: 502}}")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert [fault.message.partition(": ")[0] for fault in caught.value.faults] == ["links"]


@pytest.mark.parametrize(
    ("said", "path"), [("store: no", "store"), ("points: grid", "points"), ("devices: [1, null]", "devices.0")]
)
def test_a_section_of_the_wrong_shape_is_a_fault_and_nothing_breaks(tmp_path, said, path):
    key = said.partition(":")[0]
    kept = "\n".join(
        line for line in SMALL.splitlines() if not line.startswith((key, "  -" if key == "points" else key))
    )
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, f"{kept}\n{said}\n")
    assert path in {fault.message.partition(": ")[0] for fault in caught.value.faults}
