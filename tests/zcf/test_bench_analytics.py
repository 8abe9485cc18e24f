"""The accounting bench: every contestant comes to the same totals; nothing is asserted about speed."""

import importlib.util
from pathlib import Path

import pytest

from zcf.bench.analytics import compare, keys_of, show, site_of, write_year
from zcf.bench.yearly import by_month, in_batches


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory):
    return write_year(tmp_path_factory.mktemp("bench"), 60, 40, duckdb=False)


def test_in_batches_and_by_month_come_to_the_same_balance(spec):
    one, other = in_batches(spec), by_month(spec)
    assert one["sums"] == other["sums"]
    assert one["kg"] == pytest.approx(other["kg"], rel=1e-12)
    assert one["kg"] > 0


@pytest.mark.long
def test_all_contestants_agree_and_an_absent_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    found = compare(6, 3, 1)
    assert found["equal_totals"]
    assert found["not_measured"] == ([] if importlib.util.find_spec("duckdb") else ["DuckDB"])
    assert list(tmp_path.iterdir()) == []
    show(found, as_json=False)
    printed = capsys.readouterr().out
    assert "equal totals" in printed
    assert all(name in printed for name in found["contestants"])
    assert ("not measured" in printed) == bool(found["not_measured"])


def test_every_counter_has_a_point_of_its_site():
    points = {point.id for point in site_of(12).points}
    assert {point for point, _ in keys_of(12)} == points
    assert len(keys_of(12)) == 12
