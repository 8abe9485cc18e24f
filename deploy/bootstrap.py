#!/usr/bin/env python3
"""Make .venv in this checkout from a hashed lock and run the product in it; needs Python and pip, nothing else.

python3 deploy/bootstrap.py demo [...]         the simulated factory, live; further words go to `zcf demo`
python3 deploy/bootstrap.py test [...]         the test suite; further words go to pytest, --long among them
python3 deploy/bootstrap.py check              ruff and mypy alone
python3 deploy/bootstrap.py install [--edge]   the environment and its `zcf` command; --edge: what a gateway needs
"""

import contextlib
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

if sys.platform != "win32":
    import fcntl

# Nothing above or in the syntax of this file needs a newer Python than 3.6, so that an old one gets this far.
if sys.version_info < (3, 11):  # noqa: UP036 - this line is what states the floor
    newer = [f"python3.{minor}" for minor in range(11, 20) if shutil.which(f"python3.{minor}")]
    hint = f"try: {newer[-1]} {' '.join(sys.argv)}" if newer else "install Python 3.11 or newer"
    sys.exit(f"bootstrap: Python 3.11 or newer is needed, this is {sys.version.split()[0]}; {hint}")

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
STAMP = VENV / "zcf-installed"

RUNTIME, EDGE, TEST = (ROOT / "deploy" / f"requirements{kind}.lock" for kind in ("", "-edge", "-test"))
LOCKS = {"demo": RUNTIME, "test": TEST, "check": TEST, "install": RUNTIME, "install --edge": EDGE}
# The locks come from one resolution, so a larger set serves where a smaller one is asked for.
SUFFICES = {EDGE: (EDGE, RUNTIME, TEST), RUNTIME: (RUNTIME, TEST), TEST: (TEST,)}

# Settings of the user's own that would lead a module or a package past .venv; indexes, proxies, certificates stay.
STRAYING = {"PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT"}
STRAYING |= {"PIP_PYTHON", "PIP_REQUIREMENT", "PIP_CONSTRAINT", "PIP_NO_DEPS", "PIP_DRY_RUN", "PIP_REQUIRE_VIRTUALENV"}


def main(argv: list[str]) -> int:
    """Prepare the environment for the command, then hand over to it; returns the exit status."""
    command, rest = (argv[0], argv[1:]) if argv else ("help", [])
    if command in ("help", "-h", "--help"):
        print(__doc__)
        return 0
    lock = LOCKS.get(" ".join(argv) if command in ("install", "check") else command)
    if lock is None:
        print(f"bootstrap: no command {' '.join(argv)!r}\n\n{__doc__}", file=sys.stderr)
        return 2
    prepare(lock)
    if command == "install":
        say(f"ready: {BIN / 'zcf'}")
        return 0
    if command == "check":
        return max(run(PYTHON, "-m", tool, *words, cwd=ROOT) for tool, *words in (["ruff", "check", "."], ["mypy"]))
    if command == "test":
        os.chdir(ROOT)
        return hand_over("-m", "pytest", *side_by_side(rest), *rest)
    return hand_over("-P", "-m", "zcf", "demo", *rest)


def side_by_side(words: list[str]) -> list[str]:
    """The everyday suite runs on workers by the file, one more than cores as many wait; picked, long tests on one."""
    cores = os.cpu_count() or 1
    return [] if words or cores < 2 else ["-n", str(min(cores + 1, 5)), "--dist", "loadfile"]


def prepare(lock: Path) -> None:
    """Bring .venv to what the lock says, unless its stamp shows that it is there already."""
    with only_one():
        stamp = STAMP.read_text(encoding="utf-8") if STAMP.exists() else ""
        if stamp not in [stamp_of(enough) for enough in SUFFICES[lock]] or not PYTHON.exists():
            if not stamp.startswith(interpreter()) or not PYTHON.exists():
                make_venv()
            STAMP.unlink(missing_ok=True)  # from here on an interruption means: do it again
            install(lock)
            STAMP.write_text(stamp_of(lock), encoding="utf-8")
        link_checkout()


