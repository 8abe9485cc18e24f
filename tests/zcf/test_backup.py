"""zcf backup and restore: whole while the store is written, refused while it is in use, damage changes nothing."""

import tarfile
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner

from collector.fields import Span
from collector.refusal import Learned
from collector.replanning import load_known, save_known
from metering.store.readings_reader import ReadingsReader
from tests.metering.store.works import accounted, commit, made
from zcf.__main__ import app

SITE = "site: {id: works, timezone: Asia/Shanghai}\nstore: {path: store}\n"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(SITE)
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "own.yaml").write_text("id: own\n")
    return path


def run(*words: object) -> object:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_k14_a_backup_of_a_running_store_is_whole_and_comes_back_the_same(site: Path, tmp_path: Path) -> None:
    writer, stop = made(tmp_path / "store", 1000), threading.Event()

    def go_on() -> None:
        tick = 1000
        while not stop.is_set():
            commit(writer, 1, tick, 10)
            tick += 10

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        done = run("backup", site, tmp_path / "b.tar.gz")
    finally:
        stop.set()
        thread.join()
    writer.close()
    assert done.exit_code == 0, done.output
    back = tmp_path / "elsewhere"
    (tmp_path / "elsewhere.yaml").write_text(SITE.replace("path: store", f"path: {back}"))
    assert run("restore", tmp_path / "elsewhere.yaml", tmp_path / "b.tar.gz").exit_code == 0
    held = accounted(back)
    assert held["meter"] == held["sky"] >= 1000
    there = ReadingsReader(tmp_path / "store").polls_since(0, 10**6)
    assert ReadingsReader(back).polls_since(0, 10**6) == there[: len(ReadingsReader(back).polls_since(0, 10**6))]
    with tarfile.open(tmp_path / "b.tar.gz") as archive:
        names = set(archive.getnames())
    assert {"./etc/site.yaml", "./etc/profiles/own.yaml", "./store/readings/readings.db", "./SHA256SUMS"} <= names


def test_what_devices_refuse_and_who_changed_what_come_back_too(site: Path, tmp_path: Path) -> None:
    made(tmp_path / "store", 10).close()
    learned = Learned("maker-model", "0" * 64, "", ("m1",), ((3, 40),), (Span(3, 44, 46),))
    save_known(tmp_path / "store" / "readings", [learned])
    (tmp_path / "store" / "entries").mkdir(exist_ok=True)
    (tmp_path / "store" / "entries" / "audit.jsonl").write_text('{"n": 1}\n{"n": 2}\n{"n":')  # being written
    assert run("backup", site, tmp_path / "b.tar.gz").exit_code == 0
    back = tmp_path / "elsewhere"
    (tmp_path / "elsewhere.yaml").write_text(SITE.replace("path: store", f"path: {back}"))
    assert run("restore", tmp_path / "elsewhere.yaml", tmp_path / "b.tar.gz").exit_code == 0
    assert load_known(back / "readings") == (learned,)
    assert (back / "entries" / "audit.jsonl").read_text() == '{"n": 1}\n{"n": 2}\n'


def test_what_was_there_is_kept_and_a_store_in_use_is_refused(site: Path, tmp_path: Path) -> None:
    made(tmp_path / "store", 100).close()
    run("backup", site, tmp_path / "b.tar.gz")
    writer = made(tmp_path / "other", 10)
    writer.close()
    (tmp_path / "other").rename(tmp_path / "moved")
    writer = made(tmp_path / "store2", 10)
    (tmp_path / "two.yaml").write_text(SITE.replace("path: store", "path: store2"))
    refused = run("restore", tmp_path / "two.yaml", tmp_path / "b.tar.gz")
    assert refused.exit_code == 1
    assert "stop it first" in str(refused.exception)
    writer.close()
    assert run("restore", tmp_path / "two.yaml", tmp_path / "b.tar.gz").exit_code == 0
    [aside] = tmp_path.glob("store2.before-*")
    assert accounted(aside) == {"meter": 10, "sky": 10}
    assert accounted(tmp_path / "store2") == {"meter": 100, "sky": 100}


@pytest.mark.parametrize("damage", ["cut", "flip", "foreign"])
def test_a_damaged_archive_changes_nothing(site: Path, tmp_path: Path, damage: str) -> None:
    made(tmp_path / "store", 100).close()
    run("backup", site, tmp_path / "b.tar.gz")
    content = bytearray((tmp_path / "b.tar.gz").read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 0xFF
    broken = {"cut": content[: len(content) // 2], "flip": content, "foreign": b"hello"}[damage]
    (tmp_path / "b.tar.gz").write_bytes(broken)
    refused = run("restore", site, tmp_path / "b.tar.gz")
    assert refused.exit_code == 1
    assert accounted(tmp_path / "store") == {"meter": 100, "sky": 100}
    assert list(tmp_path.glob("store.before-*")) == []


def test_an_archive_that_is_there_is_not_overwritten(site: Path, tmp_path: Path) -> None:
    made(tmp_path / "store", 10).close()
    (tmp_path / "b.tar.gz").write_bytes(b"mine")
    assert run("backup", site, tmp_path / "b.tar.gz").exit_code == 1
    assert (tmp_path / "b.tar.gz").read_bytes() == b"mine"
