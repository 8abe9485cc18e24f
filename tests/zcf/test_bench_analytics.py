"""The accounting bench: every contestant comes to the same totals; nothing is asserted about speed."""

import importlib.util
from pathlib import Path

import pytest

from metering.store import StoreError
from tests.conftest import needs_program
from tests.harness.influx1 import influx1
from zcf.bench import from_influx
from zcf.bench.analytics import START_MS, _energies, compare, keys_of, show, site_of, write_year
from zcf.bench.yearly import CONTESTANTS, WORK, thirds, whole_tree


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory):
    return write_year(tmp_path_factory.mktemp("bench"), 60, 40, duckdb=False)


def test_a_third_of_a_year_at_a_time_comes_to_what_the_counters_rose_by(spec):
    found = whole_tree(spec)
    made = [int(energy.sum()) for energy in _energies(60, 40 * 96)]
    sums = found["sums"]
    assert (sums["grid_import"], sums["grid_export"], sums["generation"]) == tuple(made[:3])
    assert sums["loads"] == sum(made[3:])
    assert found["kg"] > 0


def test_thirds_are_the_year_without_a_gap():
    year = {"start_ms": START_MS, "end_ms": START_MS + 365 * 86_400_000}
    spans = list(thirds(year))
    assert (spans[0][0], spans[-1][1]) == (year["start_ms"], year["end_ms"])
    assert [end for _, end in spans[:-1]] == [start for start, _ in spans[1:]]
    assert len(spans) == 4


@needs_program("influxd")
def test_the_same_year_through_influxdb_comes_to_the_same_balance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(from_influx.TOKEN, "any")
    made = write_year(tmp_path, 6, 40, duckdb=False)
    (tmp_path / "influx").mkdir()
    with influx1(tmp_path / "influx") as url:
        where = {"url": url, "org": "zcf", "bucket": "readings"}
        year = (keys_of(6), START_MS, list(_energies(6, 40 * 96)))
        assert from_influx.fill(where, "bench-6x40", *year)
        assert not from_influx.fill(where, "bench-6x40", *year)
        found = from_influx.into_zcf({**made, "influx": where, "influx_site": "bench-6x40"})
    settled = whole_tree(made)
    assert found["sums"] == settled["sums"]
    assert found["kg"] == pytest.approx(settled["kg"], rel=1e-12)


def test_a_database_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(from_influx.TOKEN, "any")
    where = {"url": "http://127.0.0.1:9", "org": "zcf", "bucket": "readings"}
    with pytest.raises(StoreError, match=r"127\.0\.0\.1:9"):
        from_influx.fill(where, "bench-6x3", keys_of(6), START_MS, list(_energies(6, 3 * 96)))


@pytest.mark.long
def test_all_contestants_agree_and_an_absent_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    found = compare(6, 3, 1)
    assert found["equal_totals"]
    absent = set() if importlib.util.find_spec("duckdb") else {"DuckDB"}
    assert set(found["not_measured"]) == {*absent, "InfluxDB as the source"}
    assert list(tmp_path.iterdir()) == []
    show(found, as_json=False)
    printed = capsys.readouterr().out
    assert "equal totals" in printed
    assert all(name in printed for name in found["contestants"])
    assert "InfluxDB as the source: not measured: no --influx given" in printed
    assert ("DuckDB: not measured" in printed) == bool(absent)


def test_every_counter_has_a_point_of_its_site():
    points = {point.id for point in site_of(12).points}
    assert {point for point, _ in keys_of(12)} == points
    assert len(keys_of(12)) == 12


def test_the_work_of_every_contestant_is_told():
    assert set(WORK) == set(CONTESTANTS)
