"""`zcf evidence` as it is typed: declared with a file's hash, in the verdict, expired, undone, held against files."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.analytics.month_works import MonthWorks
from zcf.__main__ import app
from zcf.commands import answers, evidence, scoring
from zcf.evidencing import sha256_of

BY = ("--who", "eva", "--why", "a test")
STANDARD = ("--standard", "cn_jiangsu_2026")
DAY_MS = 86_400_000


@pytest.fixture
def works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MonthWorks:
    monkeypatch.delenv("ZCF_STORE", raising=False)
    made = MonthWorks(tmp_path).full().settle()
    for room in (answers, evidence, scoring):
        monkeypatch.setattr(room, "_service", lambda _: made.service())
    return made


@pytest.fixture
def paper(tmp_path: Path) -> Path:
    path = tmp_path / "papers" / "title.pdf"
    path.parent.mkdir()
    path.write_bytes(b"green factory, provincial")
    return path


def run(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == code, result.output
    return result.output


def told(*words: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(*words, "--json"))
    return found


def first_gate(works: MonthWorks) -> dict[str, Any]:
    [gate] = [v for v in told("score", works.path, *STANDARD)["verdicts"] if v["id"] == "JS-1"]
    return gate


def declare(works: MonthWorks, paper: Path, *more: object) -> tuple[object, ...]:
    key = ("--key", "green_factory_title", "--value", "yes")
    return ("evidence", works.path, "declare", *key, "--document", paper, *BY, *more)


def test_a_declared_document_makes_its_criterion_met_until_it_expires(works: MonthWorks, paper: Path) -> None:
    assert first_gate(works)["outcome"] == "UNDETERMINED"
    today = works.service().period("today").start.astimezone(works.service().config.zone).date()
    kept = told(*declare(works, paper, "--expires", today.replace(year=today.year + 1)))["entry"]
    gate = first_gate(works)
    assert gate["outcome"] == "MET"
    assert (gate["proof"]["sha256"], gate["proof"]["entry"]) == (sha256_of(paper), kept["id"])
    works.now += 400 * DAY_MS
    late = first_gate(works)
    assert late["outcome"] == "UNDETERMINED"
    assert "expired" in late["reason"]["en"]


def test_a_dry_run_enters_nothing_and_an_undone_entry_proves_nothing(works: MonthWorks, paper: Path) -> None:
    assert told(*declare(works, paper, "--dry-run"))["written"] is False
    assert first_gate(works)["outcome"] == "UNDETERMINED"
    kept = told(*declare(works, paper))["entry"]["id"]
    run("correct", works.path, "undo", "--entry", kept, *BY)
    assert first_gate(works)["outcome"] == "UNDETERMINED"


def test_every_fault_is_said_at_once(works: MonthWorks, tmp_path: Path) -> None:
    words = ("--key", "green_factory_titel", "--value", "perhaps", "--document", tmp_path / "none.pdf")
    said = run("evidence", works.path, "declare", *words, "--expires", "2020-01-01", "--who", " ", "--why", "x", code=2)
    for word in ("--key", "green_factory_title", "--value", "--document", "--expires", "--who"):
        assert word in said


def test_an_altered_document_is_found(works: MonthWorks, paper: Path) -> None:
    kept = told(*declare(works, paper))["entry"]["id"]
    assert told("evidence", works.path, "check", paper.parent)[kept] == "found"
    paper.write_bytes(b"green factory, national")
    assert f"altered        {kept}" in run("evidence", works.path, "check", paper.parent, code=1)
    paper.unlink()
    assert f"missing        {kept}" in run("evidence", works.path, "check", paper.parent, code=1)


def test_the_list_says_what_holds_and_the_keys_what_is_asked(works: MonthWorks, paper: Path) -> None:
    run(*declare(works, paper, "--from", "2100-01-01"))
    rows = {row["key"]: row for row in told("evidence", works.path, "list")["evidence"]}
    assert rows["green_factory_title"]["state"] == "not yet"
    assert "compliance_three_years" in run("evidence", works.path, "keys")
