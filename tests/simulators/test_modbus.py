"""Simulated devices on real sockets, asked by a plain pymodbus client and decoded without our decoder."""

import asyncio
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pymodbus.client import AsyncModbusTcpClient

from collector.profile import load_profile
from simulators.config import DeviceSection, PlantFile
from simulators.device import Moments, Registers, Source
from simulators.faults import Fault
from simulators.modbus import Link
from simulators.plant import Plant
from simulators.truth import TruthLog, read_lines

DEVICES = ("m_reflow_1", "m_placement_1", "inverter_1a", "m_conveyors", "inverter_2a", "h_boiler")
FOREVER = 2**53


def image(section: DeviceSection, plant: Plant, *faults: Fault) -> Registers:
    profile = load_profile(section.profile)
    return Registers(section, profile, Source(section, profile, Moments(plant), faults, 0))


def section(plant_file: PlantFile, name: str) -> DeviceSection:
    return next(d for d in plant_file.devices if d.id == name)


@pytest.fixture
async def served(plant_file: PlantFile, plant: Plant, tmp_path: Path) -> AsyncIterator[tuple[int, Path]]:
    log = TruthLog(tmp_path / "link.jsonl")
    images = [
        image(section(plant_file, name).model_copy(update={"unit": unit}), plant)
        for unit, name in enumerate(DEVICES, 1)
    ]
    link = Link("link", images, log, (), 0)
    port = await link.start("127.0.0.1", 0)
    yield port, tmp_path / "link.jsonl"
    await link.stop()
    log.close()


@pytest.fixture
async def client(served: tuple[int, Path]) -> AsyncIterator[AsyncModbusTcpClient]:
    async with AsyncModbusTcpClient("127.0.0.1", port=served[0], timeout=30, retries=0) as client:
        yield client


def spread(plant: Plant, line: dict, node: str, quantity: str) -> tuple[float, float]:
    """The least and the most a node had in the seconds around a logged answer."""
    values = [plant.at(line["t"] + ms).gauge(node, quantity)[0] for ms in (-2000, -1000, 0)]
    return min(values), max(values)


async def test_a_plain_client_reads_what_the_plant_has(client, served, plant: Plant) -> None:
    answer = await client.read_input_registers(52, count=2, device_id=1)
    [watts] = struct.unpack(">f", struct.pack(">2H", *answer.registers))
    [line] = read_lines(served[1])
    low, high = spread(plant, dict(line), "reflow_1", "active_power")
    assert low - 1e-4 <= watts / 1000 <= high + 1e-4
    assert (line["device"], line["unit"], line["fc"], line["addr"], line["count"]) == ("m_reflow_1", 1, 4, 52, 2)
    assert line["words"] == struct.pack(">2H", *answer.registers).hex()
    assert line["fault"] is None


async def test_a_counter_behind_a_transformer_is_shown_divided(client, served, plant: Plant) -> None:
    answer = await client.read_holding_registers(10, count=2, device_id=2)
    [raw] = struct.unpack(">I", struct.pack(">2H", *answer.registers))
    [line] = read_lines(served[1])
    most = plant.at(line["t"]).counter("placement_1", "active_energy_import")[0] / 1e6
    assert raw == pytest.approx(most / 20 / 0.01, abs=2)
    assert raw * 0.01 * 20 <= most


async def test_generation_is_positive_in_the_inverter(client, plant: Plant, served) -> None:
    answer = await client.read_holding_registers(32080, count=2, device_id=3)
    [watts] = struct.unpack(">i", struct.pack(">2H", *answer.registers))
    [line] = read_lines(served[1])
    low, high = spread(plant, dict(line), "inverter_1a", "active_power")
    assert -high - 1e-3 <= watts / 1000 <= -low + 1e-3


async def test_a_reversed_transformer_shows_consumption_as_export(client) -> None:
    taken = await client.read_holding_registers(4126, count=2, device_id=4)
    given = await client.read_holding_registers(4136, count=2, device_id=4)
    taken_kwh, given_kwh = (struct.unpack(">f", struct.pack(">2H", *a.registers))[0] for a in (taken, given))
    assert taken_kwh == 0 < given_kwh


async def test_what_a_device_does_not_have_is_refused(client) -> None:
    undocumented = await client.read_holding_registers(60_000, count=2, device_id=1)
    wrong_table = await client.read_holding_registers(52, count=2, device_id=1)
    nobody = await client.read_holding_registers(0, count=2, device_id=77)
    written = await client.write_register(52, 1, device_id=1)
    assert [a.exception_code for a in (undocumented, wrong_table, nobody, written)] == [2, 2, 11, 1]


async def test_the_nameplate_can_be_read(client, plant_file: PlantFile) -> None:
    answer = await client.read_holding_registers(30015, count=10, device_id=3)
    text = struct.pack(">10H", *answer.registers).rstrip(b"\0").decode()
    assert text == section(plant_file, "inverter_1a").serial


async def test_two_readers_at_once_each_get_their_own(served) -> None:
    async def read(address: int) -> list[list[int]]:
        async with AsyncModbusTcpClient("127.0.0.1", port=served[0], timeout=30, retries=0) as one:
            return [(await one.read_input_registers(address, count=2, device_id=1)).registers for _ in range(20)]

    frequency, volts = await asyncio.gather(read(70), read(0))
    assert all(45 < struct.unpack(">f", struct.pack(">2H", *r))[0] < 55 for r in frequency)
    assert all(200 < struct.unpack(">f", struct.pack(">2H", *r))[0] < 260 for r in volts)


NOW = 1_795_230_000_000


def energy(registers: Registers, ms: int) -> float:
    words = registers.words(4, 72, 2, NOW + ms)
    assert words is not None
    return float(struct.unpack(">f", struct.pack(">2H", *words))[0])


def test_registers_are_refreshed_once_a_second(plant_file: PlantFile, plant: Plant) -> None:
    registers = image(section(plant_file, "m_burn_in"), plant)
    assert energy(registers, 0) == energy(registers, 999) < energy(registers, 2000)


def test_faults_reach_the_registers(plant_file: PlantFile, plant: Plant) -> None:
    burn_in = section(plant_file, "m_burn_in")
    good = image(burn_in, plant)
    stuck = image(burn_in, plant, Fault("m_burn_in", "stuck", NOW, 5000))
    fresh = image(burn_in, plant, Fault("m_burn_in", "reset", NOW, FOREVER))
    silent = image(burn_in, plant, Fault("m_burn_in", "nan", NOW, 5000))
    assert energy(stuck, 4000) == energy(good, 0) != energy(good, 4000) == energy(image(burn_in, plant), 4000)
    assert energy(stuck, 6000) == energy(good, 6000)
    assert energy(fresh, -1000) == energy(good, -1000)
    assert energy(fresh, 3000) == pytest.approx(energy(good, 3000) - energy(good, 0), abs=0.05)
    assert silent.words(4, 52, 2, NOW) == (0x7FC0, 0)


def test_a_rollover_turns_a_32_bit_wheel_at_the_second(plant_file: PlantFile, plant: Plant) -> None:
    placement = section(plant_file, "m_placement_1")
    turning = image(placement, plant, Fault("m_placement_1", "rollover", NOW, FOREVER))

    def raw(ms: int) -> int:
        high, low = turning.words(3, 10, 2, NOW + ms) or (0, 0)
        return high << 16 | low

    assert raw(-1000) >= 0xFFFFFFF0
    assert raw(0) == 0
    assert raw(3_600_000) < 1000
