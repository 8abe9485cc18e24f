"""`zcf evidence` as it is typed: declared with a file's hash, in the verdict, expired, undone, held against files."""

from pathlib import Path
from typing import Any

import pytest

from tests.analytics.month_works import MonthWorks
from tests.zcf.typed import run, told
from zcf.evidencing import sha256_of

BY = ("--who", "eva", "--why", "a test")
STANDARD = ("--standard", "cn_jiangsu_2026")
DAY_MS = 86_400_000


@pytest.fixture
def paper(tmp_path: Path) -> Path:
    path = tmp_path / "papers" / "title.pdf"
    path.parent.mkdir()
    path.write_bytes(b"green factory, provincial")
    return path


def first_gate(month: MonthWorks) -> dict[str, Any]:
    [gate] = [v for v in told("score", month.path, *STANDARD)["verdicts"] if v["id"] == "JS-1"]
    return gate


def declare(month: MonthWorks, paper: Path, *more: object) -> tuple[object, ...]:
    key = ("--key", "green_factory_title", "--value", "yes")
    return ("evidence", month.path, "declare", *key, "--document", paper, *BY, *more)


def test_a_declared_document_makes_its_criterion_met_until_it_expires(month: MonthWorks, paper: Path) -> None:
    assert first_gate(month)["outcome"] == "UNDETERMINED"
    today = month.service().period("today").start.astimezone(month.service().config.zone).date()
    kept = told(*declare(month, paper, "--expires", today.replace(year=today.year + 1)))["entry"]
    gate = first_gate(month)
    assert gate["outcome"] == "MET"
    assert (gate["proof"]["sha256"], gate["proof"]["entry"]) == (sha256_of(paper), kept["id"])
    month.now += 400 * DAY_MS
    late = first_gate(month)
    assert late["outcome"] == "UNDETERMINED"
    assert "expired" in late["reason"]["en"]


def test_a_dry_run_enters_nothing_and_an_undone_entry_proves_nothing(month: MonthWorks, paper: Path) -> None:
    assert told(*declare(month, paper, "--dry-run"))["written"] is False
    assert first_gate(month)["outcome"] == "UNDETERMINED"
    kept = told(*declare(month, paper))["entry"]["id"]
    run("correct", month.path, "undo", "--entry", kept, *BY)
    assert first_gate(month)["outcome"] == "UNDETERMINED"


def test_every_fault_is_said_at_once(month: MonthWorks, tmp_path: Path) -> None:
    words = ("--key", "green_factory_titel", "--value", "perhaps", "--document", tmp_path / "none.pdf")
    said = run("evidence", month.path, "declare", *words, "--expires", "2020-01-01", "--who", " ", "--why", "x", code=2)
    for word in ("--key", "green_factory_title", "--value", "--document", "--expires", "--who"):
        assert word in said


def test_an_altered_document_is_found(month: MonthWorks, paper: Path) -> None:
    kept = told(*declare(month, paper))["entry"]["id"]
    assert told("evidence", month.path, "check", paper.parent)[kept] == "found"
    paper.write_bytes(b"green factory, national")
    assert f"altered        {kept}" in run("evidence", month.path, "check", paper.parent, code=1)
    paper.unlink()
    assert f"missing        {kept}" in run("evidence", month.path, "check", paper.parent, code=1)


def test_the_list_says_what_holds_and_the_keys_what_is_asked(month: MonthWorks, paper: Path) -> None:
    run(*declare(month, paper, "--from", "2100-01-01"))
    rows = {row["key"]: row for row in told("evidence", month.path, "list")["evidence"]}
    assert rows["green_factory_title"]["state"] == "not yet"
    assert "compliance_three_years" in run("evidence", month.path, "keys")
