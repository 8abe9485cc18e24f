"""Site file and profiles become poll groups: which columns, which blocks, which cadence; every fault at its line."""

from fractions import Fraction
from pathlib import Path

import pytest

from collector.wiring import WiredGroup, wire_site
from metering.config import ConfigError
from metering.reading import Block
from metering.sitefile import load_site

HEAD = "site: {id: works, timezone: Asia/Shanghai}\n"


def groups(folder: Path, body: str) -> dict[tuple[str, str], WiredGroup]:
    (folder / "site.yaml").write_text(HEAD + body)
    links = wire_site(load_site(folder / "site.yaml"))
    return {(g.group.device, g.group.name): g for link in links for d in link.devices for g in d.groups}


def faults(folder: Path, body: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        groups(folder, body)
    return [str(fault) for fault in caught.value.faults]


MODBUS = """\
links:
  - {id: a, type: tcp, port: 502}
devices:
  - {id: m, profile: eastron-sdm630, link: a, unit: 3, serial: S1, every: {power: 1s, energy: 10s}}
"""
POINT = "points:\n  - {id: grid, role: grid, device: m%s}\n"


def test_each_cadence_class_is_a_group_and_counters_get_the_quarter_hour(tmp_path: Path) -> None:
    found = groups(tmp_path, MODBUS + POINT % "")
    assert {name: (g.group.cadence_ms, g.group.quarter) for (_, name), g in found.items()} == {
        "power": (1000, False),
        "energy": (10_000, True),
        "status": (60_000, False),
    }


def test_a_point_s_quantities_choose_what_is_read(tmp_path: Path) -> None:
    chosen = ", quantities: [active_power, active_energy_import]"
    found = groups(tmp_path, MODBUS + POINT % chosen)
    assert {name: [c.key for c in g.group.columns] for (_, name), g in found.items()} == {
        "power": [("grid", "active_power")],
        "energy": [("grid", "active_energy_import")],
    }
    assert found["m", "energy"].group.blocks == (Block(4, 72, 2),)  # SDM630 manual: 30073, import energy


def test_two_points_of_one_device_share_its_blocks_each_with_its_own_ratio(tmp_path: Path) -> None:
    body = MODBUS.replace("eastron-sdm630", "chint-dtsu666") + (
        "points:\n"
        "  - {id: grid, role: grid, device: m, quantities: [active_power], ct_ratio: 40}\n"
        "  - {id: p, role: load, parent: grid, device: m, quantities: [active_power], ct_ratio: 1, reversed: true}\n"
    )
    group = groups(tmp_path, body)["m", "power"]
    assert [c.key for c in group.group.columns] == [("grid", "active_power"), ("p", "active_power")]
    assert group.group.blocks == (Block(3, 8210, 2),)
    words = bytes.fromhex("461c4000")  # 10000.0, in 0.1 W on the secondary side
    assert group.decoder.decode([words]).values == (40.0, -1.0)


def test_what_is_known_of_a_register_goes_with_it(tmp_path: Path) -> None:
    body = MODBUS.replace("eastron-sdm630", "chint-dtsu666") + POINT % ", ct_ratio: 40, rated_power: 630, class: 0.5"
    info = next(i for i in groups(tmp_path, body)["m", "energy"].infos(7) if i.quantity == "active_energy_import")
    assert (info.valid_from_ms, info.device, info.serial, info.cadence_ms) == (7, "m", "S1", 10_000)
    assert (info.data_type, info.scale, info.modulus, info.ct_ratio) == ("float32", Fraction(40), None, Fraction(40))
    assert (info.rated_power_kw, info.meter_class, info.origin) == (630.0, "0.5", "live")


def test_messages_make_one_group_a_topic(tmp_path: Path) -> None:
    body = """\
links:
  - {id: b, type: mqtt, port: 1883}
devices:
  - {id: s, profile: shelly-pro-3em-mqtt, link: b, base: works/office}
points:
  - {id: grid, role: grid, device: s}
"""
    found = groups(tmp_path, body)
    assert {g.topic for g in found.values()} == {"works/office/status/em:0", "works/office/status/emdata:0"}
    energy = found["s", "status/emdata:0"]
    assert (energy.group.blocks, energy.group.quarter, energy.group.cadence_ms) == ((), False, 60_000)
    assert energy.infos(0)[0].scale == Fraction(1, 100_000)  # the last printed digit is 0.01 Wh


def test_all_faults_at_once_each_at_its_line(tmp_path: Path) -> None:
    body = """\
links:
  - {id: a, type: tcp, port: 502}
  - {id: b, type: mqtt, port: 1883}
devices:
  - {id: m, profile: eastron-sdm630, link: b}
  - {id: n, profile: nosuch, link: a, unit: 2}
  - {id: o, profile: eastron-sdm630, link: a, unit: 3, every: {hourly: 1h}}
points:
  - {id: grid, role: grid, device: o, quantities: [active_power, gas_volume]}
"""
    found = faults(tmp_path, body)
    assert [f.split(": ")[0].rsplit(":", 1)[1] for f in found] == ["7", "6", "8", "10"]
    for told, words in zip(
        found, ("no device profile 'nosuch'", "speaks modbus", "'hourly'", "'gas_volume'"), strict=True
    ):
        assert words in told


def test_a_site_s_own_profile_comes_before_ours_and_its_faults_are_told(tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "own-meter.yaml").write_text("id: own-meter\nmanufacturer: x\n")
    found = faults(tmp_path, MODBUS.replace("eastron-sdm630", "own-meter") + POINT % "")
    assert len(found) > 3
    assert all("own-meter.yaml" in fault for fault in found)


def test_the_example_site_is_wired() -> None:
    links = wire_site(load_site(Path(__file__).parents[2] / "deploy" / "example" / "site.yaml"))
    assert sum(len(d.groups) for link in links for d in link.devices) > 50
    assert max(link.connect_delay_s for link in links) == 1.0  # an inverter's dongle


def test_devices_that_lie_alike_share_one_decoder_and_another_ratio_has_its_own(tmp_path: Path) -> None:
    device = "  - {id: %s, profile: eastron-sdm630, link: a, unit: %d}\n"
    point = "  - {id: p-%s, role: load, parent: grid, device: %s%s}\n"
    body = MODBUS + device % ("n", 4) + device % ("o", 5) + POINT % "" + point % ("n", "n", "")
    found = groups(tmp_path, body + point % ("o", "o", ", reversed: true"))
    assert found["m", "power"].decoder is found["n", "power"].decoder
    assert found["o", "energy"].decoder is not found["n", "energy"].decoder
