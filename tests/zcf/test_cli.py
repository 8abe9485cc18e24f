"""The command line as people and machines meet it: exit status, faults with file and line, JSON."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import pytest

from metering.store.readings import ReadingsWriter
from metering.store.results import ResultsWriter
from tests.zcf.works import SITE, Works

ROOT = Path(__file__).parent.parent.parent


def zcf(*words: object, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run one command to its end."""
    kept = {name: value for name, value in os.environ.items() if name != "ZCF_STORE"}
    ours = {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", "NO_COLOR": "1", "COLUMNS": "120"}
    return subprocess.run(
        [sys.executable, "-P", "-m", "zcf", *map(str, words)], capture_output=True, text=True, timeout=300, check=False,
        env={**kept, **ours, **environment},
    )  # fmt: skip


def test_wrong_words_are_2():
    assert zcf("nonsense").returncode == 2
    assert zcf("check").returncode == 2
    assert zcf("demo", "--days", "-1").returncode == 2


def test_help_names_every_command():
    told = zcf("--help")
    assert told.returncode == 0
    for name in ("demo", "check", "devices", "simulate", "collect", "serve", "run", "balance", "score", "bench"):
        assert f" {name} " in told.stdout


def test_a_good_site_file_is_0(works: Works):
    told = zcf("check", works.folder / "site.yaml", "--json")
    assert (told.returncode, told.stderr) == (0, "")
    body = json.loads(told.stdout)
    assert body["ok"] is True
    assert [link["id"] for link in body["links"]] == ["hall"]


BAD = """
site: {id: works, timezone: Asia/Nowhere}
links: [{id: hall, type: tcp, port: 5020}]
devices:
  - {id: m_grid, profile: eastron-sdm630, link: hal, unit: 1}
  - {id: m_grid, profile: eastron-sdm63O, link: hall, unit: 1, evry: 5s}
points: []
"""


@pytest.mark.parametrize("command", [("check",), ("collect",), ("serve",), ("balance",), ("score",), ("run",)])
def test_a_bad_site_file_is_78_everywhere_and_the_store_is_untouched(tmp_path: Path, command: Sequence[str]):
    site = tmp_path / "site.yaml"
    site.write_text(BAD.lstrip(), encoding="utf-8")
    told = zcf(*command, site)
    assert told.returncode == 78
    assert told.stdout == ""
    assert f"{site}:1: " in told.stderr
    assert f"{site}:5: " in told.stderr
    assert " -> " in told.stderr
    assert not (tmp_path / "store").exists()


def test_a_missing_site_file_is_78(tmp_path: Path):
    told = zcf("check", tmp_path / "none.yaml")
    assert told.returncode == 78
    assert "none.yaml:1: cannot read the file" in told.stderr


def test_a_profile_that_is_not_there_is_told_at_its_device(works: Works):
    site = works.folder / "site.yaml"
    site.write_text(site.read_text().replace("acrel-dtsd1352", "acrel-dtsd135"))
    told = zcf("check", site)
    assert told.returncode == 78
    assert f"{site}:6: " in told.stderr
    assert "acrel-dtsd1352" in told.stderr


def test_a_second_collector_is_refused_naming_the_first(works: Works):
    writer = ReadingsWriter(works.config.store_dir, "the first one")
    try:
        told = zcf("collect", works.folder / "site.yaml")
    finally:
        writer.close()
    assert told.returncode == 1
    assert "the first one" in told.stderr
    assert str(os.getpid()) in told.stderr
    assert "Traceback" not in told.stderr


def test_a_second_server_is_refused_naming_the_first(works: Works):
    writer = ResultsWriter(works.config.store_dir, "the first one")
    try:
        told = zcf("serve", works.folder / "site.yaml", "--port", "0")
    finally:
        writer.close()
    assert told.returncode == 1
    assert "the first one" in told.stderr


def test_devices_and_their_proof():
    told = zcf("devices", "--json")
    assert told.returncode == 0
    profiles = json.loads(told.stdout)["profiles"]
    assert len(profiles) >= 12
    assert {p["proof"] for p in profiles} <= {"captured", "cross_read", "documented", "single_source"}
    assert "eastron-sdm630" in zcf("devices").stdout


def test_the_balance_of_a_period(works: Works):
    told = zcf("balance", works.folder / "site.yaml", "--period", "2026-09", "--json")
    assert (told.returncode, told.stderr) == (0, "")
    lines = json.loads(told.stdout)["lines"]
    assert {line["method"] for line in lines} == {"LB", "MB"}
    assert "kgCO2/kWh" in zcf("balance", works.folder / "site.yaml", "--period", "2026-09").stdout


def test_a_period_nobody_can_read_is_2(works: Works):
    told = zcf("balance", works.folder / "site.yaml", "--period", "last week")
    assert told.returncode == 2
    assert "2026-10" in told.stderr


def test_the_store_may_lie_elsewhere(works: Works, tmp_path: Path):
    other = tmp_path / "other"
    works.config.store_dir.rename(other)
    told = zcf("balance", works.folder / "site.yaml", "--period", "2026-09", "--json", ZCF_STORE=str(other))
    assert json.loads(told.stdout)["lines"]


def test_a_running_collector_has_nothing_heavy_loaded_and_stops_at_once(tmp_path: Path):
    site = tmp_path / "site.yaml"
    site.write_text(SITE.lstrip(), encoding="utf-8")
    words = [sys.executable, "-P", "-m", "zcf", "collect", str(site), "--modules"]
    kept = {name: value for name, value in os.environ.items() if name != "ZCF_STORE"}
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**kept, "PYTHONPATH": str(ROOT)}
    )
    ready = json.loads(process.stdout.readline())
    process.terminate()
    process.communicate(timeout=90)
    assert process.returncode == 0
    assert ready["ready"] is True
    assert "collector.agent" in ready["modules"]
    assert set(ready["modules"]) & {"numpy", "pandas", "fastapi", "uvicorn", "influxdb_client", "analytics"} == set()


