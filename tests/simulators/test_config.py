"""plant.yaml and faults.yaml: the example is whole and fits its site file; faults are told with their lines."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from collector.profile import load_profile
from metering.config import ConfigError
from metering.sitefile import load_site
from simulators.config import PlantFile, load_plant
from simulators.device import reading
from simulators.faultfile import load_faults
from simulators.plant import Plant
from simulators.prepare import with_ports, with_start

EXAMPLE = Path(__file__).parents[2] / "deploy/example"


def test_plant_and_site_name_the_same_devices(plant_file: PlantFile) -> None:
    site = load_site(EXAMPLE / "site.yaml")
    links = {link.id: (link.type, link.port) for link in site.file.links}
    assert links == {link.id: (link.type, link.port) for link in plant_file.links}
    shared = ("profile", "link", "unit", "base", "serial")
    in_site = {d.id: tuple(getattr(d, key) for key in shared) for d in site.file.devices}
    assert in_site == {d.id: tuple(getattr(d, key) for key in shared) for d in plant_file.devices}


def test_plant_and_site_agree_on_transformers(plant_file: PlantFile) -> None:
    site = load_site(EXAMPLE / "site.yaml")
    for device in plant_file.devices:
        points = site.points_of(device.id)
        assert {(p.ct_ratio, p.reversed) for p in points} == {(device.ct_ratio, device.reversed)}, device.id


def test_every_polled_quantity_has_a_value(plant_file: PlantFile, plant: Plant) -> None:
    site = load_site(EXAMPLE / "site.yaml")
    sample = plant.at(1_795_230_000_000)
    for device in plant_file.devices:
        measured = [p.quantity for p in load_profile(device.profile).points]
        for point in site.points_of(device.id):
            for name in point.quantities or measured:
                assert reading(sample, device.node, name) is not None, (device.id, name)


def test_the_example_faults_fit_the_example_plant(plant_file: PlantFile) -> None:
    faults = load_faults(EXAMPLE / "faults.yaml", plant_file)
    assert {"late", "lost", "short", "duplicate", "stuck", "reset", "rollover", "swap", "nan"} <= {
        f.kind for f in faults
    }
    assert all(f.start_ms < 30_000 for f in faults)  # a minute's demo sees them all
    assert {f.kind for f in load_faults(EXAMPLE / "wrong-meters.yaml", plant_file)} == {"ct", "reversed"}


def test_ratings_hold_over_a_fortnight(plant: Plant, midnight_ms: int) -> None:
    site = load_site(EXAMPLE / "site.yaml")
    power = plant.power(midnight_ms + 300_000 * np.arange(14 * 288))
    for point in site.site.points:
        if point.id in power and point.rated_power_kw:
            assert np.abs(power[point.id]).max() < point.rated_power_kw, point.id


BROKEN = """
seed: 1
place: {latitude: 31, longitude: 117, utc_offset: 8h}
anchor: 2026-01-01
calendar: {shifts: ["07:30-15:30"]}
nodes:
  - {id: grid, kind: grid, rating: 100}
  - {id: oven, kind: process, parent: grill, rating: 10}
  - {id: warmth, kind: heat}
links:
  - {id: a, type: tcp, port: 0}
devices:
  - {id: one, profile: eastron-sdm630, link: a, unit: 1, node: grid}
  - {id: two, profile: eastron-sdm630, link: a, unit: 1, node: roof}
  - {id: three, profile: eastron-sdm630, link: b, unit: 2, node: grid}
"""


def test_every_fault_of_a_plant_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "plant.yaml"
    path.write_text(BROKEN)
    with pytest.raises(ConfigError) as error:
        load_plant(path)
    told = [(f.line, f.message) for f in error.value.faults]
    assert [line for line, _ in told] == [8, 9, 14, 14, 15]
    assert "grill" in told[0][1]
    assert "already 'one'" in told[3][1]


def test_faults_of_a_faults_file_are_told_with_their_lines(tmp_path: Path, plant_file: PlantFile) -> None:
    path = tmp_path / "faults.yaml"
    path.write_text(
        "faults:\n  - {target: nobody, fault: late, from: 1s, for: 2s}\n  - {target: m_grid, fault: lost, from: 1s}\n"
    )
    with pytest.raises(ConfigError) as error:
        load_faults(path, plant_file)
    assert [(f.line, "nobody" in f.message or "needs an end" in f.message) for f in error.value.faults] == [
        (2, True),
        (3, True),
    ]


def test_a_wrong_connection_has_no_beginning_and_everything_else_has_one(tmp_path: Path, plant_file: PlantFile) -> None:
    path = tmp_path / "faults.yaml"
    rows = ("ct, factor: 1.1, from: 1s", "ct", "reversed, for: 2s", "reset", "reversed")
    path.write_text("faults:\n" + "".join(f"  - {{target: m_grid, fault: {row}}}\n" for row in rows))
    with pytest.raises(ConfigError) as error:
        load_faults(path, plant_file)
    told = [(f.line, f.message.partition(": ")[2]) for f in error.value.faults]
    assert told == [
        (2, "ct holds since the meter was put in"),
        (3, "ct needs a factor other than 1"),
        (4, "reversed holds since the meter was put in"),
        (5, "reset needs a beginning"),
    ]


def test_a_copy_gets_free_ports_and_a_start(tmp_path: Path, plant_file: PlantFile) -> None:
    ports = {link.id: 40_000 + n for n, link in enumerate(plant_file.links)}
    for name in ("plant.yaml", "site.yaml"):
        text = (EXAMPLE / name).read_text()
        (tmp_path / name).write_text(with_ports(text, ports))
        assert text.splitlines()[0] == (tmp_path / name).read_text().splitlines()[0]  # comments stay
    site = load_site(tmp_path / "site.yaml")
    assert {link.id: link.port for link in site.file.links} == ports
    text = with_start((tmp_path / "plant.yaml").read_text(), date(2026, 11, 19), 1_795_230_000_000)
    (tmp_path / "plant.yaml").write_text(with_start(text, date(2026, 11, 19), 1_795_230_000_000))
    moved = load_plant(tmp_path / "plant.yaml")
    assert {link.id: link.port for link in moved.links} == ports
    assert (moved.anchor, moved.start_ms) == ((date(2026, 11, 19) - date(1970, 1, 1)).days, 1_795_230_000_000)
    assert moved.nodes == plant_file.nodes
