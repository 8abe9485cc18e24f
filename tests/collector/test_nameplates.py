"""Nameplates: asked at the start and once a day between reads; another serial number is told until it is declared."""

from pathlib import Path
from typing import cast

import pytest

from collector.committer import committing
from collector.nameplates import DAY_MS, HOUR_MS, Identities, Plates, Texts, load, text_of
from collector.protocols.gate import Asks, NoAnswerError, Request
from collector.unit import Unit
from collector.wiring import wire_site
from metering.reading import GapReason
from metering.store.readings import writing
from metering.store.readings_reader import ReadingsReader
from tests.collector import doubles
from tests.collector.doubles import device
from tests.collector.sites import accounted, due_by_contract, make_site
from tests.collector.test_agent import collecting, reads, until

NAMEPLATE = """
nameplate:
  - {name: serial, fc: 3, address: 900, words: 4, source: "a test"}
  - {name: firmware, fc: 3, address: 910, words: 2, source: "a test"}
points:"""
SERIAL = Request(1, 3, 900, 4)


class Gate:
    """Answers nameplates; `silent` keeps one of them."""

    def __init__(self, texts: dict[int, bytes]) -> None:
        self.texts, self.asked, self.timeouts = texts, list[int](), list[float]()

    def airtime_s(self, _: Request) -> float:
        return 0.0

    async def execute(self, request: Request, timeout_s: float) -> bytes:
        self.asked.append(request.address)
        self.timeouts.append(timeout_s)
        if request.address not in self.texts:
            raise NoAnswerError(GapReason.TIMEOUT, "silent")
        return self.texts[request.address]


def units(folder: Path) -> list[Unit]:
    config = make_site(folder, {"a": (1,)}, port_of={"a": 1502})
    profile = folder / "profiles" / "test-meter.yaml"
    profile.write_text(profile.read_text().replace("\npoints:", NAMEPLATE))
    [link] = wire_site(config)
    found = [Unit(one, {}) for one in link.devices]
    for unit in found:
        unit.answered(0.01, 1)
    return found


async def asked(plates: Plates, gate: Gate, now_ms: int, spare_ms: float) -> bool:
    return await plates.asked(cast(Asks, gate), now_ms, spare_ms)


async def test_each_text_is_asked_once_a_day_where_no_read_is_due_soon(tmp_path: Path) -> None:
    told: list[Texts] = []
    plates = Plates(units(tmp_path), lambda _device, _serial, texts: told.append(texts))
    gate = Gate({900: b"A 17\0\0\0\0", 910: b"2.1 "})
    assert not await asked(plates, gate, 1_000, 50)  # a read is due in 50 ms
    assert await asked(plates, gate, 2_000, 500)
    assert await asked(plates, gate, 3_000, 700)
    assert not await asked(plates, gate, 4_000, 10_000)
    assert told == [{"serial": "A 17", "firmware": "2.1"}]
    assert gate.timeouts == [0.15, 0.15]  # its own, and never more than the time there was
    assert not await asked(plates, gate, 2_000 + DAY_MS, 10_000)
    assert await asked(plates, gate, 3_000 + DAY_MS, 10_000)
    assert gate.asked == [900, 910, 900]


async def test_a_line_that_is_never_free_gives_it_up_after_an_hour_and_one_that_does_not_answer_is_left(
    tmp_path: Path,
) -> None:
    told: list[Texts] = []
    plates = Plates(units(tmp_path), lambda _device, _serial, texts: told.append(texts))
    gate = Gate({910: b"2.1 "})
    assert not await asked(plates, gate, 0, 5)
    late = HOUR_MS + 1
    assert [await asked(plates, gate, late + n, 5) for n in range(5)] == [True, True, True, True, False]
    assert gate.asked == [900, 900, 900, 910]
    assert told == [{"firmware": "2.1"}]


async def test_who_has_not_answered_yet_is_not_asked(tmp_path: Path) -> None:
    [unit] = units(tmp_path)
    unit.patience.failed(0, 10)
    assert not await asked(Plates([unit], lambda *_: None), Gate({}), 0, 10_000)


@pytest.mark.parametrize(("data", "text"), [(b"\0\0", ""), (b"AB12\0x", "AB12\0x"), (b" 7 \0", "7"), (b"\xff\xff", "")])
def test_what_fills_up_a_text_is_no_part_of_it(data: bytes, text: str) -> None:
    assert text_of(data) == text


def test_another_serial_number_is_told_until_the_site_file_knows_it(tmp_path: Path) -> None:
    with writing(tmp_path / "store", "test") as writer, committing(writer, 0.01) as committer:
        folder = writer.path.parent

        def told(found: Identities, declared: str, serial: str) -> list[str]:
            found.told("m1", declared, {"serial": serial, "firmware": "1"})
            committer.call(lambda _: None).result(20)
            return found.faults()

        assert told(Identities(committer), "", "A17") == []
        assert load(folder) == {"m1": {"serial": "A17", "firmware": "1"}}
        for found in (Identities(committer), Identities(committer)):  # a restart does not forget it
            [fault] = told(found, "", "B22")
            assert fault.startswith("m1: serial number B22, not A17: another meter? declare the exchange")
        assert told(found, "B22", "B22") == []
        assert load(folder)["m1"]["serial"] == "B22"
        assert told(found, "B23", "B22") != []
        assert told(found, "", "") == []  # a device that does not say


async def test_the_collector_asks_between_its_reads_and_keeps_the_ledger_whole(tmp_path: Path) -> None:
    async with device() as meter:
        config = make_site(tmp_path, {"a": (1,)}, port_of={"a": meter.port}, every="{power: 1s, energy: 2s}")
        profile = tmp_path / "profiles" / "test-meter.yaml"
        profile.write_text(profile.read_text().replace("\npoints:", NAMEPLATE))
        reader = ReadingsReader(config.store_dir)
        async with collecting(config):
            await until(
                lambda: reads(reader, "a-1") >= 2 and (config.store_dir / "readings" / "nameplates.json").exists(), 60
            )
        assert load(config.store_dir / "readings")["a-1"]["serial"] == text_of(doubles.words(1, 900, 4))
        assert sum(ask.address in {900, 910} for ask in meter.asks) == 2
    assert accounted(reader) == due_by_contract(reader)
