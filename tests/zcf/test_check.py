"""`zcf check`: the load of a link by hand, and every fault at once."""

import json
from pathlib import Path

import pytest

from collector.profile import load_profile
from metering.reading import Block
from metering.sitefile import load_site
from tests.zcf.works import SITE
from zcf.check import advice, loads, serial_ms


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(SITE.lstrip(), encoding="utf-8")
    return path


def test_the_time_of_one_request_on_a_serial_line():
    # 8 + 5 + 2 x 10 characters and twice 3.5 of silence, 10 bits each at 9600 Bd, and 30 ms of latency
    assert serial_ms(Block(3, 0, 10)) == pytest.approx(40 / 0.96 + 30)


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


def test_the_examples_own_site_file_is_whole():
    example = Path(__file__).parent.parent.parent / "deploy" / "example" / "site.yaml"
    assert all(load.body()["fits"] for load in loads(load_site(example)))
    assert json.dumps([load.body() for load in loads(load_site(example))])
