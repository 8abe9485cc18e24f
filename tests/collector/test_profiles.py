"""Every profile we ship: sound, plannable, reversible; and what real devices answered decodes to what they showed."""

import json
import math
from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.conversion import line
from collector.datatypes import Number
from collector.fields import Field
from collector.planner import plan
from collector.points import MqttPoint
from collector.profile import PROFILES, DeviceProfile, all_profiles, load_profile
from collector.registers import Decoder, compile_decoder
from metering.quantity import quantity
from metering.reading import MICRO, Block

CAPTURES = Path(__file__).resolve().parent.parent / "captures"
ALL = all_profiles()
MODBUS = [profile for profile in ALL if profile.protocol == "modbus"]
HOLDING, INPUT = 3, 4


def named(profile: DeviceProfile) -> str:
    return profile.id


def capture(name: str) -> Any:
    return json.loads((CAPTURES / name).read_text(encoding="utf-8"), parse_float=Decimal)


@cache
def decoder_of(profile_id: str) -> Decoder:
    profile = load_profile(profile_id)
    blocks = plan(profile.fields, profile.max_registers, profile.documented)
    return compile_decoder(profile.fields, blocks)


def words(image: list[dict[str, Any]], block: Block) -> bytes:
    """The answer a recorded device gives to one request."""
    kind = {HOLDING: "HR", INPUT: "IR"}[block.function]
    for part in image:
        first = block.address - part["base"]
        if part["kind"] == kind and first >= 0 and first + block.count <= len(part["values"]):
            return b"".join(v.to_bytes(2) for v in part["values"][first : first + block.count])
    raise AssertionError(f"the recording does not hold {block}")


def decoded(profile_id: str, recording: str) -> dict[str, int | float | None]:
    decoder = decoder_of(profile_id)
    image = capture(recording)
    values, invalid = decoder.decode([words(image, block) for block in decoder.blocks])
    assert [index for index, _ in invalid] == [index for index, value in enumerate(values) if value is None]
    return dict(zip(decoder.quantities, values, strict=True))


# --- recordings -------------------------------------------------------------------------------------------------------


def test_a_solaredge_of_one_phase_at_work() -> None:
    said = capture("expected.json")["se6000_1ph"]["expected"]
    found = decoded("sunspec-inverter-103", "se6000_1ph.json")
    assert found["active_energy_export"] == int(said["energy_kWh"] * MICRO)
    ours = {
        "active_power": -said["AC_W"] / 1000,
        "current_l1": said["A"],
        "voltage_l1_l2": said["V"],
        "frequency": said["Hz"],
        "apparent_power": said["VA"] / 1000,
        "reactive_power": -said["VAr"] / 1000,
        "power_factor": said["PF_pct"] / 100,
        "dc_current": said["DC_A"],
        "dc_voltage": said["DC_V"],
        "dc_power": said["DC_W"] / 1000,
        "status_code": 4,
    }
    for name, expected in ours.items():
        assert found[name] == pytest.approx(float(expected), rel=1e-12), name


def test_a_solaredge_of_three_phases_asleep() -> None:
    said = capture("expected.json")["se10k_sleeping"]["expected"]
    found = decoded("sunspec-inverter-103", "se10k_sleeping.json")
    assert found["active_energy_export"] == int(said["energy_kWh"] * MICRO)
    assert [found[f"voltage_l{phase}"] for phase in (1, 2, 3)] == [float(v) for v in said["V_LN"]]
    assert (found["active_power"], found["frequency"], found["dc_voltage"], found["status_code"]) == (0, 50.03, 0.8, 2)


def test_a_solar_inverter_tells_what_it_is() -> None:
    image = capture("se10k_sleeping.json")
    plates = {plate.name: plate for plate in load_profile("sunspec-inverter-103").nameplate}
    text = {name: words(image, Block(p.fc, p.address, p.words)).rstrip(b"\0") for name, p in plates.items()}
    assert (text["manufacturer"], text["model"][:5]) == (b"SolarEdge", b"SE10K")


