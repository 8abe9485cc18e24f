"""`zcf bench collect` measures what it says it measures; how fast anything is, no test asks."""

import pytest

from zcf.bench.collect import US, compare, units_of
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


@pytest.mark.long
def test_every_contestant_reads_what_there_is():
    found = compare(2, 10, 4)
    rows = found["contestants"]
    assert set(rows) == set(CONTESTANTS)
    assert rows[US]["cpu_ratio_to_ours"] == 1
    for row in rows.values():
        assert 2 * 10 * 3 <= row["values"] <= 2 * 10 * 6
        assert row["rss_mb"] > 10
        assert row["jitter_p99_ms"] > 0
    assert set(found["not_measured"]) == {"ThingsBoard gateway", "Node-RED", "Telegraf"}
