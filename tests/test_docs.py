"""What the documents say is so: every command in them is run, every file they name exists, references are generated."""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main

from zcf import sitereference
from zcf.__main__ import app

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("README*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/how-to/*.md")])
IDS = [page.relative_to(ROOT).as_posix() for page in PAGES]
FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
ELSEWHERE = re.compile(r"<!-- run by (?P<tests>[\w/., ]+) -->")
NEVER = re.compile(r"<!-- not run: (?P<why>[^>]+) -->")
SOMEBODYS = re.compile(r"\b192\.168\.1\.")  # a page shows a factory's addresses; a test calls none but its own computer
STAYS = {"run", "collect", "serve"}  # these go on until they are stopped
COMMANDS = ("zcf ", "python3 ", "sudo ", "docker ", "cd ", "influx ", "export ", "ZCF_")


@dataclass(frozen=True)
class Block:
    """One fenced block and the two lines in front of it."""

    before: str
    language: str
    text: str

    @property
    def file(self) -> str:
        """The file it shows, named in brackets at the end of the line before: `... (`site.yaml`):`."""
        found = re.search(r"[(（]`([\w./-]+)`[)）][:：]\s*$", self.before)
        return found[1] if found else ""

    @property
    def commands(self) -> list[list[str]]:
        """Its command lines, without comments; continued lines are one."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [words for line in lines if (words := shlex.split(line, comments=True))]


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in FENCE.finditer(text):
        lines = [line for line in text[: found.start()].splitlines() if line.strip()]
        yield Block("\n".join(lines[-2:]), found["language"], found["text"])


def elsewhere(block: Block) -> list[Path]:
    """The tests that run a block that needs more than this machine's temp folder."""
    found = ELSEWHERE.search(block.before)
    return [ROOT / name.strip() for name in found["tests"].split(",")] if found else []


# The READMEs show the demo at work, which takes a minute each.
RUN = [pytest.param(page, marks=[pytest.mark.long] if page.name.startswith("README") else []) for page in PAGES]


@pytest.mark.parametrize("page", RUN, ids=IDS)
def test_every_command_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    for block in blocks(page):
        if block.file:
            (tmp_path / block.file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / block.file).write_text(SOMEBODYS.sub("127.0.0.", block.text), encoding="utf-8")
        if block.language == "sh" and not elsewhere(block) and not NEVER.search(block.before):
            for words in block.commands:
                run(words, tmp_path)


def run(words: list[str], folder: Path) -> None:
    """One command as a user would give it, in a folder of its own; one that stays is stopped once it is ready."""
    assert words[0] == "zcf", f"only `zcf` runs here: mark the block with the test that runs {words}"
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": paths, "ZCF_STORE": str(folder / "store"), "COLUMNS": "120"}
    call = [sys.executable, "-P", "-m", *words]
    with subprocess.Popen(call, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        if words[1] in STAYS:
            assert b'"ready": true' in (child.stdout.readline() if child.stdout else b"")
            child.send_signal(signal.SIGTERM)
        out, errors = child.communicate(timeout=900)
    assert child.returncode == 0, f"{words}: {child.returncode}\n{out.decode()[-1000:]}\n{errors.decode()[-2000:]}"


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_a_block_of_commands_is_run_here_or_says_where(page: Path) -> None:
    for block in blocks(page):
        starts = block.text.lstrip().startswith(COMMANDS)
        known = block.language == "sh" or elsewhere(block) or NEVER.search(block.before)
        assert known or not starts or block.language, f"{page.name}: {block.text[:80]!r} is run by nothing"
        tests = elsewhere(block)
        assert [test for test in tests if not test.is_file()] == []
        said = {word for test in tests for word in re.findall(r"\w+", test.read_text(encoding="utf-8"))}
        assert not tests or {words[1] for words in block.commands if words[0] == "zcf"} <= said


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_no_command_stands_in_a_block_that_nothing_looks_at(page: Path) -> None:
    outside = FENCE.sub("", page.read_text(encoding="utf-8"))
    assert re.findall(rf"^(?:    |\t)(?:{'|'.join(map(re.escape, COMMANDS))}|\.venv/).*", outside, re.MULTILINE) == []


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_command_that_is_named_exists_with_its_options(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    lines = [words for block in blocks(page) if block.language in {"sh", ""} for words in block.commands]
    lines += [shlex.split(told) for told in re.findall(r"`(zcf [^`]+)`", FENCE.sub("", text))]
    assert [(words, missing) for words in lines if words[0] == "zcf" and (missing := unknown(words[1:]))] == []


@cache
def program() -> Any:
    """`zcf` as its words are read."""
    return typer.main.get_command(app)


def unknown(words: list[str]) -> list[str]:
    """Which of a command's own words and options there are not; names of files and ids are the reader's."""
    command: Any = program()
    while words and hasattr(command, "commands") and not words[0].startswith("--"):
        words = words[sum(one.param_type_name == "argument" for one in command.params) :]  # such as its site file
        if not words or words[0] not in command.commands:
            return words[:1]
        command, words = command.commands[words[0]], words[1:]
    known = {option for one in command.params for option in (*one.opts, *one.secondary_opts)} | {"--help"}
    return [word for word in words if word.startswith("--") and word.partition("=")[0] not in known]


def test_what_is_never_run_is_known() -> None:
    why = {found["why"] for page in PAGES for block in blocks(page) if (found := NEVER.search(block.before))}
    assert why <= {"needs an InfluxDB 2", "needs root and systemd", "needs Docker"}


def test_every_test_that_a_page_names_exists() -> None:
    named = {name for page in PAGES for name in re.findall(r"`(test_\w+)`", page.read_text(encoding="utf-8"))}
    code = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("test_*.py"))
    known = set(re.findall(r"def (test_\w+)\(", code))
    assert len(named) > 30
    assert named - known == set()


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_file_a_page_links_to_exists(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    linked = {link.partition("#")[0] for link in re.findall(r"\]\((?!https?:)([^)#]+[^)]*)\)", text)}
    assert [link for link in linked if not (page.parent / link).exists()] == []


def test_the_reference_of_the_site_file_is_the_generated_one() -> None:
    assert sitereference.PAGE.read_text(encoding="utf-8") == sitereference.page(), "run: python -m zcf.sitereference"


def test_the_reference_names_every_key_of_the_example() -> None:
    rows = set(re.findall(r"^\| `(\w+)`", sitereference.page(), re.MULTILINE))
    text = (ROOT / "deploy/example/site.yaml").read_text(encoding="utf-8")
    top = set(re.findall(r"^(\w+):", text, re.MULTILINE))
    assert top <= rows


def test_the_picture_is_small_enough_for_a_first_screen() -> None:
    assert (ROOT / "docs/images/page.png").stat().st_size < 400_000
