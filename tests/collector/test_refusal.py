"""Refused requests (D8, QUIRKS 2.1): found out by halving, once a model, remembered beside the readings."""

import asyncio
import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from collector.datatypes import Number
from collector.fields import Field, Span
from collector.planner import plan
from collector.refusal import Inquiry, Learned, cut_areas
from collector.replanning import joined, load_known, save_known
from metering.reading import Block, GapReason
from metering.sitefile import SiteConfig, load_site
from metering.store.readings_reader import ReadingsReader
from tests.collector.doubles import Ask, device
from tests.collector.sites import make_site
from tests.collector.test_agent import collecting, reads, reasons, until
from tests.collector.test_reload import due_by_ledger, ended


def ask_all(inquiry: Inquiry, holes: set[int]) -> int:
    """Play the device that refuses whatever touches a hole; how many requests it took."""
    asked = 0
    while (block := inquiry.next()) is not None:
        inquiry.told(accepted=holes.isdisjoint(range(block.address, block.address + block.count)))
        asked += 1
        assert asked < 200
    return asked


def test_a_hole_between_two_values_becomes_a_cut() -> None:
    spans = [Span(3, a, a + 2) for a in range(0, 16, 2)]
    inquiry = Inquiry([*spans, Span(3, 20, 22)], Block(3, 0, 22))
    asked = ask_all(inquiry, {17})
    assert inquiry.learned() == (((3, 20),), ())
    assert asked <= 12  # nine values: some four halvings, and as many tries to join what was cut too finely


def test_a_value_that_is_refused_alone_is_told() -> None:
    inquiry = Inquiry([Span(3, a, a + 2) for a in range(0, 12, 2)], Block(3, 0, 12))
    ask_all(inquiry, {5})
    assert inquiry.learned() == (((3, 6),), (Span(3, 4, 6),))


def test_a_device_that_refuses_everything_teaches_nothing() -> None:
    inquiry = Inquiry([Span(3, a, a + 2) for a in range(0, 12, 2)], Block(3, 0, 12))
    ask_all(inquiry, set(range(12)))
    assert not inquiry.answered


@given(st.sets(st.integers(0, 60), min_size=1, max_size=12), st.sets(st.integers(0, 61), min_size=1, max_size=5))
def test_after_learning_every_planned_request_is_answered(starts: set[int], holes: set[int]) -> None:
    fields = [Field("active_power", False, 3, Number(a, "uint16"), 1) for a in sorted(starts)]
    documented = [Span(3, 0, 62)]
    for block in plan(fields, documented=documented):
        if holes.isdisjoint(range(block.address, block.address + block.count)):
            continue
        inquiry = Inquiry([s for f in fields for s in f.spans], block)
        ask_all(inquiry, holes)
        cuts, refused = inquiry.learned()
        inside = [f for f in fields if f.number.address in range(block.address, block.address + block.count)]
        readable = [f for f in inside if not set(f.spans) & set(refused)]
        assert {f.number.address for f in inside} - {f.number.address for f in readable} == holes & {
            f.number.address for f in inside
        }
        for made in plan(readable, documented=[Span(3, block.address, block.address + block.count)], cuts=cuts):
            assert holes.isdisjoint(range(made.address, made.address + made.count))


def test_areas_are_cut_for_their_own_function_alone() -> None:
    assert cut_areas([Span(3, 0, 10), Span(4, 0, 10)], [(3, 4)]) == (Span(3, 0, 4), Span(3, 4, 10), Span(4, 0, 10))


def test_what_is_known_is_kept_whole_and_joined_by_model_and_firmware(tmp_path: Path) -> None:
    one = Learned("m", "h", "1.0", ("a",), ((3, 20),), (Span(3, 4, 6),))
    two = Learned("m", "h", "1.0", ("b",), ((3, 30),))
    other = Learned("m", "h", "2.0", ("c",), ((3, 5),))
    known = joined(joined((one,), two), other)
    save_known(tmp_path, known)
    assert load_known(tmp_path) == known
    assert known[0] == Learned("m", "h", "1.0", ("a", "b"), ((3, 20), (3, 30)), (Span(3, 4, 6),))
    assert known[0].holds_for("m", "h", "b")
    assert not known[0].holds_for("m", "h", "c")
    assert Learned("m", "h").holds_for("m", "h", "whoever")
    (tmp_path / "refused.json").write_text("nonsense")
    assert load_known(tmp_path) == ()


PROFILE = """
id: test-meter
manufacturer: nobody
model: double
category: meter
protocol: modbus
timeout_s: 1
areas: [{fc: 3, first: 0, last: 60}]
points:
  - {quantity: active_power, fc: 3, address: 10, type: uint16, unit: W, class: power, source: "a test", status: single_source}
  - {quantity: voltage_l1, fc: 3, address: 12, type: uint16, unit: V, scale: 0.1, class: power, source: "a test", status: single_source}
  - {quantity: voltage_l2, fc: 3, address: 16, type: uint16, unit: V, scale: 0.1, class: power, source: "a test", status: single_source}
  - {quantity: voltage_l3, fc: 3, address: 18, type: uint16, unit: V, scale: 0.1, class: power, source: "a test", status: single_source}
proof: {kind: single_source, evidence: "a test"}
sources: ["a test"]
"""  # noqa: E501 - one point a line, as in the real profiles


def site(folder: Path, port: int) -> SiteConfig:
    make_site(folder, {"a": (1, 2)}, port_of={"a": port}, every="{power: 100ms}")
    (folder / "profiles" / "test-meter.yaml").write_text(PROFILE.lstrip())
    return load_site(folder / "site.yaml")


async def test_a_refused_block_is_learned_once_for_the_model_and_remembered(tmp_path: Path) -> None:
    async def manner(ask: Ask, writer: asyncio.StreamWriter) -> None:
        refused = ask.address <= 14 < ask.address + ask.count
        writer.write(ask.exception(2) if refused else ask.honest)

    async with device(manner) as meter:
        config = site(tmp_path, meter.port)
        reader = ReadingsReader(config.store_dir)
        async with collecting(config):
            await until(lambda: reads(reader, "a-1") >= 3 and reads(reader, "a-2") >= 3)
        assert ended(reader) == due_by_ledger(reader)
        assert reasons(reader, "a-1")[GapReason.EXCEPTION] >= 3
        assert reader.latest()["grid", "voltage_l3"].value == 101.8
        [kept] = json.loads((config.store_dir / "readings" / "refused.json").read_text())
        assert kept["cuts"] == [[3, 16]]
        before = len(meter.asks)
        async with collecting(config):
            await until(lambda: len(meter.asks) > before + 8)
        assert not [a for a in meter.asks[before:] if a.address <= 14 < a.address + a.count]
        assert len({(a.address, a.count) for a in meter.asks[before:]}) == 2


async def test_d8_busy_is_asked_again_and_never_looked_into(tmp_path: Path) -> None:
    async def manner(ask: Ask, writer: asyncio.StreamWriter) -> None:
        writer.write(ask.exception(6) if ask.number < 8 else ask.honest)

    async with device(manner) as meter:
        config = site(tmp_path, meter.port)
        reader = ReadingsReader(config.store_dir)
        async with collecting(config):
            await until(lambda: reads(reader, "a-1") >= 3)
        assert not (config.store_dir / "readings" / "refused.json").exists()
        assert {(a.address, a.count) for a in meter.asks} == {(10, 9)}
