"""Reading a profile: every fault at once with file and line, user profiles, the hash, what a point becomes."""

from fractions import Fraction
from pathlib import Path

import pytest

from collector.datatypes import Number
from collector.fields import Term
from collector.points import ModbusPoint
from collector.profile import DeviceProfile, all_profiles, load_profile
from metering.config import ConfigError

HEAD = """\
id: {id}
manufacturer: ACME
model: PM100
category: meter
protocol: {protocol}
max_registers: 4
proof: {{kind: {proof}, evidence: "manual 4.2"}}
sources: {sources}
points:
"""
POWER = (
    "{quantity: active_power, fc: 3, address: 0, type: int16, unit: W, class: power, "
    'source: "p. 31", status: single_source}'
)
ENERGY = (
    "{quantity: active_energy_import, fc: 3, address: 10, type: uint32, scale: 0.01, unit: kWh, class: energy, "
    'source: "p. 33", status: single_source}'
)


def write(to: Path, *points: str, profile_id: str = "acme-pm100", **head: str) -> Path:
    said = {"id": profile_id, "protocol": "modbus", "proof": "single_source", "sources": '["manual 4.2"]', **head}
    path = to / f"{profile_id}.yaml"
    path.write_text(HEAD.format(**said) + "".join(f"  - {point}\n" for point in points), encoding="utf-8")
    return path


