"""The past goes the whole way but the socket: what it stores is what a live device would have answered."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from collector.profile import load_profile
from collector.wiring import wire_site
from metering.quantity import Kind, quantity
from metering.sitefile import load_site
from metering.store.packing import Packing
from metering.store.readings import ReadingsWriter
from metering.store.readings_reader import ReadingsReader
from simulators.config import PlantFile
from simulators.device import Moments, Registers, Source
from simulators.faults import Fault
from simulators.history import Track, history, times, tracks, write_history
from simulators.plant import Plant
from simulators.truth import read_history

EXAMPLE = Path(__file__).parents[2] / "deploy/example"
SITE = load_site(EXAMPLE / "site.yaml")


@pytest.fixture(scope="module")
def groups(plant_file: PlantFile) -> tuple[Track, ...]:
    return tracks(plant_file, wire_site(SITE))


def test_quarters_then_minutes_and_nothing_outside() -> None:
    start, end = 1_795_000_123_000, 1_795_200_000_000 + 59_000
    read = times(start, end)
    fine = end - 86_400_000
    assert read[0] % 900_000 == 0
    assert start <= read[0] < start + 900_000
    assert (np.diff(read[read < fine]) == 900_000).all()
    assert (np.diff(read[read >= fine]) == 60_000).all()
    assert end - 60_000 <= read[-1] < end


WRONG = (
    Fault("m_compressor_2", "reversed", 0, 2**53), Fault("m_pv_2", "reversed", 0, 2**53),
    Fault("m_wave_soldering", "ct", 0, 2**53, factor=Fraction(11, 10)),
    Fault("s_office", "ct", 0, 2**53, factor=Fraction(9, 10)),
)  # fmt: skip


@pytest.mark.parametrize(
    "faults",
    [pytest.param((), id="sound"), pytest.param(WRONG, id="wrongly connected", marks=pytest.mark.long)],
)
def test_history_is_what_the_live_device_shows(
    plant_file: PlantFile, plant: Plant, groups, midnight_ms: int, faults: tuple[Fault, ...]
) -> None:
    start = midnight_ms + 11 * 3_600_000
    moments = Moments(plant)
    live = {}
    for rows in history(plant_file, groups, start, start + 120_000, faults):
        for row in rows:
            track = groups[row.group]
            if track.group.topic:
                continue
            profile = load_profile(track.section.profile)
            mine = [fault for fault in faults if fault.target == track.section.id]
            registers = live.setdefault(
                track.section.id, Registers(track.section, profile, Source(track.section, profile, moments, mine))
            )
            values = track.group.decoder.decode(read_as_planned(registers, track, row.time_ms)).values
            assert Packing(track.group.group).pack(values) == row.values, track.section.id


def read_as_planned(registers: Registers, track: Track, time_ms: int) -> list[bytes]:
    read = [registers.words(b.function, b.address, b.count, time_ms) for b in track.group.group.blocks]
    return [b"".join(word.to_bytes(2) for word in words or ()) for words in read]


def test_a_store_full_of_history_holds_the_truth(
    plant_file: PlantFile, plant: Plant, midnight_ms: int, tmp_path: Path
) -> None:
    start, end = midnight_ms + 86_400_000 - 1_800_000, midnight_ms + 86_400_000 + 300_000  # across midnight
    writer = ReadingsWriter(tmp_path, "test")
    seen: list[int] = []
    count = write_history(writer, plant_file, SITE, start, end, tmp_path / "history.bin", progress=seen.append)
    writer.close()
    read = times(start, end)
    reader = ReadingsReader(tmp_path)
    truth = list(read_history(tmp_path / "history.bin"))
    assert count == len(truth) == len(read) * len(tracks(plant_file, wire_site(SITE))) > 0
    assert seen[-1] == read[-1]
    assert [t.time_ms for t in truth] == sorted(t.time_ms for t in truth)
    for point, node, name in (
        ("reflow_1", "reflow_1", "active_energy_import"),
        ("boards_2_lts", "line_2_lts", "product_count"),
        ("gas", "gas_meter", "gas_volume"),
        ("boiler_heat", "boiler_heat", "heat_energy"),
    ):
        true = np.concatenate([s.counter(node, name) for s in plant.samples(read)])
        column = reader.ranges([(point, name)], start, end)[(point, name)]
        info = reader.infos()[(point, name)][0]
        assert info.origin == "history"
        assert column.time_ms.tolist() == read.tolist()
        for one, value in zip(true.tolist(), column.value.tolist(), strict=True):
            assert 0 <= Fraction(one - value, 10**6) <= info.step(value)


def test_gauges_come_through_close_to_the_truth(plant_file: PlantFile, plant: Plant, groups, midnight_ms: int) -> None:
    start = midnight_ms + 13 * 3_600_000
    [rows] = history(plant_file, groups, start, start + 60_000)
    sample = plant.at(start)
    for row in rows:
        track = groups[row.group]
        values = Packing(track.group.group).unpack(row.values)
        for wire, value in zip(track.group.wires, values, strict=True):
            assert value is not None, (track.section.id, wire.field.quantity)
            if quantity(wire.field.quantity).kind is Kind.GAUGE and wire.field.quantity != "status_code":
                true = sample.gauge(track.section.node, wire.field.quantity)[0]
                assert value == pytest.approx(true, rel=2e-3, abs=0.6), (track.section.id, wire.field.quantity)


def test_a_wheel_that_turns_live_was_near_its_end_in_the_past(plant_file: PlantFile, groups, midnight_ms: int) -> None:
    start = midnight_ms + 5 * 3_600_000
    file = plant_file.model_copy(update={"start_ms": start + 600_000})
    [rows] = history(file, groups, start, start + 600_000, [Fault("m_placement_2", "rollover", 0, 2**53)])
    index = next(n for n, t in enumerate(groups) if t.section.id == "m_placement_2" and t.group.group.name == "energy")
    first = Packing(groups[index].group.group).unpack(next(r for r in rows if r.group == index).values)[0]
    modulus = groups[index].group.wires[0].field.modulus
    assert 0 < modulus * 10**6 - first < 20 * 10**6
