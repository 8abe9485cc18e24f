"""install.sh below a folder of its own: no users, services or packages; releases, backup and restore are real."""

import os
import random
import subprocess
import tarfile
from pathlib import Path

import pytest

from metering.store.readings_reader import ReadingsReader
from tests.harness.sample import sampled

ROOT = Path(__file__).resolve().parents[2]


def installing(root: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    line = ["bash", str(ROOT / "deploy" / "install.sh"), *words]
    return subprocess.run(line, env=os.environ | {"ZCF_ROOT": str(root)}, capture_output=True, text=True, check=False)


def done(root: Path, *words: str) -> str:
    answer = installing(root, *words)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


@pytest.fixture
def root(tmp_path: Path) -> Path:
    found = tmp_path / "gateway"
    done(found, "install")
    return found


def test_an_install_has_its_folders_units_and_a_release(root: Path):
    current = root / "opt" / "zcf" / "current"
    assert (current / "deploy" / "bootstrap.py").exists()
    assert not (current / ".git").exists()
    assert not (current / ".venv").exists()
    units = root / "etc" / "systemd" / "system"
    assert {file.name for file in units.iterdir()} == {"zcf-collector.service", "zcf-analytics.service"}
    modes = {"var/lib/zcf": 0o750, "var/lib/zcf/readings": 0o750, "etc/zcf": 0o750, "etc/zcf/secrets": 0o700}
    assert {name: (root / name).stat().st_mode & 0o777 for name in modes} == modes


def test_an_upgrade_switches_and_a_rollback_switches_back(root: Path):
    current = root / "opt" / "zcf" / "current"
    first = current.readlink()
    (root / "etc" / "zcf" / "secrets" / "influx_token").write_text("t")
    done(root, "upgrade", "--edge")
    second = current.readlink()
    assert second != first
    assert (root / "etc" / "systemd" / "system" / "zcf-collector.service.d" / "forward.conf").exists()
    done(root, "rollback")
    assert current.readlink() == first
    done(root, "rollback")
    assert current.readlink() == second


def test_a_backup_of_a_store_being_written_comes_back_whole(root: Path):
    store, etc = root / "var" / "lib" / "zcf", root / "etc" / "zcf"
    (etc / "site.yaml").write_text("site: one\n")
    (etc / "secrets" / "influx_token").write_text("secret\n")
    sample = sampled(store, seed=random.randrange(10**6))
    (store / "readings" / "refused.json").write_text("[]")
    kept = root / "kept.tar.gz"
    done(root, "backup", str(kept))  # the writer is still open
    before = {key: reading.value for key, reading in ReadingsReader(store).latest().items()}
    with tarfile.open(kept) as archive:
        assert not [name for name in archive.getnames() if "influx_token" in name]
    sample.add(40, whole=True)
    sample.writer.close()
    (etc / "site.yaml").write_text("site: two\n")
    told = done(root, "restore", str(kept))
    assert {key: reading.value for key, reading in ReadingsReader(store).latest().items()} == before
    assert (store / "readings" / "refused.json").read_text() == "[]"
    assert (etc / "site.yaml").read_text() == "site: one\n"
    assert (etc / "secrets" / "influx_token").read_text() == "secret\n"
    aside = Path(told.strip().rsplit(" ", 1)[1])
    assert (aside / "readings" / "readings.db").exists()
    assert (aside / "etc" / "site.yaml").read_text() == "site: two\n"


def test_a_damaged_backup_changes_nothing(root: Path, tmp_path: Path):
    sampled(root / "var" / "lib" / "zcf", seed=5).writer.close()
    kept = tmp_path / "kept.tar.gz"
    done(root, "backup", str(kept))
    assert installing(root, "backup", str(kept)).returncode == 1  # never over another one
    inside = tmp_path / "inside"
    with tarfile.open(kept) as archive:
        archive.extractall(inside, filter="data")
    with (inside / "store" / "readings" / "readings.db").open("r+b") as file:
        file.seek(5000)
        file.write(b"rot")
    with tarfile.open(kept, "w:gz") as archive:
        archive.add(inside, ".")
    before = ReadingsReader(root / "var" / "lib" / "zcf").latest()
    answer = installing(root, "restore", str(kept))
    assert (answer.returncode, "damaged" in answer.stderr) == (1, True)
    assert ReadingsReader(root / "var" / "lib" / "zcf").latest() == before


def test_wrong_words_are_told(tmp_path: Path):
    assert installing(tmp_path, "instal").returncode == 1
    assert installing(tmp_path, "install", "--all").returncode == 1
    assert installing(tmp_path, "rollback").returncode == 1
    assert "backup FILE" in done(tmp_path, "help")
