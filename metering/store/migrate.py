"""A store of an older format is brought up to date in a copy, which takes the place of the old one when it is whole."""

import os
import shutil
import sqlite3
from collections.abc import Mapping
from pathlib import Path

from metering.failpoint import failpoint
from metering.store import StoreError


def migrated(path: Path, version: int, migrations: Mapping[int, str]) -> None:
    """Bring a file to this version; nothing to do where there is none, or one that is new enough.

    The old file is kept as NAME.formatN until the first start with the new one has found it sound.
    """
    found = _version(path)
    if not 0 < found < version:
        _forget_older(path, found == version)
        return
    missing = [step for step in range(found, version) if step not in migrations]
    if missing:
        raise StoreError(f"{path} is of format {found}, and this program cannot bring it to {version}")
    copy = path.with_name(f"{path.name}.migrating")
    _copy(path, copy)
    failpoint("migrate-copied")
    _apply(copy, version, [migrations[step] for step in range(found, version)])
    kept = path.with_name(f"{path.name}.format{found}")
    kept.unlink(missing_ok=True)
    os.link(path, kept)
    copy.replace(path)
    _sync(path.parent)
    failpoint("migrate-swapped")


def _version(path: Path) -> int:
    """The format of a file, by its header (SQLite file format 1.3.12, user version); 0 where there is none yet."""
    if not path.exists():
        return 0
    with path.open("rb") as file:
        header = file.read(100)
    wal = path.with_name(path.name + "-wal")
    if len(header) < 100 or not header.startswith(b"SQLite format 3\0") or (wal.exists() and wal.stat().st_size):
        return _asked(path) if header.startswith(b"SQLite format 3\0") else 0
    return int.from_bytes(header[60:64], "big")


def _asked(path: Path) -> int:
    """The same where the newest header may lie in the -wal."""
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])
    finally:
        connection.close()


def _copy(path: Path, copy: Path) -> None:
    free = shutil.disk_usage(path.parent).free
    if free < 1.2 * path.stat().st_size:
        needed = 1.2 * path.stat().st_size / 2**20
        raise StoreError(f"{path} needs {needed:.0f} MiB free to be brought to this program's format: it is as it was")
    copy.unlink(missing_ok=True)
    source, target = sqlite3.connect(path), sqlite3.connect(copy)
    try:
        source.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        source.backup(target)
    finally:
        source.close()
        target.close()


def _apply(copy: Path, version: int, scripts: list[str]) -> None:
    connection = sqlite3.connect(copy, isolation_level=None)
    try:
        for script in scripts:
            connection.executescript(f"BEGIN;{script};COMMIT")
        connection.execute(f"PRAGMA user_version={int(version)}")
        [(answer,)] = connection.execute("PRAGMA quick_check(1)").fetchall()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()
    if answer != "ok":
        raise StoreError(f"{copy} is not sound after the migration: {answer}; the old file is as it was")
    _sync(copy)


def _forget_older(path: Path, sound: bool) -> None:  # noqa: FBT001 - one caller
    if sound:
        for old in path.parent.glob(f"{path.name}.format*"):
            old.unlink()


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