def faults(directory: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        all_profiles(directory)
    return [f"{fault.line}: {fault.message}" for fault in caught.value.faults]


def point(text: str) -> str:
    """A sound point with some of its keys said differently."""
    said = dict(pair.split(": ", 1) for pair in POWER.strip("{}").split(", "))
    said.update(pair.split(": ", 1) for pair in text.split("; "))
    return "{" + ", ".join(f"{key}: {value}" for key, value in said.items()) + "}"


def test_a_new_device_is_one_file(tmp_path: Path) -> None:
    write(tmp_path, POWER, ENERGY)
    profile = load_profile("acme-pm100", tmp_path)
    assert [field.quantity for field in profile.fields] == ["active_power", "active_energy_import"]
    assert profile.fields[1].factor == Fraction(1, 100)
    assert profile.fields[1].modulus == Fraction(2**32, 100)
    assert profile.fields[0].factor == Fraction(1, 1000)


def test_a_user_s_profile_comes_before_ours(tmp_path: Path) -> None:
    write(tmp_path, POWER, profile_id="eastron-sdm630")
    assert load_profile("eastron-sdm630", tmp_path).manufacturer == "ACME"
    assert load_profile("eastron-sdm630").manufacturer == "Eastron"


@pytest.mark.parametrize("name", ["nothing-like-it", "*", "../supported"])
def test_an_unknown_profile_is_named_with_those_there_are(name: str) -> None:
    with pytest.raises(ConfigError, match=r"no device profile .* use one of: .*eastron-sdm630"):
        load_profile(name)


def test_the_file_s_name_is_the_id(tmp_path: Path) -> None:
    write(tmp_path, POWER).rename(tmp_path / "other.yaml")
    assert "is not the file's name" in faults(tmp_path)[0]


WRONG = [
    ("quantity: active_powr", "unknown quantity 'active_powr'; did you mean active_power"),
    ("quantity: active_energy; unit: kWh", "an amount over a time"),
    ("unit: bar", "unit 'bar' does not fit active_power [kW]; use one of"),
    ("fc: 6", "function code 6 writes; a profile can only read"),
    ("fc: 16", "function code 16 writes; a profile can only read"),
    ("fc: 1", "function code 1 reads single bits"),
    ("fc: 43", "reads no registers"),
    ("address: 65536", "less than or equal to 65535"),
    ("address: 65535; type: uint32", "does not fit at address 65535"),
    ("type: int17", "unknown data type 'int17'; use one of uint16"),
    ("scale: 0", "scale must be above zero"),
    ("scale: 1e999999999", "cannot read number"),
    ("source: ''", "at least 3 characters"),
    ("status: probably", "Input should be"),
    ("class: hourly", "Input should be"),
    ("sentinel: [0x10000]", "has at most 16 bits"),
    ("sentinel: ['none']", "cannot read bit pattern"),
    ("negative: abs", "belong to counters"),
    ("modulus: 1000", "belong to counters"),
    ("quantity: run_hours; unit: h; sign: -1", "a counter has no sign"),
    ("quantity: run_hours; unit: h; fraction: {address: 1, type: uint16}", "a fraction is a float32 or float64"),
    ("scale_factor: {address: 1}; plus: [{address: 2, type: int16}]", "exclude each other"),
    ("colour: red", "not permitted"),
    ("scale_factor: {address: 40}", "more than 4 registers in one request"),
    ("address: 0; quantity: frequency; unit: Hz; topic: '{base}/x'; pointer: /a", "Extra inputs|not permitted"),
]


@pytest.mark.parametrize(("said", "message"), WRONG)
def test_each_fault_is_told_at_its_line(tmp_path: Path, said: str, message: str) -> None:
    write(tmp_path, ENERGY, point(said))
    found = faults(tmp_path)
    assert all(line.startswith("11: ") for line in found)
    assert any(part in line for line in found for part in message.split("|")), found


def test_all_faults_of_all_files_come_at_once(tmp_path: Path) -> None:
    write(tmp_path, point("fc: 5"), point("unit: bar"), ENERGY)
    write(tmp_path, point("type: x"), profile_id="acme-pm200", proof="hearsay")
    assert len(faults(tmp_path)) == 4


def test_points_that_do_not_go_together(tmp_path: Path) -> None:
    overlap = point("quantity: frequency; unit: Hz; address: 11; type: uint16")
    mqtt = (
        '{quantity: voltage_l1, topic: "{base}/x", pointer: /v, unit: V, class: power, source: abc, status: confirmed}'
    )
    write(tmp_path, POWER, POWER, ENERGY, overlap, mqtt, proof="documented")
    assert faults(tmp_path) == [
        "11: points.1: active_power is declared twice; a device has one of each",
        "14: points.4: this point is not modbus: registers have fc, messages a topic",
        "13: points.3: register 11 overlaps another point's as a different number",
        "7: proof.kind: documented means two independent sources; this file names one",
    ]


def test_a_single_source_confirms_nothing(tmp_path: Path) -> None:
    write(tmp_path, point("status: confirmed"))
    assert faults(tmp_path) == ["7: proof.kind: a single source confirms no point; mark them single_source"]


def test_a_profile_without_points_is_none(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_text(path.read_text(encoding="utf-8").replace("points:\n", "points: []\n"), encoding="utf-8")
    assert "at least one point" in faults(tmp_path)[0]


def test_two_points_may_share_one_number(tmp_path: Path) -> None:
    again = point("quantity: dc_power")
    write(tmp_path, POWER, again)
    assert len(load_profile("acme-pm100", tmp_path).fields) == 2


TOPICS = ["{base}", "meter/x", "{base}/+/x", "{base}//x", "{base}/#"]


@pytest.mark.parametrize("topic", TOPICS)
def test_a_topic_starts_at_the_base_and_holds_no_wildcard(tmp_path: Path, topic: str) -> None:
    said = f'topic: "{topic}", pointer: /v, unit: V, class: power, source: abc, status: single_source'
    write(tmp_path, f"{{quantity: voltage_l1, {said}}}", protocol="mqtt")
    assert "without + and #" in faults(tmp_path)[0]


def test_the_hash_is_of_what_is_said_not_of_how(tmp_path: Path) -> None:
    path = write(tmp_path, POWER, ENERGY)
    first = load_profile("acme-pm100", tmp_path).hash
    path.write_text(
        "# a comment\n" + path.read_text(encoding="utf-8").replace("model: PM100", "model:   PM100"), encoding="utf-8"
    )
    assert load_profile("acme-pm100", tmp_path).hash == first
    write(tmp_path, POWER, ENERGY.replace("0.01", "0.1"))
    assert load_profile("acme-pm100", tmp_path).hash != first
    assert len(first) == 64


def test_a_profile_cannot_be_changed(tmp_path: Path) -> None:
    write(tmp_path, POWER)
    profile = load_profile("acme-pm100", tmp_path)
    with pytest.raises(ValueError, match="frozen"):
        profile.unit_id = 2  # type: ignore[misc]


def made(**said: object) -> ModbusPoint:
    base = {
        "quantity": "active_energy_import",
        "fc": 3,
        "address": 7,
        "type": "uint32",
        "unit": "Wh",
        "class": "energy",
    }
    return ModbusPoint.model_validate({**base, "source": "p. 1", "status": "confirmed", **said})


def test_a_point_s_orders_come_from_the_profile_unless_it_has_its_own() -> None:
    assert made().field("little", "big").number == Number(7, "uint32", "CDAB")
    assert made(word_order="big").field("little", "little").number == Number(7, "uint32", "BADC")


@pytest.mark.parametrize(
    ("said", "modulus"),
    [
        ({}, Fraction(2**32, 1000)),
        ({"type": "int32", "scale": 0.01, "unit": "kWh"}, Fraction(2**31, 100)),
        ({"type": "uint64"}, None),
        ({"type": "float32"}, None),
        ({"type": "bcd32"}, Fraction(10**8, 1000)),
        ({"modulus": None}, None),
        ({"modulus": 999999990}, Fraction(99999999, 100)),
        ({"plus": [{"address": 20, "type": "uint32"}]}, None),
        ({"scale_factor": {"address": 9, "nominal": 1}}, Fraction(2**32, 100)),
    ],
)
def test_where_a_counter_is_back_at_zero(said: dict, modulus: Fraction | None) -> None:
    assert made(**said).field("big", "big").modulus == modulus


def test_what_is_added_has_its_own_scale() -> None:
    field = made(plus=[{"address": 20, "type": "uint32", "scale": 10}]).field("big", "big")
    assert field.plus == (Term(Number(20, "uint32"), Fraction(1, 100)),)


def test_fahrenheit_is_an_offset_in_the_printed_unit() -> None:
    field = made(quantity="return_temperature", unit="degF", type="int16", offset=-32).field("big", "big")
    assert 212 * field.factor + field.offset == 100


def test_documented_registers_are_those_of_points_and_areas() -> None:
    profile = load_profile("sunspec-inverter-103")
    assert isinstance(profile, DeviceProfile)
    assert (3, 40069, 40121) in profile.documented
