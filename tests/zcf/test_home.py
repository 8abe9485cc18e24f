"""A demo's folder: ports chosen once and kept, faults fixed at the first start, the past written once."""

import socket
from datetime import date
from pathlib import Path

import pytest
import typer

from metering.config import ConfigError
from metering.sitefile import load_site
from metering.store import StoreLockedError
from metering.store.readings import ReadingsWriter
from metering.store.readings_reader import ReadingsReader
from simulators.config import load_plant
from tests.zcf.small import make_small
from zcf.commands.demonstration import usual_folder
from zcf.home import DAY_MS, Home, utc_ms


def ports_of(home: Home) -> dict[str, int]:
    plant = {link.id: link.port for link in load_plant(home.plant).links}
    assert plant == {link.id: link.port for link in load_site(home.site).file.links}
    return plant


def test_the_example_is_copied_with_free_ports_and_a_date(tmp_path: Path):
    home, now = Home(tmp_path / "demo"), utc_ms()
    home.folder.mkdir()
    home.prepare(30, None, now)
    plant = load_plant(home.plant)
    assert plant.anchor * DAY_MS < now - 31 * DAY_MS
    assert plant.start_ms is not None
    assert plant.start_ms > now
    assert len(set(ports_of(home).values())) == len(plant.links)
    assert "# An electronics works" in home.site.read_text(encoding="utf-8")
    days = {n.retrofitted for n in plant.nodes if n.improvement}  # into its own past, in both files alike
    done = {row["done"] for row in load_site(home.site).file.measures if "done" in row}
    assert days == {(day - date(1970, 1, 1)).days for day in done} == {now // DAY_MS - 10}


def test_ports_are_kept_while_they_are_free(tmp_path: Path):
    home = Home(make_small(tmp_path / "demo"))
    home.prepare(2, None, utc_ms())
    first = ports_of(home)
    home.prepare(2, None, utc_ms())
    assert ports_of(home) == first
    taken = next(iter(first.values()))
    with socket.create_server(("127.0.0.1", taken)):
        home.prepare(2, None, utc_ms())
    second = ports_of(home)
    assert taken not in second.values()
    assert len(set(first.values()) & set(second.values())) == len(first) - 1


def test_the_pages_port_is_kept_too(tmp_path: Path):
    home = Home(make_small(tmp_path / "demo"))
    assert home.page_port(12_345) == 12_345
    first = home.page_port(None)
    assert home.page_port(None) == first
    with socket.create_server(("127.0.0.1", first)):
        assert home.page_port(None) != first


def test_a_folder_has_the_faults_of_its_first_start(tmp_path: Path):
    home = Home(make_small(tmp_path / "demo"))
    faults = tmp_path / "faults.yaml"
    faults.write_text("faults: [{target: m_grid, fault: stuck, from: 1s, for: 2s}]\n")
    with pytest.raises(typer.BadParameter, match="other faults"):
        home.prepare(2, faults, utc_ms())
    fresh = Home(tmp_path / "other")
    fresh.folder.mkdir()
    fresh.prepare(2, faults, utc_ms())
    fresh.prepare(2, faults, utc_ms())
    fresh.prepare(2, None, utc_ms())
    assert fresh.faults.read_text() == faults.read_text()


def test_a_demo_with_faults_lives_beside_the_sound_one():
    assert usual_folder(None) == Path(".zcf")
    assert usual_folder(Path("deploy/example/faults.yaml")) == Path(".zcf-faults")


def test_bad_faults_are_told_with_their_line(tmp_path: Path):
    faults = tmp_path / "faults.yaml"
    faults.write_text("faults:\n  - {target: nobody, fault: stuck, from: 1s, for: 2s}\n")
    home = Home(tmp_path / "demo")
    home.folder.mkdir()
    with pytest.raises(ConfigError, match=r"faults\.yaml:2: "):
        home.prepare(2, faults, utc_ms())


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(make_small(tmp_path / "demo", days=1))
    made.prepare(1, None, utc_ms())
    return made


def count(home: Home) -> int:
    reader = ReadingsReader(home.folder / "store")
    return sum(read for read, _ in reader.counts().values())


def test_the_past_is_written_once(home: Home):
    told: list[int] = []
    polls = home.write_past(1, utc_ms(), told.append)
    assert polls == count(home) > 1000
    assert told[-1] == max(told)
    assert home.write_past(1, utc_ms(), told.append) == 0
    assert count(home) == polls


def test_a_past_that_was_broken_off_is_written_again(home: Home):
    with pytest.raises(KeyboardInterrupt):
        home.write_past(1, utc_ms(), _interrupted)
    assert "history" not in home.state
    assert home.write_past(1, utc_ms(), lambda _: None) == count(home)


def test_faults_count_from_the_first_live_moment_and_go_on(tmp_path: Path):
    home = Home(make_small(tmp_path / "demo", faults="faults: [{target: m_grid, fault: stuck, from: 1s, for: 2s}]\n"))
    home.prepare(2, None, utc_ms())
    anchor = load_plant(home.plant).anchor
    home.begin(1_790_000_000_000)
    home.begin(1_790_000_099_000)
    plant = load_plant(home.plant)
    assert (plant.anchor, plant.start_ms) == (anchor, 1_790_000_005_000)


def _interrupted(_: int) -> None:
    raise KeyboardInterrupt


def test_somebody_elses_readings_stay(home: Home):
    writer = ReadingsWriter(home.folder / "store", "somebody")
    with pytest.raises(StoreLockedError, match="somebody"):
        home.write_past(1, utc_ms(), lambda _: None)
    writer.close()
    home.write_past(1, utc_ms(), lambda _: None)
    home._state.unlink()
    before = count(home)
    assert home.write_past(1, utc_ms(), lambda _: None) == 0
    assert count(home) == before


def test_two_in_one_folder_are_refused(home: Home):
    with home.occupied(), pytest.raises(StoreLockedError, match="another demo runs in"), Home(home.folder).occupied():
        pass
