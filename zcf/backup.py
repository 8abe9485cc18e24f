"""A site in one file: its store, copied by SQLite's own online backup while it is written, site file and profiles.

The same archive as deploy/install.sh makes: store/, etc/ and SHA256SUMS in a .tar.gz; no secrets.
"""

import contextlib
import hashlib
import os
import shutil
import sqlite3
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from metering.sitefile import SiteConfig
from metering.store import StoreError
from metering.store.sqlite import holder, is_locked

FOLDERS: Final = ("readings", "results", "entries")
# what devices refuse, and which they are; who changed what
BESIDE: Final = ("readings/refused.json", "readings/nameplates.json", "entries/audit*.jsonl")
SUMS: Final = "SHA256SUMS"


def backup(config: SiteConfig, file: Path) -> int:
    """Copy store, site file and profiles into a new archive; its size [bytes]. The services may run."""
    if file.exists():
        raise StoreError(f"{file} is there already")
    with _workroom(file.absolute().parent) as work:
        for source in sorted(config.store_dir.glob("*/*.db")):
            if source.parent.name in FOLDERS:
                _copy(source, work / "store" / source.parent.name / source.name)
        for beside in (path for pattern in BESIDE for path in sorted(config.store_dir.glob(pattern))):
            _copy_lines(beside, work / "store" / beside.parent.name / beside.name)
        (work / "etc").mkdir()
        shutil.copy(config.path, work / "etc" / "site.yaml")
        if (profiles := config.path.parent / "profiles").is_dir():
            shutil.copytree(profiles, work / "etc" / "profiles")
        (work / SUMS).write_text("".join(_sums(work)), encoding="utf-8")
        packed = file.with_name(f"{file.name}.new")
        with tarfile.open(packed, "w:gz", compresslevel=1) as archive:
            archive.add(work, ".")
        packed.chmod(0o640)
        packed.replace(file)
    return file.stat().st_size


def restore(file: Path, store: Path) -> Path | None:
    """Put the store of an archive in place; what was there is kept beside, and where. The services must be stopped."""
    for folder in FOLDERS:
        if is_locked(lock := store / folder / "writer.lock"):
            raise StoreError(f"{store / folder} is being written by {holder(lock)}; stop it first")
    store.absolute().parent.mkdir(parents=True, exist_ok=True)
    with _workroom(store.absolute().parent) as work:
        _unpack(file, work)
        if not (work / "store").is_dir():
            raise StoreError(f"{file} holds no store")
        aside = None
        if store.exists():
            now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
            aside = store.with_name(f"{store.name}.before-{now}-{os.getpid()}")
            store.rename(aside)
        shutil.move(work / "store", store)
        _rights(store)
    return aside


@contextlib.contextmanager
def _workroom(beside: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=".zcf-", dir=beside) as name:
        yield Path(name)


def _copy(source: Path, copy: Path) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    old, new = sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True), sqlite3.connect(copy)
    try:
        old.backup(new)
        [(answer,)] = new.execute("PRAGMA integrity_check(1)").fetchall()
    except sqlite3.Error as error:
        raise StoreError(f"cannot copy {source}: {error}") from error
    finally:
        old.close()
        new.close()
    if answer != "ok":
        raise StoreError(f"{source} is damaged: {answer}")


def _copy_lines(source: Path, copy: Path) -> None:
    """A line that is just being written is left out."""
    copy.parent.mkdir(parents=True, exist_ok=True)
    content = source.read_bytes()
    whole = content.rfind(b"\n") + 1 if source.suffix == ".jsonl" else len(content)
    copy.write_bytes(content[:whole])


def _sums(work: Path) -> Iterator[str]:
    for path in sorted(work.rglob("*")):
        if path.is_file():
            with path.open("rb") as content:
                yield f"{hashlib.file_digest(content, 'sha256').hexdigest()}  {path.relative_to(work)}\n"


def _unpack(file: Path, work: Path) -> None:
    try:
        with tarfile.open(file, "r:gz") as archive:
            archive.extractall(work, filter="data")
        promised = (work / SUMS).read_text(encoding="utf-8")
    except (OSError, EOFError, tarfile.TarError) as error:
        raise StoreError(f"{file} cannot be unpacked: {error}; nothing was changed") from error
    (work / SUMS).unlink()
    if set(promised.splitlines(keepends=True)) != set(_sums(work)):
        raise StoreError(f"{file} is damaged: its sums are not those of its contents; nothing was changed")


def _rights(store: Path) -> None:
    store.chmod(0o750)
    for path in store.rglob("*"):
        path.chmod(0o750 if path.is_dir() else 0o640)