def test_the_steel_year_by_the_command_line(tmp_path: Path):
    example, data = ROOT / "deploy" / "example" / "steel.yaml", ROOT / "tests" / "data" / "Steel_industry_data.csv"
    told = zcf("import", example, data, "--json", ZCF_STORE=str(tmp_path))
    assert told.returncode == 0
    body = json.loads(told.stdout.splitlines()[-1])
    assert body["energy_kwh"] == 959636.71
    assert len(body["months"]) == 12


def test_a_bad_csv_is_78_and_the_store_is_untouched(tmp_path: Path):
    bad = tmp_path / "bad.csv"
    bad.write_text("date,Usage_kWh\n01/01/2018 00:15,many\n")
    told = zcf("import", ROOT / "deploy" / "example" / "steel.yaml", bad, ZCF_STORE=str(tmp_path / "store"))
    assert told.returncode == 78
    assert "bad.csv:1: " in told.stderr
    assert not (tmp_path / "store").exists()


def test_one_box_is_two_children_that_stop_with_it(tmp_path: Path):
    site = tmp_path / "site.yaml"
    site.write_text(SITE.lstrip(), encoding="utf-8")
    words = [sys.executable, "-P", "-m", "zcf", "run", str(site), "--port", "0"]
    kept = {name: value for name, value in os.environ.items() if name != "ZCF_STORE"}
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**kept, "PYTHONPATH": str(ROOT)}
    )
    ready = json.loads(process.stdout.readline())
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    with urllib.request.urlopen(ready["url"] + "/healthz", timeout=90) as answer:
        assert answer.status == 200
    process.terminate()
    process.communicate(timeout=90)
    assert process.returncode == 0
    assert len(children) == 2
    assert not any(Path(f"/proc/{pid}").exists() for pid in children)
