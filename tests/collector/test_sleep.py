"""PV plants at night: asleep where they fell silent without producing, in the dark; a fault everywhere else."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from collector import unit
from collector.sleep import is_silence, may_be_dark, produced_nothing
from metering.period import to_ms
from metering.reading import GapReason
from metering.sitefile import SiteConfig, load_site
from metering.store.readings_reader import ReadingsReader
from tests.collector.doubles import device
from tests.collector.sites import accounted, due_by_contract, make_site
from tests.collector.test_agent import collecting, reads, reasons, until

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(("hour", "dark"), [(0, True), (6, True), (9, True), (10, False), (14, False), (15, True)])
def test_the_hours_that_may_be_dark(hour: int, dark: bool) -> None:
    moment = datetime(2026, 12, 21, hour, 30, tzinfo=SHANGHAI).astimezone(UTC)
    assert may_be_dark(to_ms(moment), SHANGHAI) is dark


def test_what_is_silence_and_what_is_a_wrong_answer() -> None:
    assert is_silence(GapReason.TIMEOUT, None)
    assert is_silence(GapReason.EXCEPTION, 0x0B)
    assert not is_silence(GapReason.EXCEPTION, 2)
    assert not is_silence(GapReason.CRC, None)


def test_production_is_not_nothing() -> None:
    assert produced_nothing([], None)
    assert produced_nothing([None], 100.0)
    assert produced_nothing([-0.9], 100.0)
    assert not produced_nothing([-1.1], 100.0)
    assert not produced_nothing([-0.1], None)


async def silenced(folder: Path, monkeypatch: pytest.MonkeyPatch, *, dark: bool, idle: bool) -> ReadingsReader:
    """An inverter that answers for a while and then no more."""
    monkeypatch.setattr(unit, "may_be_dark", lambda _ms, _zone: dark)
    if idle:
        monkeypatch.setattr("collector.sleep.IDLE_KW", 10.0)  # the double always shows 1.01 kW
    async with device() as plant:
        make_site(folder, {"a": (1,)}, port_of={"a": plant.port})
        profile = folder / "profiles" / "test-meter.yaml"
        profile.write_text(profile.read_text().replace("category: meter", "category: inverter"))
        config = make_site_again(folder)
        reader = ReadingsReader(config.store_dir)
        async with collecting(config):
            await until(lambda: reads(reader, "a-1") >= 3)

            async def mute(*_: object) -> None:
                pass

            plant.manner = mute
            await until(lambda: reasons(reader, "a-1").total() >= 5)
    assert accounted(reader) == due_by_contract(reader)
    return reader


def make_site_again(folder: Path) -> SiteConfig:

    return load_site(folder / "site.yaml")


async def test_an_idle_inverter_that_falls_silent_in_the_dark_is_asleep(tmp_path: Path, monkeypatch) -> None:
    found = reasons(await silenced(tmp_path, monkeypatch, dark=True, idle=True), "a-1")
    assert found[GapReason.ASLEEP] >= 4
    assert found[GapReason.TIMEOUT] == 0


async def test_one_that_falls_silent_in_the_middle_of_production_is_not(tmp_path: Path, monkeypatch) -> None:
    found = reasons(await silenced(tmp_path, monkeypatch, dark=True, idle=False), "a-1")
    assert found[GapReason.TIMEOUT] >= 4
    assert found[GapReason.ASLEEP] == 0


async def test_nor_is_one_by_day(tmp_path: Path, monkeypatch) -> None:
    found = reasons(await silenced(tmp_path, monkeypatch, dark=False, idle=True), "a-1")
    assert found[GapReason.TIMEOUT] >= 4
    assert found[GapReason.ASLEEP] == 0
