"""One browser, and one service of the made-up works behind it, for all tests of a file."""

from collections.abc import Iterator

import pytest

from tests.analytics.browser import Browser
from tests.analytics.stage import Stage
from tests.conftest import require


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser(require("chromium")) as browser:
        yield browser
