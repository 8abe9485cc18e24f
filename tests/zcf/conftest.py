"""Fixtures of the tests of `zcf`."""

from pathlib import Path

import pytest

from tests.analytics.month_works import MonthWorks
from tests.zcf.works import Works
from zcf import __main__ as program


@pytest.fixture
def works(tmp_path: Path) -> Works:
    """An honest folder."""
    return Works(tmp_path).run()


@pytest.fixture
def month(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MonthWorks:
    """A works with a month to close, which every command answers from, as of its own clock."""
    monkeypatch.delenv("ZCF_STORE", raising=False)
    made = MonthWorks(tmp_path).full().settle()
    for room in vars(program).values():
        if hasattr(room, "_service"):
            monkeypatch.setattr(room, "_service", lambda _: made.service())
    return made
