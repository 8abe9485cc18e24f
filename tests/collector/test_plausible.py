"""What is well formed and cannot be true becomes no reading."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.plausible import Silence
from metering.reading import GapReason
from metering.store.readings_reader import ReadingsReader
from tests.collector.doubles import Ask, device
from tests.collector.sites import accounted, due_by_contract, make_site
from tests.collector.test_agent import GRID_POWER, collecting, reads, reasons, until

POWER, ENERGY, OTHER = ("active_power", "voltage_l1", "frequency"), ("active_energy_import",), ("status_code",)
ZERO, SOME = [b"\0\0\0\0"], [b"\0\0", b"\0\7"]


def test_growatt_309_a_lost_inverter_that_answers_zeros_is_found_out_by_its_energy() -> None:
    silence = Silence()
    assert not silence.broken(1, POWER, SOME)
    assert not silence.broken(2, ENERGY, SOME)
    assert not silence.broken(1, POWER, ZERO)  # as at night: the energy it last told speaks for it
    assert silence.broken(2, ENERGY, ZERO)
    assert silence.broken(1, POWER, ZERO)
    assert silence.broken(3, OTHER, ZERO)
    assert not silence.broken(2, ENERGY, SOME)
    assert not silence.broken(1, POWER, ZERO)


def test_all_in_one_answer() -> None:
    assert Silence().broken(1, POWER + ENERGY, ZERO)
    assert not Silence().broken(1, POWER + ENERGY, SOME)


@pytest.mark.parametrize("quantities", [POWER, ENERGY, OTHER, ("gas_volume", "gas_flow"), ("dc_power", "dc_voltage")])
def test_zeros_that_may_be_true_stay(quantities) -> None:
    """A new meter, a dark inverter, a gas meter of which nothing else is known."""
    assert not Silence().broken(1, quantities, ZERO)


def test_a_new_meter_under_voltage_is_believed() -> None:
    silence = Silence()
    assert not silence.broken(1, POWER, SOME)
    assert not silence.broken(2, ENERGY, ZERO)


@given(st.lists(st.tuples(st.integers(0, 2), st.binary(min_size=2, max_size=8)), max_size=30))
def test_an_answer_with_any_bit_set_is_never_silence(answers) -> None:
    silence = Silence()
    for group, words in answers:
        assert not (silence.broken(group, (POWER, ENERGY, OTHER)[group], [words]) and any(words))


async def test_a_device_whose_gateway_answers_zeros_makes_gaps_and_comes_back(tmp_path: Path) -> None:
    lost = [False]

    async def manner(ask: Ask, writer: asyncio.StreamWriter) -> None:
        data = bytes([ask.function, 2 * ask.count]) + bytes(2 * ask.count)
        writer.write(ask.adu(data) if lost[0] else ask.honest)

    async with device(manner) as meter:
        config = make_site(tmp_path, {"a": (1,)}, port_of={"a": meter.port})
        reader = ReadingsReader(config.store_dir)
        async with collecting(config):
            await until(lambda: reads(reader, "a-1") >= 5)
            lost[0] = True
            asked = len(meter.asks)
            await until(lambda: len(meter.asks) >= asked + 30)
            lost[0] = False
            before = reads(reader, "a-1")
            await until(lambda: reads(reader, "a-1") >= before + 6)
    assert reasons(reader, "a-1")[GapReason.INVALID_VALUE] >= 6
    assert accounted(reader) == due_by_contract(reader)
    assert reader.latest()[GRID_POWER].value == 1.010
    energies = {poll.values for poll in reader.polls_since(0, 10_000) if reader.groups()[poll.group].name == "energy"}
    assert len(energies) == 1  # no zero among them
