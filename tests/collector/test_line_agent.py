"""The collector on a serial line: units share it, a dead one at nobody's cost; unplugged, it comes back by its path."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from metering.config import ConfigError
from metering.reading import GapReason
from metering.sitefile import SiteConfig, load_site
from metering.store.readings_reader import ReadingsReader
from tests.collector import doubles
from tests.collector.beat import beating
from tests.collector.sites import accounted, due_by_contract, make_site
from tests.collector.test_agent import collecting, reads, reasons, until
from tests.harness.ptyrelay import PtyLine, meters


def unit(number: int) -> Callable[[int, int, int], bytes | int]:
    return lambda _function, address, count: doubles.words(number, address, count)


def line(folder: Path, units: tuple[int, ...]) -> PtyLine:
    return PtyLine(meters({n: unit(n) for n in units}), baud=57_600, turnaround_s=0.003, link=folder / "rs485")


def site(folder: Path, units: tuple[int, ...], every: str, timeout_s: float = 0.3) -> SiteConfig:
    paths = {"bus": str(folder / "rs485")}
    return make_site(folder, {"bus": units}, port_of={}, path_of=paths, every=every, timeout_s=timeout_s)


async def with_a_dead_unit(folder: Path, times: int) -> tuple[Counter[str], int]:
    """Eight units, the third dead: the ticks each lost once that was known, and how often the dead one was asked."""
    with line(folder, (1, 2, 4, 5, 6, 7, 8)) as bus:
        config = site(folder, tuple(range(1, 9)), "{power: 1s, energy: 10s}")
        reader = ReadingsReader(config.store_dir)
        async with collecting(config), beating() as beat:
            await until(lambda: reads(reader, "bus-8") >= 2, 60)
            since_ms = max(one.time_ms for one in reader.latest().values())
            await until(lambda: reads(reader, "bus-8") >= 2 + times, 120)
        assert accounted(reader) == due_by_contract(reader)
        groups = reader.groups()
        lost: Counter[str] = Counter()
        for gap in reader.gaps(since_ms, 2**60)[0]:
            device = groups[gap.group].device
            if gap.reason is not GapReason.COLLECTOR_DOWN_CLEAN and (device == "bus-3" or not beat.excuses(gap)):
                lost[device] += gap.ticks  # not counted: what was due at the very end, what this computer held up
        shown = {f"p-bus-{n}": n + 0.01 for n in range(2, 9)} | {"grid": 1.01}
        assert all(one.value == shown[key[0]] for key, one in reader.latest().items() if key[1] == "active_power")
        return lost, sum(request[0] == 3 for _, request in bus.asked)


async def test_r6_a_dead_unit_on_a_line_is_left_alone_and_the_others_are_read(tmp_path: Path) -> None:
    lost, asked = await with_a_dead_unit(tmp_path, 6)
    assert lost["bus-3"] >= 4
    assert asked <= 8  # of two groups due each second or ten


@pytest.mark.long
async def test_r6_a_dead_unit_among_eight_on_a_line_costs_the_others_less_than_5_percent(tmp_path: Path) -> None:
    lost, _ = await with_a_dead_unit(tmp_path, 40)
    del lost["bus-3"]
    assert lost.total() <= 0.05 * 7 * 44, lost


async def test_r4_an_unplugged_adapter_is_line_down_and_its_polls_resume_under_its_path(tmp_path: Path) -> None:
    with line(tmp_path, (1, 2)) as bus:
        config = site(tmp_path, (1, 2), "{power: 200ms, energy: 10s}")
        reader = ReadingsReader(config.store_dir)
        async with collecting(config):
            await until(lambda: reads(reader, "bus-2") >= 3)
            bus.unplug()
            await until(lambda: reasons(reader, "bus-1")[GapReason.LINE_DOWN] >= 5, 40)
            bus.replug()
            before = reads(reader, "bus-1")
            await until(lambda: reads(reader, "bus-1") >= before + 3, 40)
        assert accounted(reader) == due_by_contract(reader)


def test_what_a_site_file_says_of_serial_lines_is_checked_with_line_and_mend(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text("""site: {id: works, timezone: Asia/Shanghai}
links:
  - {id: a, type: rtu, path: /dev/ttyUSB0}
  - {id: b, type: rtu, path: /dev/ttyUSB0, baud: 19200, parity: E}
  - {id: c, type: rtu-over-tcp, host: 10.0.0.9, port: 4196, baud: 2400}
devices:
  - {id: m0, profile: eastron-sdm630, link: a, unit: 0}
  - {id: m1, profile: eastron-sdm630, link: c, unit: 250}
points: []
""")
    with pytest.raises(ConfigError) as caught:
        load_site(tmp_path / "site.yaml")
    told = {fault.line: str(fault) for fault in caught.value.faults}
    assert "already link 'a'" in told[4]
    assert "put all devices of a line on one link" in told[4]
    assert "a serial line has units 1..247" in told[7]
    assert 8 in told


def test_a_line_without_its_path_and_a_gateway_without_its_port_are_told(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text("""site: {id: works, timezone: Asia/Shanghai}
links:
  - {id: a, type: rtu, port: 502}
  - {id: b, type: rtu-over-tcp}
  - {id: c, type: rtu, path: /dev/ttyS0, parity: X}
""")
    with pytest.raises(ConfigError) as caught:
        load_site(tmp_path / "site.yaml")
    assert [(fault.line, fault.message.split(":")[0]) for fault in caught.value.faults] == [
        (3, "links.0.path"), (4, "links.1.port"), (5, "links.2.parity"),
    ]  # fmt: skip


def test_the_time_of_a_character(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text("""site: {id: works, timezone: Asia/Shanghai}
links:
  - {id: a, type: rtu, path: /dev/ttyS0}
  - {id: b, type: rtu-over-tcp, port: 4196, baud: 19200, parity: E}
  - {id: c, type: tcp, port: 502}
""")
    a, b, c = load_site(tmp_path / "site.yaml").file.links
    assert a.character_ms == pytest.approx(10 / 9.6)
    assert b.character_ms == pytest.approx(11 / 19.2)
    assert c.character_ms is None