def test_a_grid_meter_behind_a_solis_shows_what_its_display_shows() -> None:
    said = capture("expected.json")["acrel_via_solis"]["expected"]
    found = decoded("solis-meter", "acrel_via_solis.json")
    assert found["active_energy_export"] == int(said["grid_export_kWh"] * MICRO)
    assert found["active_energy_import"] == int(said["grid_import_kWh"] * MICRO)


def test_the_documented_eastron_image() -> None:
    """The image holds float32, the expected file what was put in: they agree to float32's half ulp."""
    said = capture("eastron-sdm630.expected.json")
    decoder = decoder_of("eastron-sdm630")
    found = decoded("eastron-sdm630", "eastron-sdm630.json")
    units = {"kW": 1000, "kvar": 1000, "kVA": 1000}
    seen = set()
    for field in decoder.fields:
        expected = said.get(str(field.number.address))
        value = found[field.quantity]
        if expected is not None and value is not None:
            kept = quantity(field.quantity)
            shown = value / MICRO if field.counter else value * units.get(kept.unit, 1)
            assert shown == pytest.approx(float(expected), rel=2**-24, abs=5e-7), field.quantity
            seen.add(field.number.address)
    # 0..34 by phase are voltage, current, powers, power factor; apparent and reactive power per phase are not read.
    assert {int(address) for address in said} - seen == {18, 20, 22, 24, 26, 28}
    assert found["active_energy_import"] == 123_456_750_000  # 0x47F12060: exact in float32


def at(document: Any, pointer: str) -> Any:
    for name in pointer.split("/")[1:]:
        document = document[name]
    return document


def from_message(point: MqttPoint, message: Any) -> int | float | None:
    field = Field(point.quantity, point.counter, 0, Number(0, "int64"), point.factor, point.offset * point.unit_factor)
    content = at(message, point.pointer)
    return line(field).counter(content) if point.counter else line(field).gauge(float(content))


def test_a_shelly_s_status() -> None:
    status = capture("shelly-pro-3em.json")["status"]
    points = load_profile("shelly-pro-3em-mqtt").messages
    found = {p.quantity: from_message(p, status[p.topic.removeprefix("{base}/status/")]) for p in points}
    assert [found[f"active_power_l{phase}"] for phase in (1, 2, 3)] == [0.3755, 0.1708, 0.0127]
    assert found["active_power"] == 0.558965
    assert found["active_energy_import"] == 2_589_773_390
    assert found["active_energy_export"] == 1_026_610
    assert None not in found.values()


# --- every profile ----------------------------------------------------------------------------------------------------


def test_there_are_enough_and_each_lies_where_it_belongs() -> None:
    assert len(ALL) >= 16
    paths = {path.stem: path.parent.name for path in PROFILES.rglob("*.yaml")}
    assert paths == {profile.id: profile.category for profile in ALL}
    assert len({profile.hash for profile in ALL}) == len(ALL)


@pytest.mark.parametrize("profile", ALL, ids=named)
def test_every_point_has_a_source_and_the_proof_is_not_promoted(profile: DeviceProfile) -> None:
    assert all(point.source for point in profile.points)
    assert all(point.status != "from_memory" for point in profile.points)
    if profile.proof.kind in {"captured", "cross_read"}:
        file = profile.proof.evidence.partition("tests/captures/")[2].split(".json")[0]
        assert (CAPTURES / f"{file}.json").is_file()


@pytest.mark.parametrize("profile", MODBUS, ids=named)
def test_every_profile_can_be_planned_within_its_limits(profile: DeviceProfile) -> None:
    decoder = decoder_of(profile.id)
    assert decoder.quantities == tuple(point.quantity for point in profile.points)
    assert all(block.count <= profile.max_registers for block in decoder.blocks)
    documented = {(s.function, a) for s in profile.documented for a in range(s.start, s.end)}
    assert all((b.function, a) in documented for b in decoder.blocks for a in range(b.address, b.address + b.count))


def plausible(field: Field, draw: Any) -> int | float:
    """A value such as the plant could have, within what the field's registers hold."""
    if field.counter:
        top = int(min((field.modulus or Fraction(10**9)) / 2, Fraction(10**9)) * MICRO)
        return draw(st.integers(MICRO, top))
    return draw(st.floats(0, 100)) * (-1 if field.factor < 0 else 1)


