"""Scenarios of the whole product, as users start it: kills, faults, a database that goes away. Minutes long."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from metering.reading import MICRO, SeriesKey
from metering.store.readings import ReadingsWriter
from metering.store.readings_reader import ReadingsReader
from tests.harness.fakeflux import FakeFlux
from tests.zcf.small import EXAMPLE, demo, ended, environment, make_small, reasons_of, run_demo

pytestmark = pytest.mark.long
LATER_S = 30  # faults come so much later: a slow computer takes its time until the first poll


def test_the_example_in_full(tmp_path: Path):
    found = run_demo(tmp_path / "demo", "--days", 2, "--for", 60, seconds=600)
    assert found["faults"] == []
    assert found["counters"] > 50
    assert found["energy"]["max_error_steps"] == 0
    assert found["energy"]["live"]["counters"] == found["energy"]["history"]["counters"] == found["counters"]
    assert found["energy"]["open_items"] == 0
    assert found["carbon"]["relative_error"] < 1e-12
    assert found["ticks"]["due"] == found["ticks"]["read"] + found["ticks"]["gap"] > 2_000
    assert reasons_of(found) == set()
    assert found["messages"]["sent"] == found["messages"]["stored"] > 50
    assert found["page"]["status"] == 200


def test_the_example_with_everything_going_wrong(tmp_path: Path):
    text = (EXAMPLE / "faults.yaml").read_text(encoding="utf-8")
    later = re.sub(r"\bfrom: (\d+)s", lambda found: f"from: {int(found[1]) + LATER_S}s", text)
    (tmp_path / "faults.yaml").write_text(later, encoding="utf-8")
    words = ("--days", 2, "--for", 60 + LATER_S, "--faults", tmp_path / "faults.yaml")
    found = run_demo(tmp_path / "demo", *words, seconds=900)
    assert found["faults"] == []
    assert found["energy"]["max_error_steps"] == 0
    assert found["energy"]["open_items"] >= 3  # a reset and two swaps that nobody declared
    assert found["ticks"]["due"] == found["ticks"]["read"] + found["ticks"]["gap"]
    assert {"timeout", "bad_frame", "exception", "line_down"} <= set(found["ticks"]["reasons"])


def test_a_wrong_ct_and_a_reversed_meter_of_the_plant_are_both_named(tmp_path: Path):
    folder = tmp_path / "demo"
    found = run_demo(folder, "--days", 3, "--for", 20, "--faults", EXAMPLE / "wrong-meters.yaml", seconds=600)
    assert found["faults"] == []
    assert (found["energy"]["max_error_steps"], found["energy"]["open_items"]) == (0, 0)  # nothing looks odd by itself
    today = datetime.now(UTC).astimezone(ZoneInfo("Asia/Shanghai")).date()
    span = f"{today - timedelta(days=3)}..{today}"  # not the year: it may have begun a moment ago
    words = [sys.executable, "-P", "-m", "zcf", "balance", str(folder / "site.yaml"), "--period", span, "--json"]
    told = subprocess.run(words, env=environment(), capture_output=True, text=True, timeout=300, check=True)
    suspects = {one["point"]: one["fault"] for one in json.loads(told.stdout)["suspects"]}
    assert suspects == {"wave_soldering": "factor", "compressor_2": "reversed"}


def child_of(process: "subprocess.Popen[str]", name: str) -> int:
    """The process id of one child of a demo."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return next(
        int(pid) for pid in children if f"zcf\0{name}\0" in Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    )


def wait_for(condition: Callable[[], Any], seconds: float) -> Any:
    until = time.monotonic() + seconds
    while True:
        try:
            if found := condition():
                return found
        except (OSError, StopIteration, ValueError, KeyError, sqlite3.OperationalError):
            pass
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.2)


def committed(folder: Path, where: str = "lane<>3") -> set[tuple[int, int, bytes]]:
    """Every live reading that is durable now."""
    db = sqlite3.connect(f"file:{folder}/store/readings/readings.db?mode=ro", uri=True)
    rows = set(db.execute(f"SELECT grp, time_ms, words FROM poll WHERE {where}"))
    db.close()
    return rows


@pytest.mark.parametrize("name", ["simulate", "collect", "serve"])
def test_a_child_killed_by_force_comes_back_and_nothing_is_lost(tmp_path: Path, name: str):
    folder = make_small(tmp_path / "demo", days=1)
    with demo(folder, "--days", 1) as process:
        wait_for(lambda: len(committed(folder)) > 20, 200)
        wait_for(lambda: live((json.loads((folder / "demo.json").read_text()))["page_port"]), 200)  # all three are up
        before = committed(folder)
        first = child_of(process, name)
        os.kill(first, signal.SIGKILL)
        second = wait_for(lambda: (pid := child_of(process, name)) != first and pid, 100)
        assert second != first
        back_ms = time.time() * 1000
        wait_for(lambda: sum(time_ms > back_ms for _, time_ms, _ in committed(folder)) > 20, 200)
        wait_for(lambda: any(time_ms > back_ms for _, time_ms, _ in committed(folder, "lane=2")), 200)  # the broker too
        wait_for(lambda: live((json.loads((folder / "demo.json").read_text()))["page_port"]), 200)
        found = ended(process)
    assert [(death["child"], death["code"]) for death in found["deaths"]] == [(name, -signal.SIGKILL)]
    assert before <= committed(folder)
    assert found["faults"] == []
    assert found["energy"]["max_error_steps"] == 0
    assert found["energy"]["readings"]["twice"] == found["energy"]["readings"]["invented"] == 0
    assert found["ticks"]["due"] == found["ticks"]["read"] + found["ticks"]["gap"]
    expected = {
        "collect": {"collector_down_unclean"},
        "simulate": {"connect", "line_down", "timeout", "overrun"},
        "serve": set(),
    }[name]
    reasons = reasons_of(found)
    assert reasons <= expected
    assert bool(reasons) == bool(expected)


