"""The harness itself: a smoke run is green, its judge knows nothing of the product, its guard tells a synced file."""

import ast
import os
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import needs_program
from tests.harness import mutants
from tests.harness.bounds import HAPPENED
from tests.harness.evidence import Check
from tests.harness.guard import Disk, available
from tests.harness.judge import TIMELY, VOID, show
from tests.harness.subject import ROOT
from tests.harness.tiers import MUTANTS, TIERS

HERE = Path(__file__).parent
JUDGING = ["judge", "evidence", "ticks", "values", "delivery", "bounds", "plan", "devices", "chaos", "converter",
           "ptyrelay", "record"]  # fmt: skip
PRODUCT = {"metering", "collector", "analytics", "simulators", "zcf"}


@pytest.mark.parametrize("module", JUDGING)
def test_the_judge_and_the_devices_share_no_code_with_the_product(module: str):
    tree = ast.parse((HERE / f"{module}.py").read_text())
    named = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    named += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    assert {name.partition(".")[0] for name in named} & PRODUCT == set()


WRITER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA journal_mode=WAL"); db.execute("PRAGMA synchronous=" + sys.argv[2])
db.execute("CREATE TABLE t(a)"); db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
for n in range(50): db.execute("INSERT INTO t VALUES (?)", (n,))
print("written", flush=True); sys.stdin.read()
"""


@pytest.mark.parametrize(("mode", "kept"), [("FULL", 50), ("NORMAL", 0)])
def test_a_power_cut_by_the_guard_leaves_what_was_synced(tmp_path: Path, mode: str, kept: int):
    if reason := available():
        pytest.skip(f"no guard here: {reason}")
    ours, theirs = socket.socketpair()
    words = [sys.executable, "-m", "tests.harness.guard", str(theirs.fileno()), sys.executable, "-c", WRITER]
    process = subprocess.Popen(
        [*words, str(tmp_path / "x.db"), mode], pass_fds=[theirs.fileno()], cwd=ROOT,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    theirs.close()
    _, fds, _, _ = socket.recv_fds(ours, 16, 1)
    disk = Disk(tmp_path)
    disk.watch(fds[0])
    assert process.stdout is not None
    assert process.stdout.readline() == b"written\n"
    process.kill()
    process.communicate()
    ours.close()
    lost = disk.power_cut()
    assert bool(lost) == (kept == 0)
    with sqlite3.connect(tmp_path / "x.db") as db:
        assert db.execute("SELECT count(*) FROM t").fetchone()[0] == kept


def test_every_mutant_is_there_and_has_acts_that_must_find_it_out():
    assert MUTANTS.keys() == mutants.MUTANTS.keys()
    assert len(MUTANTS) == 14
    names = {check.partition(" ")[0] for check in ["I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I10", "I11"]}
    for acts, broken in MUTANTS.values():
        assert acts
        assert broken
        assert set(broken) <= names


def test_what_must_have_happened_can_be_looked_for():
    for tier in TIERS.values():
        assert {*tier.must, *tier.guarded, *tier.imaged} <= HAPPENED.keys()


def test_a_run_in_which_nothing_happened_is_no_acquittal():
    empty = Check("I1 of nothing")
    assert not empty.passed


def green(folder: Path, tier: str, seed: int, most_s: int) -> None:
    words = [sys.executable, "-m", "tests.harness", "--tier", tier, "--seed", str(seed), "--keep", str(folder)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=most_s, check=False)
    assert done.returncode in (0, VOID), done.stdout + done.stderr
    if done.returncode == VOID:
        pytest.skip(f"nothing is wrong, but promises about time were not proved: {done.stdout.splitlines()[-1]}")


def test_a_starved_computer_makes_promises_about_time_void_and_no_others() -> None:
    checks = [Check("I2 x", 1, ["invented"]), Check("I4 x", 1, ["no cause"], void=True), Check("I8 x", 1, void=True)]
    assert show(checks) == 1
    assert show(checks[1:]) == 0
    assert not any(
        name.startswith(TIMELY) for name in ("I1 every", "I2 nothing", "I3 nothing", "I5 ", "I6 ", "I7 ", "I11 ")
    )


@pytest.mark.long
@needs_program("mosquitto")
def test_the_smoke_tier_is_green(tmp_path: Path):
    """The mutants take a quarter of an hour: they are run by hand (docs/how-to/prove.md)."""
    green(tmp_path / "run", "smoke", 1, 1800)


@pytest.mark.long
@pytest.mark.skipif("ZCF_CHAOS" not in os.environ, reason="takes a quarter of an hour and a quiet machine: ZCF_CHAOS=1")
@needs_program("mosquitto")
def test_p10_the_chaos_tier_is_green_and_nothing_grows(tmp_path: Path):
    """P10, P7, K8: I10 looks at files, threads and memory of each life; `--minutes 120` makes the soak of it."""
    green(tmp_path / "run", "chaos", 1, 3600)
