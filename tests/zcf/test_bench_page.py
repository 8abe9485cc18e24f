"""`zcf bench page` measures what it says it measures; how fast anything is, no test asks."""

import json

import pytest

from zcf.bench.crowd import DRIPPING, IDLE
from zcf.bench.page import ages_ms, compare, show
from zcf.bench.paint import VIEWS, lacking


def test_the_age_of_a_reading_is_from_its_time_to_its_arrival():
    points = {
        "grid": {"active_power": {"value": 1.0, "time_ms": 9_000}, "voltage_l1": {"value": 2.0, "time_ms": 9_400}}
    }
    assert ages_ms(b"data: " + json.dumps({"points": points}).encode(), 10_000) == [1_000, 600]


@pytest.mark.parametrize("line", [b"event: live\n", b"retry: 2000\n", b'data: {"now_ms":5}\n', b"\n"])
def test_what_brings_no_reading_has_no_age(line: bytes):
    assert ages_ms(line, 10_000) == []


@pytest.mark.long
@pytest.mark.needs_program("chromium")
def test_a_demo_is_asked_and_its_ticks_are_looked_at(capsys: pytest.CaptureFixture[str]):
    found = compare(5, 1, 12)
    assert found["asked"] >= found["answered"] > 0
    assert found["updates"] > 0
    assert all(found["collector_late_ms"][span]["p99"] is not None for span in ("quiet", "loaded", "crowded"))
    assert found["crowd"]["opened"] >= IDLE + DRIPPING
    assert found["crowd"]["answer_ms"]["p50"] > 0
    seen = found["browser"]
    assert 0 < seen["first_paint_ms"] <= seen["contentful_ms"] <= seen["numbers_ms"]
    assert set(seen["layout_shift"]) == set(VIEWS)
    assert seen["painted_age_ms"]["p50"] > 0
    show(found, as_json=False)
    assert "first paint" in capsys.readouterr().out


def test_without_a_browser_the_bench_says_what_is_missing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert "chromium" in lacking()
