"""`zcf bench deliver` and `decode` measure what they say they measure; how fast anything is, no test asks."""

import pytest

from zcf.bench import decode, deliver
from zcf.bench.turns import in_turn, median


def test_contestants_take_turns():
    seen: list[str] = []
    in_turn("abc", 3, lambda name, _: seen.append(name) or {})
    assert "".join(seen) == "abcbcacab"
    assert median([3, 1, 2, 4]) == 2


@pytest.mark.long
def test_every_sender_sends_what_there_is():
    found = deliver.compare(2000, 1)
    rows = found["senders"]
    assert rows[deliver.US]["values"] == 60 * 1000  # two batches went with the connection
    assert rows[deliver.THEM]["values"] == rows[deliver.PRINT_THEM]["values"] == 60 * 100
    assert all(ratio > 0 for ratio in found["ratios"].values())


@pytest.mark.long
def test_both_decoders_are_measured():
    found = decode.compare(400, 1)
    assert found["ratio"] > 0
    assert set(found["cpu_ns_per_value"]) == {"zcf", "convert_from_registers"}