def test_a_killed_demo_takes_its_children_with_it_and_goes_on_later(tmp_path: Path):
    folder = make_small(tmp_path / "demo", days=1)
    with demo(folder, "--days", 1) as process:
        wait_for(lambda: len(committed(folder)) > 20, 200)
        wait_for(lambda: child_of(process, "serve"), 100)
        children = [child_of(process, name) for name in ("simulate", "collect", "serve")]
        before = committed(folder)
        process.kill()
        process.wait()
    wait_for(lambda: not any(alive(pid) for pid in children), 60)
    found = run_demo(folder, "--days", 1, "--for", 20)
    assert found["faults"] == []
    assert before <= committed(folder)
    assert found["energy"]["max_error_steps"] == 0
    assert reasons_of(found) & {"collector_down_clean", "collector_down_unclean"}


def alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "State:\tZ" not in status.read_text()


def test_the_pages_numbers_move_and_are_fresh(tmp_path: Path):
    folder = make_small(tmp_path / "demo", days=1)
    with demo(folder, "--days", 1) as process:
        port = wait_for(lambda: json.loads((folder / "demo.json").read_text())["page_port"], 200)
        grid: set[int] = set()
        wait_for(lambda: grid.add(shown(port)) or len(grid) >= 4, 200)
        newest = shown(port)
        assert time.time() * 1000 - newest < 60_000
        found = ended(process)
    assert found["faults"] == []


def shown(port: int) -> int:
    """When the value that the page shows for the grid was measured [ms UTC]."""
    return int(live(port)["points"]["grid"]["active_power"]["time_ms"])


def live(port: int) -> dict[str, Any]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/live", timeout=60) as answer:
        return json.load(answer)


@pytest.fixture
def flux() -> Iterator[FakeFlux]:
    found = FakeFlux()
    yield found
    found.stop()


def test_a_database_that_goes_away_for_a_while_has_every_row_afterwards(
    tmp_path: Path, flux: FakeFlux, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("ZCF_INFLUX_TOKEN", FakeFlux.write_token)
    folder = make_small(tmp_path / "demo", days=1)
    site = folder / "site.yaml"
    site.write_text(site.read_text() + f"\nforward: {{url: '{flux.url}', org: {flux.org}}}\n")
    with demo(folder, "--days", 1) as process:
        wait_for(lambda: len(committed(folder)) > 20 and flux.rows(), 200)
        flux.stop()
        before = len(flux.applied)
        time.sleep(60)
        flux.start()
        wait_for(lambda: len(flux.applied) > before, 200)
        found = ended(process)
    assert found["faults"] == []
    finish_delivery(folder)
    assert sent(flux) == stored(folder)


def finish_delivery(folder: Path) -> None:
    """What was stored in the last moment is delivered by the next start of the collector."""
    words = [sys.executable, "-P", "-m", "zcf", "collect", str(folder / "site.yaml")]
    reader = ReadingsReader(folder / "store")
    last = reader.last_seq()
    process = subprocess.Popen(words, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: covers(delivered(folder), last), 300)
    finally:
        process.terminate()
        process.wait()


def delivered(folder: Path) -> list[tuple[int, int]]:
    db = sqlite3.connect(f"file:{folder}/store/readings/readings.db?mode=ro", uri=True)
    rows = db.execute("SELECT first_seq, last_seq FROM delivered ORDER BY first_seq").fetchall()
    db.close()
    return rows


def covers(ranges: list[tuple[int, int]], last: int) -> bool:
    reached = 0
    for first, end in sorted(ranges):
        if first > reached + 1:
            return False
        reached = max(reached, end)
    return reached >= last


def sent(flux: FakeFlux) -> dict[tuple[SeriesKey, int], float]:
    """What the double holds, without the qualities."""
    return {
        ((dict(series[1])["point"], name), time_ns // 10**6): float(value)
        for (series, name, time_ns), value in flux.rows().items()
        if not name.endswith("_quality") or name == "signal_quality"
    }


def stored(folder: Path) -> dict[tuple[SeriesKey, int], float]:
    """What the store holds."""
    reader = ReadingsReader(folder / "store")
    groups, found, seq = reader.groups(), {}, 0
    while polls := reader.polls_since(seq, 5_000):
        seq = polls[-1].seq
        for poll in polls:
            for column, value in zip(groups[poll.group].columns, poll.values, strict=True):
                if value is not None:
                    shown = value / MICRO if isinstance(value, int) else value
                    found[column.key, poll.time_ms] = float(shown)
    return found


def test_a_second_collector_is_refused_while_the_first_one_runs(tmp_path: Path):
    folder = make_small(tmp_path / "demo", days=1)
    with demo(folder, "--days", 1) as process:
        wait_for(lambda: len(committed(folder)) > 5, 200)
        first = child_of(process, "collect")
        words = [sys.executable, "-P", "-m", "zcf", "collect", str(folder / "site.yaml")]
        told = subprocess.run(words, env=environment(), capture_output=True, text=True, timeout=300, check=False)
        assert told.returncode == 1
        assert f"zcf collect site.yaml (pid {first})" in told.stderr
        assert ended(process)["faults"] == []


def test_a_store_somebody_writes_is_not_given_a_past(tmp_path: Path):
    folder = make_small(tmp_path / "demo", days=1)
    writer = ReadingsWriter(folder / "store", "somebody")
    try:
        with demo(folder, "--days", 1, "--for", 10) as process:
            _, complained = process.communicate(timeout=300)
    finally:
        writer.close()
    assert process.returncode == 1
    assert "somebody" in complained
