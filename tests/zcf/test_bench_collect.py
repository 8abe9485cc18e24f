"""`zcf bench collect` measures what it says it measures; how fast anything is, no test asks."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from collector.agent import Collector
from zcf.bench import contestants
from zcf.bench.bars import of_collecting
from zcf.bench.collect import FORWARDING, US, compare, run_contestant, show, units_of, world, write_site
from zcf.bench.contestants import CONTESTANTS
from zcf.bench.world import REGISTERS, image


def test_simulated_devices_differ():
    assert len(image(0)) == 2 * REGISTERS
    assert image(0) != image(1)


@pytest.mark.parametrize("values", [2000, 61])
def test_more_values_than_a_connection_carries_are_refused(values: int):
    with pytest.raises(ValueError, match="at most"):
        compare(1, values, 1)


def test_values_are_spread_over_as_few_units_as_hold_them():
    assert [units_of(n) for n in (30, 60, 100, 1000)] == [1, 1, 2, 20]


def test_a_contestant_that_fails_is_named_with_its_reason(capsys: pytest.CaptureFixture[str]):
    used, why = run_contestant("nobody", {"seconds": 1})
    assert used == {}
    assert "KeyError: 'nobody'" in why
    head = {"devices": 1, "values_per_device": 1, "seconds": 1, "contestants": {}}
    show(head | {"not_measured": {"nobody": why}}, as_json=False)
    assert "nobody: not measured; it ended with 1: KeyError" in capsys.readouterr().out


def test_a_start_longer_than_the_warm_up_costs_no_second_of_the_measurement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A start slower than warm-up and measurement together left nothing to measure, and the bench fell over."""
    begin = Collector.run

    async def slowly(self: Collector, stop: asyncio.Event, ready: Callable[[], None]) -> None:
        await asyncio.sleep(2.5)
        await begin(self, stop, ready)

    monkeypatch.setattr(Collector, "run", slowly)
    monkeypatch.setattr(contestants, "WARM_UP_S", 0.5)
    with world(2) as (ports, _):
        found = contestants.ours({"site": str(write_site(tmp_path / "site", ports, 10)), "seconds": 2})
    assert found["start_s"] >= 2.5
    assert found["wall_s"] >= 2
    assert found["values"] >= 10


def row(ratio: float | None = None, mb: float = 60, late_ms: float | None = 9.0, due: float = 1.0) -> dict[str, object]:
    return {"cpu_ratio_to_ours": ratio, "cpu_ratio_to_ours_forwarding": ratio, "rss_mb": mb, "jitter_p99_ms": late_ms,
            "due_share": due, "cpu_share": 0.4, "values_per_s": 99_990, "cpu_s_per_million_values": 3.0}  # fmt: skip


def test_a_neighbours_bar_is_met_from_its_ratio_on_and_who_was_not_measured_has_none(
    capsys: pytest.CaptureFixture[str],
):
    rows = {FORWARDING: row(1.0), "pymodbus by block": row(8.0), "Telegraf": row(0.99), "Node-RED": row()}
    found = {"devices": 50, "values_per_device": 100, "seconds": 9, "contestants": rows, "not_measured": {}}
    assert [(bar.what.split()[2], bar.met) for bar in of_collecting(found)] == [("pymodbus", True), ("Telegraf", False)]
    show(found, as_json=False)
    told = capsys.readouterr().out
    assert "MISSED  CPU of Telegraf over ours with forwarding: 1.0 times (bar: 1)" in told
    assert "met     CPU of pymodbus by block over ours with forwarding: 8.0 times (bar: 8)" in told


@pytest.mark.parametrize(
    ("changed", "met"),
    [
        ({}, [True] * 3), ({"due": 0.98}, [False, True, True]), ({"mb": 150.1}, [True, False, True]),
        ({"late_ms": 51.0}, [True, True, False]), ({"late_ms": None}, [True, True]),
    ],
)  # fmt: skip
def test_at_the_ceiling_values_memory_and_lateness_have_bars(changed: dict[str, float], met: list[bool]):
    found = {
        "devices": 100,
        "values_per_device": 1000,
        "contestants": {US: row(**changed), "pymodbus by block": row(9)},
    }
    assert [bar.met for bar in of_collecting(found)] == met


@pytest.mark.long
def test_every_contestant_reads_what_there_is():
    found = compare(2, 10, 4)
    rows = found["contestants"]
    assert set(rows) == set(CONTESTANTS)
    assert rows[US]["cpu_ratio_to_ours"] == 1
    for row in rows.values():
        wall_s = row["values"] / max(row["values_per_s"], 1)  # a busy computer measures longer than it was told
        assert 2 * 10 * 3 <= row["values"] <= 2 * 10 * (wall_s + 2)
        assert row["rss_mb"] > 10
        assert row["jitter_p99_ms"] > 0
    assert set(found["not_measured"]) == {"ThingsBoard gateway", "Node-RED", "Telegraf"}
