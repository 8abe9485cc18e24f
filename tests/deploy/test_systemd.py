"""The units: hardened by systemd's own reckoning, with the paths, users and words that the product has."""

import configparser
import os
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.conftest import require
from zcf.__main__ import app

UNITS = Path(__file__).resolve().parents[2] / "deploy" / "systemd"
NAMES = ("zcf-collector.service", "zcf-analytics.service")
HIGHEST = 30  # tenths of systemd's exposure level


def service(name: str) -> dict[str, list[str]]:
    """The settings of [Service]; some may be given more than once."""
    found: dict[str, list[str]] = {}
    section = ""
    for line in (UNITS / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line
        elif section == "[Service]" and line and not line.startswith("#"):
            key, value = line.split("=", 1)
            found.setdefault(key, []).append(value)
    return found


@pytest.mark.needs_program("systemd-analyze")
@pytest.mark.parametrize("name", NAMES)
def test_systemd_finds_little_to_expose(name: str):
    words = [require("systemd-analyze"), "security", "--offline=true", "--no-pager", f"--threshold={HIGHEST}"]
    done = subprocess.run([*words, UNITS / name], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-400:] + done.stderr


@pytest.mark.needs_program("systemd-analyze")
@pytest.mark.parametrize("name", NAMES)
def test_systemd_understands_every_line(name: str, tmp_path: Path):
    program = tmp_path / "zcf"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    text = (UNITS / name).read_text(encoding="utf-8").replace("/opt/zcf/current/.venv/bin/zcf", str(program))
    (tmp_path / name).write_text(text)
    words = [require("systemd-analyze"), "verify", "--man=no", "--recursive-errors=no", str(tmp_path / name)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", NAMES)
def test_a_unit_starts_a_command_that_there_is(name: str):
    program, command, *words = shlex.split(service(name)["ExecStart"][0])
    assert program == "/opt/zcf/current/.venv/bin/zcf"
    told = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).output
    assert all(word in told for word in words if word.startswith("--"))


def test_systemd_waits_for_the_daemon_that_tells_it_and_for_no_other():
    collector, analytics = (service(name) for name in NAMES)
    assert (collector["Type"], analytics["Type"]) == (["notify"], ["exec"])
    assert "WatchdogSec" in collector
    assert "WatchdogSec" not in analytics
    assert collector["RestartPreventExitStatus"] == analytics["RestartPreventExitStatus"] == ["78"]


def test_the_collector_tells_systemd_that_it_is_ready_alive_and_stopping(tmp_path: Path):
    shutil.copy(UNITS.parent / "example" / "site.yaml", tmp_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(str(tmp_path / "notify"))
        line.settimeout(60)
        told = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "ZCF_STORE": str(tmp_path / "store")}
        words = [sys.executable, "-m", "zcf", "collect", str(tmp_path / "site.yaml")]
        with subprocess.Popen(words, cwd=UNITS.parents[1], env=os.environ | told, stdout=subprocess.DEVNULL) as process:
            heard = list(iter(lambda: line.recv(200), b"READY=1"))
            process.terminate()
            heard += iter(lambda: line.recv(200), b"STOPPING=1")
    assert set(heard) <= {b"WATCHDOG=1"}
    assert process.returncode == 0


def test_each_writes_its_own_folders_alone():
    collector, analytics = (service(name) for name in NAMES)
    assert collector["ReadWritePaths"] == ["/var/lib/zcf/readings"]
    assert analytics["ReadWritePaths"] == ["/var/lib/zcf/results /var/lib/zcf/entries"]
    assert analytics["ReadOnlyPaths"] == ["/var/lib/zcf/readings"]
    assert collector["User"] != analytics["User"]
    assert collector["Group"] == analytics["Group"] == ["zcf"]
    assert "127.0.0.1" in analytics["ExecStart"][0]


@pytest.mark.parametrize(
    ("drop_in", "variable"),
    [("forward.conf", "ZCF_INFLUX_TOKEN_FILE"), ("readback.conf", "ZCF_INFLUX_READ_TOKEN_FILE")],
)
def test_the_drop_ins_take_the_tokens_as_credentials(drop_in: str, variable: str):
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNITS / drop_in, encoding="utf-8")
    credential, path = parser["Service"]["LoadCredential"].split(":")
    assert parser["Service"]["Environment"] == f"{variable}=%d/{credential}"
    assert path == f"/etc/zcf/secrets/{credential}"
