"""`zcf check`: the load of a link by hand, and every fault at once."""

import json
from pathlib import Path

import pytest

from collector.profile import load_profile
from metering.config import ConfigError
from metering.reading import Block
from metering.sitefile import load_site
from tests.analytics import month_works
from tests.zcf.typed import run, told
from tests.zcf.works import SITE
from zcf.bench.collect import write_site
from zcf.check import SERIAL, advice, flash_bytes, loads, refuse_overload, refuse_two_paths, turns_ms


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(SITE.lstrip(), encoding="utf-8")
    return path


def test_the_time_of_one_request_on_a_serial_line():
    # 8 + 5 + 2 x 10 characters and twice 3.5 of silence, 10 bits each at 9600 Bd, and 30 ms of latency
    assert SERIAL.ms([Block(3, 0, 10)]) == pytest.approx(40 / 0.96 + 30)


def test_the_load_of_a_link_by_hand(site: Path):
    [load] = loads(load_site(site))
    told = load.body()
    assert told["devices"] == 2
    assert told["requests_per_sweep"] == sum(g.requests for g in load.groups) == 4
    pauses = 2 * sum(load_profile(name).pause_ms for name in ("eastron-sdm630", "acrel-dtsd1352"))
    assert told["bus_share"] == pytest.approx((4 * 20 + pauses) / 60_000, abs=1e-4)
    assert told["fits"] is True
    assert told["values_per_day"] == 2 * (1440 + 1440 + 96)
    assert advice(load) == ""


def test_a_cadence_that_cannot_be_kept_is_told(site: Path):
    site.write_text(site.read_text().replace("power: 60s", "power: 30ms"))
    [load] = loads(load_site(site))
    assert load.body()["fits"] is False
    assert "does not fit" in advice(load)


def test_a_cadence_that_cannot_be_kept_is_refused_with_line_and_mend(site: Path):
    site.write_text(site.read_text().replace("power: 60s", "power: 30ms"))
    config = load_site(site)
    with pytest.raises(ConfigError) as caught:
        refuse_overload(config, loads(config))
    [fault] = caught.value.faults
    assert (
        "links:" in site.read_text().splitlines()[fault.line - 2]
        or "id:" in site.read_text().splitlines()[fault.line - 1]
    )
    assert "more than there is" in fault.message
    assert "times as long" in fault.mend
    refuse_overload(load_site(site.parent / site.name), ())  # nothing to refuse


def test_the_bus_time_of_32_meters_on_one_line_of_9600_baud(tmp_path: Path):
    """18 points of a DTSU666 in its documented areas: 5 requests a meter, by hand."""
    path = tmp_path / "site.yaml"
    names = "".join(
        f"  - {{id: m{n}, profile: chint-dtsu666, link: bus, unit: {n}, every: {{power: 20s, energy: 60s}}}}\n"
        for n in range(1, 33)
    )
    points = "".join(f"  - {{id: p{n}, role: load, parent: grid, device: m{n}}}\n" for n in range(2, 33))
    path.write_text(
        "site: {id: s, timezone: Asia/Shanghai}\nlinks: [{id: bus, type: rtu, path: /dev/ttyUSB0}]\n"
        f"devices:\n{names}points:\n  - {{id: grid, role: grid, device: m1}}\n{points}"
    )
    [load] = loads(load_site(path))
    per_meter = [(g.requests, g.registers) for g in load.groups if g.device == "m1"]
    requests, registers = (sum(pair[i] for pair in per_meter) for i in (0, 1))
    assert load.sweep_ms == pytest.approx(32 * (requests * (20 / 0.96 + 30) + registers * 2 / 0.96))
    assert load.body()["requests_per_sweep"] == 32 * requests
    refuse_overload(load_site(path), [load])
    path.write_text(path.read_text().replace("power: 20s", "power: 1s"))
    config = load_site(path)
    with pytest.raises(ConfigError, match="32 devices ask for"):
        refuse_overload(config, loads(config))


def test_what_the_flash_takes_is_bounded_by_commits_and_rows(site: Path):
    config = load_site(site)
    polls = 2 * (1440 + 96) + 0
    most = polls * 2 * 21_000 + 6 * sum(load.body()["disk_bytes_per_day"] for load in loads(config))
    assert 0 < flash_bytes(config, loads(config)) <= most


def test_t13_it_says_that_nothing_is_read_back_without_a_token_that_reads(site: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("ZCF_INFLUX_READ_TOKEN", "ZCF_INFLUX_READ_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    word = "nor a second gateway under this site id noticed"
    assert told("check", site)["reads_back"] is None
    site.write_text(site.read_text() + "forward: {url: 'http://127.0.0.1:8086'}\n")
    assert word in run("check", site)
    assert told("check", site)["reads_back"] is False
    monkeypatch.setenv("ZCF_INFLUX_READ_TOKEN", "reads")
    assert word not in run("check", site)


def test_it_tells_where_reads_must_take_turns(site: Path, tmp_path: Path):
    assert turns_ms(load_site(site)) == 0
    many = load_site(write_site(tmp_path / "many", list(range(20_001, 20_012)), 1000))  # 220 requests
    assert turns_ms(many) == 909  # eleven turns in the second
    assert "they take turns, the last 909 ms later" in run("check", many.path)
    assert told("check", many.path)["turns_ms"] == 909


def test_the_examples_own_site_file_is_whole():
    example = Path(__file__).parent.parent.parent / "deploy" / "example" / "site.yaml"
    assert all(load.body()["fits"] for load in loads(load_site(example)))
    assert json.dumps([load.body() for load in loads(load_site(example))])


TWO_PATHS = """
  - {id: gas_bill, role: fuel, carrier: natural_gas, activity: natural_gas}
imports:
  - {id: bills, time_column: t, time_format: "%Y-%m-%d", interval: 1d, stamp: start,
     columns: [{column: M, point: gas_bill, quantity: QUANTITY, unit: UNIT}]}
"""


def test_one_fuel_on_two_paths_is_refused_with_its_line_and_one_path_is_not(tmp_path: Path):
    path = tmp_path / "site.yaml"
    path.write_text(month_works.SITE + TWO_PATHS.lstrip("\n").replace("QUANTITY", "fuel_mass").replace("UNIT", "t"))
    config = load_site(path)
    with pytest.raises(ConfigError) as caught:
        refuse_two_paths(config)
    [fault] = caught.value.faults
    assert "id: gas_bill" in path.read_text().splitlines()[fault.line - 1]
    assert "gas.gas_volume (volume)" in fault.message
    assert "gas_bill.fuel_mass (mass)" in fault.message
    assert fault.mend
    path.write_text(month_works.SITE + TWO_PATHS.lstrip("\n").replace("QUANTITY", "gas_amount").replace("UNIT", "m³"))
    refuse_two_paths(load_site(path))
