"""How our SQLite files are opened: one locked writer a folder, and readers that never disturb it."""

import fcntl
import json
import os
import sqlite3
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from metering.store import StoreError, StoreLockedError

T = TypeVar("T")

_FLOCK = struct.Struct("hhqqi4x")  # struct flock of 64-bit Linux: type, whence, start, len, pid
_CHANGE_COUNTER = slice(24, 28)  # SQLite file format 1.3.7
_TRIES = 40


class WriterLock:
    """The right to write one owner's folder: an open-file-description lock, with the holder's name in the file.

    An OFD lock, unlike a POSIX one, is not dropped when some other code of this process closes the same file.
    """

    def __init__(self, folder: Path, owner: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o750)
        self.path = folder / "writer.lock"
        self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.fcntl(self._fd, fcntl.F_OFD_SETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        except OSError:
            os.close(self._fd)
            raise StoreLockedError(f"{folder} is being written by {holder(self.path)}; stop it first") from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, json.dumps({"owner": owner, "pid": os.getpid()}).encode(), 0)

    def release(self) -> None:
        """Give the folder free."""
        os.close(self._fd)


def holder(lock: Path) -> str:
    """Who holds a writer lock, in words."""
    try:
        found = json.loads(lock.read_text())
        return f"{found['owner']} (pid {found['pid']})"
    except (OSError, ValueError, KeyError):
        return "another process"


def is_locked(lock: Path) -> bool:
    """Does some process hold the writer lock? Asked with F_GETLK, never by taking it."""
    try:
        fd = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        answer = fcntl.fcntl(fd, fcntl.F_OFD_GETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        return bool(_FLOCK.unpack(answer)[0] != fcntl.F_UNLCK)
    finally:
        os.close(fd)


def open_writer(path: Path, schema: str, version: int) -> sqlite3.Connection:
    """The one writing connection of a file: WAL, synchronous=FULL; makes the file where there is none."""
    before = os.umask(0o027)
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        _prepare(connection, path, schema, version)
    except sqlite3.Error as error:
        raise StoreError(f"cannot open {path}: {error}") from error
    finally:
        os.umask(before)
    return connection


def _prepare(connection: sqlite3.Connection, path: Path, schema: str, version: int) -> None:
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if found > version:
        connection.close()
        raise StoreError(f"{path} was written by a newer program (format {found}, this one knows {version})")
    if found < version:
        connection.executescript(f"BEGIN;{schema};PRAGMA user_version={version};COMMIT")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All or nothing; an error rolls back and becomes a StoreError."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise StoreError(f"cannot write the store: {error}") from error


def snapshot(path: Path, work: Callable[[sqlite3.Connection], T]) -> T | None:
    """Run `work` on one consistent read-only view of a file; None where the file does not exist yet.

    With a writer at work (or a -wal left by a killed one) the file is read through the WAL. Without either it is
    opened immutable, and the result counts only if meanwhile nobody began to write.
    """
    for _ in range(_TRIES):
        if not path.exists():
            return None
        if _is_quiet(path):
            before = _change_counter(path)
            result = _run(path, "mode=ro&immutable=1", work)
            if _is_quiet(path) and _change_counter(path) == before:
                return result
            continue
        try:
            return _run(path, "mode=ro", work)
        except sqlite3.OperationalError:  # the writer stopped or started just now
            time.sleep(0.025)
    raise StoreError(f"cannot get a stable view of {path}")


def _run(path: Path, options: str, work: Callable[[sqlite3.Connection], T]) -> T:
    connection = sqlite3.connect(f"file:{path.absolute()}?{options}", uri=True, isolation_level=None, timeout=5)
    try:
        connection.execute("BEGIN")
        return work(connection)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        raise StoreError(f"cannot read {path}: {error}") from error
    finally:
        connection.close()


def _is_quiet(path: Path) -> bool:
    return not path.with_name(path.name + "-wal").exists() and not is_locked(path.parent / "writer.lock")


def _change_counter(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(100)[_CHANGE_COUNTER]
