"""The bootstrap on small checkouts of its own, with one hashed wheel and no network."""

import ast
import hashlib
import os
import runpy
import shutil
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest

BOOTSTRAP = Path(__file__).resolve().parents[2] / "deploy" / "bootstrap.py"
BASE = getattr(sys, "_base_executable", sys.executable)  # the interpreter a user would call, outside .venv
BASE_HAS_PIP = subprocess.run([BASE, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the small checkouts are made for POSIX")

SAYS_WHO = """
    import sys, lamp
    print({"args": sys.argv[1:], "file": __file__, "lamp": lamp.VERSION, "prefix": sys.prefix})
"""
HIDE_ENSUREPIP = """
    import importlib.util as util
    real = util.find_spec
    util.find_spec = lambda name, *rest: None if name == "ensurepip" else real(name, *rest)
"""


class Checkout:
    """A checkout with the real bootstrap, a stand-in for zcf and pytest, and locks that ask for one wheel, `lamp`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.wheels = root.parent / "wheels"  # pip splits its list of places at blanks
        self.wheels.mkdir()
        for folder in ("deploy", "zcf", "hooks", "elsewhere"):
            (root / folder).mkdir(parents=True)
        shutil.copyfile(BOOTSTRAP, root / "deploy/bootstrap.py")
        self.write("hooks/sitecustomize.py", HIDE_ENSUREPIP)
        self.write("zcf/__init__.py", "")
        self.write("zcf/__main__.py", SAYS_WHO)
        self.write("pytest.py", SAYS_WHO)
        for kind in ("", "-edge", "-test"):
            self.lock("1.0", kind)

    def write(self, name: str, text: str) -> None:
        """Write a file of the checkout."""
        (self.root / name).write_text(textwrap.dedent(text), encoding="utf-8")

    def lock(self, version: str, kind: str = "", digest: str | None = None) -> None:
        """Make the wheel of that version and the lock that asks for it."""
        wheel = self.wheels / f"lamp-{version}-py3-none-any.whl"
        if not wheel.exists():
            info = f"lamp-{version}.dist-info"
            with zipfile.ZipFile(wheel, "w") as archive:
                archive.writestr("lamp.py", f"VERSION = {version!r}\n")
                archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: lamp\nVersion: {version}\n")
                archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
                archive.writestr(f"{info}/RECORD", f"lamp.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
        digest = digest or hashlib.sha256(wheel.read_bytes()).hexdigest()
        self.write(f"deploy/requirements{kind}.lock", f"lamp=={version} --hash=sha256:{digest} # {kind or 'runtime'}\n")

    def start(self, *words: str, **env: str) -> subprocess.Popen[str]:
        """Start the bootstrap from another directory; without ensurepip where it can do without, as that is quicker."""
        hidden = {"PYTHONPATH": str(self.root / "hooks")} if BASE_HAS_PIP else {}
        offline = hidden | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [BASE, str(self.root / "deploy/bootstrap.py"), *words]
        outer = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
        pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL, "text": True}
        return subprocess.Popen(command, cwd=self.root / "elsewhere", env=outer | offline | env, **pipe)

    def run(self, *words: str, **env: str) -> tuple[int, str, str]:
        """Run it to its end: exit status, output, errors."""
        child = self.start(*words, **env)
        out, err = child.communicate(timeout=400)
        return child.returncode, out, err


@pytest.fixture
def house(tmp_path: Path) -> Checkout:
    """Make a checkout in a directory whose name has a blank and a quote."""
    return Checkout(tmp_path / "it's a checkout")


def answer(out: str) -> dict[str, object]:
    """The mapping the stand-in printed as its last line."""
    return ast.literal_eval(out.splitlines()[-1])


def test_demo_installs_once_and_passes_every_further_word_on(house: Checkout) -> None:
    status, out, err = house.run("demo", "--days", "2", "--json", PYTHONPATH="")
    assert (status, err) == (0, "")
    assert [line.split(" ")[1] for line in out.splitlines()[:-1]] == ["making", "installing"]
    assert answer(out)["args"] == ["demo", "--days", "2", "--json"]
    assert answer(out)["prefix"] == str(house.root / ".venv")
    status, out, _ = house.run("demo")
    assert (status, len(out.splitlines())) == (0, 1)


def test_test_runs_pytest_in_the_checkout_and_serves_demo_afterwards(house: Checkout) -> None:
    status, out, _ = house.run("test", "--long", "-k", "x")
    assert (status, answer(out)["args"]) == (0, ["--long", "-k", "x"])
    cores = os.cpu_count() or 1
    workers = ["-n", str(min(cores + 1, 5)), "--dist", "loadfile"] if cores > 1 else []
    assert answer(house.run("test")[1])["args"] == workers
    assert answer(out)["file"] == str(house.root / "pytest.py")
    assert "installing" not in house.run("demo")[1]


@pytest.mark.skipif(not BASE_HAS_PIP, reason="the Python below this environment has no pip of its own")
def test_without_ensurepip_the_pip_outside_installs_into_the_environment(house: Checkout) -> None:
    status, out, err = house.run("demo")
    assert (status, answer(out)["lamp"]) == (0, "1.0"), err
    assert not list((house.root / ".venv").rglob("pip"))


def test_a_user_with_settings_of_their_own_gets_the_same(house: Checkout) -> None:
    house.write("elsewhere/zcf.py", "raise SystemExit('the wrong zcf')")
    house.write("elsewhere/lamp.py", "VERSION = 'the wrong lamp'")
    away = {"PIP_TARGET": str(house.root / "hooks"), "PIP_USER": "1", "PIP_REQUIRE_VIRTUALENV": "1"}
    status, out, err = house.run("demo", PYTHONPATH=str(house.root / "elsewhere"), **away)
    assert (status, answer(out)["lamp"]) == (0, "1.0"), err
    assert answer(out)["file"] == str(house.root / "zcf/__main__.py")


def test_a_package_that_is_not_what_was_locked_is_refused_and_the_next_run_goes_on(house: Checkout) -> None:
    house.lock("1.0", digest="0" * 64)
    status, out, err = house.run("demo")
    assert status != 0
    assert "HASHES" in err
    assert "lamp" not in out
    house.lock("1.0")
    assert answer(house.run("demo")[1])["lamp"] == "1.0"


def test_a_changed_lock_is_installed_over_the_old_one(house: Checkout) -> None:
    house.run("install")
    house.lock("1.1")
    status, out, _ = house.run("demo")
    assert (status, answer(out)["lamp"]) == (0, "1.1")
    assert "making" not in out


def test_install_gives_a_command_that_works_from_anywhere(house: Checkout) -> None:
    status, out, _ = house.run("install", "--edge")
    assert status == 0
    assert "requirements-edge.lock" in out
    command = house.root / ".venv/bin/zcf"
    assert out.splitlines()[-1].endswith(str(command))
    (house.root / "elsewhere/json.py").write_text("raise SystemExit('a file of the user, not the library')")
    said = subprocess.check_output([command, "check", "a b"], cwd=house.root / "elsewhere", text=True)
    assert answer(said)["args"] == ["check", "a b"]


def test_two_at_once_install_once(house: Checkout) -> None:
    children = [house.start("install") for _ in range(2)]
    outs = [child.communicate(timeout=400)[0] for child in children]
    assert [child.returncode for child in children] == [0, 0]
    assert sum("installing" in out for out in outs) == 1


@pytest.mark.parametrize("words", [["dmeo"], ["install", "--egde"], ["check", "more"]])
def test_a_word_it_does_not_know_changes_nothing(house: Checkout, words: list[str]) -> None:
    status, out, err = house.run(*words)
    assert (status, out) == (2, "")
    assert " ".join(words) in err
    assert not (house.root / ".venv").exists()


def test_help_says_what_there_is(house: Checkout) -> None:
    assert all(word in house.run("--help")[1] for word in ("demo", "test", "check", "install"))


def test_an_old_python_is_told_so_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    ast.parse(BOOTSTRAP.read_text(encoding="utf-8"), feature_version=(3, 7))
    monkeypatch.setattr(sys, "version_info", (3, 9, 2, "final", 0))
    with pytest.raises(SystemExit, match=r"Python 3\.11 or newer is needed"):
        runpy.run_path(str(BOOTSTRAP))
