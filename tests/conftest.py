"""Options and helpers for every test: --long, and programs of the operating system that a test needs."""

import os
import shutil
from collections.abc import Iterator, Sequence

import pytest
import structlog

# The Debian package that brings each program, for the message that says how to get it.
PACKAGES = {
    "mosquitto_pub": "mosquitto-clients", "mosquitto_sub": "mosquitto-clients", "mosquitto_passwd": "mosquitto",
    "influxd": "influxdb", "systemd-analyze": "systemd",
}  # fmt: skip
SYSTEM_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])


def require(program: str) -> str:
    """Return the program's path; where it is missing a user's run skips and says why, a run under CI=true fails."""
    path = shutil.which(program, path=SYSTEM_PATH)
    if path is not None:
        return path
    reason = f"needs the program {program}; on Debian: apt install {PACKAGES.get(program, program)}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def needs_program(program: str) -> pytest.MarkDecorator:
    """Mark a test as needing the program: `@needs_program("mosquitto")`."""
    return pytest.mark.needs_program(program)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --long."""
    parser.addoption("--long", action="store_true", help="run also the tests that take minutes")


def pytest_collection_modifyitems(config: pytest.Config, items: Sequence[pytest.Item]) -> None:
    """Skip the long tests unless --long is given."""
    if config.getoption("--long"):
        return
    skip = pytest.mark.skip(reason="takes minutes: run with --long")
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(skip)


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """A command called in a test logs to that test's stderr; whoever logs after it would write to a closed file."""
    yield
    structlog.reset_defaults()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Look for the programs that a test is marked to need."""
    for mark in item.iter_markers("needs_program"):
        for program in mark.args:
            require(program)
