"""Fixtures of the tests of `zcf`."""

from pathlib import Path

import pytest

from tests.zcf.works import Works


@pytest.fixture
def works(tmp_path: Path) -> Works:
    """An honest folder."""
    return Works(tmp_path).run()
