"""The demo end to end, small: three processes over real sockets and topics, and the judge's words at the end."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from metering.store.readings_reader import ReadingsReader
from metering.store.results import ResultsReader, ResultsWriter
from tests.zcf.small import environment, make_small, reasons_of, run_demo
from zcf.demo import is_whole


def month_is_young() -> bool:
    """In the first quarter-hours of a month at the site, nothing of it is settled yet."""
    now = datetime.now(UTC).astimezone(ZoneInfo("Asia/Shanghai"))
    return now - now.replace(day=1, hour=0, minute=0) < timedelta(minutes=45)


def test_a_long_past_is_judged_when_all_of_it_is_settled(tmp_path: Path):
    writer, reader = ResultsWriter(tmp_path, "test"), ResultsReader(tmp_path)
    writer.write({}, 0, {}, {"settled": {"readings": 9, "backlog": [{"a|b": [0, 1]}]}})
    assert not is_whole(reader)
    writer.write({}, 0, {}, {"settled": {"readings": 9, "backlog": []}})
    assert is_whole(reader)
    writer.close()


@pytest.mark.long
def test_history_then_live_then_judged_then_again(tmp_path: Path):
    folder = make_small(tmp_path / "demo", days=1)
    first = run_demo(folder, "--days", 1, "--for", 15)
    assert first["faults"] == []
    assert first["counters"] > 0
    assert first["energy"]["max_error_steps"] == 0
    assert first["energy"]["live"]["counters"] > 0
    assert first["energy"]["history"]["counters"] > 0
    assert first["carbon"]["lines"] > 0 or month_is_young()
    assert first["carbon"]["relative_error"] < 1e-12
    assert first["ticks"]["due"] == first["ticks"]["read"] + first["ticks"]["gap"] > 0
    assert first["messages"]["sent"] == first["messages"]["stored"] > 0
    assert first["page"]["status"] == 200
    assert first["deaths"] == []

    second = run_demo(folder, "--days", 1, "--for", 8)
    assert second["faults"] == []
    assert second["energy"]["max_error_steps"] == 0
    assert reasons_of(second) >= {"collector_down_clean"}
    assert second["energy"]["readings"]["polls"] > first["energy"]["readings"]["polls"]
    ports = json.loads((folder / "demo.json").read_text())["ports"]
    assert all(f"port: {port}" in (folder / "site.yaml").read_text() for port in ports.values())
    epochs = ReadingsReader(folder / "store").epochs()
    assert [epoch.clean for epoch in epochs] == [True, True]


def test_two_demos_do_not_share_a_folder(tmp_path: Path):
    import fcntl

    folder = make_small(tmp_path / "demo")
    with (folder / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        told = subprocess.run(
            [sys.executable, "-P", "-m", "zcf", "demo", "--dir", str(folder)], env=environment(), capture_output=True,
            text=True, timeout=300, check=False,
        )  # fmt: skip
    assert told.returncode == 1
    assert "another demo runs in" in told.stderr