def interpreter() -> str:
    """Identify what a .venv is bound to: this interpreter and the place of the checkout."""
    return hashlib.sha256(f"{sys.version}|{sys.base_prefix}|{VENV}".encode()).hexdigest()


def stamp_of(lock: Path) -> str:
    """Return what STAMP holds once this interpreter has installed this lock."""
    return f"{interpreter()} {hashlib.sha256(lock.read_bytes()).hexdigest()}"


def make_venv() -> None:
    """Make an empty .venv, without its own pip where Debian's python3-venv is missing."""
    say(f"making .venv with Python {sys.version.split()[0]}")
    plain = [sys.executable, "-m", "venv", "--clear", str(VENV)]
    if importlib.util.find_spec("ensurepip") and run(*plain, quiet=True) == 0:
        return
    if importlib.util.find_spec("venv") is None or run(*plain, "--without-pip") != 0:
        sys.exit("bootstrap: this Python cannot make a virtual environment; on Debian: apt install python3-venv")


def install(lock: Path) -> None:
    """Install the hashed lock with the pip of .venv, or else with the one of this interpreter."""
    say(f"installing {lock.relative_to(ROOT)} into .venv, every package checked against its hash")
    if run(PYTHON, "-c", "import pip", quiet=True) == 0:
        pip = [str(PYTHON), "-m", "pip"]
    elif importlib.util.find_spec("pip"):
        pip = [sys.executable, "-m", "pip", "--python", str(PYTHON)]
    else:
        sys.exit("bootstrap: pip is missing; on Debian: apt install python3-venv (or python3-pip)")
    if run(*pip, "install", "--quiet", "--no-input", "--require-hashes", "-r", str(lock)) != 0:
        sys.exit("bootstrap: pip could not install the packages (its reason is above); run the command again to retry")


def link_checkout() -> None:
    """Make the checkout's packages importable in .venv from any directory, and give it a `zcf` command."""
    base = {"base": str(VENV), "platbase": str(VENV)}
    write_if_changed(Path(sysconfig.get_path("purelib", "venv", base)) / "zcf-checkout.pth", f"{ROOT}\n")
    if os.name == "nt":
        write_if_changed(BIN / "zcf.cmd", '@"%~dp0python.exe" -P -m zcf %*\n')
        return
    write_if_changed(BIN / "zcf", f'#!/bin/sh\nexec {shell_quoted(PYTHON)} -P -m zcf "$@"\n')
    (BIN / "zcf").chmod(0o755)


def write_if_changed(path: Path, text: str) -> None:
    """Write the text unless the file already holds it."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def shell_quoted(path: Path) -> str:
    """Return the path as one word of sh."""
    return "'" + str(path).replace("'", "'\\''") + "'"


def environment() -> dict[str, str]:
    """Return the user's environment without what would lead past .venv."""
    kept = {name: value for name, value in os.environ.items() if name not in STRAYING}
    return kept | {"PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def run(*command: object, cwd: Path | None = None, quiet: bool = False) -> int:
    """Run a command to its end and return its exit status."""
    sys.stdout.flush()
    sink = subprocess.DEVNULL if quiet else None
    words = [str(word) for word in command]
    return subprocess.run(words, cwd=cwd, env=environment(), stdout=sink, stderr=sink, check=False).returncode


def hand_over(*words: str) -> int:
    """Become the Python of .venv, so that signals reach the product itself."""
    if os.name != "nt":
        sys.stdout.flush()
        os.execve(PYTHON, [str(PYTHON), *words], environment())  # noqa: S606 - no shell is wanted
    return run(PYTHON, *words)


@contextlib.contextmanager
def only_one() -> Iterator[None]:
    """Let a second installation in the same checkout wait for the first."""
    if sys.platform == "win32":
        yield
        return
    held = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def say(line: str) -> None:
    """Print one line for one step."""
    print(f"bootstrap: {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