@pytest.mark.parametrize("profile", MODBUS, ids=named)
@given(data=st.data())
def test_what_is_encoded_decodes_to_what_the_registers_can_show(profile: DeviceProfile, data: Any) -> None:
    decoder = decoder_of(profile.id)
    values = [plausible(field, data.draw) for field in decoder.fields]
    first = decoder.decode(decoder.encode(values))
    assert first.invalid == ()
    for field, asked, shown in zip(decoder.fields, values, first.values, strict=True):
        assert isinstance(shown, int | float)
        if field.counter:
            assert shown <= asked
    again = decoder.decode(decoder.encode(first.values))
    for field, one, two in zip(decoder.fields, first.values, again.values, strict=True):
        assert one == two or (not field.counter and math.isclose(one or 0, two or 0, rel_tol=1e-6)), field.quantity


@pytest.mark.parametrize("profile", MODBUS, ids=named)
def test_what_is_not_there_decodes_to_nothing(profile: DeviceProfile) -> None:
    decoder = decoder_of(profile.id)
    values, invalid = decoder.decode(decoder.encode([None] * len(decoder.fields)))
    assert set(values) == {None}
    assert len(invalid) == len(values)


@pytest.mark.parametrize("profile", MODBUS, ids=named)
@given(data=st.data())
def test_no_answer_of_the_right_length_breaks_it(profile: DeviceProfile, data: Any) -> None:
    decoder = decoder_of(profile.id)
    answer = [data.draw(st.binary(min_size=2 * b.count, max_size=2 * b.count)) for b in decoder.blocks]
    values, invalid = decoder.decode(answer)
    assert len(invalid) == sum(value is None for value in values)


# --- what single profiles must not get wrong --------------------------------------------------------------------------


def field_of(profile_id: str, name: str) -> Field:
    return next(field for field in load_profile(profile_id).fields if field.quantity == name)


@pytest.mark.parametrize(
    ("profile_id", "name", "sign"),
    [
        ("huawei-sun2000", "active_power", -1),  # generation positive in the device
        ("huawei-sun2000-meter", "active_power", -1),  # export positive in the device
        ("huawei-luna2000", "active_power", 1),  # charging positive in the device
        ("sunspec-inverter-103", "active_power", -1),
        ("eastron-sdm630", "active_power", 1),
    ],
)
def test_power_is_positive_when_it_flows_in(profile_id: str, name: str, sign: int) -> None:
    assert field_of(profile_id, name).factor * 1000 == sign


def test_a_battery_charges_by_import() -> None:
    assert field_of("huawei-luna2000", "active_energy_import").number.address == 37780
    assert field_of("huawei-luna2000", "active_energy_export").number.address == 37782


@pytest.mark.parametrize("profile_id", ["acrel-dtsd1352", "chint-dtsu666"])
def test_secondary_meters_multiply_currents_powers_and_energies(profile_id: str) -> None:
    for field in load_profile(profile_id).fields:
        flows = field.quantity.startswith(("current", "active", "reactive", "apparent"))
        assert field.secondary == flows, field.quantity


def test_a_huawei_export_counter_may_count_downwards() -> None:
    decoder = decoder_of("huawei-sun2000-meter")
    answer = list(decoder.encode([0.0 if not f.counter else 0 for f in decoder.fields]))
    first = decoder.blocks[0]
    at_export = 2 * (37119 - first.address)
    answer[0] = answer[0][:at_export] + (-12345).to_bytes(4, signed=True) + answer[0][at_export + 4 :]
    assert (
        dict(zip(decoder.quantities, decoder.decode(answer).values, strict=True))["active_energy_export"] == 123_450_000
    )


def test_a_compressor_s_energy_is_the_sum_of_its_four_counters() -> None:
    field = field_of("mam-6080", "active_energy_import")
    assert [(n.address, f) for n, f in [(field.number, field.factor), *field.plus]] == [
        (77, Fraction(1, 10)),
        (79, Fraction(1, 100)),
        (83, Fraction(1, 10)),
        (89, Fraction(1, 100)),
    ]
