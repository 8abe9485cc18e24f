"""The whole tree passes ruff and mypy --strict, and the locks are what pyproject.toml asks for."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKS = ("requirements.lock", "requirements-edge.lock", "requirements-test.lock")


def said_by(*words: str) -> str:
    """Run a Python module on the tree; nothing when it is content, else what it said."""
    done = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def pinned(lock: str) -> dict[str, set[str]]:
    """Name -> versions of a lock; universal locks may hold one version for each Python."""
    pins: dict[str, set[str]] = {}
    text = (ROOT / "deploy" / lock).read_text()
    for name, version in re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==(\S+)", text, re.MULTILINE):
        pins.setdefault(name, set()).add(version)
    return pins


def names(requirements: list[str]) -> set[str]:
    """The bare project names of requirement lines, spelt as in a lock."""
    return {re.split(r"[^\w.-]", line, maxsplit=1)[0].replace(".", "-") for line in requirements}


def test_ruff_is_content() -> None:
    assert said_by("ruff", "check", "--quiet", ".") == ""


def test_mypy_strict_is_content() -> None:
    assert said_by("mypy") == ""


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_is_hashed_and_the_lock_names_no_host(lock: str) -> None:
    text = (ROOT / "deploy" / lock).read_text()
    entries = re.split(r"\n(?=\S)", "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#")))
    assert [entry for entry in entries if entry.strip() and "--hash=sha256:" not in entry] == []
    assert re.findall(r"https?:|--index|--find-links|--extra-index|file:", text) == []


def test_a_larger_lock_serves_where_a_smaller_one_is_asked_for() -> None:
    runtime, edge, test = (pinned(lock) for lock in LOCKS)
    assert edge.items() <= runtime.items() <= test.items()


def test_the_locks_hold_what_pyproject_asks_for() -> None:
    project, groups = PROJECT["project"], PROJECT["dependency-groups"]
    runtime = names(project["dependencies"]) | names(project["optional-dependencies"]["demo"])
    assert runtime <= pinned("requirements.lock").keys()
    assert runtime | names(groups["test"]) <= pinned("requirements-test.lock").keys()
    assert names(groups["edge"]) <= pinned("requirements-edge.lock").keys()
    assert set(groups["edge"]) <= set(project["dependencies"])


def test_a_gateway_is_spared_pandas_and_the_web_server() -> None:
    assert pinned("requirements-edge.lock").keys() & {"numpy", "pandas", "fastapi", "uvicorn", "amqtt"} == set()


def test_there_is_a_lock_for_the_oldest_python_and_for_the_newest() -> None:
    assert PROJECT["project"]["requires-python"] == ">=3.11"
    assert len(pinned("requirements.lock")["numpy"]) == 2  # numpy's newest wants 3.12
