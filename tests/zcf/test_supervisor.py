"""Children are watched, started again with back-off, stopped on demand, and never outlive their parent."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from tests.zcf.works import SITE
from zcf.supervisor import BACK_OFF_S, ChildError, Supervisor

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(SITE.lstrip(), encoding="utf-8")
    return path


def supervisor(site: Path, *commands: tuple[str, ...]) -> Supervisor:
    return Supervisor(commands, site.parent / "logs", lambda _: None)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False


def wait_until(condition, seconds: float = 90) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.05)


def test_a_killed_child_starts_again_after_a_pause(site: Path):
    with supervisor(site, ("serve", str(site), "--port", "0")).running() as one:
        child = one.child("serve")
        first = child.pid
        os.kill(first, signal.SIGKILL)
        one.watch(150, lambda: child.pid not in {0, first} and child.ready is not None)
        assert child.ready["url"].startswith("http://127.0.0.1:")
        [death] = one.deaths
        assert (death["child"], death["pid"], death["code"]) == ("serve", first, -signal.SIGKILL)
        assert 0 < death["alive_ms"] <= death["at_ms"]
        assert child.ready_ms[1] - death["at_ms"] >= BACK_OFF_S[0] * 1000
        second = child.pid
    wait_until(lambda: not alive(second))


def test_a_child_that_refuses_its_files_ends_everything_with_78(site: Path):
    site.write_text("site: {}\n")
    with pytest.raises(ChildError, match=r"site\.yaml:1: ") as told, supervisor(site, ("collect", str(site))).running():
        pass
    assert told.value.code == 78


def test_a_child_that_is_told_to_stop_stays_away(site: Path):
    with supervisor(site, ("serve", str(site), "--port", "0")).running() as one:
        assert one.child("serve").stop() == 0
        one.watch(1.5)
        assert one.child("serve").pid == 0
        assert one.deaths == []


def test_a_child_dies_with_a_killed_parent(site: Path):
    script = textwrap.dedent(f"""
        from pathlib import Path
        from zcf.supervisor import Supervisor
        one = Supervisor([("serve", {str(site)!r}, "--port", "0")], Path({str(site.parent)!r}) / "logs", print)
        with one.running():
            print(one.child("serve").pid, flush=True)
            one.watch()
    """)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-P", "-c", script]
    parent = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment)
    child = int(parent.stdout.readline())
    assert alive(child)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_until(lambda: not alive(child))


def test_output_that_is_no_readiness_goes_to_the_log(site: Path):
    one = supervisor(site, ("devices", "--json"))
    with pytest.raises(ChildError, match="status 0"), one.running():
        pass
    assert "eastron-sdm630" in (site.parent / "logs" / "devices.log").read_text()
